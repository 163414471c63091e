"""The entries that pages work out below their tables: both sides, at every switch and at both ends of every slider."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import gradcert.derivations.reading
from gradcert.derivations.reading.examples import example, script
from gradcert.derivations.reading.lesson import lesson, names

ASSETS = Path(gradcert.derivations.reading.__file__).parent / "assets"
NODE = shutil.which("node") or shutil.which("nodejs")

# A line has below a dozen operations on numbers below 2^6, each of which rounds by 2^-53 of its result on either side.
CLOSE = 2 * 12 * 2.0**6 * 2.0**-53


def lines():
    """Yield (page, line) of every ``num`` line that is an equation between numbers of the example."""
    for name in names():
        for block in (b for s in lesson(name).sections for b in s.blocks if b.kind == "example"):
            yield from ((name, text) for text in re.findall(r"^num (.*)$", block.body, re.MULTILINE))


def rows(name):
    """Return the keys of a page's table, without the step, and those of the lines below it."""
    body = next(b.body for s in lesson(name).sections for b in s.blocks if b.kind == "example")
    return {r.split(" | ")[1].strip() for r in re.findall(r"^row (.*)$", body, re.MULTILINE)}, body


def settings(spec):
    """Return settings that reach every switch, and every slider at its first value and at both ends, one at a time."""
    first = {c.name: c.value for c in spec.controls}
    sliders = [first, *({**first, c.name: v} for c in spec.controls for v in (c.low, c.high))]
    cuts = [[], *([edge] for edge, _ in spec.cuts)]
    return [{**s, "weight": w, "cut": c} for s, w, c in itertools.product(sliders, range(len(spec.weights)), cuts)]


def numbers(spec):
    program = (
        f"const e = require({json.dumps(str(ASSETS / 'engine.js'))});"
        + "".join(f"require({json.dumps(str(ASSETS / f'{name}.js'))})(e);" for name in ("sums", "draws", "means"))
        + "const [spec, all] = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(all.map((s) => e.numbers(JSON.parse(JSON.stringify(spec)), s).out)))"
    )
    given = json.dumps([json.loads(script(spec)), settings(spec)])
    done = subprocess.run([NODE, "-e", program], input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def sides(line, out):
    """Return both sides of a line with the numbers of one setting put in."""

    def value(match):
        key = match[1].split(";")[0]
        return f"({out[key]!r})"

    *_, left, right = re.sub(r"\{\{(.*?)\}\}", value, line).split("=")
    left = left.replace("×", "*").replace("−", "-").replace("[", "(").replace("]", ")")
    left = re.sub(r"\|(.*?)\|", r"abs(\1)", left)
    left = re.sub(r"\)\s*\(", ")*(", left)
    return eval(left), eval(right)


@pytest.mark.parametrize("name", sorted({name for name, _ in lines()} - {"fptt"}))
def test_what_is_worked_out_is_an_entry_of_the_table_or_of_the_next_line(name):
    table, body = rows(name)
    for line in (text for page, text in lines() if page == name):
        key = re.findall(r"\{\{(.*?)\}\}", line)[-1].split(";")[0]
        assert key.rpartition(".")[0] in table or body.count(f"{{{{{key}") > 1, line


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
@pytest.mark.parametrize("name", sorted({name for name, _ in lines()} - {"fptt"}))
def test_what_is_worked_out_is_true_at_every_setting(name):
    spec = example(name)
    found = numbers(spec)
    for line in (text for page, text in lines() if page == name):
        for setting, out in zip(settings(spec), found, strict=True):
            left, right = sides(line, out)
            assert abs(left - right) <= CLOSE * max(1, abs(left)), (line, setting)
