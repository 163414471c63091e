"""The examples of the pages again, by the programs that the pages print, from printed numbers alone; and by hand."""

import math
import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from gradcert.derivations.algebra.counting import measure
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference import RULES, Alif, Integrator, Layer, Lif, Loss, Network, Refractory, Rnn, Snu, Surrogate
from gradcert.reference.engines import record, reverse
from gradcert.reference.estimators import otpe
from gradcert.reference.networks import Activity
from gradcert.reference.procedures import fptt

#: a few hundred operations on numbers below 4, each rounded by 2^-53 of its result
CLOSE = 400 * 4 * 2.0**-53


def text(name):
    return "\n".join(lesson(name).texts())


def programs(name):
    return re.findall(r"```\n(.*?)```", text(name), re.DOTALL)


def run(name, *, change=("", ""), at=0):
    """Return what the names of a page's program stand for in the end."""
    program = programs(name)[at]
    assert change[0] in program
    found = {}
    exec(compile(program.replace(*change), f"{name}, in code", "exec"), found)
    return found


def apart(found, code, names):
    return max(float(np.abs(found[k] - code[f"layers.0.{k}"]).max()) for k in names)


@pytest.mark.parametrize(
    ("name", "rule", "change"),
    [("ottt", "ottt", ("* ones", "")), ("eprop", "e-prop", ("(rho - beta * psi)[:, None]", "rho"))],
)
def test_the_program_of_a_page_is_the_engine_on_the_example(name, rule, change, capsys):
    spec = example(name)
    code = reverse.gradients(*network(spec, {}), rule=RULES[rule])
    if name == "eprop":  # the page's units have no weight to themselves
        code["layers.0.H"] = code["layers.0.H"] * (1 - np.eye(2))
    keep = (lambda g: {**g, "H": g["H"] * (1 - np.eye(2))}) if name == "eprop" else (lambda g: g)
    right = run(name)["grad"]
    assert apart(keep(right), code, right) <= CLOSE
    assert apart(keep(run(name, change=change)["grad"]), code, right) > 1e-3
    assert capsys.readouterr().out.startswith("{'W'")
    # what it prints stands below it, or above, to compare with
    for value in np.concatenate([np.ravel(keep(right)[k]) for k in right]):
        assert value == 0 or f"{value:.4f}".replace("-", "−").rstrip("0") in text(name)


def test_the_program_in_pytorch_is_ottt_on_the_example_and_on_two_layers(capsys):
    torch = pytest.importorskip("torch")
    code = reverse.gradients(*network(example("ottt"), {}), rule=RULES["ottt"])
    right = run("ottt", at=1)
    assert "1.1522,  0.2966,  1.2017" in capsys.readouterr().out
    mine = right["layer"].weight.grad.numpy()
    assert np.abs(mine - np.c_[code["layers.0.W"], code["layers.0.b"]]).max() <= CLOSE
    wrong = run("ottt", change=("Instead.apply(s, trace[n])", "s"), at=1)["layer"].weight.grad.numpy()
    assert np.abs(mine - wrong).max() > 1e-3  # without the trace it is SLTT
    net, w, x, y = of_lif(4, 6, 5, bias=False)
    code = reverse.gradients(net, w, x, y, rule=RULES["ottt"])
    weights = [torch.tensor(w[f"layers.{k}.W"], requires_grad=True) for k in range(2)]
    layers = [lambda s, W=W: s @ W.T for W in weights]
    head = [torch.tensor(w[f"layers.2.{k}"]) for k in "Wb"]
    right["ottt"](layers, lambda s: s @ head[0].T + head[1], torch.tensor(x), torch.tensor(y), 0.5, 1.0)
    for k, W in enumerate(weights):
        theirs = code[f"layers.{k}.W"]
        assert np.abs(W.grad.numpy() - theirs).max() <= CLOSE * np.abs(theirs).max()


def test_a_part_of_fptt_on_a_quadratic_shrinks_exactly_below_the_rate_that_is_printed():
    def shrinks(form, curvature, mu, rate, beta=0.5):
        w, average, pull = 1.0, 1.0, 0.0
        for _ in range(4000):
            g = curvature * w
            if form == "paper":
                w -= rate * (g + mu * (w - average) - pull / 2)
                pull = curvature * w
                average = (average + w) / 2 - pull / (2 * mu)
            else:
                w -= rate * (g - pull + mu * (w - average))
                pull -= mu * (w - average)
                average = (1 - beta) * average + beta * w - beta / mu * pull
            if abs(w) > 1e6:
                return False
        return abs(w) < 1e-6

    def bound(c, mu, beta):
        return (8 - 6 * beta) / ((4 - 3 * beta) * c + 6 * (1 - beta) * mu)

    limits = [("code", c, mu, beta, bound(c, mu, beta))
              for c in (0.5, 1.0, 3.0) for mu in (0.1, 0.5, 1.0) for beta in (0.25, 0.5, 0.75)]  # fmt: skip
    limits += [("paper", c, mu, 0.5, 2.4 / (c + 0.8 * mu)) for c in (0.5, 1.0, 3.0) for mu in (0.1, 0.5, 1.0)]
    for form, curvature, mu, beta, limit in limits:
        if form == "code" and beta == 0.5:  # as the page has it, in rationals
            c, m = Fraction(curvature), Fraction(mu)
            assert bound(c, m, Fraction(1, 2)) == 2 / (c + Fraction(6, 5) * m)
        assert shrinks(form, curvature, mu, 0.97 * limit, beta), (form, curvature, mu, beta)
        assert not shrinks(form, curvature, mu, 1.03 * limit, beta), (form, curvature, mu, beta)
    assert 2 / (1 + 1.2 * 0.5) == 1.25 and f"{2.4 / (1 + 0.8 * 0.5):.2f}" == "1.71"
    assert "below 1.25, and in the paper's form below 1.71" in text("fptt")


