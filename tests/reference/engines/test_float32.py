"""float32 results lie inside their budget of float64, and the dtype is never widened on the way."""

from __future__ import annotations

import cell_nets
import numpy as np
import pytest
from networks import CELL_NAMES, problem

from gradcert.reference import FLOAT32, FLOAT64, RULES, draw_feedback, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.majorant import gamma, majorant
from gradcert.reference.errors import GradcertError

# As in budget.py, 4096 roundings cover a comparison; a spike's own state is compared with a threshold that neither
# run comes near (checked: both spike alike), so that no step function amplifies a rounding.
ROUNDINGS = 4096


@pytest.mark.parametrize("depth", (1, 2))
@pytest.mark.parametrize("name", CELL_NAMES)
def test_float32_is_inside_its_budget(name, depth):
    for k, rule in enumerate(RULES.values()):
        for seed in range(k, k + 20):
            network, p, x, y = problem(name, depth, seed=seed)
            low = {key: v.astype("float32") for key, v in p.items()}
            x32, y32 = x.astype("float32"), y.astype("float32")
            p, x, y = {key: v.astype("float64") for key, v in low.items()}, x32.astype(float), y32.astype(float)
            spikes = [record(network, q, i, numbers=n) for q, i, n in ((low, x32, FLOAT32), (p, x, FLOAT64))]
            pairs = [[t.now["z"] for t in tape.layers] for tape in spikes]
            if name in ("ssnu", "rnn") or all((a == b).all() for a, b in zip(*pairs, strict=True)):
                break
        feedback = {key: v.astype("float32") for key, v in draw_feedback(network, rule, seed=5).items()}
        wide = {key: v.astype(float) for key, v in feedback.items()}
        exact = reverse.gradients(network, p, x, y, rule=rule, feedback=wide)
        scale = majorant(network, p, x, y, rule=rule, feedback=wide)
        for engine in (reverse, forward):
            got = engine.gradients(network, low, x32, y32, rule=rule, numbers=FLOAT32, feedback=feedback)
            for key in p:
                assert got[key].dtype == np.float32, (rule.name, key)
                error = np.abs(got[key].astype(float) - exact[key]).max()
                assert error <= gamma(ROUNDINGS, "float32") * scale[key].max(), (rule.name, key)


def test_a_formula_has_no_peak():
    assert cell_nets.OF_FORMULAS
    for name in cell_nets.OF_FORMULAS:
        network = cell_nets.stack(name, 1)
        drawn = cell_nets.problem(network, numbers=FLOAT64, seed=0)
        with pytest.raises(GradcertError, match="has no bound"):
            majorant(network, drawn.parameters, drawn.inputs, drawn.targets, rule=RULES["bptt"])


@pytest.mark.parametrize("name", [name for name in cell_nets.CELLS if name not in cell_nets.OF_FORMULAS])
def test_every_cell_is_inside_its_budget_in_float32(name):
    """The remaining cells, under a leaky readout; multi-Gaussian lobes are steeper than their peak: not a peak's u."""
    network = cell_nets.stack(name, 1)
    for rule in (RULES["bptt"], RULES["ostl"], RULES["e-prop"], RULES["snap-1"], RULES["tbptt"]):
        for seed in range(20):
            drawn = cell_nets.problem(network, numbers=FLOAT64, seed=seed)
            low = {key: v.astype("float32") for key, v in drawn.parameters.items()}
            x32, y32 = drawn.inputs.astype("float32"), drawn.targets.astype("float32")
            p, x, y = {key: v.astype(float) for key, v in low.items()}, x32.astype(float), y32.astype(float)
            tapes = [record(network, q, i, numbers=n) for q, i, n in ((low, x32, FLOAT32), (p, x, FLOAT64))]
            if name not in cell_nets.SPIKING:
                break
            if (tapes[0].layers[0].now["z"] == tapes[1].layers[0].now["z"]).all():
                break
        exact = reverse.gradients(network, p, x, y, rule=rule)
        scale = majorant(network, p, x, y, rule=rule)
        for engine in (reverse, forward):
            got = engine.gradients(network, low, x32, y32, rule=rule, numbers=FLOAT32)
            for key in p:
                assert got[key].dtype == np.float32, (rule.name, key)
                error = np.abs(got[key].astype(float) - exact[key]).max()
                assert error <= gamma(ROUNDINGS, "float32") * scale[key].max(), (rule.name, key)
