"""snnTorch 1.0.0: the ``beta`` of ``Lapicque``, "RC potential decay rate", is not what the potential decays by.

From beta the neuron makes a capacitance, R C = 1 / log(1 / beta), and then takes a step of Euler, 1 - 1 / (R C), which
is 1 - log(1 / beta): for beta = 1/2 the potential decays by 0.307, below 1/e it changes its sign, below 1/e^2 it grows.
"""

import math

import snntorch
import torch


def decay(beta):
    """Return the potential a step after it was 1, without input and far below the threshold."""
    neuron = snntorch.Lapicque(beta=torch.tensor(beta), threshold=1e6)
    _, potential = neuron(torch.zeros(1, 1), torch.ones(1, 1))
    return potential.item()


for beta in (0.95, 0.5, 0.25, 0.125):
    found, computed = decay(beta), 1 - math.log(1 / beta)
    print(f"beta = {beta}: the potential goes from 1 to {found:.6f}; documented {beta}, by hand {computed:.6f}")
    assert abs(found - computed) <= 16 * 2.0**-24 * (1 + abs(computed))  # a handful of operations in float32
    assert abs(found - beta) > 1e-3