def test_the_blocks_of_an_adaptive_unit_make_ostl_exact():
    leak, rho, beta, threshold, n = 0.7, 0.9, 0.4, 0.6, 3
    cell = Alif(leak=leak, threshold=threshold, beta=beta, rho=rho, recurrent=True, bias=False)
    net, rng = Network(layers=(Layer(cell, inputs=2, units=n),)), np.random.default_rng(0)
    p, x, y = net.parameters(seed=1, scale=2.0), rng.random((8, 1, 2)), rng.random((8, 1, n))
    exact = reverse.gradients(net, p, x, y, rule=RULES["bptt"])["layers.0.W"]
    now = {k: v[:, 0] for k, v in record(net, p, x).layers[0].now.items()}
    eps, psi, found, same = np.zeros((n, 2, n, 2)), np.zeros(n), 0.0, np.eye(n)
    for t in range(8):
        column = np.stack([p["layers.0.H"] - same * threshold, same], axis=1)  # unit, state number, unit before
        J = np.einsum("ij,ab->iajb", same, np.diag([leak, rho])) + np.einsum(
            "iaj,j,b->iajb", column, psi, np.array([1, -beta])
        )
        eps = np.einsum("iajb,jbpq->iapq", J, eps)
        eps[range(n), 0, range(n)] += x[t, 0]
        psi = 0.3 * np.maximum(0, 1 - abs(now["v"][t] - threshold - beta * now["k"][t]))
        e = psi[:, None, None] * (eps[:, 0] - beta * eps[:, 1])
        found = found + np.einsum("i,ipq->pq", now["z"][t] - y[t, 0], e)
    assert now["z"].sum() > 5
    assert np.abs(found - exact).max() <= CLOSE


def test_the_costs_in_numbers_are_those_of_the_code():
    cell = Alif(bias=False, recurrent=True)
    for n, m in ((3, 2), (4, 2), (5, 3), (6, 3), (7, 5)):
        eprop, ostl = (measure(cell, RULES[name], units=n, inputs=m) for name in ("e-prop", "ostl"))
        assert eprop.memory == m + n + n * m + n * n  # the filter of a readout comes on top
        assert eprop.products == 5 * n * n + 5 * n * m + 21 * n + 2 * m + 4
        assert ostl.memory == 2 * (n * n * m + n**3)
    assert set(cell.nodes) == {"a", "k", "v", "z"}  # four numbers per unit and step are recorded
    n = m = 100
    kept = m + n + 2 * (n * m + n * n)
    assert (kept, 2 * (n * n * m + n**3), 4 * n * 1000) == (40_200, 4_000_000, 400_000)
    assert kept // (4 * n) + 1 == 101 and "From 101 steps on e-prop keeps less than BPTT" in text("eprop")
    assert "that is 40 200 numbers for e-prop, 4 million for OSTL, and 400 000 for BPTT" in text("eprop")
    n = m = 200
    assert (n * n * m + n**3, n * m, 3 * n * 1000, (n * n * m + n**3) // (3 * n) + 1) == (16e6, 40_000, 600_000, 26_667)
    assert "=16$ million numbers, 64 MB" in text("ostl") and "from 26 667 steps on" in text("ostl")
    for tau, decay, half in ((20, "0.9512", 14), (2000, "0.9995", 1386)):
        assert f"={math.exp(-1 / tau):.4f}$" == f"={decay}$" and f"={decay}$" in text("eprop")
        assert round(tau * math.log(2)) == half and f"after {half} steps" in text("eprop")


def test_a_late_input_of_e_prop_has_the_late_trace():
    """Delays of whole steps: the input of a synapse is shifted, and so is its trace and nothing else."""
    cell = Lif(leak=0.5, recurrent=False, bias=False)
    net, rng = (
        Network(layers=(Layer(cell, inputs=2, units=3), Layer(Integrator(kappa=0.7), 3, 2))),
        np.random.default_rng(2),
    )
    p, x, y = net.parameters(seed=1, scale=2.0), rng.random((12, 1, 2)), rng.random((12, 1, 2))
    late = np.concatenate([np.zeros((3, 1, 1)), x[:-3, :, :1]])
    given = np.concatenate([late, x[:, :, 1:]], axis=2)
    found = reverse.gradients(net, p, given, y, rule=RULES["e-prop"])["layers.0.W"]
    tape, trace, past, bar, by_hand = record(net, p, given), np.zeros(2), [np.zeros(2)] * 3, 0.0, 0.0
    for t in range(12):
        trace = 0.5 * trace + x[t, 0]
        past = [*past, trace]
        psi = cell.surrogate  # the slope of the sigmoid
        sigma = 1 / (1 + np.exp(-4 * (tape.layers[0].now["v"][t, 0] - 1)))
        assert psi.name == "sigmoid"
        bar = 0.7 * bar + np.outer(4 * sigma * (1 - sigma), [past[-4][0], trace[1]])
        by_hand = by_hand + ((tape.outputs[t, 0] - y[t, 0]) @ p["layers.1.W"])[:, None] * bar
    assert np.abs(found - by_hand).max() <= CLOSE * np.abs(found).max()


def test_the_program_of_fptt_is_the_engine_on_the_example(capsys):
    options = {"parts": 3, "alpha": 0.5, "beta": 0.5, "rate": 0.2, "form": "code", "finish": False}
    code = fptt(*network(example("fptt"), {}), **options)
    found = run("fptt")
    for mine, theirs in (("w", code.weights), ("average", code.average), ("pull", code.pull)):
        assert apart(found[mine], theirs, "WH") <= CLOSE
    assert apart(run("fptt", change=("- pull[k] +", "+"))["w"], code.weights, "WH") > 1e-3
    assert "W" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["ottt", "eprop", "fptt"])
def test_every_number_of_an_example_is_printed_in_its_program(name):
    """And a number that a slider does not set stands below the example too."""
    spec = example(name)
    values = [v for layer in spec.layers for k in layer if k[0] in "WHb" for v in np.ravel(layer[k])]
    values += [v for rows in (spec.x, spec.y) for row in rows for v in row]
    program = programs(name)[0]
    printed = [float(v) for v in re.findall(r"\d+\.\d+|\d+", program)]
    assert {abs(v) for v in values} <= set(printed)


