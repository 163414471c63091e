"""SLTT-K, ETLP and OPZO: rules that draw, and the exact means of what they draw."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import SYMBOLS, symbols
from gradcert.derivations.figures import heat_map
from gradcert.derivations.parts.spiking import LEAKS, THRESHOLD, agree, filtered_sums, run_rule, stack, values, written
from gradcert.derivations.proving.common import at_rest, combined, compare_gradients
from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.proof import Problem, Result, feedback_symbols, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Network, Rnn
from gradcert.reference.engines import record, reverse
from gradcert.reference.estimators import etlp, opzo, sltt_k
from gradcert.reference.networks import with_loss

RHO, MU, ALPHA = sympy.symbols("ρ μ α")
HEAD = Rnn(recurrent=False, activation="identity")


def _sum(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {k: sum((part[k] for part in parts[1:]), parts[0][k]) for k in parts[0]}


def _scaled(parts: dict[str, Any], factor: Any) -> dict[str, Any]:
    return {k: np.vectorize(lambda e: sympy.sympify(e) * factor, otypes=[object])(g) for k, g in parts.items()}


def _sltt_k() -> Result:
    steps = 4
    p = stack(steps=steps, batch=1)
    v = values(p)
    _, sltt = run("reverse", at_rest(p), RULES["sltt"])
    results = []
    for k in (1, 2, 3):
        draws = {s: run_rule(p, sltt_k, chosen=s) for s in combinations(range(steps), k)}
        for chosen, found in draws.items():

            def weight(layer: int, index: tuple[int, ...], t: int, b: int, chosen: tuple[int, ...] = chosen) -> Any:
                credit = v.delta[layer][t, b, index[0]] * v.psi[layer][t, b, index[0]]
                return credit * v.x[layer][t, b, index[1]] if t in chosen else 0

            results.append(agree(f"steps {[t + 1 for t in chosen]}", found, written(p, {"W": weight})))
        mean = _scaled(_sum(list(draws.values())), sympy.Rational(1, comb(steps, k)))
        expected = _scaled(sltt, sympy.Rational(k, steps))
        results.append(compare_gradients(f"mean over {len(draws)} draws of {k} steps", mean, expected))
        scaled = [run_rule(p, sltt_k, chosen=s, unbiased=True) for s in draws]
        mean = _scaled(_sum(scaled), sympy.Rational(1, len(draws)))
        results.append(compare_gradients(f"times T/K, {k} steps", mean, sltt))
    return combined("SLTT-K", results)


#: options of the loss, and what of a step's target counts, in three steps and two samples
LOSSES: tuple[tuple[dict[str, Any], Any], ...] = (
    ({}, lambda t: 1),
    ({"when": "last"}, lambda t: int(t == 2)),
    ({"time": "mean", "batch": "mean"}, lambda t: sympy.Rational(1, 6)),
)


def _etlp() -> Result:
    results = []
    for recurrent, (options, share) in [*product((False,), LOSSES), (True, LOSSES[0])]:
        p = stack(recurrent=recurrent)
        p = replace(p, network=with_loss(p.network, **options))
        events, feedback = symbols("event", p.inputs.shape[:2]), feedback_symbols(p.network, RULES["osttp"])
        found = run_rule(p, etlp, feedback=feedback, events=events)
        targets = np.array([y * share(t) for t, y in enumerate(p.targets)], dtype=object)
        signal = (np.matmul(targets, feedback["layers.0.B"]), values(p).delta[1])
        credit = tuple(events[:, :, None] * of_layer for of_layer in signal)
        label = f"ETLP, lateral weights: {recurrent}, loss {options}"
        results.append(agree(label, found, filtered_sums(p, credit)))
    return combined("ETLP", results)


def _etlp_mean() -> Result:
    """Weigh every sequence of events with its probability, events independent with probability ρ."""
    p = stack(batch=1)
    feedback = feedback_symbols(p.network, RULES["osttp"])

    def drawn(events: Any) -> dict[str, Any]:
        return run_rule(p, etlp, feedback=feedback, events=np.array(events)[:, None])

    parts = []
    for events in product((0, 1), repeat=3):
        probability = RHO ** sum(events) * (1 - RHO) ** (3 - sum(events))
        parts.append(_scaled(drawn(events), probability))
    return compare_gradients("mean over 8 sequences of events", _sum(parts), _scaled(drawn((1, 1, 1)), RHO))


def _etlp_exact() -> Result:
    p = stack(batch=1)
    feedback = feedback_symbols(p.network, RULES["osttp"])
    found = run_rule(p, etlp, feedback=feedback, events=np.ones((3, 1), dtype=int))
    _, exact = run("reverse", at_rest(p), RULES["bptt-detached-reset"])
    return agree("the last layer", found, {k: g for k, g in exact.items() if k.startswith("layers.1")})


def _readout(steps: int, units: int) -> Problem:
    cell = Lif(leak=LEAKS[0], threshold=THRESHOLD, bias=False)
    layers = (Layer(cell, inputs=1, units=units), Layer(HEAD, inputs=units, units=1))
    return problem(Network(layers=layers), steps=steps)


def _estimate(p: Problem, signs: Any, start: dict[str, Any] | None = None) -> Any:
    found = opzo.estimate_feedback(
        p.network, p.parameters, p.inputs, signs=[signs], alpha=ALPHA, momentum=MU, start=start, numbers=SYMBOLS
    )
    return found["layers.0.B"]


def _opzo_feedback() -> Result:
    results = []
    for steps, units in ((1, 3), (2, 2), (3, 1)):
        p = _readout(steps, units)
        for start in (None, {"layers.0.B": symbols("B", (1, units))}):
            draws = list(product((1, -1), repeat=steps * units))
            total = sum(_estimate(p, np.array(s).reshape(steps, 1, units), start) for s in draws)
            mean = _scaled({"B": total}, sympy.Rational(1, len(draws)))
            kept = MU**steps * start["layers.0.B"] if start else 0
            expected = {"B": kept + (1 - MU**steps) * p.parameters["layers.1.W"]}
            label = f"T = {steps}, {units} units, {'a B before' if start else 'from zero'}, {len(draws)} draws"
            results.append(compare_gradients(label, mean, expected))
    return combined("the mean of B", results)


def _opzo() -> Result:
    results = []
    for recurrent in (False, True):
        p = stack(recurrent=recurrent)
        feedback, top = feedback_symbols(p.network, RULES["osttp"]), values(p).delta[1]
        found = run_rule(p, opzo, feedback=feedback)
        sums = filtered_sums(p, (np.matmul(top, feedback["layers.0.B"]), top))
        results.append(agree(f"OPZO given B, lateral weights: {recurrent}", found, sums))
    return combined("OPZO", results)


def _opzo_mean() -> Result:
    """Insert the mean of B, which may be done because the gradient is linear in B."""
    p = _readout(2, 2)
    weight, start = p.parameters["layers.1.W"], symbols("B", (1, 2))
    _, ottt = run("reverse", at_rest(p), RULES["ottt"])
    name = "layers.0.W"
    results = []
    for label, b, factor in (
        ("B = W", weight, 1),
        ("B = (1 - μ^T) W", (1 - MU**2) * weight, 1 - MU**2),
    ):
        found = run_rule(p, opzo, feedback={"layers.0.B": b})
        results.append(agree(label, found, _scaled({name: ottt[name]}, factor)))
    one, two = run_rule(p, opzo, feedback={"layers.0.B": start}), run_rule(p, opzo, feedback={"layers.0.B": 2 * start})
    results.append(agree("linear in B", two, _scaled({name: one[name]}, 2)))
    return combined("OPZO in the mean", results)


def _opzo_error() -> list[Equation]:
    """Return what one draw of B is off by, one unit and one step."""
    p = _readout(1, 1)
    o, w = sym("o"), p.parameters["layers.1.W"][0, 0]
    plain = record(p.network, p.parameters, p.inputs, numbers=SYMBOLS).outputs[0, 0, 0]
    out = []
    for sign in (1, -1):
        found = _estimate(p, np.array([[[sign]]]))[0, 0]
        out.append(Equation(found, (1 - MU) * (w + sign * plain / ALPHA), f"B for n = {'+−'[sign < 0]}1"))
    return [*out, Equation(((o / ALPHA) ** 2 + (-o / ALPHA) ** 2) / 2, o**2 / ALPHA**2, "variance over (1 − μ)²")]


def _example() -> Example:
    network = Network(layers=(Layer(Lif(leak=0.5), inputs=3, units=4), Layer(HEAD, inputs=4, units=2)))
    rng = np.random.default_rng(2)
    w, x, y = network.parameters(seed=1, scale=2.0), (rng.random((6, 1, 3)) < 0.5) * 1.0, rng.random((6, 1, 2))
    sltt = reverse.gradients(network, w, x, y, rule=RULES["sltt"])["layers.0.W"]
    rows = []
    for k in (1, 3, 5):
        draws = [sltt_k.gradients(network, w, x, y, chosen=s)["layers.0.W"] for s in combinations(range(6), k)]
        rows.append(("SLTT-K", f"K = {k} of 6", *_moments(draws, sltt)))
    weight = w["layers.1.W"]
    for alpha in (1.0, 0.1):
        draws = []
        for s in product((1, -1), repeat=4):
            signs = [np.array(s).reshape(1, 1, 4)]
            found = opzo.estimate_feedback(network, w, x[:1], signs=signs, alpha=alpha, momentum=0.0)
            draws.append(found["layers.0.B"])
        rows.append(("OPZO, B", f"α = {alpha:g}", *_moments(draws, weight)))
    text = (
        "Every draw enumerated: K steps out of 6 for SLTT-K, against SLTT; all signs of one step for OPZO's matrix, "
        "against the readout's weight. The first mean is K/T of its target; the second is right for every α."
    )
    return Example(
        text,
        ("rule", "drawn", "length of the mean over that of the target", "relative standard deviation"),
        tuple(rows),
    )


def _moments(draws: list[Any], target: Any) -> tuple[str, str]:
    mean, size = np.mean(draws, axis=0), np.linalg.norm(target)
    spread = np.sqrt(np.mean([((d - mean) ** 2).sum() for d in draws]))
    return f"{np.linalg.norm(mean) / size:.3f}", f"{spread / size:.3f}"


def _figure() -> Figure:
    """Draw how much of the weight OPZO's matrix has seen after T steps, by momentum."""
    momenta = (0.5, 0.7, 0.8, 0.9, 0.95)
    found = [[1 - mu**t for t in range(1, 11)] for mu in momenta]
    return heat_map(found, "1 - μ^T for μ = .5, .7, .8, .9, .95 (rows) and T = 1 to 10.", rows="μ", columns="T")


