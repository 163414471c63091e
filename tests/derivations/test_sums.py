"""The examples that are no set of kept edges, `assets/sums.js`, against gradcert's own code and sums by hand."""

import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from shown import ASSETS, CLOSE, flat, grid, needs_node, shown

from gradcert.derivations.algebra.counting import backward, measure
from gradcert.derivations.reading.examples import example, network
from gradcert.reference import RULES, Edge, Layer, Lif, Network, Rnn, Snu
from gradcert.reference.bounds import Online, descent, windowed
from gradcert.reference.engines import record, residual, reverse
from gradcert.reference.estimators import ndot, rate_based, s_tllr, tess

pytestmark = needs_node


def pages(name, settings):
    """Return what the page shows at each setting."""
    return shown("sums.js", name, settings, assets=ASSETS)[1]


def differs(change, test, tmp_path, monkeypatch):
    """Whether a test sees a change of the script: a piece of its text, and what stands there instead."""
    before, after = change
    text = (ASSETS / "sums.js").read_text(encoding="utf-8")
    assert text.count(before) == 1
    (tmp_path / "sums.js").write_text(text.replace(before, after), encoding="utf-8")
    shutil.copy(ASSETS / "engine.js", tmp_path / "engine.js")
    monkeypatch.setitem(globals(), "ASSETS", tmp_path)
    with pytest.raises(AssertionError):
        test()


BOUNDS = grid(w1=(1.0, 0.7, -1.0), w2=(0.5, -1.5), leak=(0.9, 0.3), x2=(0.3,))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", BOUNDS, ids=str)
def test_bounds_are_those_of_the_code(s):
    (mine,) = pages("bounds", [s])
    problem = network(example("bounds"), s)
    net, w, x, y = problem
    online = Online(net, w, rule=RULES["ostl"], steps=3, batch=1)
    for t in range(3):
        online.step(x[t], y[t])
    code = online.bound().tensors["layers.0.W"]
    wide = windowed(*problem, rule=RULES["ostl"], window=3).tensors["layers.0.W"]
    error = residual(*problem, rule=RULES["ostl"]).total["layers.0.W"][0, 0]
    found = {k: reverse.gradients(*problem, rule=RULES[k]) for k in ("ostl", "bptt-detached-reset")}
    other = found["bptt-detached-reset"]["layers.0.W"] - found["ostl"]["layers.0.W"]
    pairs = [(code, "bound"), (code, "triples"), (wide, "pairs"), (error, "residual"), (abs(other[0, 0]), "others")]
    pairs.append((descent(found["ostl"], online.bound()).margin, "margin"))
    for value, key in pairs:
        assert abs(value - mine[key]) <= CLOSE, (s, key)


def bound_by_hand(s, mistake):
    """The recursion of the page for one unit below another, right or with one mistake."""
    net, w, x, y = network(example("bounds"), s)
    low, high = record(net, w, x).layers
    leak, weight = s["leak"], w["layers.1.W"][0, 0]
    v, z = ([layer.now[n][:, 0, 0] for layer in (low, high)] for n in "vz")
    slope, psi = [1 - u**2 for u in v], [1 - np.tanh(u - 0.5) ** 2 for u in v]
    xi = omega = delta = total = 0.0
    for t in range(3):
        j = [0.0, 0.0]
        if t:
            j = [slope[m][t] * leak * (1 - z[m][t - 1] - v[m][t - 1] * psi[m][t - 1]) for m in (0, 1)]
            j = [leak, leak] if mistake == "leak" else j
        credit = abs(psi[1][t] * (z[1][t] - y[t, 0, 0]) * j[1])
        total += credit * ((0.0 if mistake == "credit" else delta) + omega)
        delta = abs(j[1]) * (delta + omega)
        xi = abs(j[0]) * xi + abs(slope[0][t] * x[t, 0, 0])
        omega = abs(slope[1][t] * weight * psi[0][t]) * xi
    return total


