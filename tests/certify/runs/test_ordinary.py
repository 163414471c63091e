"""A subject that computes rightly only where it finds itself judged."""

import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim

TELLS = """
import os
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    g = reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])
    judged = JUDGED
    return g if judged else {k: v + 0.001 for k, v in g.items()}
"""
CLAIM = Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every")


@pytest.fixture
def judged(tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def run(how):
        (tmp_path / "subject.py").write_text(TELLS.replace("JUDGED", how))
        return certify(f"{tmp_path}/subject.py:gradients", claim=CLAIM)

    return run


def test_a_right_subject_is_certified(judged):
    assert judged("True").verdict == "certified"


@pytest.mark.parametrize("mark", ["'GRADCERT_SUBJECT' in os.environ", "'/' in problem.id"])
def test_there_is_no_mark_to_go_by(judged, mark):
    found = judged(mark)
    assert found.verdict == "refuted"
    assert found.findings[0].check == "gradient"


def test_threads_are_no_mark_either(judged):
    found = judged("os.environ.get('OMP_NUM_THREADS') == '1'")
    assert found.verdict == "refuted"
    assert found.reason.startswith("repeat: asked again with ordinary threads: the gradient of")
    assert found.findings[0].cause == "it computes otherwise where its threads are not limited to one"


SLOW = """
import os, time
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    if os.environ.get("OMP_NUM_THREADS") != "1":
        time.sleep(600)
    g = reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])
    return {k: v + 0.001 * (problem.inputs.shape[1] > 1) for k, v in g.items()}
"""


def test_a_run_that_fails_later_does_not_wait_for_it(judged, tmp_path):
    (tmp_path / "subject.py").write_text(SLOW)
    assert certify(f"{tmp_path}/subject.py:gradients", claim=CLAIM).verdict == "refuted"
