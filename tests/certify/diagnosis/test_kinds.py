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
from gradcert.reference.engines import record_layer
from gradcert.reference.networks import Lstm, Snu, cell_named

LIF = {"reset": "hard", "recurrent": True, "bias": True, "train": (), "gain": "one", "rest": 0.0, "reset_value": 0.0}
OPTIONS = {
    "lif": {**LIF, "surrogate": {"name": "triangle", "scale": 0.5, "width": 1.0}, "strict": False},
    "rnn": {"recurrent": True, "bias": True, "activation": "tanh"},
    "snu": {"recurrent": True, "bias": True, "train": ("threshold",)},
    "lstm": {"peepholes": False, "bias": True},
}
OPTIONS["lif, rect"] = {**OPTIONS["lif"], "surrogate": {"name": "rect", "scale": 1.0}}


@cache
def worked(rule, cell, depth):
    """Return the cases of a claim, each worked out at most once."""
    kind = cell.partition(",")[0]
    claim = Claim(rule, kind, (depth,), losses="squared_error", when="every", options=OPTIONS[cell])
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


def started(bench):
    """Return OTTT by its own loop, the trace of the bias one before the first step."""
    (layer,), (delta,) = bench.tape.layers, (bench.delta,)
    psi = layer.factors[next(k for k in layer.layer.cell.links if k.target == "z")]
    trace, total = 1, 0
    for t in range(bench.steps):
        trace = layer.p["leak"] * (1 - layer.prev["z"][t]) * trace + 1
        total = total + (delta[t] * psi[t] * trace).sum(axis=0)
    return {**bench.gradients(), "layers.0.b": total}


def of_the_other_unit(bench):
    """Return OTTT with the signal of the unit that a lateral weight comes from, not of the one that it leads to."""
    (layer,), (delta,) = bench.tape.layers, (bench.delta,)
    psi = layer.factors[next(k for k in layer.layer.cell.links if k.target == "z")]
    trace, total = 0, 0
    for t in range(bench.steps):
        trace = (layer.p["leak"] * (1 - layer.prev["z"][t]))[:, :, None] * trace + layer.prev["z"][t][:, None, :]
        total = total + (delta[t][:, None, :] * psi[t][:, :, None] * trace).sum(axis=0)
    return {**bench.gradients(), "layers.0.H": total}


def moved(factors, *, own=True, down=True):
    """Return a subject with another factor for some links, in its own sweep, on the way down, or both."""

    def edit(graph, tape, whole):
        return graph.arcs_as(lambda a: replace(a, factor=f) if (f := factors(a, tape, whole)) is not None else a)

    return lambda bench: edited(bench, Edit(own=edit if own else None, down=edit if down else None))


def partner(a, tape, whole):
    """The input of an LSTM's cell state gated by the forget gate."""
    return tape.now["f"] if (a.source, a.target) == ("g", "c") else None


def neighbours_decay(a, tape, whole):
    other = whole.layers[1].p["leak"]
    return other.ravel()[0] if tape is whole.layers[0] and a.origin.edge == Edge.STATE else None


def with_its_edge(a, tape, whole):
    """The derivative of a rectangle that holds its edges, where the claimed one does not."""
    u = tape.now["v"] - tape.p["threshold"]
    return a.factor + (2 * np.abs(u) == 1) if a.target == "z" and not a.lag else None


def alone(bench):
    """Return BPTT of an LSTM whose state of the step before is detached for all gates but one."""

    def edit(graph, tape, whole):
        return graph.arcs_as(lambda a: None if a.lag and a.origin.weight not in (None, "H_g") else a)

    return edited(bench, Edit(own=edit, down=edit))


def sloped(bench):
    """Return what follows from an error of the membrane that is multiplied by psi: the gradient of neither loss."""
    last = bench.tape.layers[-1]
    psi = last.factors[next(k for k in last.layer.cell.links if k.target == "z" and not k.lag)]
    return edited(bench, Edit(error=lambda d, b: d * psi))


def misread(bench):
    return {k: g.T.reshape(g.shape) if g.ndim == 2 else g for k, g in bench.gradients().items()}


def through_a_transpose(bench):
    """Return what a library returns where the code multiplies with a transposed matrix: the gradient is turned back."""
    names = [k for k in bench.parameters if k.endswith("H")]
    run = bench.again(parameters={k: v.T if k in names else v for k, v in bench.parameters.items()})
    return {k: g.T if k in names else g for k, g in run.gradients().items()}


def scaled(bench):
    batch, outputs = bench.targets.shape[1:]
    return {k: 2 * g / (batch * outputs) for k, g in bench.gradients().items()}


