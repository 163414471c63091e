"""The laws hold on the engines, and every law is broken by something."""

from dataclasses import replace

import pytest
from hypothesis import reject

from gradcert.properties.gallery import WRONG
from gradcert.properties.gallery.breakers import BREAKERS
from gradcert.properties.gallery.literal import given
from gradcert.properties.laws import LAWS, bounds
from gradcert.properties.measure import Counterexample
from gradcert.properties.runner import BROKEN, DOES_NOT_APPLY, EMPTY, HELD, hold
from gradcert.properties.subject import Subject
from gradcert.reference import RULES

TABLE = tuple(RULES)
# laws that read several problems per example, in the family that costs least
STRUCTURE = ("affine", "batch-sum", "loss-steps", "permutation", "input-scale", "padding", "learner", "residual")
STRUCTURE += ("given-row", "padded-steps", "begins", "masks-of-ones", "chain", "registers", "split", "sparse")


@pytest.mark.parametrize("rule", TABLE)
def test_both_engines_compute_the_row_in_a_prime_field(rule):
    report = hold(Subject.of_reference(rule, family="field", convolution=None), LAWS["row"], examples=8, shrink=False)
    assert report.verdict == HELD, report
    assert report.telling >= report.examples // 2


@pytest.mark.parametrize("rule", [r for r in TABLE if RULES[r].feedback == "symmetric" and RULES[r].reach is None])
def test_rows_are_stopped_gradients_of_the_cells_own_steps(rule):
    for family, examples in (("field", 8), ("exact", 2)):
        subject = Subject.of_reference(rule, engine="reverse", family=family)
        report = hold(subject, LAWS["stopped"], examples=examples, shrink=False)
        assert report.verdict == HELD, report


@pytest.mark.long(keep=11)
@pytest.mark.parametrize("law", STRUCTURE)
@pytest.mark.parametrize("rule", ["ostl", "osttp", "tbptt-chunks"])
def test_structure_in_a_prime_field(law, rule):
    report = hold(Subject.of_reference(rule, family="field"), LAWS[law], examples=4, shrink=False)
    assert report.verdict in (HELD, DOES_NOT_APPLY), report


@pytest.mark.long(keep=4)
@pytest.mark.parametrize("law", [name for name in LAWS if name not in STRUCTURE])
def test_the_other_laws_on_ostl(law):
    for family in ("exact", "bounded"):
        report = hold(Subject.of_reference("ostl", family=family), LAWS[law], examples=2, shrink=False)
        assert report.verdict in (HELD, DOES_NOT_APPLY), report


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("law", tuple(LAWS))
def test_every_law_is_broken_by_a_member_of_the_gallery(law):
    subject = WRONG[BREAKERS[law]].subject()
    report = hold(subject, LAWS[law], examples=60, shrink=False)
    assert report.verdict == BROKEN, report
    assert isinstance(report.counterexample, Counterexample)


@pytest.mark.parametrize("law", ["given-row", "padded-steps", "begins", "masks-of-ones"])
def test_loops_that_read_everything_that_a_problem_can_have_hold_its_laws(law):
    """The breakers of these laws are these loops with one line changed."""
    right = replace(WRONG["F10_averaged_over_padding"].subject(), name="by hand", gradients=given.gradients)
    report = hold(right, LAWS[law], examples=12, shrink=False)
    assert report.verdict == HELD and report.telling > 6, report


def test_failing_examples_are_kept_replayed_and_readable(keep):
    subject = WRONG["T26_batch_summed_early"].subject()
    first = hold(subject, LAWS["row"], examples=30, keep=keep, shrink=False)
    assert first.verdict == BROKEN
    (written,) = keep.glob("*.json")
    assert '"inputs"' in written.read_text()
    # what is replayed comes first: without a kept example one draw would have to hit
    again = hold(subject, LAWS["row"], examples=1, keep=keep, shrink=False)
    assert again.verdict == BROKEN and again.examples == 0
    assert again.counterexample.problem.to_dict() == first.counterexample.problem.to_dict()


def test_a_subject_that_raises_is_a_verdict():
    def broken(problem):
        raise ZeroDivisionError("no luck")

    report = hold(Subject("broken", RULES["ostl"], broken), LAWS["row"], examples=2, shrink=False)
    assert report.verdict == BROKEN
    assert "no luck" in str(report.counterexample)


def test_nothing_ran_is_not_held():
    law = replace(LAWS["row"], check=lambda subject, draw: reject())
    assert hold(Subject.of_reference("ostl"), law, examples=2).verdict == EMPTY


@pytest.mark.long
def test_the_tightness_of_bounds_is_searched_in_both_directions():
    report = hold(Subject.of_reference("ottt", engine="reverse"), LAWS["bounds"], examples=16, shrink=False)
    assert report.verdict == HELD
    names = {f"{bound} / error" for bound in ("a priori", "online", "windowed", "componentwise")}
    assert set(report.extremes) == {f"{name}, {end}" for name in names for end in ("least", "most")}
    for name in names:
        # a bound is moved outward, and where it counts an error is off by a thousandth of itself at most
        assert 1 - 1 / bounds.SEEN <= report.extremes[f"{name}, least"] < report.extremes[f"{name}, most"]
    assert "windowed / error, least" in str(report)


def test_a_bound_that_is_too_small_breaks_its_law(monkeypatch):
    honest = bounds.bounds

    def shrunk(problem, rule):
        return {
            k: replace(b, tensors={n: v / 8 for n, v in b.tensors.items()}) for k, b in honest(problem, rule).items()
        }

    monkeypatch.setattr(bounds, "bounds", shrunk)
    report = hold(Subject.of_reference("ostl", engine="reverse"), LAWS["bounds"], examples=6, shrink=False)
    assert report.verdict == BROKEN and "bounds (" in str(report.counterexample)
