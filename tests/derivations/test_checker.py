"""The checker: unproved, false and circular steps fail; verdicts are kept by content."""

import io
import shutil
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sympy
from rich.console import Console

import gradcert.reference
from gradcert import derivations
from gradcert.derivations import checker, glossary, kept
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.checker import graph, structure, verify
from gradcert.derivations.proving.proof import Result, problem, prove
from gradcert.derivations.proving.record import Equation, Step
from gradcert.reference import Layer, Network, Rnn, rule_named
from gradcert.reference.engines.sweep import sweep
from gradcert.reference.errors import GradcertError

X, Y = sympy.symbols("x y")


def step(**options) -> Step:
    return Step("fptt.new", "because", **options)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (step(equations=lambda: [Equation((X + Y) ** 2, X**2 + 2 * X * Y + Y**2)]), "proved"),
        (step(equations=lambda: [Equation((X + Y) ** 2, X**2 + Y**2)]), "failed"),
        (step(), "failed"),
        (step(equations=lambda: []), "failed"),
        (step(proof=lambda: Result("claim", 3, (), 0.0)), "proved"),
        (step(proof=lambda: Result("claim", 0, (), 0.0)), "failed"),
        (step(proof=lambda: Result("claim", 3, ("W",), 0.0)), "failed"),
        (step(definition=True, equations=lambda: [Equation(X, Y + 1)]), "definition"),
        (step(definition=True, equations=lambda: [Equation(X + 1, Y)]), "failed"),
        (step(equations=lambda: [Equation(X, Y + 1)]), "failed"),
    ],
)
def test_a_step_is_proved_or_fails(given, status):
    assert verify(given).status == status


def one_step_of_the_engine():
    p = problem(Network(layers=(Layer(Rnn(), inputs=1, units=1),)), steps=1)
    return prove(p, rule_named("bptt"), "reverse")


@pytest.mark.parametrize(
    ("listed", "sentences"),
    [
        ("reference/engines/reverse.py", ()),
        ("reference/engines/sweep.py:sweep", ()),
        ("reference/networks/cells/rnn.py:Rnn.step", ()),
        ("reference/rules/rows/ostl.py", ()),  # data: nothing in it can be run
        ("reference/engines/forward.py:Learner", ("reference/engines/forward.py:Learner is listed and was not run",)),
        ("reference/networks/cells/lif.py", ("reference/networks/cells/lif.py is listed and was not run",)),
        ("engines/sweep.py:sweep", ("engines/sweep.py is listed and is no file of reference or derivations",)),
        (
            "reference/swep.py:sweep",
            ("reference/swep.py is listed and is no file of reference or derivations",),
        ),
        ("reference/engines/sweep.py:swept", ("reference/engines/sweep.py:swept is listed and was not run",)),
    ],
)
def test_a_step_may_not_list_what_it_never_ran(listed, sentences):
    before = sweep.__code__
    assert verify(step(proof=one_step_of_the_engine, code=(listed,))).failed == sentences
    assert sweep.__code__ is before


def test_what_another_step_left_in_a_cache_was_not_run_by_this_one():
    lif = "reference/networks/cells/lif.py:step"
    told = replace(next(s for s in chapter("osttp").steps if s.id == "osttp.split"), code=(lif,))
    assert [verify(told).failed for _ in range(2)] == [(), ()]


def raising(kind):
    def built():
        raise kind("planted")

    return built


@pytest.mark.parametrize("kind", [AssertionError, ZeroDivisionError, KeyError, GradcertError, RecursionError])
@pytest.mark.parametrize("part", ["equations", "proof"])
def test_whatever_a_step_raises_is_its_failure(part, kind):
    verdict = verify(step(**{part: raising(kind)}))
    assert verdict.status == "failed"
    (sentence,) = verdict.failed
    assert sentence.startswith(kind.__name__)
    assert "planted" in sentence
    assert "test_checker.py, line" in sentence


def test_a_process_that_dies_fails_its_step(monkeypatch):
    """What cannot be caught inside: the process is killed, and the pool breaks."""

    class Broken(ThreadPoolExecutor):
        def submit(self, function, *arguments):
            return super().submit(raising(BrokenExecutor))

    monkeypatch.setattr(checker, "pool", lambda jobs, method: Broken(jobs))
    found = list(checker._run([("fptt", "fptt.risk"), ("fptt", "fptt.parts")], 2))
    assert {(name, v.step, v.status) for name, v in found} == {
        ("fptt", "fptt.risk", "failed"),
        ("fptt", "fptt.parts", "failed"),
    }
    assert all(v.failed[0].startswith("BrokenExecutor: planted") for _, v in found)


def test_all_derivations_are_in_order():
    assert structure([chapter(name) for name in CHAPTERS]) == []
    assert len(CHAPTERS) >= 12


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"premises": ("fptt.nothing",)}, "fptt.risk: rests on fptt.nothing, which is no step"),
        ({"premises": ("fptt.forms",)}, "fptt.risk: rests on itself, by way of fptt.forms"),
        ({"why": " "}, "fptt.risk: no reason"),
        ({"id": "fptt.minimiser"}, "fptt.minimiser: the id is used twice"),
        ({"id": "ostl.risk"}, "ostl.risk: the id does not start with fptt."),
    ],
)
def test_faults_of_structure_are_seen(changes, sentence):
    d = chapter("fptt")
    broken = replace(d, steps=(replace(d.steps[0], **changes), *d.steps[1:]))
    known = [chapter(name) for name in CHAPTERS if name != "fptt"]
    assert sentence in structure([*known, broken])


