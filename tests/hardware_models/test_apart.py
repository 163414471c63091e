"""Faults that fit are told apart by asking: chance does not survive it, a fault that is there does."""

import numpy as np
import pytest

from gradcert.hardware_models.agreement.apart import NAMED, PROOF, told_apart
from gradcert.hardware_models.agreement.telling import columns_after
from gradcert.hardware_models.agreement.variants import variants
from gradcert.hardware_models.catalogue import pairs, program
from gradcert.hardware_models.description.program import with_lanes
from gradcert.hardware_models.description.random import random_inputs, random_states
from gradcert.hardware_models.description.ranges import can_overflow, reaches
from gradcert.hardware_models.subject import causes, judge_answers, steps_of


@pytest.fixture(scope="module")
def described():
    return program("q-format", "ottt", inputs=2, neurons=2, outputs=1)


def asked(described, fault):
    """Return what an implementation with a fault answers: its next states alone."""

    def ask(leaves):
        columns, _ = columns_after(fault.program, fault.leaves(leaves))
        return {n: columns[n] for n in columns if n.partition("[")[0] in described.next.values()}

    return ask


def named(described, says):
    return next(v for v in variants(described) if says in str(v))


def test_a_fault_that_fits_by_chance_does_not_survive_and_the_one_that_is_there_does(described):
    leaves = steps_of(described, 200, 2)
    fault = named(described, "credit rounds nearest, ties up")
    ask = asked(described, fault)
    fitting = causes(described, leaves, ask(leaves))
    assert len(fitting) > 1
    found = told_apart(described, leaves, ask(leaves), fitting, ask, 2)
    assert [str(v) for v in found.named] == [str(fault)] and found.wrong >= PROOF


def test_faults_that_are_the_same_are_all_named(described):
    leaves = steps_of(described, 200, 0)
    ask = asked(described, named(described, "comparison: z.next compares with >"))
    result = judge_answers(described, leaves, ask(leaves), ask=ask)
    assert {v.place for v in result.causes} == {"z.next", "v.zero"}  # a - b > 0 and a - b >= 1: no step differs
    assert result.searched > 500_000 and result.steps > len(leaves["x"])


def test_with_too_few_wrong_steps_nothing_is_named(described):
    """Where nothing more is searched, one wrong step names no fault, though one reproduces it."""
    leaves = steps_of(described, 200, 0)
    fault = named(described, "signal rounds nearest, ties up")
    ask = asked(described, fault)
    fitting = causes(described, leaves, ask(leaves))
    found = told_apart(described, leaves, ask(leaves), fitting, ask, 0, runs=0)
    assert found.left and found.wrong < NAMED and found.named == () and found.searched == 0


def test_what_is_asked_is_judged_too(described):
    """An implementation that is right where it is asked has no fault that explains the run."""
    leaves = steps_of(described, 200, 0)
    fault = named(described, "signal rounds nearest, ties up")
    first = asked(described, fault)(leaves)
    right = asked(described, next(v for v in variants(described) if str(v) == str(fault)))

    def sane(more):
        columns, _ = columns_after(described, more)
        return {n: columns[n] for n in right(more)}

    result = judge_answers(described, leaves, first, ask=sane)
    assert result.first is not None and result.causes == () and result.unproved == () and result.tried > 200


@pytest.mark.parametrize(("profile", "rule"), [("q-format", "ottt"), ("reckon", "e-prop"), ("spinnaker", "fptt")])
def test_every_value_that_can_leave_its_format_has_a_variant_without_its_limit(profile, rule):
    assert (profile, rule) in pairs(fixed=True)
    step = program(profile, rule)
    free = {v.place: v for v in variants(step) if v.kind == "no guard"}
    silent = ("ge", "gt", "sign", "bernoulli", "rename")
    assert {n for n in can_overflow(step) if step.node(n).kind not in silent} <= set(free)
    for place, variant in free.items():
        if " and " not in place:
            low, high = reaches(step)[place]
            wide = variant.program.node(place).format
            assert wide.low <= low <= high <= wide.high and wide.radix == step.node(place).format.radix


def test_without_a_limit_a_value_stays_as_it_is(described):
    wide = with_lanes(described, 4096)
    leaves = {**random_inputs(wide, 1, 0)[0], **random_states(wide, 0)}
    free = named(described, "no guard: v.next does not saturate")
    right, wrong = columns_after(described, leaves)[0], columns_after(free.program, leaves)[0]
    held = np.clip(wrong["v.next[0]"], -(2**15), 2**15 - 1)
    assert (held == right["v.next[0]"]).all() and (wrong["v.next[0]"] != held).any()
