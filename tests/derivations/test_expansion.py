"""Formulas without the pages' macros: the same letters in the same places, and nothing that LaTeX does not know."""

import json
import re
import subprocess
from html import unescape
from xml.etree import ElementTree

import pytest
from shown import ASSETS, NODE, needs_node

from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.lesson import lesson, names
from gradcert.derivations.reading.letters import COMMANDS
from gradcert.derivations.reading.pictures import PICTURES, picture
from gradcert.derivations.reading.symbols import COLOURS, SYMBOLS, macros
from gradcert.derivations.reading.terminal import shown as identities
from gradcert.derivations.reading.tex import displayed, span, tex

# of amsmath and LaTeX itself; `cr` and `o` are macros of ours and commands of TeX
KNOWN = COMMANDS | set(
    "lambda theta psi hat bar tilde varepsilon beta rho kappa tau phi delta Omega eta zeta xi omega Delta gamma nu "
    "mathcal chi mu alpha Lambda ell epsilon mathsf mathit".split()
)
NEAR = re.compile(r"\{\}|'|diag|\\rs\{-|\\lam\(|\\(?!sum|prod)[A-Za-z]+\s*[_^]|\}\^")
WRAPS = re.compile(r'<span class="enclosing[^>]*>')


def of_lessons() -> list[str]:
    found = [f for name in names() for f in lesson(name).formulas()]
    found += [part for s in SYMBOLS.values() for part in (s.sign, *re.findall(r"\$(.+?)\$", s.says))]
    found += [unescape(f) for name in PICTURES for f in re.findall(r'class="tex"[^>]*>(.*?)</span>', picture(name))]
    return list(dict.fromkeys(found))


def of_identities() -> list[str]:
    steps = [s for name in CHAPTERS for s in chapter(name).steps]
    return list(dict.fromkeys(tex(side) for s in steps for e in identities(s) for side in (e.left, e.right)))


def rendered(formulas: list[str], table: dict[str, str]) -> list[list[str]]:
    """Return [HTML, MathML] of every formula, as the KaTeX of the pages sets it."""
    program = (
        f"const katex = require({json.dumps(str(ASSETS / 'katex.min.js'))});"
        "const [macros, all] = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(all.map((f) => ['html', 'mathml'].map((output) => { try { return katex"
        ".renderToString(f, { displayMode: true, strict: 'ignore', macros: { ...macros }, trust: true, output }); }"
        "catch (e) { return f + e.message; } }))));"
    )
    given = json.dumps([table, formulas])
    done = subprocess.run([NODE, "-e", program], input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def letters(mathml: str) -> str:
    """Return what is set, and what is an index of what: groups without a meaning and empty indices are left out."""
    if not mathml.startswith("<span"):
        return mathml  # what KaTeX says against it
    return bare(ElementTree.fromstring(mathml.replace("&nbsp;", " ")).find(".//{*}semantics")[0])


def bare(node: ElementTree.Element) -> str:
    parts, kind = [bare(child) for child in node], node.tag.split("}")[1]
    if kind in ("mrow", "mstyle", "mpadded"):
        return "".join(parts)
    if kind == "msubsup" and not all(parts[1:]):
        kind, parts = ("msub", parts[:2]) if parts[1] else ("msup", [parts[0], parts[2]])
    if kind in ("msub", "msup") and not parts[1]:
        return parts[0]
    return f"<{kind}>{(node.text or '').strip()}{'|'.join(parts)}</>"


def wrapped(html: str) -> str:
    """Return HTML without the spans that hold a macro's name or colour."""
    out, depth, kept = [], [], html
    for part in re.split(r"(<[^>]*>)", kept):
        if part.startswith("<span"):
            depth.append(bool(WRAPS.fullmatch(part)))
            part = "" if depth[-1] else part
        elif part == "</span>" and depth.pop():
            part = ""
        out.append(part)
    return "".join(out)


def differing(formulas: list[str], plain: list[str]) -> list[tuple[str, str]]:
    """Return the formulas that are not set as they are with macros.

    To a hair, but where an index is empty or a macro has an index, a bracket or a sign beside it: there a
    letter may stand a hair off.
    """
    mine, theirs = rendered(formulas, macros()), rendered(plain, {})
    wrong = []
    for formula, other, (html, mathml), (html2, mathml2) in zip(formulas, plain, mine, theirs, strict=True):
        same = wrapped(html) == html2 or NEAR.search(formula)
        if letters(mathml) != letters(mathml2) or not same:
            wrong.append((formula, other))
    return wrong


def commands(formulas: list[str]) -> set[str]:
    return set(re.findall(r"\\([A-Za-z]+)", " ".join(formulas).replace(r"\\", " ")))


@needs_node
def test_every_formula_without_macros_is_set_as_it_is_with_them():
    formulas = of_lessons()
    assert len(formulas) > 1000
    assert differing(formulas, [expanded(f) for f in formulas]) == []
    used = commands(formulas)
    assert set(COLOURS) <= used and len(used & set(SYMBOLS)) == len(SYMBOLS)  # every macro is among them


@needs_node
def test_a_wrong_expansion_is_seen():
    good = r"\gp{i}{t}\,\v{i}{t-1}+\lam"
    assert differing([good], [expanded(good)]) == []
    for wrong in (r"g'(a_{i}^{t})\,v_{i}^{t-1}+\theta", r"g'(a_{i}^{t})\,v_{t-1}^{i}+\lambda", good):
        assert differing([good], [wrong]) == [(good, wrong)]
    assert differing([r"\E\x{i}{t}"], [r"E\,x_{i}^{t}"])  # a space that is not there


def test_what_is_copied_is_plain_latex():
    plain = [expanded(f) for f in of_lessons()]
    assert commands(plain) <= KNOWN
    assert all(f.isascii() for f in plain)
    assert not any(re.search(r"[_^]\{\}|htmlData|htmlClass", f) for f in plain)


def test_expansion_keeps_words_and_groups_apart():
    assert expanded(r"\lam\W{ij}") == r"\lambda W_{ij}"
    assert expanded(r"\st{\v{i}{t-1}}\,\lam x") == r"v_{i}^{t-1}\,\lambda x"
    assert expanded(r"\lamp^2+\W{ij}^2+x^\lam") == r"{\lambda_p}^2+{W_{ij}}^2+x^\lambda"
    assert expanded("λx⁽¹⁾β₀ψ") == r"\lambda x^{(1)}\beta_{0}\psi"
    assert expanded("the state $\\v{i}{t}$ of a unit") == "the state $v_{i}^{t}$ of a unit"


def test_a_formula_brings_along_what_is_copied():
    assert span(r"\lam<1") == r'<span class="tex" data-tex="\lambda&lt;1">\lam&lt;1</span>'
    assert span("x<1") == '<span class="tex">x&lt;1</span>'
    assert displayed(r"\E") == r'<div class="tex display" data-tex="E">\E</div>'


@needs_node
@pytest.mark.long
def test_identities_of_the_code_are_plain_latex_too():
    formulas = of_identities()
    plain = [expanded(f) for f in formulas]
    assert len(formulas) > 400
    assert all(f.isascii() for f in plain)
    assert not any("error" in html for html, _ in rendered(plain, {}))
    assert "\u2032" in rendered([expanded("e'⁽¹⁾")], {})[0][1]  # KaTeX loses a prime before raised letters
