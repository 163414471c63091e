"""From a reading to a network of the vocabulary: cells from equations, synapses, and where its parameters come from.

There are two. `full` has every edge, for the rows of the rule table; in `as_cut` nothing goes back where the user's
code cuts, so that BPTT of it is what the module's own backward gives. What is cut is a node of its own there, without
links and uses that lead into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradcert.models.reading.framework import Puller
from gradcert.models.reading.network.cutting import cut_and_uncut
from gradcert.models.reading.network.initial import initial_values
from gradcert.models.reading.network.layer import CellWriter, Source
from gradcert.models.reading.populations import X
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.record import owners
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Layer, Loss, Network
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Written:
    """A module as networks of the vocabulary.

    Attributes
    ----------
    reading : what they were written from.
    full, as_cut : the network with every edge; the one in which the user's cuts are cut, the same where there are none.
    sources : parameter of the networks -> where it comes from.
    initial : node values before the first step, where they are not zero.
    equations : of every layer, as `gradcert.models.equations.define` takes them.
    names : layer, as parameters' names have it -> node of the reading -> its name in the equations.
    spiking : of every layer, its spikes in the order of computation.
    rows : the rows of the table whose gradients the module's own are, once that was looked at.
    masks : layer, as parameters' names have it -> the node of the record that is drawn and masks what leaves it.
    """

    reading: Reading
    full: Network
    as_cut: Network
    sources: Mapping[str, Source]
    initial: Mapping[str, Array]
    equations: tuple[Mapping[str, str], ...]
    names: Mapping[str, Mapping[int, str]]
    spiking: tuple[tuple[int, ...], ...]
    rows: tuple[str, ...] = ()
    masks: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def acting(self) -> frozenset[str]:
        """The module's parameters that the networks' are made of: others act in no step."""
        nodes = self.reading.step.nodes
        return frozenset(name for source in self.sources.values() for name in owners(nodes, source.node))

    def initial_of(self, states: list[Any]) -> dict[str, Array]:
        """Return the node values before the first step that given states are, where they are not zero."""
        slots = list(self.reading.slots)
        for k, value in enumerate(states):
            slots[k] = (slots[k][0], self.reading.framework.double(value))
        return initial_values(self.reading, slots, self.names)

    def tensors(self, parameters: Mapping[str, Any], *, coded: bool = False) -> dict[str, Any]:
        """Return the networks' parameters as functions of the module's, tensors with a history.

        Parameters
        ----------
        parameters : name in the module -> tensor.
        coded : whether a parameter is cut where the user's code cuts it.
        """
        nodes, framework = self.reading.step.nodes, self.reading.framework
        lifted = frozenset[int]() if coded else self.reading.lifted
        out = {}
        for name, source in self.sources.items():
            value = framework.evaluate(nodes, source.node, {}, parameters, lifted)
            if source.spread is not None:
                value = framework.spread(value, source.spread)
            out[name] = value if source.sign > 0 else -value
        return out

    def arrays(self, parameters: Mapping[str, Any], dtype: str = "float64") -> dict[str, Array]:
        """Return the networks' parameters as NumPy arrays."""
        found, array = self.tensors(parameters), self.reading.framework.array
        return {name: np.ascontiguousarray(array(value).astype(dtype)) for name, value in found.items()}

    def pulled(
        self, gradients: Mapping[str, Array], parameters: Mapping[str, Any], *, coded: bool = False
    ) -> dict[str, Any]:
        """Return gradients with respect to the module's parameters from those with respect to the networks'.

        Parameters
        ----------
        coded : whether nothing goes back to a parameter where the user's code cuts it.
        """
        return (self._coded if coded and self.reading.lifted else self._puller)(parameters, gradients)

    @cached_property
    def _puller(self) -> Puller:
        return self.reading.framework.puller(self.tensors)

    @cached_property
    def _coded(self) -> Puller:
        return self.reading.framework.puller(partial(self.tensors, coded=True))