def halved_without_reset(bench):
    without = edited(bench, Edit(own=lambda g, t, w: g.arcs_as(lambda a: None if a.origin.edge == Edge.RESET else a)))
    squared = edited(bench, Edit(signal=lambda d, i, b: d * d))
    return {k: 0.5 * (squared if k.endswith("b") else without)[k] for k in without}


def by_hand(mistake):
    """Return BPTT of a tanh layer by its own loop, with one mistake."""

    def answer(bench):
        (layer,), error = bench.tape.layers, bench.delta
        z, before, credit = layer.now["z"], layer.prev["z"], np.zeros_like(error)
        slope, back = 1 - z**2, np.zeros_like(error[0])
        slope = np.concatenate([0 * slope[:1], slope[:-1]]) if mistake == "slope" else slope
        for t in reversed(range(bench.steps)):
            if mistake in ("lateral", "other"):
                credit[t] = error[t] * slope[t] + back
            else:
                credit[t] = (error[t] + back) * slope[t]
            back = (credit[t] * slope[t] if mistake == "other" else credit[t]) @ layer.p["H"]
        credit = np.concatenate([credit[1:], 0 * credit[:1]]) if mistake == "after" else credit
        credit = credit.mean(axis=1, keepdims=True) + 0 * credit if mistake == "averaged" else credit
        pairs = (("W", layer.x), ("H", before), ("b", np.ones((*credit.shape[:2], 1))))
        found = {f"layers.0.{k}": np.einsum("tbi,tbj->ij", credit, x) for k, x in pairs}
        return {k: g.reshape(bench.parameters[k].shape) for k, g in found.items()}

    return answer


KINDS = [
    ("psi a step late", "bptt", "rnn", by_hand("slope"), "it equals bptt with psi of step t - 1 in the place of t"),
    ("no slope on the way back", "bptt", "rnn", by_hand("lateral"),
     "it equals bptt with the slope left out where credit comes back through the lateral weights"),
    ("the other slope on the way back", "bptt", "rnn", by_hand("other"),
     "it equals bptt with the slope of the unit that the lateral weights lead to"),
    ("credit of the step after", "bptt", "rnn", by_hand("after"), "it equals bptt with the credit of the step after"),
    ("credit averaged", "bptt", "rnn", by_hand("averaged"), "it equals bptt with the credit averaged over the batch"),
    ("bfloat16", "bptt", "rnn", brain, "arithmetic in bfloat16"),
    ("a difference of weights", "bptt", "rnn", by_difference, "read as the difference of a weight before and after"),
    ("clipped step by step", "bptt", "rnn", clipped, "the norm of what every step adds clipped to 0.25"),
    ("a neighbour's gradient", "bptt", "snu", swapped, "the gradient of threshold in its place"),
    ("a trace that starts at one", "ottt", "lif", started, "eps = 1 before the first step"),
    ("a trace squared", "ottt", "lif", squared_trace, "eps"),
    ("psi and reset after it", "bptt", "lif", after_reset, "every local derivative at the potential after its reset"),
    ("psi only at spikes", "ottt", "lif", factored(lambda f, t: f * t.now["z"]), "psi only where a spike occurred"),
    ("psi by the threshold", "ottt", "lif", factored(lambda f, t: f * t.p["threshold"]), "threshold"),
    ("an error late", "bptt", "rnn", lambda b: edited(b, Edit(error=lambda d, _: np.concatenate([0 * d[:1], d[:-1]]))),
     "of the step before"),
    ("an error early", "bptt", "rnn", lambda b: edited(b, Edit(error=lambda d, _: np.concatenate([d[1:], 0 * d[:1]]))),
     "of the step after"),
    ("the error by psi", "bptt", "lif", sloped, "the error times the slope of the output"),
    ("psi by a constant", "ottt", "lif", factored(lambda f, t: 0.6 * f), "triangle(scale=0.3"),
    ("another unit's signal", "ottt", "lif", of_the_other_unit, "the other unit"),
    ("a matrix misread", "bptt", "rnn", misread, "the gradient in the other memory order"),
    ("a gate's wrong partner", "bptt", "lstm", moved(partner), "f"),
    ("all lateral paths but one", "bptt", "lstm", alone, "no path back but through H_g"),
    ("a transpose", "bptt", "rnn", through_a_transpose, "H transposed in the forward pass, differentiated as it is"),
    ("tanh' of a tanh", "bptt", "rnn", factored(lambda f, t: 1 - np.tanh(t.now["z"]) ** 2), "tanh(z)"),
    ("an input too late", "ottt", "lif", lambda b: edited(b, Edit(own=late_input)), "one step late"),
    ("an input too early", "ottt", "lif", lambda b: edited(b, Edit(own=early_input)), "one step early"),
    ("a constant decay", "ottt", "lif", constant_decay, "0.9"),
]  # fmt: skip


