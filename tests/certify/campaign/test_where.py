"""Which circumstance a subject is wrong in: a level that tells the cases apart, or one that alone is enough."""

from gradcert.certify.campaign import where
from gradcert.certify.certificates import CaseResult
from gradcert.certify.claims import Claim
from gradcert.certify.runs import Run

SOFT, SILENT, ODD = "targets: soft", "inputs: a silent step", "T: odd"


def run_of(*cases, alone=()):
    """Return a campaign with cases (verdict, levels that it meets, and whether it was asked for one of them)."""
    norm = {"W": {"norm": 1.0, "worst": 0.0, "error": 0.0}}
    results = [
        CaseResult(
            f"snu/{case[3] if case[3:] else 1}/{case[4] if case[4:] else 'squared_error'}-every/circumstance/"
            f"{i + where.FIRST * bool(case[2:3])}",
            *("circumstance", False, case[0], 0.0, 1e-9, {"met": case[1]}, "", norm),
        )
        for i, case in enumerate(cases)
    ]
    return Run(None, Claim(rule="ostl", cells="snu"), results=results, alone=dict(alone))


ASKED = True
PASSED = [("passed", [SILENT]), ("passed", [ODD]), ("passed", []), ("passed", [])]


def levels(run):
    return [text for one in where.circumstances(run) for text in one.levels]


def test_a_level_that_told_the_cases_apart_wherever_it_was_asked_for_is_named():
    wrong = [("failed", [SOFT, SILENT]), *[("failed", [SOFT], ASKED)] * 3]
    sentence = f"right on 4 cases, wrong exactly where {SOFT} (4 cases)"
    assert where.said(run_of(*wrong, *PASSED)) == (sentence, (f"where:{SOFT}",))


def test_nothing_is_named_of_two_cases():
    assert where.said(run_of(("failed", [SOFT]), ("passed", []))) == ("", ())
    few = [("failed", [SOFT], ASKED)] * 2
    assert where.said(run_of(*few, *PASSED)) == ("", ())


def test_nothing_is_named_that_was_not_asked_for_alone():
    assert where.said(run_of(*[("failed", [SOFT])] * 4, *PASSED)) == ("", ())


def test_nothing_is_named_of_which_others_tell_as_much():
    wrong = [("failed", [SOFT, "inputs: above 5"], ASKED)] * 4
    assert where.said(run_of(*wrong, *PASSED)) == ("", ())


def test_several_levels_of_an_axis():
    any_sum, none = "targets: any sum", "targets: a step without"
    wrong = [*[("failed", [any_sum], ASKED)] * 2, *[("failed", [none], ASKED)] * 2]
    assert levels(run_of(*wrong, *PASSED)) == [any_sum, none]
    sentence, keys = where.said(run_of(*wrong, *PASSED))
    assert sentence == "right on 4 cases, wrong exactly where targets: any sum or a step without (4 cases)"
    assert keys == (f"where:{any_sum}", f"where:{none}")
    assert where.said(run_of(*wrong[1:], ("failed", [any_sum]), *PASSED)) == ("", ())  # once alone
    assert levels(run_of(*wrong, *PASSED, ("passed", [none]))) == []


def test_a_level_of_cases_of_one_loss():
    none, loss = "targets: a step without", "cross_entropy"
    wrong = [("failed", [none], ASKED, 1, loss)] * 4
    right = [("passed", [], False, 1, loss)] * 4
    there = [("passed", [none], ASKED)] * 2  # right in another loss, in cases that were asked for
    found = where.said(run_of(*wrong, *right, *there))
    assert found == (
        f"right on 6 cases, wrong exactly where loss: {loss}, {none} (4 cases)",
        (f"where:loss: {loss}", f"where:{none}"),
    )
    assert where.said(run_of(*wrong, *right[:3], *there)) == ("", ())
    assert where.said(run_of(*wrong, *right, ("passed", [none]))) == ("", ())  # once, by chance


def test_the_depth_is_a_suspect_as_well():
    deep = [("failed", [], ASKED, 2)] * 4
    assert where.said(run_of(*deep, *PASSED)) == (
        "right on 4 cases, wrong exactly where depth: 2 (4 cases)",
        ("where:depth: 2",),
    )
    both = [("failed", [SOFT], ASKED, 2)] * 4
    assert where.said(run_of(*both, *PASSED)) == ("", ())


def test_a_level_that_changes_nothing_in_some_case_is_a_suspect_where_it_is_rare():
    run = run_of(("failed", [SOFT, SILENT, ODD]), ("passed", [SOFT, SILENT]), ("passed", [SILENT]), ("passed", [ODD]))
    assert levels(run) == []
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


def test_a_level_without_which_next_to_no_case_is_right_is_no_circumstance():
    axis = [f"inputs: {name}" for name in ("real", "0 and 1", "a silent step")]
    wrong = [("failed", [text], ASKED) for text in axis * 3]
    alone = dict.fromkeys(axis, "failed")
    assert where.said(run_of(*wrong, ("passed", [axis[0]]), ("passed", []), alone=alone)) == ("", ())
    right = [("passed", [])] * 4
    assert "that alone is enough" in where.said(run_of(*wrong, ("passed", [axis[0]]), *right, alone=alone))[0]
