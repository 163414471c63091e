"""What the pages of e-prop and OTTT say beside their rule: the exact factorisation, and what a lower layer gets."""

import numpy as np
import pytest

from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference import RULES, Alif, Integrator, Layer, Lif, Network, Rnn, Surrogate
from gradcert.reference.engines import record, reverse

#: a few hundred operations on numbers below 4, each rounded by 2^-53 of its result
CLOSE = 400 * 4 * 2.0**-53


def text(name):
    return "\n".join(lesson(name).texts()).replace("\n", " ")


def alif_traces(cell, now, source):
    """Return the slopes, and the eligibilities of W as (time, unit, input), by the lines of e-prop's page."""
    v, k = now["v"][:, 0], now["k"][:, 0]
    psi = 0.3 * np.maximum(0, 1 - abs(v - cell.threshold - cell.beta * k))
    trace, slow, found = np.zeros(source.shape[1]), np.zeros((v.shape[1], source.shape[1])), []
    for t in range(len(v)):
        if t:
            slow = psi[t - 1][:, None] * trace + (cell.rho - cell.beta * psi[t - 1])[:, None] * slow
        trace = cell.leak * trace + source[t]
        found.append(psi[t][:, None] * (trace - cell.beta * slow))
    return psi, np.array(found)


@pytest.mark.parametrize("h12", [0.6, -0.4, 0.0])
def test_with_all_paths_that_leave_the_spike_the_factorisation_is_exact(h12):
    """Formula `total`, credits by a recursion of the test's own; with the first term alone it is e-prop."""
    net, p, x, y = network(example("eprop"), {"h12": h12})
    cell, kappa = net.layers[0].cell, net.layers[1].cell.kappa
    tape = record(net, p, x)
    psi, e = alif_traces(cell, tape.layers[0].now, x[:, 0])
    signal = (tape.outputs[:, 0] - y[:, 0]) @ p["layers.1.W"]
    steps, units = signal.shape
    # backwards: credit of the potential and of the adaptation of each step
    v_bar, k_bar = np.zeros((steps + 1, units)), np.zeros((steps + 1, units))
    first, total = np.zeros((steps, units)), np.zeros((steps, units))
    for t in reversed(range(steps)):
        first[t] = signal[t] + (kappa * first[t + 1] if t + 1 < steps else 0)
        total[t] = first[t] + p["layers.0.H"].T @ v_bar[t + 1] - cell.threshold * v_bar[t + 1]
        z_bar = total[t] + k_bar[t + 1]  # and ADAPTATION, which the eligibility has already
        v_bar[t] = psi[t] * z_bar + cell.leak * v_bar[t + 1]
        k_bar[t] = -cell.beta * psi[t] * z_bar + cell.rho * k_bar[t + 1]
    for credit, rule in ((total, "bptt"), (first, "e-prop")):
        mine = np.einsum("ti,tij->ij", credit, e)
        code = reverse.gradients(net, p, x, y, rule=RULES[rule])["layers.0.W"]
        assert np.abs(mine - code).max() <= CLOSE
    assert np.abs(total - first).max() > 1e-3


def test_eprop_in_a_lower_layer_is_the_printed_sum():
    cells = [Alif(bias=False, beta=0.3, threshold=0.6, scaling="none", recurrent=True, surrogate=Surrogate("triangle", scale=0.3))] * 2
    readout = Integrator(kappa=0.8, bias=False)
    net = Network(
        layers=(*(Layer(c, inputs=n, units=5) for c, n in zip(cells, (3, 5), strict=True)), Layer(readout, inputs=5, units=2))
    )
    rng = np.random.default_rng(5)
    p, x, y = net.parameters(seed=3, scale=1.5), (rng.random((8, 1, 3)) < 0.6) * 1.0, rng.random((8, 1, 2))
    tape = record(net, p, x)
    _, e = alif_traces(cells[0], tape.layers[0].now, x[:, 0])
    psi, _ = alif_traces(cells[1], tape.layers[1].now, tape.layers[0].now["z"][:, 0])
    error, held, total, late = tape.outputs[:, 0] - y[:, 0], 0.0, 0.0, 0.0
    plain = np.zeros_like(e[0])
    for t in range(len(x)):
        up = p["layers.2.W"] @ np.diag(psi[t]) @ p["layers.1.W"]  # output by unit of the lower layer
        held = 0.8 * held + up[:, :, None] * e[t]
        total = total + np.einsum("k,kij->ij", error[t], held)
        plain = 0.8 * plain + e[t]
        late = late + (error[t] @ up)[:, None] * plain  # the bracket of step t instead
    code = reverse.gradients(net, p, x, y, rule=RULES["e-prop"])["layers.0.W"]
    assert np.abs(total - code).max() <= 8 * CLOSE * max(1, np.abs(code).max())
    assert np.abs(code).max() > 1e-3 and np.abs(late - code).max() > 1e-3
