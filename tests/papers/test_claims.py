"""The claims: each says what it has to, C1 tells a right learner from planted ones, C7 sees memory, pages are made."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert.cli import gradcert
from gradcert.papers import CLAIMS, runs
from gradcert.papers.claim import Results
from gradcert.papers.claims import constant_memory, same_gradient
from gradcert.papers.figure import Figure, spread
from gradcert.papers.report import markdown, page, record_of
from gradcert.papers.report.__main__ import ROOT, with_rows, written
from gradcert.papers.report.curves import svg
from gradcert.papers.runs import Store, concluded
from gradcert.reference.errors import GradcertError

SMALL = {"units": 4, "steps": 6, "batch": 2, "updates": 4}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_says_what_it_has_to_before_it_is_run(claim):
    for words in (claim.statement, claim.source, claim.task, claim.network, claim.budget, claim.seeds, claim.grid):
        assert words
    assert "shown" in claim.rule.lower()
    assert any(word in claim.rule for word in ("%", "budget", "error rate"))
    jobs = list(claim.plan(Results(), False))
    assert jobs
    assert len({json.dumps(job, sort_keys=True) for job in jobs}) == len(jobs)
    assert all("seed" in job for job in jobs)


@pytest.fixture(scope="module")
def c1():
    learners = ((1, "ostl, online"), (1, "bptt"), (1, "no reset edge"), (1, "late trace"), (2, "ostl, online"))
    jobs = [{"cell": "snu", "depth": d, "learner": name, "seed": 0, **SMALL} for d, name in learners]
    return Results(tuple((job, same_gradient.run(job)) for job in jobs))


def by_name(parts, words):
    return next(part for part in parts if words in part.name)


def test_c1_tells_ostl_from_planted_mistakes(c1, monkeypatch):
    monkeypatch.setattr(same_gradient, "CELLS", {"snu": same_gradient.CELLS["snu"]})
    parts = same_gradient.judge(c1, True)
    assert {part.verdict for part in parts} == {"shown"}
    assert sum(part.control for part in parts) == 2
    # the planted learners, had they been run under OSTL's name
    for name in ("no reset edge", "late trace"):
        posing = [({**job, "learner": "ostl, online"}, r) for job, r in c1.where(learner=name)] + c1.where(depth=2)
        part = by_name(same_gradient.judge(Results(tuple(posing)), True), "one layer")
        assert part.verdict == "not shown", name
    # and a control that is none: OSTL itself
    posing = [({**job, "learner": "late trace"}, r) for job, r in c1.where(depth=1, learner="ostl, online")]
    parts = same_gradient.judge(Results((*c1.where(learner="bptt"), *posing)), True)
    assert by_name(parts, "late trace").verdict == "not shown"


def test_c7_sees_what_grows_and_what_overflows():
    def made(growth, finite=True):
        def size(rule, T):
            grown = 1e5 * (T if rule in ("bptt", growth) else 1)
            return {"bytes": grown, "seconds": 1.0, "finite": finite or rule != "ostl"}

        jobs = [{"rule": rule, "T": T, "seed": 0} for rule in ("ostl", "bptt") for T in (10, 1000)]
        return Results(tuple((job, size(job["rule"], job["T"])) for job in jobs))

    assert by_name(constant_memory.judge(made(None), True), "ostl").verdict == "shown"
    assert by_name(constant_memory.judge(made("ostl"), True), "ostl").verdict == "not shown"
    assert by_name(constant_memory.judge(made(None, finite=False), True), "ostl").verdict == "not shown"


@pytest.mark.long
def test_c7_trains_in_finite_numbers(monkeypatch):
    job = {"rule": "ostl", "T": 300, "seed": 0}
    assert constant_memory.run(job)["finite"]
    monkeypatch.setattr(constant_memory, "LATERAL", np.float32(5))
    with np.errstate(over="ignore", invalid="ignore"):
        assert not constant_memory.run(job)["finite"]


def test_a_page_has_everything_and_nothing_from_outside(c1, tmp_path, monkeypatch):
    monkeypatch.setattr(same_gradient, "CELLS", {"snu": same_gradient.CELLS["snu"]})
    claim = same_gradient.CLAIM
    store = Store(tmp_path / "x.jsonl", "c0de")
    for job, r in c1.done:
        store.add(job, r, seconds=1.0, data={})
    done = concluded(claim, store, quick=True)
    made = page(done)
    for words in (claim.title, claim.statement, claim.rule, claim.published[0].value, claim.unconfirmed[0], "c0de"):
        assert words.replace("'", "&#39;") in made
    assert not re.search(r"<script|https?://(?!www\.w3)", made)
    assert record_of(done)["verdict"] == "inconclusive"  # not all that is planned is there
    assert claim.title in markdown([done], [tmp_path / "x.jsonl"])


def test_curves_have_bands_and_leave_out_what_has_no_place():
    figure = Figure(
        "t",
        "update",
        "error",
        {"a": spread([[[1, 1.0], [10, 0.1]], [[1, 2.0], [10, 0.2]]]), "b": []},
        log_x=True,
        log_y=True,
    )
    drawn = svg(figure)
    assert drawn.count("<polygon") == 2
    assert "nan" not in drawn
    assert svg(Figure("t", "x", "y", {"a": [(0.0, 1.0, 1.0, 1.0)]}, log_x=True)) == ""


def test_the_spread_is_over_points_that_every_seed_has():
    assert spread([[[0, 1.0], [1, 5.0]], [[0, 3.0]]]) == [(0.0, 2.0, 1.0, 3.0)]


def test_the_listing_and_what_is_unknown():
    listed = CliRunner().invoke(gradcert, ["claims", "--json"], prog_name="gradcert")
    assert {row["name"] for row in json.loads(listed.output)["claims"]} == set(CLAIMS)
    unknown = CliRunner().invoke(gradcert, ["claims", "no-such"], prog_name="gradcert")
    assert unknown.exit_code == 2
    assert "same-gradient" in unknown.output


def test_without_data_one_claim_is_not_run_and_the_others_are(tmp_path, monkeypatch):
    def missing(claim, store, **options):
        if claim.data:
            raise GradcertError("no network")

    monkeypatch.setattr(runs, "carried_out", missing)
    done = CliRunner().invoke(gradcert, ["claims", "all", "--results", str(tmp_path), "--json"], prog_name="gradcert")
    assert done.exit_code == 3
    assert done.stderr.count("no network") == sum(bool(claim.data) for claim in CLAIMS.values())
    assert {c["verdict"] for c in json.loads(done.stdout)} == {"inconclusive"}
    one = CliRunner().invoke(gradcert, ["claims", "C6", "--results", str(tmp_path)], prog_name="gradcert")
    assert (one.exit_code, "no network" in one.output) == (2, True)


@pytest.mark.long
def test_a_quick_claim_runs_and_is_shown_and_is_not_run_again(tmp_path):
    words = ["claims", "constant-memory", "--quick", "--results", str(tmp_path), "--html", str(tmp_path / "pages")]
    first = CliRunner().invoke(gradcert, words, prog_name="gradcert")
    assert first.exit_code == 0, first.output
    lines = (tmp_path / "constant-memory-quick.jsonl").read_text()
    assert CliRunner().invoke(gradcert, words, prog_name="gradcert").exit_code == 0
    assert (tmp_path / "constant-memory-quick.jsonl").read_text() == lines
    assert "Shown" in (tmp_path / "pages" / "constant-memory.html").read_text()


def test_docs_and_readme_are_generated_from_the_committed_results():
    page_of_all, rows = written()
    assert (ROOT / "docs" / "claims_of_papers.md").read_text(encoding="utf-8") == page_of_all
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_rows(readme, rows) == readme
    assert with_rows(readme, rows + "x") != readme


def test_worst_of_a_budget_of_zero_is_any_distance():
    assert same_gradient.worst({"w": np.array([1e-30])}, {"w": np.array([0.0])}) > 1
    assert same_gradient.worst({"w": np.array([0.0])}, {"w": np.array([0.0])}) == 0
