"""PyTorch as reading asks for it (`gradcert.models.reading.framework.Framework`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.framework import Function, Puller
from gradcert.models.reading.pytorch.functions import find, slope_of
from gradcert.models.reading.pytorch.run import evaluate
from gradcert.models.reading.record import Node
from gradcert.models.reading.spikes import Found
from gradcert.reference.numbers import Array


class PyTorch:
    """Runs and differentiates nodes of a record with PyTorch."""

    sliced = torch.ops.aten.slice.Tensor

    def find(self, nodes: list[Node], moving: frozenset[int]) -> dict[int, Found]:
        """Return node -> spike."""
        return find(nodes, moving, self)

    def evaluate(
        self,
        nodes: list[Node],
        k: int,
        given: Mapping[int, Any],
        parameters: Mapping[str, Any] | None = None,
        lifted: frozenset[int] = frozenset(),
    ) -> Any:
        """Return the value of a node."""
        return evaluate(nodes, k, given, parameters, lifted)

    def constant(self, value: Array) -> Any:
        """Return a tensor."""
        return torch.from_numpy(np.array(value))

    def array(self, value: Any) -> Array:
        """Return a NumPy array."""
        found: Array = value.detach().cpu().numpy()
        return found

    def double(self, value: Any) -> Any:
        """Return a tensor in float64, on the CPU."""
        return value.detach().double().cpu()

    def spread(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Return a value broadcast to a shape, and made flat; axes before that have the same values in all samples."""
        while value.dim() > len(shape):
            value = value[0]
        return torch.broadcast_to(value, shape).reshape(-1)

    def alone(self, nodes: list[Node], k: int, root: int, offset: float) -> tuple[Function, Function]:
        """Return a node as a function of another one less an offset, and the derivative of that."""

        def values(x: Array) -> Array:
            return self.array(evaluate(nodes, k, {root: torch.from_numpy(np.array(x)) + offset}))

        return values, slope_of(lambda x: evaluate(nodes, k, {root: x + offset}))

    def puller(self, function: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Puller:
        """Return what takes gradients with respect to a function's results back to its parameters."""

        def pulled(parameters: Mapping[str, Any], gradients: Mapping[str, Array]) -> dict[str, Any]:
            own = {name: p.detach().double().requires_grad_() for name, p in parameters.items()}
            with torch.enable_grad():
                found = function(own)
            given = {name: torch.from_numpy(np.asarray(gradients[name], dtype="float64")) for name in found}
            live = [(value, given[name].reshape(value.shape)) for name, value in found.items() if value.requires_grad]
            got: Any = [None] * len(own)
            if live:
                got = torch.autograd.grad(
                    [v for v, _ in live], list(own.values()), [g for _, g in live], allow_unused=True
                )
            back = zip(own.items(), got, strict=True)
            return {name: g.detach() if g is not None else torch.zeros_like(p) for (name, p), g in back}

        return pulled


PYTORCH = PyTorch()
