"""What a later student missed in the chapters on OSTL, e-prop and FPTT: each number is computed again."""

import math
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from gradcert.derivations.algebra.counting import COUNTING, Tally
from gradcert.derivations.chapters import chapter, eprop, ostl
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.papers.claims import adding_task
from gradcert.papers.verdicts.student import quantile
from gradcert.reference import RULES, Alif, Integrator, Layer, Lif, Loss, Ltc, Network, Snu, Surrogate, rule_named
from gradcert.reference.engines import Learner, record, reverse
from gradcert.reference.networks import TEMPORAL, Activity
from gradcert.reference.procedures import FpttState, code_step, gradient_step, online, paper_step

#: a few hundred operations on numbers below 4, each rounded by 2^-53 of its result
CLOSE = 400 * 4 * 2.0**-53
KEPT = "edges(own state reset recurrent adaptation, readout state)"


def text(name):
    return " ".join("\n".join(lesson(name).texts()).split())


def off(found, exact):
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def joined(parameters, names):
    return np.concatenate([np.ravel(parameters[name]) for name in names])


def test_what_the_three_rules_miss_of_a_layer_under_a_leaky_readout():
    given, readout = eprop._network(), RULES["e-prop"].readout
    exact = reverse.gradients(*given, rule=RULES["bptt"])
    found = {name: reverse.gradients(*given, rule=RULES[name]) for name in ("e-prop", "ostl", "ottt")}
    for gradient in found.values():
        assert all((gradient[f"layers.1.{k}"] == exact[f"layers.1.{k}"]).all() for k in "Wb")
    whole = {
        "e-prop": {"own": TEMPORAL},  # lateral and reset paths
        "ostl": {"readout": readout},  # the readout's memory
        "ottt": {"own": TEMPORAL, "readout": readout},  # all of it, and the adaptation
    }
    for name, kept in whole.items():
        right = reverse.gradients(*given, rule=replace(RULES[name], **kept))
        assert all(np.abs(right[k] - exact[k]).max() <= CLOSE * np.abs(exact[k]).max() for k in exact)
        assert off(found[name]["layers.0.W"], exact["layers.0.W"]) > 0.1
    assert {edge.name for edge in TEMPORAL - RULES["e-prop"].own} >= {"RECURRENT", "RESET"}
    assert {edge.name for edge in RULES["e-prop"].own} == {"STATE", "ADAPTATION"}
    assert {edge.name for edge in RULES["ottt"].own} == {"STATE"}
    said = chapter("eprop").example().text
    assert "OSTL keeps these and misses the readout's memory; OTTT misses all of it, and the adaptation." in said
    assert "The readout's own weights are exact under all three" in said
    row = next(row for row in chapter("eprop").example().rows if row[0] == "OSTL")
    shares = [f"{float(v):.0%}".replace("%", " %") for v in row[1:3]]
    assert "that is {} of $\\W{{}}$ and {} of $\\H{{}}$: nothing else".format(*shares) in text("ostl")


def test_the_products_of_e_prop_part_by_part(monkeypatch):
    cell, counts = Alif(bias=False, recurrent=True), {}

    def count(name):
        whole = getattr(Learner, name)

        def counted(self, *given):
            before = Tally.products
            out = whole(self, *given)
            counts[name] = Tally.products - before
            return out

        monkeypatch.setattr(Learner, name, counted)

    for name in ("_forward", "_advance", "_credit"):
        count(name)
    for n, m in ((3, 2), (4, 2), (5, 3), (6, 3), (7, 5), (4, 4)):
        net = Network(layers=(Layer(cell, inputs=m, units=n),))
        learner = Learner(net, net.parameters(numbers=COUNTING), rule=RULES["e-prop"], steps=3, batch=1,
                          numbers=COUNTING)  # fmt: skip
        for _ in range(3):
            learner.step(COUNTING.array(np.ones((1, m))), COUNTING.array(np.ones((1, n))))
        assert counts["_forward"] == n * n + n * m + 7 * n + 1
        assert counts["_advance"] == 2 * n * n + 2 * n * m + 8 * n + 2 * m + 3
        assert counts["_credit"] == 2 * n * n + 2 * n * m + 6 * n
        assert sum(counts.values()) == 5 * n * n + 5 * n * m + 21 * n + 2 * m + 4
    for part in ("$n^2+nm+7n+1$ are the forward", "$2n^2+2nm+8n+2m+3$ move", "$2n^2+2nm+6n$ are signal and update"):
        assert part in text("eprop")


