"""The examples that are no set of kept edges, `assets/sums.js`, against gradcert's own code and sums by hand."""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import gradcert.derivations.reading
from gradcert.derivations.reading.examples import example, network, script
from gradcert.reference import RULES
from gradcert.reference.bounds import Online, descent, windowed
from gradcert.reference.engines import record, residual, reverse

ASSETS = Path(gradcert.derivations.reading.__file__).parent / "assets"
NODE = shutil.which("node") or shutil.which("nodejs")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")

# As in test_examples.py: a few hundred operations in two orders, numbers below 2^6.
CLOSE = 512 * 4 * 2.0**-53 * 2.0**6


def grid(**values):
    return [dict(zip(values, v, strict=True)) for v in itertools.product(*values.values())]


def pages(name, settings, *, assets=ASSETS):
    """Return what the page shows at each setting."""
    files = [json.dumps(str(assets / f)) for f in ("engine.js", "sums.js")]
    program = (
        f"const e = require({files[0]}); require({files[1]})(e); const [spec, all] = JSON.parse(require('fs')"
        ".readFileSync(0)); console.log(JSON.stringify(all.map((s) => { const r = e.numbers(JSON.parse(spec), s);"
        "return { ...r.out, all: r.all }; })));"
    )
    begin = {c.name: c.value for c in example(name).controls}
    given = [{"weight": 0, "cut": [], **begin, **s} for s in settings]
    text = json.dumps([script(example(name)), given])
    done = subprocess.run([NODE, "-e", program], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def differs(change, test, tmp_path, monkeypatch):
    """Whether a test sees a change of the script: a piece of its text, and what stands there instead."""
    before, after = change
    text = (ASSETS / "sums.js").read_text(encoding="utf-8")
    assert text.count(before) == 1
    (tmp_path / "sums.js").write_text(text.replace(before, after), encoding="utf-8")
    shutil.copy(ASSETS / "engine.js", tmp_path / "engine.js")
    monkeypatch.setitem(globals(), "ASSETS", tmp_path)
    monkeypatch.setattr(pages, "__kwdefaults__", {"assets": tmp_path})
    with pytest.raises(AssertionError):
        test()


BOUNDS = grid(w1=(-1.0, 0.7, 1.0), w2=(0.5, 0.8, -1.5), leak=(0.3, 0.9), x2=(0.3,))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", BOUNDS, ids=str)
def test_bounds_are_those_of_the_code(s):
    (mine,) = pages("bounds", [s])
    problem = network(example("bounds"), s)
    net, w, x, y = problem
    online = Online(net, w, rule=RULES["ostl"], steps=3, batch=1)
    for t in range(3):
        online.step(x[t], y[t])
    code = online.bound().tensors["layers.0.W"]
    wide = windowed(*problem, rule=RULES["ostl"], window=3).tensors["layers.0.W"]
    error = residual(*problem, rule=RULES["ostl"]).total["layers.0.W"][0, 0]
    found = {k: reverse.gradients(*problem, rule=RULES[k]) for k in ("ostl", "bptt-detached-reset")}
    other = found["bptt-detached-reset"]["layers.0.W"] - found["ostl"]["layers.0.W"]
    pairs = [(code, "bound"), (code, "triples"), (wide, "pairs"), (error, "residual"), (abs(other[0, 0]), "others")]
    pairs.append((descent(found["ostl"], online.bound()).margin, "margin"))
    for value, key in pairs:
        assert abs(value - mine[key]) <= CLOSE, (s, key)


def bound_by_hand(s, mistake):
    """The recursion of the page for one unit below another, right or with one mistake."""
    net, w, x, y = network(example("bounds"), s)
    low, high = record(net, w, x).layers
    leak, weight = s["leak"], w["layers.1.W"][0, 0]
    v, z = ([layer.now[n][:, 0, 0] for layer in (low, high)] for n in "vz")
    slope, psi = [1 - u**2 for u in v], [1 - np.tanh(u - 0.5) ** 2 for u in v]
    xi = omega = delta = total = 0.0
    for t in range(3):
        j = [0.0, 0.0]
        if t:
            j = [slope[m][t] * leak * (1 - z[m][t - 1] - v[m][t - 1] * psi[m][t - 1]) for m in (0, 1)]
            j = [leak, leak] if mistake == "leak" else j
        credit = abs(psi[1][t] * (z[1][t] - y[t, 0, 0]) * j[1])
        total += credit * ((0.0 if mistake == "credit" else delta) + omega)
        delta = abs(j[1]) * (delta + omega)
        xi = abs(j[0]) * xi + abs(slope[0][t] * x[t, 0, 0])
        omega = abs(slope[1][t] * weight * psi[0][t]) * xi
    return total


@pytest.mark.long
def test_mistakes_of_bounds_and_what_the_page_says_of_some_settings():
    found = pages("bounds", BOUNDS)
    for s, mine in zip(BOUNDS, found, strict=True):
        for mistake in ("credit", "leak"):
            assert abs(bound_by_hand(s, mistake) - mine[f"m {mistake}"]) <= CLOSE, (s, mistake)
        assert mine["size"] <= mine["pairs"] + CLOSE <= mine["bound"] + 2 * CLOSE <= mine["worst"] + 3 * CLOSE
    begin, one, seven, fails = pages("bounds", [{}, {"w1": 0.7, "w2": 0.8}, {"w1": 0.7}, {"w1": -1.0}])
    assert begin["size"] < begin["pairs"] < begin["bound"] < begin["worst"]
    assert (one["m credit"], one["size"]) == (begin["credit7"], begin["size7"])
    assert one["m credit"] < one["size"] - CLOSE <= one["bound"]
    assert abs(seven["pairs"] - seven["bound"]) <= CLOSE < seven["bound"] - seven["size"]
    assert max(fails[k] for k in ("size", "pairs", "bound")) - fails["size"] <= CLOSE < fails["worst"] - fails["size"]
    assert (fails["when"], begin["when"]) == ("open", "certified")
    assert fails["cosine"] > 1 - CLOSE
    assert 1.9 < fails["truth"] / fails["estimate"] < 2.2


@pytest.mark.long
def test_a_wrong_bound_would_be_seen(tmp_path, monkeypatch):
    change = ("Math.abs(j[1]) * (rho + kappa)", "Math.abs(j[1]) * rho")
    differs(change, lambda: test_bounds_are_those_of_the_code(BOUNDS[0]), tmp_path, monkeypatch)
