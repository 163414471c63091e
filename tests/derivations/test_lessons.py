"""The chapters as students read them: letters, formulas, questions; and in a browser every control of the example."""

import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import gradcert.derivations.reading
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.proving.record import Example
from gradcert.derivations.reading import site
from gradcert.derivations.reading.lesson import lesson, names, parsed
from gradcert.derivations.reading.letters import problems
from gradcert.derivations.reading.pictures import PICTURES, picture
from gradcert.derivations.reading.symbols import SYMBOLS, macros
from scripts.docs.drawings import BROWSER

ASSETS = Path(gradcert.derivations.reading.__file__).parent / "assets"
NODE = shutil.which("node") or shutil.which("nodejs")
NOTHING = Example("", (), ())
QUESTIONS = tomllib.loads((Path(__file__).parent / "questions.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", names())
def test_every_letter_is_in_the_table_and_defined_before_it_is_used(name):
    assert problems(lesson(name)) == []


def test_letters_that_are_missing_late_or_double_are_seen():
    text = "# T\n\n## S {#s}\n\n$\\v{}{}+q$ and $\\foo$\n\nmore\n\n:::where x\n:::\n\n$\\x{}{}$\n\n:::where v\n:::\n"
    found = problems(parsed("planted", text))
    assert any("\\foo is no symbol" in sentence for sentence in found)
    assert any(sentence.startswith("v is used before it is defined") for sentence in found)
    assert any(sentence.startswith("q is used before it is defined") for sentence in found)
    assert problems(parsed("planted", "# T\n\n## S {#s}\n\n$q$\n")) == ["q is used and never defined"]
    both = parsed("planted", "# T\n\n## S {#s}\n\n{=ep ea}$\\ep{}{}\\ea{}{}$\n")
    assert problems(both) == ["ea and ep are both written \\varepsilon"]


def typeset(formulas):
    """Return what KaTeX says against each formula, with the macros of the table."""
    program = (
        f"const katex = require({json.dumps(str(ASSETS / 'katex.min.js'))});"
        "const [macros, all] = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(all.map((f) => { try { katex.renderToString(f, { displayMode: true,"
        "strict: 'ignore', macros: { ...macros }, trust: true, throwOnError: true }); return ''; }"
        "catch (e) { return f + e.message; } })))"
    )
    given = json.dumps([macros(), formulas])
    done = subprocess.run([NODE, "-e", program], input=given, capture_output=True, text=True, check=True)
    return [sentence for sentence in json.loads(done.stdout) if sentence]


@pytest.mark.skipif(NODE is None, reason="needs Node.js: make debian")
def test_every_formula_of_the_lessons_and_of_the_symbol_table_can_be_set():
    formulas = [f for name in names() for f in lesson(name).formulas()]
    formulas += [part for s in SYMBOLS.values() for part in (s.sign, *re.findall(r"\$(.+?)\$", s.says))]
    assert len(formulas) > 400
    assert typeset(formulas) == []
    assert len(typeset([r"\frac{1}", r"\nosuch{}"])) == 2


@pytest.fixture(scope="module")
def contents():
    with pytest.MonkeyPatch.context() as patch:  # the identities are not what is read here
        patch.setattr(site, "_steps", lambda *_: "")
        patch.setattr(site, "chapter", lambda name: replace(chapter(name), example=lambda: NOTHING))  # it takes seconds
        return {name: site.content(name, {}, {}) for name in names()}


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))


def test_every_page_says_what_is_missing_without_a_script(contents):
    """Its tables are filled by one, and a formula is text for it."""
    for found in contents.values():
        assert "<noscript>" in found.lead and "have no numbers" in plain(found.lead)


def test_a_page_answers_its_ten_questions(contents):
    assert set(QUESTIONS) == set(names())
    for name, asked in QUESTIONS.items():
        assert len(asked) == 10
        sections = {anchor: plain(html) for anchor, _, html in contents[name].sections}
        for question in asked:
            for words in question["says"]:
                assert words in sections[question["at"]], (name, question["ask"])


def test_every_page_ends_with_the_machines_part_and_its_exercises_have_answers(contents):
    for found in contents.values():
        anchors = [anchor for anchor, _, _ in found.sections]
        assert anchors[-1] == "machine"
        assert {"question", "algorithm", "example", "mistakes", "exercises"} <= set(anchors)
        exercises = dict((a, h) for a, _, h in found.sections)["exercises"]
        assert exercises.count('class="exercise"') == exercises.count("<summary>Answer") >= 3


@pytest.mark.parametrize("name", names())
def test_every_line_of_a_derivation_says_what_it_rests_on(name):
    blocks = [b.body for section in lesson(name).sections for b in section.blocks if b.kind == "lines"]
    assert blocks
    for body in blocks:
        for item in re.split(r"\n\s*\n(?=\$\$)", body.strip()):
            assert re.search(r"\[\[[\w.-]+\]\]\s*$", item), item
            assert item.startswith("$$"), item


