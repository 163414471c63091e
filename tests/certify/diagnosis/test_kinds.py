"""Kinds of mistakes, each planted by arithmetic of its own, and named; and mistakes of a user's own cell.

What is worked out of a case is shared, so that one more kind costs next to nothing.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import Evidence, Worked, causes
from gradcert.certify.diagnosis.equations import formulas
from gradcert.certify.diagnosis.hypotheses import traces
from gradcert.certify.diagnosis.unrolled import Edit, edited
from gradcert.certify.problems import generate, plan
from gradcert.reference import RULES, Edge
from gradcert.reference.networks import Lstm, Snu, cell_named

LIF = {"reset": "hard", "recurrent": True, "bias": True, "train": (), "gain": "one", "rest": 0.0, "reset_value": 0.0}
OPTIONS = {
    "lif": {**LIF, "surrogate": {"name": "triangle", "scale": 0.5, "width": 1.0}, "strict": False},
    "rnn": {"recurrent": True, "bias": True, "activation": "tanh"},
    "snu": {"recurrent": True, "bias": True, "train": ("threshold",)},
}


@cache
def worked(rule, cell, depth):
    """Return the cases of a claim, each worked out at most once."""
    claim = Claim(rule, cell, (depth,), losses="squared_error", when="every", options=OPTIONS[cell])
    specs = [replace(spec, index=index) for index in range(2) for spec in plan(claim, "quick")]
    cases = [case for spec in specs if (case := generate(spec, claim)) is not None]
    return [Worked(case) for case in cases]


def told(answer, rule, cell, depth=1):
    evidence = [Evidence(w.case, answer(w.bench), shared=w) for w in worked(rule, cell, depth)]
    return causes.find(evidence, RULES[rule])


def factored(change, *, target="z", below=True):
    """Return a subject whose local derivatives at a node are changed in every sweep."""

    def edit(graph, tape, whole):
        return graph.arcs_as(lambda a: replace(a, factor=change(a.factor, tape)) if a.target == target else a)

    return lambda bench: edited(bench, Edit(own=edit, down=edit if below else None))


def constant_decay(bench):
    def edit(graph, tape, whole):
        return graph.arcs_as(lambda a: replace(a, factor=0.9) if a.origin.edge == Edge.STATE else a)

    return edited(bench, Edit(own=edit))


def after_reset(bench):
    """Return what comes out where a library hands on the membrane that it has already reset."""

    def edit(graph, tape, whole):
        now, before = tape.now["v"] * (1 - tape.now["z"]), tape.prev["v"] * (1 - tape.prev["z"])
        found = tape.layer.cell.factors(whole.numbers, tape.p, {**tape.prev, "v": before}, {**tape.now, "v": now})
        return graph.arcs_as(lambda a: replace(a, factor=found.get(a.origin, a.factor)))

    return edited(bench, Edit(own=edit, down=edit))


def by_difference(bench):
    w = bench.parameters
    return {k: (w[k] - (w[k] - 1e-5 * g)) / 1e-5 for k, g in bench.gradients().items()}


def brain(bench):
    """Return gradients cut to eight digits: inside what arithmetic in bfloat16 may give."""
    out = {}
    for k, g in bench.gradients().items():
        mantissa, exponent = np.frexp(g)
        out[k] = np.ldexp(np.round(mantissa * 2**8) / 2**8, exponent)
    return out


def clipped(bench):
    steps = []
    for t in range(bench.steps):
        keep = (np.arange(bench.steps) == t)[:, None, None]
        g = edited(bench, Edit(error=lambda d, b, keep=keep: d * keep))
        size = np.sqrt(sum((x**2).sum() for x in g.values()))
        steps.append({k: x * min(1.0, 0.25 / size) if size else x for k, x in g.items()})
    return {k: sum(s[k] for s in steps) for k in steps[0]}


def swapped(bench):
    g = bench.gradients()
    return {**g, "layers.0.b": g["layers.0.threshold"]}


def squared_trace(bench):
    """Return OTTT by its own loop, the trace squared where it is used."""
    (layer,), (delta,) = bench.tape.layers, (bench.delta,)
    g = bench.gradients()
    trace, total = 0, 0
    for t in range(bench.steps):
        kept = layer.p["leak"] * (1 - layer.prev["z"][t])  # what a hard reset leaves
        trace = kept[:, :, None] * trace + layer.x[t][:, None, :]
        credit = delta[t] * layer.factors[next(k for k in layer.layer.cell.links if k.target == "z")][t]
        total = total + (credit[:, :, None] * trace**2).sum(axis=0)
    return {**g, "layers.0.W": total}


def scaled(bench):
    batch, outputs = bench.targets.shape[1:]
    return {k: 2 * g / (batch * outputs) for k, g in bench.gradients().items()}


def halved_without_reset(bench):
    without = edited(bench, Edit(own=lambda g, t, w: g.arcs_as(lambda a: None if a.origin.edge == Edge.RESET else a)))
    squared = edited(bench, Edit(signal=lambda d, i, b: d * d))
    return {k: 0.5 * (squared if k.endswith("b") else without)[k] for k in without}


KINDS = [
    ("bfloat16", "bptt", "rnn", brain, "arithmetic in bfloat16"),
    ("a difference of weights", "bptt", "rnn", by_difference, "read as the difference of a weight before and after"),
    ("clipped step by step", "bptt", "rnn", clipped, "the norm of what every step adds clipped to 0.25"),
    ("a neighbour's gradient", "bptt", "snu", swapped, "the gradient of threshold in its place"),
    ("a trace squared", "ottt", "lif", squared_trace, "eps"),
    ("psi and reset after it", "bptt", "lif", after_reset, "every local derivative at the potential after its reset"),
    ("psi only at spikes", "ottt", "lif", factored(lambda f, t: f * t.now["z"]), "psi only where a spike occurred"),
    ("psi by the threshold", "ottt", "lif", factored(lambda f, t: f * t.p["threshold"]), "threshold"),
    ("an error late", "bptt", "rnn", lambda b: edited(b, Edit(error=lambda d, _: np.concatenate([0 * d[:1], d[:-1]]))),
     "of the step before"),
    ("tanh' of a tanh", "bptt", "rnn", factored(lambda f, t: 1 - np.tanh(t.now["z"]) ** 2), "tanh(z)"),
    ("an input too late", "ottt", "lif", lambda b: edited(b, Edit(own=late_input)), "one step late"),
    ("a constant decay", "ottt", "lif", constant_decay, "0.9"),
]  # fmt: skip


def late_input(graph, tape, whole):
    def moved(x):
        return np.concatenate([0 * x[:1], x[:-1]])

    return graph.feeds_as(lambda f: replace(f, source=moved(f.source)) if f.synapse and f.origin.source == "x" else f)


@pytest.mark.parametrize(("rule", "cell", "answer", "words"), [k[1:] for k in KINDS], ids=[k[0] for k in KINDS])
def test_a_kind_is_named(rule, cell, answer, words):
    found = told(answer, rule, cell)
    assert words in str(found) and not found.unexplained


def test_a_factor_is_the_one_that_fits_every_size():
    """With one size alone, 2 / (B n_out) may be 1 / T, or 1 / 2."""
    runs = [w for depth in (1, 2) for w in worked("bptt", "rnn", depth)]
    found = causes.find([Evidence(w.case, scaled(w.bench), shared=w) for w in runs], RULES["bptt"])
    assert str(found) == "it equals bptt times 2 and divided by B and the number of outputs"


@pytest.mark.long
def test_a_factor_on_top_of_a_mistake_is_named():
    found = told(halved_without_reset, "ostl", "snu", 2)
    assert "ostl with the learning signal squared, for a layer's own parameters, divided by 2" in str(found)
    assert "RESET" in str(found) and not found.unexplained


def test_what_is_wrong_everywhere_is_not_said_of_the_immediate_term():
    found = str(told(factored(lambda f, t: 2 * f if np.ndim(f) else 2, target="v", below=True), "bptt", "lif"))
    assert "immediate" not in found and "recursion" not in found


def test_sltt_is_called_sltt():
    assert str(told(lambda b: b.gradients(RULES["sltt"]), "bptt", "lif", 2)).startswith("it equals sltt")


def test_the_formulas_of_a_cell_are_what_it_computes():
    a, _, z = formulas(Snu()).step
    assert (str(a[1]), str(z[1])) == ("drive_a(z') + leak v' (1 - z')", "step(v - threshold)")
    assert {str(t) for _, t in formulas(Lstm()).factors} >= {"1 - g g", "o (1 - tanh(c) tanh(c))"}


OWN = """
from gradcert.models.equations import define

