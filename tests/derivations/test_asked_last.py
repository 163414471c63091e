"""Sentences that a student who recomputed the site found wrong or missing: each is held against the engines."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from shown import CLOSE, needs_node, shown
from test_asked import drawn
from test_layers_fire import all_of, bounded, cosine, depths, of, rated, twice
from test_ottt import problem, weighted

from gradcert.derivations.chapters import bounds, eprop
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.papers.claims import cost
from gradcert.reference import RULES, Alif, Edge, Integrator, Layer, Lif, Network, Snu, Surrogate
from gradcert.reference.bounds import Online, windowed
from gradcert.reference.engines import record, residual, reverse
from gradcert.reference.rules import draw_feedback

LOWER = "layers.0.W"
SPEC = example("bounds")


def text(name):
    return " ".join("\n".join(lesson(name).texts()).split())


def off(found, exact):
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def percent(share, digits=0):
    return f"{100 * share:.{digits}f} %"


def minus(value, digits):
    return f"{value:.{digits}f}".replace("-", "−")


def three(s):
    """Return online bound, the bound with one window, and the error of the lower weight of bounds' example."""
    net, w, x, y = network(SPEC, s)
    online = Online(net, w, rule=RULES["ostl"], steps=3, batch=1)
    for t in range(3):
        online.step(x[t], y[t])
    wide = windowed(net, w, x, y, rule=RULES["ostl"], window=3).tensors[LOWER]
    error = residual(net, w, x, y, rule=RULES["ostl"]).total[LOWER][0, 0]
    return online.bound().tensors[LOWER], wide, error


def paths(s):
    """Return the terms of formula (14), one for each s <= r < t."""
    net, w, x, y = network(SPEC, s)
    low, high = record(net, w, x).layers
    v, z = ([layer.now[n][:, 0, 0] for layer in (low, high)] for n in "vz")
    slope, psi = [1 - u**2 for u in v], [1 - np.tanh(u - 0.5) ** 2 for u in v]
    J = [
        [0.0, *(g[t] * 0.9 * (1 - f[t - 1] - u[t - 1] * p[t - 1]) for t in (1, 2))]
        for g, f, u, p in zip(slope, z, v, psi, strict=True)
    ]
    credit = psi[1] * (z[1] - y[:, 0, 0])
    up = slope[1] * w["layers.1.W"][0, 0] * psi[0]
    return np.array(
        [
            credit[t] * np.prod(J[1][r + 1 : t + 1]) * up[r] * np.prod(J[0][q + 1 : r + 1]) * slope[0][q] * x[q, 0, 0]
            for t in range(3)
            for r in range(t)
            for q in range(r + 1)
        ]
    )


@pytest.mark.long
def test_the_online_bound_is_the_error_where_all_paths_have_one_sign():
    page, counts = text("bounds"), [0, 0]
    grid = np.round(np.linspace(-1.5, 1.5, 31), 10)
    for w1 in grid:
        for w2 in grid:
            s = {"w1": w1, "w2": w2}
            online, _, error = three(s)
            terms = paths(s)
            assert abs(terms.sum() - error) <= CLOSE
            if error == 0:
                continue
            equal = online - abs(error) <= CLOSE
            assert equal == (np.abs(terms).sum() - abs(terms.sum()) <= CLOSE)  # one sign
            counts = [counts[0] + equal, counts[1] + 1]
    assert f"at {counts[0]} of the {counts[1]} settings with $\\R\\ne0$" in page
    assert np.count_nonzero(paths({"w1": -1.0})) == 1
    found, terms = three({"w1": 0.7, "w2": 0.8}), paths({"w1": 0.7, "w2": 0.8})
    size, last = (minus(u, 4) for u in terms[terms != 0][:2]), minus(terms[-1], 4)
    assert f"where three paths count, {', '.join(size)} and {last}: online bound" in page
    assert {f"{abs(u):.3f}" for u in found} == {"0.127"}
    assert "online bound, window and error are all 0.127" in page
    # of the table, several units: above
    net, w, x, y = bounded()
    online = Online(net, w, rule=RULES["ostl"], steps=6, batch=1)
    for t in range(6):
        online.step(x[t], y[t])
    error = np.linalg.norm(residual(net, w, x, y, rule=RULES["ostl"]).total[LOWER])
    assert online.bound().tensors[LOWER] > 2 * error