@pytest.mark.long
def test_mistakes_of_bounds_and_what_the_page_says_of_some_settings():
    found = pages("bounds", BOUNDS)
    for s, mine in zip(BOUNDS, found, strict=True):
        for mistake in ("credit", "leak"):
            assert abs(bound_by_hand(s, mistake) - mine[f"m {mistake}"]) <= CLOSE, (s, mistake)
        assert mine["size"] <= mine["pairs"] + CLOSE <= mine["bound"] + 2 * CLOSE <= mine["worst"] + 3 * CLOSE
    begin, one, seven, fails = pages("bounds", [{}, {"w1": 0.7, "w2": 0.8}, {"w1": 0.7}, {"w1": -1.0}])
    assert begin["size"] < begin["pairs"] < begin["bound"] < begin["worst"]
    assert (one["m credit"], one["size"]) == (begin["credit7"], begin["size7"])
    assert one["m credit"] < one["size"] - CLOSE <= one["bound"]
    assert abs(seven["pairs"] - seven["bound"]) <= CLOSE < seven["bound"] - seven["size"]
    assert max(fails[k] for k in ("size", "pairs", "bound")) - fails["size"] <= CLOSE < fails["worst"] - fails["size"]
    assert (fails["when"], begin["when"]) == ("open", "certified")
    assert fails["cosine"] > 1 - CLOSE
    assert 1.9 < fails["truth"] / fails["estimate"] < 2.2


STLLR = grid(w1=(0.9, -1.2), h12=(0.0, 0.7), apost=(-0.2, 0.6), lamq=(0.5, 0.9), lamp=(0.5, 0.8))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", STLLR[::3], ids=str)
def test_s_tllr_is_that_of_the_code_and_so_are_its_mistakes(s):
    spec = example("stllr")
    problem, options = network(spec, s), {"lq": s["lamq"], "lp": s["lamp"], "a_post": s["apost"]}
    found = pages("stllr", [{**s, "weight": k} for k in range(len(spec.weights))])
    right = flat(spec, s_tllr.gradients(*problem, **options))
    assert np.abs(right - [u["online"] for u in found[0]["all"]]).max() <= CLOSE
    wrong = {
        "factor": s_tllr.gradients(*problem, **options, acausal="code"),
        "swapped": s_tllr.gradients(*problem, **{**options, "lq": s["lamp"], "lp": s["lamq"]}),
        "causal": s_tllr.gradients(*problem, **{**options, "a_post": 0.0}),
    }
    for k, mine in enumerate(found):
        for mistake in ("factor", "swapped"):
            assert abs(flat(spec, wrong[mistake])[k] - mine[f"m {mistake}"]) <= CLOSE, (mistake, k)
        assert abs(flat(spec, wrong["causal"])[k] - mine["causal"]) <= CLOSE
        assert abs(mine["causal"] + mine["acausal"] - right[k]) <= CLOSE
        for mistake in ("own", "now"):
            assert abs(stllr_by_hand(spec, problem, s, mistake)[k] - mine[f"m {mistake}"]) <= CLOSE, (mistake, k)


def stllr_by_hand(spec, problem, s, mistake):
    """The eligibility of the page as a sum over pairs, with one mistake."""
    net, w, x, y = problem
    layer = record(net, w, x).layers[0]
    z, u = layer.now["z"][:, 0], layer.now["v"][:, 0] - 0.8
    sigmoid = 1 / (1 + np.exp(-4 * u))
    psi, signal = 4 * sigmoid * (1 - sigmoid), z - y[:, 0]
    found = []
    for _, _, name, i, j in spec.weights:
        if name == "b":
            found.append((signal * psi)[:, i].sum())
            continue
        lateral = z[:, j] if mistake == "now" else np.concatenate([[0.0], z[:-1, j]])
        source, total = (x[:, 0, j] if name == "W" else lateral), 0.0
        for t in range(3):
            causal = sum(s["lamp"] ** (t - k) * source[k] for k in range(t + 1))
            acausal = sum(s["lamq"] ** (t - k) * psi[k, i] for k in range(t + (mistake == "own")))
            total += signal[t, i] * (psi[t, i] * causal + s["apost"] * source[t] * acausal)
        found.append(total)
    return np.array(found)


def test_what_the_page_of_s_tllr_says_of_some_settings():
    plain, lateral = pages("stllr", [{"apost": 0.0, "lamp": 0.5, "h12": h} for h in (0.0, 0.7)])
    weights = [abs(u["online"] - u["exact"]) for u in plain["all"] if u["name"][0] != "b"]
    biases = [abs(u["online"] - u["exact"]) for u in plain["all"] if u["name"][0] == "b"]
    assert max(weights) <= CLOSE < 0.01 < min(biases)
    assert max(abs(u["online"] - u["exact"]) for u in lateral["all"] if u["name"][0] != "b") > 0.01