def test_the_graph_has_an_edge_for_every_premise():
    found = graph([chapter(name) for name in CHAPTERS])
    assert found["ostl"] == ("paths",)
    assert "ottt" in found["fixedpoint"]


def test_the_reading_order_is_one_of_the_graph():
    seen = set()
    for name, premises in graph([chapter(name) for name in CHAPTERS]).items():
        assert set(premises) <= seen, name
        seen.add(name)


def test_verdicts_are_kept_by_content(tmp_path, monkeypatch):
    d = replace(chapter("fptt"), steps=tuple(replace(s, premises=()) for s in chapter("fptt").steps[:3]))
    monkeypatch.setattr(checker, "chapter", lambda name: d)
    heard = []
    first = checker.check(["fptt"], jobs=1, cache=tmp_path, listen=lambda *said: heard.append(said))
    assert [v.status for v in first["fptt"]] == ["proved"] * 3
    assert heard[0] == (None, 0, 3)
    assert [(v.step, done, of) for v, done, of in heard[1:]] == [(s.id, i, 3) for i, s in enumerate(d.steps, start=1)]
    again = checker.check(["fptt"], jobs=1, cache=tmp_path)
    assert all(v.cached for v in again["fptt"])
    assert [(v.step, v.identities) for v in again["fptt"]] == [(v.step, v.identities) for v in first["fptt"]]
    monkeypatch.setattr(kept, "fingerprint", lambda name: "other code")
    assert not any(v.cached for v in checker.check(["fptt"], jobs=1, cache=tmp_path)["fptt"])


COPIED = ("reference/engines/sweep.py", "derivations/reading/tex.py", "derivations/chapters/[go]*.py")


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """Copies of some files of both rooms, and what writes into one of them; the hashes are those of the copies."""
    for room in (gradcert.reference, derivations):
        root = Path(room.__file__).parent
        for path in [path for pattern in COPIED for path in root.parent.glob(pattern) if root in path.parents]:
            target = tmp_path / path.relative_to(root.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        monkeypatch.setattr(room, "__file__", str(tmp_path / root.name / "__init__.py"))

    def prints(file=None, old="", new=""):
        if file:
            path = tmp_path / file
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")
        kept._sources.cache_clear()
        kept.fingerprint.cache_clear()
        return {name: kept.fingerprint(name) for name in ("gated", "ostl", "osttp", "ottt")}

    yield prints
    kept._sources.cache_clear()
    kept.fingerprint.cache_clear()


def test_what_a_verdict_rests_on_is_all_code_but_that_of_other_chapters(rooms):
    """An engine changes all of them, a chapter its own and those that import it, a word of a docstring none."""
    begin = rooms()
    assert len(set(begin.values())) == 4
    assert rooms("reference/engines/sweep.py", '"""Credit', '"""# Other words: credit') == begin
    assert rooms("derivations/reading/tex.py", "import re", "import re, sys") == begin
    changed = rooms("derivations/chapters/ostl.py", "title=", "title=1 and ")
    assert {name for name in begin if changed[name] != begin[name]} == {"ostl", "gated"}
    engine = rooms("reference/engines/sweep.py", "def sweep(", "def swept(")
    assert not set(engine.values()) & set(changed.values())


def test_failures_are_not_kept(tmp_path, monkeypatch):
    bad = replace(chapter("fptt"), steps=(replace(chapter("fptt").steps[0], equations=lambda: [Equation(X, Y)]),))
    monkeypatch.setattr(checker, "chapter", lambda name: bad)
    for _ in range(2):
        (verdict,) = checker.check(["fptt"], jobs=1, cache=tmp_path)["fptt"]
        assert (verdict.status, verdict.cached, verdict.failed) == ("failed", False, ("x = y",))


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_letter_has_a_meaning(name):
    d = chapter(name)
    assert glossary.used(d) - set(glossary.COMMON) - set(d.notation) == set()


def test_a_letter_without_a_meaning_is_seen():
    d = chapter("fptt")
    assert "Q" in glossary.used(replace(d, statement=(*d.statement, "Let Q^t be anything.")))
    assert glossary.letters("I say: a trace, A trace, OTTT's h' and |M|, x^t - y") == {"h", "M", "t", "x", "y"}
    assert dict(glossary.table(d))["G"].startswith("gradient of the part before")


def test_unknown_derivations_are_refused():
    with pytest.raises(
        GradcertError, match=r"the derivation 'osttl' is unknown .did you mean 'ostl'..; allowed: paths, ostl"
    ):
        derivations.check(["osttl"])
    with pytest.raises(GradcertError, match="unknown"):
        derivations.render_terminal("osttl")


def test_the_terminal_shows_every_step(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out, pauses = io.StringIO(), []
    console = Console(file=out, width=100, color_system=None)
    assert derivations.render_terminal("fptt", console=console, pause=lambda: pauses.append(1))
    text = out.getvalue()
    assert len(pauses) == len(chapter("fptt").steps)
    for s in chapter("fptt").steps:
        assert f"✓ {s.id}" in text
    assert "T103" in text
    assert derivations.list_derivations() == dict(CHAPTERS)


def test_without_sympy_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(derivations, "find_spec", lambda name: None)
    with pytest.raises(GradcertError, match=r"SymPy is not installed; to fix it: pip install .*\[derivations\]'"):
        derivations.list_derivations()
