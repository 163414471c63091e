"""What reading a NIR graph is made of: its linear maps, what comes of it, and what NIR leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.models.nir import images
from gradcert.models.nir.neurons import real
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Conv2d, Network
from gradcert.reference.numbers import Array

CYCLE = "a cycle in the graph has no delay of its own: lateral spikes are those of the step before"
LOSS = "the graph has no loss"


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear map: a dense weight, or a convolution or pooling with its synapse; a bias per unit, or None."""

    weight: Any
    bias: Array | None = None
    synapse: Conv2d | AvgPool | None = None

    @classmethod
    def of(cls, node: Any, synapse: Conv2d | AvgPool | None) -> Linear:
        """Return what a node says; a convolution's bias of zeros is none."""
        if isinstance(synapse, AvgPool):
            return cls(None, None, synapse)
        weight = real(node, "weight")
        if weight.ndim != (2 if synapse is None else 4):
            raise GradcertError(
                f"a weight of shape {weight.shape} in a {type(node).__name__}", allowed="(outputs, inputs)"
            )
        bias = None
        if hasattr(node, "bias"):
            bias = real(node, "bias").ravel()
            if bias.size != weight.shape[0]:
                raise GradcertError(f"{bias.size} biases of {weight.shape[0]} outputs", allowed="as many")
        if synapse is not None:
            bias = images.unit_bias(bias, synapse) if bias is not None and bias.any() else None
        return cls(weight, bias, synapse)


@dataclass(frozen=True)
class Read:
    """What a graph says.

    Attributes
    ----------
    network, parameters : as everywhere.
    notes : what the graph does not say and was assumed.
    """

    network: Network
    parameters: Mapping[str, Array]
    notes: tuple[str, ...]
