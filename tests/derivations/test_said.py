"""What the pages of OSTL and complexity say in figures: the orders of both, the worked networks, the answers."""

import re

import numpy as np
import pytest
import sympy
from shown import CLOSE, needs_node, shown

from gradcert.derivations.algebra.counting import K, N
from gradcert.derivations.chapters import chapter, complexity, ostl
from gradcert.derivations.kept import Verdict
from gradcert.derivations.reading import site
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference import RULES, Alif, Layer, Lif, Network, Rnn, Snu, Surrogate, rule_named
from gradcert.reference.engines import reverse

OSTL = "\n".join(lesson("ostl").texts())
COMPLEXITY = "\n".join(lesson("complexity").texts())
EPROP = "\n".join(lesson("eprop").texts())
FPTT = "\n".join(lesson("fptt").texts())
TRIANGLE = Surrogate("triangle", scale=1.0)


def leading(expression):
    """Return the highest degree in n, and the degree in K of what stands before it."""
    return int(sympy.degree(sympy.Poly(expression, N).LC(), K)), int(sympy.degree(expression, N))


def order(printed):
    r"""Return the same of what a page prints: ``K^2n^4``, or ``K\,n^3``."""
    k, n = re.fullmatch(r"K(?:\^(\d))?(?:\\,)?n(?:\^(\d))?", printed).groups()
    return int(k or 1), int(n or 1)


@pytest.mark.long
def test_the_orders_of_several_layers_are_those_that_were_counted():
    rows = re.findall(r"^\| (OSTL|RTRL), \$K\$ such layers.*?\| \$(.*?)\$ \| \$(.*?)\$ \|", OSTL, re.MULTILINE)
    assert [name for name, *_ in rows] == ["OSTL", "RTRL"]
    for name, time, memory in rows:
        counted = [complexity.in_layers(name.lower(), what) for what in ("products", "memory")]
        assert [order(time), order(memory)] == [leading(c) for c in counted]
    rtrl = complexity.in_layers("rtrl", "products")
    assert sympy.Poly(rtrl, N).nth(4) == 3 * K**2 - K
    assert sympy.Poly(rtrl, N).nth(3) == 3 * K**2 - K + 2
    assert r"(3K^2-K)\,n^4" in COMPLEXITY
    assert r"(3K^2-K+2)\,n^3" in COMPLEXITY
    assert "RTRL needs $K^2n^3$ numbers and $K^2n^4$ products, OSTL $Kn^3$ and $Kn^4$" in COMPLEXITY.replace("\n", " ")


def test_every_unit_of_the_worked_networks_fires_and_no_norm_is_nothing():
    found = ostl.networks()
    for _, network, weights in found:
        rates = ostl.firing(network, weights)
        assert 0.1 <= min(rates) <= max(rates) <= 0.9
    drawn = found[1][1].parameters(seed=180)
    assert all((drawn[name] == weights).all() for name, weights in found[1][2].items())
    assert "random weights, which in the third are multiplied by 1.5" in OSTL
    assert "`networks()` in\n`gradcert.derivations.chapters.ostl` returns" in OSTL
    for name, weights in found[2][2].items():  # "in nothing but the size of their weights"
        assert np.allclose(weights, 1.5 * found[1][2][name], rtol=2**-51, atol=0)
    rows = {row[:2]: (float(row[2]), float(row[3])) for row in chapter("ostl").example().rows}
    assert all(norm > 1 for norm, _ in rows.values())
    low = [name for label, name in rows if label == "2" and name.startswith("lower")]
    assert len(low) == 3
    assert all(0 < rows["2", name][1] < rows["2, weights times 1.5", name][1] for name in low)
    assert all(gap == 0 for (_, name), (_, gap) in rows.items() if name.startswith("upper"))


