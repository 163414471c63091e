"""Arrays of 16 bits on their way from a subject, and into one."""

import json
import sys

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.subjects import encoded
from gradcert.certify.subjects.answers import decoded
from gradcert.certify.subjects.learner import from_json, start_of
from gradcert.reference.networks import Layer, Lif, Network, Problem

VALUES = [1.5, -0.25, 2.0**-130]
PROGRAM = """
import json, sys
from gradcert.reference.networks import problem_from_json
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

for line in sys.stdin:
    assert json.loads(line)["dtype"] == "bfloat16"
    p = problem_from_json(line).floats()
    g = reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"])
    print(json.dumps({"gradients": {k: v.tolist() for k, v in g.items()}}), flush=True)
"""


def test_a_tensor_of_bfloat16_comes_as_the_same_numbers_in_float32():
    torch = pytest.importorskip("torch", reason="needs torch: pip install torch")
    given = torch.tensor(VALUES, dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(decoded(encoded(given)), np.array(VALUES, dtype=np.float32))
    assert decoded(encoded(given.half().detach())).dtype == np.float16


def test_an_array_of_bfloat16_does_too():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="needs ml_dtypes: pip install ml_dtypes")
    found = decoded(encoded(np.array(VALUES, dtype=ml_dtypes.bfloat16)))
    np.testing.assert_array_equal(found, np.array(VALUES, dtype=np.float32))


def test_a_learner_is_started_with_numbers_of_the_format():
    network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    parameters = {name: value.astype("float32") for name, value in network.parameters(seed=1).items()}
    x, y = np.ones((4, 1, 2), np.float32), np.zeros((4, 1, 3), np.float32)
    start = start_of(Problem(network, parameters, x, y, format="bfloat16"))
    again = from_json(json.dumps(start.to_dict()))
    assert (again.dtype, again.parameters["layers.0.W"].dtype) == ("bfloat16", np.float32)
    np.testing.assert_array_equal(again.parameters["layers.0.W"], start.parameters["layers.0.W"])


@pytest.mark.long
def test_a_program_reads_numbers_that_are_exact_in_the_format(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    options = {"surrogate": {"name": "triangle", "scale": 0.5}, "gain": "one", "train": []}
    found = certify(
        [sys.executable, str(tmp_path / "program.py")],
        rule="bptt", cells="lif", depths=1, dtype="bfloat16", options=options, loss="squared_error", profile="quick",
    )  # fmt: skip
    assert found.verdict == "certified", found.reason
