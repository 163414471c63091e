"""The page of a watched training: everything is on it, nothing is fetched, what it is told is shown and not obeyed."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from gradcert.watching.measured.figures import descent
from gradcert.watching.measured.judgement import Judgement, Of
from gradcert.watching.page import curves, fragment, page

VOID = {"meta", "link", "br", "hr", "img", "input"}
ABOUT = {"Model": "Net", "Claim": "e-prop", "Judged": "every 10 steps"}


def judged(step, verdict, error, cause="", name="fc.weight", file=""):
    of = {name: Of(error, 1e-6, 0.9 - step / 1000, 1.1, 0.25), "out.bias": Of(0.0, 1e-6, 1.0, 1.0, 0.0)}
    return Judgement(step, verdict, "e-prop", of, (), cause, (), 0.1, file, 0.8, {"reset of layer 0": 1.0})


FOUND = [judged(0, "right", 1e-7), judged(10, "wrong", float("inf"), "times 8", file=".gradcert/watch-step-10.json")]


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in ("src", "href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(text):
    parser = Balanced()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    assert [link for link in parser.links if not link.startswith(("data:", "#"))] == []
    assert re.findall(r"@import|<script|url\(", text) == []
    return " ".join(" ".join(parser.text).split())


def test_verdict_cause_and_curves_are_on_the_page():
    whole = page(FOUND, ABOUT)
    text = parsed(whole)
    assert whole.index("Wrong at step 10") < whole.index("<section")
    for part in ("times 8", "gradcert replay .gradcert/watch-step-10.json", "1 / 2", "reset of layer 0", "fc.weight"):
        assert part in text, part
    for panel in ("error / budget", "cosine to BPTT", "norm / BPTT", "dropped of BPTT", "share of what is dropped"):
        assert f"<title>{panel}" in whole.replace("&#39;", "'"), panel
    assert whole.count('class="limit"') == 2  # of the error, and of the cosine


def test_what_is_infinite_is_null_in_json():
    record = json.loads(json.dumps(FOUND[1].to_dict(), allow_nan=False))
    assert record["parameters"]["fc.weight"]["error"] is None and record["step"] == 10


def test_a_curve_has_the_figures_of_its_parameter():
    first = curves(FOUND)[0]
    assert first.label == "fc.weight"
    assert first.values["error"] == [(0.0, 0.1), (10.0, 1e9)]  # an infinite one is at the top
    assert first.values["cosine"] == [(0.0, 0.9), (10.0, 0.89)]


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (FOUND[:1], "Right"),
        ([], "Nothing judged"),
        ([Judgement(0, "named", None, {}, ("bptt",))], "bptt"),
        ([Judgement(0, "unnamed", None, {}, (), "no row")], "No row of the table at step 0"),
    ],
)
def test_every_verdict_has_a_page(found, word):
    assert word in parsed(page(found, ABOUT))
    parsed(fragment(found))


def test_hostile_names_are_text():
    bad = [judged(0, "wrong", 1.0, "<img src=x onerror=alert(1)>\x1b[2J", "<script>alert(1)</script>")]
    for text in (page(bad, {**ABOUT, "Model": "<b>&\u202e"}), fragment(bad)):
        parsed(text)
        assert "<img" not in text and "<b>" not in text and "\x1b" not in text and "\u202e" not in text


class Known:
    """Evidence of gradients alone."""

    def __init__(self, given):
        self.given = given


@pytest.mark.parametrize(
    ("given", "allowed", "wanted"),
    [
        ([3.0, 4.0], 0.0, 1.0),
        ([4.0, -3.0], 0.0, 0.0),
        ([-3.0, -4.0], 0.0, 0.0),
        ([3.0, 4.0], 5.0, 0.0),  # rounding could turn it round
        ([np.nan, 1.0], 0.0, None),
        ([0.0, 0.0], 0.0, None),
    ],
)
def test_downhill_is_said_where_rounding_cannot_turn_it_round(given, allowed, wanted):
    found = descent(Known({"W": np.array(given)}), {"W": np.array([3.0, 4.0])}, {"W": Of(0.0, allowed, None, None)})
    # lengths, a product, a quotient: fewer than 2^4 roundings of numbers of which each is 2^5 or less
    assert found == (wanted if wanted is None else pytest.approx(wanted, abs=2.0**-44))


def test_the_picture_of_the_faults_is_an_svg_with_all_of_them():
    pytest.importorskip("torch")
    from xml.etree import ElementTree

    from scripts.watch_faults.__main__ import ROOT, read
    from scripts.watch_faults.faults import FAULTS
    from scripts.watch_faults.page import page, picture

    found = read(ROOT / "docs" / "results" / "watch_faults.jsonl")
    drawn = picture(found)
    tree = ElementTree.fromstring(drawn)
    assert {f.fault for f in found} - {""} == set(FAULTS)
    assert len([e for e in tree if e.get("class") == "panel"]) == len(FAULTS)
    assert (ROOT / "docs" / "watch.svg").read_text(encoding="utf-8") == drawn
    assert (ROOT / "docs" / "watch.md").read_text(encoding="utf-8") == page(found)
    assert all(f.named and not f.alarms for f in found if f.fault) and not any(f.alarms for f in found)


def test_what_nobody_claimed_is_not_wrong_on_the_page():
    of = {"fc.weight": Of(1.0, 1e-6, 0.9, 1.1, 0.2)}
    unclaimed = Judgement(0, "unnamed", None, of, (), "the gradients of ostl times 10, T: an average is missing")
    assert 'class="wrong"' not in page([unclaimed], ABOUT) and "1 / 1" in page([unclaimed], ABOUT)
    assert 'class="wrong"' in page(FOUND, ABOUT)