def test_what_larger_weights_do_to_the_residual_is_said_of_many_draws():
    shares = {label: [] for label, *_ in ostl.networks()}
    for seed in range(200):
        given = ostl.sequence(seed)
        for label, network, weights in ostl.networks()[1:]:
            found = {rule: reverse.gradients(network, weights, *given, rule=RULES[rule]) for rule in ("bptt", "ostl")}
            exact, online = (found[rule]["layers.0.W"] for rule in ("bptt", "ostl"))
            shares[label].append(np.linalg.norm(online - exact) / np.linalg.norm(exact))
    smaller, larger = (np.array(shares[label]) for label in ("2", "2, weights times 1.5"))
    said = OSTL.replace("\n", " ")
    assert f"it is larger, for the input weights, in {(larger > smaller).sum()}" in said
    assert f"with a median of {np.median(larger):.0%} against {np.median(smaller):.0%}".replace("%", " %") in said
    for which, values in (("in the third", larger), ("in the second", smaller)):
        low, high = np.quantile(values, [0.05, 0.95])
        assert f"between {low:.0%} and {high:.0%} {which}".replace("%", " %") in said


def test_the_answer_by_hand_is_the_engines():
    cell = Snu(leak=0.5, threshold=1.0, recurrent=False, bias=False, surrogate=Surrogate("triangle", scale=1.0))
    network = Network(layers=(Layer(cell, inputs=1, units=1),))
    given = (network, {"layers.0.W": np.array([[0.8]])}, np.ones((2, 1, 1)), np.array([1.0, 0.0]).reshape(2, 1, 1))
    found = {name: reverse.gradients(*given, rule=RULES[name])["layers.0.W"].item() for name in ("bptt", "ostl")}
    assert found["bptt"] == pytest.approx(0.144, rel=2**-48)  # a dozen operations on numbers below 2
    assert found["ostl"] == pytest.approx(0.144, rel=2**-48)
    assert r"\mathbf{0.144}" in OSTL


def test_the_wrong_sign_of_e_prop_is_the_engines():
    cell = Alif(leak=0.5, beta=0.0, threshold=1.0, recurrent=True, bias=False, surrogate=TRIANGLE)
    head = Rnn(activation="identity", recurrent=False, bias=False)
    network = Network(layers=(Layer(cell, inputs=1, units=2), Layer(head, inputs=2, units=1)))
    weights = {
        "layers.0.W": np.array([[1.2], [0.0]]),
        "layers.0.H": np.array([[0.0, 0.0], [1.5, 0.0]]),
        "layers.1.W": np.array([[0.2, 1.0]]),
    }
    given = (network, weights, np.array([1.0, 0.0]).reshape(2, 1, 1), np.array([0.0, 2.0]).reshape(2, 1, 1))
    found = {name: reverse.gradients(*given, rule=RULES[name])["layers.0.W"][0, 0] for name in ("e-prop", "bptt")}
    assert found["e-prop"] == pytest.approx(0.032, rel=2**-48)  # at most 32 roundings of 2^-53
    assert found["bptt"] == pytest.approx(-0.568, rel=2**-48)
    assert r"\mathbf{0.032}" in EPROP
    assert r"\mathbf{-0.568}" in EPROP


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_e_prop_is_ostl_without_lateral_weights_reset_and_readout_memory(reset):
    hidden = [Alif(recurrent=False)] * 2 if reset == "subtract" else [Lif(reset="hard")] * 2
    head = Rnn(activation="identity", recurrent=False)
    network = Network(layers=(Layer(hidden[0], 3, 6), Layer(hidden[1], 6, 5), Layer(head, 5, 2)))
    rng = np.random.default_rng(3)
    given = (
        network,
        network.parameters(seed=2, scale=1.5),
        (rng.random((20, 2, 3)) < 0.5) * 1.0,
        rng.random((20, 2, 2)),
    )
    eprop, ostl = (reverse.gradients(*given, rule=rule_named(name)) for name in ("e-prop", "ostl - reset"))
    assert all((eprop[name] == ostl[name]).all() for name in eprop)
    assert any((reverse.gradients(*given, rule=RULES["ostl"])[name] != ostl[name]).any() for name in ostl)