def written(reading: Reading, output: int = 0) -> Written:
    """Write a reading as networks.

    Parameters
    ----------
    output : which of the module's outputs the loss reads, counted from 0.

    Raises
    ------
    GradcertError : for what the vocabulary does not have: what mixes units other than by weights, more than a stack.
    """
    if not 0 <= output < len(reading.outputs):
        raise GradcertError(f"output {output} of a module with {len(reading.outputs)}", allowed="counted from 0")
    stack = _stack(reading, reading.outputs[output])
    layers: list[tuple[Layer, Layer]] = []
    sources: dict[str, Source] = {}
    texts = []
    names: list[dict[int, str]] = []
    width = int(np.prod(reading.example.shape[1:], dtype=int))
    masks: dict[str, int] = {}
    node = "z"
    versions = (False, True) if reading.cuts else (False,)
    for place, (number, leaving) in enumerate(stack):
        last = place == len(stack) - 1
        above = None if last else reading.layers[stack[place + 1][0]]
        read_by = [p for p in reading.links if above and p.source == leaving and p.target in above]
        shut = bool(read_by) and all(p.cuts for p in read_by)
        if any(p.cuts for p in read_by) and not shut:
            raise cut_and_uncut(read_by, f"layer {stack[place + 1][0]} reads layer {number}")
        made = [CellWriter(reading, number, leaving, last=last, cut=cut, shut=shut and cut) for cut in versions]
        node = "z" if not last or made[0].mask is not None else reading.names[leaving]
        both = [m.layer(width, f"read_{number}") for m in made]
        layers.append((both[0], both[-1]))
        sources |= {f"layers.{place}.{k}": v for m in made for k, v in m.sources.items()}
        texts.append(made[0].texts)
        if made[0].mask is not None:
            masks[f"layers.{place}"] = made[0].mask
        names.append({k: made[0].names[k] for k in made[0].order})
        width = both[0].units
    loss = Loss(node=node)
    full = Network(tuple(pair[0] for pair in layers), loss)
    as_cut = Network(tuple(pair[1] for pair in layers), loss) if reading.cuts else full
    spiking = tuple(tuple(k for k in own if reading.chosen.order[k].op == "spike") for own in names)
    called = {f"layers.{i}": own for i, own in enumerate(names)}
    initial = initial_values(reading, reading.slots, called)
    return Written(reading, full, as_cut, sources, initial, tuple(texts), called, spiking, masks=masks)


def _stack(reading: Reading, output: int) -> list[tuple[int, int]]:
    """Return layer and the node that leaves it, from below.

    Raises
    ------
    GradcertError : if a layer reads more than one thing.
    """
    out: list[tuple[int, int]] = []
    leaving = output
    while True:
        number = reading.layer_of(leaving)
        if number in [i for i, _ in out]:
            raise GradcertError(f"layer {number} feeds itself through layers above it", allowed="a stack of layers")
        out.append((number, leaving))
        group = reading.layers[number]
        into = {(p.source, p.lag) for p in reading.links if p.target in group and p.source not in group}
        if any(lag for _, lag in into):
            raise GradcertError(f"layer {number} reads another one a step later", allowed="a stack of layers")
        if len(into) != 1:
            read_by = ", ".join(
                "the input" if k == X else f"{reading.names[k]}[{reading.layer_of(k)}]" for k, _ in sorted(into)
            )
            raise GradcertError(f"layer {number} reads {read_by or 'nothing'}", allowed="a stack of layers")
        ((source, _),) = into
        if source == X:
            return out[::-1]
        leaving = source


def is_stack(reading: Reading, output: int) -> bool:
    """Return whether every layer below an output reads one other, of the same step."""
    if not 0 <= output < len(reading.outputs):
        raise GradcertError(f"no output {output} that is computed", allowed="what a step computes, counted from 0")
    try:
        _stack(reading, reading.outputs[output])
    except GradcertError:
        return False
    return True


__all__ = ["Source", "Written", "written"]
