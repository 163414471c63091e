"""OTTT from BPTT; SLTT as its limit; OTPE."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import unrolled
from gradcert.derivations.proving.common import (
    acronym,
    at_rest,
    cell_steps,
    combined,
    compare_gradients,
    one_layer,
    relative,
)
from gradcert.derivations.proving.induction import entry
from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.proof import Result, named, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, TEMPORAL, Edge, Layer, Lif, Network, Rnn, Rule
from gradcert.reference.engines import Learner, record, reverse
from gradcert.reference.estimators import otpe

LEAK = sympy.Symbol("λ")
#: of the lower and of the upper layer
LEAKS = sympy.symbols("λ_1 λ_2")
HEAD = Rnn(recurrent=False, activation="identity")


def _lif(leak: Any = LEAK, **options: Any) -> Lif:
    """Return the paper's neuron with one leak for the whole layer, a free symbol."""
    return Lif(leak=leak, threshold=sympy.Symbol("θ"), **options)


def _forward() -> list[Equation]:
    """Compare the potential that the code computes with its explicit solution, from rest."""
    p = at_rest(problem(one_layer(_lif(), inputs=1, units=1), steps=3))
    ledger = Ledger()
    record(named(p.network, ledger), p.parameters, p.inputs, numbers=SYMBOLS, initial=p.initial)
    value = {d.symbol: ledger.resolved(d.expression) for d in ledger.definitions.values() if d.node != "z"}
    v = sympy.Symbol("v0^2[0,0]")
    found: Any = v
    for _ in range(12):
        found = sympy.sympify(found).xreplace(value)
    w, b, th = p.parameters["layers.0.W"][0, 0], p.parameters["layers.0.b"][0], sympy.Symbol("θ")
    z = [sympy.Symbol(f"z0^{t}[0,0]") for t in range(3)]
    expected = sum(LEAK ** (2 - t) * (w * p.inputs[t, 0, 0] + b) for t in range(3))
    expected -= th * sum(LEAK ** (2 - t) * z[t] for t in range(2))
    return [Equation(found, expected, "v³")]


