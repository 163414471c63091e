"""Formulas copied from a page in a browser: by their buttons, with and without a clipboard, and by selecting them."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from gradcert.derivations.reading import site
from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.lesson import lesson
from scripts.docs.drawings import BROWSER

POINTER = "--blink-settings=primaryHoverType={0},availableHoverTypes={0}"  # 1: none, a touch screen; 2: a mouse

PROBE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
(async () => {
  const frame = document.createElement('iframe'), found = {};
  frame.width = 1000; frame.height = 900;
  document.body.append(frame);
  await new Promise(done => { frame.onload = done; frame.src = 'ostl.html'; });
  const w = frame.contentWindow, d = frame.contentDocument, wait = (ms) => new Promise(done => setTimeout(done, ms));
  const seen = (e) => [...e.getClientRects()].find(r => r.width);
  found.covered = [...d.querySelectorAll('.katex-html [data-s]')].filter(seen).filter(e => {
    e.scrollIntoView({ block: 'center', behavior: 'instant' });
    const r = seen(e);
    return d.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)?.closest('[data-s]') !== e;
  }).map(e => e.textContent);
  const buttons = [...d.querySelectorAll('button.take')];
  found.buttons = buttons.length;
  found.displays = d.querySelectorAll('.eq .tex.display').length;
  found.labels = buttons.map(b => b.getAttribute('aria-label'));
  found.reached = buttons.filter(b => b.tabIndex === 0 && b.type === 'button').length;
  const opacity = (b) => w.getComputedStyle(b).opacity;
  buttons.forEach(b => { b.style.transition = 'none'; });
  found.hidden = [...new Set(buttons.map(opacity))];
  buttons[3].focus({ focusVisible: true });
  found.focus = opacity(buttons[3]);
  let put = [], field = [];
  const clipboard = (value) => Object.defineProperty(w.navigator, 'clipboard', { configurable: true, value });
  clipboard({ writeText: async t => { put.push(t); } });
  for (const b of buttons) { b.click(); await wait(0); }
  found.says = [buttons[0].textContent, d.querySelector('[role=status]').textContent];
  d.querySelector('button.copy').click(); await wait(0);
  found.put = put;
  clipboard(undefined);
  d.execCommand = () => { field.push(d.activeElement.value); return true; };
  buttons[0].click(); await wait(0);
  found.field = field;
  found.left = d.querySelectorAll('textarea').length;
  const copied = (from, a, to, b) => {
    const range = d.createRange();
    range.setStart(from, a); range.setEnd(to, b);
    w.getSelection().removeAllRanges(); w.getSelection().addRange(range);
    const given = { clipboardData: new w.DataTransfer(), bubbles: true, cancelable: true };
    const event = new w.ClipboardEvent('copy', given);
    d.body.dispatchEvent(event);
    return event.defaultPrevented ? event.clipboardData.getData('text/plain') : null;
  };
  const part = [...d.querySelectorAll('p')].find(p => p.textContent.startsWith('The factor'));
  const after = part.nextElementSibling.querySelector('.tex');
  const letter = (el) => [...el.querySelectorAll('.katex-html .mord')].find(e => !e.children.length).firstChild;
  found.inline = copied(letter(part.querySelector('.tex')), 0, letter(part.querySelector('.tex')), 1);
  found.paragraph = copied(part.firstChild, 0, letter(after), 1);
  found.words = copied(part.firstChild, 0, part.firstChild, 4);
  found.aside = d.querySelectorAll('body > .aside').length;
  document.body.textContent = 'FOUND' + JSON.stringify(found) + 'END';
})();
</script></body>"""


def browse(folder: Path, *flags: str) -> dict:
    (folder / "probe.htm").write_text(PROBE, encoding="utf-8")
    command = [BROWSER, f"--user-data-dir={folder / 'profile'}", "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=60000", "--dump-dom", *flags]
    done = subprocess.run(
        [*command, (folder / "probe.htm").as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    match = re.search(r"FOUND(.*)END", done.stdout, re.DOTALL)
    assert match is not None, done.stderr[-2000:]
    return json.loads(unescape(match[1]))


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_formulas_are_copied_as_latex(tmp_path):
    shutil.copytree(site.ASSETS, tmp_path / "assets")
    site.write_chapter(tmp_path, "ostl", {}, {})
    found = browse(tmp_path, POINTER.format(2))
    alone = [expanded(f.strip()) for f in re.findall(r"\$\$(.+?)\$\$", " ".join(lesson("ostl").texts()), re.DOTALL)]
    assert found["buttons"] == found["displays"] == found["reached"] == len(alone)
    assert found["covered"] == []  # a symbol says what it is wherever it is touched
    assert found["labels"][:2] == ["Copy formula 1 as LaTeX", "Copy formula 2 as LaTeX"]
    assert "Copy this formula as LaTeX" not in found["labels"]  # every one has a number
    assert (found["hidden"], found["focus"]) == (["0"], "1")
    assert found["says"] == ["copied", "copied"]
    assert found["put"][:-1] == [f"\\[\n{tex}\n\\]" for tex in alone]
    assert "import" in found["put"][-1]  # the button of the Python to paste, which is the same script's
    assert (found["field"], found["left"]) == ([found["put"][0]], 0)
    assert found["inline"] == "$1-z_{i}^{t-1}$"
    assert found["paragraph"].startswith("The factor $1-z_{i}^{t-1}$ is the reset: a unit that has just fired, $z_")
    assert found["paragraph"].rstrip().endswith(f"\\[\n{alone[1]}\n\\]")
    assert found["words"] is None  # what has no formula in it is the browser's to copy
    assert found["aside"] == 1


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_where_there_is_no_pointer_the_buttons_are_there(tmp_path):
    shutil.copytree(site.ASSETS, tmp_path / "assets")
    site.write_chapter(tmp_path, "ostl", {}, {})
    found = browse(tmp_path, POINTER.format(1))
    assert [float(opacity) > 0.5 for opacity in found["hidden"]] == [True]


def test_a_button_shows_under_the_pointer():
    css = (site.ASSETS / "chapter.css").read_text(encoding="utf-8")
    assert re.search(r"\.eq:hover>button\.take[^{}]*\{opacity:1\}", css)