def test_a_pooled_rate_is_another_term_than_the_mean_over_samples():
    rng = np.random.default_rng(3)
    x, y = (rng.random((30, 8, 3)) < 0.4) * 1.0, rng.random((30, 8, 2))
    layers = (Layer(Alif(recurrent=True, beta=0.3, threshold=0.6), inputs=3, units=8), Layer(Integrator(), 8, 2))
    found = {}
    for batch in ("", "mean", "pooled"):
        term = (Activity(kind="rate", strength=0.5, target=0.1, batch=batch),) if batch else ()
        net = Network(layers=layers, loss=Loss(activity=term))
        w = net.parameters(seed=2, scale=1.5)
        found[batch] = reverse.gradients(net, w, x, y, rule=RULES["e-prop"])["layers.0.W"]
    sample, pooled = (found[k] - found[""] for k in ("mean", "pooled"))
    assert f"is off that of the mean over samples by {off(pooled, sample):.0%}".replace("%", " %") in text("eprop")
    rates = record(Network(layers=layers), w, x).layers[0].now["z"].mean(axis=0)  # (sample, unit)
    # the mean of e over steps: the gradient of the rate itself, by a loss of the mean output that is linear at 1
    one = Network(layers=layers[:1], loss=Loss(when="mean"))
    mine = {k: w[k] for k in ("layers.0.W", "layers.0.H", "layers.0.b")}
    e = []
    for b in range(8):
        target = np.tile(rates[b] - 1, (30, 1, 1))
        e.append(reverse.gradients(one, mine, x[:, b : b + 1], target, rule=RULES["e-prop"])["layers.0.W"])
    each = np.mean([0.5 * (rates[b] - 0.1)[:, None] * e[b] for b in range(8)], axis=0)
    both = 0.5 * (rates.mean(axis=0) - 0.1)[:, None] * np.mean(e, axis=0)
    assert np.abs(each - sample).max() <= CLOSE * np.abs(found[""]).max()
    assert np.abs(both - pooled).max() <= CLOSE * np.abs(found[""]).max()


def test_e_prop_with_rewards_is_the_second_filter():
    """The sum of surprises is what was to come less the guess; both terms of the loss, by hand and filtered."""
    discount, weight, steps = 0.9, 0.7, 12
    cell = Lif(leak=0.5, recurrent=False, bias=False)
    net = Network(layers=(Layer(cell, inputs=3, units=5), Layer(Integrator(kappa=0.7, bias=False), inputs=5, units=4)))
    rng = np.random.default_rng(4)
    x, w = (rng.random((steps, 1, 3)) < 0.5) * 1.0, net.parameters(seed=1, scale=2.0)
    tape, U = record(net, w, x), w["layers.1.W"]
    o, value = tape.outputs[:, 0, :3], tape.outputs[:, 0, 3]
    shares = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
    drawn, reward = np.eye(3)[rng.integers(0, 3, steps)], rng.random(steps)
    surprise = reward + discount * np.append(value[1:], 0) - value
    to_come = np.array([sum(discount ** (s - t) * reward[s] for s in range(t, steps)) for t in range(steps)])
    ahead = np.array([sum(discount ** (s - t) * surprise[s] for s in range(t, steps)) for t in range(steps)])
    assert np.abs(ahead - (to_come - value)).max() <= CLOSE * np.abs(to_come).max()
    # one pass of the engine: outputs whose error is the slope of both terms, the factor taken for a number
    slope = np.c_[(to_come - value)[:, None] * (shares - drawn), -weight * (to_come - value)]
    exact = reverse.gradients(net, w, x, tape.outputs - slope[:, None], rule=RULES["e-prop"])["layers.0.W"]
    trace, bar, second, found = np.zeros(3), np.zeros((5, 3)), np.zeros((5, 3)), 0.0
    for t in range(steps):
        trace = 0.5 * trace + x[t, 0]
        sigma = 1 / (1 + np.exp(-4 * (tape.layers[0].now["v"][t, 0] - 1)))
        bar = 0.7 * bar + np.outer(4 * sigma * (1 - sigma), trace)
        signal = U[:3].T @ (shares[t] - drawn[t]) - weight * U[3]
        second = discount * second + signal[:, None] * bar
        found = found + surprise[t] * second
    assert np.abs(found - exact).max() <= CLOSE * np.abs(bar).max() * steps
    assert np.abs(exact).max() > 1e-2
    assert r"-\vco\,\B{0i}" in text("eprop")