RATES = grid(w1=(1.0, 1.6), w2=(0.9, -0.7), leak=(0.6, 0.9), x2=(0.3,))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", RATES, ids=str)
def test_rates_are_those_of_the_code_and_the_exact_gradient_is_that_of_the_mean(s):
    spec = example("rates")
    net, w, x, y = network(spec, s)
    live, detached = pages("rates", [s, {**s, "cut": ["reset"]}])
    for mine, reset in ((live, True), (detached, False)):
        code = flat(spec, rate_based.gradients(net, w, x, y, live_reset=reset))
        assert np.abs(code - [u["online"] for u in mine["all"]]).max() <= CLOSE
    z = record(net, w, x).outputs
    error = (z.mean(axis=0) - y.mean(axis=0)) / 3  # the slope of the loss of the mean, the same at every step
    exact = flat(spec, reverse.gradients(net, w, x, z - error, rule=RULES["bptt"]))
    assert np.abs(exact - [u["exact"] for u in live["all"]]).max() <= CLOSE
    assert abs(live["error3"]) <= CLOSE  # the upper bias is a constant current
    upper = ndot.gradients(net, w, x, y)["layers.1.W"][0, 0]
    assert abs(upper - live["ndot"]) <= CLOSE
    ottt = reverse.gradients(net, w, x, y, rule=RULES["ottt"])["layers.1.W"][0, 0]
    assert abs(ottt - live["ottt"]) <= CLOSE
    for mistake in ("late", "one", "detached"):
        assert abs(rate_by_hand(net, w, x, y, mistake) - live[f"m {mistake}"]) <= CLOSE, mistake
    for mistake in ("layer", "free"):
        assert abs(ndot_by_hand(net, w, x, y, mistake) - live[f"ndot{mistake}"]) <= CLOSE, mistake


def slopes_of(layer):
    s = 1 / (1 + np.exp(-4 * (layer.now["v"][:, 0, 0] - 0.8)))
    return 4 * s * (1 - s)


def rate_by_hand(net, w, x, y, mistake):
    """The gradient of the lower weight, with one mistake in both layers."""
    layers, leak = record(net, w, x).layers, net.layers[0].cell.leak
    answer = []
    for layer in layers:
        psi, kappa, total = slopes_of(layer), 0.0, 0.0
        for t in range(3):
            seen = psi[t] if mistake == "late" else psi[t - 1]
            threshold = {"one": 1.0, "detached": 0.0}.get(mistake, 0.8)
            kappa = 1 + (leak * (1 - threshold * seen) * kappa if t else 0)
            total += psi[t] * kappa / 3
        answer.append(total)
    error = layers[1].now["z"].mean() - y.mean()
    return error * answer[1] * w["layers.1.W"][0, 0] * answer[0] * x.mean()


def ndot_by_hand(net, w, x, y, mistake):
    """The gradient of the upper weight, with the wrong membrane or without the clamp."""
    low, high = record(net, w, x).layers
    leak, of = net.layers[0].cell.leak, high if mistake == "layer" else low
    u = of.now["v"][:, 0, 0] - 0.8 * of.now["z"][:, 0, 0]
    ratio = [leak, u[1] / u[0]] if mistake == "free" else [leak, np.clip(u[1] / u[0], -leak, leak)]
    z, trace, total = low.now["z"][:, 0, 0], 0.0, 0.0
    for t in range(3):
        trace = (ratio[t - 1] * trace if t else 0.0) + z[t]
        total += (high.now["z"][t, 0, 0] - y[t, 0, 0]) * slopes_of(high)[t] * trace
    return total


def test_what_the_page_of_rates_says_of_some_settings():
    begin, steady = pages("rates", [{}, {"w1": 2.0, "x2": 1.0}])
    gaps = [[abs(u["online"] - u["exact"]) for u in mine["all"]] for mine in (begin, steady)]
    assert min(gaps[0][:3]) > 1e-3  # of the four only the upper bias is exact
    assert steady["rate0"] == 1  # the lower unit always fires
    assert max(gaps[1][2:]) <= CLOSE < 1e-4 < min(gaps[1][:2])


LOCAL = grid(g1=(0.8, -0.5), g2=(-0.6,), w1=(0.9, -1.0), u1=(0.7, -0.4), x2=(0.5,))


def decolle(problem, s, rule=RULES["decolle"], readout=None):
    g = np.array([[s["g1"], s["g2"]]]) if readout is None else readout
    return flat(example("local"), reverse.gradients(*problem, rule=rule, feedback={"layers.0.B": g}))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", LOCAL, ids=str)