def test_a_formula_in_a_heading_is_one_in_the_list_of_sections(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "_steps", lambda *_: "")
    html = site.write_chapter(tmp_path, "fptt", {}, {}).read_text(encoding="utf-8")
    sections = re.search(r'<nav class="toc".*?</nav>', html, re.DOTALL)[0]
    assert '<span class="tex"' in sections and "&lt;" not in sections


@pytest.mark.parametrize("name", names())
def test_a_chapter_that_is_named_is_a_link_and_no_file_of_the_tests_is_named(name):
    text = re.sub(r"```.*?```", "", "\n".join([lesson(name).lead, *lesson(name).texts()]), flags=re.DOTALL)
    titles = "|".join(
        ("OSTL", "OSTTP", "OTTT", "e-prop", "FPTT", "complexity", "depth", "bounds", r"BPTT\s+and\s+RTRL")
    )
    linked = re.sub(r"\[[^\]]*\]\(([\w-]+)\.html(?:#[\w-]+)?\)", lambda m: m[0] if m[1] not in CHAPTERS else "", text)
    assert not re.search(rf"chapters?\s+on\s+(?:{titles})\b", linked)
    assert set(re.findall(r"\]\(([^):#]+)\.html", text)) <= set(CHAPTERS)
    assert "tests/" not in text


def test_no_credit_stands_in_an_array_where_its_macro_ends_a_row():
    """KaTeX takes ``\\cr`` for the end of a row there."""
    for name in names():
        for formula in lesson(name).formulas():
            arrays = re.findall(r"\\begin\{(?:aligned|cases|pmatrix)\}.*?\\end", formula, re.DOTALL)
            assert not any(r"\cr{" in array for array in arrays), (name, formula)


def test_a_table_of_two_notations_is_set_as_words_and_one_of_numbers_is_not(contents):
    for name in ("ostl", "eprop", "ottt", "fptt"):
        tables = re.findall(
            r'<div class="(tablewrap[^"]*)"><table>(.*?)</table>',
            " ".join(h for *_, h in contents[name].sections),
            re.DOTALL,
        )
        assert [kind for kind, html in tables if "<th>here</th>" in html] == ["tablewrap prose"]
        assert "tablewrap" in [kind for kind, _ in tables]


def test_letters_before_a_punctuation_mark_stay_on_their_line():
    """A box of its own that may scroll has no base line: letters in it hung too high or too low."""
    css = (ASSETS / "chapter.css").read_text(encoding="utf-8")
    rules = re.findall(r"\.keep\{([^}]*)\}", css)
    assert rules and not [rule for rule in rules if "overflow" in rule or "inline-block" in rule]


def test_a_chapter_has_one_lesson_or_its_own_words():
    assert set(names()) <= set(CHAPTERS)


def test_pictures_have_a_title_and_arrows():
    for name in PICTURES:
        svg = picture(name)
        assert 'role="img" aria-label="' in svg
        assert "marker-end" in svg


# Loads every page at 420 and 1300 pixels; formulas that stick out, labels that meet, controls moved to their ends.
PROBE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
const pages = %s, found = {};
const boxes = (svg) => [...svg.querySelectorAll('div.label, text.caps')].map(e => {
  const all = (e.matches('text') ? [e] : [...e.querySelectorAll('.caps, .katex-html')]).map(x => {
    const range = e.ownerDocument.createRange(); range.selectNodeContents(x); return range.getBoundingClientRect(); });
  const side = (f, name) => Math[f](...all.map(r => r[name]));
  return { left: side('min', 'left'), right: side('max', 'right'),
    top: side('min', 'top'), bottom: side('max', 'bottom') }; });