def test_eprop_by_hand_is_the_engines():
    unit = Alif(
        leak=0.5, threshold=1.0, beta=0.5, rho=0.5, bias=False, recurrent=False, scaling="none",
        surrogate=Surrogate("triangle", scale=1.0),
    )  # fmt: skip
    layers = (Layer(unit, inputs=1, units=1), Layer(Integrator(kappa=0.5, bias=False), inputs=1, units=1))
    w = {"layers.0.W": np.array([[1.2]]), "layers.1.W": np.array([[1.0]])}
    given = (Network(layers=layers), w, np.ones((3, 1, 1)), np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1))
    for name in ("e-prop", "bptt-detached-reset"):
        assert abs(reverse.gradients(*given, rule=RULES[name])["layers.0.W"].item() - 1.4813125) <= CLOSE
    assert abs(reverse.gradients(*given, rule=RULES["bptt"])["layers.0.W"].item() - 1.4813125) > 1e-3
    assert r"\mathbf{1.4813125}" in text("eprop")
    wrong = 0.8 + 0.5 * 0.73 + 0.25 * (0.365 + 0.65 * (1.75 - 0.5 * 0.85))
    assert abs(wrong - 1.4715625) <= CLOSE
    assert "1.4715625: an error of 0.7 %" in text("eprop")


def flat(values):
    return np.concatenate([np.ravel(values[k]) for k in sorted(values)])


def test_what_one_part_of_fptt_returns():
    """In the form of the code BPTT's step times 2 beta; in the form of the paper another point."""
    net, p, x, y = network(example("fptt"), {})
    g = reverse.gradients(net, p, x, y, rule=RULES["bptt"])
    step = -0.2 * flat(g)
    for form, beta, times in (("code", 0.5, 1.0), ("code", 0.25, 0.5)):
        got = fptt(net, p, x, y, parts=1, alpha=0.5, beta=beta, rate=0.2, form=form).weights
        assert np.abs(flat(got) - flat(p) - times * step).max() <= CLOSE
    got = flat(fptt(net, p, x, y, parts=1, alpha=0.5, rate=0.2, form="paper").weights)
    new = {k: p[k] - 0.2 * g[k] for k in p}
    second = flat(reverse.gradients(net, new, x, y, rule=RULES["bptt"]))
    assert np.abs(got - (flat(p) + flat(new)) / 2 + second / (2 * 0.5)).max() <= CLOSE
    assert np.abs(got - flat(new)).max() > 0.1


def test_the_table_of_fptt_against_bptt_is_the_engines():
    rng = np.random.default_rng(0)
    net = Network(layers=(Layer(Rnn(bias=False), inputs=2, units=8),))
    p, x, y = net.parameters(seed=0), rng.standard_normal((12, 1, 2)), rng.uniform(-0.8, 0.8, (12, 1, 8))
    downhill = -flat(reverse.gradients(net, p, x, y, rule=RULES["bptt"]))

    def cosine(found):
        move = flat(found) - flat(p)
        return f"{move @ downhill / np.linalg.norm(move) / np.linalg.norm(downhill):.3f}"

    for parts in (1, 2, 12):
        options = {"parts": parts, "rate": 0.01, "form": "code", "finish": False}
        state = fptt(net, p, x, y, alpha=0.5, beta=0.5, **options)
        cut = fptt(net, p, x, y, alpha=2.0**-900, beta=0.0, **options)  # no regulariser to speak of
        row = (cosine(state.weights), cosine(state.average), cosine(cut.weights))
        assert f"| {parts} | {' | '.join(row)} |" in text("fptt")


def adam(rate, memory):
    """Return Adam as a solver, with its usual constants; `memory` holds its moments from part to part."""

    def solve(w, gradient):
        g, memory["t"] = gradient(w), memory.get("t", 0) + 1
        for k in w:
            memory["m", k] = 0.9 * memory.get(("m", k), 0) + 0.1 * g[k]
            memory["v", k] = 0.999 * memory.get(("v", k), 0) + 0.001 * g[k] ** 2
        rest = {beta: 1 - beta ** memory["t"] for beta in (0.9, 0.999)}
        return {
            k: w[k] - rate * (memory["m", k] / rest[0.9]) / (np.sqrt(memory["v", k] / rest[0.999]) + 1e-8) for k in w
        }

    return solve


def momentum(rate, memory):
    def solve(w, gradient):
        g = gradient(w)
        memory.update({k: 0.9 * memory.get(k, 0) + g[k] for k in w})
        return {k: w[k] - rate * memory[k] for k in w}

    return solve


def test_what_the_linear_term_of_fptt_is_under_an_optimiser_that_remembers():
    """After the first part of a sequence: its strength times the way back; for a first step of Adam a sign."""
    net, p, x, y = network(example("fptt"), {})
    g = flat(reverse.gradients(net, p, x, y, rule=RULES["bptt"]))
    options = {"parts": 1, "alpha": 0.5, "form": "code", "finish": False}
    for make in (adam, momentum):
        found = []
        solver = make(0.01, {})
        for _ in range(2):  # two sequences from the same weights; the optimiser goes on
            state = fptt(net, p, x, y, solver=solver, **options)
            assert np.abs(flat(state.pull) - 0.5 * (flat(p) - flat(state.weights))).max() <= CLOSE
            found.append(flat(state.pull))
        if make is adam:  # off by Adam's constant over the size of the gradient
            assert np.abs(found[0] - 0.5 * 0.01 * np.sign(g)).max() <= 0.5 * 0.01 * 1e-8 / np.abs(g).min() + CLOSE
        else:
            assert np.abs(found[0] - 0.5 * 0.01 * g).max() <= CLOSE
            assert np.abs(found[1] - 0.5 * 0.01 * g).max() > 1e-3
    assert r"$\La{2}=\str\,(\wr{1}-\wr{2})$" in text("fptt")


