"""What students asked of the chapters and found no number for: each is computed again."""

import re
from dataclasses import replace

import numpy as np
import pytest

from gradcert.derivations.algebra.counting import COUNTING, Tally, measure
from gradcert.derivations.chapters import eprop, ostl, ottt
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.papers.claims import cost
from gradcert.reference import RULES, Alif, Integrator, Layer, Lif, Loss, Network, Rnn, Snu, Surrogate, Synaptic
from gradcert.reference.engines import record, reverse
from gradcert.reference.estimators import otpe
from gradcert.reference.networks import Edge
from gradcert.reference.numbers import FLOAT64
from gradcert.reference.procedures import FpttState, gradient_step, paper_step
from gradcert.reference.procedures.fptt import mixed_targets
from gradcert.reference.rules import draw_feedback

#: a few hundred operations on numbers below 4, each rounded by 2^-53 of its result
CLOSE = 400 * 4 * 2.0**-53


def text(name):
    return " ".join("\n".join(lesson(name).texts()).split())


def claim(name):
    page = (DOCS / "claims_of_papers.md").read_text(encoding="utf-8")
    return page[page.index(f"## {name} ") :].split("\n## ", 1)[0]


def head(units, outputs, **options):
    return Layer(Rnn(recurrent=False, activation="identity", **options), units, outputs)


def percent(found, exact):
    return f"{np.linalg.norm(found - exact) / np.linalg.norm(exact):.0%}".replace("%", " %")


def drawn(seed, scale, *layers):
    """Return weights as the lessons say that they are drawn: of each layer inputs, units, and whether it has H."""
    rng, out = np.random.default_rng(seed), {}
    for number, (inputs, units, lateral, bias) in enumerate(layers):
        out[f"layers.{number}.W"] = scale * rng.standard_normal((units, inputs)) / np.sqrt(inputs)
        if lateral:
            out[f"layers.{number}.H"] = scale * rng.standard_normal((units, units)) / np.sqrt(units)
        if bias:
            out[f"layers.{number}.b"] = 0.1 * scale * rng.standard_normal(units)
    return out


def test_the_weights_of_the_tables_are_drawn_as_the_lessons_say():
    (_, one, w1), (_, two, w2), (_, _, w3) = ostl.networks()
    below, above = (4, 6, True, True), (6, 3, True, True)
    found = [
        (w1, drawn(180, 1, (4, 3, True, True))),
        (w2, drawn(180, 1, below, above)),
        (w3, drawn(180, 1.5, below, above)),
    ]
    assert one.layers[0].cell.surrogate.name == two.layers[1].cell.surrogate.name == "tanh"
    rng, (x, y) = np.random.default_rng(2), ostl.sequence()
    assert (x == (rng.random((20, 1, 4)) < 0.5)).all() and (y == rng.random((20, 1, 3))).all()
    net, w, x, y = eprop._network()
    found.append((w, drawn(2, 1.5, (3, 8, True, True), (8, 2, False, True))))
    rng = np.random.default_rng(3)
    assert (x == (rng.random((30, 1, 3)) < 0.4)).all() and (y == rng.random((30, 1, 2))).all()
    (alif, readout) = (layer.cell for layer in net.layers)
    assert (alif.leak, alif.rho, readout.kappa, alif.surrogate) == (0.9, 0.95, 0.9, Surrogate("triangle", scale=0.3))
    above = ((6, 5, False, True), (5, 5, False, True), (5, 2, False, True))
    for label, shapes in (
        ("one layer", ((4, 6, False, True), (6, 2, False, True))),
        ("three layers", ((4, 6, False, True), *above)),
        ("lateral weights", ((4, 6, True, True), (6, 2, False, True))),
    ):
        found.append((ottt.networks()[label][1], drawn(16, 2, *shapes)))
    rng, (x, y) = np.random.default_rng(1), ottt.sequence()
    assert (x == (rng.random((20, 1, 4)) < 0.5)).all() and (y == rng.random((20, 1, 2))).all()
    rnn = Network(layers=(Layer(Rnn(bias=False), inputs=2, units=8),))
    found.append((rnn.parameters(seed=0), drawn(0, 1, (2, 8, True, False))))
    for given, by_hand in found:
        assert given.keys() == by_hand.keys()
        assert all(np.abs(given[k] - by_hand[k]).max() <= CLOSE for k in given)
    for name, words in (
        ("ostl", "`rng = numpy.random.default_rng(180)`, layer by layer from below, in each layer"),
        ("eprop", "a matrix is 1.5 times `rng.standard_normal(shape)`"),
        ("ottt", "a matrix is 2 times `rng.standard_normal(shape)`"),
        ("ottt", "`rng = numpy.random.default_rng(16)`, then layer by layer from below"),
        ("fptt", "`rng.standard_normal((8, 2))` over"),
    ):
        assert words in text(name)