def test_without_lateral_weights_the_residual_forwards_takes_n_cubed():
    """Every line is elementwise on an array of n^3 numbers, and the sum over steps takes n^3 products too."""
    n, leak = 5, 0.8
    cell = Snu(leak=leak, recurrent=False)
    net = Network(layers=(Layer(cell, inputs=n, units=n), Layer(cell, inputs=n, units=n)))
    rng = of(4)
    w, x, y = net.parameters(seed=1, scale=2.0), rng.random((6, 1, n)), rng.random((6, 1, n))
    low, high = record(net, w, x).layers
    v, z = ([layer.now[k][:, 0] for layer in (low, high)] for k in "vz")
    psi = [1 - np.tanh(u - 1) ** 2 for u in v]
    credit, up = psi[1] * (z[1] - y[:, 0]), w["layers.1.W"]
    ep, kept, dropped, total = np.zeros((n, n)), np.zeros((n, n, n)), np.zeros((n, n, n)), 0.0
    for t in range(6):
        J = [
            leak * (1 - f[t - 1] - u[t - 1] * p[t - 1]) if t else np.zeros(n) for f, u, p in zip(z, v, psi, strict=True)
        ]
        dropped = J[1][:, None, None] * (dropped + kept)  # (unit above, unit below, input)
        ep = J[0][:, None] * ep + x[t, 0]  # one number per weight
        kept = (up * psi[0][t])[:, :, None] * ep
        assert kept.size == dropped.size == n**3
        total = total + np.tensordot(credit[t], dropped, 1)
    right = residual(net, w, x, y, rule=RULES["ostl"]).total[LOWER]
    assert np.abs(total - right).max() <= CLOSE * np.abs(right).max()
    assert "| the residual itself, without lateral weights | $n^3$ | $n^3$ |" in "\n".join(lesson("bounds").texts())


def test_the_networks_of_depth_bounds_and_rates_are_drawn_as_the_lessons_say():
    rng = np.random.default_rng(4)
    bits, targets = (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))
    net, w, x, y = depths()
    found = [("depth", w, drawn(15, 2, (3, 5, True, True), (5, 3, True, True)), (x, bits), (y, targets))]
    assert {q.cell.surrogate.name for q in net.layers} == {"tanh"}
    readout = Network(layers=(net.layers[0], Layer(Integrator(kappa=0.5), inputs=5, units=2)))
    shapes = (3, 5, True, True), (5, 2, False, True)
    found.append(("depth", readout.parameters(seed=15, scale=2.0), drawn(15, 2, *shapes)))
    assert "the targets are `rng.random((8, 1, 2))`, after the same inputs" in text("depth")
    rng = np.random.default_rng(4)
    bits, targets = (rng.random((6, 1, 3)) < 0.5) * 1.0, rng.random((6, 1, 3))
    net, w, x, y = bounds._problem()
    found.append(("bounds", w, drawn(4, 2, (3, 4, True, True), (4, 3, True, True)), (x, bits), (y, targets)))
    assert {q.cell.surrogate.name for q in net.layers} == {"tanh"}
    values = np.random.default_rng(8).random((24, 1, 4))
    for label, inputs in (("constant input", np.repeat(values[:1], 24, axis=0)), ("random spikes", values < 0.5)):
        net, w, x, y = rated(label)
        by_hand = drawn(25, 2, (4, 6, False, True), (6, 2, False, True))
        found.append(("rates", w, by_hand, (x, inputs), (y, 0.5 + 0 * y)))
        surrogates = [q.cell.surrogate for q in net.layers]
        assert all((one.name, dict(one.scales)) == ("sigmoid", {"scale": 4.0}) for one in surrogates)
    seeds = {"depth": 15, "bounds": 4, "rates": 25}
    for name, given, by_hand, *arrays in found:
        assert given.keys() == by_hand.keys()
        assert all(np.abs(given[k] - by_hand[k]).max() <= CLOSE for k in given)
        assert all((a == b).all() for a, b in arrays)
        page = text(name)
        assert f"drawn by `rng = numpy.random.default_rng({seeds[name]})`, layer by layer from below" in page
        assert "a matrix is 2 times `rng.standard_normal(shape)`" in page
        assert "biases are 0.2 times `rng.standard_normal(units)`" in page
    assert "`rng.random((8, 1, 3)) < 0.5`, and then targets `rng.random((8, 1, 3))`" in text("depth")
    assert "`rng.random((6, 1, 3)) < 0.5`, and then targets `rng.random((6, 1, 3))`" in text("bounds")
    assert "`drawn = numpy.random.default_rng(8).random((24, 1, 4))`" in text("rates")


