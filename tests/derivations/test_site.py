"""The pages in a real browser: every formula has a size, no console message, no broken link, no page above 400 px."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gradcert.derivations.chapters import CHAPTERS
from gradcert.derivations.reading.citations import citations, link
from gradcert.derivations.reading.site import write_site
from scripts.docs.drawings import BROWSER

# Loads every page into a frame of 400 px, opens what is folded, and writes what it finds into its own title.
PROBE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
const pages = %s, found = {};
async function look(page) {
  const frame = document.createElement('iframe');
  frame.width = 400; frame.height = 900;
  document.body.append(frame);
  await new Promise(done => { frame.onload = done; frame.src = page; });
  const d = frame.contentDocument;
  d.querySelectorAll('details').forEach(e => { e.open = true; });
  await new Promise(done => setTimeout(done, 50));  // what was folded is set when it opens
  const set = [...d.querySelectorAll('.tex .katex-html')].filter(m => !m.closest('[hidden]'));
  const flat = set.filter(m => { const box = m.getBoundingClientRect(); return box.width < 3 || box.height < 5; });
  found[page] = { math: set.length, flat: flat.length,
    unset: d.querySelectorAll('.tex:not(.set)').length,
    identities: d.querySelectorAll('.identity').length,
    wide: [...d.querySelectorAll('.identity')].filter(e => e.scrollWidth > e.clientWidth + 1).length,
    error: d.querySelectorAll('.katex-error').length, width: d.documentElement.scrollWidth };
  frame.remove();
}
(async () => { for (const p of pages) await look(p);
  document.body.textContent = 'FOUND' + JSON.stringify(found) + 'END'; })();
</script></body>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, {})
    return folder


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a" and "href" in given:
            self.targets.append(given["href"])
        if given.get("id"):
            self.anchors.add(given["id"])
        if tag in ("img", "script", "link", "iframe") and (given.get("src") or given.get("href")):
            # what a page needs lies beside it
            self.loaded.append(given.get("src") or given["href"])


def parsed(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def broken(folder: Path) -> list[str]:
    pages = {path: parsed(path) for path in folder.rglob("*.html")}
    wrong = []
    for path, links in pages.items():
        for target in links.targets:
            file, _, anchor = target.partition("#")
            to = (path.parent / file).resolve() if file else path
            there = to in pages or (to.suffix == ".svg" and to.is_file())
            if not there or (anchor and anchor not in pages[to].anchors):
                wrong.append(f"{path.name}: {target}")
    return wrong


@pytest.mark.long
def test_every_derivation_has_a_page_that_loads_only_what_lies_beside_it(site):
    assert {path.stem for path in site.glob("*.html")} == {*CHAPTERS, "index"}
    for path in site.rglob("*.html"):
        loaded = parsed(path).loaded
        assert loaded.count("data:,") == 1
        assert all((path.parent / name).is_file() for name in loaded if name != "data:,"), path
    css = "".join(path.read_text(encoding="utf-8") for path in site.glob("assets/*.css"))
    fonts = re.findall(r"url\(([^)]*)\)", css)
    assert len(fonts) > 10
    assert all((site / "assets" / name).is_file() for name in fonts)


@pytest.mark.long
def test_no_link_is_broken(site):
    assert broken(site) == []


@pytest.mark.long
def test_every_citation_is_a_link_to_a_page_of_the_site(site):
    for path in (*site.glob("*.html"), *site.glob("code/*.html")):
        page, up = path.read_text(encoding="utf-8"), "../" * (path.parent != site)
        assert link(page, up) == page, path.name
    chapter = (site / "ottt.html").read_text(encoding="utf-8")
    assert '<a href="docs/mathematics/07-ottt-sltt.html#7.1">mathematics.md 7.1</a>' in chapter
    assert '<a href="docs/mathematics/14-traps.html#T13">T13</a>' in chapter
    assert len(list(citations(chapter))) > 20


def test_a_broken_link_is_seen(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#c">c</a><a href="a.html">a</a>')
    assert broken(tmp_path) == ["a.html: b.html", "a.html: #c"]


def browse(folder: Path, pages: list[str]) -> tuple[dict[str, dict[str, int]], list[str]]:
    probe = folder / "probe-400.htm"
    probe.write_text(PROBE % json.dumps(pages), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=60000", "--dump-dom", probe.as_uri()]
    profile = folder / "profile"
    done = subprocess.run(
        [*command[:1], f"--user-data-dir={profile}", *command[1:]],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    match = re.search(r"FOUND(.*)END", done.stdout)
    assert match is not None, done.stderr[-2000:]
    return json.loads(match[1]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_every_formula_renders_at_400_pixels_without_console_messages(site):
    pages = [f"{name}.html" for name in ("index", *CHAPTERS)]
    pages += [path.relative_to(site).as_posix() for path in sorted(site.glob("docs/**/*.html"))]
    found, console = browse(site, pages)
    assert console == []
    assert set(found) == set(pages)
    assert all(found[f"{name}.html"]["math"] > 0 for name in CHAPTERS)
    for page, seen in found.items():
        assert (seen["flat"], seen["unset"], seen["error"]) == (0, 0, 0), page
        assert seen["width"] <= 400, page
    # a proof's identity ends its lines where sums allow it; what is one fraction scrolls in its box
    wide, of = (sum(seen[key] for seen in found.values()) for key in ("wide", "identities"))
    assert of > 200 and wide <= of // 20


@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser: make debian")
def test_the_browser_check_sees_faults(tmp_path):
    bad = '<!doctype html><body><p class="tex">x</p><div style="width:600px">x</div>'
    (tmp_path / "bad.html").write_text(f"{bad}<script>console.error('no')</script></body>")
    found, console = browse(tmp_path, ["bad.html"])
    assert found["bad.html"]["unset"] == 1
    assert found["bad.html"]["width"] > 400
    assert len(console) == 1
