"""Plain letters: what a page says of them, and in a browser which of them have a definition under the pointer."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from shown import ASSETS, NODE, needs_node

from gradcert.derivations.reading import site
from gradcert.derivations.reading.lesson import lesson, names, parsed
from gradcert.derivations.reading.letters import OWN, declared, unspoken, used
from gradcert.derivations.reading.symbols import LETTERS
from gradcert.derivations.reading.tex import equation, loose
from scripts.docs.drawings import BROWSER

PAGE = "# T\n\n## S {#s}\n\n$n$ units {=n t}at step $t$, up to $q$.\n\n:::where s\ns: another thing\n:::\n\n$s$\n"


def test_a_page_declares_its_letters_by_its_own_words_or_the_tables():
    assert declared(parsed("planted", PAGE)) == {"n": LETTERS["n"], "t": LETTERS["t"], "s": "another thing"}
    symbol = parsed("planted", "# T\n\n## S {#s}\n\n{=c}The credit $\\c{}{t}$.\n")
    assert declared(symbol) == {}  # the key of a symbol, and no letter of the page
    assert r"\sigma" in declared(parsed("planted", "# T\n\n## S {#s}\n\n$\\sigma$\n"))


@pytest.mark.parametrize("name", names())
def test_no_letter_is_explained_by_what_the_page_does_not_speak_of(name):
    assert unspoken(lesson(name)) == []
    assert set(OWN.get(name, {})) <= set(declared(lesson(name)))


def test_a_letter_that_counts_something_else_is_seen():
    assert len(unspoken(parsed("planted", "# T\n\n## S {#s}\n\n{=k}A whole number $k$.\n"))) == 1


@pytest.mark.parametrize("name", names())
def test_a_page_says_what_its_plain_letters_are(name):
    plain = {letter for formula in lesson(name).formulas() for letter in used(formula)[1] if letter in LETTERS}
    assert {"t", "T", "n", "K", "s"} & plain <= set(declared(lesson(name)))


# what is under a definition: its letters as they stand, and the sentence
PROBE = """<script>addEventListener('load', () => setTimeout(() => {
  const tip = document.getElementById('tip'), out = [];
  document.querySelectorAll('p.probe').forEach((p) => out.push([...p.querySelectorAll('.tex [data-s]')].map((e) => {
    e.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
    return [e.textContent.replaceAll('\\u200b', ''), tip.textContent]; })));
  document.body.textContent = 'FOUND' + JSON.stringify(out) + 'END'; }, 50));</script>"""
LEGEND = (
    '<dl class="where"><dt><span class="tex">W</span></dt><dd>weight.</dd><dt><span class="tex">W_{f}</span></dt>'
    '<dd>gate.</dd><dt><span class="tex">\\hat{x}_{j}^{t}</span></dt><dd>trace of <span class="tex">x</span>.</dd>'
    '<dt><span class="tex">T_{l}</span></dt><dd>first.</dd><dt><span class="tex">g\'</span></dt><dd>slope.</dd>'
    '<dt><span class="tex">\\vert J\\vert</span></dt><dd>pattern.</dd></dl>'
)


def hovered(folder: Path, formulas: list[str], legend: str, data: str = "") -> list[list[list[str]]]:
    """Return for every formula what has a definition, and which."""
    shutil.copytree(ASSETS, folder / "assets")
    body = "".join(f'<p class="probe"><span class="tex">{formula}</span></p>' for formula in formulas)
    scripts = "".join(f'<script src="assets/{name}"></script>' for name in ("katex.min.js", "letters.js", "chapter.js"))
    page = f'<!doctype html><meta charset="utf-8"><body>{body}{legend}{data}{scripts}{PROBE}</body>'
    (folder / "page.htm").write_text(page, encoding="utf-8")
    command = [BROWSER, f"--user-data-dir={folder / 'profile'}", "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--virtual-time-budget=20000", "--dump-dom", (folder / "page.htm").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    match = re.search(r"FOUND(.*)END", done.stdout)
    assert match is not None, done.stdout[-2000:]
    return json.loads(match[1].replace("&amp;", "&"))


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_letters_have_the_definition_of_the_pages_legend_and_no_other(tmp_path):
    formulas = ["W_{ij}\\,\\hat{x}_{j}^{t-1}", "W_{f}", "W_{o}+T+g+J", "g'(a)", "\\text{W}"]
    found = hovered(tmp_path, formulas, LEGEND)
    assert [[name for name, _ in formula] for formula in found] == [["Wij", "x^jt−1"], ["Wf"], [], ["g′"], []]
    assert found[0][0][1].endswith("weight.") and "trace of" in found[0][1][1]
    assert found[1][0][1].endswith("gate.") and found[3][0][1].endswith("slope.")


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_a_legend_of_a_section_holds_there_and_declared_letters_stand_alone(tmp_path):
    legend = LEGEND.replace('"where"', '"where" data-of="section"', 1)
    away = f"<section>{legend}</section>"
    data = site.data({"n": "units.", "m": "inputs."})
    found = hovered(tmp_path, ["nm+\\W{nn}", "W_{ij}"], away, data)
    assert [[name for name, _ in formula] for formula in found] == [["n", "m", "Wnn"], []]
    assert found[0][0][1].endswith("units.") and found[0][1][1].endswith("inputs.")
    assert "weight from input" in found[0][2][1]


@needs_node
def test_how_the_page_writes_large_numbers_and_shares():
    script = (ASSETS / "chapter.js").read_text(encoding="utf-8")
    block = re.search(r"^  const minus = .*?^  const FORMS = .*?$", script, re.DOTALL | re.MULTILINE)[0]
    given = ["number(2950)", "number(2949.9999999999995)", "number(1234.5)", "number(0.5)", "number(-3)"]
    given += [
        "percent(115504.86)",
        "percent(10)",
        "percent(0.5)",
        "percent(0)",
        "share(-12)",
        "share(12)",
        "share(-0.5)",
    ]
    program = f"{block}; console.log(JSON.stringify([{', '.join(given)}]))"
    done = subprocess.run([NODE, "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        *("2950", "2950", "1234.5000", "0.5000", "−3"),
        *("over 1000 %", "1000 %", "50 %", "0 %", "below −1000 %", "over 1000 %", "−50 %"),
    ]


def test_no_formula_is_hidden_where_scripts_are_off():
    """The theme's pages have this class until a script takes it away."""
    furo = pytest.importorskip("furo")
    base = (Path(furo.__file__).parent / "theme" / "furo" / "base.html").read_text(encoding="utf-8")
    assert 'class="no-js"' in base
    css = (ASSETS / "chapter.css").read_text(encoding="utf-8")
    assert re.search(r"\.tex\{visibility:hidden\}[^}]*\.no-js \.tex\{visibility:visible\}", css)


def test_a_long_identity_may_be_broken_inside_its_brackets():
    from sympy import symbols

    a, b, c, d = symbols("a b c d")
    html = equation(a * (b + c * (a + d + 1) ** 2), d)
    assert "\\left(" not in html and "(" in html
    assert loose(r"\left[a\right)") == "[a)"
    assert loose(r"\left\{a\right\}") == r"\left\{a\right\}"
    css = (ASSETS / "chapter.css").read_text(encoding="utf-8")
    assert ".identity .katex{white-space:normal}" in css
    assert ".tablewrap,.identity," in css  # the shadow where it scrolls all the same
