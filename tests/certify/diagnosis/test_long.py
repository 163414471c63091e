"""What explains the short cases alone is no cause: a long case disproves it, and the sentence says as much."""

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis.hypotheses.backward import timing

OPTIONS = {
    "recurrent": False, "gain": "one", "rest": 0.0, "reset": "subtract_before_leak", "strict": True, "train": [],
    "surrogate": "atan",
}  # fmt: skip
CLAIM = Claim(rule="tbptt-chunks(5) - reset", cells="lif", depths=1, losses="squared_error", when="every",
              options=OPTIONS)  # fmt: skip


def off_by(shift):
    """BPTT of one LIF layer by hand, its reset detached, cut before step t where t + shift is a multiple of 5."""

    def gradients(problem):
        (layer,) = problem.network.layers
        p, x, cell = problem.parameters, problem.inputs, layer.cell
        v, z = (np.zeros((len(x), x.shape[1], layer.units)) for _ in range(2))
        for t in range(len(x)):
            kept = v[t - 1] - cell.threshold * z[t - 1] if t else 0
            v[t] = cell.leak * kept + x[t] @ p["layers.0.W"].T + p["layers.0.b"]
            z[t] = v[t] > cell.threshold
        out, carried = {k: 0 * a for k, a in p.items()}, 0 * v[0]
        for t in reversed(range(len(x))):
            psi = 1 / (1 + (np.pi * (v[t] - cell.threshold)) ** 2)
            credit = (z[t] - problem.targets[t]) * psi + carried
            out["layers.0.W"] += credit.T @ x[t]
            out["layers.0.b"] += credit.sum(axis=0)
            carried = 0 * credit if t and (t + shift) % 5 == 0 else cell.leak * credit
        return out

    return gradients


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("shift", "cause"),
    [(0, ""), (1, "the first chunk has 4 steps, every other 5"), (-1, "has 1 step, every")],
)
def test_a_cut_one_step_off_is_no_other_length(shift, cause):
    found = certify(off_by(shift), claim=CLAIM, profile="default")
    assert (found.verdict == "certified") == (not cause), found.reason
    assert cause in found.reason


@pytest.mark.long
def test_without_that_hypothesis_the_length_is_no_cause(monkeypatch):
    monkeypatch.setattr(timing, "_cut_from", lambda first, chunk, graph, tape, _: graph)
    found = certify(off_by(1), claim=CLAIM, profile="default")
    assert "no known mistake explains it; up to " in found.reason
    assert "steps it equals tbptt-chunks(5) - reset with chunks of 4 steps" in found.reason
    assert ", but not over 150" in found.reason