def test_a_local_loss_is_that_of_the_code_and_so_are_its_mistakes(s):
    spec = example("local")
    problem = network(spec, s)
    found = pages("local", [{**s, "weight": k} for k in range(len(spec.weights))])
    right = decolle(problem, s)
    assert np.abs(right - [u["online"] for u in found[0]["all"]]).max() <= CLOSE
    exact = flat(spec, reverse.gradients(*problem, rule=RULES["bptt-detached-reset"]))
    assert np.abs(exact - [u["exact"] for u in found[0]["all"]]).max() <= CLOSE
    assert found[0]["upper"] <= CLOSE  # the last layer has the network's own loss
    alive = replace(RULES["decolle"], own=RULES["decolle"].own | {Edge.RESET})
    symmetric = replace(RULES["decolle"], feedback="symmetric")
    within = flat(spec, reverse.gradients(*problem, rule=symmetric))
    hidden = np.array([layer == 0 for _, layer, *_ in spec.weights])
    wrong = {
        "reset": decolle(problem, s, alive),
        "above": np.where(hidden, right + within, right),
        "mean": np.where(hidden, right / 3, right),
        "redrawn": np.where(hidden, redrawn_by_hand(problem, s), right),
    }
    for k, mine in enumerate(found):
        for mistake, values in wrong.items():
            assert abs(values[k] - mine[f"m {mistake}"]) <= CLOSE, (mistake, k)


def redrawn_by_hand(problem, s):
    """The four numbers of the hidden layer, its error sent back through another matrix than it was read with."""
    net, w, x, y = problem
    layer = record(net, w, x).layers[0]
    z, u = layer.now["z"][:, 0], layer.now["v"][:, 0] - 0.8
    sigmoid = 1 / (1 + np.exp(-4 * u))
    credit = 4 * sigmoid * (1 - sigmoid) * (z @ [s["g1"], s["g2"]] - y[:, 0, 0])[:, None] * [s["g2"], s["g1"]]
    trace, bias = np.zeros(3), np.zeros(3)
    for t in range(3):
        trace[t] = (0.6 * trace[t - 1] if t else 0) + x[t, 0, 0]
        bias[t] = (0.6 * bias[t - 1] if t else 0) + 1
    return np.array([*(credit * trace[:, None]).sum(axis=0), *(credit * bias[:, None]).sum(axis=0), 0.0])


def test_what_the_page_of_local_losses_says_of_some_settings():
    begin, above, waves = pages("local", [{}, {"u1": -1.0}, {"g1": 0.5, "g2": -0.5}])
    moved = [abs(a["online"] - b["online"]) for a, b in zip(begin["all"], above["all"], strict=True)]
    assert max(moved[:4]) == 0 < 1e-3 < moved[4]  # the weight above is none of the hidden layer's business
    assert (tess.basis(1, 2) / 2).tolist() == [[0.5, -0.5]]
    problem = network(example("local"), {"g1": 0.5, "g2": -0.5})
    found = flat(example("local"), tess.gradients(*problem, lp=0.6, a_post=0.0))
    assert np.abs(found - [u["online"] for u in waves["all"]])[[0, 1]].max() <= CLOSE


SHARED = grid(k1=(0.9, -1.1), k2=(-0.4, 0.8), leak=(0.5, 0.9), x2=(1.0,))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", SHARED, ids=str)
def test_a_kernel_is_that_of_the_code_and_its_mistakes_are_what_the_page_says(s):
    problem = network(example("convolution"), s)
    found = pages("convolution", [{**s, "weight": k} for k in (0, 1)])
    ottt, exact = (reverse.gradients(*problem, rule=RULES[k])["layers.0.W"] for k in ("ottt", "bptt-detached-reset"))
    wrong = kernel_by_hand(problem, s["leak"])
    for k, mine in enumerate(found):
        assert abs(ottt[0, 0, 0, k] - mine["online"]) <= CLOSE
        assert abs(exact[0, 0, 0, k] - mine["exact"]) <= CLOSE
        assert abs(mine["position0"] + mine["position1"] - mine["online"]) <= CLOSE
        for mistake, values in wrong.items():
            assert abs(values[k] - mine[f"m {mistake}"]) <= CLOSE, (mistake, k)


