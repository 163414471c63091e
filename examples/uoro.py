"""UORO (arXiv 1702.05043) by hand, for one tanh layer: an estimate of RTRL's gradient with random signs.

Claim: rule ``rtrl``, class ``unbiased``: a single estimate is wrong, the mean over the signs is right. The sensitivity
of the state, one matrix for all parameters, is kept as one outer product a b^T per sample:

    a^t = r0 J a^(t-1) + r1 nu,   b^t = b^(t-1) / r0 + nu^T D / r1,   E [a b^T] = dh^t/dw,   estimate = sum_t (q . a) b

with fresh signs nu at every step. Randomness comes from ``problem.seed``, so that a run can be repeated to the bit.
"""

import numpy as np

import gradcert


def ratio(above, below):
    """The factor that evens out two norms, 1 where one of them vanishes; one for every sample."""
    dead = (above == 0) | (below == 0)
    return np.sqrt(np.where(dead, 1.0, above) / np.where(dead, 1.0, below))


@gradcert.claim(
    rule="rtrl", cells="rnn", depths=1, losses="squared_error", options={"activation": "tanh"}, acceptance="unbiased"
)
def gradients(problem):
    """Return one estimate."""
    W, H, bias = (problem.parameters[f"layers.0.{k}"] for k in ("W", "H", "b"))
    (steps, batch, _), n = problem.inputs.shape, len(bias)
    rng = np.random.default_rng(problem.seed)
    h = a = np.zeros((batch, n))
    b = np.zeros((batch, n, W.shape[1] + n + 1))
    total = np.zeros(b.shape[1:])
    for t, x in enumerate(problem.inputs):
        presynaptic = np.concatenate([x, h, np.ones((batch, 1))], axis=1)
        h = np.tanh(presynaptic @ np.column_stack([W, H, bias]).T)
        slope = 1 - h**2
        nu = rng.choice([-1.0, 1.0], size=(batch, n))
        moved = slope * (a @ H.T)
        fresh = (nu * slope)[:, :, None] * presynaptic[:, None, :]
        r0 = ratio(np.linalg.norm(b, axis=(1, 2)), np.linalg.norm(moved, axis=1))[:, None]
        r1 = ratio(np.linalg.norm(fresh, axis=(1, 2)), np.linalg.norm(nu, axis=1))[:, None]
        a = r0 * moved + r1 * nu
        b = b / r0[:, :, None] + fresh / r1[:, :, None]
        if problem.network.loss.when == "every" or t == steps - 1:
            error = h - problem.targets[t]
            total += np.einsum("b,bij->ij", (error * a).sum(axis=1), b)
    parts = np.split(total, [W.shape[1], W.shape[1] + n], axis=1)
    return {"layers.0.W": parts[0], "layers.0.H": parts[1], "layers.0.b": parts[2][:, 0]}
