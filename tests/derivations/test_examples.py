"""The script of the examples against gradcert's own engines, at many settings of the sliders."""

import itertools
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gradcert.derivations.reading
from gradcert.derivations.reading.examples import EXAMPLES, example, network, rule_with, script
from gradcert.reference import RULES, Edge, rule_named
from gradcert.reference.engines import forward, record, reverse
from gradcert.reference.procedures import fptt, gradient_step

ENGINE = Path(gradcert.derivations.reading.__file__).parent / "assets" / "engine.js"
SUMS = ENGINE.parent / "sums.js"
DRAWS = ENGINE.parent / "draws.js"
NODE = shutil.which("node") or shutil.which("nodejs")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")

# Both sides run the same few hundred operations in float64 in two orders. Every number and every intermediate of these
# problems is below 2^6, an operation rounds by 2^-53 of its result, the exponential and tanh of two libraries differ by
# 2^-52 of theirs, and a slope multiplies what came in by at most 4: 512 operations stay below 512 * 4 * 2^-53 * 2^6.
CLOSE = 512 * 4 * 2.0**-53 * 2.0**6


def page(calls: list[tuple[str, str, dict]]) -> list:
    """Return what the page's script returns for (function, specification, settings)."""
    program = (
        f"const e = require({json.dumps(str(ENGINE))}); require({json.dumps(str(SUMS))})(e);"
        f"require({json.dumps(str(DRAWS))})(e);"
        "const calls = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(calls.map(([f, spec, s]) => { const r = e[f](JSON.parse(spec), s);"
        "return f === 'numbers' ? { out: r.out, all: r.all } : r; })));"
    )
    done = subprocess.run([NODE, "-e", program], input=json.dumps(calls), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def grid(**values):
    return [dict(zip(values, v, strict=True)) for v in itertools.product(*values.values())]


SETTINGS = {
    "paths": grid(w1=(0.8, -1.2), x2=(0.3,), h12=(-0.3, 0.9)),
    "ostl": grid(w1=(-1.5, 1.0), h12=(-0.5, 0.8), leak=(0.0, 0.8), x2=(0.3,)),
    "eprop": grid(w1=(1.0,), h12=(-0.6, 0.4), beta=(0.0, 0.4), kappa=(0.0, 0.7), x2=(0.4,)),
    "ottt": grid(w1=(0.9,), leak=(0.0, 0.5), x2=(0.5, 1.5), h12=(0.0, 0.7)),
    "gated": grid(w1=(1.2, -0.9), ho12=(-1.4, 0.7), hf12=(0.8,), x2=(0.5, -1.0)),
    "snap": grid(n=(1, 2, 3), w1=(-1.1,), h11=(0.0, 0.5), h21=(0.9, -1.3), x2=(0.3,)),
}


def rule_of(spec, settings, *, without=()):
    """Return the row of the table that a page computes forwards at a reader's settings."""
    if spec.reach:
        return rule_with(rule_named(f"snap-{settings['n']}"), without=without)
    return rule_with(RULES[spec.rule], without=without)


def flat(spec, gradients):
    found = []
    for _, layer, name, i, j in spec.weights:
        value = gradients[f"layers.{layer}.{name}"]
        found.append(value[i] if name == "b" else value[i, j])
    return np.array(found)


@needs_node
@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", SETTINGS)
def test_the_script_is_the_engine_forwards_and_backwards(name):
    spec = example(name)
    cuts = [(), *((edge,) for edge, _ in spec.cuts)]
    cases = [(s, cut) for s in SETTINGS[name] for cut in cuts]
    for output in ("step", "sigmoid") if spec.outputs else ("step",):
        layers = tuple({**la, "p": {**la["p"], "output": output}} if spec.outputs else la for la in spec.layers)
        chosen = replace(spec, layers=layers)
        found = page([("numbers", script(chosen), {**s, "weight": 0, "cut": cut}) for s, cut in cases])
        for (s, cut), mine in zip(cases, found, strict=True):
            problem = network(chosen, s)
            tape = record(problem[0], problem[1], problem[2])
            for node in tape.layers[0].now:
                code = tape.layers[0].now[node][:, 0]
                shown = [[mine["out"][f"{node}{i}.{t + 1}"] for i in range(code.shape[1])] for t in range(len(code))]
                assert np.abs(code - shown).max() <= CLOSE, (s, node)
            exact = flat(spec, reverse.gradients(*problem, rule=RULES[spec.exact]))
            online = flat(spec, forward.gradients(*problem, rule=rule_of(spec, s, without=cut)))
            assert np.abs(exact - [u["exact"] for u in mine["all"]]).max() <= CLOSE, s
            assert np.abs(online - [u["online"] for u in mine["all"]]).max() <= CLOSE, (s, cut)


EDITS = {
    "paths": {"lateral": ("recurrent",)},
    "ostl": {"reset": ("reset",), "lateral": ("recurrent",), "memoryless": ("reset", "recurrent", "state")},
    "eprop": {"adaptation": ("adaptation",)},
    "ottt": {"untraced": ("state",)},
    "snap": {"lateral": ("recurrent",)},
    "gated": {"lateral": ("recurrent",)},
}


@needs_node
@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", EDITS)
def test_a_mistake_that_is_a_cut_is_the_rule_with_that_cut(name):
    spec = example(name)
    settings = SETTINGS[name][:12]
    found = page([("numbers", script(spec), {**s, "weight": 1}) for s in settings])
    for s, mine in zip(settings, found, strict=True):
        right = flat(spec, reverse.gradients(*network(spec, s), rule=rule_of(spec, s)))
        for mistake, edges in EDITS[name].items():
            wrong = flat(spec, reverse.gradients(*network(spec, s), rule=rule_of(spec, s, without=edges)))
            assert abs(mine["out"][f"m {mistake}"] - wrong[1]) <= CLOSE
            if np.linalg.norm(right) > 0.1:  # the size of a mistake is relative to the gradient
                size = np.linalg.norm(wrong - right) / np.linalg.norm(right)
                assert abs(mine["out"][f"q {mistake}"] - size) <= 10 * CLOSE


@needs_node
@pytest.mark.long
def test_a_mistake_of_eprop_that_adds_an_edge_is_the_rule_with_that_edge():
    spec, rule = example("eprop"), RULES["e-prop"]
    alive = replace(rule, own=rule.own | {Edge.RESET})
    cut = replace(rule, readout=frozenset())
    found = page([("numbers", script(spec), {**s, "weight": 0}) for s in SETTINGS["eprop"][:12]])
    for s, mine in zip(SETTINGS["eprop"][:12], found, strict=True):
        for mistake, wrong in (("reset-alive", alive), ("readout-cut", cut)):
            code = flat(spec, reverse.gradients(*network(spec, s), rule=wrong))
            assert abs(mine["out"][f"m {mistake}"] - code[0]) <= CLOSE


class Traces:
    """The traces of one problem, written out for these two units as the pages write them, in NumPy."""

    def __init__(self, spec, settings):
        self.network, self.p, self.x, self.y = network(spec, settings)
        tape = record(self.network, self.p, self.x)
        self.now = {k: v[:, 0] for k, v in tape.layers[0].now.items()}
        self.tape, self.cell = tape, self.network.layers[0].cell


def ostl_by_hand(spec, settings, mistake):
    """Lines 10, 5 and 4 of the page of OSTL for every weight, right or with one mistake."""
    q = Traces(spec, settings)
    z, v, lam, h = q.now["z"], q.now["v"], q.cell.leak, q.p["layers.0.H"]
    psi, slope = 1 - np.tanh(v - q.cell.threshold) ** 2, 1 - v**2
    found = []
    for _, _, name, i, j in spec.weights:
        eps, total = np.zeros(2), 0.0
        for t in range(3):
            source = q.x[t, 0, j] if name == "W" else (z[t - 1, j] if t else 0.0)
            new = slope[t] * source * (np.arange(2) == i)
            if t:
                old = psi[t] if mistake == "late" else psi[t - 1]
                jacobian = h * old + np.diag(lam * (1 - z[t - 1]) - lam * v[t - 1] * old)
                eps = (jacobian @ eps) * (1 if mistake == "transfer" else slope[t])
            eps = eps + new
            total += (z[t] - q.y[t, 0]) @ (psi[t] * eps)
        found.append(total)
    return np.array(found)


def eprop_by_hand(spec, settings, mistake):
    """The recursion of e-prop's page for every weight, right or with one mistake."""
    q = Traces(spec, settings)
    c, kappa = q.cell, q.network.layers[1].cell.kappa
    z, v, k = (q.now[n] for n in "zvk")
    psi = 0.3 * np.maximum(0, 1 - abs(v - c.threshold - c.beta * k))
    error = q.tape.layers[1].now["z"][:, 0, 0] - q.y[:, 0, 0]
    readout = q.p["layers.1.W"][0]
    found = []
    for _, _, name, i, j in spec.weights:
        xh = ea = bar = held = total = 0.0
        for t in range(len(q.x)):
            slope = psi[t, i] if mistake == "late" else psi[t - 1, i]
            gate = {"rho": 0, "sign": -c.beta * slope}.get(mistake, c.beta * slope)
            ea = slope * xh + (c.rho - gate) * ea if t else 0.0
            xh = c.leak * xh + (q.x[t, 0, j] if name == "W" else (z[t - 1, j] if t else 0.0))
            e = psi[t, i] * (xh + c.beta * ea if mistake == "sign" else xh - c.beta * ea)
            bar = kappa * bar + e
            signal = readout[i] * error[t]
            held = kappa * held + signal
            total += held * e if mistake == "filter" else signal * bar
        found.append(total)
    return np.array(found)


def ottt_by_hand(spec, settings, mistake):
    q = Traces(spec, settings)
    lam = 0.9 if mistake == "leak" else q.cell.leak
    z, u = q.now["z"], q.now["v"] - q.cell.threshold
    s = 1 / (1 + np.exp(-4 * u))
    credit = 4 * s * (1 - s) * (z - q.y[:, 0])
    found = []
    for _, _, name, i, j in spec.weights:
        trace = total = 0.0
        for t in range(3):
            new = 1.0 if name == "b" else q.x[t, 0, j]
            trace = lam * trace + (q.cell.leak * new if mistake == "decayed" else new)
            total += credit[t, i] * (new if mistake == "bias" and name == "b" else trace)
        found.append(total)
    return np.array(found)


def paths_by_hand(spec, settings, mistake):
    """The recursion of RTRL's page for every weight, right or with one mistake."""
    q = Traces(spec, settings)
    z, h = q.now["z"], q.p["layers.0.H"]
    found = []
    for _, _, name, i, j in spec.weights:
        e, total = np.zeros(2), 0.0
        for t in range(3):
            source = q.x[t, 0, j] if name == "W" else (z[t - 1, j] if t else 0.0)
            slope = (1 - z[t - 1] ** 2 if t else np.ones(2)) if mistake == "stale" else 1 - z[t] ** 2
            e = slope * ((h.T if mistake == "transposed" else h) @ e + source * (np.arange(2) == i))
            total += (z[t] - q.y[t, 0]) @ e
        found.append(total)
    return np.array(found)


def snap_by_hand(spec, settings, mistake):
    """Mask times (J M + F), the mask read off the ring: a unit is n - 1 steps or fewer behind the one it hears."""
    q = Traces(spec, settings)
    z, h, n = q.now["z"], q.p["layers.0.H"], settings["n"] + (mistake == "wider")
    found = []
    for _, _, name, i, j in spec.weights:
        steps = (i - np.arange(3) if mistake == "mask-turned" else np.arange(3) - i) % 3
        mask, m, total = steps < n, np.zeros(3), 0.0
        matrix = h - np.diag(np.diag(h)) if mistake == "selfless" else h
        for t in range(3):
            source = q.x[t, 0, j] if name == "W" else (z[t - 1, j] if t else 0.0)
            m = (1 - z[t] ** 2) * (matrix @ m + source * (np.arange(3) == i))
            if mistake != "mask-late":
                m = mask * m
            total += (z[t] - q.y[t, 0]) @ m
            m = mask * m
        found.append(total)
    return np.array(found)


def lstm_by_hand(spec, settings, mistake):
    """The three terms of the page for every weight, right or with one mistake."""
    q = Traces(spec, settings)
    i, f, g, o, c, z = (q.now[n] for n in "ifgocz")
    h = {k: q.p[f"layers.0.H_{k}"] for k in "ifgo"}
    found = []
    for _, _, name, row, j in spec.weights:
        eps, e, total = np.zeros(2), np.zeros(2), 0.0
        for t in range(3):
            source = q.x[t, 0, j] if name[0] == "W" else (z[t - 1, j] if t else 0.0)
            into = {k: h[k] @ e + (name[2] == k) * source * (np.arange(2) == row) for k in "ifgo"}
            if mistake == "two-term":
                into["o"] = into["o"] - h["o"] @ e
            old = c[t] if mistake == "new-cell" else (c[t - 1] if t else np.zeros(2))
            eps = (i[t] if mistake == "order" else f[t]) * eps + old * f[t] * (1 - f[t]) * into["f"]
            eps = eps + g[t] * i[t] * (1 - i[t]) * into["i"] + i[t] * (1 - g[t] ** 2) * into["g"]
            e = o[t] * (1 - np.tanh(c[t]) ** 2) * eps + np.tanh(c[t]) * o[t] * (1 - o[t]) * into["o"]
            total += (z[t] - q.y[t, 0]) @ e
        found.append(total)
    return np.array(found)


BY_HAND = {
    "gated": (lstm_by_hand, ("two-term", "order", "new-cell")),
    "snap": (snap_by_hand, ("wider", "mask-late", "mask-turned", "selfless")),
    "paths": (paths_by_hand, ("transposed", "stale")),
    "ostl": (ostl_by_hand, ("late", "transfer")),
    "eprop": (eprop_by_hand, ("late", "rho", "sign", "filter")),
    "ottt": (ottt_by_hand, ("decayed", "leak", "bias")),
}


@needs_node
@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", BY_HAND)
def test_the_other_mistakes_are_what_the_page_says_they_are(name):
    spec, (by_hand, mistakes) = example(name), BY_HAND[name]
    settings = SETTINGS[name]
    if name == "ottt":  # at leak 0 the mistake of another leak is not defined
        settings = [s for s in settings if s["leak"] and not s["h12"]]
    found = page([("numbers", script(spec), {**s, "weight": 0}) for s in settings])
    for s, mine in zip(settings, found, strict=True):
        right = by_hand(spec, s, None)
        assert np.abs(right - [u["online"] for u in mine["all"]]).max() <= CLOSE, s
        for mistake in mistakes:
            wrong = by_hand(spec, s, mistake)
            assert abs(wrong[0] - mine["out"][f"m {mistake}"]) <= CLOSE, (s, mistake)


@needs_node
def test_fptt_is_the_procedure_in_both_forms():
    spec = example("fptt")
    cases = grid(w1=(0.8,), x2=(1.1,), mu=(0.5, 2.0), rate=(0.1,), beta=(0.3, 0.5), form=("paper", "code"))
    found = page([("parts", script(spec), {**s, "descents": 3}) for s in cases])
    for s, rows in zip(cases, found, strict=True):
        one = gradient_step(s["rate"])

        def solve(weights, gradient, one=one):
            for _ in range(3):
                weights = one(weights, gradient)
            return weights

        state = fptt(
            *network(spec, s), parts=3, alpha=s["mu"], solver=solve, form=s["form"], beta=s["beta"], finish=False
        )
        for mine, code in (("w", state.weights), ("bar", state.average), ("pull", state.pull)):
            assert np.abs(flat(spec, code) - rows[-1][mine]).max() <= CLOSE, (s, mine)


@needs_node
@pytest.mark.long
def test_a_wrong_script_would_be_seen(tmp_path, monkeypatch):
    """Leave the reset out of the script's local derivatives, and the comparison is far off."""
    wrong = tmp_path / "engine.js"
    text = ENGINE.read_text(encoding="utf-8")
    assert text.count("-p.leak * v)") == 1
    wrong.write_text(text.replace("-p.leak * v)", "-0 * v)"), encoding="utf-8")
    monkeypatch.setitem(globals(), "ENGINE", wrong)
    with pytest.raises(AssertionError):
        test_the_script_is_the_engine_forwards_and_backwards("ostl")


def test_every_example_has_its_rule_and_links_from_the_cell():
    for name, spec in EXAMPLES.items():
        data = json.loads(script(spec))
        assert data["name"] == name
        assert all(layer["links"] for layer in data["layers"])