def test_the_lesson_on_fptt_says_the_verdict_of_the_claim():
    page = (DOCS / "claims_of_papers.md").read_text(encoding="utf-8")
    claim = page[page.index("## C4 ") : page.index("## C5 ")]
    said = dict(re.findall(r"^\| (T = .*?) \| (.*?) \|", claim, re.MULTILINE))
    assert claim.splitlines()[0].endswith(": not shown")
    assert "(claim C4): the verdict," in text("fptt") and "is *not shown*" in text("fptt")
    better = "FPTT better than"
    assert said[f"T = 50: {better} bptt, equal sequences"] == "shown"
    assert said[f"T = 50: {better} bptt, equal updates"] == "not shown"
    assert said[f"T = 100: {better} bptt, equal sequences"] == "inconclusive"
    assert said[f"T = 100: {better} bptt, equal updates"] == "inconclusive"
    assert {f"T = {n}: {better} bptt, equal sequences (shown)" for n in (500, 1000)} <= set(said)
    worse = re.findall(
        rf"{better} (?:bptt, equal updates|parts, no regulariser \(not shown\)) .*? \[([-+.\d]+), ", claim
    )
    assert [float(low) > 0 for low in worse] == [True, True, False, True]  # T = 50 twice, then T = 100


def of_lif(*sizes, seed=16, **options):
    """Return the problem of section 6 of OTTT's page: LIF layers of these sizes under a linear head."""
    cell = Lif(**{"leak": 0.5, "recurrent": False, **options})
    layers = [Layer(cell, inputs=n, units=m) for n, m in pairwise(sizes)]
    head = Layer(Rnn(recurrent=False, activation="identity"), inputs=sizes[-1], units=2)
    net, rng = Network(layers=(*layers, head)), np.random.default_rng(1)
    return net, net.parameters(seed=seed, scale=2.0), (rng.random((20, 1, 4)) < 0.5) * 1.0, rng.random((20, 1, 2))


def off(found, exact):
    return f"{np.linalg.norm(found - exact) / np.linalg.norm(exact):.0%}".replace("%", " %")


def of_rules(given, rule, exact, name="layers.0.W"):
    return off(*(reverse.gradients(*given, rule=r)[name] for r in (rule, exact)))


def plain_trace(given):
    """Return the sum of credit times the plain trace, from a recorded forward pass of one layer."""
    net, w, x, y = given
    tape, trace, total = record(net, w, x), 0.0, 0.0
    for t in range(len(x)):
        trace = 0.5 * trace + x[t, 0]
        sigma = 1 / (1 + np.exp(-4 * (tape.layers[0].now["v"][t, 0] - 1)))
        credit = 4 * sigma * (1 - sigma) * (w["layers.1.W"].T @ (tape.outputs[t, 0] - y[t, 0]))
        total = total + np.outer(credit, trace)
    return total


def test_the_percentages_of_ottt_are_those_of_the_named_networks():
    page, ottt, exact = text("ottt").replace("\n", " "), RULES["ottt"], RULES["bptt-detached-reset"]
    two, three = (of_rules(of_lif(*sizes), ottt, exact) for sizes in ((4, 6, 5), (4, 6, 5, 5)))
    assert f"{two} with two layers and {three} with three" in page
    assert f"is missing: {of_rules(of_lif(4, 6, recurrent=True), ottt, exact)} in one layer" in page
    assert f"deviates, here by {of_rules(of_lif(4, 6), ottt, RULES['bptt'])}." in page
    hard, soft = of_lif(4, 6, reset="hard"), of_lif(4, 6)
    assert f"alone: {off(plain_trace(hard), reverse.gradients(*hard, rule=exact)['layers.0.W'])} off" in page
    right = reverse.gradients(*soft, rule=exact)["layers.0.W"]
    assert np.abs(plain_trace(soft) - right).max() <= CLOSE * np.abs(right).max()


def test_the_percentages_of_the_mathematics_of_ottt_are_those_of_the_lesson():
    page = (DOCS / "mathematics" / "07-ottt-sltt.md").read_text(encoding="utf-8").replace("\n", " ")
    page, (ottt, sltt, exact) = re.sub(" +", " ", page), (RULES[k] for k in ("ottt", "sltt", "bptt-detached-reset"))
    one, two, three, hard = of_lif(4, 6), of_lif(4, 6, 5), of_lif(4, 6, 5, 5), of_lif(4, 6, reset="hard")
    below = [of_rules(given, ottt, exact) for given in (two, three)]
    assert re.search("\\({} with two layers; .{{,40}} draws; {} with three; ".format(*below), page)
    assert f"W deviates ({of_rules(of_lif(4, 6, recurrent=True), ottt, exact)} in one layer; " in page
    gated = off(plain_trace(hard), reverse.gradients(*hard, rule=exact)["layers.0.W"])
    assert f"is not that ({gated} in one layer; " in page
    assert f"layer deviates ({of_rules(one, ottt, RULES['bptt'])}; " in page
    # a bias without a trace adds up its credits, as SLTT's does
    assert f"({of_rules(one, sltt, exact, 'layers.0.b')} error of the bias" in page
    last = (of_rules(one, sltt, exact), of_rules(two, sltt, exact, "layers.1.W"))
    assert "of one and two layers: {} and {} [N]".format(*last) in page


def test_the_percentages_of_eprop_are_those_of_the_named_network():
    cell = Alif(recurrent=True, beta=0.3, threshold=0.6)
    layers = (*(Layer(cell, inputs=n, units=8) for n in (3, 8)), Layer(Integrator(), inputs=8, units=2))
    net, rng = Network(layers=layers), np.random.default_rng(3)
    given = (net, net.parameters(seed=2, scale=1.5), (rng.random((30, 1, 3)) < 0.4) * 1.0, rng.random((30, 1, 2)))
    stopped = replace(RULES["e-prop"], upper=RULES["e-prop"].own)
    for name in "WH":
        assert of_rules(given, RULES["e-prop"], stopped, f"layers.0.{name}") == "80 %"
        assert of_rules(given, RULES["e-prop"], stopped, f"layers.1.{name}") == "0 %"
    assert "80 % each" in text("eprop")


