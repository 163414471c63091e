"""Norse 1.1.0: the parameter ``alpha`` of the default surrogate has no effect.

SuperSpike is documented as 1 / (alpha |x| + 1)^2 with alpha = 100; the backward pass is 1 / (|x| + 1)^2 for every
alpha. The two oracles are the two formulas, at 41 points.
"""

import torch
from norse.torch.functional.threshold import threshold


def slope(x, alpha):
    """Return the derivative of the spike at x."""
    x = x.clone().requires_grad_()
    threshold(x, "super", alpha).sum().backward()
    return x.grad


x = torch.linspace(-2, 2, 41, dtype=torch.float64)
for alpha in (1.0, 10.0, 100.0):
    found, written = slope(x, alpha), 1 / (alpha * x.abs() + 1) ** 2
    print(f"alpha {alpha:5}: differs from the documented slope by up to {(found - written).abs().max():.2f}", end=", ")
    print(f"from alpha = 1 by {(found - slope(x, 1.0)).abs().max():.1g}")
    assert torch.equal(found, slope(x, 1.0))
    assert torch.equal(found, written) is (alpha == 1.0)