const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
async function look(page, width) {
  const frame = document.createElement('iframe');
  frame.width = width; frame.height = 900;
  document.body.append(frame);
  await new Promise(done => { frame.onload = done; frame.src = page; });
  await frame.contentWindow.document.fonts.ready;
  const d = frame.contentDocument, seen = { meeting: [], wide: [], unset: 0, moved: 0, stuck: 0 };
  d.querySelectorAll('svg.drawing').forEach((svg, n) => { const all = boxes(svg);
    all.forEach((a, i) => all.slice(i + 1).forEach((b, j) => {
      if (meet(a, b)) seen.meeting.push([n, i, i + 1 + j]); })); });
  d.querySelectorAll('.eq > .tex').forEach(e => { if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
    seen.wide.push(e.dataset.set); });
  seen.unset = [...d.querySelectorAll('.tex')].filter(e => !e.dataset.set && !e.closest('details:not([open])')).length;
  seen.wrong = d.querySelectorAll('.katex-error').length;
  // a line ends between no open bracket and its end; arrow keys explain the symbols of a formula that has the focus
  const whole = '.minner, .mfrac, .sqrt, .vlist-t, .mtable', sign = '.mopen, .mclose';
  const depth = (e) => [...e.querySelectorAll(sign)].filter(s => !s.closest(whole) && !s.parentElement.closest(sign))
    .reduce((n, s) => n + (s.matches('.mopen') ? 1 : -1), 0);
  seen.split = [...d.querySelectorAll('.tex.display .katex-html')]
    .filter(e => [...e.children].some(c => depth(c) !== 0)).map(e => e.closest('.tex').dataset.set);
  const first = d.querySelector('.tex.display[tabindex="0"]');
  const tip = d.getElementById('tip');
  const press = (key) => {
    first.dispatchEvent(new frame.contentWindow.KeyboardEvent('keydown', { key, bubbles: true }));
    return tip.classList.contains('show') ? tip.textContent : ''; };
  first.focus();
  seen.keys = ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'Escape'].map(press);
  seen.page = d.documentElement.scrollWidth;
  const shown = () => [...d.querySelectorAll('[data-k]')].map(e => e.textContent).join('|');
  const form = d.querySelector('.lab form');
  if (form) {
    if (/–|NaN|undefined/.test(shown())) seen.stuck += 100;
    for (const c of form.elements) {
      const before = shown();
      if (c.type === 'range') c.value = c.value === c.max ? c.min : c.max;
      else if (c.type === 'checkbox') c.checked = true;
      else if (c.tagName === 'SELECT') c.selectedIndex = c.options.length - 1; else continue;
      c.dispatchEvent(new frame.contentWindow.Event('input', { bubbles: true }));
      if (shown() !== before) seen.moved += 1; else seen.stuck += 1;
      const says = [...d.querySelectorAll('.say')].filter(e => !e.hidden).map(e => e.dataset.when);
      if (c.name === 'form') seen.says = says;
      form.querySelector('button').click();
    }
  }
  found[page + ' ' + width] = seen;
  frame.remove();
}
(async () => { for (const p of pages) for (const w of [420, 1300]) await look(p, w);
  document.body.textContent = 'FOUND' + JSON.stringify(found) + 'END'; })();
</script></body>"""


def browse(folder: Path, pages: list[str]) -> tuple[dict, list[str]]:
    probe = folder / "probe.htm"
    probe.write_text(PROBE % json.dumps(pages), encoding="utf-8")
    command = [BROWSER, f"--user-data-dir={folder / 'profile'}", "--headless", "--no-sandbox", "--disable-gpu"]
    command += [
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        "--virtual-time-budget=60000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, probe.as_uri()], capture_output=True, text=True, check=True, timeout=240)
    match = re.search(r"FOUND(.*)END", done.stdout)
    assert match is not None, done.stderr[-2000:]
    return json.loads(match[1]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_pages_in_a_browser(tmp_path):
    shutil.copytree(ASSETS, tmp_path / "assets")
    pages = [site.write_chapter(tmp_path, name, {}, {}).name for name in names()]
    found, console = browse(tmp_path, pages)
    assert console == []
    assert len(found) == 2 * len(pages)
    for page, seen in found.items():
        assert (seen["meeting"], seen["wide"], seen["unset"], seen["wrong"]) == ([], [], 0, 0), page
        assert seen["page"] <= int(page.split()[1]), page
        assert seen["split"] == [], page
        first, second, third, again, closed = seen["keys"]
        assert "" not in (first, second, third) and len({first, second, third}) > 1, page
        assert (again, closed) == (second, ""), page
        assert seen["stuck"] <= 1, page  # a control may change nothing where the example begins
        assert seen["moved"] >= 4, page
    # the last choice of form is the paper's: there the linear term is the gradient, stationary point or not
    assert [found[f"fptt.html {width}"]["says"] for width in (420, 1300)] == [["paper"], ["paper"]]


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_the_browser_check_sees_labels_that_meet_and_formulas_that_stick_out(tmp_path):
    shutil.copytree(ASSETS, tmp_path / "assets")
    path = site.write_chapter(tmp_path, "ostl", {}, {})
    html = path.read_text(encoding="utf-8")
    twice = re.search(r"<foreignObject.*?</foreignObject>", html, re.DOTALL)[0]
    html = html.replace(twice, twice + twice, 1).replace("\\h\\bigl(", "\\h\\bigl(\\text{" + "x" * 90 + "}", 1)
    path.write_text(html, encoding="utf-8")
    found, _ = browse(tmp_path, ["ostl.html"])
    assert found["ostl.html 420"]["meeting"]
    assert found["ostl.html 420"]["wide"]
