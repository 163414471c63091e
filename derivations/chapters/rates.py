"""Rate-based backpropagation and NDOT: a decay that depends on the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.branches import Branching, regions
from gradcert.derivations.algebra.derivative import differentiate, expressions, kept_derivative
from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import heat_map
from gradcert.derivations.parts.spiking import LEAKS, THRESHOLD, agree, run_rule, stack, tape_of, values, written
from gradcert.derivations.proving.common import at_rest, combined, compare_gradients, minus, relative
from gradcert.derivations.proving.notation import code_step, sym
from gradcert.derivations.proving.proof import Problem, Result, named, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Loss, Network
from gradcert.reference.engines import record, reverse
from gradcert.reference.estimators import membrane_step, ndot, rate_based
from gradcert.reference.networks import with_loss
from gradcert.reference.networks.cells import lif
from gradcert.reference.numbers import FLOAT64

LEAK = sympy.Symbol("λ")
RESETS: tuple[tuple[str, bool], ...] = (("subtract_before_leak", False), ("subtract_before_leak", True), ("hard", True))


def _one(reset: str, steps: int) -> Problem:
    options: dict[str, Any] = {"reset_value": 0} if reset == "hard" else {}
    cell = Lif(leak=LEAK, threshold=THRESHOLD, reset=reset, **options)
    return at_rest(problem(Network(layers=(Layer(cell, inputs=1, units=1),)), steps=steps))


def _decay(reset: str, live: bool, v: Any, z: Any, psi: Any) -> Any:
    """Return dv^t/dv^(t-1) as printed, from the values of the step before."""
    if reset == "hard":
        return LEAK * (1 - z) - LEAK * v * psi
    return LEAK * (1 - THRESHOLD * psi) if live else LEAK


def _kappa() -> list[Equation]:
    out, steps = [], 3
    for reset, live in RESETS:
        layer = tape_of(_one(reset, steps)).layers[0]
        v, z, psi = (values_[:, 0, 0] for values_ in (layer.now["v"], layer.now["z"], layer.factors[lif.OUTPUT]))
        total = sympy.S.Zero
        for t in range(steps):
            for s in range(t + 1):
                product = sympy.S.One
                for k in range(s, t):
                    product *= _factor(layer, reset, live, k, v[k], z[k], psi[k])
                total += psi[t] * product / steps
        found = rate_based.rate_slope(layer, live_reset=live)[0, 0]
        out.append(Equation(found, total, f"dr/dI, {reset.replace('_', ' ')}, reset {'live' if live else 'detached'}"))
    return out


def _factor(layer: Any, reset: str, live: bool, k: int, v: Any, z: Any, psi: Any) -> Any:
    """Return the printed decay from step k to k + 1, its local derivatives under the names that the engine uses."""
    if reset != "hard":
        return _decay(reset, live, v, z, psi)
    # the engine's names for λ(1 - z) and -λ v; that they are these is proved in paths.local
    return layer.factors[lif.STATE][k + 1, 0, 0] + layer.factors[lif.RESET][k + 1, 0, 0] * psi


def _printed() -> list[Equation]:
    """Compare the local derivatives of the code with the printed decay, one step: added up by hand and by the code."""
    out = []
    for reset, live in RESETS:
        options: dict[str, Any] = {"reset_value": 0} if reset == "hard" else {}
        code = code_step(Lif(reset=reset, bias=False, train=("leak", "threshold"), **options)).factors
        v, z, psi, th = sym("v", "", "t-1"), sym("z", "", "t-1"), sym("ψ", "", "t-1"), sym("θ")
        found = code[lif.STATE] + (code[lif.RESET] * psi if live else 0)
        lam = sym("λ")
        printed = _decay(reset, live, v, z, psi).xreplace({LEAK: lam, THRESHOLD: th})
        label = f"{reset.replace('_', ' ')}, reset {'live' if live else 'detached'}"
        out.append(Equation(found, printed, f"dv/dv', {label}"))
        p = _one(reset, 2)
        tape = record(named(p.network, Ledger(opaque=False)), p.parameters, p.inputs, numbers=SYMBOLS).layers[0]
        before = (tape.now["v"][0, 0, 0], tape.now["z"][0, 0, 0], tape.factors[lif.OUTPUT][0, 0, 0])
        by_code = np.broadcast_to(membrane_step(tape, 1, live_reset=live), (1, 1))[0, 0]
        out.append(Equation(by_code, _decay(reset, live, *before), f"dv/dv', as the code makes it, {label}"))
    return out


def _constant() -> Result:
    """Compare dr/dI with the exact derivative of the mean output by a bias, all edges kept."""
    results = []
    for reset in ("subtract_before_leak", "subtract_after_leak", "hard"):
        p, steps = problem(_one(reset, 3).network, steps=3), 3  # from any state
        ledger = Ledger()
        layer = record(named(p.network, ledger), p.parameters, p.inputs, numbers=Branching(), initial=p.initial)
        found = rate_based.rate_slope(layer.layers[0])[0, 0]
        locals_, wrong = differentiate(ledger, p.free)
        ring = Ring([*expressions(locals_), sympy.sympify(found)])
        exact = kept_derivative(p.network, locals_, ring, RULES["bptt"], 0, feedback={})
        bias = p.parameters["layers.0.b"][0]
        total = sum((exact[z].get((bias, 0), ring.zero) for z in layer.layers[0].now["z"].flat), ring.zero)
        failed = list(wrong)
        if not ring.vanishes(ring(found) * steps - total):
            failed.append("dr/dI differs from the derivative of the mean output by the bias")
        results.append(Result(reset, 1, tuple(failed), 0.0))
    return combined("constant current", results)


def _chain() -> Result:
    """Compare the gradients of two layers with dE/dr dr/dI (x) mean input, written out."""
    return combined("two layers", [_two_layers(share) for share in ("sum", "mean")])


def _two_layers(reduction: str) -> Result:
    p = stack()
    p = replace(p, network=with_loss(p.network, batch=reduction))
    steps, batch = p.inputs.shape[:2]
    share = sympy.Rational(1, batch) if reduction == "mean" else 1
    found = run_rule(p, rate_based)
    low, high = tape_of(p).layers
    slope = [rate_based.rate_slope(layer) for layer in (low, high)]
    weight = p.parameters["layers.1.W"]
    top = np.empty((batch, 2), dtype=object)
    for b, i in np.ndindex(top.shape):
        top[b, i] = (
            sum(high.now["z"][t, b, i] - p.targets[t, b, i] for t in range(steps)) * share / sympy.Integer(steps)
        )
    credit = [np.empty((batch, 2), dtype=object), top * slope[1]]
    for b, j in np.ndindex(batch, 2):
        credit[0][b, j] = slope[0][b, j] * sum(weight[i, j] * credit[1][b, i] for i in range(2))

    def of_weight(layer: int, index: tuple[int, ...], t: int, b: int) -> Any:
        return credit[layer][b, index[0]] * (low, high)[layer].x[t, b, index[1]] / sympy.Integer(steps)

    def of_bias(layer: int, index: tuple[int, ...], t: int, b: int) -> Any:
        return credit[layer][b, index[0]] / sympy.Integer(steps)

    return agree(f"rate-based, two layers, {reduction} over samples", found, written(p, {"W": of_weight, "b": of_bias}))


def _membranes(layer: Any, b: int, j: int) -> list[Any]:
    """Return u^t = v^t - θ z^t of one unit, u^0 = 0 in front."""
    now = layer.now
    return [sympy.S.Zero, *(now["v"][t, b, j] - THRESHOLD * now["z"][t, b, j] for t in range(len(now["v"])))]


def _ndot() -> Result:
    """Run the rule for every way in which the clamps can fall out."""
    p = stack(steps=4, batch=1, units=1)
    low = tape_of(p).layers[0]
    u = _membranes(low, 0, 0)
    ratio = {t: u[t + 1] / u[t] for t in range(1, 4)}  # ratio^t, steps counted from 0; that of the first step is λ
    v = values(p)
    results = []
    for found in regions(list(ratio), ("below", "inside", "above")):
        decay = {t: {"below": -LEAKS[0], "inside": ratio[t], "above": LEAKS[0]}[found[t]] for t in ratio}
        decay[0] = LEAKS[0]
        region = {ratio[t]: name for t, name in found.items()}

        def decide(value: Any, relation: str, bound: Any, region: dict[Any, str] = region) -> bool:
            return region.get(value) == ("above" if relation == ">" else "below")

        def weight(layer: int, index: tuple[int, ...], t: int, b: int, decay: dict[int, Any] = decay) -> Any:
            i, j = index
            total = sympy.S.Zero
            for k in range(t + 1):
                factors = [decay[s] if layer else LEAKS[0] for s in range(k, t)]
                total += sympy.Mul(*factors) * v.x[layer][k, b, j]
            return v.delta[layer][t, b, i] * v.psi[layer][t, b, i] * total

        code = _run_ndot(p, decide)
        label = ", ".join(f"{name} at {t + 1}" for t, name in found.items())
        results.append(agree(f"ratio {label}", code, written(p, {"W": weight})))
    return combined("NDOT on every branch of the clamp", results)


def _run_ndot(p: Problem, clamp: Any) -> dict[str, Any]:
    """Run the rule with its clamps decided; what the ratio divides by is 0 where it is the number 0, no symbol."""

    def decide(value: Any, relation: str, bound: Any) -> bool:
        return bool(value == 0) if relation in (">=", "<=") else clamp(value, relation, bound)

    found: dict[str, Any] = ndot.gradients(
        named(p.network, Ledger()), p.parameters, p.inputs, p.targets, numbers=Branching(decide=decide)
    )
    return found


def _telescope() -> list[Equation]:
    """Write out the trace with unclamped ratios, from step 2 on: the products of ratios collapse."""
    z = [sym("z", "", str(t)) for t in (1, 2, 3, 4)]
    u = [sym("u", "", str(t)) for t in (1, 2, 3)]
    ratios = np.array([[[LEAK]], [[u[1] / u[0]]], [[u[2] / u[1]]], [[0]]], dtype=object)
    trace = ndot.presynaptic_trace(np.array(z, dtype=object)[:, None, None], ratios)[3, 0, 0]
    first = LEAK * u[2] / u[0] * z[0]  # the ratio of the first step is λ by convention: there is no u before it
    return [Equation(trace, first + u[2] / u[0] * z[1] + u[2] / u[1] * z[2] + z[3], "x̂ at step 4")]


def _ratio() -> list[Equation]:
    """Insert one step of the code's LIF into the ratio."""
    code = code_step(Lif(bias=False, train=("leak", "threshold")))
    drive = sym("I", "a", "t")
    v_now = code.nodes["v"].xreplace({sym("a", "", "t"): drive})
    before, th, z_now = sym("v", "", "t-1") - sym("θ") * sym("z", "", "t-1"), sym("θ"), sym("z", "", "t")
    ratio = (v_now - th * z_now) / before
    return [Equation(ratio, sym("λ") + (drive - th * z_now) / before, "ratio at t")]