DERIVATION = Derivation(
    name="sampled",
    title="SLTT-K, ETLP and OPZO: draws and their means",
    motivation=(
        "Some rules save work by chance. SLTT-K backpropagates at K steps out of T; ETLP updates when a teacher "
        "happens to spike; OPZO perturbs the forward pass and correlates, so that nothing is ever propagated back. "
        "What they compute in one draw is an equation like any other, and the code is held against it. What they "
        "compute in the mean is a finite sum over draws, and here it is formed: no sampling, no z-score.",
    ),
    statement=(
        "The mean of SLTT-K over all sets of K steps is K/T of SLTT's gradient, or SLTT's after multiplying by T/K. "
        "ETLP is linear in its events: with independent events of probability ρ its mean is ρ times the rule at "
        "every step; there its last layer is BPTT with detached reset. The mean of OPZO's matrix after T steps under "
        "a linear head is μ^T B + (1 − μ^T) W for every size α of the perturbation, and its gradient is linear in "
        "the matrix, so that hidden layers follow OTTT in the mean once μ^T is small. One draw is off by o/α.",
    ),
    steps=(
        Step(
            "sampled.sltt-k",
            "The code is run for every set of K steps; each run is the sum over those steps of δ ψ x, and the mean "
            "over sets is K/T of what the reverse engine computes for SLTT. The loss is still divided as if all "
            "steps counted; the option that multiplies by T/K is unbiased.",
            premises=("paths.loss",),
            proof=_sltt_k,
            code=("reference/estimators/sltt_k.py:gradients",),
            source="Meng et al., ICCV 2023; mathematics.md 7.3, T63",
            sizes="2 → 2 → 2, T = 4, K = 1, 2, 3: all 14 sets",
        ),
        Step(
            "sampled.etlp",
            "With the events free symbols, the code is the sum over steps of event times signal times ψ times trace: "
            "hidden layers get the target through their fixed matrix, the last one its error.",
            premises=("paths.loss",),
            proof=_etlp,
            code=("reference/estimators/etlp.py:gradients",),
            source="arXiv 2301.08281, through third-party restatements; mathematics.md 10",
            sizes="2 → 2 → 2, T = 3, two samples, with and without lateral weights; sums, means, last step alone",
        ),
        Step(
            "sampled.etlp-mean",
            "All sequences of events, each with its probability: the mean is ρ times the update with an event at every "
            "step, for every ρ.",
            premises=("sampled.etlp",),
            proof=_etlp_mean,
            code=("reference/estimators/etlp.py:gradients",),
            source="linearity of the mean",
            sizes="2 → 2 → 2, T = 3, all 8 sequences",
        ),
        Step(
            "sampled.etlp-exact",
            "With an event at every step and without lateral weights the last layer is BPTT with detached reset.",
            premises=("sampled.etlp", "ottt.last-layer"),
            proof=_etlp_exact,
            code=("reference/estimators/etlp.py", "reference/engines/reverse.py"),
            source="mathematics.md 12.4",
            sizes="2 → 2 → 2, T = 3",
        ),
        Step(
            "sampled.opzo",
            "Given its matrix B, the code of OPZO is OTTT's trace with the error brought down by B.",
            premises=("paths.loss", "ottt.trace"),
            proof=_opzo,
            code=("reference/estimators/opzo.py:gradients", "reference/estimators/common.py:projected_credit"),
            source="arXiv 2407.12516, through third-party restatements; mathematics.md 10",
            sizes="2 → 2 → 2, T = 3, two samples, with and without lateral weights",
        ),
        Step(
            "sampled.opzo-feedback",
            "The perturbed pass is run for every sequence of signs. E[n n^T] = 1 leaves the weight of a linear head, "
            "the unperturbed output averages out, and the moving average starts from what it was: the mean of B is "
            "μ^T B + (1 − μ^T) W, whatever α.",
            proof=_opzo_feedback,
            code=("reference/estimators/opzo.py:estimate_feedback",),
            source="arXiv 2407.12516; mathematics.md 10",
            sizes="(T, units) = (1, 3), (2, 2), (3, 1): all signs",
        ),
        Step(
            "sampled.opzo-mean",
            "The hidden gradient is linear in B, so its mean is the gradient at the mean of B: OTTT's if B was W "
            "already, and (1 − μ^T) times OTTT's if B starts from zero. Direction right, size short of it.",
            premises=("sampled.opzo", "sampled.opzo-feedback"),
            proof=_opzo_mean,
            code=("reference/estimators/opzo.py:gradients", "reference/engines/reverse.py"),
            source="linearity of the mean",
            sizes="1 → 2 → 1, T = 2",
        ),
        Step(
            "sampled.opzo-error",
            "One unit, one step, both signs: the draw is off by the whole output over α. Nothing is subtracted from "
            "the perturbed output, so a small perturbation does not make a good estimate; it makes a noisy one.",
            premises=("sampled.opzo-feedback",),
            equations=_opzo_error,
            code=("reference/estimators/opzo.py:estimate_feedback",),
            source="mathematics.md 10",
            sizes="n = 1, T = 1, both draws",
        ),
    ),
    example=_example,
    traps=(
        Trap("T63", "SLTT-K's loss divided by T although only K steps contribute: the gradient is short by K/T."),
        Trap("T81", "OPZO's matrix updated with the current estimate rather than the decayed one."),
        Trap("T68", "ETLP's hidden signal does not vanish at zero loss; compared with one that must."),
        Trap("T131", "Random estimators tested by sampling, with a fixed tolerance and too few draws."),
    ),
    snippet="""\
from itertools import combinations
import numpy as np
from gradcert.reference import RULES, Layer, Lif, Network
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import sltt_k

network = Network(layers=(Layer(Lif(leak=0.5), inputs=3, units=4), Layer(Lif(leak=0.5), inputs=4, units=2)))
w = network.parameters(seed=0, scale=2.0)
x, y = np.random.default_rng(0).random((4, 1, 3)), np.ones((4, 1, 2))
draws = [sltt_k.gradients(network, w, x, y, chosen=s)["layers.0.W"] for s in combinations(range(4), 2)]
sltt = reverse.gradients(network, w, x, y, rule=RULES["sltt"])["layers.0.W"]
print(abs(sum(draws) / len(draws) - sltt * 2 / 4).max())  # K/T of SLTT
""",
    figures=(_figure,),
    notation={
        "B": "feedback matrix of a hidden layer, (outputs, units)",
        "K": "number of steps that are drawn",
        "α": "size of the perturbation",
        "δ": "derivative of the loss by z through paths of the same step",
        "μ": "momentum of the average",
        "ρ": "probability of an event",
        "n": "vector of random signs",
    },
)