def test_ostl_with_the_filter_of_a_leaky_readout_is_bptt():
    n, m, T, leak, kappa = 3, 2, 6, 0.5, 0.75
    cell = Snu(leak=leak, threshold=1.0, bias=False, surrogate=Surrogate("triangle", scale=1.0))
    net = Network(layers=(Layer(cell, inputs=m, units=n), Layer(Integrator(kappa=kappa, bias=False), n, 2)))
    draw = np.random.default_rng(44).integers
    w = {
        "layers.0.W": draw(1, 5, (n, m)) / 4,
        "layers.0.H": draw(-2, 4, (n, n)) / 4,
        "layers.1.W": draw(1, 4, (2, n)) / 2,
    }
    x, y = draw(0, 3, (T, 1, m)) / 2, draw(0, 2, (T, 1, 2)) * 1.0
    W, H, U = w["layers.0.W"], w["layers.0.H"], w["layers.1.W"]
    v, z, slope, o, own = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(2), np.eye(n)
    eps = {"W": np.zeros((n, n, m)), "H": np.zeros((n, n, n))}
    bar = {"W": np.zeros((2, n, m)), "H": np.zeros((2, n, n))}
    grad = {"W": 0.0, "H": 0.0}
    for t in range(T):
        J = H * slope + np.diag(leak * (1 - z) - leak * v * slope)
        F = {"W": own[:, :, None] * x[t, 0], "H": own[:, :, None] * z}
        v = W @ x[t, 0] + H @ z + leak * v * (1 - z)
        z, slope = (v > 1) * 1.0, np.maximum(0, 1 - abs(v - 1))
        o = kappa * o + U @ z
        for name in eps:
            eps[name] = np.tensordot(J, eps[name], 1) + F[name]
            bar[name] = kappa * bar[name] + np.tensordot(U * slope, eps[name], 1)
            grad[name] = grad[name] + np.tensordot(o - y[t, 0], bar[name], 1)
    exact = reverse.gradients(net, w, x, y, rule=RULES["bptt"])
    plain = reverse.gradients(net, w, x, y, rule=RULES["ostl"])
    kept = reverse.gradients(net, w, x, y, rule=rule_named(KEPT))
    for name, value in grad.items():
        right = exact[f"layers.0.{name}"]
        assert np.abs(value - right).max() <= CLOSE * np.abs(right).max()
        assert np.abs(kept[f"layers.0.{name}"] - right).max() <= CLOSE * np.abs(right).max()
        assert off(plain[f"layers.0.{name}"], right) > 0.1
    assert f"the rule `{KEPT}`" in text("ostl")
    sizes = []
    for rule in (RULES["ostl"], rule_named(KEPT)):
        learner = Learner(net, w, rule=rule, steps=3, batch=1)
        for t in range(3):
            learner.step(x[t], y[t])
        sizes.append(sum(k.array.size for layer in learner.traces for trace in layer.values() for k in trace.values()))
    assert sizes[1] - sizes[0] == 2 * (n * m + n * n)  # a number for each weight and output


def test_what_moving_the_weights_at_every_step_costs_ostl():
    def apart(net, w, x, y, rate):
        once = reverse.gradients(net, w, x, y, rule=RULES["ostl"])
        after = online(net, w, x, y, rule=RULES["ostl"], rate=rate)
        return off(joined({k: after[k] - w[k] for k in once}, once), -rate * joined(once, once))

    given = network(example("ostl"), {})
    small, large = (f"{100 * apart(*given, rate):.1f} %" for rate in (0.01, 0.1))
    said = text("ostl")
    assert f"by {small} of its length at the rate 0.01, and by {large} at 0.1" in said
    label, net, w = ostl.networks()[0]
    assert label == "1"
    small, large = (apart(net, w, *ostl.sequence(), rate) for rate in (0.001, 0.01))
    assert f"it is {100 * small:.1f} % at 0.001 and {100 * large:.0f} % at 0.01" in said
    assert apart(*given, 1e-6) < 1e-4


def test_a_table_of_fptt_rounds_its_fractions_and_not_their_floats():
    rows = [row for row in chapter("fptt").example().rows if row[:2] == ("paper", "one step")]
    w = bar = pull = Fraction(0)
    for _ in range(3):
        w = w - Fraction(1, 10) * (3 * (w - 2) + (w - bar) / 2 - pull / 2)
        pull = 3 * (w - 2)
        bar = (bar + w) / 2 - pull
    assert pull == Fraction("-1.827375")
    assert [row[4:] for row in rows] == [("−1.82738", "−1.82738")]


