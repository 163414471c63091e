"""The gradient ledger: what is lost to the algorithm (BPTT to rule) and what to the arithmetic (rule to chip).

BPTT and the rule are computed by the reference engine in float64, with the profile's neuron constants and its
staircase as
pseudo-derivative; the fixed-point rule is the description's simulator with its weights held, its updates summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import FloatFormat
from gradcert.hardware_models.catalogue import find_profile
from gradcert.hardware_models.chips import Profile, Staircase
from gradcert.hardware_models.description.compare import random_inputs
from gradcert.hardware_models.description.program import AnyFormat, Program
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.rules import RULES
from gradcert.reference import Alif, Integrator, Layer, Lif, Network, reverse, rule_named
from gradcert.reference.errors import GradcertError
from gradcert.reference.functions import Activation
from gradcert.reference.numbers import FLOAT64, Numbers

Array = np.ndarray[Any, Any]
Gradients = dict[str, Array]
KEYS = {"W": "layers.0.W", "H": "layers.0.H", "Wo": "layers.1.W"}
REFERENCE_RULE = {
    "ottt": "ottt",
    "ostl": "ostl",
    "ostl-recurrent": "ostl",
    "e-prop": "e-prop",
    "e-prop-alif": "e-prop",
    "fptt": "sltt",
}


@dataclass(frozen=True)
class StaircaseNumbers:
    """float64 in which every spike has a staircase for a pseudo-derivative; everything else is float64's."""

    stairs: Staircase
    name: str = "float64 with a staircase pseudo-derivative"
    pi: float = FLOAT64.pi

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the staircase for spikes, the activation's own derivative otherwise."""
        if activation.step is None:
            return FLOAT64.slope(activation, x)
        heights = np.array([float(h) for h in self.stairs.heights])
        return heights[np.searchsorted([float(e) for e in self.stairs.edges], x, side="right")]

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return float64 zeros."""
        return FLOAT64.zeros(shape)

    def array(self, values: Any) -> Array:
        """Convert to float64."""
        return FLOAT64.array(values)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x)."""
        return FLOAT64.apply(activation, x)

    def exp(self, x: Array) -> Array:
        """Return e^x."""
        return FLOAT64.exp(x)

    def tanh(self, x: Array) -> Array:
        """Return tanh x."""
        return FLOAT64.tanh(x)

    def absolute(self, x: Array) -> Array:
        """Return |x|."""
        return FLOAT64.absolute(x)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """Return an elementwise choice."""
        return FLOAT64.where(a, relation, b, then, otherwise)


@dataclass(frozen=True)
class Task:
    """A random task in the profile's formats: stored integers per step, and stored weights."""

    inputs: Sequence[Mapping[str, Array]]
    weights: Mapping[str, Array]


@dataclass(frozen=True)
class Entry:
    """One weight matrix. Losses are Euclidean norms relative to BPTT's and the rule's; `nan` where those are zero.

    `algorithm` = ||BPTT - rule|| / ||BPTT||, `arithmetic` = ||rule - fixed|| / ||rule||; cosines and the share of
    weights on
    which rule and fixed-point rule agree in sign (where the rule is not zero).
    """

    parameter: str
    bptt_norm: float
    rule_norm: float
    algorithm: float
    arithmetic: float
    cosine_rule: float
    cosine_fixed: float
    cosine_total: float
    sign_agreement: float


@dataclass(frozen=True)
class Ledger:
    """The ledger of a rule on a profile: entries per weight matrix.

    And the two losses over growing prefixes of the task.
    """

    profile: str
    rule: str
    steps: int
    entries: tuple[Entry, ...]
    over_time: tuple[tuple[int, float, float], ...]
    flipped_spikes: int
    spikes: int


def units_of(fmt: AnyFormat) -> float:
    """Return the value of one stored unit (1 for floating point)."""
    return 1.0 if isinstance(fmt, FloatFormat) else float(fmt.ulp)