def test_a_linear_head_under_softmax_has_the_signal_that_is_printed():
    net = Network(
        layers=(Layer(Snu(transfer="tanh", threshold=0.5), 3, 4), head(4, 3)), loss=Loss(kind="cross_entropy")
    )
    rng = np.random.default_rng(0)
    w, x, y = net.parameters(seed=0, scale=2.0), rng.random((6, 1, 3)), rng.random((6, 1, 3))
    found, tape = reverse.gradients(net, w, x, y, rule=RULES["ostl"]), record(net, w, x)
    shares = np.exp(tape.outputs[:, 0])
    shares = shares / shares.sum(axis=1, keepdims=True)
    signal = shares * y[:, 0].sum(axis=1, keepdims=True) - y[:, 0]
    by_hand = signal.T @ tape.layers[0].now["z"][:, 0]
    assert np.abs(found["layers.1.W"] - by_hand).max() <= CLOSE
    below = signal @ w["layers.1.W"]
    local = Network(layers=net.layers[:1])  # half the squared error against z - L has the slope L
    alone = {k: v for k, v in w.items() if k.startswith("layers.0")}
    same = reverse.gradients(local, alone, x, (tape.layers[0].now["z"][:, 0] - below)[:, None], rule=RULES["ostl"])
    assert all(np.abs(found[k] - same[k]).max() <= 8 * CLOSE for k in same)
    assert "the first signal is softmax minus target" in text("ostl")


def test_what_random_feedback_does_to_the_example_of_eprop():
    given = network(example("eprop"), {})
    off = 1 - np.eye(2)

    def flat(g):
        return np.concatenate([g["layers.0.W"].ravel(), (g["layers.0.H"] * off).ravel()])

    right, page, rule = flat(reverse.gradients(*given, rule=RULES["e-prop"])), text("eprop"), RULES["e-prop-random"]
    said = []
    for seed in (0, 2):
        B = draw_feedback(given[0], rule, seed=seed)
        by_hand = np.random.default_rng([seed, 0xFEEDBAC]).standard_normal((1, 2))  # one output
        assert (B["layers.0.B"] == by_hand).all()
        found = flat(reverse.gradients(*given, rule=rule, feedback=B))
        cosine = found @ right / np.linalg.norm(found) / np.linalg.norm(right)
        said.append(([f"{v:.4f}" for v in by_hand[0]], percent(found, right), f"{cosine:.3f}"))
    (b0, error0, cosine0), (b2, error2, cosine2) = said
    assert rf"$\B{{11}}={b0[0]}$ and $\B{{12}}={b0[1]}$" in page
    assert f"off symmetric e-prop by {error0} of its length, with the cosine {cosine0}" in page
    assert f"The seed 2 gives {b2[0]} and {b2[1]}" in page
    assert f"off by {error2}, with the cosine {cosine2.replace('-', '−')}" in page


def test_two_layers_of_ottt_by_hand_are_the_engines():
    cell = Lif(
        leak=0.5, threshold=1.0, recurrent=False, bias=False, reset="subtract_before_leak",
        surrogate=Surrogate("triangle", scale=1.0),
    )  # fmt: skip
    w = {"layers.0.W": np.array([[0.8]]), "layers.1.W": np.array([[1.4]])}
    given = (Network(layers=(Layer(cell, 1, 1), Layer(cell, 1, 1))), w)
    x, y = (np.array(v).reshape(3, 1, 1) for v in ([1.0, 1.0, 0.0], [0.0, 1.0, 1.0]))
    ottt, exact = (
        {k: v.item() for k, v in reverse.gradients(*given, x, y, rule=RULES[name]).items()}
        for name in ("ottt", "bptt-detached-reset")
    )
    both = [ottt["layers.0.W"], exact["layers.0.W"], exact["layers.0.W"] - ottt["layers.0.W"], ottt["layers.1.W"]]
    assert np.abs(np.array(both) - [-0.021, -0.245, -0.224, -0.1]).max() <= CLOSE
    assert abs(exact["layers.1.W"] + 0.1) <= CLOSE
    added = otpe.gradients(*given, x, y, live_reset=False)
    assert abs(added["layers.0.W"].item() + 0.245) <= CLOSE
    for value in ("-0.021", "-0.245", "-0.224", "-0.1"):
        assert rf"\mathbf{{{value}}}" in text("ottt")


