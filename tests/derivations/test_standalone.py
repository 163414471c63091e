"""Drawings as files: no class, no foreign object, no variable; every letter of a formula; all of it on the sheet."""

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradcert.derivations.reading import site
from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.figure_files import drawings, links, write
from gradcert.derivations.reading.standalone import SANS, SERIF, standalone
from gradcert.derivations.reading.typesetting import typeset
from gradcert.reference.errors import GradcertError
from scripts.docs import cells, surrogates
from scripts.docs.drawings import BROWSER

SVG = "{http://www.w3.org/2000/svg}"
LETTERS = {"lambda": "λ", "theta": "θ", "psi": "ψ", "alpha": "α", "beta": "β", "rho": "ρ", "delta": "δ", "Lambda": "Λ"}


@pytest.fixture(scope="module")
def every(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    neurons = {f"cell {k}": v for k, v in cells.cells(folder / "cells").items()}
    return drawings() | neurons | {f"psi {k}": v for k, v in surrogates.surrogates(folder / "s").items()}


def test_a_file_needs_no_page(every):
    assert len(every) > 40
    for name, svg in every.items():
        text = standalone(svg)
        root = ElementTree.fromstring(text.encode())
        assert not re.search(r"foreignObject|class=|var\(|<a |href=|<style", text), name
        assert {node.tag.startswith(SVG) for node in root.iter()} == {True}, name
        assert root.find(f"{SVG}title").text and "Apache-2.0" in root.find(f"{SVG}desc").text
        assert root.find(f"{SVG}rect").attrib["fill"] == "#ffffff"
        for node in root.iter(f"{SVG}text"):
            assert node.attrib["font-family"] in (SERIF, SANS) and float(node.attrib["font-size"]) > 4, (
                name,
                node.attrib,
            )
            assert node.attrib["fill"].startswith("#"), (name, node.attrib)
        marks = set(re.findall(r'url\(#([^)]*)\)"', text))
        assert marks <= set(re.findall(r'<marker id="([^"]*)"', text)), name


def test_styles_are_those_of_the_page():
    text = standalone('<svg viewBox="0 0 9 9" aria-label="x"><path d="M0,0" class="edge reset"/></svg>')
    path = ElementTree.fromstring(text.encode()).find(f"{SVG}path").attrib
    assert (path["fill"], path["stroke"], path["stroke-dasharray"]) == ("none", "#bd4206", "8 4")
    assert path["stroke-width"] == "2.4"  # of the edge of this kind, not of any edge


def test_every_letter_of_a_label_is_in_the_file(every):
    for name, svg in every.items():
        written = "".join(
            node.text or "" for node in ElementTree.fromstring(standalone(svg).encode()).iter(f"{SVG}text")
        )
        for formula in re.findall(r'class="tex"[^>]*>(.*?)</span>', svg):
            plain = re.sub(r"\\(left|right|frac|mathit|scriptstyle|[,;])", "", expanded(unescape(formula)))
            for token in re.findall(r"\\([A-Za-z]+)|([A-Za-z0-9])", plain):
                letter = LETTERS.get(token[0], "") or token[1]
                assert letter in written, (name, formula, letter)


def test_a_formula_is_set_as_a_reader_expects():
    places = {g.letter: (g.x, g.y, g.size) for g in typeset(r"\v{i}{t}", 10).glyphs}
    assert places["t"][0] == places["i"][0] > places["v"][0]  # above each other, behind the letter
    assert places["t"][1] < 0 < places["i"][1]
    assert places["t"][2] == places["i"][2] == 7
    power = {g.letter: (g.x, g.y) for g in typeset(r"\lamp^2", 10).glyphs}
    assert power["2"][0] > power["p"][0] and power["2"][1] < 0  # of the whole, not of the letter
    assert [g.letter for g in typeset(r"\frac{1}{\thr}", 10).glyphs if not g.rule] == ["1", "θ"]
    assert typeset(r"1-\lam", 10).width > typeset(r"-\lam", 10).width + 5 + 2  # a sign between two has room
    with pytest.raises(GradcertError, match="heartsuit"):
        typeset(r"\heartsuit", 10)


def test_a_page_links_to_the_files_of_its_figures(tmp_path):
    assert 'href="figures/snu.svg" download>SVG' in links("snu", png=False)
    assert "png" not in links("snu", png=False) and 'href="figures/snu.png"' in links("snu", png=True)
    paths = write(tmp_path, {"snu": drawings()["snu"]})
    assert paths == [tmp_path / "figures" / "snu.svg"] and paths[0].is_file()
    html = site.index({}, pngs=True)
    assert 'href="figures/dependencies.png"' in html


# Loads every file and says how far what it draws sticks out of its sheet.
PROBE = """<!doctype html><meta charset="utf-8"><body><script>
const all = %s, found = {};
for (const [name, svg] of Object.entries(all)) {
  const box = document.createElement('div');
  box.innerHTML = svg.replace(/^<[?].*?[?]>/, '');
  document.body.append(box);
  const root = box.querySelector('svg'), view = root.viewBox.baseVal;
  const out = [...root.querySelectorAll(':scope > :not(defs, title, desc)')].map(e => { const b = e.getBBox();
    return Math.max(view.x - b.x, view.y - b.y, b.x + b.width - view.x - view.width,
      b.y + b.height - view.y - view.height); });
  found[name] = Math.max(...out);
  box.remove();
}
document.body.textContent = 'FOUND' + JSON.stringify(found) + 'END';
</script></body>"""


def sticks_out(folder: Path, texts: dict[str, str]) -> dict[str, float]:
    probe = folder / "probe.htm"
    probe.write_text(PROBE % json.dumps(texts).replace("</", "<\\/"), encoding="utf-8")
    command = [BROWSER, f"--user-data-dir={folder / 'profile'}", "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--virtual-time-budget=60000", "--dump-dom", probe.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(re.search(r"FOUND(.*)END", done.stdout)[1])


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_all_of_a_drawing_is_on_its_sheet(every, tmp_path):
    found = sticks_out(tmp_path, {name: standalone(svg) for name, svg in every.items()})
    assert set(found) == set(every)
    assert {name: by for name, by in found.items() if by > 0} == {}
    wide = standalone(every["snu"]).replace("<title>", '<text x="505" y="9">far out</text><title>')
    assert sticks_out(tmp_path, {"wide": wide})["wide"] > 10