def network(p: Profile, rule: str, *, inputs: int, neurons: int, outputs: int) -> Network:
    """Return the reference network that a rule's description stands for."""
    leak, threshold = float(p.leak), float(p.threshold)
    recurrent = rule in ("ostl-recurrent", "e-prop", "e-prop-alif")
    kappa = float(p.readout_leak) if rule.startswith("e-prop") else 0.0
    cell: Lif | Alif
    if rule == "e-prop-alif":
        cell = Alif(leak=leak, threshold=threshold, beta=float(p.adaptation_strength), rho=float(p.adaptation_leak),
                    recurrent=True, bias=False, scaling="none")  # fmt: skip
    else:
        reset = {"ottt": "subtract_before_leak", "e-prop": "subtract_after_leak"}.get(rule, "hard")
        cell = Lif(leak=leak, threshold=threshold, reset=reset, recurrent=recurrent, bias=False)
    readout = Integrator(kappa=kappa, bias=False)
    return Network(layers=(Layer(cell, inputs, neurons), Layer(readout, neurons, outputs)))


def task(p: Profile, step: Program, *, steps: int, seed: int) -> Task:
    """Draw spikes (three in ten), targets and weights that make the neurons fire, in the profile's formats."""
    rng = np.random.default_rng(seed)
    given = [dict(one) for one in random_inputs(step, steps, seed)]
    names = [n for n in KEYS if any(node.name == n for node in step.nodes)]
    weights = {}
    for name in names:
        node = step.node(name)
        fmt = node.numeric.format
        drawn = rng.normal(0, float(p.threshold) * 0.6, step.shape(node)) / units_of(fmt)
        if isinstance(fmt, FloatFormat):
            weights[name] = np.array([float(fmt.round(v)) for v in map(_fraction, drawn.ravel())]).reshape(drawn.shape)
        else:
            weights[name] = np.clip(np.rint(drawn), fmt.low, fmt.high).astype(np.int64)
    if "H" in weights and step.name.partition("/")[2].startswith("e-prop"):
        np.fill_diagonal(weights["H"], 0)
    target = step.node("target")
    for one in given:
        one["x"] = (rng.random(step.shape(step.node("x"))) < 0.3).astype(np.int64)
        fmt = target.numeric.format
        wanted = rng.choice([-1.0, 0.0, 1.0], step.shape(target)) / units_of(fmt)
        one["target"] = wanted if isinstance(fmt, FloatFormat) else np.clip(wanted, fmt.low, fmt.high).astype(np.int64)
        if "window_end" in one:
            one["window_end"] = np.array(0)
        if p.update == "pulses":
            one.update(weights)
    return Task(given, weights)


def _fraction(value: Any) -> Any:
    from fractions import Fraction

    return Fraction(float(value))


def fixed_gradients(p: Profile, step: Program, chosen: Task) -> tuple[Gradients, Array]:
    """Return the fixed-point rule's gradient, as its updates say it, and the spikes (time, neuron); weights are held.

    An update by value or by pulse is minus the rate times the gradient; an update by probability moves by one ulp with
    that probability, so that its mean is; a window's sum is the gradient itself.
    """
    simulator = Simulator(step, frozen=tuple(chosen.weights) if p.update != "pulses" else ())
    if p.update != "pulses":
        for name, stored in chosen.weights.items():
            simulator.state[name] = np.asarray(stored, dtype=simulator.state[name].dtype)
    totals = {name: np.zeros(np.shape(w)) for name, w in chosen.weights.items()}
    spikes = []
    rate = 2.0**p.rate
    for one in chosen.inputs:
        values = simulator.step(one)
        spikes.append(values["z.next"])
        for name in totals:
            if p.update == "window":
                node = step.node(f"{name}.sum.added")
                totals[name] = _aligned(step, node.name, name, values) * units_of(node.numeric.format)
                continue
            node = step.node(f"{name}.step")
            scale = rate / (units_of(p["weight"].format) if p.update == "probability" else 1)
            totals[name] += _aligned(step, node.name, name, values) * units_of(node.numeric.format) * scale
    return totals, np.array(spikes)


def _aligned(step: Program, name: str, like: str, values: Mapping[str, Array]) -> Array:
    own, target = step.node(name).axes, step.node(like).axes
    return np.asarray(values[name], dtype=float).transpose([own.index(a) for a in target])


