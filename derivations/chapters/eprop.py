"""e-prop, from OSTL by cutting edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.derivative import differentiate
from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS, function_pair
from gradcert.derivations.figures import unrolled
from gradcert.derivations.proving.common import acronym, cell_steps, combined, compare_gradients, one_layer, relative
from gradcert.derivations.proving.induction import entry
from gradcert.derivations.proving.notation import code_step, sym
from gradcert.derivations.proving.proof import Result, named, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Alif, Integrator, Layer, Network, Rnn, Rule, rule_named
from gradcert.reference.engines import Learner, reverse
from gradcert.reference.networks import alif
from gradcert.reference.numbers import spike

ALIF = Alif(bias=False, recurrent=True, train=("leak", "threshold", "beta", "rho"))


def _traces() -> list[Equation]:
    """Compare two steps of the engine's traces with the published recursion."""
    p = problem(Network(layers=(Layer(ALIF, inputs=2, units=2),)), steps=3)
    learner = Learner(
        named(p.network, Ledger(opaque=False)),
        p.parameters,
        rule=RULES["e-prop"],
        steps=3,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    lam, rho, beta = (p.parameters[f"layers.0.{k}"] for k in ("leak", "rho", "beta"))
    out = []
    filtered: dict[tuple[int, int], Any] = {}
    adaptation: dict[tuple[int, int], Any] = {}
    slopes: list[Any] = []
    for t in range(3):
        learner.step(p.inputs[t], p.targets[t])
        trace = learner.traces[0][0, "W", 0]
        for i, j in np.ndindex(2, 2):
            # epsa^t = psi^(t-1) xh^(t-1) + (rho - beta psi^(t-1)) epsa^(t-1)
            psi = slopes[t - 1][i] if t else 0
            before, a_before = filtered.get((i, j), 0), adaptation.get((i, j), 0)
            adaptation[i, j] = psi * before + (rho[i] - beta[i] * psi) * a_before
            filtered[i, j] = lam[i] * before + p.inputs[t, 0, j]
            if t:
                hat = sym("x̂", f"{i + 1}{j + 1}")
                out.append(Equation(entry(trace["v"], 0, i, i, j), filtered[i, j], f"{hat}, step {t + 1}"))
                found = entry(trace["k"], 0, i, i, j) if "k" in trace else 0
                out.append(Equation(found, adaptation[i, j], f"ε_a{i + 1}{j + 1}, step {t + 1}"))
        slopes.append(learner.before[0].factors[alif.OUTPUT][0])
    return out


def _scaling() -> list[Equation]:
    """Write the derivatives of a spike with a scaled pseudo-derivative out, and compare with the cell's."""
    out = []
    v, k, th, beta = sym("v", "", "t"), sym("k", "", "t"), sym("θ"), sym("β")
    for scaling, scale in (("threshold", th), ("adaptive_threshold", th + beta * k)):
        cell = Alif(bias=False, scaling=scaling, train=("leak", "threshold", "beta", "rho"))
        factors = code_step(cell).factors
        slope = function_pair(spike(cell.surrogate, strict=cell.strict).name)[1]
        psi = slope(sympy.expand((v - th - beta * k) / scale)) / scale
        # by the quotient: 1/u for the distance, and (v - A)/u times u' for the scale
        distance = (v - th - beta * k) / scale
        through = {"threshold": (1 + distance, 1), "adaptive_threshold": (1 + distance, 1 + distance)}[scaling]
        by_threshold, by_adaptation = through
        out += [
            Equation(factors[alif.OUTPUT], psi, f"scaling by the {scaling.replace('_', ' ')}: dz/dv"),
            Equation(factors[alif.THRESHOLD_STATE], -beta * psi * by_adaptation, "dz/dk"),
            Equation(factors[alif.THRESHOLD], -psi * by_threshold, "dz/dθ"),
            Equation(factors[alif.BETA], -k * psi * by_adaptation, "dz/dβ"),
        ]
    return out


def _choices() -> Iterator[tuple[Any, ...]]:
    """Return every combination of the cell's conventions, in the order reset, gain, adaptation_gain, scaling."""
    values = {c.option: c.values for c in Alif.conventions}
    return product(*(values[option] for option in ("reset", "gain", "adaptation_gain", "scaling")))


def _options() -> Result:
    """Differentiate the step of every combination of options, and compare with the factors of the cell."""
    failed, count = [], 0
    for reset, gain, adaptation, scaling in _choices():
        cell = Alif(
            reset=reset,
            gain=gain,
            adaptation_gain=adaptation,
            scaling=scaling,
            recurrent=True,
            resistance=sympy.Symbol("R"),
            train=("leak", "threshold", "beta", "rho"),
        )
        p = problem(one_layer(cell, inputs=1, units=1), steps=2)
        ledger, _ = run("reverse", p, RULES["bptt"])
        count += len(ledger.factors)
        _, wrong = differentiate(ledger, p.free)
        failed += [f"{reset}, {gain}, {adaptation}, {scaling}: {sentence}" for sentence in wrong]
    return Result("every option of the adaptive neuron", count, tuple(failed), 0.0)


def _equivalent() -> list[Equation]:
    psi, x, rho, beta, eps = (sym("ψ", "", "t-1"), sym("x̂", "", "t-1"), sym("ρ"), sym("β"), sym("ε_a", "", "t-1"))
    e = psi * (x - beta * eps)
    return [Equation(psi * x + (rho - beta * psi) * eps, rho * eps + e, "εₐ at t")]


def _filter() -> list[Equation]:
    """Sum over t of L^t times the filtered e is the sum over s of e^s times the future of L, discounted."""
    kappa, steps = sym("κ"), 4
    signal = [sym("L", "", str(t + 1)) for t in range(steps)]
    e = [sym("e", "", str(t + 1)) for t in range(steps)]
    bar, online = sympy.S.Zero, sympy.S.Zero
    for t in range(steps):
        bar = kappa * bar + e[t]
        online += signal[t] * bar
    offline = sum(e[s] * sum(kappa ** (t - s) * signal[t] for t in range(s, steps)) for s in range(steps))
    return [Equation(online, offline, "Σ Lᵗ ēᵗ")]


def _stopped() -> Result:
    """Compare e-prop with the graph in which the spike is stopped on its way into lateral weights and the reset."""
    graph = Rule("stopped", "lateral and reset spikes stopped", RULES["e-prop"].own, RULES["e-prop"].own)
    cell = Alif(recurrent=True, train=("leak", "threshold", "beta", "rho"))
    readout = Integrator(train=("kappa",))
    one = (Layer(cell, inputs=1, units=2), Layer(readout, inputs=2, units=1))
    two = (Layer(cell, inputs=1, units=1), Layer(cell, inputs=1, units=2), Layer(readout, inputs=2, units=1))
    results, failed = [], []
    for layers in (one, two):
        p = problem(Network(layers=layers), steps=3)
        found, exact = run("forward", p, RULES["e-prop"])[1], run("reverse", p, graph)[1]
        top = [k for k in found if int(k.split(".")[1]) >= len(layers) - 2]
        label = f"{len(layers) - 1} hidden"
        results.append(compare_gradients(label, {k: found[k] for k in top}, {k: exact[k] for k in top}))
        if len(layers) > 2 and not compare_gradients("", {"W": found["layers.0.W"]}, {"W": exact["layers.0.W"]}).failed:
            failed.append("below the last hidden layer e-prop equals the stopped graph, and should not")
    total = combined("e-prop and the stopped graph", results)
    return Result(total.claim, total.identities + 1, (*total.failed, *failed), total.seconds)


def _as_ottt() -> Result:
    cell = Alif(bias=False, beta=0, train=("leak", "threshold"))
    head = Rnn(recurrent=False, activation="identity")
    p = problem(Network(layers=(Layer(cell, inputs=2, units=2), Layer(head, inputs=2, units=1))), steps=3)
    names = ("layers.0.W", "layers.1.W")
    a, b = (run("forward", p, RULES[rule])[1] for rule in ("e-prop", "ottt"))
    return compare_gradients("e-prop without adaptation = OTTT", {k: a[k] for k in names}, {k: b[k] for k in names})


def _network() -> tuple[Any, ...]:
    layers = (
        Layer(Alif(recurrent=True, beta=0.3, threshold=0.6), inputs=3, units=8),
        Layer(Integrator(), inputs=8, units=2),
    )
    network = Network(layers=layers)
    rng = np.random.default_rng(3)
    return network, network.parameters(seed=2, scale=1.5), (rng.random((30, 1, 3)) < 0.4) * 1.0, rng.random((30, 1, 2))


def _example() -> Example:
    network, w, x, y = _network()
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
    rows = []
    for name in ("e-prop", "ostl", "ottt"):
        found = reverse.gradients(network, w, x, y, rule=rule_named(name))
        rows.append((acronym(name), *(relative(found, exact, k) for k in ("layers.0.W", "layers.0.H", "layers.1.W"))))
    text = (
        "Eight ALIF units with lateral weights under a leaky readout, 3 inputs, β = 0.3, θ = 0.6, random weights "
        "(seed 2, scale 1.5), 30 steps of random bits and random targets (seed 3). The readout's own weights are exact "
        "under all three: each keeps the state of a weight's own layer. For the layer below, e-prop misses lateral "
        "and reset paths; OSTL keeps these and misses the readout's memory; OTTT misses all of it, and the adaptation."
    )
    return Example(text, ("rule", "W, against BPTT", "H", "readout W"), tuple(rows))


def _figure() -> Figure:
    return unrolled(ALIF, RULES["e-prop"])


DERIVATION = Derivation(
    name="eprop",
    title="e-prop by cutting edges",
    motivation=(
        "OSTL's trace costs a number for every pair of a unit and a synapse, because a lateral weight lets one unit's "
        "past reach another. Cut the edges that start at a spike and go elsewhere, RECURRENT and RESET, and "
        "every trace "
        "belongs to one synapse again. Keep the spike that drives its own threshold, ADAPTATION: it is local, "
        "and it is "
        "the slow memory. That is e-prop.",
        "The readout leaks, o^t = κ o^(t−1) + W z^t, so credit arrives late. e-prop moves the κ filter from the "
        "learning signal, which would have to look into the future, onto the eligibility, which only remembers.",
    ),
    statement=(
        "With x̂^t = λ x̂^(t−1) + x^t, ε_a^t = ψ^(t−1) x̂^(t−1) + (ρ − β ψ^(t−1)) ε_a^(t−1) and e^t = ψ^t (x̂^t "
        "− β ε_a^t), "
        "e-prop with symmetric feedback is, for one hidden layer under a leaky readout, the exact gradient of the "
        "graph in which the spike is stopped on its way into lateral synapses and into the reset, while the spike that "
        "drives the adaptation is live. With two or more hidden layers that holds for the last of them and for the "
        "readout; below, e-prop also drops STATE and ADAPTATION of the hidden layers above. With L_i^t the sum over k "
        "of B_ki (o_k^t − y_k^t), B of shape (outputs, units), the sum over t of L^t times ē^t = κ ē^(t−1) + e^t is "
        "that of the discounted future of L times e.",
    ),
    steps=(
        Step(
            "eprop.adaptation",
            "Three steps of the engine's traces for an ALIF, entry by entry: the trace of v is the "
            "λ-filtered input, that of the adaptation is the published recursion, with ψ and x̂ of the step before.",
            premises=("paths.local-alif-recurrent-true-resistance-r", "ostl.jacobian"),
            equations=_traces,
            code=("reference/engines/forward.py:Learner", "reference/networks/cells/alif.py"),
            source="mathematics.md 6",
            sizes="n = n_in = 2, T = 3",
        ),
        Step(
            "eprop.scaling",
            "e-prop divides the distance to the threshold by the threshold before it takes ψ. A step does not see a "
            "positive factor, so the spikes are the same; the pseudo-derivative gets the factor twice, inside and in "
            "front. Where the divisor is trained, or moves with the adaptation, the quotient has a derivative of its "
            "own. The code's factors against SymPy's rule for quotients, ψ an undefined function.",
            premises=("paths.local-alif-scaling-threshold-recurrent-true",),
            equations=_scaling,
            code=("reference/networks/cells/alif.py:factors",),
            source="mathematics.md 2 (psi of IGITUGraz), 6; T45, T46",
            sizes="every size (elementwise)",
        ),
        Step(
            "eprop.options",
            "Three resets, two input gains, two adaptation gains, three scalings: all 36 neurons, every local "
            "derivative of the cell's code against the derivative of the cell's own step.",
            premises=("eprop.scaling",),
            proof=_options,
            code=("reference/networks/cells/alif.py:step", "reference/networks/cells/alif.py:factors"),
            source="mathematics.md 1.2",
            sizes="every size (elementwise)",
        ),
        Step(
            "eprop.equivalent",
            "The form that NEST updates, ε_a = ρ ε_a + e, is the same recursion: insert e.",
            premises=("eprop.adaptation",),
            equations=_equivalent,
            source="mathematics.md 6",
        ),
        Step(
            "eprop.filter",
            "Exchanging two sums moves the κ filter from the future of the loss to the past of the eligibility.",
            equations=_filter,
            source="mathematics.md 6, T38",
            sizes="T = 4",
        ),
        *cell_steps(
            "eprop",
            ("e-prop", "e-prop-random", "e-prop-adaptive", "rflo"),
            premises=("paths.sum", "eprop.filter"),
            source="Bellec et al. 2020; Murray 2019; mathematics.md 6",
        ),
        Step(
            "eprop.stopped",
            "One hidden layer of adaptive neurons with lateral weights under a leaky readout: e-prop by the forward "
            "engine is the derivative of the graph with stopped lateral and reset spikes, by the reverse engine. Two "
            "hidden layers: the same for the upper one and the readout, and not for the lower one, which is checked "
            "too.",
            premises=("eprop.adaptation", "eprop.filter"),
            proof=_stopped,
            code=("reference/engines/forward.py:Learner", "reference/engines/sweep.py:sweep"),
            source="Bellec et al. 2020; mathematics.md 6",
            sizes="1 → 2 → 1 and 1 → 1 → 2 → 1, T = 3",
        ),
        Step(
            "eprop.ottt",
            "Without adaptation, without lateral weights and under a readout without memory, e-prop and "
            "OTTT are one rule.",
            premises=("eprop.adaptation",),
            proof=_as_ottt,
            code=("reference/engines/forward.py",),
            source="mathematics.md 12.6",
            sizes="2 → 2 → 1, T = 3",
        ),
    ),
    example=_example,
    traps=(
        Trap("T37", "κ and λ swapped; a script in which both coincide hides it."),
        Trap("T38", "The κ filter applied to the learning signal instead of the eligibility."),
        Trap("T40", "The adaptation's trace ε updated with ψ, or x̂, of the same step."),
        Trap("T41", "The sign of −β ε flipped, or β in only one of the eligibility and the recursion of ε."),
        Trap("T42", "ρ − β ψ replaced by ρ."),
        Trap(
            "T43",
            "The adaptation spike detached together with the lateral and reset spikes: error .27 on another network.",
        ),
        Trap("T44", "The reset left differentiable in the reference: .28 on another network."),
        Trap("T45", "The dampening (the authors' 0.3) or the 1/θ in front of ψ missing; visible when θ is not 1."),
        Trap("T46", "ψ divided by the adaptive threshold instead of the base threshold, or the reverse."),
        Trap("T47", "ψ not set to 0 in the refractory period."),
        Trap("T49", "B used untransposed; visible when outputs and hidden units differ in number."),
        Trap("T52", "Random B drawn anew at every step."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Alif, Integrator, Layer, Network
from gradcert.reference.engines import forward

network = Network(layers=(Layer(Alif(beta=0.3), inputs=3, units=8), Layer(Integrator(), inputs=8, units=2)))
w = network.parameters(seed=0, scale=2.0)
x, y = np.random.default_rng(0).random((20, 1, 3)), np.zeros((20, 1, 2))
print(forward.gradients(network, w, x, y, rule=RULES["e-prop"])["layers.0.W"])
""",
    figures=(_figure,),
    notation={
        "B": "feedback matrix, (outputs, units); B_ki from output k to unit i",
        "L": "learning signal of a unit",
        "e": "eligibility of a synapse",
        "β": "strength of adaptation",
        "ε": "ε_a: trace of the adaptation",
        "κ": "leak of the readout",
        "ρ": "decay of adaptation",
    },
)
