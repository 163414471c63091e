"""e-prop of adaptive neurons as one writes it by hand: mistakes in one line of its traces are named."""

import numpy as np
import pytest

from gradcert.certify.campaign import certify

CLAIM = {"cells": "alif", "depths": 1, "readout": "integrator", "losses": "squared_error", "when": "every"}
CLAIM |= {"rule": "e-prop", "options": {"recurrent": True}}


def eprop(problem, *, stale=False, adaptive=True, filtered=True):
    """Return e-prop's gradients (Bellec et al. 2020), an array of traces per weight.

    Parameters
    ----------
    stale : read the filtered inputs before they are updated. `adaptive` : keep the trace of the adaptation.
    filtered : filter the eligibility for the leaky readout.
    """
    cell, out = (layer.cell for layer in problem.network.layers)
    p, T = problem.parameters, problem.targets
    wide = [np.broadcast_to(np.asarray(v, float), len(p["layers.0.b"])) for v in (cell.leak, cell.beta, cell.rho)]
    leak, beta, rho = (v[:, None] for v in wide)
    threshold, kappa = np.asarray(cell.threshold, float), np.asarray(out.kappa, float)
    B, n = T.shape[1], len(p["layers.0.b"])
    v = k = z = psi = np.zeros((B, n))
    o = np.zeros(T.shape[1:])
    feeds = {"W": problem.inputs.shape[2], "H": n, "b": 1}
    x_bar = {name: np.zeros((B, n, m)) for name, m in feeds.items()}
    eps = {name: np.zeros((B, n, m)) for name, m in feeds.items()}
    e_bar = {name: np.zeros((B, T.shape[2], n, m)) for name, m in feeds.items()}
    z_bar, ones = np.zeros((B, T.shape[2], n)), np.zeros(T.shape[1:])
    g = {name: 0.0 for name in ("W", "H", "b", "out W", "out b")}
    for t, x in enumerate(problem.inputs):
        fed = {"W": x[:, None, :], "H": z[:, None, :], "b": np.ones((B, 1, 1))}
        eps = {m: psi[..., None] * x_bar[m] + (rho - beta * psi[..., None]) * eps[m] for m in feeds}
        k = wide[2] * k + z
        v = wide[0] * v + x @ p["layers.0.W"].T + z @ p["layers.0.H"].T + p["layers.0.b"] - threshold * z
        u = v - threshold - wide[1] * k
        z = (u > 0 if cell.strict else u >= 0).astype(float)
        old, x_bar = x_bar, {m: leak * x_bar[m] + fed[m] for m in feeds}
        psi = 0.3 * np.maximum(0, 1 - np.abs(u))
        read = old if stale else x_bar
        e = {m: psi[..., None] * (read[m] - adaptive * beta * eps[m]) for m in feeds}
        filter_ = kappa if filtered else 0 * kappa
        e_bar = {m: np.multiply(filter_, 1.0)[..., None, None] * e_bar[m] + e[m][:, None] for m in feeds}
        z_bar, ones = np.multiply(kappa, 1.0)[..., None] * z_bar + z[:, None], kappa * ones + 1
        o = kappa * o + z @ p["layers.1.W"].T + p["layers.1.b"]
        error = o - T[t]
        for m in feeds:
            g[m] = g[m] + np.einsum("nk,ki,nkij->ij", error, p["layers.1.W"], e_bar[m])
        g["out W"] = g["out W"] + np.einsum("nk,nki->ki", error, z_bar)
        g["out b"] = g["out b"] + (error * ones).sum(0)
    names = {"layers.0.W": g["W"], "layers.0.H": g["H"], "layers.0.b": g["b"][:, 0]}
    return {**names, "layers.1.W": g["out W"], "layers.1.b": g["out b"]}


def judged(**mistake):
    return certify(lambda problem: eprop(problem, **mistake), profile="quick", **CLAIM)


def test_by_hand_it_is_e_prop():
    assert judged().verdict == "certified"


@pytest.mark.parametrize(
    ("mistake", "cause"),
    [
        ({"stale": True}, "it equals e-prop with the trace of v read before it is updated"),
        ({"adaptive": False}, "it equals e-prop without ADAPTATION"),
        ({"filtered": False}, "e-prop without STATE in the readout"),
    ],
)
def test_a_line_of_its_traces_is_named(mistake, cause):
    found = judged(**mistake)
    assert found.verdict == "refuted" and cause in found.reason, found.reason