V = "leak*v_prev + drag*w_prev + a"
Own, Wrong = (
    define(
        "own",
        {"a": "W @ x + b", "v": v, "w": "rate*w_prev + z_prev", "z": "tanh(v)"},
        edges={"v -> v": "state", "w -> v": "state", "w -> w": "state", "z -> w": "adaptation"},
        constants={"leak": 0.5, "drag": 0.25, "rate": 0.75},
    )
    for v in (V, V.replace("+ drag", "- drag"))
)
"""


def test_one_edit_of_a_users_own_equation_is_named(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    claim = Claim("bptt", f"{tmp_path}/own.py:Own", (1,), losses="squared_error", when="every")
    wrong = cell_named(f"{tmp_path}/own.py:Wrong", run=True)
    evidence = []
    for case in [generate(spec, claim) for spec in plan(claim, "quick")]:
        right = Worked(case)
        layers = tuple(replace(x, cell=wrong(**{k: getattr(x.cell, k) for k in ("leak", "drag", "rate")}))
                       for x in right.bench.network.layers)  # fmt: skip
        run = right.bench.again(network=replace(right.bench.network, layers=layers))
        evidence.append(Evidence(case, run.gradients(), shared=right))
    found = str(causes.find(evidence, RULES["bptt"]))
    assert found.startswith("it equals bptt with v = ") and found.endswith(" forward and backward")
    assert "- drag w'" in found or "-drag w'" in found or "-drag" in found


@pytest.mark.parametrize(
    ("rule", "cell", "options"),
    [
        ("e-prop", "lif", {"readout": "integrator", "readout_options": {"kappa": 0.75, "train": ()}}),
        ("osttp", "lif", {"readout": "rnn", "options": {"reset": "subtract_before_leak", "recurrent": False}}),
        ("rflo", "leaky_rnn", {"readout": "rnn", "readout_options": {"recurrent": False}}),
    ],
)
def test_without_an_edit_the_trace_gives_the_engines_gradient(rule, cell, options):
    claim = Claim(rule, cell, (1,), losses="squared_error", when="every", **options)
    case = generate(plan(claim, "quick")[0], claim)
    bench = Worked(case).bench
    kinds = {tuple(traces._formulas(x).items()) for x in traces._locals(bench).values()}
    assert len(kinds) == 2
    for kind in kinds:
        found = traces._computed(bench, formulas=dict(kind), node="G", new=dict(kind)["G"], start={})
        for name, bounds in case.expected.gradients.items():
            assert (np.abs(found[name] - bounds.value) <= bounds.budget).all()
