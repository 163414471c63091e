"""snnTorch 1.0.0: after a spike, ``reset_mechanism="zero"`` spares the next input in ``Leaky``, not in ``RLeaky``.

One neuron, beta 1/2, threshold 1, inputs 2 then 3/4, no lateral weight; all numbers are dyadic, so equality is exact.
"""

import snntorch
import torch

inputs = (2.0, 0.75)


def membrane(neuron, *state):
    """Return the membrane potential after each input."""
    out = []
    for x in inputs:
        *_, mem = result = neuron(torch.tensor([[x]]), *state)
        state = result if len(state) == 2 else (mem,)
        out.append(mem.item())
    return out


zero = torch.zeros(1, 1)
leaky = snntorch.Leaky(beta=0.5, reset_mechanism="zero")
rleaky = snntorch.RLeaky(beta=0.5, linear_features=1, reset_mechanism="zero")
torch.nn.init.zeros_(rleaky.recurrent.weight)
torch.nn.init.zeros_(rleaky.recurrent.bias)
kept, lost = membrane(leaky, zero), membrane(rleaky, zero, zero)
print("Leaky", kept, "RLeaky", lost)
assert kept == [2.0, 0.75]  # (1 - spike) * 1/2 * 2 + 3/4
assert lost == [2.0, 0.0]  # (1 - spike) * (1/2 * 2 + 3/4)
