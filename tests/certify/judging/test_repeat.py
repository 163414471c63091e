"""The same problem again: other bits within the budget are rounding, whatever they are of; more is a state."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.judging.repeat import beyond_rounding, differing
from gradcert.certify.problems import Spec, generate
from gradcert.certify.subjects import Answer


@pytest.fixture(scope="module")
def case():
    claim = Claim(rule="bptt", cells="rnn", dtype="float32")
    return generate(Spec("rnn", 1, "squared_error", "every", "bounded"), claim)


def answer(case):
    def single(bounds):
        return np.asarray(bounds.value, dtype=np.float32)

    gradients = {name: single(bounds) for name, bounds in case.expected.gradients.items()}
    return Answer(gradients=gradients, loss=single(case.expected.loss), outputs=single(case.expected.outputs))


@pytest.mark.parametrize("what", ["loss", "outputs"])
def test_loss_and_outputs_may_be_rounded_otherwise(case, what):
    first = answer(case)
    value = getattr(first, what)
    near = replace(first, **{what: np.asarray(np.nextafter(value, np.float32(np.inf)))})
    assert differing(first, near) == [what] and beyond_rounding(case, first, near) == []
    far = replace(first, **{what: np.asarray(value + np.float32(0.01))})
    assert beyond_rounding(case, first, far) == [what]
    assert beyond_rounding(case, first, replace(first, **{what: None})) == [what]


def test_an_answer_of_gradients_alone_has_no_loss_to_differ(case):
    alone = Answer(gradients=answer(case).gradients)
    assert beyond_rounding(case, alone, alone) == []