def _trace() -> list[Equation]:
    p = problem(one_layer(_lif(), inputs=2, units=2), steps=3)
    learner = Learner(
        named(p.network, Ledger(opaque=False)),
        p.parameters,
        rule=RULES["ottt"],
        steps=3,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    for t in range(3):
        learner.step(p.inputs[t], p.targets[t])
    tangent = learner.traces[0][0, "W", 0]["v"]
    bias = learner.traces[0][0, "b", 0]["v"]
    out = [
        Equation(
            tangent.array[0, j],
            sum(LEAK ** (2 - t) * p.inputs[t, 0, j] for t in range(3)),
            f"{sym('x̂', str(j + 1))} at step 3",
        )
        for j in range(2)
    ]
    return [*out, Equation(bias.array[0, 0], 1 + LEAK + LEAK**2, "b̂ at step 3")]


def _hard() -> list[Equation]:
    """Compare the engine's trace for a hard reset with the filter whose leak is gated by the unit's own spikes."""
    p = at_rest(problem(one_layer(_lif(reset="hard", reset_value=0), inputs=1, units=1), steps=3))
    learner = Learner(
        named(p.network, Ledger(opaque=False)),
        p.parameters,
        rule=RULES["ottt"],
        steps=3,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    for t in range(3):
        learner.step(p.inputs[t], p.targets[t])
    x, z = [p.inputs[t, 0, 0] for t in range(3)], [sympy.Symbol(f"z0^{t}[0,0]") for t in range(2)]
    found = entry(learner.traces[0][0, "W", 0]["v"], 0, 0, 0, 0)
    gated = x[2] + LEAK * (1 - z[1]) * (x[1] + LEAK * (1 - z[0]) * x[0])
    filtered = x[2] + LEAK * x[1] + LEAK**2 * x[0]
    missing = LEAK * z[1] * (x[1] + LEAK * x[0]) + LEAK**2 * (1 - z[1]) * z[0] * x[0]
    return [
        Equation(found, gated, "dv/dw at step 3, STATE alone kept"),
        Equation(filtered - found, missing, "x̂ at step 3 minus dv/dw"),
    ]


def _storage() -> Result:
    p = problem(one_layer(_lif(), inputs=2, units=3), steps=2)
    learner = Learner(
        named(p.network, Ledger()),
        p.parameters,
        rule=RULES["ottt"],
        steps=2,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    for t in range(2):
        learner.step(p.inputs[t], p.targets[t])
    tangent = learner.traces[0][0, "W", 0]["v"]
    right = tangent.form == "outer" and tangent.array.shape == (1, 2)
    failed = () if right else (f"stored as {tangent.form} {tangent.array.shape}",)
    return Result("the trace is one number per presynaptic unit", 1, failed, 0.0)


def _last_layer() -> Result:
    """Run the theorem where it holds; with lateral weights in the last spiking layer it has to fail there."""
    results = []
    for reset in ("subtract_before_leak", "subtract_after_leak", "none"):
        cell = Lif(reset=reset, train=("leak", "threshold") if reset == "none" else ("leak",))
        layers = (Layer(cell, inputs=1, units=2), Layer(cell, inputs=2, units=2), Layer(HEAD, inputs=2, units=1))
        p = problem(Network(layers=layers), steps=3)
        _, online = run("forward", p, RULES["ottt"])
        _, exact = run("reverse", p, RULES["bptt-detached-reset"])
        names = [k for k in online if k.startswith(("layers.1", "layers.2"))]
        results.append(compare_gradients(reset, {k: online[k] for k in names}, {k: exact[k] for k in names}))
    lateral = Lif(recurrent=True, train=("leak",))
    p = problem(Network(layers=(Layer(lateral, inputs=1, units=2), Layer(HEAD, inputs=2, units=1))), steps=3)
    _, online = run("forward", p, RULES["ottt"])
    _, exact = run("reverse", p, RULES["bptt-detached-reset"])
    same = compare_gradients("lateral", {"W": online["layers.0.W"]}, {"W": exact["layers.0.W"]})
    found = combined("last spiking layer", results)
    wrong = () if same.failed else ("with lateral weights OTTT equals BPTT with detached reset, and should not",)
    return replace(found, identities=found.identities + 1, failed=(*found.failed, *wrong))


def _limit() -> Result:
    p = problem(Network(layers=(Layer(_lif(), inputs=1, units=2), Layer(HEAD, inputs=2, units=1))), steps=3)
    _, ottt = run("forward", p, RULES["ottt"], opaque=False)
    _, sltt = run("forward", p, RULES["sltt"], opaque=False)

    def at_zero(grads: dict[str, Any]) -> dict[str, Any]:
        return {
            k: np.array([sympy.sympify(e).subs(LEAK, 0) for e in g.flat]).reshape(g.shape) for k, g in grads.items()
        }

    return compare_gradients("OTTT at λ = 0 is SLTT", at_zero(ottt), at_zero(sltt))


def _otpe() -> Result:
    # the reset of the upper layer out of the graph, its leak kept; everything kept in the parameter's own layer
    truth = Rule("otpe-truth", "BPTT, upper reset detached", TEMPORAL, frozenset({Edge.STATE}))
    results = []
    for live in (True, False):
        row = truth if live else Rule("x", "both resets detached", truth.own - {Edge.RESET}, truth.upper)
        low, high = (_lif(leak) for leak in LEAKS)
        layers = (Layer(low, inputs=1, units=2), Layer(high, inputs=2, units=2), Layer(HEAD, inputs=2, units=1))
        p = at_rest(problem(Network(layers=layers), steps=3))
        found = otpe.gradients(
            named(p.network, Ledger(opaque=False)), p.parameters, p.inputs, p.targets, numbers=SYMBOLS, live_reset=live
        )
        _, exact = run("reverse", p, row, opaque=False)
        name = ("layers.0.W", "layers.0.b")
        results.append(
            compare_gradients(f"own reset live: {live}", {k: found[k] for k in name}, {k: exact[k] for k in name})
        )
    return combined("OTPE on two layers", results)


def _rates() -> list[Equation]:
    """Divide the explicit solution by the sum of the weights of time."""
    a_in, w, b, th, v, total = (sym("a", "in"), sym("W"), sym("b"), sym("θ"), sym("v"), sym("Λ"))
    # sum lam^(T-t) (W x + b) - th sum lam^(T-t) z = v - th z^T, with sum lam^(T-t) x = Λ a_in and so on
    z_last = sym("z", "", "T")
    solved = (w * a_in + b) / th - (v - th * z_last) / (th * total)
    power = sym("λ", "", "T")
    closed, following = (1 - power) / (1 - LEAK), (1 - LEAK * power) / (1 - LEAK)
    rest = sym("u")
    return [
        Equation(total * (w * a_in + b) - th * (total * solved), v - th * z_last, "insert a"),
        Equation(LEAK * closed + 1, following, "Λ at T + 1 from Λ = (1 − λ^T)/(1 − λ)"),
        Equation(
            rest / (th * closed) - (1 - LEAK) * rest / th, (1 - LEAK) * rest / th * power / (1 - power), "the error"
        ),
    ]


def _rate_slope() -> list[Equation]:
    """Let the last term answer to the weight while no spike changes: as much as the term that is kept, with a minus."""
    w, b, th, steps = sym("W"), sym("b"), sym("θ"), 3
    x, z = ([sym(letter, "", str(t + 1)) for t in range(steps)] for letter in "xz")
    past = [LEAK ** (steps - 1 - t) for t in range(steps)]
    v = sum(past[t] * (w * x[t] + b) for t in range(steps)) - th * sum(past[t] * z[t] for t in range(steps - 1))
    a_in = sum(past[t] * x[t] for t in range(steps)) / sum(past)
    last = (v - th * z[-1]) / sum(past)
    kept = (w * a_in + b) / th
    return [
        Equation(sympy.diff(last, w), a_in, "slope of (v − θ z)/Λ by W, no spike changes"),
        Equation(sympy.diff(kept - last / th, w), sympy.S.Zero, "slope of a by W, no spike changes"),
    ]


def _three_factor() -> list[Equation]:
    """For credit that is constant in time the sum over time is credit times the sum of the traces."""
    g, steps = sym("g"), 4
    x = [sym("x", "", str(t + 1)) for t in range(steps)]
    trace, total = sympy.S.Zero, sympy.S.Zero
    for t in range(steps):
        trace = LEAK * trace + x[t]
        total += g * trace
    weights = [sum(LEAK**k for k in range(steps - s)) for s in range(steps)]
    return [Equation(total, g * sum(weights[s] * x[s] for s in range(steps)), "Σ gᵗ x̂ᵗ")]


def _deviation() -> list[Equation]:
    """Let the credit vary by a relative ρ^t around g: what OTTT's sum is off by, and what is left up to η."""
    g, eta, steps = sym("g"), sym("η"), 4
    relative_ = [sym("ρ", "", str(t + 1)) for t in range(steps)]
    trace = [sym("x̂", "", str(t + 1)) for t in range(steps)]
    found = sum(g * (1 + r) * x for r, x in zip(relative_, trace, strict=True))
    off = g * sum(r * x for r, x in zip(relative_, trace, strict=True))
    slack = sum((eta - r) * x for r, x in zip(relative_, trace, strict=True))
    return [
        Equation(found - g * sum(trace), off, "Σ gᵗ x̂ᵗ − g Σ x̂ᵗ"),
        Equation(eta * g * sum(trace) - off, g * slack, "η g Σ x̂ᵗ minus the deviation"),
    ]


def _positive() -> list[Equation]:
    g, r, eta = sympy.symbols("|G| r·G η")
    return [Equation(g**2 + r - g**2 * (1 - eta), r + eta * g**2, "h·G − (1−η)|G|², with h = G + r")]


def _representation() -> list[Equation]:
    """Multiply one entry of OTTT's sum with the same entry g a of the gradient of a network of rates."""
    g, a, eta, steps = sym("g"), sym("a", "in"), sym("η"), 4
    relative_ = [sym("ρ", "", str(t + 1)) for t in range(steps)]
    trace = [sym("x̂", "", str(t + 1)) for t in range(steps)]
    found = sum(g * (1 + r) * x for r, x in zip(relative_, trace, strict=True))
    slack = sum((eta + r) * x for r, x in zip(relative_, trace, strict=True))
    return [
        Equation(
            found * g * a - (1 - eta) * g * sum(trace) * g * a, g**2 * a * slack, "h R − (1−η) G R, with G = g Σ x̂ᵗ"
        )
    ]


def _recurrent() -> list[Equation]:
    """Write p = (I - M)^(-T) c for a fixed point a = f(Fa + Wx): then c = (I - M)^T p."""
    m = sympy.Matrix(2, 2, [sym("M", low) for low in ("11", "12", "21", "22")])
    p = sympy.Matrix([sym("p", "1"), sym("p", "2")])
    c = (sympy.eye(2) - m).T * p
    return [Equation((p.T * c)[0], (p.T * p)[0] - (p.T * m * p)[0], "p·c")]


def networks(seed: int = 16) -> dict[str, tuple[Network, dict[str, Any]]]:
    """Return the worked networks and their weights, by what they are called.

    Seed 16 is the first from 0 at which, in every layer of them all, half of the units or more fire at two of the 20
    steps or more: below a silent layer a gradient says little, and one at it may be nothing.
    """
    plain, hard = Lif(leak=0.5, recurrent=False), Lif(leak=0.5, recurrent=False, reset="hard")
    out = {}
    for label, sizes, cell in (
        ("one layer", (4, 6), plain),
        ("two layers", (4, 6, 5), plain),
        ("three layers", (4, 6, 5, 5), plain),
        ("lateral weights", (4, 6), Lif(leak=0.5, recurrent=True)),
        ("hard reset", (4, 6), hard),
    ):
        layers = [Layer(cell, inputs=a, units=b) for a, b in pairwise(sizes)]
        network = Network(layers=(*layers, Layer(HEAD, inputs=sizes[-1], units=2)))
        out[label] = network, network.parameters(seed=seed, scale=2.0)
    return out


def sequence(seed: int = 1, steps: int = 20) -> tuple[Any, Any]:
    """Return inputs and targets of the worked networks: random bits, and random numbers."""
    rng = np.random.default_rng(seed)
    return (rng.random((steps, 1, 4)) < 0.5).astype(float), rng.random((steps, 1, 2))


def spikes(network: Network, weights: dict[str, Any]) -> list[list[int]]:
    """Return at how many of the steps each unit of a network fires, a list for each spiking layer."""
    tape = record(network, weights, sequence()[0])
    return [[int(n) for n in layer.now["z"].sum(axis=(0, 1))] for layer in tape.layers[:-1]]


def _example() -> Example:
    (network, w), (x, y) = networks()["two layers"], sequence()
    low, high = (", ".join(map(str, counts)) for counts in spikes(network, w))
    target = reverse.gradients(network, w, x, y, rule=RULES["bptt-detached-reset"])
    rows = []
    for name, found in (
        ("ottt", reverse.gradients(network, w, x, y, rule=RULES["ottt"])),
        ("sltt", reverse.gradients(network, w, x, y, rule=RULES["sltt"])),
        ("otpe", otpe.gradients(network, w, x, y, live_reset=False)),
    ):
        flat = [np.concatenate([v["layers.0.W"].ravel()]) for v in (found, target)]
        cosine = float(flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]))
        rows.append(
            (
                acronym(name),
                relative(found, target, "layers.0.W"),
                f"{cosine:.3f}",
                relative(found, target, "layers.1.W"),
            )
        )
    text = (
        "Two LIF layers under a linear head, against BPTT with detached reset, 20 steps; seed 16 for the "
        "weights, 1 for inputs and targets. "
        f"The units of the lower layer fire at {low} of the steps, those of the upper one at {high}. Look at the "
        "cosine of the lower layer beside its error: a direction can be almost right while the vector is far off."
    )
    return Example(text, ("rule", "lower W: error", "lower W: cosine", "upper W: error"), tuple(rows))


def _figure() -> Figure:
    return unrolled(Lif(recurrent=True), RULES["ottt"])


DERIVATION = Derivation(
    name="ottt",
    title="OTTT, SLTT and OTPE",
    motivation=(
        "Cut one edge more than e-prop: keep the leak alone. Then all units of a layer forget at the same rate and see "
        "the same input, so their traces are all the same vector, the filtered presynaptic activity. One number per "
        "presynaptic unit is all the memory that is left, and the update is a product of three factors: what the error "
        "says, how sensitive the postsynaptic unit is, what the presynaptic unit has been doing.",
        "What does one lose? In the last spiking layer only the reset, which many libraries detach anyway. Below "
        "it, the "
        "memory of the layers above; OTPE estimates that with one more filter, and for two layers the estimate "
        "is exact.",
    ),
    statement=(
        "With one leak λ for the layer, x̂^t = λ x̂^(t−1) + x^t, b̂^t = λ b̂^(t−1) + 1 and g^t = ψ^t dE/dz^t through "
        "paths of the same step, the sum over t of g^t x̂^t is the gradient with STATE alone kept, where the reset "
        "subtracts or is absent. With a hard reset the STATE edge is λ(1 − z^(t−1)) and differs from unit to unit; "
        "the row of the table follows it, the published trace does not. For the last spiking layer without lateral "
        "weights, under a head without memory, the row equals BPTT with detached reset. At λ = 0 it is SLTT. OTPE on "
        "two LIF layers, a leak to each, equals BPTT with the upper reset detached.",
        "Descent is another statement, with hypotheses of its own: the weighted rates of the input converge, v stays "
        "bounded, traces are not negative, credit varies in time by a relative η < 1 at most. Then the weighted rates "
        "solve a = (W a_in + b)/θ up to |v − θ z|/(θ Λ), Λ the sum of λ^(T−t) over t. OTTT's update h has a "
        "positive inner product with G = g times the sum of the traces, unless G is 0, and one that is not negative, "
        "and with λ > 0 positive, with R = g a_in, because neither traces nor rates are negative. R is the gradient of "
        "a network of rates, without the last term; that the rates of the spiking network move like that is a "
        "hypothesis too. For a layer with feedback connections at its "
        "fixed point the same holds if the recurrence contracts, |M| < 1, M the derivative of the "
        "fixed-point map. None of it says that OTTT equals BPTT.",
    ),
    steps=(
        Step(
            "ottt.forward",
            "Three steps of the code's LIF, from rest, unrolled: the potential is the filtered drive "
            "minus θ times the filtered earlier spikes.",
            premises=("paths.local-lif-reset-subtract-before-leak-recurrent-true",),
            equations=_forward,
            code=("reference/networks/cells/lif.py:step",),
            source="mathematics.md 7.1",
            sizes="T = 3",
        ),
        Step(
            "ottt.trace",
            "The engine's trace for the rule ottt is the filtered presynaptic activity, the current input "
            "included and not decayed; that of the bias is the geometric sum.",
            premises=("ottt.forward",),
            equations=_trace,
            code=("reference/engines/forward.py:Learner",),
            source="arXiv 2210.04195; mathematics.md 7.1",
            sizes="n = n_in = 2, T = 3",
        ),
        Step(
            "ottt.hard",
            "With a hard reset to 0 the engine's trace for the same row is gated by the unit's own spikes, "
            "m^t = λ(1 − z^(t−1)) m^(t−1) + x^t. The filtered activity, which is what papers and libraries carry, "
            "exceeds it by what was filtered before each spike: it is then not the gradient with STATE alone kept.",
            premises=("ottt.trace",),
            equations=_hard,
            code=("reference/engines/forward.py:Learner", "reference/networks/cells/lif.py:factors"),
            source="mathematics.md 1.1 (form C), 17",
            sizes="one unit, T = 3",
        ),
        Step(
            "ottt.storage",
            "It is stored as one number per presynaptic unit, not per synapse: the engine finds that the "
            "leak is a scalar and keeps the tangent factorised.",
            premises=("ottt.trace",),
            proof=_storage,
            code=("reference/engines/tangent.py",),
            source="mathematics.md 11",
        ),
        *cell_steps(
            "ottt", ("ottt", "sltt"), premises=("paths.sum",), source="arXiv 2210.04195; ICCV 2023; mathematics.md 7"
        ),
        Step(
            "ottt.last-layer",
            "For the last spiking layer, without lateral weights and under a head without memory, nothing else is "
            "dropped: OTTT by the forward engine minus BPTT with detached reset by the reverse engine expands to 0. "
            "With lateral weights it does not, and that is checked too: RECURRENT is dropped as well.",
            premises=("ottt.trace", "ostl.one-layer"),
            proof=_last_layer,
            code=("reference/engines/forward.py",),
            source="mathematics.md 12.4",
            sizes="1 → 2 → 2 → 1, T = 3, three resets",
        ),
        Step(
            "ottt.limit",
            "With the leak set to 0, OTTT's gradient is SLTT's: backpropagation within each step.",
            premises=("ottt.trace",),
            proof=_limit,
            code=("reference/rules/rows",),
            source="mathematics.md 7.3, 12.4",
            sizes="1 → 2 → 1, T = 3",
        ),
        Step(
            "ottt.otpe",
            "OTPE filters the output's derivative once more, with the leak of the next layer: that is the "
            "path through the upper potential. On two layers it is the exact gradient with the upper reset detached, "
            "whether or not the lower layer's own reset is live.",
            premises=("ottt.last-layer", "depth.two-layers"),
            proof=_otpe,
            code=("reference/estimators/otpe.py",),
            source="arXiv 2311.16151; mathematics.md 9, 12.8",
            sizes="1 → 2 → 2 → 1, T = 3",
        ),
        Step(
            "ottt.rates",
            "Divide ottt.forward by Λ, the sum of the weights λ^(T−t): the weighted rate a "
            "is (W a_in + b)/θ up to (v − θ z)/(θ Λ). Hypotheses: "
            "the weighted rate a_in of the input converges, and v stays bounded, which it "
            "does while the representation lies in [0, 1]; beyond, the rate saturates. Without a leak Λ = T and the "
            "error vanishes as T grows. With one Λ stays below 1/(1 − λ), and an error of (1 − λ)|v − θ z|/θ stays "
            "for ever.",
            premises=("ottt.forward",),
            equations=_rates,
            source="arXiv 2210.04195, theorem (hypotheses from memory, mathematics.md 7.1)",
        ),
        Step(
            "ottt.rate-slope",
            "The last term may be small; its slope is not. While no spike changes (v − θ z)/Λ answers to W with a_in, "
            "for every λ and T, so that a answers with 0. That a answers with a_in/θ, as it does in a network of "
            "rates, is therefore no consequence of ottt.rates, but a hypothesis.",
            premises=("ottt.forward", "ottt.rates"),
            equations=_rate_slope,
            source="mathematics.md 7.1",
            sizes="T = 3",
        ),
        Step(
            "ottt.three-factor",
            "Hypothesis: the credit g is constant in time. Then OTTT's sum is g times a weighted "
            "sum of inputs with positive weights, the sum of the traces. Those are not the weights of a_in: an early "
            "input weighs most here and least there. So it is no multiple of g a_in, a network of rates' gradient.",
            premises=("ottt.trace", "ottt.rates"),
            equations=_three_factor,
            source="arXiv 2210.04195; mathematics.md 7.1",
            sizes="T = 4",
        ),
        Step(
            "ottt.deviation",
            "Hypothesis: the instantaneous factors, pseudo-derivative and error, vary in time, each credit by a "
            "relative ρ^t with |ρ^t| ≤ η, and no trace is negative (spikes and non-negative inputs). Then every "
            "entry of the sum is off by at most η times the entry with constant credit: the last term is a sum of "
            "products of non-negative factors.",
            premises=("ottt.three-factor",),
            equations=_deviation,
            source="arXiv 2210.04195, bounded relative error (hypotheses from memory, mathematics.md 7.1)",
            sizes="T = 4, entry by entry",
        ),
        Step(
            "ottt.descent",
            "So the deviation r from G = g times the sum of the traces obeys |r| ≤ η|G| with η < 1. By Cauchy-Schwarz "
            "r·G ≥ −η|G|², so h·G ≥ (1−η)|G|² > 0. It is a statement about direction, not about equality with BPTT.",
            premises=("ottt.deviation", "depth.cauchy-schwarz"),
            equations=_positive,
            source="arXiv 2210.04195",
        ),
        Step(
            "ottt.representation",
            "From G to R = g a_in, a network of rates' gradient, entry by entry: h R exceeds (1 − η) G R by a sum "
            "of products of non-negative factors, if |ρ^t| ≤ η and neither traces nor rates are negative; and G R is "
            "g² times a sum of traces times a rate. That is not negative, and with λ > 0 it is positive where g is not "
            "0 and an input was ever above 0; with λ = 0 an input 1, 0 has the sum 1 and the rate 0. Without that "
            "hypothesis on ρ the last step does not close: two vectors that both have a positive product with a third "
            "may point away from each other.",
            premises=("ottt.descent", "ottt.rates"),
            equations=_representation,
            source="arXiv 2210.04195; mathematics.md 17",
            sizes="T = 4, entry by entry",
        ),
        Step(
            "ottt.recurrent",
            "With feedback connections the rates are a fixed point, if they converge, and the credit p through the "
            "fixed point, which the gradient has, solves c = (I − M)^T p, where c is the credit within a step, which "
            "is OTTT's, and M the derivative of the fixed-point map by the rates. Then p·c = |p|² − p·Mp ≥ "
            "(1 − |M|)|p|². Hypothesis: the recurrence contracts, |M| < 1 in the spectral norm; it is what makes the "
            "fixed point unique as well.",
            premises=("ottt.representation", "depth.product-norm"),
            equations=_recurrent,
            source="arXiv 2210.04195; implicit differentiation",
            sizes="n = 2",
        ),
    ),
    example=_example,
    traps=(
        Trap("T13", "The new input decayed once too often: λ(x̂ + x) instead of λ x̂ + x."),
        Trap("T14", "The leak of the presynaptic layer in the trace; the derivation needs the postsynaptic one."),
        Trap(
            "T30", "The bias without its own trace: error .45 on another network, and so it is in the published code."
        ),
        Trap("T33", "A neuron that scales its input by 1 − λ (not here): that missing in the trace, or applied twice."),
        Trap(
            "T69",
            "The first layer not traced. For constant input the trace is x(1 − λ^t)/(1 − λ): a multiple of x, another "
            "one at every step.",
        ),
        Trap("T63", "The loss of SLTT at random steps divided by T although only some of the T steps contribute."),
        Trap("T76", "OTPE's second filter on the last layer, or with the wrong leak."),
        Trap("T77", "OTPE's second eligibility, ẽ, updated twice per step."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Lif, Network, Rnn
from gradcert.reference.engines import forward, reverse

head = Rnn(recurrent=False, activation="identity")
network = Network(layers=(Layer(Lif(leak=0.5), inputs=3, units=5), Layer(head, inputs=5, units=2)))
w = network.parameters(seed=0, scale=2.0)
x, y = np.random.default_rng(0).random((9, 1, 3)), np.zeros((9, 1, 2))
online = forward.gradients(network, w, x, y, rule=RULES["ottt"])
exact = reverse.gradients(network, w, x, y, rule=RULES["bptt-detached-reset"])
print({name: abs(online[name] - exact[name]).max() for name in exact})
""",
    figures=(_figure,),
    notation={
        "G": "g times the sum of the traces",
        "M": "derivative of the fixed-point map by the rates",
        "R": "gradient of a network of rates, g a_in",
        "a": "weighted firing rate; a_in that of the input",
        "b": "bias (b̂: its trace)",
        "c": "in ottt.recurrent: credit within a step, a vector over the units",
        "g": "credit at the membrane: ψ times dE/dz through the same step",
        "h": "what OTTT computes",
        "m": "derivative of v by a weight",
        "p": "in ottt.recurrent: credit through the fixed point, a vector over the units",
        "r": "deviation of h from G",
        "Λ": "sum of λ^(T−t) over t",
        "η": "bound on the relative variation of credit in time, below 1",
        "ρ": "relative variation of credit at a step",
    },
)