def eprop_of_lif(cell, *, may=True, **loss):
    """Return e-prop's gradient of W by the engine; and filtered eligibilities, outputs and readout of the same pass."""
    layers = (Layer(cell, inputs=3, units=5), Layer(Integrator(kappa=0.7, bias=False), inputs=5, units=2))
    net, rng = Network(layers=layers, loss=Loss(**loss)), np.random.default_rng(4)
    x, y = (rng.random((12, 1, 3)) < 0.5) * 1.0, rng.random((12, 1, 2))
    w = net.parameters(seed=1, scale=2.0)
    tape, trace, bar, filtered = record(net, w, x), 0.0, 0.0, []
    potential, spikes = (tape.layers[0].now[k][:, 0] for k in "vz")
    for t in range(12):
        trace = 0.5 * trace + x[t, 0]
        sigma = 1 / (1 + np.exp(-4 * (potential[t] - 1)))
        silent = spikes[max(t - 2, 0) : t].any(axis=0) if may and cell.name == "refractory" else np.zeros(5)
        bar = 0.7 * bar + np.outer((1 - silent) * 4 * sigma * (1 - sigma), trace)
        filtered.append(bar)
    found = reverse.gradients(net, w, x, y, rule=RULES["e-prop"])["layers.0.W"]
    return found, np.array(filtered), tape.outputs[:, 0], y[:, 0], w["layers.1.W"], spikes


def test_in_a_refractory_period_the_eligibility_of_e_prop_is_nothing():
    cell = Refractory(leak=0.5, recurrent=False, bias=False, period=2)
    found, bar, o, y, readout, spikes = eprop_of_lif(cell)
    assert spikes.sum() > 5
    by_hand = np.einsum("tk,ki,tij->ij", o - y, readout, bar)
    assert np.abs(found - by_hand).max() <= CLOSE * np.abs(bar).max()
    _, forgotten, *_ = eprop_of_lif(cell, may=False)
    assert off(np.einsum("tk,ki,tij->ij", o - y, readout, forgotten), found) != "0 %"


def test_e_prop_with_a_loss_at_the_end_and_of_the_mean_output():
    cell = Lif(leak=0.5, recurrent=False, bias=False)
    found, bar, o, y, readout, _ = eprop_of_lif(cell, when="last")
    assert np.abs(found - ((o - y)[-1] @ readout)[:, None] * bar[-1]).max() <= CLOSE * np.abs(bar).max()
    found, bar, o, y, readout, _ = eprop_of_lif(cell, when="mean")
    by_hand = ((o.mean(axis=0) - y[-1]) @ readout)[:, None] * bar.sum(axis=0) / 12
    assert np.abs(found - by_hand).max() <= CLOSE * np.abs(bar).max()
    each, _, _, _, _, _ = eprop_of_lif(cell, time="mean")  # another loss than that of the mean
    by_step = np.einsum("tk,ki,tij->ij", o - y, readout, bar) / 12
    assert np.abs(each - by_step).max() <= CLOSE * np.abs(bar).max()
    assert off(each, found) != "0 %"


def test_eprop_and_ottt_agree_with_lateral_weights_too_and_are_not_bptt():
    """In one hidden layer without adaptation, under a readout without memory."""
    given = of_lif(4, 6, recurrent=True)
    found = {name: reverse.gradients(*given, rule=RULES[name]) for name in ("e-prop", "ottt", "bptt-detached-reset")}
    for name, value in found["ottt"].items():
        assert np.abs(found["e-prop"][name] - value).max() <= CLOSE * np.abs(value).max()
    assert off(found["ottt"]["layers.0.W"], found["bptt-detached-reset"]["layers.0.W"]) != "0 %"


def test_eprop_and_ottt_agree_with_two_hidden_layers_too():
    given = of_lif(4, 6, 5, recurrent=True)
    eprop, ottt = (reverse.gradients(*given, rule=RULES[name]) for name in ("e-prop", "ottt"))
    for name, value in ottt.items():
        assert np.abs(value).max() > 0
        assert np.abs(eprop[name] - value).max() <= CLOSE * np.abs(value).max()
    assert "as a run of two shows" in text("eprop")


def test_the_total_derivative_by_the_spike_counts_adaptation_twice():
    """The bracket of the lesson, without the path through the own adaptation, gives BPTT."""
    net, p, x, y = network(example("eprop"), {})
    leak, threshold, rho, beta, kappa = 0.8, 0.6, 0.9, 0.8, 0.7
    W, H, U = p["layers.0.W"], p["layers.0.H"], p["layers.1.W"]
    v, k, z, psi, o, trace, slow, e = (np.zeros((5, n)) for n in (2, 2, 2, 2, 1, 1, 2, 2))
    for t in range(1, 4):
        slow[t], trace[t] = rho * slow[t - 1] + e[t - 1], leak * trace[t - 1] + x[t - 1, 0]
        v[t] = leak * v[t - 1] + W @ x[t - 1, 0] + H @ z[t - 1] - threshold * z[t - 1]
        k[t] = rho * k[t - 1] + z[t - 1]
        above = v[t] - threshold - beta * k[t]
        z[t], psi[t] = above > 0, 0.3 * np.maximum(0, 1 - abs(above))
        o[t], e[t] = kappa * o[t - 1] + U @ z[t], psi[t] * (trace[t] - beta * slow[t])
    of_v, of_k, of_o, bracket, total = (np.zeros((5, n)) for n in (2, 2, 1, 2, 2))
    for t in (3, 2, 1):
        of_o[t] = o[t] - y[t - 1, 0] + kappa * of_o[t + 1]
        bracket[t] = U.T @ of_o[t] + H.T @ of_v[t + 1] - threshold * of_v[t + 1]
        total[t] = bracket[t] + of_k[t + 1]
        of_v[t] = leak * of_v[t + 1] + psi[t] * total[t]
        of_k[t] = rho * of_k[t + 1] - beta * psi[t] * total[t]
    exact = reverse.gradients(net, p, x, y, rule=RULES["bptt"])["layers.0.W"][:, 0]
    assert np.abs((bracket * e).sum(axis=0) - exact).max() <= CLOSE
    assert np.abs((total * e).sum(axis=0) - exact).max() > 1e-3
    page = (DOCS / "mathematics" / "06-e-prop.md").read_text(encoding="utf-8")
    assert f"have {exact[0]:.4f} for W_11" in page
    assert f"the sum is {(total * e).sum(axis=0)[0]:.4f})" in page