def test_the_two_parts_by_hand_are_those_of_fptt():
    w, average, pull, found = 0.0, 0.0, 0.0, []
    for minimum in (1, 3):
        w -= 0.5 * ((w - minimum) - pull + 0.5 * (w - average))
        pull -= 0.5 * (w - average)
        average = 0.5 * average + 0.5 * w - 1.0 * pull
        found.append((w, pull, average))
    assert found == [(0.5, -0.25, 0.5), (1.625, -0.8125, 1.875)]  # halves: nothing is rounded
    assert r"\mathbf{1.625}" in FPTT
    assert r"\mathbf{1.875}" in FPTT


def test_the_answer_in_code_runs_and_agrees_in_every_bit(capsys):
    program = re.search(r"```\n(.*?)```", OSTL, re.DOTALL)[1]
    found = {}
    exec(compile(program, "exercise 6", "exec"), found)
    assert capsys.readouterr().out == "{'W': True, 'H': True, 'b': True}\n"
    assert all((g != 0).all() for g in found["grad"].values())  # or the comparison says little
    wrong = program.replace("- leak * v * slope", "", 1)  # the reset forgotten
    exec(compile(wrong, "exercise 6, wrong", "exec"), {})
    assert "True" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "says", "not_"),
    [
        (
            None,
            "Not proved in this build:\n<code>gradcert derive --check</code> proves it. What such a proof says",
            "<p>At",
        ),
        ("proved", "<p>At the sizes given, code and formulas agree", "in this build"),
        ("failed", "of these steps failed: there code and formula do not agree", "formulas agree"),
    ],
)
def test_a_page_says_that_formulas_agree_where_that_was_proved(status, says, not_, monkeypatch):
    monkeypatch.setattr(site, "_steps", lambda *_: "")
    monkeypatch.setattr(site, "lab", lambda *_: "")
    marks = [m for m in lesson("local").marks() if "." in m]
    verdicts = {"local": [Verdict(m, status, 1, (), 0.0) for m in marks]} if status else {}
    html = site.content("local", verdicts, {}).sections[-1][2]
    assert says in html
    assert not_ not in html


def test_the_residuals_that_the_mathematics_names_are_those_of_the_worked_networks():
    text = (DOCS / "mathematics" / "04-ostl.md").read_text(encoding="utf-8")
    for label, figures in (
        ("2", "19 % of `b`, 22 % of `W`, 40 % of `H`"),
        ("2, weights times 1.5", "48 %, 54 % and 65 %"),
    ):
        rows = [row for row in chapter("ostl").example().rows if row[0] == label and row[1].startswith("lower")]
        found = {name[-1]: float(gap) for _, name, _, gap in rows}
        assert [f"{found[k]:.0%}" for k in "bWH"] == [f"{n}%" for n in re.findall(r"(\d+) %", figures)]
        assert figures in text.replace("\n", " ")


@needs_node
def test_two_weights_of_ostl_hide_all_five_mistakes():
    spec = example("ostl")
    _, found = shown("sums.js", "ostl", [{"weight": k} for k in range(len(spec.weights))])
    hide = [
        spec.weights[k][0]
        for k, out in enumerate(found)
        if all(abs(out[f"m {mistake}"] - out["exact"]) <= CLOSE for mistake in spec.mistakes)
    ]
    said = re.search(r"A single weight can hide a mistake: choose (.*?) at the first settings", OSTL, re.DOTALL)[1]
    assert hide == re.sub(r"[$_{}]", "", said).split(" or ") == ["H12", "H22"]
    assert [found[0][f"z1.{t}"] for t in (1, 2, 3)] == [0, 1, 0]  # unit 2 fires at step 2 alone
