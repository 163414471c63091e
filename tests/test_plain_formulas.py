"""Formulas that are written as plain text: what they are set as, that nothing of them is lost, what is none."""

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from gradcert.commands import cells as cell_records
from gradcert.commands import surrogates as surrogate_records
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.reference import CELLS, RULES, SURROGATES
from gradcert.reference.published import KINDS
from scripts.docs import cells, docstrings, rules, source
from scripts.docs.plain import blocks, legend, names, notation
from scripts.docs.plain.formula import formula
from scripts.docs.plain.meanings import MEANINGS
from scripts.docs.plain.pieces import pieces

ROOT = Path(__file__).parents[1]
KATEX = ROOT / "derivations" / "reading" / "assets" / "katex.min.js"
NODE = shutil.which("node") or shutil.which("nodejs")

SET = {
    "lam (1 - z_j^{t-1})": r"\lambda\,(1 - z_{j}^{t - 1})",
    "h'_j^(t-1)": r"h_{j}^{\prime\,t - 1}",
    "g'(a^t) (x) x^t": r"g'(a^{t}) \otimes x^{t}",
    "h(x)": "h(x)",
    "y*_k^t - y*": r"y_{k}^{*,t} - y^{*}",
    "c- + h-_j": r"c^{-} + h_{j}^{-}",
    "dE/dW_o,ki": r"\frac{dE}{dW_{o,ki}}",
    "dz^t/d(v^t - A^t)": r"\frac{dz^{t}}{d(v^{t} - A^{t})}",
    "sum_(k = K .. l+1) W_k": r"\sum_{k = K,\ldots,l + 1} W_{k}",
    "J^t ... J^(s+1)": r"J^{t}\cdots J^{s + 1}",
    "H^T v^T nu^T": r"H^{\top}\,v^{T}\,\nu^{\top}",
    "|J| abs(x)^2": r"\vert J\vert\,\vert x \vert^{2}",
    "<w, Lam_t>": r"\langle w,\Lambda_{t} \rangle",
    "(scale where x > 0, else 0)": r"\begin{cases}\operatorname{scale} & x > 0\\0 & \text{else}\end{cases}",
    "6 sigma 2 3": r"6\,\sigma\,2 \cdot 3",
    "n x n_in": r"n \times n_{\mathrm{in}}",
    "W. x + b": r"W_{\cdot}\,x + b",
    "o~ = sqrt(al/2)": r"\tilde{o} = \sqrt{\alpha/2}",
}
NONE = (
    *(
        "reset_delay=True",
        "v_reset",
        "z_local",
        "the leak",
        "modules/neuron.py",
        "LSO()",
        "T45",
        "SuperSpike",
        "x +",
        "",
    ),
    *("1406.1078 v3", "b = 1; c", "(1 - z", "w = [1"),
)


@pytest.mark.parametrize("text", SET)
def test_what_a_formula_is_set_as(text):
    assert formula(text) == SET[text]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_formula_stays_as_it_was_written(text):
    assert formula(text) is None


