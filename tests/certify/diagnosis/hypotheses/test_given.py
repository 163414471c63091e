"""What is done wrong with optional data and losses is named: of members of the gallery, and of what skips it."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import evidence_of
from gradcert.certify.diagnosis.causes import find
from gradcert.certify.diagnosis.hypotheses.forward_pass import values
from gradcert.certify.diagnosis.hypotheses.given import losses
from gradcert.certify.diagnosis.unrolled import on_floats
from gradcert.certify.problems import Spec, generate
from gradcert.certify.subjects import Answer
from gradcert.properties.gallery import WRONG
from gradcert.properties.gallery.wrong import given as members
from gradcert.reference import FLOAT64, RULES, reverse
from gradcert.reference.engines import run, tape_gradients


def explained(claim, gradients, *, when="every"):
    """Return the keys of what is found of wrong gradients, on two small cases that differ."""
    rule, cell = RULES[claim.rule], claim.cells[0]
    depth = max(claim.depths)
    cases = [generate(Spec(cell, depth, claim.losses[0], when, "bounded", k, k), claim) for k in range(2)]
    return find(evidence_of([(case, Answer(gradients=gradients(case.problem))) for case in cases]), rule).keys


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", [e.name for e in members.ENTRIES])
def test_a_member_of_the_gallery_is_named(name):
    entry = WRONG[name]
    claim = Claim(**{**entry.claim, "losses": "squared_error"})
    assert set(explained(claim, entry.gradients)) & set(entry.cause)


def solved(problem, rule="bptt"):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES[rule], feedback=problem.feedback or None, **problem.data)


def without_gradient(problem):
    return {k: 0 * v if k.startswith("initial.") else v for k, v in solved(problem).items()}


def as_loss(**options):
    return lambda problem: solved(problem.with_loss(**options))


def in_own_layer(problem):
    """Return the gradient with the layer's own term about activity, which credit from above does not bring down."""
    plain = solved(problem.with_loss(activity=()))
    (term,) = problem.network.loss.activity
    for i in range(problem.network.depth):
        alone = solved(problem.with_loss(activity=(replace(term, layers=(i,)),)))
        mine = [name for name in plain if name.startswith(f"layers.{i}.")]
        first = solved(problem.with_loss(activity=()))
        plain |= {name: plain[name] + alone[name] - first[name] for name in mine}
    return plain


def averaged_again(problem):
    (term,) = problem.network.loss.activity
    return solved(problem.with_loss(activity=(replace(term, strength=term.strength / len(problem.inputs)),)))


def silent_where_nothing_crosses(problem):
    """Return the gradient with no credit for outputs that never cross the level."""
    tape = run(problem)
    error = problem.network.loss.gradient(tape.outputs, problem.targets, FLOAT64)
    error = error * (tape.outputs > problem.network.loss.level).any(axis=0)
    return tape_gradients(tape, problem.targets, rule=RULES["bptt"], feedback={}, delta=error)


TERM = {"kind": "l2", "strength": 0.5}
LSTM = {"cells": "lstm", "depths": 1}
SUBJECTS = {
    "initial without a gradient": ({"cells": "rnn", "initial": "trained"}, without_gradient, "value:zero"),
    "masks of a held node": (
        {**LSTM, "masks": "c"}, lambda p: solved(replace(p, masks={})), "given:masks not read"
    ),
    "the first mask of a held node": (
        {**LSTM, "masks": "c"},
        lambda p: solved(replace(p, masks={k: np.repeat(m[:1], len(m), axis=0) for k, m in p.masks.items()})),
        "given:masks first step's",
    ),
    "weights that are squared": (
        {"cells": "rnn", "weights": True},
        lambda p: solved(replace(p, weights=p.weights**2)),
        "given:weights squared",
    ),
    "a mean for a sum": ({"when": "sum"}, as_loss(when="mean"), "loss:of mean"),
    "the last for the largest": ({"when": "max", "node": "v"}, as_loss(when="last"), "loss:of last"),
    "the spike for the potential": ({"node": "v"}, as_loss(node="z"), "loss:of node z"),
    "a sum over outputs": (
        {"outputs": "mean", "when": "sum"}, as_loss(outputs="sum"), "scale:times the number of outputs"
    ),
    "nothing where nothing crosses": (
        {"when": "first"}, silent_where_nothing_crosses, "loss:first silent"
    ),
    "no activity": ({"activity": [TERM]}, as_loss(activity=()), "given:activity not read"),
    "activity averaged once more": (
        {"activity": [TERM], "cells": "rnn", "readout": "rnn"},
        averaged_again,
        "given:activity averaged again",
    ),
    "activity in its own layer": (
        {"activity": [TERM], "cells": "rnn", "depths": 2}, in_own_layer, "given:activity not below"
    ),
}  # fmt: skip


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_skipped_is_named(name):
    parts, gradients, key = SUBJECTS[name]
    claim = Claim(**{"rule": "bptt", "cells": "lif", "depths": 1, "losses": "squared_error", "when": "every", **parts})
    assert explained(claim, gradients, when=claim.when[0]) == (key,)


def test_under_another_rule_a_beginning_that_is_not_read_is_named_too():
    claim = Claim("e-prop", "lif", 1, losses="squared_error", readout="integrator", begins=True,
                  options={"recurrent": True})  # fmt: skip
    found = explained(claim, lambda p: solved(replace(p, begins=None), "e-prop"))
    assert found == ("given:begins not read",)


def test_a_loss_that_nobody_can_have_is_not_tried():
    claim = Claim("bptt", "rnn", 1, losses="squared_error", when="every", time="mean", batch="mean", activity=[TERM])
    case = generate(Spec("rnn", 1, "squared_error", "every", "bounded", 0), claim)
    bench = on_floats(case.problem, RULES["bptt"])
    tried = list(losses.make(bench))
    assert "loss:time = sum" in {hypothesis.key for hypothesis in tried}
    assert all(hypothesis.compute(bench) for hypothesis in tried)


@pytest.mark.parametrize("masks", ["output", "v"])
def test_values_of_the_forward_pass_are_changed_under_masks_too(masks):
    claim = Claim("bptt", "lif", 2, losses="squared_error", when="every", masks=masks, begins=True, weights=True)
    bench = on_floats(generate(Spec("lif", 2, "squared_error", "every", "bounded", 0), claim).problem, RULES["bptt"])
    found = [h.compute(bench) for h in values.make(bench)]
    assert len(found) > 50
    assert sum(g is not None for g in found) > 50


@pytest.mark.long
def test_a_readout_without_the_gain_that_its_trace_has_is_named():
    claim = Claim("e-prop", "lif", 1, losses="squared_error", when="every", readout="integrator",
                  options={"bias": False}, readout_options={"bias": False})  # fmt: skip

    def gradients(problem):
        right = solved(problem, "e-prop")
        kappa = problem.network.layers[1].cell.kappa
        return {name: g * (1 - kappa) if name.startswith("layers.0") else g for name, g in right.items()}

    assert explained(claim, gradients) == ("factor:z<-a times (1 - kappa), below",)