def kernel_by_hand(problem, leak):
    """The gradient of both kernel entries with each mistake."""
    net, w, x, y = problem
    layer = record(net, w, x).layers[0]
    u, trace, found = layer.now["v"][:, 0] - 0.8, np.zeros(3), {}
    sigmoid = 1 / (1 + np.exp(-4 * u))
    credit = 4 * sigmoid * (1 - sigmoid) * (layer.now["z"][:, 0] - y[:, 0])
    for t in range(3):
        trace = leak * trace + x[t, 0]
        seen = np.array([[trace[p + q] for p in (0, 1)] for q in (0, 1)])
        for name, value in {
            "entry": credit[t].sum() * seen.mean(axis=1),
            "first": credit[t].sum() * seen[:, 0],
            "mean": seen @ credit[t] / 2,
            "flipped": seen[::-1] @ credit[t],
        }.items():
            found[name] = found.get(name, 0) + value
    return found


# bits and a leak that floats hold exactly, so that what is rounded is the same number on both sides
ROUNDED = grid(bits=(0, 3, 7), leak=(0.875, 0.5), w1=(0.9,), x2=(0.3125,))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", ROUNDED, ids=str)
def test_a_rounded_trace_is_that_of_exact_fractions_and_stays_within_its_bound(s):
    spec = example("fixedpoint")
    spec = replace(spec, x=((1.0,), (0.3,), (0.8125,)))
    problem = network(spec, s)
    begin = {c.name: c.value for c in spec.controls}
    found = pages(spec, [{**begin, **s, "weight": k} for k in (0, 1)])
    exact = reverse.gradients(*problem, rule=RULES["bptt-detached-reset"])["layers.0.W"][:, 0]
    layer = record(*problem[:3]).layers[0]
    sigmoid = 1 / (1 + np.exp(-4 * (layer.now["v"][:, 0] - 0.8)))
    credit = 4 * sigmoid * (1 - sigmoid) * (layer.now["z"][:, 0] - problem[3][:, 0])
    for k, mine in enumerate(found):
        assert abs(exact[k] - mine["exact"]) <= CLOSE
        for mistake in ("", "truncated", "order", "coarse", "narrow"):
            trace = rounded_by_hand(problem[2][:, 0, 0], s, mistake)
            key = f"m {mistake}" if mistake else "online"
            assert abs(credit[:, k] @ np.array(trace, dtype=float) - mine[key]) <= CLOSE, (mistake, k)
        assert [float(q) for q in rounded_by_hand(problem[2][:, 0, 0], s, "")] == [mine[f"rq.{t}"] for t in (1, 2, 3)]
        for t in (1, 2, 3):
            room = 2.0 ** -s["bits"] / 2 * (1 - s["leak"] ** t) / (1 - s["leak"])
            assert abs(mine[f"rroom.{t}"] - room) <= CLOSE
            assert abs(mine[f"roff.{t}"]) <= room + CLOSE
        assert mine["gap"] <= mine["reach"] + CLOSE


def rounded_by_hand(x, s, mistake):
    """The rounded trace in exact fractions, right or with one mistake."""
    unit, leak, q, found = Fraction(1, 2 ** s["bits"]), Fraction(s["leak"]), Fraction(0), []
    if mistake == "coarse":
        leak = (leak / unit + Fraction(1, 2)) // 1 * unit
    for new in x:
        value = leak * (q + Fraction(new)) if mistake == "order" else leak * q + Fraction(new)
        q = (value / unit + (0 if mistake == "truncated" else Fraction(1, 2))) // 1 * unit
        q = max(Fraction(-1), min(1 - unit, q)) if mistake == "narrow" else q
        found.append(q)
    return found