@pytest.mark.parametrize("order", ["new", "old"])
def test_behind_a_synaptic_current_ottt_has_two_numbers_per_input(order):
    cell = Synaptic(
        leak=0.5, rho=0.7, threshold=1.0, recurrent=False, bias=False, reset="subtract_before_leak", order=order,
        surrogate=Surrogate("triangle", scale=1.0),
    )  # fmt: skip
    net, rng = Network(layers=(Layer(cell, 2, 3), head(3, 2, bias=False))), np.random.default_rng(0)
    w, x, y = net.parameters(seed=1, scale=2.0), rng.random((9, 1, 2)), rng.random((9, 1, 2))
    tape, current, trace, total = record(net, w, x), np.zeros(2), np.zeros(2), 0.0
    for t in range(9):
        new = 0.7 * current + x[t, 0]
        trace = 0.5 * trace + (new if order == "new" else current)
        current = new
        psi = np.maximum(0, 1 - abs(tape.layers[0].now["v"][t, 0] - 1))
        total = total + np.outer(psi * ((tape.outputs[t, 0] - y[t, 0]) @ w["layers.1.W"]), trace)
    assert np.abs(total).max() > 0.01
    for rule in ("ottt", "bptt-detached-reset"):
        assert np.abs(total - reverse.gradients(net, w, x, y, rule=RULES[rule])["layers.0.W"]).max() <= CLOSE
    for n, m in ((5, 4), (7, 3)):
        assert measure(cell, RULES["ottt"], units=n, inputs=m).memory == 2 * m
        assert measure(replace(cell, reset="hard"), RULES["ottt"], units=n, inputs=m).memory > 2 * m
    assert "*two* numbers per input, shared by all units" in text("ottt")


def test_late_inputs_of_ottt_have_late_traces():
    net, rng = (
        Network(layers=(Layer(Lif(leak=0.5, recurrent=False, bias=False), 2, 3), head(3, 2))),
        np.random.default_rng(2),
    )
    w, x, y = net.parameters(seed=1, scale=2.0), rng.random((12, 1, 2)), rng.random((12, 1, 2))
    given = np.concatenate([np.concatenate([np.zeros((3, 1, 1)), x[:-3, :, :1]]), x[:, :, 1:]], axis=2)
    tape, past, by_hand = record(net, w, given), [np.zeros(2)] * 4, 0.0
    for t in range(12):
        past = [*past, 0.5 * past[-1] + x[t, 0]]
        sigma = 1 / (1 + np.exp(-4 * (tape.layers[0].now["v"][t, 0] - 1)))
        credit = 4 * sigma * (1 - sigma) * ((tape.outputs[t, 0] - y[t, 0]) @ w["layers.1.W"])
        by_hand = by_hand + np.outer(credit, [past[-4][0], past[-1][1]])
    found = reverse.gradients(net, w, given, y, rule=RULES["ottt"])["layers.0.W"]
    assert np.abs(found - by_hand).max() <= CLOSE
    assert "late inputs have late traces" in text("ottt")


