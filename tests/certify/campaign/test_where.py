"""Which circumstance a subject is wrong in: a level that tells the cases apart, or one that alone is enough."""

from gradcert.certify.campaign import where
from gradcert.certify.certificates import CaseResult
from gradcert.certify.claims import Claim
from gradcert.certify.runs import Run

SOFT, SILENT, ODD = "targets: soft", "inputs: a silent step", "T: odd"


def run_of(*cases, alone=()):
    """Return a campaign with cases (verdict, levels that it meets)."""
    norm = {"W": {"norm": 1.0, "worst": 0.0, "error": 0.0}}
    results = [
        CaseResult(f"snu/1/circumstance/{i}", "circumstance", False, verdict, 0.0, 1e-9, {"met": met}, "", norm)
        for i, (verdict, met) in enumerate(cases)
    ]
    return Run(None, Claim(rule="ostl", cells="snu"), results=results, alone=dict(alone))


def test_a_level_that_tells_the_cases_apart_is_named():
    run = run_of(("failed", [SOFT, SILENT]), ("passed", [SILENT]), ("passed", [ODD]))
    assert where.said(run) == ("right on 2 cases, wrong exactly where targets: soft", ("where:targets: soft",))


def test_a_level_that_changes_nothing_in_some_case_is_a_suspect_where_it_is_rare():
    run = run_of(("failed", [SOFT, SILENT, ODD]), ("passed", [SOFT, SILENT]), ("passed", [SILENT]), ("passed", [ODD]))
    assert where.levels(run) == []
    assert where.suspects(run) == [SOFT]  # the silent step is met by most that passed, and an odd T is a size
    assert where.said(run) == ("", ())  # nothing was asked alone


def test_it_is_named_where_it_is_enough_alone():
    cases = [("failed", [SOFT, SILENT]), ("passed", [SOFT]), ("passed", [SILENT]), ("passed", []), ("passed", [])]
    run = run_of(*cases, ("failed", [SOFT]), ("passed", [SILENT]), alone={SOFT: "failed", SILENT: "passed"})
    sentence, keys = where.said(run)
    assert keys == ("where:targets: soft",)
    assert sentence.startswith("wrong in 2 of 7 cases, each with targets: soft; that alone is enough, and inputs")


def test_nothing_is_named_where_the_lone_case_meets_another_suspect():
    cases = [("failed", [SOFT, SILENT]), ("passed", [SOFT]), ("passed", [SILENT]), ("passed", []), ("passed", [])]
    both = run_of(*cases, ("failed", [SOFT, SILENT]), alone={SOFT: "failed", SILENT: "passed"})
    assert where.said(both) == ("", ())
    other = run_of(*cases, ("failed", [ODD]), ("failed", [SOFT]), alone={SOFT: "failed", SILENT: "passed"})
    assert where.said(other) == ("", ())  # one that failed does not meet it
    several = run_of(*cases, ("failed", [SOFT]), ("failed", [SILENT]), alone={SOFT: "failed", SILENT: "failed"})
    assert where.said(several) == ("", ())
