"""The gradient ledger: what is lost to the algorithm (BPTT to rule) and what to the arithmetic (rule to chip).

BPTT and the rule are computed by the reference engine in float64, with the profile's neuron constants and its
staircase as
pseudo-derivative; the fixed-point rule is the description's simulator with its weights held, its updates summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.hardware_models.catalogue import find_profile
from gradcert.hardware_models.chips import Profile, Staircase
from gradcert.hardware_models.cost.enclosure import enclose
from gradcert.hardware_models.cost.own_task import Own
from gradcert.hardware_models.cost.random_task import KEYS, Task, started, task, units_of
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.rules import RULES
from gradcert.reference import Alif, Integrator, Layer, Lif, Network, rule_named
from gradcert.reference.engines import reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import FLOAT64, Activation, Numbers

Array = np.ndarray[Any, Any]
Gradients = dict[str, Array]
BUILT_IN = "a built-in random task"
PARTS = 8  # prefixes of the task that the ledger shows
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
class Entry:
    """One weight matrix after some steps. Losses are Euclidean norms relative to BPTT's and the rule's.

    A figure is `nan` where the norm to divide by is zero.

    Attributes
    ----------
    parameter, steps : which weights, after how many steps.
    bptt_norm, rule_norm : of the two gradients in float64.
    algorithm : ||BPTT - rule|| / ||BPTT||.
    arithmetic : ||rule - fixed|| / ||rule||, measured; fixed is the mean over random words where the update is a
        probability.
    bound : the same, bounded by the enclosure of this very run (`enclosure`): never below `arithmetic`.
    noise : ||fixed - one draw|| / ||rule||, what the random words of this run add; 0 where nothing is drawn.
    cosine_rule, cosine_fixed, cosine_total : BPTT with rule, rule with fixed, BPTT with fixed.
    sign_agreement : share of weights on which rule and fixed agree in sign, where the rule is not zero.
    """

    parameter: str
    steps: int
    bptt_norm: float
    rule_norm: float
    algorithm: float
    arithmetic: float
    bound: float
    noise: float
    cosine_rule: float
    cosine_fixed: float
    cosine_total: float
    sign_agreement: float


@dataclass(frozen=True)
class Ledger:
    """The ledger of a rule on a profile: entries per weight matrix, and the same over growing prefixes of the task.

    The bounds take spikes as equal where the real-valued run has the same spike; `flipped_spikes` counts the (step,
    neuron) at which it has not, and there the bound pays for the whole difference. `close` lists the (step, neuron)
    that the margin certificate leaves open: the distance to the threshold does not exceed the proved membrane error.
    Without any, every bound is unconditional. `task` names what was run, `stored` says what the formats made of it.
    """

    profile: str
    rule: str
    steps: int
    entries: tuple[Entry, ...]
    over_time: tuple[Entry, ...]
    flipped_spikes: int
    spikes: int
    decisions: int = 0
    close: tuple[tuple[int, ...], ...] = ()
    task: str = BUILT_IN
    stored: str = ""


def network(p: Profile, rule: str, *, inputs: int, neurons: int, outputs: int) -> Network:
    """Return the reference network that a rule's description stands for."""
    leak, threshold = float(p.leak), float(p.threshold)
    recurrent = rule in ("ostl-recurrent", "e-prop", "e-prop-alif")
    kappa = float(p.readout_leak) if rule.startswith("e-prop") else 0.0
    cell: Lif | Alif
    if rule == "e-prop-alif":
        cell = Alif(leak=leak, threshold=threshold, beta=float(p.adaptation_strength), rho=float(p.adaptation_leak),
                    recurrent=True, bias=False, scaling="none", strict=False)  # fmt: skip
    else:
        reset = {"ottt": "subtract_before_leak", "e-prop": "subtract_after_leak"}.get(rule, "hard")
        cell = Lif(leak=leak, threshold=threshold, reset=reset, recurrent=recurrent, bias=False)
    readout = Integrator(kappa=kappa, bias=False)
    return Network(layers=(Layer(cell, inputs, neurons), Layer(readout, neurons, outputs)))


@dataclass(frozen=True)
class FixedRun:
    """A fixed-point run with its weights held: per weight matrix, running sums over the steps, (steps, *shape) each.

    `mean` is the gradient as the updates say it (the mean over random words), `drawn` what this run's words made of it,
    `bound` the enclosure of |rule - mean|; `spikes` (steps, neurons).
    """

    mean: Gradients
    drawn: Gradients
    bound: Gradients
    spikes: Array
    close: tuple[tuple[int, ...], ...] = ()


def is_dual(node: Node) -> bool:
    """Return whether a register is FPTT's multiplier."""
    return node.name.endswith(".dual")