def test_what_the_lessons_say_of_costs_in_numbers():
    n, steps, weights = 200, 1000, 2 * 200 * 200
    assert (3 * n * steps, (3 * n + n) * steps, 4 * (3 * n + n) * steps) == (600_000, 800_000, 3_200_000)
    assert (2 * n**3) // (4 * n) + 1 == 20_001 and "from 20 001 steps on" in text("ostl")
    assert "a step more, 800 000 for 1000 steps, 3.2 MB" in text("ostl")
    assert (4 * 6 / 5, 4 * 1000 / 5) == (4.8, 800) and "$4T/5$: 4.8 and 800" in text("ottt")
    page = text("fptt")
    kept = 3 * n * steps // 10 + 2 * weights
    assert (kept, 4 * kept) == (220_000, 880_000) and "220 000 numbers, 0.88 MB" in page
    longer = 3 * n * 10_000
    assert (4 * longer, 4 * (longer // 10 + 2 * weights)) == (24_000_000, 3_040_000)
    assert "BPTT has 24 MB, FPTT in 10 parts 3.04 MB, FPTT in parts of 100 steps 0.88 MB" in page


def test_what_fptt_says_of_claims_is_what_stands_there():
    page, seven, five = text("fptt"), claim("C7"), claim("C5")
    assert "| fptt, parts of 25 steps | shown | 55 KiB at T = 100, 55 KiB at T = 10000 |" in seven
    assert "FPTT takes 55 KiB at 100 steps and 55 KiB at 10 000" in page
    ten, bptt = (
        re.search(rf"\| {name} .*? \| ([\d.]+) times the memory", seven)[1] for name in ("fptt, 10 parts", "bptt")
    )
    assert f"takes {ten} times as much at 100 times the length, where BPTT takes {bptt} times as much" in page
    assert "3.75 GB against 15.72 GB (secondary)" in seven and "3.75 GB against 15.72 GB" in page
    found = {}
    for name in ("FPTT better than e-prop", "FPTT better than ostl", "FPTT on par with BPTT at equal sequences"):
        row = re.search(rf"\| {name} \| [\w ]+ \| .*?([-+.\d]+) \[([-+.\d]+), ([-+.\d]+)\] over 4 seeds", five)
        found[name.split()[-1]] = [f"{100 * abs(float(v)):.1f}" for v in row.groups()]
    e, o, b = (found[k] for k in ("e-prop", "ostl", "sequences"))
    assert f"FPTT has {e[0]} more than e-prop ({e[1]} to {e[2]})" in page
    assert f"{o[0]} fewer than OSTL ({o[1]} fewer to {o[2]} more)" in page
    assert f"and {b[0]} more than BPTT at equal sequences ({b[1]} to {b[2]})" in page


def test_what_ottt_says_of_convolutions_is_what_stands_there():
    row = re.search(r"convolution: ottt-a on par .*? \| shown \| ([-+.\d]+) \[([-+.\d]+), ", claim("C6"))
    assert float(row[2]) > 0
    assert f"Under convolutions, 6 steps, OTTT_A alone was run: +{100 * float(row[1]):.2f}, worse than BPTT" in text(
        "ottt"
    )
    assert "1 point (static) and 2 points (rows, speech, convolutions" in claim("C6")


def test_a_claim_about_cost_counts_snap_1_without_lateral_weights():
    counted = {}
    for name in ("snap-1", "snap-1" + cost.LATERAL, "ostl" + cost.LATERAL):
        counted[name] = [cost.run({"learner": name, "n": n, "T": 3, "seed": 0})["traces"] for n in (8, 16)]
    assert [large // small for small, large in counted.values()] == [4, 8, 8]
    assert counted["snap-1" + cost.LATERAL] == counted["ostl" + cost.LATERAL]
    assert "without lateral weights: with them this engine keeps the dense array, n^3, and masks it" in claim("C10")
    assert "| snap-1 | shown | 124 KiB at T = 100, 124 KiB at T = 10000 |" in claim("C7")
    assert "| ostl | shown | 85 KiB at T = 100, 86 KiB at T = 10000 |" in claim("C7")
    assert "it has 124 KiB for SnAp-1 and 86 KiB for OSTL" in text("ostl")


def test_a_cycle_of_the_papers_form_has_a_sum_of_its_own():
    for slopes, rest in (((3, 3), "0.000"), ((3, 1), "0.136")):
        one = {"w": np.zeros(1)}
        state, last = FpttState(one, one, one), []
        for _ in range(2000):
            last = []
            for slope, centre in zip(slopes, (1.0, 3.0), strict=True):
                gradient = lambda w, a=slope, c=centre: {"w": a * (w["w"] - c)}  # noqa: E731
                before = gradient(state.weights)["w"].item()
                state = paper_step(state, gradient, alpha=2.0, solver=gradient_step(0.1))
                last.append((before, gradient(state.weights)["w"].item()))
        assert f"{abs(sum(a for a, _ in last)):.3f}" == rest
        assert abs(sum(a + b / 2 for a, b in last)) <= CLOSE
    assert "the sum of @{cycle} is 0.136" in text("fptt")


def test_the_loss_of_a_part_with_an_oracle_is_that_of_mixed_targets():
    net, rng = (
        Network(layers=(Layer(Rnn(), 2, 3),), loss=Loss(kind="cross_entropy", when="last")),
        np.random.default_rng(1),
    )
    w, x = net.parameters(seed=1), rng.random((4, 1, 2))
    y, q = np.eye(3)[[1] * 4][:, None], np.full((4, 1, 3), 1 / 3)
    shares = np.exp(record(net, w, x).outputs[-1, 0])
    shares = shares / shares.sum()
    for r in (1, 2, 3):
        mixed = mixed_targets(y, q, r - 1, 3)[-1, 0]
        by_hand = -((r / 3 * y[-1, 0] + (1 - r / 3) * q[-1, 0]) * np.log(shares)).sum()
        assert abs(by_hand + (mixed * np.log(shares)).sum()) <= CLOSE
        assert abs(net.loss.value(record(net, w, x).outputs, mixed_targets(y, q, r - 1, 3), FLOAT64) - by_hand) <= CLOSE


def test_the_bias_of_an_output_of_eprop_has_a_filtered_one():
    net = Network(layers=(Layer(Alif(recurrent=True, bias=False), 3, 4), Layer(Integrator(kappa=0.7), 4, 2)))
    rng = np.random.default_rng(0)
    w, x, y = net.parameters(seed=1, scale=2.0), rng.random((9, 1, 3)), rng.random((9, 1, 2))
    outputs, one, total = record(net, w, x).outputs[:, 0], 0.0, 0.0
    for t in range(9):
        one = 0.7 * one + 1
        # of terms above 0: 18 roundings of 2^-53 one way, at most 9 sums and a power to an ulp the other
        assert abs(one - sum(0.7**k for k in range(t + 1))) <= 36 * 2**-53 * one
        total = total + (outputs[t] - y[t, 0]) * one
    found = reverse.gradients(net, w, x, y, rule=RULES["e-prop"])["layers.1.b"]
    assert np.abs(total - found).max() <= 40 * CLOSE  # outputs are about ten times as large


def test_where_the_five_products_per_synapse_of_eprop_come_from():
    """Of the program that multiplies the signal into psi first; line by line the algorithm has six and a filter."""
    n, m = 3, 2
    arrays = [COUNTING.array(np.ones(s)) for s in ((n, m), m, m, (n, 1), (n, m), (n, 1))]
    W, x, trace, psi, slow, signal = arrays
    rho, beta, kappa = (COUNTING.array(np.array(v))[()] for v in (0.9, 0.8, 0.7))

    def products(*terms):
        Tally.products = 0
        for term in terms:
            term()
        return Tally.products

    common = (lambda: W @ x, lambda: psi * trace, lambda: (psi - rho) * slow)
    first = psi * signal
    second = first * beta
    assert products(*common, lambda: first * trace, lambda: second * slow) == 5 * n * m
    e = psi * (trace + beta * slow)
    assert products(*common, lambda: psi * (trace + beta * slow), lambda: signal * e, lambda: kappa * e) == 7 * n * m
    assert "The 5 products per synapse" in text("eprop") and "line by line, has 7" in text("eprop")


def test_the_percentages_of_the_mathematics_of_eprop_are_those_of_the_named_network():
    page = " ".join((DOCS / "mathematics" / "06-e-prop.md").read_text(encoding="utf-8").split())
    given, rule, name = eprop._network(), RULES["e-prop"], "layers.0.W"
    right = reverse.gradients(*given, rule=rule)[name]
    cut = reverse.gradients(*given, rule=replace(rule, own=rule.own - {Edge.ADAPTATION}))[name]
    alive = reverse.gradients(*given, rule=replace(rule, own=rule.own | {Edge.RESET}))[name]
    full = reverse.gradients(*given, rule=RULES["bptt"])[name]
    assert (
        f"as well changes W by {percent(cut, right)} of its length, leaving the reset alive by {percent(alive, right)}"
        in page
    )
    assert f"full BPTT differs by {percent(right, full)} of its own" in page
