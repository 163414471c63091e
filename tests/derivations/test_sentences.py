"""The sentence below an example fits what the page shows, in every corner of its sliders."""

import itertools
import json
import math
import re
import subprocess

import pytest
from shown import ASSETS, NODE, needs_node

from gradcert.derivations.reading.examples import EXAMPLES, example, script
from gradcert.derivations.reading.labs import _EVERYWHERE, _PARTS
from gradcert.derivations.reading.lesson import lesson

PROGRAM = (
    f"const e = require({json.dumps(str(ASSETS / 'engine.js'))});"
    f"for (const f of ['sums', 'draws', 'means']) require({json.dumps(str(ASSETS))} + '/' + f + '.js')(e);"
    "const [spec, all] = JSON.parse(require('fs').readFileSync(0));"
    "const plain = (out) => Object.fromEntries(Object.entries(out).map(([k, v]) => [k, typeof v === 'number'"
    " && !Number.isFinite(v) ? String(v) : v]));"
    "console.log(JSON.stringify(all.map((s) => {"
    "if (s.output) spec.layers.forEach((l) => { if (l.p.output) l.p.output = s.output; });"
    "const { out } = spec.parts ? e.flat(spec, s) : e.numbers(spec, s);"
    "return [e.state(out, s.cut), plain(out)]; })));"
)


def corners(spec):
    """Return settings: every slider at its ends, at 0 and, where there are few, at its beginning; every switch."""
    axes = {c.name: {c.low, c.high, *([0.0] if c.low < 0 < c.high else [])} for c in spec.controls}
    if len(axes) < 5:
        axes = {c.name: axes[c.name] | {c.value} for c in spec.controls}
    if spec.parts:
        axes |= {name: {value, low, high} for name, _, value, low, high in _PARTS}
        axes |= {"form": ("code", "paper"), "descents": (1, 5, 500)}
    edges = [edge for edge, _ in spec.cuts]
    axes["cut"] = [list(c) for k in range(len(edges) + 1) for c in itertools.combinations(edges, k)]
    axes["output"] = ("step", "sigmoid") if spec.outputs else ("",)
    return [{"weight": 0, **dict(zip(axes, v, strict=True))} for v in itertools.product(*axes.values())]


def sentences(name):
    found = dict(_EVERYWHERE)
    for when, text in re.findall(r"^say ([\w ]+) \| (.*)$", "\n".join(lesson(name).texts()), re.MULTILINE):
        found |= dict.fromkeys(when.split(), text)
    return found


#: what a sentence says, where that is not what its state says already (`fits`)
SAYS = {
    # "wherever you move the sliders", "one layer without lateral weights"
    **{(name, "apart"): lambda s, out: False for name in ("ostl", "paths", "gated", "convolution")},
    ("eprop", "apart"): lambda s, out: s["h12"] != 0,  # "the lateral paths"
    ("ottt", "apart"): lambda s, out: s["h12"] != 0,  # "with a lateral weight"
    ("complexity", "equal"): lambda s, out: not s["cut"],  # "all edges are kept"
    ("complexity", "cut"): lambda s, out: bool(s["cut"]),
    ("depth", "apart"): lambda s, out: abs(sum(out[f"share {k}"] for k in ("recurrent", "state", "reset")) - 1) < 1e-6,
    ("fixedpoint", "equal"): lambda s, out: all(abs(out[f"rc.{t}"] * out[f"roff.{t}"]) < 1e-12 for t in (1, 2, 3)),
    ("bounds", "certified"): lambda s, out: out["margin"] > 0 and out["inner"] > 0,
    ("bounds", "open"): lambda s, out: out["margin"] <= 0,
    ("bounds", "still"): lambda s, out: abs(out["estimate"]) == 0,
    ("fptt", "equal"): lambda s, out: out["missed.3"] < 1e-12,
    ("fptt", "near"): lambda s, out: out["missed.3"] < 1e-6,
    ("fptt", "apart"): lambda s, out: math.isinf(float(out["missed.3"])) or out["missed.3"] >= 1e-6,
    ("fptt", "paper"): lambda s, out: s["form"] == "paper" and out["pull.3"] == out["gradient.3"],
}


def fits(name, state, s, out):
    error, size = float(out.get("error", 0)), max(abs(out.get(k, 0)) for k in ("online", "exact"))
    general = {
        "equal": error < 1e-12 and (name == "complexity" or not s["cut"]),
        "idle": error < 1e-12 and bool(s["cut"]),
        "apart": error >= 1e-12 and not s["cut"],
        "cut": (error >= 1e-12 or name == "complexity") and bool(s["cut"]),
        "still": name in ("bounds", "osttp") or size < 5e-15,
        "alone": math.isinf(error) and abs(out.get("exact", 0)) < 5e-15,
    }
    return general.get(state, True) and SAYS.get((name, state), lambda s, out: True)(s, out)


@needs_node
@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_sentence_below_an_example_fits_its_numbers_in_every_corner(name):
    spec, says = example(name), sentences(name)
    settings = corners(spec)
    text = json.dumps([json.loads(script(spec)), settings])
    done = subprocess.run([NODE, "-e", PROGRAM], input=text, capture_output=True, text=True, check=True)
    for s, (state, out) in zip(settings, json.loads(done.stdout), strict=True):
        assert state in says, (s, state)
        for key in re.findall(r"\{\{([^};]*)", says[state]):  # none of them is shown as a dash
            assert isinstance(out[key], (int, float)), (s, state, key, out.get(key))
        assert fits(name, state, s, out), (s, state)


def test_a_sentence_that_says_too_much_is_seen():
    agree = {"error": 0.0, "online": 1.0, "exact": 1.0}
    assert fits("ottt", "equal", {"cut": [], "h12": -2.0}, agree)
    assert not fits("ottt", "apart", {"cut": [], "h12": 0.0}, {**agree, "error": 0.3})
    assert not fits("ostl", "cut", {"cut": ["reset"]}, agree)  # "the two part", where they agree
    assert not fits("ostl", "equal", {"cut": ["reset"]}, agree)
    assert not fits("eprop", "still", {"cut": []}, agree)