def test_a_term_about_firing_rates_adds_the_eligibility_without_the_filter():
    cell, rng = Alif(recurrent=False, bias=False, beta=0.3, threshold=0.6), np.random.default_rng(3)
    x, y = (rng.random((30, 1, 3)) < 0.4) * 1.0, rng.random((30, 1, 2))
    term = Activity(kind="rate", strength=0.5, target=0.1)
    found, p = [], {}
    for loss in (Loss(activity=(term,)), Loss()):
        net = Network(layers=(Layer(cell, inputs=3, units=8), Layer(Integrator(), inputs=8, units=2)), loss=loss)
        p = net.parameters(seed=2, scale=1.5)
        found.append(reverse.gradients(net, p, x, y, rule=RULES["e-prop"])["layers.0.W"])
    added = found[0] - found[1]
    only = Network(layers=(Layer(cell, inputs=3, units=8),), loss=Loss(when="mean"))
    # the loss of the mean output, half of its squared distance to the target, has the same slope
    same = reverse.gradients(only, {"layers.0.W": p["layers.0.W"]}, x, np.full((30, 1, 8), 0.1), rule=RULES["e-prop"])
    assert np.abs(added - 0.5 * same["layers.0.W"]).max() <= CLOSE * np.abs(found[1]).max()
    assert np.abs(added).max() > 1e-3


def test_the_slopes_of_standardised_weights_and_the_factor_of_the_spikes():
    w, m, gain = np.random.default_rng(0).standard_normal(5), 5, 1.3

    def acts(w):
        away = w - w.mean()
        return gain * away / np.sqrt(m / (m - 1) * (away**2).sum() + 1e-4)

    def slope(q):  # by a complex step, which loses no digits
        return acts(w + 1e-30j * (np.arange(m) == q)).imag / 1e-30

    norm = np.sqrt(m / (m - 1) * ((w - w.mean()) ** 2).sum() + 1e-4)
    printed = gain / norm * (np.eye(m) - 1 / m) - m / (m - 1) * np.outer(acts(w), acts(w)) / (gain * norm)
    assert np.abs(np.array([slope(q) for q in range(m)]).T - printed).max() <= CLOSE
    chance = math.erfc(1 / math.sqrt(2)) / 2
    assert f"with the probability {chance:.4f}" in text("ottt")
    assert rf"$1/\sqrt{{{chance:.4f}\cdot{1 - chance:.4f}}}={1 / math.sqrt(chance * (1 - chance)):.3f}$" in text("ottt")


def test_the_trace_of_a_leak_of_ostl_is_exact():
    """F is g' v (1 - z) of the step before, at the leak's own unit; the recursion is that of the weights."""
    cell = Snu(leak=0.5, threshold=0.5, transfer="tanh", train=("leak",))
    net, rng = Network(layers=(Layer(cell, inputs=2, units=3),)), np.random.default_rng(1)
    p, x, y = net.parameters(seed=0, scale=2.0), rng.random((8, 1, 2)), rng.random((8, 1, 3))
    exact = reverse.gradients(net, p, x, y, rule=RULES["bptt"])["layers.0.leak"]
    W, H, b, leak = (p[f"layers.0.{k}"] for k in ("W", "H", "b", "leak"))
    tape = record(net, p, x)
    found, eps, v, z, slope = 0.0, np.zeros((3, 3)), np.zeros(3), np.zeros(3), np.zeros(3)
    for t in range(8):
        a = W @ x[t, 0] + H @ z + b + leak * v * (1 - z)
        bend, old = 1 - np.tanh(a) ** 2, np.diag(v * (1 - z))
        J = bend[:, None] * (H * slope + np.diag(leak * (1 - z) - leak * v * slope))
        eps = J @ eps + bend[:, None] * old
        v = np.tanh(a)
        z, slope = 1.0 * (v > 0.5), 1 - np.tanh(v - 0.5) ** 2
        found = found + ((z - y[t, 0]) * slope) @ eps
        assert (z == tape.outputs[t, 0]).all()
    assert np.abs(found - exact).max() <= CLOSE * max(1.0, np.abs(exact).max())
    assert np.abs(exact).max() > 1e-3
    assert r"\F{i}{t}=\same{i}{p}\;\gp{i}{t}\;\v{i}{t-1}\,\bigl(1-\z{i}{t-1}\bigr)" in text("ostl")


def test_the_second_filter_of_otpe_takes_the_slope_of_the_loss_by_the_spike():
    """Not the credit, in which the slope of the spike is a second time."""
    net, w, x, y = given = of_lif(4, 6, 5)
    code = otpe.gradients(*given, live_reset=False)["layers.0.W"]
    tape = record(net, w, x)
    low, high = (4 * s * (1 - s) for s in (1 / (1 + np.exp(-4 * (la.now["v"][:, 0] - 1))) for la in tape.layers[:2]))
    trace, second, once, twice = np.zeros(4), np.zeros((6, 4)), 0.0, 0.0
    for t in range(len(x)):
        trace = 0.5 * trace + x[t, 0]
        second = 0.5 * second + low[t][:, None] * trace
        slope = w["layers.1.W"].T @ (high[t] * (w["layers.2.W"].T @ (tape.outputs[t, 0] - y[t, 0])))
        once, twice = once + slope[:, None] * second, twice + (low[t] * slope)[:, None] * second
    assert np.abs(once - code).max() <= CLOSE * np.abs(code).max()
    assert off(twice, code) != "0 %"