def traced(given, *, gated):
    """Return OTTT's gradient of the lower W: with one trace for all units, or with the gate 1 - z and one a synapse."""
    net, w, x, y = given
    leak = net.layers[0].cell.leak
    low, high = record(net, w, x).layers
    psi = [1 - np.tanh(q.now["v"][:, 0] - 1) ** 2 for q in (low, high)]
    z, error = low.now["z"][:, 0], high.now["z"][:, 0] - y[:, 0]
    trace, total = np.zeros(w[LOWER].shape), 0.0
    for t in range(len(x)):
        gate = 1 - z[t - 1] if gated and t else np.ones(len(trace))
        trace = leak * gate[:, None] * trace + x[t, 0]
        total = total + (psi[0][t] * (w["layers.1.W"].T @ (psi[1][t] * error[t])))[:, None] * trace
    return total


def test_the_row_of_ottt_in_depth_and_bounds_has_a_number_per_synapse():
    median, here = {}, {}
    for name, build, seed in (("depth", depths, 15), ("bounds", bounded, 4)):
        errors = []
        for k in range(200):
            if not twice(all_of(name, k)):
                continue
            given = build(seed=k)
            exact = reverse.gradients(*given, rule=RULES["bptt"])[LOWER]
            row = reverse.gradients(*given, rule=RULES["ottt"])[LOWER]
            assert np.abs(traced(given, gated=True) - row).max() <= CLOSE * np.abs(row).max()
            errors.append([off(traced(given, gated=False), exact), off(row, exact)])
            if k == seed:
                here[name] = errors[-1]
        median[name] = np.median(errors, axis=0)
    words = "With the shared trace the error is {} here, where the row has {}, and {} in the median of the draws below"
    given = percent(here["depth"][0], 1), percent(here["depth"][1], 1), percent(median["depth"][0])
    assert words.format(*given) in text("depth")
    assert f"below, where the row has {percent(median['depth'][1])}." in text("depth")
    words = "With the shared trace OTTT is off BPTT by {} of its length here, and the row by {};"
    assert words.format(*map(percent, here["bounds"])) in text("bounds")


def test_what_enters_the_a_priori_row():
    net, _, x, y = bounds._problem()
    longest = float(np.sqrt((y * y).sum(axis=2)).max())
    assert x.min() == 0 and x.max() == 1 and net.depth == 2 and y.shape[2] == 3
    assert f"no longer than {longest + 3**0.5:.2f}: that is $\\sqrt3$" in text("bounds")
    assert f"the length of the longest target, {longest:.2f}." in text("bounds")
    slopes = net.layers[0].cell.surrogate.derivative(np.linspace(-9, 9, 1001))
    assert slopes.min() > 0 and slopes.max() == 1


def test_a_unit_at_the_edge_of_firing_moves_upward_alone():
    up, here, down = (weighted(np.array((0.3 + d, 0.2)), 0.5).mean(axis=0)[0] for d in (0.1, 0.0, -0.1))
    assert here == down == 0 < up
    assert f"with the first weight at 0.4 the rate is {up:.2f}, downward it does not move." in text("ottt")
    assert (0.3 + 0.2) / (1 - 0.5) == 1  # what its potential comes up to


def test_how_e_prop_goes_over_draws():
    net, w, x, y = eprop._network()
    cuts = {
        "both": RULES["e-prop"],
        "reset": replace(RULES["e-prop"], own=RULES["ostl"].own - {Edge.RESET}),
        "lateral": replace(RULES["e-prop"], own=RULES["ostl"].own - {Edge.RECURRENT}),
        "ostl": RULES["ostl"],
    }
    found, angles, here = [], [], None
    for seed in range(200):
        w = net.parameters(seed=seed, scale=1.5)
        if record(net, w, x).layers[0].now["z"].sum() < 2:
            continue
        exact = reverse.gradients(net, w, x, y, rule=RULES["bptt"])[LOWER]
        grads = {name: reverse.gradients(net, w, x, y, rule=rule)[LOWER] for name, rule in cuts.items()}
        found.append([off(g, exact) for g in grads.values()])
        angles.append(cosine(grads["both"], exact))
        here = found[-1] if seed == 2 else here
    both, reset, _, ostl = np.array(found).T
    page, n = text("eprop"), len(found)
    low, high = (percent(q) for q in np.quantile(both, [0.05, 0.95]))
    assert (
        f"there are {n} with two spikes or more. For $\\W{{}}$ e-prop is off by {percent(np.median(both))} in" in page
    )
    assert f"nine draws of ten lie between {low} and {high}." in page
    assert (
        f"median cosine with BPTT is {np.median(angles):.2f}, and it is negative in none." in page and min(angles) > 0
    )
    assert f"nearer to BPTT than OSTL in {(both < ostl).sum()} of the {n}." in page
    words = "the reset cut alone is off by {1}, the lateral paths cut alone by {2}, and both by {0}"
    assert words.format(*map(percent, here)) in page
    assert f"In {(reset > both).sum()} of the {n} draws the reset cut alone is worse than both cuts." in page


