"""The error budget of the reference tests: gamma_N times the gradient computed with absolute values, per parameter.

Every network here has at most 3 layers of at most 8 units and at most 8 steps. A path of the gradient crosses at most
8 * 3 layers; at each, both the state that it is linearised at and the credit that it carries take a sum over 8 units
and at most 16 further operations: 24 * 2 * (8 + 16) = 1152 roundings a side. N = 4096 covers two sides, with the
forward error of the states entering through factors whose slopes are at most a few times their peak. It is compared
with the largest entry of the majorant, and comes to 4.5e-13 of it.
"""

from __future__ import annotations

import numpy as np

from gradcert.reference.engines.majorant import gamma, majorant

ROUNDINGS = 4096


def worst(network, parameters, inputs, targets, rule, feedback, mine, theirs, **data):
    """Return the largest error in units of the budget: at most 1 means equal to rounding."""
    scale = majorant(network, parameters, inputs, targets, rule=rule, feedback=feedback, **data)
    out = 0.0
    for name, bound in scale.items():
        error, budget = np.abs(mine[name] - theirs[name]).max(), gamma(ROUNDINGS) * bound.max()
        assert budget > 0 or error == 0, name
        out = max(out, float(error / budget) if budget else 0.0)
    return out
