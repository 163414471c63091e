"""The reference gradient of a rule for a module, on its own parameters, inputs and spikes, by the reference engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.collect import COLLECT
from gradcert.models.reading.forced import Forced
from gradcert.models.reading.network import Written
from gradcert.models.reading.play import Played, play
from gradcert.models.reading.reading import Reading
from gradcert.reference.engines import Tape, record, tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES, Rule, check_feedback, rule_named

AS_CODED = "as-coded"  # the rule that keeps what the user's code keeps


@dataclass(frozen=True)
class Run:
    """A module's forward pass, recorded by the reference engine around the module's own spikes.

    Attributes
    ----------
    written : the networks. `parameters` : of the module, by name. `played` : the module's own operations, run again.
    inputs, initial, masks : as the engine had them.
    full, as_cut : the recorded passes of the two networks.
    misfired : how far from its threshold a potential was whose spike the engine disagrees about; 0 where none is.
    """

    written: Written
    parameters: Mapping[str, Any]
    played: Played
    full: Tape
    as_cut: Tape
    misfired: float
    inputs: Array
    initial: Mapping[str, Array]
    masks: Mapping[str, Array]

    def gradients(self, rule: Rule | str, delta: Array, feedback: Mapping[str, Array] | None = None) -> dict[str, Any]:
        """Return the gradient of a rule with respect to the module's parameters, tensors in float64.

        Parameters
        ----------
        rule : a row, or ``as-coded``: BPTT in which the user's own cuts are cut.
        delta : dE/d(output), (time, batch, units).
        feedback : the fixed matrices of a rule that has some.
        """
        return self.written.pulled(self.arrays(rule, delta, feedback), self.parameters)

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


def row_of(rule: Rule | str) -> Rule:
    """Return the row that a rule is; ``as-coded`` is BPTT, of the network in which the user's cuts are cut."""
    return RULES["bptt"] if rule == AS_CODED else rule_named(rule) if isinstance(rule, str) else rule


def run(
    written: Written,
    parameters: Mapping[str, Any],
    xs: Any,
    states: list[Any] | None = None,
    *,
    dtype: str = "float64",
) -> Run:
    """Run a module's recorded step over a sequence, and the networks around the same spikes.

    Parameters
    ----------
    parameters : name in the module -> tensor, in the module's own dtype.
    xs : inputs, (time, batch, ...), in that dtype.
    states : before the first step; by default those that the module begins with.
    dtype : of the reference.
    """
    played = play(written.reading, parameters, xs, states)
    inputs = xs.detach().reshape(*xs.shape[:2], -1).cpu().numpy().astype(dtype)
    double = {name: p.detach().double() for name, p in parameters.items()}
    arrays = written.arrays(double, dtype)
    initial = initials(written, states, xs.shape[1], dtype)
    masks = {name: played.masks[k].cpu().numpy().astype(dtype) for name, k in written.masks.items()}
    tapes, worst = [], 0.0
    for network in (written.full, written.as_cut):
        numbers = Forced(dtype, given=spikes_of(written, network, played))
        own = {name: arrays[name] for name in network.shapes()}
        tapes.append(record(network, own, inputs, numbers=numbers, initial=initial, masks=masks))
        worst = max(worst, *numbers.margins, 0.0)
    return Run(written, parameters, played, tapes[0], tapes[1], worst, inputs, initial, masks)


def spikes_of(written: Written, network: Network, played: Played) -> Iterator[Array] | None:
    """Return the spikes in the order in which the engine asks for them; None where the module's own are not known."""
    columns = []
    for _, nodes in zip(network.layers, written.spiking, strict=True):
        if any(k not in played.spikes for k in nodes):
            return None
        columns.append([played.spikes[k].cpu().numpy() for k in nodes])
    return (column[t] for layer in columns for t in range(len(played.outputs[0])) for column in layer)


def initials(written: Written, states: list[Any] | None, batch: int, dtype: str) -> dict[str, Array]:
    """Return node values before the first step."""
    found = written.initial if states is None else written.initial_of(states)
    return {
        name: (np.broadcast_to(v, (batch, v.shape[-1])) if v.ndim > 1 and len(v) == 1 else v).astype(dtype)
        for name, v in found.items()
    }


def delta_of(
    loss: Callable[..., Any], target: Any, reading: Reading, outputs: Any, output: int = 0
) -> tuple[float, Array]:
    """Return a loss, and its derivative with respect to the outputs of all steps, (time, batch, units).

    Parameters
    ----------
    loss : (outputs, target) -> number; its outputs are what the module returns, those of all steps in one tensor,
        (time, batch, ...), for a module that takes one step.
    outputs : of all steps, (time, batch, units).
    """
    leaf = outputs.detach().double().requires_grad_()
    shape = reading.step.nodes[reading.step.outputs[output]].shape
    with torch.enable_grad():
        given = leaf if not reading.collects else COLLECT[reading.collects[output]](leaf)
        if not reading.collects and len(shape) > 2:
            given = given.reshape(*leaf.shape[:2], *shape[1:])
        value = loss(given, target.double() if torch.is_tensor(target) and target.is_floating_point() else target)
    if not torch.is_tensor(value) or value.dim():
        raise GradcertError(
            f"a loss that returns {tuple(value.shape) if torch.is_tensor(value) else type(value).__name__}",
            allowed="a tensor with one number",
        )
    (found,) = torch.autograd.grad(value, leaf)
    return value.item(), found.numpy()