def test_the_dampening_along_a_chain_of_adaptation():
    """Scale the slope: the gradient is a polynomial, its first term what is left without ADAPTATION, its degree T."""
    net, w, x, y = eprop._network()
    plain = replace(RULES["e-prop"], own=frozenset({Edge.STATE}))

    def scaled(scale, rule):
        cell = replace(net.layers[0].cell, surrogate=Surrogate("triangle", scale=scale))
        layers = (replace(net.layers[0], cell=cell), net.layers[1])
        return reverse.gradients(Network(layers=layers), w, x[8:12], y[8:12], rule=rule)[LOWER]

    scales = np.array([0.3, 0.6, 0.9, 1.2])
    values = np.array([scaled(float(s), RULES["e-prop"]) for s in scales])
    powers = scales[:, None] ** np.arange(1, 5)
    terms = np.linalg.solve(powers, values.reshape(4, -1)).reshape(values.shape)
    assert np.abs(terms[0] - scaled(1.0, plain)).max() <= 1e-9 * np.abs(terms[0]).max()
    assert np.abs(terms[1]).max() > 1e-4 * np.abs(terms[0]).max()
    fifth = scaled(0.45, RULES["e-prop"])
    assert np.abs((0.45 ** np.arange(1, 5) @ terms.reshape(4, -1)).reshape(fifth.shape) - fifth).max() <= 1e-9
    assert "over one of them $0.3^2$, over two $0.3^3$" in text("eprop")


def test_random_feedback_reaches_every_layer_directly():
    layers = [Layer(Alif(recurrent=True), inputs=n, units=m) for n, m in pairwise((3, 4, 5))]
    net = Network(layers=(*layers, Layer(Integrator(), inputs=5, units=2)))
    rule = RULES["e-prop-random"]
    b, rng = draw_feedback(net, rule), of(0)
    assert {k: v.shape for k, v in b.items()} == {"layers.0.B": (2, 4), "layers.1.B": (2, 5)}
    w, x, y = net.parameters(seed=1, scale=2.0), rng.random((8, 1, 3)), rng.random((8, 1, 2))
    first = reverse.gradients(net, w, x, y, rule=rule, feedback=b)
    second = reverse.gradients(net, w, x, y, rule=rule, feedback={**b, "layers.1.B": 2 * b["layers.1.B"]})
    assert (first[LOWER] == second[LOWER]).all() and first[LOWER].any()
    assert np.abs(2 * first["layers.1.W"] - second["layers.1.W"]).max() <= CLOSE * np.abs(first["layers.1.W"]).max()
    assert "With several hidden layers a random $\\B{}$ reaches every layer directly" in text("eprop")


def test_where_ottt_is_ostl():
    out = replace(RULES["ostl"], own=RULES["ostl"].own - {Edge.RESET})

    def apart(given, rule):
        a, b = (reverse.gradients(*given, rule=r) for r in (RULES["ottt"], rule))
        return max(np.abs(a[k] - b[k]).max() for k in a) / max(np.abs(g).max() for g in b.values())

    for label in ("one layer", "two layers", "three layers"):
        given = problem(label)
        assert apart(given, out) <= CLOSE < 0.01 < apart(given, RULES["ostl"])  # the reset out of the graph, and in it
    assert apart(problem("lateral weights"), out) > 0.01
    assert apart(problem("hard reset"), out) <= CLOSE  # the row: a number per synapse
    net, w, x, y = problem("three layers")
    each = Network(
        layers=tuple(replace(q, cell=replace(q.cell, train=("leak",))) for q in net.layers[:3]) + net.layers[3:]
    )
    leaks = {k: of(1).random(v.shape) for k, v in each.parameters().items() if k.endswith("leak")}
    assert leaks["layers.0.leak"].shape == (6,)
    assert apart((each, {**w, **leaks}, x, y), out) <= CLOSE  # a leak for each unit: the row
    cell = Lif(leak=0.5, reset="none", recurrent=False)
    layers = [Layer(cell, inputs=n, units=m) for n, m in pairwise((4, 6, 5))]
    net = Network(layers=(*layers, Layer(Integrator(kappa=0.9), inputs=5, units=2)))
    given = net, net.parameters(seed=16, scale=2.0), x, y
    assert apart(given, RULES["ostl"]) <= CLOSE  # no reset at all, under a readout that leaks
    exact, ottt = (reverse.gradients(*given, rule=RULES[r])[LOWER] for r in ("bptt", "ottt"))
    assert off(ottt, exact) > 0.1
    assert "**OSTL and OTTT are one rule** where the leak is all that goes from step to step" in text("ottt")