def reference_gradients(
    p: Profile, rule: str, step: Program, chosen: Task, *, exact: bool = False, steps: int | None = None
) -> tuple[Gradients, Array]:
    """Return the reference engine's gradient (of BPTT where `exact`) and its spikes, on the first `steps` steps."""
    sizes = step.sizes
    net = network(p, rule, inputs=sizes["pre"], neurons=sizes["post"], outputs=sizes["out"])
    numbers: Numbers = StaircaseNumbers(p.surrogate)
    used = chosen.inputs[:steps]
    x = np.array([one["x"] for one in used], dtype=float)[:, None, :]
    y = np.array([one["target"] for one in used], dtype=float)[:, None, :] * units_of(
        step.node("target").numeric.format
    )
    parameters = {KEYS[k]: np.asarray(v, float) * units_of(p["weight"].format) for k, v in chosen.weights.items()}
    named = rule_named("bptt" if exact else REFERENCE_RULE[rule])
    found = reverse.gradients(net, parameters, x, y, rule=named, numbers=numbers)
    from gradcert.reference import record

    spikes = record(net, parameters, x, numbers=numbers).layers[0].now["z"][:, 0, :]
    out = {k: np.array(found[KEYS[k]]) for k in chosen.weights}
    if "H" in out and rule.startswith("e-prop"):
        np.fill_diagonal(out["H"], 0)
    return out, spikes


def ledger(
    rule: str,
    profile: str | Profile = "q-format",
    *,
    steps: int = 60,
    inputs: int = 8,
    neurons: int = 8,
    outputs: int = 2,
    seed: int = 0,
) -> Ledger:
    """Return the gradient ledger of a rule on a profile, on a random task.

    Parameters
    ----------
    rule : a key of `RULES`. ReckOn's own order of operations has no counterpart in the reference engine: on that
        profile
        the rule is e-prop in the reference order with ReckOn's arithmetic.
    profile : a profile or its name.
    steps, inputs, neurons, outputs, seed : the task.

    Examples
    --------
    >>> entry = ledger("ottt", "spinnaker", steps=12).entries[0]
    >>> entry.parameter, entry.algorithm > entry.arithmetic
    ('W', True)
    """
    p = find_profile(profile)
    if rule not in RULES or rule not in p.rules:
        raise GradcertError(f"rule {rule!r} on {p.name}", allowed=", ".join(p.rules), do="choose one of them")
    step = RULES[rule](p, inputs=inputs, neurons=neurons, outputs=outputs)
    chosen = task(p, step, steps=steps, seed=seed)
    bptt, _ = reference_gradients(p, rule, step, chosen, exact=True)
    real, spikes = reference_gradients(p, rule, step, chosen)
    fixed, fired = fixed_gradients(p, step, chosen)
    entries = tuple(_entry(name, bptt[name], real[name], fixed[name]) for name in chosen.weights)
    flipped = int(np.count_nonzero(np.asarray(spikes) != fired))
    return Ledger(p.name, rule, steps, entries, _over_time(p, rule, step, chosen), flipped, int(spikes.sum()))


def _over_time(p: Profile, rule: str, step: Program, chosen: Task) -> tuple[tuple[int, float, float], ...]:
    rows = []
    for steps in sorted({max(1, len(chosen.inputs) * k // 8) for k in range(1, 9)}):
        part = Task(chosen.inputs[:steps], chosen.weights)
        bptt, _ = reference_gradients(p, rule, step, part, exact=True)
        real, _ = reference_gradients(p, rule, step, part)
        fixed, _ = fixed_gradients(p, step, part)
        one, two, three = (np.concatenate([g[n].ravel() for n in chosen.weights]) for g in (bptt, real, fixed))
        rows.append((steps, _ratio(one - two, one), _ratio(two - three, two)))
    return tuple(rows)


def _ratio(difference: Array, whole: Array) -> float:
    size = float(np.linalg.norm(whole))
    return float(np.linalg.norm(difference)) / size if size else float("nan")


def _cosine(a: Array, b: Array) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a.ravel() @ b.ravel()) / size if size else float("nan")


def _entry(name: str, bptt: Array, real: Array, fixed: Array) -> Entry:
    active = real != 0
    agree = float(np.mean(np.sign(real[active]) == np.sign(fixed[active]))) if active.any() else float("nan")
    return Entry(
        name, float(np.linalg.norm(bptt)), float(np.linalg.norm(real)), _ratio(bptt - real, bptt), _ratio(real -
        fixed, real),
        _cosine(bptt, real), _cosine(real, fixed), _cosine(bptt, fixed), agree,
    )  # fmt: skip
