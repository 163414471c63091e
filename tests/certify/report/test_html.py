"""The HTML report: what it holds, and that a browser has nothing to complain about."""

import os
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.certificates.certificate import Finding
from gradcert.certify.report import html
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
from scripts.docs.drawings import BROWSER

QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr"
).split()
VOID = {"meta", "link", "br", "hr", "img", "input"}


def row(name):
    def gradients(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES[name])

    return gradients


@pytest.fixture(scope="module")
def refuted():
    return certify(row("bptt-detached-reset"), rule="ostl", cells="snu", depths=(1, 2), profile="quick")


@pytest.fixture(scope="module")
def certified():
    return certify(row("ostl"), rule="ostl", cells=("snu", "rnn"), depths=(1, 2), profile="quick")


class Balanced(HTMLParser):
    """Raises where an element is closed that was not the last one opened."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in ("src", "href", "action", "data", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(page):
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_everything_is_on_the_page_and_nothing_elsewhere(refuted):
    page = html.write(refuted)
    parsed = parse(page)
    assert [link for link in parsed.links if not link.startswith(("data:", "#"))] == []
    assert re.findall(r"url\((?!#tip-)|@import|<script", page) == []
    text = " ".join(" ".join(parsed.text).split())
    for part in (
        "Refuted",
        refuted.subject,
        refuted.identity,
        refuted.digests["reference"],
        *(case.id for case in refuted.cases),
        *(rule for rule in RULES),
        *(finding.replay for finding in refuted.findings),
        *(name for case in refuted.cases for name in case.parameters),
        "missing in layer 0: RESET",
        *(f"{name} {version}" for name, version in refuted.sources["packages"].items()),
    ):
        assert part in text, part


def test_the_verdict_comes_first(certified, refuted):
    for certificate, word in ((certified, "Certified"), (refuted, "Refuted")):
        page = html.write(certificate)
        assert page.index(f">{word}") < page.index("<section")


def test_the_drawing_shows_the_missing_edge(certified, refuted):
    assert 'class="edge missing"' in html.write(refuted)
    page = html.write(certified)
    assert 'class="edge missing"' not in page
    assert 'class="edge kept"' in page
    assert 'class="edge dropped"' in page  # OSTL drops the edges above


def test_squares_are_as_the_figures_say(certified, refuted):
    square = r'<rect class="out\d" x="\d+\.\d"'  # the legend's have whole coordinates
    assert re.search(square, html.write(certified)) is None
    assert re.search(square, html.write(refuted))
    first = refuted.figures["steps"][0]
    right = [row[0]["worst"] <= 1 for row in first["parameters"].values()]
    assert all(right)  # a reset needs a step before it
    assert "wrong from step 1 on" not in html.write(refuted)


def test_hostile_text_is_text(certified):
    wrong = Finding("call", "", '<script>alert("1")</script>', cause="<img src=x onerror=alert(1)>")
    page = html.write(replace(certified, verdict="refuted", reason="<b>&", subject="a'\"><i>:f", findings=(wrong,)))
    parse(page)
    assert "<script" not in page
    assert "<img" not in page
    assert "<i>" not in page


def test_a_certificate_without_figures_has_a_page(certified):
    bare = replace(certified, cases=(), controls=(), separated={}, figures={}, worst=None, verdict="inconclusive")
    assert "Inconclusive" in html.write(bare)


@pytest.fixture
def browse(tmp_path):
    if BROWSER is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: make debian installs it")
        pytest.skip("no Chromium on this machine: make debian installs it")

    def run(page, *options):
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        done = subprocess.run(
            [BROWSER, *QUIET, profile, *options, path.as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return run


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(("width", "scheme"), [(400, 0), (400, 1), (1280, 0), (1280, 1)])
def test_a_browser_shows_it(browse, refuted, tmp_path, width, scheme):
    page = html.write(refuted)
    picture = tmp_path / "picture.png"
    options = [f"--window-size={width},900", f"--blink-settings=preferredColorScheme={scheme}"]
    _, console = browse(page, *options, f"--screenshot={picture}")
    assert console == []
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == width
    # nothing sticks out sideways: measured by a script in a copy that may run one
    policy = page.index('<meta http-equiv="Content-Security-Policy"')
    free = page[:policy] + page[page.index(">", policy) + 1 :]
    script = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script></body>"
    dom, _ = browse(free.replace("</body>", script), *options, "--dump-dom")
    wide, inner = map(int, re.search(r"<title>(\d+) of (\d+)</title>", dom).groups())
    assert wide <= inner


def test_the_browser_would_complain(browse, refuted):
    page = html.write(refuted).replace("</body>", "<script>1</script><img src='https://example.org/x.png'></body>")
    _, console = browse(page, "--dump-dom")
    assert any("Content Security Policy" in line for line in console)