def _as_ottt() -> Result:
    p = stack(leaks=(LEAK, LEAK), batch=1)
    found = _run_ndot(p, lambda value, relation, bound: relation == ">")
    _, ottt = run("forward", at_rest(p), RULES["ottt"])
    return compare_gradients("all ratios clamped to λ", found, ottt)


def _network(seed: int = 25) -> tuple[Network, dict[str, Any], dict[str, Any], Any]:
    """Return the worked network, its weights, its two inputs by what they are called, and the targets.

    Seed 25 is the first from 0 at which, with both inputs, half of the units of each layer or more fire at two of the
    24 steps or more, and not at all of them: a unit that is silent, or fires always, has no rate that could move.
    """
    network = Network(layers=(Layer(Lif(leak=0.5), inputs=4, units=6), Layer(Lif(leak=0.5), inputs=6, units=2)))
    drawn = np.random.default_rng(8).random((24, 1, 4))
    inputs = {"constant input": np.repeat(drawn[:1], 24, axis=0), "random spikes": (drawn < 0.5) * 1.0}
    return network, network.parameters(seed=seed, scale=2.0), inputs, np.full((24, 1, 2), 0.5)


def _example() -> Example:
    network, w, inputs, y = _network()
    of_rates = replace(network, loss=Loss(when="mean"))
    rows, fired = [], []
    for label, x in inputs.items():
        ottt = reverse.gradients(network, w, x, y, rule=RULES["ottt"])
        follows = ndot.gradients(network, w, x, y)
        rate = rate_based.gradients(network, w, x, y)
        exact = reverse.gradients(of_rates, w, x, y, rule=RULES["bptt"])
        cells = [relative(follows, ottt, "layers.1.W")]
        for name in ("layers.1.W", "layers.0.W"):
            size = np.linalg.norm(rate[name]) * np.linalg.norm(exact[name])
            cells += [relative(rate, exact, name), minus(f"{float((rate[name] * exact[name]).sum() / size):.3f}")]
        rows.append((label, *cells))
        low, high = (", ".join(str(int(n)) for n in q.now["z"].sum(axis=(0, 1))) for q in record(network, w, x).layers)
        fired.append(
            f"with {label} the units of the lower layer fire at {low} of the steps, those of the upper at {high}"
        )
    text = (
        "Two LIF layers, 24 steps; seed 25 for the weights, 8 for the inputs; all targets are .5. "
        f"{'; '.join(fired).capitalize()}. NDOT's upper weights against OTTT's, and the rate-based gradient against "
        "that of the loss of rates by BPTT, reset live: one assumes that the membrane tells how fast to forget, the "
        "other that nothing changes."
    )
    columns = ("input", "NDOT, upper W", "rate-based, upper W: error", "cosine", "lower W: error", "cosine")
    return Example(text, columns, tuple(rows))


