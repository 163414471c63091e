"""A forward pass as the reference engine has it, around spikes that are given, and the gradient of a rule on it.

Nothing here knows PyTorch: a pass that was stored is computed again where neither it nor the module is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gradcert.models.reading.network.forced import Forced
from gradcert.reference.engines import Tape, record, tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES, Rule, check_feedback, rule_named

AS_CODED = "as-coded"  # the rule that keeps what the user's code keeps
Columns = tuple[tuple[Array, ...], ...]  # of every layer, its spikes in the order of computation, (time, batch, units)


class Networks(Protocol):
    """A module as networks, and its parameters as functions of the module's."""

    @property
    def full(self) -> Network:
        """The network with every edge."""
        ...

    @property
    def as_cut(self) -> Network:
        """The network in which the user's cuts are cut."""
        ...

    def arrays(self, parameters: Mapping[str, Any], dtype: str = "float64") -> dict[str, Array]:
        """Return the networks' parameters from the module's."""
        ...

    def pulled(
        self, gradients: Mapping[str, Array], parameters: Mapping[str, Any], *, coded: bool = False
    ) -> dict[str, Any]:
        """Return gradients with respect to the module's parameters from those with respect to the networks'."""
        ...


@dataclass(frozen=True)
class Run:
    """A module's forward pass, recorded by the reference engine around the module's own spikes.

    Attributes
    ----------
    written : the networks. `parameters` : of the module, by name.
    played : the module's own operations, run again (`play`); None for a pass that was stored.
    inputs, initial, masks : as the engine had them.
    columns : the spikes; None where the module's own are not known.
    weights : the networks' parameters.
    light : whether a recorded pass is recorded anew whenever it is asked for, so that it takes no memory in between.
    """

    written: Networks
    parameters: Mapping[str, Any]
    played: Any
    inputs: Array
    initial: Mapping[str, Array]
    masks: Mapping[str, Array]
    columns: Columns | None
    weights: Mapping[str, Array]
    light: bool = False
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def full(self) -> Tape:
        """The recorded pass of the network with every edge."""
        return self._recorded("full")

    @property
    def as_cut(self) -> Tape:
        """The recorded pass of the network in which the user's cuts are cut."""
        return self._recorded("as_cut")

    @property
    def misfired(self) -> float:
        """How far from its threshold a potential was whose spike the engine disagrees about; 0 where none is."""
        if "misfired" not in self._kept:
            self._recorded("full")
        found: float = self._kept["misfired"]
        return found

    @property
    def size(self) -> int:
        """How many numbers the nodes of a recorded pass are."""
        network = self.written.full
        nodes = sum(layer.size(node) for layer in network.layers for node in layer.cell.nodes)
        return nodes * self.inputs.shape[0] * self.inputs.shape[1]

    def parts(self, most: int) -> list[slice]:
        """Return slices of the batch whose passes have at most so many numbers, or are of one sample."""
        batch = self.inputs.shape[1]
        each = max(1, batch * most // max(self.size, 1))
        return [slice(k, k + each) for k in range(0, batch, each)]

    def _recorded(self, which: str) -> Tape:
        network: Network = getattr(self.written, which)
        which = "full" if network is self.written.full else which
        if which in self._kept:
            found: Tape = self._kept[which]
            return found
        numbers = Forced(str(self.inputs.dtype), given=self.spikes())
        own = {name: self.weights[name] for name in network.shapes()}
        tape = record(network, own, self.inputs, numbers=numbers, initial=self.initial, masks=self.masks)
        self._kept["misfired"] = max([*numbers.margins, 0.0])
        if not self.light:
            self._kept[which] = tape
        return tape

    def part(self, samples: slice, *, light: bool = False) -> Run:
        """Return the pass of some samples alone."""
        columns = self.columns
        return passed(
            self.written,
            self.parameters,
            self.inputs[:, samples],
            initial={k: v[samples] if v.ndim > 1 else v for k, v in self.initial.items()},
            masks={k: v[:, samples] for k, v in self.masks.items()},
            columns=None if columns is None else tuple(tuple(c[:, samples] for c in layer) for layer in columns),
            arrays=self.weights,
            light=light,
        )

    def gradients(self, rule: Rule | str, delta: Array, feedback: Mapping[str, Array] | None = None) -> dict[str, Any]:
        """Return the gradient of a rule with respect to the module's parameters, in float64.

        Parameters
        ----------
        rule : a row, or ``as-coded``: BPTT in which the user's own cuts are cut.
        delta : dE/d(output), (time, batch, units).
        feedback : the fixed matrices of a rule that has some.
        """
        return self.written.pulled(self.arrays(rule, delta, feedback), self.parameters, coded=rule == AS_CODED)

    def arrays(self, rule: Rule | str, delta: Array, feedback: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Return the same with respect to the network's parameters."""
        row = row_of(rule)
        if row.feedback in ("target", "local"):
            raise GradcertError(
                f"{row.name}, whose learning signal needs more than the loss's derivative",
                allowed="rules with symmetric, random or direct feedback",
            )
        tape = self.as_cut if rule == AS_CODED else self.full
        given = check_feedback(self.written.full, row, feedback)
        return tape_gradients(tape, np.zeros_like(delta), rule=row, feedback=given, delta=delta)

    def spikes(self) -> Iterator[Array] | None:
        """Return the spikes in the order in which the engine asks for them; None where they are not known."""
        return None if self.columns is None else in_order(self.columns, len(self.inputs))


def row_of(rule: Rule | str) -> Rule:
    """Return the row that a rule is; ``as-coded`` is BPTT, of the network in which the user's cuts are cut."""
    return RULES["bptt"] if rule == AS_CODED else rule_named(rule) if isinstance(rule, str) else rule


def in_order(columns: Columns, steps: int) -> Iterator[Array]:
    """Return spikes in the order in which the engine asks for them: layer by layer, step by step."""
    return (column[t] for layer in columns for t in range(steps) for column in layer)


def passed(
    written: Networks,
    parameters: Mapping[str, Any],
    inputs: Array,
    *,
    initial: Mapping[str, Array],
    masks: Mapping[str, Array],
    columns: Columns | None,
    arrays: Mapping[str, Array],
    played: Any = None,
    light: bool = False,
) -> Run:
    """Return the pass of a module, which is recorded when it is asked for.

    Parameters
    ----------
    inputs : (time, batch, features), in the dtype of the reference.
    arrays : the networks' parameters.
    """
    return Run(written, parameters, played, inputs, initial, masks, columns, arrays, light)
