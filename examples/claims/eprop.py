"""e-prop in NumPy, forward in time, on recurrent LIF neurons under a leaky readout; and its mistakes.

`gradcert certify examples/claims/eprop.py:gradients --claim examples/claims/readout_trace.toml`. A mistake has the name
of the claim that it breaks, `wrong_readout_trace`.
"""

from functools import partial

import numpy as np


def psi(x):
    """Return the pseudo-derivative of the claims: atan with scale 2."""
    return 1 / (1 + (np.pi * x) ** 2)


def gradients(problem, mistake=""):
    """Return gradients: of the readout, and of the hidden layer by its eligibility traces."""
    hidden, readout = (layer.cell for layer in problem.network.layers)
    p, x, y = problem.parameters, problem.inputs, problem.targets
    W, H, b, out = (p[f"layers.{name}"] for name in ("0.W", "0.H", "0.b", "1.W"))
    n, batch, kappa = len(W), x.shape[1], readout.kappa
    filtered = hidden.leak if mistake == "readout_trace" else kappa  # the decay of another layer
    v, z, o = np.zeros((batch, n)), np.zeros((batch, n)), np.zeros((batch, len(out)))
    trace = {"W": np.zeros((batch, W.shape[1])), "H": np.zeros((batch, n)), "b": np.zeros((batch, 1))}
    seen = {k: np.zeros((batch, n, trace[k].shape[1])) for k in trace}  # by the readout
    read = {"W": np.zeros((batch, n)), "b": np.zeros((batch, 1))}
    grads = {k: np.zeros_like(value) for k, value in p.items()}
    plain, rates = [], np.zeros((batch, n))
    for t in range(len(x)):
        now = {"W": x[t], "H": z, "b": np.ones((batch, 1))}
        v = hidden.leak * (v - hidden.threshold * z) + x[t] @ W.T + z @ H.T + b
        slope = psi(v - hidden.threshold)
        z = (v >= hidden.threshold).astype(float)
        rates += z / len(x)
        for k in trace:
            trace[k] = hidden.leak * trace[k] + now[k]
        eligible = {k: slope[:, :, None] * trace[k][:, None, :] for k in trace}
        plain.append(eligible)
        seen = {k: filtered * seen[k] + eligible[k] for k in seen}
        read = {"W": kappa * read["W"] + z, "b": kappa * read["b"] + 1}
        o = kappa * o + z @ out.T + p["layers.1.b"]
        error = o - y[t]
        signal = error @ out
        if mistake == "hidden_signal":  # a readout that was frozen, and its weights with it
            signal = 0 * signal
        grads["layers.1.W"] += error.T @ read["W"]
        grads["layers.1.b"] += (error * read["b"]).sum(axis=0)
        for k in seen:
            grads[f"layers.0.{k}"] += np.einsum("bn,bni->ni", signal, seen[k]).reshape(grads[f"layers.0.{k}"].shape)
    for term in problem.network.loss.activity:  # a rate: its credit is the same at every step, through the plain trace
        credit = term.strength * (rates - term.target) / len(x)
        for k in seen:
            whole = sum(eligible[k] for eligible in plain)
            if mistake == "rate_trace":  # added to the learning signal, and filtered with it
                whole = sum(filtered_sum(plain, k, kappa))
            grads[f"layers.0.{k}"] += np.einsum("bn,bni->ni", credit, whole).reshape(grads[f"layers.0.{k}"].shape)
    return grads


def filtered_sum(plain, k, kappa):
    """Yield the traces as the readout sees them."""
    seen = 0
    for eligible in plain:
        seen = kappa * seen + eligible[k]
        yield seen


NAMES = ("readout_trace", "hidden_signal", "rate_trace")
globals().update({f"wrong_{name}": partial(gradients, mistake=name) for name in NAMES})
