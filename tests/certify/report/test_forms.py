"""Summary, Markdown, badge, annotations, what a notebook shows: all from one certificate, and each snapshotted."""

import json
import re
import shlex
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from gradcert.certify.campaign import certify
from gradcert.certify.certificates import seal
from gradcert.certify.certificates.certificate import Finding, from_dict
from gradcert.certify.claims import from_dict as claim_from
from gradcert.certify.report import annotate, badge, counterexample, groups, html, junit, markdown, terminal
from gradcert.certify.report.terms import TERMS, circumstance, used
from gradcert.models.equations import define
from gradcert.reference import CELLS, ESTIMATORS, RULES
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Layer, Network, Snu
from gradcert.reference.published import read_rule

KEPT = Path(__file__).parent / "certificates"  # of quick runs, figures left out: what is read does not move with cases
HOSTILE = "a|b`c<script>*d*\n# e"


def kept(name):
    return from_dict(json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def certified():
    return kept("certified")


@pytest.fixture(scope="module")
def refuted():
    return kept("refuted")


def test_what_people_read(certified, refuted, snapshot):
    for made in (certified, refuted):
        assert made.markdown() == snapshot
        assert made.summary() == snapshot
        assert annotate.write(made, Path("/nowhere")) == snapshot
    assert certified.badge() == snapshot


TRIANGLE = {"name": "triangle", "width": 1.0, "scale": 1.0}


def of_ostl(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["ostl"])


@pytest.mark.parametrize("rule", ["ostl", "bptt"])  # the second is refuted: findings, and a counterexample
def test_a_file_is_shown_as_the_run_was(rule):
    claim = {"rule": rule, "cells": "snu", "options": {"surrogate": [TRIANGLE, "tanh"]}, "profile": "quick"}
    made = certify(of_ostl, losses="squared_error", when="every", without={"targets": "soft", "T": "1"}, **claim)
    read = from_dict(seal.read(seal.write(made)))
    assert "triangle(scale=1, width=1) or tanh" in made.summary()
    for form in ("summary", "markdown", "html", "junit", "badge"):
        assert getattr(made, form)() == getattr(read, form)(), form


def half_run(made):
    """The certificate with two of its cases that did not run, in one group."""
    cases = [replace(case, verdict="blocked", worst=None, parameters={}) for case in made.cases[:2]]
    return replace(made, verdict="inconclusive", reason="2 cases did not run", cases=(*cases, *made.cases[2:]))


def test_what_did_not_run_is_no_failure(certified):
    made = half_run(certified)
    names, rows = groups.titles(made), groups.groups(made)
    column = {name: sum(int(row[names.index(name)]) for row in rows) for name in ("cases", "failed", "not run")}
    assert column == {"cases": len(made.cases), "failed": 0, "not run": 2}
    assert "not run" not in groups.titles(certified)
    assert "| failed | not run |" in made.markdown()
    assert "0 failed, 2 did not run" in made.html() and "did not run" not in certified.html()
    assert re.search(r"failed +not run +exact", made.summary()) and "not run" not in certified.summary()
    out = StringIO()
    terminal.write(made, Console(file=out, width=60, color_system=None, highlight=False))
    said = " ".join(out.getvalue().split())
    assert re.search(r"\d cases, 0 failed, [12] not run, \d exact, budget / gradient", said)


def test_a_terminal_of_any_width_shows_all_of_it(certified):
    for width in (40, 60, 80, 200):
        out = StringIO()
        terminal.write(certified, Console(file=out, width=width, color_system=None, highlight=False))
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        text = re.sub(r"[│\s]+", "", "".join(lines))
        for said in (circumstance(certified), certified.identity, *(f"{k}: {v}" for k, v in used(certified).items())):
            assert re.sub(r"\s+", "", said) in text, (width, said)


def test_every_term_is_explained_where_it_is_used(certified):
    assert set(used(certified)) == set(TERMS)
    page = certified.html()
    assert all(text.split(":")[0] in page for text in TERMS.values())
    bare = replace(certified, controls=(), separated={}, circumstances={})
    assert set(used(bare)).isdisjoint({"controls", "edges seen", "circumstances"})


def test_hostile_text_stays_text_in_markdown(certified):
    wrong = Finding("call", "a|b", HOSTILE, cause=HOSTILE, replay=HOSTILE)
    made = replace(certified, verdict="refuted", subject=HOSTILE, reason=HOSTILE, findings=(wrong,), notes=(HOSTILE,))
    rendered = MarkdownIt("commonmark").enable("table").render(markdown.write(made))
    assert "<script" not in rendered and "<em>d</em>" not in rendered and "<h1" not in rendered
    plain = MarkdownIt("commonmark").enable("table").render(markdown.write(certified))
    assert plain.count("<tr>") == rendered.count("<tr>") and "<details>" in plain


def test_a_badge_is_svg_that_fits_its_words(certified):
    made = replace(certified, subject="a<b&\"'.py:f")
    root = ElementTree.fromstring(badge.write(made))
    assert root.attrib["aria-label"] == "ostl gradient: certified"
    assert root[0].text == "a<b&\"'.py:f: certified, 2026-01-02"
    width = float(root.attrib["width"])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        half = float(text.attrib["textLength"]) / 2
        assert 0 < float(text.attrib["x"]) - half and float(text.attrib["x"]) + half < width


def test_annotations_stand_at_the_line_of_the_subject(refuted, certified, tmp_path):
    refuted = replace(refuted, subject="rules.py:ostl", repair={})
    (tmp_path / "rules.py").write_text("x = 1\n\n@mark\ndef ostl(problem): ...\n\nclass A:\n    def f(self): ...\n")
    (tmp_path / "src" / "pack").mkdir(parents=True)
    (tmp_path / "src" / "pack" / "mod.py").write_text("\nf = 1\n")
    (line,) = annotate.write(refuted, tmp_path)
    assert line.startswith("::error file=rules.py,line=4,title=gradient refuted%3A rules.py%3Aostl::")
    assert "\n" not in line and "%0Aclaim: ostl on snu" in line
    assert annotate.write(certified, tmp_path) == []
    assert annotate.located("rules.py:A.f", tmp_path) == ("rules.py", 7)
    assert annotate.located("pack.mod:f", tmp_path) == ("src/pack/mod.py", 2)
    assert annotate.located("nowhere.mod:f", tmp_path) is None
    assert annotate.located("../other.py:f", tmp_path / "src") is None
    assert annotate.located("node rules.py", tmp_path) == ("rules.py", 1)
    (doubtful,) = annotate.write(replace(refuted, verdict="inconclusive"), tmp_path)
    assert doubtful.startswith("::warning ")
    done = {"again": 1, "cases": 1, "seed": 1, "profile": "quick"}
    edit = {"file": "rules.py", "line": 2, "before": "a", "after": "b", "operator": "x"}
    mended = replace(refuted, repair={"looked": True, "tried": 1, "seconds": 1.0, "edits": [edit], "certified": done})
    assert annotate.write(mended, tmp_path)[1].startswith("::notice file=rules.py,line=2,title=repair::")
    other = replace(refuted, repair={**mended.repair, "edits": [{**edit, "file": "src/pack/mod.py"}]})
    assert annotate.write(other, tmp_path)[1].startswith("::notice file=src/pack/mod.py,line=2,title=repair::")
    for text in (annotate.write(mended, tmp_path)[1], markdown.write(mended), junit.write(mended).decode()):
        assert "what else uses rules.py was not tried with it" in text.replace("\\_", "_")


def test_annotations_name_files_from_the_workspace(refuted, tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "lib" / "core.py").write_text("def wrong(problem): ...\n")
    edit = {"file": "core.py", "line": 1, "before": "a", "after": "b", "operator": "x"}
    done = {"again": 1, "cases": 1, "seed": 1, "profile": "quick"}
    repair = {"looked": True, "tried": 1, "seconds": 1.0, "edits": [edit], "certified": done}
    for where, workspace in (("lib", ".."), ("lib", str(tmp_path)), ("sub", "..")):
        monkeypatch.chdir(tmp_path / where)
        monkeypatch.setenv("GITHUB_WORKSPACE", workspace)
        name = "core.py:wrong" if where == "lib" else "../lib/core.py:wrong"
        there = Path.cwd()
        told = annotate.write(replace(refuted, subject=name, repair=repair), there, annotate.workspace(there))
        assert [line.split("title")[0] for line in told] == [
            "::error file=lib/core.py,line=1,",
            "::notice file=lib/core.py,line=1,",
        ]
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    assert annotate.workspace(there) == there


def test_junit_has_times(refuted):
    (suite,) = ElementTree.fromstring(junit.write(refuted))
    assert {case.get("time") for case in suite.findall("testcase")} == {"0.25"}
    assert (suite.get("time"), suite.get("timestamp")) == ("1.5", "2026-01-02T03:04:05")


def test_forms_are_written_where_they_are_asked_for(certified, tmp_path):
    for form in ("html", "junit", "markdown", "badge"):
        text = getattr(certified, form)(tmp_path / form)
        assert (tmp_path / form).read_text(encoding="utf-8") == text == getattr(certified, form)()
    with pytest.raises(ValueError, match="cannot be written"):
        certified.html(tmp_path / "no" / "page.html")


def test_a_notebook_shows_records(certified, refuted):
    network = Network(layers=(Layer(Snu(), inputs=3, units=4),))
    for record, words in (
        (certified, ("CERTIFIED", "examples/numpy_ostl.py:gradients", certified.identity)),
        (refuted, ("REFUTED", refuted.findings[0].check)),
        (RULES["snap-2"], ("snap-2", "reach 2", "arXiv")),
        (ESTIMATORS["uoro"], ("uoro: ", "rng", "arXiv")),
        (read_rule("uoro"), ("uoro: ", "draws", "at random")),
        (read_rule("otpe"), ("otpe: ", "stacks alone", "returns")),
        (read_rule("kf-rtrl"), ("kf-rtrl: ",)),
        (read_rule("ottt-code"), ("ottt-code: ",)),
        *((CELLS[name](), (f"{name}: ", "nodes")) for name in CELLS),
        (CELLS["lif"](leak=0.5), ("STATE v&#x27; -&gt; v", "leak 0.5", "W of x")),
        (define("mine", {"z": "W @ x + 0.9 * z_prev"}, edges={"z -> z": "state"})(), ("mine: a cell of one", "STATE")),
        (network, ("network: 1 layer", "3 -&gt; 4", "W 4x3", "RESET")),
        (
            claim_from(certified.claim),
            ("claim: ostl on snu/ssnu", "squared_error, cross_entropy", "train leak and threshold"),
        ),
    ):
        shown = record._repr_html_()
        ElementTree.fromstring(shown)  # well-formed
        assert all(word in shown for word in words), (shown, words)
    assert "<script" not in replace(certified, subject="<script>")._repr_html_()


@pytest.mark.parametrize("before", ["x = 1", "x = f(`1`)", ""])
def test_code_of_a_repair_is_code_in_every_form(refuted, before):
    edit = {"file": "rules.py", "line": 2, "before": before, "after": "x[0] * <y>", "operator": "x"}
    certified = {"again": 1, "cases": 1, "seed": 1, "profile": "quick"}
    found = {"looked": True, "tried": 1, "seconds": 1.0, "edits": [edit], "certified": certified}
    mended = replace(refuted, repair=found)
    page, text = html.write(mended), markdown.write(mended)
    shown = page.split("<h2>Repair</h2>")[1].split("</p>")[0]
    assert "<code>rules.py:2</code>" in shown and "<code>x[0] * &lt;y&gt;</code>" in shown
    assert shown.count("`") == before.count("`")
    line = next(line for line in text.splitlines() if line.startswith("Repair: "))
    assert line.startswith("Repair: `rules.py:2` ") and " -> `x[0] * <y>` makes it ostl" in line
    assert "\\`" not in line


MODULE = ".gradcert/cells/LIFNet-0123456789ab.toml"
PAIR = f"{MODULE}:layer0+{MODULE}:layer1"


def of_a_module(made):
    """The certificate as if it were of a module that was read."""
    cases = [replace(case, id=f"{PAIR}/2/{case.id.split('/', 2)[2]}") for case in made.cases]
    layers = [{"cell": f"{MODULE}:layer{k}", "options": {}} for k in (0, 1)]
    claim = {k: v for k, v in made.claim.items() if k != "cells"} | {"layers": layers}
    found = [replace(f, case=cases[0].id) for f in made.findings]
    return replace(made, cases=tuple(cases), claim=claim, findings=tuple(found), notes=(f"{PAIR}: no exact cases: so",))


def test_a_module_that_was_read_is_called_by_its_name(certified, refuted, snapshot):
    """Its cells are in a file whose name is of its content: that is named once."""
    made = of_a_module(certified)
    assert made.summary() == snapshot
    for one in (made, of_a_module(refuted)):
        page = re.sub(r"<[^>]+>", " ", one.html())
        assert one.summary().count(MODULE) == one.markdown().count("LIFNet-0123456789ab") == 1
        assert page.count(MODULE) == 1 and "LIFNet layer0+layer1" in page
        assert "LIFNet layer0 then layer1" in one.summary() and "| `LIFNet layer0+layer1/2` |" in one.markdown()
        tests = ElementTree.fromstring(junit.write(one)).iter("testcase")
        assert {t.get("classname") for t in tests} == {f"{one.claim['rule']}.LIFNet layer0+layer1.2"}


@pytest.mark.parametrize("width", [50, 80])
def test_a_command_is_printed_so_that_it_can_be_copied(refuted, width):
    command = "gradcert certify 'examples/a file of mine.py:gradients' --rule bptt --cells snu --options strict=true"
    made = replace(refuted, findings=(replace(refuted.findings[0], replay=command),))
    for terminal_too in (False, True):
        out = StringIO()
        console = Console(file=out, width=width, color_system=None, highlight=False, force_terminal=terminal_too)
        terminal.write(made, console)
        lines = out.getvalue().splitlines()
        begin = next(k for k, line in enumerate(lines) if line.startswith("  replay  gradcert certify"))
        end = next(k for k in range(begin, len(lines)) if not lines[k].endswith("\\"))
        copied = "\n".join(lines[begin : end + 1]).removeprefix("  replay  ")
        assert shlex.split(copied.replace("\\\n", " ")) == shlex.split(command)
        assert (begin == end) != terminal_too
        assert not terminal_too or max(map(len, lines)) <= width


@pytest.fixture(scope="module")
def small():
    return certify(of_ostl, rule="sltt", cells="snu", depths=1, repair=0.0)


def test_a_counterexample_whose_table_does_not_fit_is_told_in_sentences(small):
    wide = counterexample.lines(small.counterexample)
    narrow = counterexample.lines(small.counterexample, 48)
    assert any("returned" in line and "expected" in line and "budget" in line for line in wide)
    assert max(map(len, wide)) > 48
    (first, *_) = counterexample.differing(small.counterexample)
    name, returned, expected, budget, _ = first
    assert f"{name}: returned {returned}, expected {expected}, budget {budget}, wrong" in narrow


def test_a_counterexample_that_is_not_stored_has_no_replay(small):
    made = replace(small, counterexample={**small.counterexample, "replay": ""})
    said = small.counterexample["replay"]
    for form in ("summary", "markdown", "html"):
        assert said in getattr(small, form)() and "gradcert replay" not in getattr(made, form)(), form


def test_junit_is_as_schemas_have_it(refuted, certified):
    """A declaration; of every test a time; properties in ``properties``, before what came of it, as pytest writes."""
    for made in (refuted, certified, half_run(certified)):
        made = replace(made, timing={"date": "2026-01-02T03:04:05Z"})  # as of old: cases without a time
        text = junit.write(made)
        assert text.startswith(b"<?xml ")
        root = ElementTree.fromstring(text)
        assert not [p for p in root.iter("testcase") if p.find("property") is not None]
        for case in root.iter("testcase"):
            assert float(case.get("time")) >= 0
            assert "properties" not in [child.tag for child in case][1:]


def test_every_case_that_was_asked_has_its_time(small):
    asked = {case.id for case in small.cases if case.verdict != "blocked"}
    assert set(small.timing["cases"]) == asked and any(case.family == "circumstance" for case in small.cases)
