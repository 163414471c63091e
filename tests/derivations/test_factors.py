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
    cells = [
        Alif(
            bias=False,
            beta=0.3,
            threshold=0.6,
            scaling="none",
            recurrent=True,
            surrogate=Surrogate("triangle", scale=0.3),
        )
    ] * 2
    readout = Integrator(kappa=0.8, bias=False)
    net = Network(
        layers=(
            *(Layer(c, inputs=n, units=5) for c, n in zip(cells, (3, 5), strict=True)),
            Layer(readout, inputs=5, units=2),
        )
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


def two_lif_layers(**options):
    """Return the problem of section 6 of OTTT's page with two layers, and what its forward pass gives."""
    cell, head = Lif(leak=0.5, recurrent=False), Rnn(recurrent=False, activation="identity")
    upper = Lif(**{"leak": 0.5, "recurrent": False, **options})
    net = Network(
        layers=(Layer(cell, inputs=4, units=6), Layer(upper, inputs=6, units=5), Layer(head, inputs=5, units=2))
    )
    rng = np.random.default_rng(1)
    p, x, y = net.parameters(seed=16, scale=2.0), (rng.random((20, 1, 4)) < 0.5) * 1.0, rng.random((20, 1, 2))
    tape = record(net, p, x)
    assert all(la.now["z"].sum() >= 20 for la in tape.layers[:2])
    s = [1 / (1 + np.exp(-4 * (la.now["v"][:, 0] - 1))) for la in tape.layers[:2]]
    low, high = (4 * u * (1 - u) for u in s)
    top = high * ((tape.outputs[:, 0] - y[:, 0]) @ p["layers.2.W"])
    traces = [x[0, 0]]
    for t in range(1, len(x)):
        traces.append(0.5 * traces[-1] + x[t, 0])
    return (net, p, x, y), low, top, np.array(traces)


@pytest.mark.parametrize("leak", [0.5, 0.8])
def test_the_credit_of_a_lower_layer_and_what_ottt_misses_there(leak):
    given, low, top, traces = two_lif_layers(leak=leak)
    W = given[1]["layers.1.W"]
    found, exact = (reverse.gradients(*given, rule=RULES[r])["layers.0.W"] for r in ("ottt", "bptt-detached-reset"))
    kept = np.einsum("sj,sk->jk", low * (top @ W), traces)
    later = np.zeros_like(top)
    for t in reversed(range(len(top) - 1)):
        later[t] = leak * (later[t + 1] + top[t + 1])
    missed = np.einsum("sj,sk->jk", low * (later @ W), traces)
    size = max(1.0, float(np.abs(exact).max()))
    assert np.abs(kept - found).max() <= 4 * CLOSE * size
    assert np.abs(kept + missed - exact).max() <= 4 * CLOSE * size
    assert np.abs(missed).max() > 1e-2


def move(rate, *, each_step):
    """Return what the six parameters of OTTT's example move by over its three steps, and the credits of unit 1."""
    _, p, x, y = network(example("ottt"), {})
    W, b = p["layers.0.W"], p["layers.0.b"]
    first, start = (W, b), (W, b)
    v, z, trace, ones, credits = np.zeros(2), np.zeros(2), np.zeros(2), 0.0, []
    for t in range(3):
        trace, ones = 0.5 * trace + x[t, 0], 0.5 * ones + 1
        v = 0.5 * (v - 0.8 * z) + start[0] @ x[t, 0] + start[1]
        z = (v >= 0.8) * 1.0
        sigma = 1 / (1 + np.exp(-4 * (v - 0.8)))
        credit = 4 * sigma * (1 - sigma) * (z - y[t, 0])
        credits.append(credit[0])
        W, b = W - rate * np.outer(credit, trace), b - rate * credit * ones
        start = (W, b) if each_step else first
    return np.concatenate([(W - first[0]).ravel(), b - first[1]]), credits


def test_a_move_after_every_step_parts_from_one_at_the_end_with_the_rate():
    found = []
    for rate in (0.01, 0.1):
        (whole, credits), (online, _) = (move(rate, each_step=e) for e in (False, True))
        found.append(np.linalg.norm(online - whole) / np.linalg.norm(whole))
        code = reverse.gradients(*network(example("ottt"), {}), rule=RULES["ottt"])
        right = -rate * np.concatenate([code["layers.0.W"].ravel(), code["layers.0.b"]])
        assert np.abs(whole - right).max() <= CLOSE
    says = f"by {found[0]:.1%} of OTTT_A's move at the rate 0.01, by {found[1]:.0%} at 0.1"
    assert says.replace("%", " %") in text("ottt")
    assert "unit 1 are {}, 0, {},".format(*(f"{credits[t]:.4f}" for t in (0, 2))) in text("ottt")
    assert credits[1] == 0


def test_the_lines_of_eprops_algorithm_in_the_wrong_order():
    net, p, x, y = network(example("eprop"), {})
    cell, tape = net.layers[0].cell, record(net, p, x)
    now = {k: v[:, 0] for k, v in tape.layers[0].now.items()}
    psi, _ = alif_traces(cell, tape.layers[0].now, x[:, 0])
    before = np.concatenate([np.zeros((1, 2)), now["z"][:-1]])
    signal = (tape.outputs[:, 0] - y[:, 0]) @ p["layers.1.W"]

    def gradient(*, old):
        found = []
        for source in (x[:, 0], before):
            trace, slow, held, total = np.zeros(source.shape[1]), 0.0, 0.0, 0.0
            for t in range(3):
                if old:
                    earlier = psi[t - 1] if t else 0 * psi[0]
                    slow = earlier[:, None] * trace + (cell.rho - cell.beta * earlier)[:, None] * slow
                trace = cell.leak * trace + source[t]
                if not old:
                    slow = psi[t][:, None] * trace + (cell.rho - cell.beta * psi[t])[:, None] * slow
                held = net.layers[1].cell.kappa * held + psi[t][:, None] * (trace - cell.beta * slow)
                total = total + signal[t][:, None] * held
            found.append(total)
        return np.array([*found[0][:, 0], found[1][0, 1], found[1][1, 0]])

    right, wrong = (gradient(old=o) for o in (True, False))
    code = reverse.gradients(net, p, x, y, rule=RULES["e-prop"])
    h = code["layers.0.H"]
    assert np.abs(right - np.array([*code["layers.0.W"][:, 0], h[0, 1], h[1, 0]])).max() <= CLOSE
    share = f"{np.linalg.norm(wrong - right) / np.linalg.norm(right):.0%}".replace("%", " %")
    assert f"after the others, the error at the first settings is {share}." in text("eprop")