def late_input(graph, tape, whole):
    def moved(x):
        return np.concatenate([0 * x[:1], x[:-1]])

    return graph.feeds_as(lambda f: replace(f, source=moved(f.source)) if f.synapse and f.origin.source == "x" else f)


def early_input(graph, tape, whole):
    def moved(x):
        return np.concatenate([x[1:], 0 * x[:1]])

    return graph.feeds_as(lambda f: replace(f, source=moved(f.source)) if f.synapse and f.origin.source == "x" else f)


@pytest.mark.parametrize(("rule", "cell", "answer", "words"), [k[1:] for k in KINDS], ids=[k[0] for k in KINDS])
def test_a_kind_is_named(rule, cell, answer, words):
    found = told(answer, rule, cell)
    assert words in str(found) and not found.unexplained


def test_one_slip_in_a_line_that_all_gates_share_is_named():
    def answer(bench):
        names = [k for k in bench.parameters if ".H_" in k]
        run = bench.again(parameters={k: -v if k in names else v for k, v in bench.parameters.items()})
        return {k: -g if k in names else g for k, g in run.gradients().items()}

    words = "it equals bptt with -H of every gate in the place of H of every gate in the forward pass"
    assert str(told(answer, "bptt", "lstm")).startswith(words)


def test_an_input_of_the_step_before_in_every_layer_is_named():
    def answer(bench):
        x, layers = bench.inputs, []
        for i, layer in enumerate(bench.tape.network.layers):
            late = np.concatenate([x[-1:], x[:-1]])
            layers.append(replace(record_layer(layer, i, bench.parameters, late, bench.numbers, {}), x=x))
            x = layers[-1].now["z"]
        return replace(bench, tape=replace(bench.tape, layers=tuple(layers))).gradients()

    words = "the input of the step before, wrapped around, in every layer, in the forward pass"
    assert str(told(answer, "bptt", "rnn", 2)) == f"it equals bptt with {words}"


@pytest.mark.long
def test_a_neighbours_decay_is_named():
    found = str(told(moved(neighbours_decay, down=False), "ottt", "lif", 2))
    assert "decay of the layer above" in found and "nothing known" not in found


@pytest.mark.long
def test_a_tie_that_is_taken_otherwise_on_one_side_is_named():
    found = told(moved(with_its_edge, own=False), "ostl", "lif, rect", 2)
    assert "2 |x| <= 1" in str(found) and "signal alone" in str(found) and not found.unexplained


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


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Return a cell with one sign wrong, and cases of the right one."""
    file = tmp_path_factory.mktemp("own") / "own.py"
    file.write_text(OWN)
    claim = Claim("bptt", f"{file}:Own", (1,), losses="squared_error", when="every")
    cases = [Worked(generate(spec, claim)) for spec in plan(claim, "quick")]
    return cell_named(f"{file}:Wrong", run=True), cases


def test_one_edit_of_a_users_own_equation_is_named(own):
    wrong, cases = own
    evidence = []
    for right in cases:
        layers = tuple(replace(x, cell=wrong(**{k: getattr(x.cell, k) for k in ("leak", "drag", "rate")}))
                       for x in right.bench.network.layers)  # fmt: skip
        run = right.bench.again(network=replace(right.bench.network, layers=layers))
        evidence.append(Evidence(right.case, run.gradients(), shared=right))
    found = str(causes.find(evidence, RULES["bptt"]))
    assert found.startswith("it equals bptt with v = ") and found.endswith(" forward and backward")
    assert "- drag w'" in found or "-drag w'" in found or "-drag" in found


@pytest.mark.long
def test_a_users_own_cell_gets_the_hypotheses_of_every_cell(own):
    def late(d, i, b):
        return np.concatenate([0 * d[:1], d[:-1]])

    evidence = [Evidence(w.case, edited(w.bench, Edit(signal=late)), shared=w) for w in own[1]]
    assert str(causes.find(evidence, RULES["bptt"])) == "it equals bptt with the learning signal of the step before"


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
    formulas = [traces._formulas(x) for x in traces._locals(bench).values()]
    assert len(formulas) == 2
    for node, old in {(k, v) for mine in formulas for k, v in mine.items()}:
        found = traces._computed(bench, node=node, old=old, new=old)
        for name, bounds in case.expected.gradients.items():
            assert (np.abs(found[name] - bounds.value) <= bounds.budget).all()