def test_one_number_per_input_is_for_a_soft_reset_and_one_leak():
    """What the table says of memory, against the arrays that the forward engine keeps: W and H, 4 inputs, 5 units."""
    soft, hard = Lif(bias=False, recurrent=True), Lif(bias=False, recurrent=True, reset="hard")
    leaks = Lif(bias=False, recurrent=True, leak=np.array([0.5, 0.6, 0.7, 0.8, 0.9]))
    for name in ("e-prop", "e-prop-random", "e-prop-adaptive", "ottt", "decolle"):
        kept = [measure(cell, RULES[name], units=5, inputs=4).memory for cell in (soft, hard, leaks)]
        assert kept == [4 + 5, 5 * (4 + 5), 5 * (4 + 5)]
        assert "reset" in RULES[name].memory and "leak" in RULES[name].memory
    adapts = Alif(bias=False, recurrent=True)
    assert measure(adapts, RULES["e-prop"], units=5, inputs=4).memory >= 5 * (4 + 5)


def claim(name):
    page = (DOCS / "claims_of_papers.md").read_text(encoding="utf-8")
    return page[page.index(f"## {name} ") :].split("\n## ", 1)[0]


def test_what_the_lessons_say_of_claims_is_what_stands_there():
    six, points = claim("C6"), []
    for task in ("static", "rows", "speech"):
        means = [
            re.search(rf"{task}: {rule} on par .*? \| shown \| ([-+.\d]+)", six)[1] for rule in ("ottt-a", "ottt-o")
        ]
        points.append([f"{100 * float(mean):.2f}".replace("-", "−") for mean in means])
    page = " ".join(text("ottt").split())
    both = [
        "{} for OTTT_A and {} for OTTT_O; on images row by row",
        "28 steps, {} and {}, so that OTTT_O was far better than BPTT there; on",
        "7 to 29 steps, {} and {}.",
    ]
    assert all(words.format(*means) in page for words, means in zip(both, points, strict=True))
    assert "28 rows" in six and "7 to 29 steps" in six
    for share in ("93.23", "93.58", "93.73"):
        assert f"{share} %" in six and f"{share} %" in page
    seven = claim("C7")
    assert (
        "| ottt | shown | 43 KiB at T = 100, 43 KiB at T = 10000 |" in seven
        and "43 KiB in a network of 16 units" in page
    )
    assert "1.71 GB against 3.00 GB (secondary)" in seven and "1.71 GB against 3.00 GB for BPTT" in page
    assert "| e-prop | shown | 60 KiB at T = 100, 60 KiB at T = 10000 |" in seven and "60 KiB at 100 steps" in text(
        "eprop"
    )
    least = {words: [] for words in ("spike representation", "bptt, reset detached")}
    look = r"^\| ([\w-]+), T = \d+: OTTT descends along (.*?) \| shown \| cosine ([.\d]+)"
    for kind, words, low in re.findall(look, claim("C8"), re.MULTILINE):
        least[words].append((kind, float(low)))
    forward = {words: min(low for kind, low in found if kind == "feed-forward") for words, found in least.items()}
    assert f"was {forward['spike representation']:.3f} or more" in page
    assert f"{forward['bptt, reset detached']:.3f} or more with BPTT, reset detached" in page
    (lateral,) = [low for kind, low in least["bptt, reset detached"] if kind == "recurrent"]
    assert f"with lateral weights, {lateral:.3f} or more" in page
    shares = [float(v) for pair in re.findall(r"R is ([.\d]+) \.\.\. ([.\d]+) of BPTT", claim("C1")) for v in pair]
    assert f"between {100 * min(shares):.1f} % and {100 * max(shares):.0f} % of the gradient" in text("depth")
    random = re.findall(r"ostl-random on par with BPTT \((.*?);", claim("C2"))
    assert (random.count("not shown"), random.count("inconclusive"), len(random)) == (2, 3, 5)
    assert "worse than BPTT in two of five networks, undecided in the others" in text("eprop")
    five = dict(re.findall(r"^\| (FPTT .*?) \| (.*?) \|", claim("C5"), re.MULTILINE))
    assert five["FPTT better than e-prop"] == five["FPTT on par with BPTT at equal sequences"] == "not shown"
    assert five["FPTT better than ostl"] == "inconclusive" and "(claim C5)" in text("fptt")
    ten = claim("C10")
    assert "e-prop: traces in its own layer take O(n^1)" in ten and "which is not counted" in ten


def test_ostl_is_bptt_with_another_slope_in_the_reset_of_both():
    """Of the example of its page, in NumPy: forwards and backwards, each with a slope of the reset of its own."""
    net, p, x, y = network(example("ostl"), {})
    W, H, leak = p["layers.0.W"], p["layers.0.H"], net.layers[0].cell.leak

    def slope(v):
        return 1 - np.tanh(v - 0.5) ** 2

    def triangle(v):
        return 0.3 * np.maximum(0, 1 - abs(v - 0.5))

    def both(ahead, back):
        v, z, psi, kept = np.zeros(2), np.zeros(2), np.zeros(2), [np.zeros(2)] * 2
        eps, online, steps = np.zeros((6, 2)), np.zeros(6), []
        for t in range(len(x)):
            new = np.tanh(W @ x[t, 0] + H @ z + leak * v * (1 - z))
            bend = 1 - new**2
            J = [bend[:, None] * (H * psi + np.diag(leak * (1 - z) - leak * v * k)) for k in kept]
            F = np.zeros((6, 2))
            F[:2], F[2:4, 0], F[4:, 1] = np.diag(bend * x[t, 0]), bend[0] * z, bend[1] * z
            v, z = new, 1.0 * (new > 0.5)
            psi, kept = slope(v), [ahead(v), back(v)]
            eps, signal = eps @ J[0].T + F, z - y[t, 0]
            online = online + eps @ (psi * signal)
            steps.append((J[1], F, psi * signal))
        credit, exact, after = np.zeros(2), np.zeros(6), None
        for J, F, own in reversed(steps):
            credit = own + (0 if after is None else credit @ after)
            exact, after = exact + F @ credit, J
        return online, exact

    plain = both(slope, slope)
    right = reverse.gradients(net, p, x, y, rule=RULES["bptt"])
    whole = np.concatenate([right["layers.0.W"].ravel(), right["layers.0.H"].ravel()])
    for found in plain:
        assert np.abs(found - whole).max() <= CLOSE
    online, exact = both(triangle, triangle)
    assert np.abs(online - exact).max() <= CLOSE and np.abs(exact - whole).max() > 1e-2
    online, exact = both(slope, triangle)
    assert f"they part by {off(online, exact)} of BPTT's length" in " ".join(text("ostl").split())


