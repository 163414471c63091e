"""Norse 1.1.0: what the adjoint steps, EventProp's equations, leave out of the steps that they belong to.

One neuron, all numbers by hand, decays 1/2, threshold 1/2.

* ``lif_feed_forward_adjoint_step`` runs ``lif_feed_forward_step``, whose input acts on the potential of its own step.
  The backward pass is that of a neuron whose input acts one step later: the derivative of a spike by the input of its
  own step is 0, and dv/dt at the spike is taken without that input, so that a spike out of rest divides by 0.
* ``lif_adjoint_step`` runs ``lif_step``, i = (i' + W x + H z') / 2, with the spike z' of the step before. Its gradient
  of H has the spike z of the step itself, which i does not depend on. i is linear in H: no surrogate is involved.
"""

import torch
from norse.torch.functional.adjoint.lif_adjoint import lif_adjoint_step, lif_feed_forward_adjoint_step
from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, LIFState, lif_feed_forward_step, lif_step

p = LIFParameters(
    tau_syn_inv=torch.tensor(0.5), tau_mem_inv=torch.tensor(0.5), v_th=torch.tensor(0.5), v_leak=torch.tensor(0.0)
)


def number(value, *, trained=False):
    """Return a tensor of one entry."""
    return torch.tensor([[value]], dtype=torch.float64, requires_grad=trained)


def by_input_and_potential(step):
    """Return the derivatives of a spike out of rest by its input, and by the potential before."""
    x, v, i = number(1.5, trained=True), number(0.0, trained=True), number(0.0, trained=True)
    z, _ = step(x, LIFFeedForwardState(v, i), p, dt=1.0)
    assert z.item() == 1
    return [0.0 if g is None else g.item() for g in torch.autograd.grad(z.sum(), (x, v), allow_unused=True)]


psi = 1 / (1 + 0.25) ** 2  # the surrogate at v - 1/2 = 1/4
own, adjoint = by_input_and_potential(lif_feed_forward_step), by_input_and_potential(lif_feed_forward_adjoint_step)
print("lif_feed_forward_step        ", own, "by hand", [psi / 2, psi / 2])
print("lif_feed_forward_adjoint_step", adjoint, "by hand, dv/dt = (0 - 0 + 0) / 2:", [0.0, float("inf")])
assert all(abs(g - psi / 2) <= 16 * 2.0**-53 for g in own)
assert adjoint == [0.0, float("inf")]


def by_recurrent_weight(step, before, now):
    """Return d i / d H, where the neuron spiked before, and spikes now, or not."""
    w, h = number(0.0), number(0.25, trained=True)
    # i' = 2 makes a spike; the lateral weight alone, 1/4, does not
    z, state = step(number(0.0), LIFState(number(before), number(0.0), number(2.0 * now)), w, h, p, dt=1.0)
    assert z.item() == now
    return torch.autograd.grad(state.i.sum(), h)[0].item()


for before, now in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
    dense, found = by_recurrent_weight(lif_step, before, now), by_recurrent_weight(lif_adjoint_step, before, now)
    print(
        f"spikes {before}, then {now}: d i / d H {found} by lif_adjoint_step, {dense} by lif_step, by hand {before / 2}"
    )
    assert dense == before / 2 and found == now
