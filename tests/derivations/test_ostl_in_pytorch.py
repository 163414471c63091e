"""What the lesson on OSTL says of late connections and of PyTorch's graphs, by torch.autograd on two layers of SNUs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch")

LEAK, THRESHOLD, STEPS, UNITS = 0.8, 0.5, 6, 2
NOTHING = torch.zeros(UNITS, dtype=torch.float64)


def unit(a, v, z):
    new = torch.tanh(a + LEAK * v * (1 - z))
    return new, torch.sigmoid(new - THRESHOLD)


def drawn(layers):
    draw = np.random.default_rng(3)
    weights = [torch.tensor(draw.standard_normal((UNITS, UNITS)), requires_grad=True) for _ in range(2 * layers)]
    return weights, *(torch.tensor(draw.random((STEPS, UNITS))) for _ in range(2))


@pytest.mark.parametrize("late", [1, 2, 3])
def test_a_late_lateral_connection_meets_the_eligibility_of_its_own_step(late):
    (W, H), x, y = drawn(1)
    v, z, spikes, loss = NOTHING, NOTHING, [NOTHING] * late, 0.0
    own = torch.eye(UNITS, dtype=torch.float64)
    trace = torch.zeros(UNITS, UNITS, UNITS, dtype=torch.float64)
    es, slope, online = [trace] * late, NOTHING, torch.zeros_like(H)
    over, overs, limit = trace, [trace] * late, torch.zeros_like(H)  # the same of sizes: what roundings are a share of
    for t in range(STEPS):
        old_v, old_z, heard = v, z, spikes[-late]
        v, z = unit(W @ x[t] + H @ heard, old_v, old_z)
        spikes.append(z)
        loss = loss + 0.5 * ((z - y[t]) ** 2).sum()
        with torch.no_grad():  # @{recursion}, its lateral term with the eligibility of as many steps ago
            J = torch.diag(LEAK * (1 - old_z) - LEAK * old_v * slope)
            into = torch.tensordot(J, trace, 1) + torch.tensordot(H, es[-late], 1) + own[:, :, None] * heard
            sizes = torch.diag(LEAK * (1 - old_z) + (LEAK * old_v * slope).abs())
            over = torch.tensordot(sizes, over, 1) + torch.tensordot(H.abs(), overs[-late], 1) + own[:, :, None] * heard
            trace = (1 - v**2)[:, None, None] * into
            over = (1 - v**2)[:, None, None] * over
            slope = z * (1 - z)
            es.append(slope[:, None, None] * trace)
            overs.append(slope[:, None, None] * over)
            limit += torch.tensordot((z - y[t]).abs(), overs[-1], 1)
            online += torch.tensordot(z - y[t], es[-1], 1)
    (exact,) = torch.autograd.grad(loss, H)
    # of both programs a path has at most 30 roundings a step: factors, products, sums over the paths beside it
    assert ((online - exact).abs() <= 2 * 30 * STEPS * 2.0**-53 * limit).all()


def signals(attached, together=False):
    """Return the slope of losses by the lower layer's outputs, step by step, and what a backward of a step gives W."""
    (W, H, U, G), x, y = drawn(2)
    state, found, outputs, losses = [NOTHING] * 4, [], [], []
    for t in range(STEPS):
        v, z, upper_v, upper_z = state if attached else [s.detach() for s in state]
        v, z = unit(W @ x[t] + H @ z, v, z)
        upper_v, upper_z = unit(U @ z + G @ upper_z, upper_v, upper_z)
        state = [v, z, upper_v, upper_z]
        losses.append(0.5 * ((upper_z - y[t]) ** 2).sum())
        outputs.append(z)
        if not together:
            found.append(torch.autograd.grad(losses[-1], z, retain_graph=True)[0])
    if together:
        found = torch.autograd.grad(sum(losses), outputs, retain_graph=True)
    return torch.stack(list(found)), torch.autograd.grad(losses[-1], W)[0]


def test_the_learning_signal_is_of_a_step_whether_the_past_is_attached_or_not():
    detached, last = signals(attached=False)
    attached, with_past = signals(attached=True)
    assert torch.equal(detached, attached)  # no output of this step acts on an older one
    credits, _ = signals(attached=True, together=True)
    assert torch.equal(credits[-1], detached[-1]) and not torch.allclose(credits[:-1], detached[:-1], rtol=0.01)
    assert not torch.allclose(last, with_past, rtol=0.01)  # the weights' past is in what a backward gives them