def test_with_a_recurrence_the_credit_within_a_step_has_a_positive_product():
    rng = of(5)
    for _ in range(200):
        m, p = rng.standard_normal((4, 4)), rng.standard_normal(4)
        for norm in (0.3, 0.9):
            recurrence = norm * m / np.linalg.norm(m, 2)
            within = (np.eye(4) - recurrence).T @ p
            assert p @ within >= (1 - norm) * (p @ p) - CLOSE * (p @ p)
    assert "times 1 less the norm of the recurrence" in text("ottt")


@needs_node
def test_the_rows_of_ndot_differ_at_the_settings_that_the_page_names():
    _, (begin, apart) = shown("sums.js", "rates", [{}, {"w1": 1.0, "w2": 2.0, "x2": -1.0}])
    assert begin["ndotfree"] == begin["ndot"] and begin["ndotlayer"] == begin["ottt"]
    assert all(begin[f"nratio.{t}"] == begin[f"nfree.{t}"] for t in (1, 2, 3))  # no ratio below is clamped
    net, w, x, _ = network(example("rates"), {})
    high = record(net, w, x).layers[1].now
    u = (high["v"] - 0.8 * high["z"])[:, 0, 0]
    assert u[1] / u[0] >= 0.8
    right, *wrong = (minus(apart[k], 4) for k in ("ndot", "ndotlayer", "ndotfree", "ottt"))
    words = "NDOT has {}, and the three rows {}, {} and {}."
    assert words.format(right, *wrong) in text("rates")


def test_what_the_headings_of_claims_say_was_tested():
    page = (DOCS / "claims_of_papers.md").read_text(encoding="utf-8")
    assert len({rule.removesuffix(cost.LATERAL) for rule in cost.EXPONENTS}) == 9
    assert re.search(r"^## C10 Nine rules cost no more than what is quoted of them, .*: shown$", page, re.M)
    assert re.search(r"^## C8 .*, feed-forward \(recurrent part not tested\): shown$", page, re.M)
    for number in ("C2", "C5", "C6", "C10"):
        part = page[page.index(f"## {number} ") :].split("\n## ", 1)[0]
        rule = next(line for line in part.splitlines() if line.startswith("**Rule.**"))
        assert "n this order" in rule


@pytest.mark.parametrize("label", ["up", "omega", "paths"])
def test_slopes_between_matrices_are_said_to_be_diagonal(label):
    page = "\n".join(lesson("bounds").texts())
    assert "slopes stand for diagonal matrices" in page[page.index(f"{{#{label}}}") :][:900].lower()


def test_eprop_of_two_layers_by_hand_is_the_engines():
    unit = Alif(
        leak=0.5, threshold=1.0, beta=0.0, bias=False, recurrent=False, scaling="none",
        surrogate=Surrogate("triangle", scale=1.0),
    )  # fmt: skip
    layers = (*(Layer(unit, inputs=1, units=1),) * 2, Layer(Integrator(kappa=0.5, bias=False), inputs=1, units=1))
    w = {f"layers.{i}.W": np.array([[value]]) for i, value in enumerate((1.2, 0.9, 1.0))}
    given = (Network(layers=layers), w, np.ones((3, 1, 1)), np.zeros((3, 1, 1)))
    tape = record(*given[:3])
    assert [layer.now["z"].ravel().tolist() for layer in tape.layers[:2]] == [[1, 0, 1], [0, 0, 1]]
    rule, exact = (reverse.gradients(*given, rule=RULES[name]) for name in ("e-prop", "bptt-detached-reset"))
    said = {"layers.1.W": (1.43125, 1.43125), LOWER: (0.95625, 1.66725)}
    for name, values in said.items():
        assert [rule[name].item(), exact[name].item()] == pytest.approx(values, rel=CLOSE), name
        assert all(rf"\mathbf{{{value}}}" in text("eprop") for value in values)
    assert f"e-prop has lost {percent(off(rule[LOWER], exact[LOWER]))} of it" in text("eprop")
