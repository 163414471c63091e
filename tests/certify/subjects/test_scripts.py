"""Scripts that judge what they define, run as people run them: with threads of their own, and without a guard."""

import os
import subprocess
import sys

import pytest

SUBJECT = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def made(before):
    def gradients(problem):
        before()
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES["ostl"])
    return gradients

CLAIM = {"rule": "ostl", "cells": "snu", "depths": 1, "profile": "quick"}
"""


def run(tmp_path, text, **environment):
    (tmp_path / "script.py").write_text(SUBJECT + text, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | environment
    return subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200
    )


@pytest.mark.long
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors: OpenMP begins no second thread on one")
def test_a_script_that_has_used_pytorchs_threads_is_answered(tmp_path):
    """The process that is asked is a fork, in which they are not there any more."""
    pytest.importorskip("torch")
    large = "import torch\nlarge = torch.randn(1000, 1000)\nlarge.exp()\n"
    done = run(tmp_path, f"{large}print(gradcert.certify(made(lambda: large.exp()), **CLAIM).verdict)\n")
    assert done.stdout == "certified\n", done.stderr


def test_a_script_that_judges_itself_whenever_it_is_imported_is_told_so(tmp_path):
    judge = "def gradients(problem):\n    return made(lambda: None)(problem)\n\n"
    done = run(tmp_path, f"{judge}gradcert.certify(gradients, **CLAIM)\n")
    assert 'put what is to run once under if __name__ == "__main__":' in done.stderr
    guarded = f'{judge}if __name__ == "__main__":\n    print(gradcert.certify(gradients, **CLAIM).verdict)\n'
    assert run(tmp_path, guarded).stdout == "certified\n"