def _figure() -> Figure:
    """Draw |ratio| of six units over time, clamped."""
    network = Network(layers=(Layer(Lif(leak=0.8), inputs=4, units=6),))
    rng = np.random.default_rng(1)
    x = (rng.random((12, 1, 4)) < 0.5) * 1.0
    layer = record(network, network.parameters(seed=4, scale=2.0), x).layers[0]
    found = abs(ndot.ratios(layer, FLOAT64)[:, 0].T)
    fired = ", ".join(str(int(n)) for n in layer.now["z"].sum(axis=(0, 1)))
    caption = f"|ratio| of six LIF units at λ = .8, clamped to [−λ, λ]. They fire at {fired} of the 12 steps."
    return heat_map(found.tolist(), caption, rows="unit", columns="t")


DERIVATION = Derivation(
    name="rates",
    title="Rate-based backpropagation and NDOT",
    motivation=(
        "If the current into a neuron did not change, one number would describe its response: how its firing rate "
        "moves with the current. Rate-based backpropagation computes that number with a recursion over the sequence, "
        "and then forgets time: one backward pass over rates, as in a network without memory.",
        "NDOT goes the other way and lets the data say how fast a trace forgets: the decay from one step to the next "
        "is the ratio of the membrane potentials themselves. Neither is a cut of edges. Both are sums that can be "
        "written down, and the code can be held against them.",
    ),
    statement=(
        "With κ^t = 1 + J^t κ^(t−1) and J^t = dv^t/dv^(t−1), (1/T) times the sum of ψ^t κ^t is the exact derivative "
        "of the mean output by a constant current, reset live; weights then use the mean input. NDOT's trace is the "
        "sum over k ≤ t of r^k r^(k+1) … r^(t−1) z^k with r^t = u^t / u^(t−1), u = v − θ z, clamped to [−λ, λ] "
        "and λ at the first step. r^t = λ + (I^t − θ z^t)/u^(t−1): it is λ, and NDOT is OTTT, where nothing comes in "
        "or goes out.",
    ),
    steps=(
        Step(
            "rates.decay",
            "The decay of κ for three resets, as printed, is what the cell's local derivatives add up to: the STATE "
            "edge and, where the reset is live, the RESET edge times the pseudo-derivative of the step before.",
            premises=("paths.local-lif-reset-subtract-before-leak-recurrent-true", "osttp.split"),
            equations=_printed,
            code=("reference/estimators/common.py:membrane_step", "reference/networks/cells/lif.py:factors"),
            source="arXiv 2410.11488; mathematics.md 10",
            sizes="every size (elementwise)",
        ),
        Step(
            "rates.kappa",
            "The code's recursion is the double sum: a current at step s is remembered through every decay from s to "
            "t.",
            premises=("rates.decay",),
            equations=_kappa,
            code=("reference/estimators/rate_based.py:rate_slope",),
            source="arXiv 2410.11488; mathematics.md 10",
            sizes="T = 3",
        ),
        Step(
            "rates.constant",
            "A bias is a current that is constant in time. T dr/dI minus the sum over t of dz^t/db, all edges kept and "
            "differentiated by SymPy, expands to 0: with the reset live the slope of the rate is exact.",
            premises=("rates.kappa", "paths.sum"),
            proof=_constant,
            code=("reference/estimators/rate_based.py:rate_slope",),
            source="mathematics.md 10",
            sizes="T = 3, three resets",
        ),
        Step(
            "rates.chain",
            "Two layers: the error at the mean output, times the slope of each layer's rate, down through the weights; "
            "every weight meets the mean of its input. Nothing else of the sequence enters.",
            premises=("rates.kappa", "paths.loss"),
            proof=_chain,
            code=("reference/estimators/rate_based.py:gradients",),
            source="arXiv 2410.11488; mathematics.md 10",
            sizes="2 → 2 → 2, T = 3, two samples; sum and mean over them",
        ),
        Step(
            "rates.ndot",
            "NDOT's code takes a choice wherever a ratio leaves [−λ, λ]. It is run for all three outcomes of every "
            "ratio, and each time the gradient is the sum with the products of decays written out. The first layer "
            "has no membrane below it and forgets with λ; the ratio of the first step, whose denominator is 0, is λ.",
            premises=("paths.loss",),
            proof=_ndot,
            code=("reference/estimators/ndot.py:gradients", "reference/estimators/ndot.py:ratios"),
            source="Jiang et al., ICML 2024, through third-party notes; mathematics.md 7.4",
            sizes="2 → 1 → 2, T = 4, all 27 branches",
        ),
        Step(
            "rates.telescope",
            "Where no clamp acts, the product of the ratios from k to t − 1 is u^(t−1)/u^(k−1): a spike counts by what "
            "the membrane was when it was fired, and an early membrane near 0 makes one spike outweigh all others.",
            premises=("rates.ndot",),
            equations=_telescope,
            code=("reference/estimators/ndot.py:presynaptic_trace",),
            source="mathematics.md 7.4",
            sizes="T = 4",
        ),
        Step(
            "rates.ratio",
            "One step of the code's LIF, inserted: the ratio is the leak plus what came in and was reset, relative to "
            "the membrane. With input the ratio measures the input as much as the decay.",
            premises=("rates.ndot",),
            equations=_ratio,
            code=("reference/networks/cells/lif.py:step",),
            source="mathematics.md 7.4",
            sizes="every size (elementwise)",
        ),
        Step(
            "rates.ottt",
            "On the branch where every ratio is clamped to λ, and with one leak in both layers, NDOT is OTTT.",
            premises=("rates.ndot", "ottt.trace"),
            proof=_as_ottt,
            code=("reference/estimators/ndot.py:ratios", "reference/engines/forward.py:Learner"),
            source="mathematics.md 7.4",
            sizes="2 → 2 → 2, T = 3",
        ),
    ),
    example=_example,
    traps=(
        Trap("T73", "The ratio with a zero denominator or without its clamp, or taken from the wrong layer."),
        Trap("T82", "κ updated with ψ of step t instead of t−1, or the threshold hard-coded as 1."),
        Trap("T124", "A test with constant input: the assumption of rates holds there, and nothing else is tested."),
        Trap(
            "T14", "The presynaptic layer's membrane in the decay, although the derivation concerns the postsynaptic."
        ),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Lif, Loss, Network
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import rate_based

layers = (Layer(Lif(leak=0.5), inputs=3, units=4),)
network, of_rates = Network(layers=layers), Network(layers=layers, loss=Loss(when="mean"))
w = network.parameters(seed=3, scale=2.0)
x, y = np.repeat(np.random.default_rng(0).random((1, 1, 3)), 12, axis=0), np.ones((12, 1, 4))  # constant in time
rate = rate_based.gradients(network, w, x, y)
exact = reverse.gradients(of_rates, w, x, y, rule=RULES["bptt"])
print({name: abs(rate[name] - exact[name]).max() for name in exact})  # rounding, and no more
""",
    figures=(_figure,),
    notation={
        "I": "current into a neuron",
        "J": "one-step derivative of the membrane potential",
        "r": "rate, the mean output; r^t in NDOT: ratio of successive membrane potentials",
        "u": "membrane potential after the reset, v − θ z",
        "κ": "derivative of v by a constant current",
    },
)
