"""Right ways to compute a gradient: all of them have to be accepted, whatever the claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from gradcert.certify.problems.budget.shaken import OrderedSynapse
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.unusual import UNUSUAL
from gradcert.reference.engines import forward, record, reverse
from gradcert.reference.networks import Loss, Network, Problem
from gradcert.reference.numbers import Array, Floats
from gradcert.reference.rules import RULES, Rule

Gradients = Mapping[str, Array]
Way = Callable[[Problem, Rule], Any]
DECAYS = ("leak", "kappa", "rho", "rate")
WIDE = 12  # units beyond which the forward engine takes too long


def _run(problem: Problem, rule: Rule, engine: Any = reverse, dtype: str = "", **changed: Any) -> dict[str, Array]:
    p = replace(problem, **changed)
    numbers = Floats(dtype or str(problem.inputs.dtype))  # bfloat16: float32, as mixed precision has it
    given: dict[str, Any] = {k: np.asarray(v, dtype=numbers.dtype) for k, v in p.parameters.items()}
    inputs, targets = (np.asarray(v, dtype=numbers.dtype) for v in (p.inputs, p.targets))
    feedback = {k: np.asarray(v, dtype=numbers.dtype) for k, v in p.feedback.items()}
    found = engine.gradients(p.network, given, inputs, targets, rule=rule, numbers=numbers, feedback=feedback)
    return {k: np.asarray(v) for k, v in found.items()}


def backwards(problem: Problem, rule: Rule) -> tuple[Any, Gradients, Array]:
    """The reverse engine, with loss and outputs."""
    numbers = Floats(str(problem.inputs.dtype))
    outputs = record(problem.network, problem.parameters, problem.inputs, numbers=numbers).outputs
    return problem.network.loss.value(outputs, problem.targets, numbers), _run(problem, rule), outputs


def online(problem: Problem, rule: Rule) -> Gradients:
    """The forward engine: traces."""
    widest = max(layer.units for layer in problem.network.layers)
    return _run(problem, rule, forward if widest <= WIDE else reverse)


def double_inside(problem: Problem, rule: Rule) -> Gradients:
    """Float64 inside, whatever is claimed."""
    return _run(problem, rule, dtype="float64")


def sample_by_sample(problem: Problem, rule: Rule) -> Gradients:
    """One sample after the other, the last first, with the batch's own divisor."""
    batch, loss = problem.inputs.shape[1], problem.network.loss
    network = replace(problem.network, loss=replace(loss, batch="sum"))
    total: dict[str, Array] = {}
    for b in reversed(range(batch)):
        one = {"inputs": problem.inputs[:, b : b + 1], "targets": problem.targets[:, b : b + 1]}
        found = _run(problem, rule, network=network, **one)
        total = {k: total[k] + v if total else v for k, v in found.items()}
    return {k: v / np.asarray(batch, dtype=v.dtype) for k, v in total.items()} if loss.batch == "mean" else total


def in_time(order: str) -> Way:
    """Gradients of weights summed over time in an order of `ORDERS`, as autograd (backward) or a loop (forward) do."""

    def way(problem: Problem, rule: Rule) -> Gradients:
        layers = []
        for layer in problem.network.layers:
            names = dict.fromkeys(link.weight for link in layer.cell.links if link.weight is not None)
            made = tuple((str(name), OrderedSynapse(layer.synapse(str(name)), order, [])) for name in names)
            layers.append(replace(layer, synapses=made))
        return _run(problem, rule, network=replace(problem.network, layers=tuple(layers)))

    return way


def relabelled(problem: Problem, rule: Rule) -> Gradients:
    """Units and samples in reverse order; feedback matrices are left out of it."""
    from gradcert.certify.problems.budget import envelope

    if problem.feedback or any(len({link.weight for link in k.cell.links}) > 3 for k in problem.network.layers):
        return _run(problem, rule)
    orders = [np.arange(n)[::-1] for n in envelope._sizes(problem)]
    samples = np.arange(problem.inputs.shape[1])[::-1]
    found = _run(envelope.ordered(problem, orders, samples), rule)
    return {name: envelope._moved(problem, name, value, orders) for name, value in found.items()}


def logit(x: Array) -> Array:
    """Keep a leak as a logit, as SpikingJelly's ParametricLIFNode does."""
    with np.errstate(divide="ignore", over="ignore"):
        w = -np.log(1 / (1 - x) - 1)
        return np.asarray(1 - 1 / (1 + np.exp(-w)), dtype=x.dtype)


def time_constant(x: Array) -> Array:
    """Keep a leak as the time constant 1 / (1 - leak)."""
    with np.errstate(divide="ignore"):
        return np.asarray(1 - 1 / (1 / (1 - x)), dtype=x.dtype)


def logarithm(x: Array) -> Array:
    """Keep a leak as exp(-1 / tau)."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(-1 / (-1 / np.log(x))), dtype=x.dtype)


def kept_as(form: Callable[[Array], Array]) -> Way:
    """Leaks, constants and trained ones, that come back from another form in the claim's own dtype."""

    def way(problem: Problem, rule: Rule) -> Gradients:
        def there_and_back(value: Any) -> Any:
            found = form(np.asarray(value, dtype=problem.inputs.dtype))
            inside = np.where(np.isfinite(found), found, value)
            return tuple(map(float, inside)) if inside.ndim else float(inside)

        layers = []
        for layer in problem.network.layers:
            own = {f.name for f in fields(layer.cell)} & set(DECAYS)  # type: ignore[arg-type]
            changed = {k: there_and_back(getattr(layer.cell, k)) for k in own}
            layers.append(replace(layer, cell=replace(layer.cell, **changed)))  # type: ignore[type-var]
        parameters = {
            k: np.asarray(there_and_back(v), dtype=v.dtype) if k.rpartition(".")[2] in DECAYS else v
            for k, v in problem.parameters.items()
        }
        return _run(problem, rule, network=replace(problem.network, layers=tuple(layers)), parameters=parameters)

    return way


@dataclass(frozen=True)
class Rescaled(Loss):
    """The mean over everything, taken back by its count."""

    def gradient_of(self, error: Array, numbers: Any) -> Array:
        """Return the credit at the outputs."""
        count = error.dtype.type((error.shape[0] if self.when == "every" else 1) * np.prod(error.shape[1:]))
        return super().gradient_of(error * (2 / count), numbers) * (count / 2)


def rescaled(problem: Problem, rule: Rule) -> Gradients:
    """A mean rescaled to a sum: 2 / n, then n / 2."""
    loss = Rescaled(**{f.name: getattr(problem.network.loss, f.name) for f in fields(problem.network.loss)})
    return _run(problem, rule, network=Network(problem.network.layers, loss))


WAYS: dict[str, Way] = {
    "reverse": backwards,
    "forward": online,
    "float64 inside": double_inside,
    "sample by sample": sample_by_sample,
    "time: backward": in_time("backward"),
    "time: forward": in_time("forward"),
    "time: halves": in_time("halves"),
    "time: blocks": in_time("blocks"),
    "relabelled": relabelled,
    "leak as a logit": kept_as(logit),
    "leak as a time constant": kept_as(time_constant),
    "leak as a logarithm": kept_as(logarithm),
    "loss rescaled": rescaled,
}


def members() -> dict[str, Entry]:
    """Return the right members of the gallery whose claim is a row of the table."""
    return {
        name: entry
        for name, entry in UNUSUAL.items()
        if entry.claim["rule"] in RULES and entry.gradients is not None and entry.expected is None
    }