def fixed_run(p: Profile, step: Program, chosen: Task, *, real_spikes: Array | None = None) -> FixedRun:
    """Run the description on the task.

    An update by value or by pulse is minus the rate times the gradient; an update by probability moves by one ulp with
    that probability, so that its mean is; a window's sum is the gradient itself.

    Parameters
    ----------
    p, step, chosen : profile, description and task.
    real_spikes : (steps, neurons) of the real-valued run, which the bound may rely on; without it every spike whose
        margin is too small counts as an error.
    """
    names = list(chosen.weights)
    keep = {name: _gradient_nodes(p, name) for name in names}
    rate = 2.0**p.rate
    close: list[tuple[int, ...]] = []
    history = enclose(
        step,
        chosen.inputs,
        keep=["z.next", *dict.fromkeys(n for pair in keep.values() for n in pair)],
        start=started(step, chosen.weights),
        # FPTT's registers stay with the weights: then its regulariser is zero and the update is the gradient
        frozen=tuple(n.name for n in step.of_kind("state") if n.name in started(step, chosen.weights) or is_dual(n)),
        spikes=None if real_spikes is None else ("z.next", real_spikes),
        close=close,
    )
    out = FixedRun({}, {}, {}, np.array([h["z.next"][0] for h in history]).astype(np.int64), tuple(close))
    for name in names:
        source, sampled = keep[name][:2]
        mean, bound = (np.array([h[source][k] for h in history]) for k in (0, 1))
        drawn = np.array([h[sampled][0] for h in history])
        if p.update == "probability":
            # a word uniform on 1 .. 2**bits - 1 reaches a stored magnitude m with probability m / (2**bits - 1)
            words = step.node(source).format.high
            bound = bound + np.abs(mean) / words
            mean = np.array([np.sign(h[f"{name}.sign"][0]) for h in history]) * mean * ((words + 1) / words)
            drawn = drawn / units_of(p["weight"].format)
        if p.update != "window":
            mean, drawn, bound = (np.cumsum(x, axis=0) * rate for x in (mean, drawn, bound))
        for part, column in ((out.mean, mean), (out.drawn, drawn), (out.bound, bound)):
            part[name] = _aligned(step, source, name, column)
    return out


def _gradient_nodes(p: Profile, name: str) -> tuple[str, ...]:
    """Return (node that says the gradient, node that says what was drawn), and the sign beside a probability."""
    if p.update == "window":
        return f"{name}.sum.added", f"{name}.sum.added"
    if p.update == "probability":
        return f"{name}.magnitude", f"{name}.step", f"{name}.sign"
    return f"{name}.step", f"{name}.step"


def fixed_gradients(p: Profile, step: Program, chosen: Task) -> tuple[Gradients, Array]:
    """Return the fixed-point rule's gradient of the whole task as this run drew it, and its spikes (time, neuron)."""
    run = fixed_run(p, step, chosen)
    return {name: total[-1] for name, total in run.drawn.items()}, run.spikes


def _aligned(step: Program, name: str, like: str, values: Array) -> Array:
    """Return (steps, *axes of `name`) with the axes in the weight's order."""
    own, target = step.node(name).axes, step.node(like).axes
    return values.transpose([0, *(1 + own.index(a) for a in target)])


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
    own: Own | None = None,
) -> Ledger:
    """Return the gradient ledger of a rule on a profile, on a random task or on a network of one's own.

    Parameters
    ----------
    rule : a key of `RULES`. ReckOn's own order of operations has no counterpart in the reference engine: on that
        profile
        the rule is e-prop in the reference order with ReckOn's arithmetic.
    profile : a profile or its name.
    steps, inputs, neurons, outputs, seed : the random task.
    own : weights, spikes and targets in its place; of the above only the seed remains, that of random words.

    Examples
    --------
    >>> entry = ledger("ottt", "spinnaker", steps=12).entries[0]
    >>> entry.parameter, entry.algorithm > entry.arithmetic
    ('W', True)
    """
    p = find_profile(profile)
    if rule not in RULES or rule not in p.rules:
        raise GradcertError(f"rule {rule!r} on {p.name}", allowed=", ".join(p.rules), do="choose one of them")
    if own is None:
        step = RULES[rule](p, inputs=inputs, neurons=neurons, outputs=outputs)
        chosen = task(p, step, steps=steps, seed=seed)
    else:
        p, steps = own.on(p), own.steps
        step = own.described(p, rule)
        chosen = own.task(p, step, seed)
    real, spikes = reference_gradients(p, rule, step, chosen)
    run = fixed_run(p, step, chosen, real_spikes=spikes)
    over_time: list[Entry] = []
    for t in sorted({max(1, steps * k // PARTS) for k in range(1, PARTS + 1)}):
        part = Task(chosen.inputs[:t], chosen.weights)
        bptt, _ = reference_gradients(p, rule, step, part, exact=True)
        real, _ = reference_gradients(p, rule, step, part)
        over_time += [_entry(name, t, bptt[name], real[name], run) for name in chosen.weights]
    flipped = int(np.count_nonzero(np.asarray(spikes) != run.spikes))
    entries = tuple(e for e in over_time if e.steps == steps)
    named, stored = (BUILT_IN, "") if own is None else (own.name, own.rounded(step))
    return Ledger(
        p.name, rule, steps, entries, tuple(over_time), flipped, int(spikes.sum()), run.spikes.size, run.close,
        task=named, stored=stored,
    )  # fmt: skip


def _ratio(difference: Array, whole: Array) -> float:
    size = float(np.linalg.norm(whole))
    return float(np.linalg.norm(difference)) / size if size else float("nan")


def _cosine(a: Array, b: Array) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a.ravel() @ b.ravel()) / size if size else float("nan")


def _entry(name: str, steps: int, bptt: Array, real: Array, run: FixedRun) -> Entry:
    fixed, drawn, bound = (part[name][steps - 1] for part in (run.mean, run.drawn, run.bound))
    active = real != 0
    if name == "H":
        bound = np.where(active | (fixed != 0), bound, 0)  # a masked weight has neither gradient
    agree = float(np.mean(np.sign(real[active]) == np.sign(fixed[active]))) if active.any() else float("nan")
    return Entry(
        parameter=name,
        steps=steps,
        bptt_norm=float(np.linalg.norm(bptt)),
        rule_norm=float(np.linalg.norm(real)),
        algorithm=_ratio(bptt - real, bptt),
        arithmetic=_ratio(real - fixed, real),
        bound=_ratio(bound, real),
        noise=_ratio(fixed - drawn, real),
        cosine_rule=_cosine(bptt, real),
        cosine_fixed=_cosine(real, fixed),
        cosine_total=_cosine(bptt, fixed),
        sign_agreement=agree,
    )
