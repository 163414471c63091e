"""The site's text: its programs are certified, its links lead somewhere, its notebooks are notebooks."""

import inspect
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gradcert import cli
from gradcert.derivations.reading import figure_files
from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.lesson import names
from gradcert.derivations.reading.letters import COMMANDS
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.reference import CELLS, RULES, SURROGATES
from scripts.docs import cells, drawings, formulas, keywords, links, markdown, reference, rules, source, surrogates

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NODE = shutil.which("node") or shutil.which("nodejs")


def program(page: str, language: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def certify(folder: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "gradcert", "certify", "--profile", "quick", "--no-repair", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout


def test_the_page_of_schemas_says_how_a_seal_is_computed(tmp_path, monkeypatch):
    reference.schemas(tmp_path / "schemas")
    (page,) = tmp_path.glob("schemas*")
    text = page.read_text(encoding="utf-8")
    assert "RFC 8785" in text and "ECMAScript" in text
    monkeypatch.chdir(tmp_path)
    record = (DOCS / "certificates" / "torch_rnn-gradients-bptt.json").read_bytes()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    Path("certificate.json").write_text(json.dumps(json.loads(record), indent=2))  # in whatever layout
    exec(code, {})
    Path("certificate.json").write_bytes(record.replace(b'"seed":0', b'"seed":1', 1))
    with pytest.raises(AssertionError):
        exec(code, {})


LISTINGS = {  # of the page on languages: the file, how it is compiled, how it is run, a sign and its opposite
    "javascript": ("bptt.mjs", [], ["node", "bptt.mjs"], ("1 - z[t + 1][i] ** 2", "1 + z[t + 1][i] ** 2")),
    "rust": (
        "bptt.rs",
        ["rustc", "-O", "-D", "warnings", "-o", "bptt", "bptt.rs"],
        ["./bptt"],
        ("1.0 - z[t + 1][i]", "1.0 + z[t + 1][i]"),
    ),
    "julia": ("bptt.jl", [], ["julia", "bptt.jl"], (".* (1 .- z[t+1]", ".* (1 .+ z[t+1]")),
}


@pytest.mark.long
@pytest.mark.parametrize("language", LISTINGS)
def test_a_program_of_the_page_on_languages_is_certified_and_with_a_wrong_sign_refuted(language, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{Path.home() / '.cargo' / 'bin'}")
    file, compiled, command, (sign, other) = LISTINGS[language]
    if shutil.which((compiled or command)[0]) is None:
        pytest.skip(f"there is no {(compiled or command)[0]} on this machine: the program in {language} was not run")
    claim = ("--rule", "bptt", "--cells", "rnn", "--depths", "1", "--loss", "squared_error of every")
    text = program("howto/languages.md", language)
    assert text.count(sign) == 1
    for number, (written, expected) in enumerate(((text, 0), (text.replace(sign, other), 1))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / file).write_text(written, encoding="utf-8")
        if compiled:
            subprocess.run(compiled, cwd=folder, check=True)
        status, said = certify(folder, *claim, "--", *command)
        assert status == expected, said
        assert not expected or "1 + y^2" in said


def test_programs_of_the_page_on_languages_need_no_package():
    """What is written from the lines of JSON alone stands on the page in full, and is short."""
    for language in LISTINGS:
        text = program("howto/languages.md", language)
        assert text.count("\n") <= 120
        assert not re.search(r"serde|^using |^import (?!readline)", text, re.MULTILINE)
    reader = (ROOT / "vectors" / "readers" / "reader.jl").read_text(encoding="utf-8")
    parser = reader[reader.index("function blank") : reader.index("function outside")].rstrip()
    assert parser in program("howto/languages.md", "julia")


@pytest.mark.long
def test_the_first_page_is_certified_and_broken_as_it_says_refuted(tmp_path):
    text = program("start.md", "python")
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    assert certify(tmp_path, "mine.py:gradients")[0] == 0
    (tmp_path / "mine.py").write_text(text.replace("later = credit", "later = 0 * credit"), encoding="utf-8")
    status, said = certify(tmp_path, "mine.py:gradients")
    assert status == 1
    assert "without RECURRENT" in said


def test_every_link_between_pages_of_docs_leads_to_a_file():
    wrong = []
    for path in DOCS.rglob("*.md"):
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for words, target in source._LINK.findall(text):
            file = target.partition("#")[0]
            if "://" not in target and file and not (path.parent / file).exists():
                wrong.append(f"{path.relative_to(DOCS)}: [{words}]({target})")
    assert wrong == []


def test_links_of_a_page_become_those_of_the_site():
    page = DOCS / "start.md"
    text = "[a](recipes.md#x), [b](https://example.org), [c](../SECURITY.md), [d](matrix.md)\n```\n[e](recipes.md)\n```"
    assert source.linked(text, page) == (
        '<a href="recipes.html#x">a</a>, [b](https://example.org), c (`SECURITY.md`), <a href="matrix.html">d</a>\n'
        "```text\n[e](recipes.md)\n```"
    )
    assert source.linked("[f](../../examples/ottt.c)", DOCS / "howto" / "languages.md") == (
        '<a href="../files/examples/ottt.c">f</a>'
    )
    assert source.linked("[action.yml](../action.yml)", page) == '<a href="files/action.yml">action.yml</a>'
    assert source.linked("[SECURITY.md](../SECURITY.md)", page) == "`SECURITY.md`"  # once is enough
    assert source.linked("```python\nx\n```\n\n```\ny\n```", page) == "```python\nx\n```\n\n```text\ny\n```"


def test_the_action_goes_with_the_site_and_its_text_is_on_the_page(tmp_path):
    (page,) = [p for p in source.copied(tmp_path / "site", tmp_path / "extra") if p.name == "ci.md"]
    text = page.read_text(encoding="utf-8")
    for name in source.CARRIED:
        whole = (ROOT / name).read_text(encoding="utf-8")
        assert f'<a href="files/{name}">' in text and whole.rstrip() in text
        assert (tmp_path / "extra" / "files" / name).read_text(encoding="utf-8") == whole


def test_entries_of_tables_are_code_where_they_are_code():
    assert markdown.cell("in the upper layer's contraction") == "in the upper layer's contraction"
    assert markdown.cell("snnTorch reset_mechanism='zero'") == "`snnTorch reset_mechanism='zero'`"
    assert markdown.cell("the mode 'zero'") == "`the mode 'zero'`"
    assert markdown.cell({"scale": 4.0, "shift": 1}) == "scale = 4.0, shift = 1"


def test_entries_that_hold_a_sentence_are_marked():
    nodes = pytest.importorskip("docutils.nodes")
    short, long = (nodes.entry("", nodes.paragraph(text="a" * n)) for n in (formulas.SENTENCE, formulas.SENTENCE + 1))
    path, word = nodes.literal(text="a/b.py"), nodes.literal(text="a_b")
    formulas.entries(None, nodes.row("", short, long, nodes.entry("", nodes.paragraph("", "", path, word))), "page")
    assert (short["classes"], long["classes"], path["classes"], word["classes"]) == ([], ["sentence"], ["path"], [])


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
def test_results_of_the_search_show_no_source_of_formulas():
    program = (
        "globalThis.Scorer = {}; globalThis.Search = { htmlToText: (html) => html };"
        "globalThis.DOMParser = class { parseFromString(html) { const found = [{ textContent: 'x^t' }];"
        " return { querySelectorAll: (q) => (q === '.tex' ? found : []), documentElement: { get outerHTML() {"
        " return html.replace('x^t', found[0].textContent); } } }; } };"
        "require(process.argv[1]); console.log(Search.htmlToText('a x^t b', ''));"
    )
    file = str(ROOT / "scripts" / "docs" / "static" / "site.js")
    done = subprocess.run([NODE, "-e", program, file], capture_output=True, text=True, check=True)
    assert done.stdout == "a \u2026 b\n"


def searched(query: str, results: list[list], protocol: str = "http:") -> dict:
    """Return the pages in the order in which a reader sees them, which words were sought, whether texts are read."""
    program = (
        "const [query, results, protocol] = JSON.parse(require('fs').readFileSync(0)), sought = [];"
        "globalThis.location = { protocol }; globalThis.DOCUMENTATION_OPTIONS = { SHOW_SEARCH_SUMMARY: true };"
        "globalThis.Scorer = {}; globalThis.Search = { htmlToText: (html) => html, _parseQuery: (words) => [words],"
        " _performSearch: (words) => { sought.push(words); return results.filter((r) => r[7].includes(words))"
        ".map((r) => { const found = r.slice(0, 7); found[4] = Scorer.score(found); return found; }); } };"
        "require(process.argv[1]); const found = Search._performSearch(query).map((r) => r[0]).reverse();"
        "console.log(JSON.stringify({ found, sought, read: DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY }));"
    )
    file = str(ROOT / "scripts" / "docs" / "static" / "site.js")
    given = json.dumps([query, results, protocol])
    done = subprocess.run([NODE, "-e", program, file], input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def result(page: str, title: str, *words: str, score: int = 5, kind: str = "text") -> list:
    return [page, title, "", None, score, "", kind, words]


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
def test_the_search_has_what_is_read_before_what_is_looked_up():
    pages = [
        result("mutation", "Mutation", "detach", score=15),
        result("mathematics/14-traps", "14. Traps", "detach"),
        result("reference/api/x", "x.detach", "detach", score=26, kind="object"),
        result("derivations/eprop", "e-prop", "detach"),
        result("explanation/glossary", "Glossary", "detach"),
    ]
    found = searched("detach", pages)["found"]
    assert found[:2] == ["explanation/glossary", "derivations/eprop"] and found[-1] == "mutation"


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
def test_the_search_knows_other_words_for_the_same_and_letters_by_their_names():
    pages = [
        result("howto/lecture", "A lecture", "eprop"),
        result("derivations/eprop", "e-prop, line by line", "e-prop"),
        result("reference/rules/e-prop-random", "e-prop-random", "e-prop", score=15),
    ]
    assert searched("eprop", pages)["found"][0] == "derivations/eprop"
    page = [result("reference/surrogates", "Pseudo-derivatives", "pseudo-derivative")]
    assert searched("surrogate", page)["found"] == ["reference/surrogates"]
    letters = [result("derivations/rates", "Rates", "kappa"), result("reference/symbols", "Symbols", "kappa")]
    assert searched("κ", letters)["found"] == ["reference/symbols", "derivations/rates"]
    assert searched("K", [])["sought"] == ["k"]


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
def test_the_search_of_a_site_in_files_reads_no_other_page():
    assert searched("x", [])["read"] is True
    assert searched("x", [], protocol="file:")["read"] is False


def test_pages_are_found_by_words_that_stand_on_them_as_formulas():
    assert {"lambda", "eprop"} <= set(keywords.keywords("derivations/eprop").split(", "))
    assert {"psi", "kappa", "lambda"} <= set(keywords.keywords("reference/symbols").split(", "))
    assert "surrogate" in keywords.keywords("reference/surrogates")
    assert keywords.keywords("start") == ""


def test_a_page_with_formulas_says_once_what_it_is_without_scripts():
    said = {"body": '<h1>T</h1><span class="tex">x</span>'}
    formulas.noticed(None, "page", "", said, None)
    assert said["body"].startswith("<h1>T</h1><noscript>")
    before = said["body"]
    formulas.noticed(None, "page", "", said, None)
    assert said["body"] == before
    without = {"body": "<h1>T</h1>"}
    formulas.noticed(None, "page", "", without, None)
    assert without["body"] == "<h1>T</h1>"


def test_a_tutorial_is_a_notebook():
    nbformat = pytest.importorskip("nbformat")
    pages = [p for p in (DOCS / "tutorials").glob("*.md") if "{code-cell}" in p.read_text(encoding="utf-8")]
    assert len(pages) == 6
    for path in pages:
        found = source.notebook(path.read_text(encoding="utf-8"))
        nbformat.validate(nbformat.reads(json.dumps(found), as_version=4))
        kinds = [cell["cell_type"] for cell in found["cells"]]
        assert kinds[0] == "markdown"
        assert kinds.count("code") >= 3


def test_broken_links_and_what_is_loaded_from_elsewhere_are_seen(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html">b</a><a href="#here">x</a><p id="here"><a href="a.html#no">y</a>'
    )
    (tmp_path / "c.html").write_text(
        '<script src="https://example.org/x.js"></script><a href="https://example.org">z</a><p id="t"><p id="t">'
    )
    assert links.broken(tmp_path) == [
        "a.html links to a.html#no: no such place on that page",
        "a.html links to b.html, which is not there",
        "c.html has two places of the name #t",
        "c.html loads https://example.org/x.js",
    ]


def test_the_table_of_symbols_needs_no_macros():
    commands = {name for s in SYMBOLS.values() for name in re.findall(r"\\([A-Za-z]+)", s.tex)} | COMMANDS
    for s in SYMBOLS.values():
        for text in (s.sign, *re.findall(r"\$(.+?)\$", s.says)):
            left = set(re.findall(r"\\([A-Za-z]+)", expanded(text)))
            assert left <= commands, (text, left - commands)


@pytest.mark.long
def test_the_reference_has_a_page_for_everything_that_can_be_named(tmp_path):
    # click keeps a command's help option as it was first asked for, and other tests ask in their own ways
    program = "import sys, pathlib; from scripts.docs import reference; reference.commands(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, tmp_path / "commands"], cwd=ROOT, check=True, timeout=240)
    cells.cells(tmp_path / "cells")
    rules.rules(tmp_path / "rules", names())
    for what, page in ((surrogates.surrogates, "s"), (reference.losses, "l"), (reference.schemas, "c")):
        what(tmp_path / page)
    there = {path.parent.name: set() for path in tmp_path.rglob("*.md")}
    for path in tmp_path.rglob("*.md"):
        there[path.parent.name].add(path.stem)
    assert set(CELLS) <= there["cells"]
    assert {*RULES, "fptt", "otpe"} <= there["rules"]
    drawn = [text for name in CELLS if "<figure>" in (text := (tmp_path / "cells" / f"{name}.md").read_text("utf-8"))]
    assert len(drawn) >= 6
    assert all('id="symbols-data"' in text for text in drawn)  # without it the labels' macros are set in red
    assert set(cli.COMMANDS) <= there["commands"]
    assert all("-h, --help" in p.read_text(encoding="utf-8") for p in (tmp_path / "commands").glob("[!i]*.md"))
    text = (tmp_path / "s.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in text for name in SURROGATES)
    assert text.count("<svg") == len(SURROGATES)
    assert "squared_error" in (tmp_path / "l.md").read_text(encoding="utf-8")
    assert (tmp_path / "c.md").read_text(encoding="utf-8").count(".schema.json") >= 3


@pytest.mark.long
@pytest.mark.skipif(drawings.BROWSER is None, reason="needs a Chromium browser: make debian")
def test_figures_are_drawn_at_twice_their_size_with_their_letters(tmp_path):
    """A sheet with its labels has more in it than one without them."""
    paths = figure_files.write(tmp_path, {"snu": figure_files.drawings()["snu"]})
    bare = tmp_path / "bare.svg"
    bare.write_text(re.sub(r"<text.*?</text>", "", paths[0].read_text(encoding="utf-8")), encoding="utf-8")
    (png, other) = drawings.rasterised([*paths, bare])
    assert png == paths[0].with_suffix(".png")
    data = png.read_bytes()
    assert data.startswith(b"\x89PNG")
    sheet = re.search(r'width="(\d+)" height="(\d+)"', paths[0].read_text(encoding="utf-8"))
    assert struct.unpack(">II", data[16:24]) == (2 * int(sheet[1]), 2 * int(sheet[2]))
    assert len(data) > 1.2 * other.stat().st_size
    assert drawings.rasterised(paths, browser=None) == []


def test_the_glossary_has_the_words_of_reports():
    text = (DOCS / "explanation" / "glossary.md").read_text(encoding="utf-8")
    _, *entries = text.rstrip().split("\n\n")
    heads = [entry.partition("\n: ")[0] for entry in entries]
    assert heads == sorted(heads, key=str.lower)
    assert all(entry.partition("\n: ")[2] for entry in entries)
    words = {word for head in heads for word in head.split(", ")}
    assert words >= set(
        "BPTT RTRL acceptance adaptation budget campaign case cause certificate certified claim control detach edge "
        "eligibility inconclusive profile reach refuted residual rule seal subject trace".split()
    ) | {"eligibility trace", "learning signal", "pseudo-derivative"}


def test_every_page_is_in_the_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8").splitlines()
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.glob("*.md")} - {"index"}
    assert pages <= set(index)
    for folder in ("tutorials", "howto", "explanation"):
        listed = (DOCS / folder / "index.md").read_text(encoding="utf-8").splitlines()
        assert {path.stem for path in (DOCS / folder).glob("*.md")} - {"index"} <= set(listed)


def test_a_field_keeps_its_first_line_first():
    """Napoleon would take what stands behind the colon for a type, and put it after the rest of the sentence."""
    napoleon = pytest.importorskip("sphinx.ext.napoleon")
    text = """Say.

    Parameters
    ----------
    rule : a row of the rule table, such as ``ostl``,
        or an algorithm.
    a, b : numbers.

    Raises
    ------
    GradcertError : if there is none.
    """
    lines = inspect.cleandoc(text).splitlines()
    formulas.fields(None, "class", "", None, None, lines)
    config = napoleon.Config(napoleon_google_docstring=False, napoleon_use_param=False)
    shown = str(napoleon.NumpyDocstring("\n".join(lines), config))
    flat = " ".join(shown.split())
    assert "a row of the rule table, such as ``ostl``, or an algorithm." in flat
    assert "numbers." in flat and "if there is none." in flat and ":type" not in flat