def written():
    """All plain formulas of the site, by where they are: code in lines, blocks, equations of cells, functions."""
    own = {name: cells.names(kind().nodes, [row["option"] for row in cell_records.options(kind)])[0]
           for name, kind in CELLS.items()}  # fmt: skip
    for path in sorted((ROOT / "docs" / "mathematics").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        yield from ((path.name, code, None) for code in re.findall(r"`([^`\n]+)`", text))
        for block in re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            yield from ((path.name, p.text, None) for line in block.splitlines() for p in pieces(line) if p.tex)
    for name, kind in {**RULES, **KINDS}.items():
        for line in kind.page.splitlines():
            yield from ((name, p.text, None) for p in pieces(line, prose=not line.startswith("    ")) if p.tex)
    for name, kind in CELLS.items():
        steps = [*kind().nodes, "x", "z"]
        for node, text in cell_records.equations(kind()).items():
            yield name, f"{cells.in_steps(node, steps)} = {cells.in_steps(text, steps)}", own[name]
    for name, form in SURROGATES.items():
        scales = {scale: (rf"\mathrm{{{scale}}}", "") for scale in form.defaults}
        yield name, surrogate_records.record(name)["psi(x)"], scales


FORMULAS = [(where, text, tex) for where, text, own in written() if (tex := formula(text, own or names.NONE))]


def test_cells_and_pseudo_derivatives_are_formulas_all():
    known = {(where, text) for where, text, _ in FORMULAS}
    assert [(where, text) for where, text, own in written() if own is not None and (where, text) not in known] == []
    assert len({text for _, text, _ in FORMULAS}) > 500


def left(text):
    """What two texts of one formula have alike: figures, signs that stand for themselves, capitals, names of Greek."""
    text = re.sub(r"\babs\(", "(", text)
    return Counter(re.findall(r"\d+|[=+\[\]<>]|[A-Z]", re.sub(r"(?<!\S)\(x\)(?!\S)", "", text)))


def test_nothing_of_a_formula_is_lost():
    greek = {tex: word for word, tex in names.GREEK.items() if tex[1].isupper()}
    for where, text, tex in FORMULAS:
        text = re.sub(r"\bresistance\b", "R", text) if where in CELLS else text
        back = re.sub(r"\\(Lambda|Theta)", lambda m: greek[m[0]], tex)
        back = re.sub(r"\\le(?![a-z])", "<=", re.sub(r"\\ge(?![a-z])", ">=", re.sub(r"\\leftarrow", "<-", back)))
        back = re.sub(r"\\to(?![a-z])", "->", re.sub(r"\\ne(?![a-z])", "!=", re.sub(r"\\pm", "+-", back)))
        back = re.sub(r"\\langle", "<", re.sub(r"\\rangle", ">", re.sub(r"\\top", "T", back)))
        assert left(back) == left(text), (where, text, tex)


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
def test_katex_sets_every_formula(tmp_path):
    (tmp_path / "all.json").write_text(json.dumps(sorted({tex for _, _, tex in FORMULAS})), encoding="utf-8")
    program = (
        f"const katex = require({json.dumps(str(KATEX))}), all = require({json.dumps(str(tmp_path / 'all.json'))});"
        "all.forEach(t => katex.renderToString(t, { throwOnError: true, strict: 'error' })); console.log(all.length);"
    )
    done = subprocess.run([NODE, "-e", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 400


def rows(text):
    """The cells of a block: (left, right, words)."""
    html = blocks.equations(text)
    return re.findall(r'<span class="(l|r|w|said|more)">(.*?)(?=<span class="(?:l|r|w|n)"|</div>)', html)


def test_equations_side_by_side_are_rows_and_words_stay_with_theirs():
    html = blocks.equations("BPTT   q^t = D^t        a = b    (exact)\n  goes on")
    assert re.sub(r'<span class="n"[^>]*></span>', "|", html).count("|") == 2
    assert '<span class="w">BPTT</span><span class="l"><span class="tex">q^{t}' in html
    assert '<span class="said"> (exact)' in html


def test_a_left_side_with_words_is_no_equation_of_its_last_letter():
    html = blocks.equations("x = 1\ndh/dh- at fixed c = diag(o)")
    assert 'class="l"><span class="tex">c<' not in html


def test_an_equation_goes_on_past_two_blanks_and_before_a_word():
    html = blocks.equations("dE/dw = sum_t  delta^t . e^t   (exact)\ne^t = J e + (what is explicit)")
    tex = re.findall(r'data-tex="([^"]*)"', html)
    assert tex == [r"\frac{dE}{dw} = \sum_{t} \delta^{t} \cdot e^{t}", r"e^{t} = J\,e\text{ + (what is explicit)}"]


def test_a_block_of_code_is_no_block_of_equations():
    assert blocks.equations("pip install gradcert") is None
    page = "a `lam` b\n\n```text\nx^t = lam x^(t-1)\n```\n\n```python\nx = 1\n```\n"
    shown = blocks.page(page)
    assert shown.startswith("a $\\lambda$ b\n")
    assert '<div class="eqs">' in shown
    assert "```python\nx = 1\n```" in shown


def test_prose_has_its_formulas_set_and_its_words_left():
    assert blocks.prose("n^2 values and a step; Xiao et al. [1] cost $5, `a_b` and y*^t") == (
        "$n^{2}$ values and a step; Xiao et al. \\[1] cost \\$5, `a_b` and $y^{*,t}$"
    )


def test_a_docstring_becomes_markdown():
    text = docstrings.markdown(
        "First.\n\nPaper: X, see mathematics.md 4.1 and 17 (trap T09).\n\nAs in::\n\n    e^t = J e\n\n    x = 2\n\n"
        "Dropped: a.\nCost of a layer: n^2.\n\nParameters\n----------\nleak : ``lam`` of\n    all\n",
        up="../",
    )
    assert '**Paper**: X, see <a href="../mathematics/04-ostl.html#4.1">mathematics.md 4.1</a> and <a' in text
    assert 'href="../mathematics/14-traps.html#T09">T09</a>' in text
    assert text.count('class="n"') == 2
    assert "**Dropped**: a." in text
    assert "**Cost of a layer**: $n^{2}$." in text
    assert "- `leak`: `lam` of all" in text


def test_every_trap_and_section_that_a_page_cites_is_there():
    anchors = {p.stem: p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "mathematics").glob("[0-9]*.md")}
    for kind in {**RULES, **KINDS}.values():
        for page, anchor in re.findall(r'mathematics/([\w-]+)\.html#([\w.]+)"', docstrings.markdown(kind.page, up="")):
            assert f'<a id="{anchor}"></a>' in anchors[page], (kind.name, page, anchor)


def test_a_page_of_a_rule_has_its_parts():
    matrix = "| library | class | ostl |\n|---|---|---|\n| jax | [f](../x.py) | [refuted](certificates/a.json) |\n"
    judged = rules.claims(matrix)
    from gradcert.commands import rules as listing

    text = rules.page(listing.record(RULES["ostl"]), "ostl", judged["ostl"])
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Equations", "In libraries", "Theorems"]
    assert "| jax | f | [refuted](../../certificates/a.json) |" in text
    assert "time $n^{4}$ ($n^{2}$ without" in text


def test_a_verdict_on_the_page_of_a_rule_names_its_claim():
    matrix = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8")
    found = {row["class"]: row["verdict"] for row in rules.claims(matrix)["ostl"]}
    why = "it equals ostl with RECURRENT in the layers above, which is bptt (own: RECURRENT; above: RECURRENT)"
    assert found["nn.RNN (tanh)"].startswith(
        "[refuted](../../certificates/torch_rnn-gradients-ostl.json) as ostl on rnn: "
    )
    assert why in found["nn.RNN (tanh)"]
    named = {row["class"]: row["verdict"] for row in rules.claims(matrix)["bptt"]}
    assert named["nn.RNN (tanh)"].endswith(") as bptt on rnn")
    page = rules.page({"name": "ostl", "title": ""}, "", [{"verdict": found["nn.RNN (tanh)"]}])
    assert "`" not in page[page.index(rules.LIBRARIES) :]
    assert all(" as " in row["verdict"] for rows in rules.claims(matrix).values() for row in rows)


def test_how_a_claim_is_judged_is_said_in_whole_words():
    from gradcert.commands import rules as listing

    said = {name: rules.judged_by(listing.claims(kind)) for name, kind in KINDS.items()}
    assert "weights after the sequence, or the gradient of every update" in said["fptt"]
    assert said["otpe"].startswith("its gradient is compared with that of")
    assert "both with the same random numbers" in said["opzo"]
    assert "the mean of many draws" in said["uoro"] and "normalisers held fixed" in said["uoro"]
    text = rules.page(listing.algorithm(KINDS["fptt"]), "", [])
    assert "weights afterwards" not in text and "how a program that claims it is judged" in text


def test_every_lesson_that_rules_are_led_to_is_there():
    from gradcert.derivations.reading.lesson import names as lessons

    assert set(rules.CHAPTERS.values()) <= set(lessons())
    assert set(rules.CHAPTERS) <= {*RULES, *KINDS}


def test_pages_of_the_mathematics_have_no_block_left_as_text():
    for path in sorted((ROOT / "docs" / "mathematics").glob("[0-9]*.md")):
        assert "```" not in blocks.page(source.linked(path.read_text(encoding="utf-8"), path)).replace("``````", "")


def test_letters_that_no_equation_defines_are_explained():
    html = legend.legend("eps^t = lam eps^(t-1) + x^t (x) g^t      psi^t = 1")
    assert re.findall(r'<dt><span class="tex"[^>]*>([^<]*)', html) == ["x_{j}^{t}", r"\lambda"]
    assert "leak" in html
    assert set(legend.KEYS.values()) <= set(SYMBOLS)
    assert "target" in legend.legend("L^t = o^t - y*^t")
    page = docstrings.markdown("As in::\n\n    a^t = lam a^(t-1)\n\nAnd::\n\n    c^t = th\n", up="", explained=True)
    assert page.count('<dl class="where">') == 1


INDICES = {*"tijklsnT", "in"}


def first_block(page):
    """The lines of the first equations of a rule's docstring, or none."""
    parts = re.split(r"\n\s*\n", page.strip("\n"))
    return next((part for part in parts if part.startswith("    ")), "").splitlines()


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_every_letter_of_a_rules_equations_is_explained(name):
    kind = {**RULES, **KINDS}[name]
    lines = first_block(kind.page)
    own, text = MEANINGS[name], "\n".join(lines)
    found = {p.text for line in lines for p in pieces(line.strip()) if p.tex}
    named = {
        w for part in found for w in re.findall(r"(?<![A-Za-z_])[A-Za-z]+\d?", re.sub(r"\^\(?t\S*|_\w+", "", part))
    }
    explained = set(re.findall(r"[A-Za-z]+\d?", " ".join(own))) | {key.split("_")[0] for key in legend.KEYS}
    bare = {
        word if names.letter(word) else word.removeprefix("d") for word in named - explained
    }  # of what it is a differential
    assert bare - explained - names.FUNCTIONS - set(names.BIG) - INDICES == {word for word in bare if word == "sqrt"}
    html = legend.legend(text, own)
    assert html.count("<dt>") >= len(own)
    for sign in own:
        assert formula(sign) is not None, sign


def test_every_rule_with_equations_has_its_letters_listed():
    blocks_of = {name: "\n".join(first_block(kind.page)) for name, kind in {**RULES, **KINDS}.items()}
    assert {name for name, text in blocks_of.items() if blocks.equations(text)} == set(MEANINGS)


def test_the_mathematics_has_no_formula_left_as_it_was_typed():
    """Powers outside of code, and code that is a formula by its signs and cannot be set."""
    for path in sorted((ROOT / "docs" / "mathematics").glob("[0-9]*.md")):
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        prose = re.sub(r"`[^`]*`|</?a\b[^>]*>|\]\([^)]*\)", "", text)
        assert not re.search(r"\^|\(x\)|\b(?:gam|lam|kap|eps|th)\b|\bal \W?\d", prose), path.name
        left = [code for code in re.findall(r"`([^`\n]+)`", text) if "^" in code and formula(code) is None]
        assert left == [], path.name


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_letter_of_a_cells_equations_is_explained(name):
    kind = CELLS[name]
    text = cells.page(cell_records.record(kind), kind().nodes, "")
    equations = re.search(r"## Equations.*?(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)[0]
    listed = re.findall(r'<dt><span class="tex"[^>]*>(.*?)</span>', equations)
    shown = re.findall(r'<span class="[lr]"><span class="tex">([^<]*)', equations)
    bare = re.sub(r"\^\{[^}]*\}", "", " ".join([*shown, *listed]).replace(r"\,", " "))
    symbol = re.compile(r"(\\(?:operatorname|mathrm)\{\w+\}|\\[a-z]+|[A-Za-z])(?:_\{([^}]*)\})?")
    known = set(symbol.findall(re.sub(r"\^\{[^}]*\}", "", " ".join(listed))))
    assert known and set(symbol.findall(bare)) - known <= {(r"\operatorname{tanh}", "")}


def test_a_page_of_the_mathematics_lists_the_letters_that_it_uses_and_a_section_its_own():
    page = legend.in_page(
        "# 1. T\n\n$W\\,z^{t}$\n\n## 1.5 R\n\n$W_{g}$ and $z$\n\n## 1.9 N\n\n$q$\n", "01-neuron-models"
    )
    first, second, third = re.split(r"^## ", page, flags=re.MULTILINE)
    assert "weight from" in first and "membrane leak" not in first and "threshold" not in first
    assert "data-of=section" in second and "update gate of a GRU" in second
    assert "<dl" not in third
    assert legend.in_page("# 15. T\n\n$W$\n", "15-reported-results") == "# 15. T\n\n$W$\n"
    for name, sections in notation.MATHEMATICS.items():
        text = next((ROOT / "docs" / "mathematics").glob(f"{name}-*.md")).read_text(encoding="utf-8")
        assert all(f'<a id="{section}"></a>' in text for section in sections if section), name
        assert all(formula(sign) for section in sections.values() for sign in section), name


def test_an_index_of_a_rule_is_explained_unless_it_is_something_else_there():
    shared = {key: notation.INDICES[key] for key in "tj"}
    assert notation.of_rule("e-prop", {"i": "own."}, "sum_t e_ij^t") == {"i": "own.", **shared}
    assert "t" not in notation.of_rule("fptt", {}, "w_t")
