"""Runs are resumed, belong to their code, and never counted twice; a stage waits for the one before."""

import json
from dataclasses import replace

import pytest

from gradcert.papers import CLAIMS, claim_named
from gradcert.papers.claims import same_gradient
from gradcert.papers.runs import Store, carried_out, carry, concluded, kept
from gradcert.papers.runs.carry import work
from gradcert.papers.verdicts import Part, on_par
from gradcert.reference.errors import GradcertError


def plan(results, quick):
    first = [{"rule": r, "seed": 0, "rate": v} for r in ("a", "b") for v in (1, 2)]
    if len(results.where(seed=0)) < len(first):
        return first
    best = {r: min(results.where(seed=0, rule=r), key=lambda pair: pair[1]["loss"])[0]["rate"] for r in ("a", "b")}
    return first + [{"rule": r, "seed": s, "rate": best[r]} for r in best for s in (1, 2, 3, 4)]


def judge(results, quick):
    found = on_par(results.difference("loss", {"rule": "b"}, {"rule": "a"}), 0.5)
    return [Part("b on par with a", found.verdict, found.words)]


@pytest.fixture
def claim(monkeypatch):
    """A claim whose runs are instant and whose rule b is truly as good as a."""
    made = replace(same_gradient.CLAIM, name="made-up", number="C0", data=(), plan=plan, judge=judge,
                   run=lambda job: {"loss": job["rate"] + job["seed"] / 10})  # fmt: skip
    monkeypatch.setitem(CLAIMS, "made-up", made)
    return made


def test_stages_follow_each_other_and_a_verdict_follows_from_all(claim, tmp_path):
    said = []
    done = carried_out(claim, Store(tmp_path / "x.jsonl", "c"), quick=False, run=map, listen=lambda *a: said.append(a))
    assert done.complete
    assert (len(done.results.done), done.verdict.word) == (12, "shown")
    assert {job["rate"] for job, _ in done.results.done if job["seed"]} == {1}
    assert said[3][:2] == (4, 4)
    assert said[-1][:2] == (12, 12)


def test_a_stopped_run_goes_on_and_does_nothing_twice(claim, tmp_path):
    path, ran = tmp_path / "x.jsonl", []

    def stops(function, items):
        for number, item in enumerate(items):
            if number == 3:
                raise KeyboardInterrupt
            ran.append(item[1])
            yield function(item)

    with pytest.raises(KeyboardInterrupt):
        carried_out(claim, Store(path, "c"), quick=False, run=stops)
    path.write_text(path.read_text() + '{"job": {"half')  # what was being written
    assert not concluded(claim, Store(path, "c"), quick=False).complete
    again = []
    done = carried_out(
        claim, Store(path, "c"), quick=False, run=lambda f, items: (again.append(i[1]) or f(i) for i in items)
    )
    assert done.complete
    assert len(ran) == 3
    assert len(again) == 12 - 3


def test_other_code_starts_anew(claim, tmp_path):
    path = tmp_path / "x.jsonl"
    carried_out(claim, Store(path, "old"), quick=False, run=map)
    assert Store(path, "new").results.done == ()
    assert len(Store(path).results.done) == 12  # read as it stands: the code of the last line


def test_runs_of_other_code_that_lack_something_are_named(claim, tmp_path, monkeypatch):
    monkeypatch.setattr(carry, "code_digest", lambda claim: "mine")
    path = tmp_path / "x.jsonl"
    carried_out(claim, Store(path, "old"), quick=False, run=map)
    newer = replace(claim, judge=lambda results, quick: [r["new"] for _, r in results.done])
    with pytest.raises(GradcertError, match=r"of other code \(old\).*run it again: gradcert claims made-up"):
        concluded(newer, Store(path), quick=False)
    mine = Store(tmp_path / "y.jsonl", "mine")
    with pytest.raises(KeyError, match="new"):  # of this code: a mistake of ours, and no sentence about others' runs
        carried_out(newer, mine, quick=False, run=map)


def test_lines_say_what_they_were_run_with(claim, tmp_path):
    path = tmp_path / "x.jsonl"
    carried_out(claim, Store(path, "c"), quick=False, run=map)
    line = json.loads(path.read_text().splitlines()[0])
    assert set(line) == {"job", "result", "seconds", "code", "data", "python", "numpy"}


def test_lines_that_are_none_of_ours_are_refused(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"something": "else"}\n')
    with pytest.raises(GradcertError, match="no run"):
        kept(path)


def test_a_quick_run_with_bands_says_no_verdict(claim, tmp_path):
    small = replace(claim, bands="both learn")
    done = carried_out(small, Store(tmp_path / "x.jsonl", "c"), quick=True, run=map)
    assert (done.word, done.verdict.word) == ("quick: both learn", "shown")
    assert replace(done, quick=False).word == "shown"
    assert replace(done, complete=False).word == "inconclusive"


def test_a_job_is_done_by_the_name_of_its_claim(claim):
    assert work(("made-up", {"rate": 1, "seed": 2}))[0] == {"loss": 1.2}


def test_an_unknown_claim_is_answered_with_those_that_are_known():
    with pytest.raises(GradcertError, match="C1 same-gradient"):
        claim_named("C99")
