"""The self-test: a sample of the gallery, its table, and that a judge that has gone soft is found out."""

import json

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.claims import Claim
from gradcert.certify.judging import verdict as judging
from gradcert.certify.problems.budget.expected import Bounds
from gradcert.certify.problems.cases.circumstances import drawn_axes
from gradcert.certify.selftest import Member, selftest, summary
from gradcert.certify.selftest.judge import cases_of, claim_of
from gradcert.certify.selftest.run import SLOW, batches, chosen, classes
from gradcert.properties.gallery import BLIND, UNUSUAL, WRONG
from gradcert.properties.gallery.wrong import circumstances

# members of every class whose claims take a second together; all of them are judged by make selftest
SAMPLE = {
    "T91_one_step_short": "row:snap-1",
    "T40_slope_too_new": "timing:slope too new",
    "T49_feedback_misread": "credit:weights in the other memory order",
    "T109_old_weights": "published:second gradient at old weights",
    "F04_in_place": "inputs:inputs changed",
}


def run(*arguments):
    return CliRunner().invoke(cli.gradcert, [str(a) for a in arguments], prog_name="gradcert")


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", SAMPLE)
def test_a_wrong_gradient_is_refuted_and_its_cause_named(name):
    (member,) = selftest([name])
    assert (member.verdict, member.judge, member.found) == ("killed", "certify", (SAMPLE[name],))
    assert member.named and member.ok


@pytest.mark.long
def test_unusual_gradients_are_accepted():
    members = selftest(["lif_detached", "snap_masked_before", "otpe", "complex_step"])
    assert [m.verdict for m in members] == ["accepted"] * 4
    assert all(m.judge == "certify" for m in members)


@pytest.mark.long
def test_what_is_wrong_in_one_circumstance_is_refuted_there():
    # they share their cases; all of them are judged by make selftest
    names = ["C03_*", "C10_*", "C16_*", "C27_*", "C29_*", "C32_*", "C43_*", "C48_*"]
    members = selftest(names)
    assert [m.verdict for m in members] == ["killed"] * len(names)
    found = {m.name[:3]: m.found for m in members}
    assert found["C03"] == ("where:sizes: square",) and found["C10"] == ("row:tbptt(6)",)
    assert found["C32"] == ("where:targets: soft",) and found["C48"] == ("repeat:state kept between calls",)


def test_every_level_that_is_drawn_for_has_a_member():
    drawn = {f"{a}: {v}" for a, names in drawn_axes(Claim("bptt", "snu"), "snu").items() for v in names}
    plain = {"some", "ordinary", "real", "of both signs", "different", "between", "other", "C order", "not 0", "more"}
    seen = {circumstances.MEMBERS[e.name.split("_", 1)[1]][0] for e in BLIND.values()}
    missed = {text for text in drawn - seen if text.partition(": ")[2] not in plain}
    assert missed == {"T: even", "sizes: more inputs", "sizes: fewer inputs", "inputs: subnormal", "spikes: adjacent",
                      "spikes: a step without"}  # fmt: skip


def test_what_no_claim_can_say_is_judged_by_the_laws_and_listed():
    (member,) = selftest(["T48_self_connections"])
    assert (member.verdict, member.judge, member.check) == ("killed", "laws", "row")
    assert not member.named and summary([member]).by_laws == ("T48_self_connections",)
    assert claim_of(WRONG["T118_exponential_overflow"]) is None and WRONG["T118_exponential_overflow"].beyond


def test_everybody_is_judged_once():
    names = [name for batch in batches(chosen()) for name in batch]
    assert sorted(names) == sorted([*WRONG, *BLIND, *UNUSUAL])
    assert all(any(name.startswith(word) for name in [*WRONG, *UNUSUAL]) for word in SLOW)
    assert [e.name for e in chosen(["T62*"], ["credit and loss"])] == ["T62_one_over_steps", "T62_one_over_batch"]
    assert {e.bug_class for e in WRONG.values()} < set(classes())


def test_a_judge_that_has_gone_soft_is_found_out(monkeypatch):
    strict = judging.judge

    def soft(given, bounds):
        # 1e13 budgets, and where a budget is zero 1e13 roundings of the largest entry
        floor = 2.0**-53 * abs(bounds.value).max() if bounds.value.size else 0.0
        return strict(given, Bounds(bounds.value, 1e13 * (bounds.budget + floor)))

    cases_of.cache_clear()
    monkeypatch.setattr(judging, "judge", soft)
    try:
        members = selftest(["T122_float32_inside", "snap_1"])
    finally:
        cases_of.cache_clear()
    # the wrong one passes the judge, and a run is void because its controls did: nobody is certified either
    assert [m.verdict for m in members] == ["survived", "falsely accused"]
    assert not summary(members).ok


def test_a_rule_that_refutes_everybody_fails_too(monkeypatch):
    strict = judging.judge

    def tight(given, bounds):
        return strict(given, Bounds(bounds.value + 1, bounds.budget))

    cases_of.cache_clear()
    monkeypatch.setattr(judging, "judge", tight)
    try:
        (member,) = selftest(["snap_1"])
    finally:
        cases_of.cache_clear()
    assert member.verdict == "falsely accused" and not summary([member]).ok


def test_a_wrong_cause_is_no_cause():
    told = {"name": "T", "title": "", "bug_class": "c", "wrong": True, "verdict": "killed", "judge": "certify"}
    right = Member(**told, found=("row:without RESET",), expected=("row:without RESET", "factor:0"))
    both = Member(**told, found=("row:without RESET", "value:zero"), expected=("row:without RESET",))
    none = Member(**told, expected=("row:without RESET",))
    assert [m.named for m in (right, both, none)] == [True, False, False]
    assert summary([right] * 9 + [none]).ok and not summary([right] * 8 + [none] * 2).ok


@pytest.mark.long
def test_the_table(snapshot):
    done = run("selftest", "T91_one*", "T48_self_connections", "snap_[12]", "--jobs", 1)
    assert done.exit_code == 1, done.output  # two causes of three
    lines = done.output.splitlines()
    assert lines[-1].endswith(" s, 1 jobs")
    assert "\n".join(line.rstrip() for line in lines[:-1]) == snapshot


def test_json_and_exit_status(tmp_path):
    path = tmp_path / "selftest.json"
    done = run("selftest", "T48_self_connections", "T91_one_step_short", "--jobs", 1, "--json", path)
    assert done.exit_code == 1  # half of the causes named
    record = json.loads(path.read_text())
    assert record["summary"]["killed"] == 2 and record["summary"]["named"] == 1 and not record["summary"]["ok"]
    assert "refuted without the right cause: T48_self_connections" in done.output


@pytest.mark.parametrize("words", [["--class", "nothing"], ["no_such_member"], ["T62*", "--class", "e-prop"]])
def test_usage(words):
    done = run("selftest", *words)
    assert done.exit_code == 2 and "Usage" in done.output