def test_a_trained_leak_and_threshold_of_ottt_are_the_engines():
    net, p, x, y = network(example("ottt"), {})
    cell = replace(net.layers[0].cell, train=("leak", "threshold"), leak=np.full(2, 0.5), threshold=np.full(2, 0.8))
    own = Network(layers=(replace(net.layers[0], cell=cell),), loss=net.loss)
    p = {**own.parameters(seed=0), **p}
    code = reverse.gradients(own, p, x, y, rule=RULES["ottt"])
    exact = reverse.gradients(own, p, x, y, rule=RULES["bptt-detached-reset"])
    W, b = p["layers.0.W"], p["layers.0.b"]
    v, z, of_leak, of_threshold, leak, threshold, seen = (*np.zeros((6, 2)), [])
    for t in range(3):
        of_leak, of_threshold = 0.5 * of_leak + v - 0.8 * z, 0.5 * (of_threshold - z)
        v = 0.5 * (v - 0.8 * z) + W @ x[t, 0] + b
        z = 1.0 * (v >= 0.8)
        sigma = 1 / (1 + np.exp(-4 * (v - 0.8)))
        credit = 4 * sigma * (1 - sigma) * (z - y[t, 0])
        leak, threshold = leak + credit * of_leak, threshold + credit * (of_threshold - 1)
        seen.append((of_leak[0], of_threshold[0]))
    for name, found in (("leak", leak), ("threshold", threshold)):
        assert np.abs(code[f"layers.0.{name}"] - found).max() <= CLOSE
        assert np.abs(exact[f"layers.0.{name}"] - found).max() <= CLOSE
    assert np.abs(np.array(seen) - [(0, 0), (0.2, -0.5), (0.35, -0.75)]).max() <= CLOSE
    assert f"the gradients are {leak[0]:.4f} and −{-threshold[0]:.4f}." in text("ottt")
    assert abs(code["layers.0.b"][0] + threshold[0]) <= CLOSE and abs(code["layers.0.b"][1] + threshold[1]) > 0.1


def test_the_bound_on_the_credit_one_layer_below_holds_and_is_reached():
    rng = np.random.default_rng(0)
    for eta, zeta in ((0.1, 0.2), (0.5, 0.0), (0.3, 0.6)):
        weights, constant, slope = rng.standard_normal((4, 3)), rng.standard_normal(4), 0.1 + rng.random(3)
        share = slope * (weights.T @ constant)
        cancels = abs(weights.T * constant).sum(axis=1) / abs(weights.T @ constant)
        bound = (zeta + (1 + zeta) * eta * cancels) * abs(share)
        for _ in range(200):
            above, here = constant * (1 + eta * rng.uniform(-1, 1, 4)), slope * (1 + zeta * rng.uniform(-1, 1, 3))
            assert (abs(here * (weights.T @ above) - share) <= bound * (1 + CLOSE)).all()
        worst = constant * (1 + eta * np.sign(weights[:, 0] * constant) * np.sign(share[0]))
        reached = abs(slope[0] * (1 + zeta) * (weights[:, 0] @ worst) - share[0])
        assert abs(reached - bound[0]) <= CLOSE * bound[0]


def test_traces_of_a_part_begin_at_nothing():
    """Of the example of FPTT's page, parts of one step: set to 0 at a border they give BPTT's part, carried on not."""
    net, p, x, y = network(example("fptt"), {})
    parts = []
    options = {"parts": 3, "alpha": 0.5, "beta": 0.5, "rate": 0.2, "form": "code", "finish": False}
    for name in ("bptt", "ostl"):
        parts.append([])
        fptt(net, p, x, y, rule=RULES[name], watch=lambda g: parts[-1].append(flat(g)), **options)
    assert all(np.abs(a - b).max() <= CLOSE for a, b in zip(*parts, strict=True))
    w, z, eye, found = {k: p[f"layers.0.{k}"] for k in "WH"}, np.zeros(2), np.eye(2), {}
    trace = {k: np.zeros((2, *w[k].shape)) for k in w}
    for r in range(2):  # the second part begins with other weights
        new = np.tanh(w["W"] @ x[r, 0] + w["H"] @ z)
        bend, given = 1 - new**2, {"W": x[r, 0], "H": z}
        fresh = {k: bend[:, None, None] * np.einsum("ip,q->ipq", eye, given[k]) for k in w}
        carried = {k: fresh[k] + bend[:, None, None] * np.einsum("ij,jpq->ipq", w["H"], trace[k]) for k in w}
        for kind, of in (("cleared", fresh), ("carried", carried)):
            found[kind] = np.concatenate([np.einsum("i,ipq->pq", new - y[r, 0], of[k]).ravel() for k in sorted(w)])
        assert np.abs(found["cleared"] - parts[0][r]).max() <= CLOSE
        moved = dict(zip("HW", np.split(0.2 * found["cleared"], [4]), strict=True))
        w, z, trace = {k: w[k] - moved[k].reshape(w[k].shape) for k in w}, new, fresh
    assert f"part 2 is then off by {off(found['carried'], found['cleared'])} of its length" in " ".join(
        text("fptt").split()
    )


def test_the_eligibilities_of_the_published_tutorial_in_numbers():
    numbers = 2 * 2 * 1000 * 100 * 100  # two matrices, before the filter and behind it
    assert (numbers, 4 * numbers) == (40_000_000, 160_000_000)
    assert "40 million, 160 MB" in text("eprop")


def test_rtrl_of_one_layer_forms_its_jacobian_twice():
    cell = Snu(bias=False)
    for n, m in ((2, 1), (3, 2), (4, 2)):
        rtrl, ostl = (measure(cell, RULES[name], units=n, inputs=m) for name in ("rtrl", "ostl"))
        assert rtrl.memory == ostl.memory and rtrl.products - ostl.products == n**3 + 2 * n**2 + 4 * n
    assert "has $n^3+2n^2+4n$ more products for RTRL" in text("complexity")
