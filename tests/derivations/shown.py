"""What the pages' scripts show, for the tests of `assets/sums.js`, `draws.js` and `means.js`."""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import gradcert.derivations.reading
from gradcert.derivations.reading.examples import example, script

ASSETS = Path(gradcert.derivations.reading.__file__).parent / "assets"
NODE = shutil.which("node") or shutil.which("nodejs")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")

# As in test_examples.py: a few hundred operations in two orders, numbers below 2^6.
CLOSE = 512 * 4 * 2.0**-53 * 2.0**6


def grid(**values):
    return [dict(zip(values, v, strict=True)) for v in itertools.product(*values.values())]


def shown(file, name, settings, *, assets=ASSETS):
    """Return every setting in full, and what the page shows there; the example by its name, or itself."""
    files = [json.dumps(str(assets / f)) for f in ("engine.js", file)]
    program = (
        f"const e = require({files[0]}); require({files[1]})(e); const [spec, all] = JSON.parse(require('fs')"
        ".readFileSync(0)); console.log(JSON.stringify(all.map((s) => { const r = e.numbers(JSON.parse(spec), s);"
        "return { ...r.out, all: r.all }; })));"
    )
    spec = example(name) if isinstance(name, str) else name
    begin = {c.name: c.value for c in spec.controls}
    given = [{"weight": 0, "cut": [], **begin, **s} for s in settings]
    text = json.dumps([script(spec), given])
    done = subprocess.run([NODE, "-e", program], input=text, capture_output=True, text=True, check=True)
    return given, json.loads(done.stdout)


def flat(spec, gradients):
    found = []
    for _, layer, name, i, j in spec.weights:
        value = gradients[f"layers.{layer}.{name}"]
        found.append(value[i] if name == "b" else value[i, j])
    return np.array(found)