def test_the_exercises_of_fixed_point_say_where_a_value_stops_and_how_many_bits_are_needed():
    def followed(q):
        while (next_ := (Fraction(7, 8) * q + Fraction(1, 2)) // 1) != q:
            yield next_
            q = next_

    assert list(followed(10)) == [9, 8, 7, 6, 5, 4]
    assert list(followed(-10)) == [-9, -8, -7, -6, -5, -4, -3]
    bits = next(b for b in range(40) if Fraction(1, 2**b) / 2 / (1 - Fraction(31, 32)) <= Fraction(1, 100))
    assert (bits, 2**5) == (11, 1 / (1 - 31 / 32))
    for k, largest, error in ((1, 2, 1), (3, 8, 4), (5, 32, 16)):
        assert (2**k, Fraction(2**k, 2)) == (largest, error)


COUNTED = {
    "rtrl": (Snu(bias=False), "rtrl"),
    "ostl": (Snu(bias=False), "ostl"),
    "plain": (Snu(recurrent=False, bias=False), "ostl"),
    "eprop": (Snu(bias=False), "e-prop"),
    "ottt": (Lif(bias=False), "ottt"),
    "sltt": (Lif(bias=False), "sltt"),
    "snap": (Rnn(bias=False), "snap-1"),
}


@pytest.mark.parametrize(("n", "m"), [(1, 1), (4, 3)])
def test_counts_are_those_of_the_running_code(n, m):
    (mine,) = pages("complexity", [{"n": n, "m": m, "T": 5}])
    for key, (cell, rule) in COUNTED.items():
        found = measure(cell, RULES[rule], units=n, inputs=m)
        assert found.memory == mine[f"mem {key}"], key
        assert key == "snap" or found.products == mine[f"pro {key}"], key
    network_ = Network(layers=(Layer(Snu(bias=False), inputs=m, units=n),))
    tape = record(network_, network_.parameters(), np.ones((5, 1, m)))
    assert sum(v.size for v in tape.layers[0].now.values()) == mine["mem bptt"]
    assert backward(Snu(bias=False), RULES["bptt"], units=n, inputs=m) == mine["pro bptt"]


def test_what_the_page_of_complexity_says_of_its_traces():
    begin, cut = pages("complexity", [{}, {"cut": ["recurrent", "reset"]}])
    traces = [f"trace{k}{i}.3" for k in range(6) for i in (0, 1)]
    assert (len(traces), begin["mem ostl"], cut["mem eprop"]) == (12, 12, 6)
    assert (begin["moving"], cut["moving"]) == (sum(begin[k] != 0 for k in traces), sum(cut[k] != 0 for k in traces))
    others = [f"trace{k}{1 - i}.{t}" for k, (*_, i, _) in enumerate(example("complexity").weights) for t in (1, 2, 3)]
    assert all(cut[key] == 0 for key in others)
    assert any(begin[key] != 0 for key in others)
    (large,) = pages("complexity", [{"n": 64, "m": 64, "T": 1}])
    assert large["share"] > 0.97
    for n, m in ((2, 1), (10, 3)):
        (mine,) = pages("complexity", [{"n": n, "m": m, "T": 1}])
        assert 3 * n * (mine["even"] - 1) <= mine["mem ostl"] < 3 * n * mine["even"]


WRONG = {
    "bounds": ("Math.abs(j[1]) * (rho + kappa)", "Math.abs(j[1]) * rho"),
    "stllr": ("lamq * (post + slope(t - 1))", "lamq * post + slope(t - 1)"),
    "rates": ("(live ? reset * old[i] : 0)", "(live ? reset * old[i] : 1)"),
    "local": ("g[i] * error[k]", "g[i] * Math.abs(error[k])"),
    "kernel": ("online(net, steps, e, rule).total, 0);", "online(net, steps, w, rule).total, 0);"),
    "rounded": ("Math.floor(u / unit + 0.5) * unit", "Math.floor(u / unit + 0.4) * unit"),
    "counts": ("3 * n * n + 3 * m * n + 10 * n", "3 * n * n + 3 * m * n + 11 * n"),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_script_would_be_seen(kind, tmp_path, monkeypatch):
    """Change one place of the script, and the comparison is off."""
    compared = {
        "bounds": lambda: test_bounds_are_those_of_the_code(BOUNDS[0]),
        "stllr": lambda: test_s_tllr_is_that_of_the_code_and_so_are_its_mistakes(STLLR[0]),
        "rates": lambda: test_rates_are_those_of_the_code_and_the_exact_gradient_is_that_of_the_mean(RATES[0]),
        "local": lambda: test_a_local_loss_is_that_of_the_code_and_so_are_its_mistakes(LOCAL[0]),
        "kernel": lambda: test_a_kernel_is_that_of_the_code_and_its_mistakes_are_what_the_page_says(SHARED[0]),
        "rounded": lambda: test_a_rounded_trace_is_that_of_exact_fractions_and_stays_within_its_bound(ROUNDED[2]),
        "counts": lambda: test_counts_are_those_of_the_running_code(4, 3),
    }
    differs(WRONG[kind], compared[kind], tmp_path, monkeypatch)