@pytest.mark.parametrize("form", ["code", "paper"])
def test_with_a_strength_without_bound_the_weights_of_fptt_stand_still(form):
    def moved(mu):
        """Return how far three parts take weights and average, each solved exactly: two quadratics in turn."""
        state = FpttState(*({"w": np.array([v], dtype=object)} for v in (Fraction(0), Fraction(0), Fraction(0))))
        for centre in (1, 3, 1):
            bar, pull = state.average["w"][0], state.pull["w"][0]
            lowest = (3 * centre + mu * bar + (pull if form == "code" else pull / 2)) / (3 + mu)

            def gradient(w, c=centre):
                return {"w": 3 * (w["w"] - c)}

            def solver(w, g, at=lowest):
                return {"w": np.array([at], dtype=object)}

            if form == "code":
                new = code_step(state, gradient, alpha=mu, beta=Fraction(1, 2), solver=solver)
                slope = gradient(new.weights)["w"][0]
                assert new.weights["w"][0] - bar == (pull - slope) / mu
                assert new.average["w"][0] - bar == Fraction(1, 2) * (pull - 2 * slope) / mu
            else:
                new = paper_step(state, gradient, alpha=mu, solver=solver)
                assert new.weights["w"][0] - bar == (pull / 2 - gradient(new.weights)["w"][0]) / mu
            state = new
        return abs(state.weights["w"][0]), abs(state.average["w"][0])

    far, near = moved(Fraction(10**6)), moved(Fraction(10**3))
    for a, b in zip(far, near, strict=True):
        assert 0 < a < 1e-4
        assert 900 < b / a < 1100  # a multiple of one over the strength

    # one step of descent at a fixed rate is thrown out, and stays below the rate that is printed
    def last(rate, mu=1000.0):
        state = FpttState(*({"w": np.array([v])} for v in (1.0, 1.0, 0.0)))
        for _ in range(400):
            options = {"alpha": mu, "solver": gradient_step(rate)} | ({"beta": 0.5} if form == "code" else {})
            state = (code_step if form == "code" else paper_step)(state, lambda w: {"w": 3 * w["w"]}, **options)
            if abs(state.weights["w"][0]) > 1e6:
                return math.inf
        return abs(state.weights["w"][0])

    limit = (5 / 3 if form == "code" else 3) / 1000
    assert last(0.95 * limit) < 10
    assert last(1.05 * limit) == last(0.1) == math.inf
    assert r"$\tfrac53\,/\,\str$ in the form of the code and $3/\str$ in that of the paper" in text("fptt")


def test_the_liquid_neuron_has_the_threshold_and_the_slope_that_are_printed():
    cell, said = Ltc(), text("fptt")
    assert (cell.threshold, cell.beta) == (0.1, 1.8)
    assert f"The threshold is $\\thr={cell.threshold}$" in said
    run = adding_task.CELLS["ltc"]()
    assert (run.threshold, run.surrogate) == (cell.threshold, cell.surrogate)
    u = np.linspace(-6, 6, 120_001)
    slope = cell.surrogate.derivative(u)

    def normal(centre, width):
        return np.exp(-((u - centre) ** 2) / (2 * width**2)) / (width * math.sqrt(2 * math.pi))

    printed = re.search(r"\\tfrac12\\bigl\((.*?)\\bigr\)\\end\{aligned\}\$\$ \{#lobes\}", said)[1]
    lobes = re.findall(r"([-.\d]+)\\,\\nd\{([-.\d]+)\}\{([-.\d]+)\}", printed)
    assert len(lobes) == 3
    total = sum(float(factor) * normal(float(at), float(width)) for factor, at, width in lobes) / 2
    assert np.abs(total - slope).max() <= CLOSE
    assert f"At the threshold it is {slope[60_000]:.3f}." in said
    beyond = u[np.flatnonzero(slope < 0)]
    least = f"{slope.min():.3f}".replace("-", "−")
    assert f"Beyond {beyond[beyond > 0].min():.3f} on either side it is a little below 0, {least} at the least." in said


def test_the_lesson_on_fptt_names_every_length_and_says_what_limits_are():
    page = (DOCS / "claims_of_papers.md").read_text(encoding="utf-8")
    assert "T = 200: FPTT better than bptt, equal sequences (inconclusive)" in page
    said = text("fptt")
    assert "over 200 steps nothing was decided, over 500 and 1000 FPTT was better" in said
    factor = f"{quantile(0.95, 3):.3f}"
    assert f"plus, {factor} times the differences' standard deviation over" in said
    assert f"{factor} for four seeds" in page and "two one-sided 95 % limits" in page
    # the three lines of claim C5 that are quoted, in points
    five = page[page.index("## C5 ") : page.index("## C6 ")]
    rows = re.findall(
        r"^\| FPTT .*? \| (?:not shown|inconclusive) \| .*?([-+][.\d]+) \[([-+.\d]+), ([-+.\d]+)\]", five, re.M
    )
    (a, low, high), (b, less, more), (c, least, most) = [[100 * float(v) for v in row] for row in rows]
    assert f"FPTT has {a:.1f} more than e-prop ({low:.1f} to {high:.1f}), {-b:.1f} fewer than OSTL" in said
    assert f"({-less:.1f} fewer to {more:.1f} more) and {c:.1f} more than BPTT at equal sequences" in said
    assert f"({least:.1f} to {most:.1f})" in said


def test_weights_in_the_place_of_their_average_leave_plain_descent():
    assert f"{2 * (1 - 0.7**3):.4f}" == "1.3140"
    assert "three parts take 0 to $2\\,(1-0.7^3)=1.3140$" in text("fptt")
