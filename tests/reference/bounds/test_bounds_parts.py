"""What the bounds are made of: norms against exact arithmetic, the system against the residual, ranges, memory."""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import pairwise, product

import bound_problems
import numpy as np
import pytest
from networks import CELL_NAMES, problem

from gradcert.reference import (
    FLOAT64,
    RULES,
    TEMPORAL,
    Edge,
    GradcertError,
    Layer,
    Lif,
    Network,
    Surrogate,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.bounds import Bound, Online, a_priori, descent, entries, node_ranges, tightness, windowed
from gradcert.reference.bounds.intervals import INTERVALS
from gradcert.reference.bounds.majorants import Majorant
from gradcert.reference.bounds.norms import frobenius, norm, outward, spectral
from gradcert.reference.bounds.recorded import roundings
from gradcert.reference.engines import reverse
from gradcert.reference.engines.forward import Learner
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks.cells.lif import OUTPUT as LIF_OUTPUT
from gradcert.reference.numbers.functions import spike
from gradcert.reference.numbers.surrogates import pseudo_derivative

DETACHED = TEMPORAL - {Edge.RESET}


def dominates(bound, matrix):
    """Decide exactly whether |matrix|_2 <= bound: bound^2 I - A^T A has no negative pivot."""
    a = [[Fraction(float(v)) for v in row] for row in matrix]
    n, square = len(a[0]), Fraction(float(bound)) ** 2
    m = [[(square if i == j else 0) - sum(r[i] * r[j] for r in a) for j in range(n)] for i in range(n)]
    for k in range(n):
        if m[k][k] <= 0:
            return m[k][k] == 0 and all(m[i][j] == 0 for i in range(k, n) for j in range(k, n))
        for i in range(k + 1, n):
            factor = m[i][k] / m[k][k]
            for j in range(k, n):
                m[i][j] -= factor * m[k][j]
    return True


@pytest.mark.parametrize("shape", ((1, 1), (2, 2), (3, 5), (6, 4), (7, 7)))
def test_norms_are_never_below_the_exact_ones(shape):
    rng = np.random.default_rng(shape)
    for _ in range(10):
        a = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
        top = spectral(a)
        assert dominates(top, a)
        assert not dominates(
            top * (1 - gamma(10**4)), a
        )  # and hardly above: 10^4 roundings cover a 7 x 7 SVD's residue
        assert Fraction(float(frobenius(a))) ** 2 >= sum(Fraction(float(v)) ** 2 for v in a.reshape(-1))
    assert spectral(np.zeros(shape)) == 0


@pytest.mark.parametrize("shape", ((1, 1), (2, 3), (4, 4)))
def test_the_norm_of_a_pair_covers_every_matrix_within_its_rounding(shape):
    rng = np.random.default_rng(shape)
    for _ in range(10):
        a = rng.standard_normal(shape)
        found = norm(np.stack([a, abs(a)]), 5)
        for signs in (1, -1, rng.choice([-1, 1], shape)):
            assert dominates(found, a * (1 + signs * gamma(5)))


def dyadic(rng, *shape):
    """Sixteenths: sums and products of a few of them are exact."""
    return rng.integers(-16, 17, shape) / 16


def members(rng, majorant, units=3):
    """Matrices that a majorant stands for: the diagonal at its ends or between them, the rest at its largest."""
    for _ in range(3):
        at = rng.choice([0.0, 0.5, 1.0], units)
        diagonal = np.diag(majorant.low + at * (majorant.high - majorant.low)) if majorant.low is not None else 0.0
        rest = rng.choice([-1, 1], (units, units)) * majorant.rest if majorant.rest is not None else 0.0
        yield diagonal + rest


def drawn(rng, kind, units=3):
    ends = np.sort(dyadic(rng, 2, units), axis=0) if kind != "matrix" else (None, None)
    weight = dyadic(rng, units, units) if kind != "diagonal" else None
    # the norm of the rest bounds that of every matrix of its size: for signs at will it is that of the absolute values
    size = 0.0 if weight is None else float(spectral(abs(weight)))
    return Majorant(*ends, size, None if weight is None else abs(weight))


@pytest.mark.parametrize("kinds", tuple(product(("diagonal", "matrix", "both"), repeat=2)))
def test_majorants_of_sums_and_products_stand_for_them(kinds):
    """Every matrix of the sum, of the scaled one and of the product is within what the code says of them."""
    rng = np.random.default_rng([len(k) for k in kinds])
    for _ in range(3):
        a, b = (drawn(rng, kind) for kind in kinds)
        low, high = np.sort(dyadic(rng, 2, 3), axis=0)
        weight = dyadic(rng, 4, 3)
        for x in members(rng, a):
            for y in members(rng, b):
                assert dominates(a.plus(b).size(), x + y)
                assert (abs(x + y) <= a.plus(b).entries()).all() if a.plus(b).entries().size else True
            for factor in (low, high, (low + high) / 2):
                assert dominates(a.scaled(low, high).size(), factor[:, None] * x)
            assert dominates(a.through(weight).size(), weight @ x)
    assert a.plus(None) is a


def test_the_bound_of_a_layer_is_that_of_all_its_tensors_together():
    bound = Bound({"layers.0.W": 3.0, "layers.0.b": 4.0, "layers.1.W": 12.0})
    for found, exact in ((bound.layer(0), 5), (bound.layer(1), 12), (bound.total, 13)):
        assert exact <= found <= exact * (1 + gamma(100))


def test_a_plain_singular_value_can_be_below_the_norm():
    """Why `spectral` moves outward: the library's value alone is below the norm for some matrix of these."""
    rng = np.random.default_rng(0)
    assert any(not dominates(np.linalg.norm(a, 2), a) for a in rng.standard_normal((50, 5, 5)))


def test_outward_covers_its_roundings():
    assert outward(1.0, 5) >= 1 + gamma(5)


@pytest.mark.parametrize(
    "name", ("ostl", "ottt", "ostl-random", "e-prop-random", "osttp", "decolle", "tbptt(2)", "tbptt-chunks(2)")
)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_system_is_the_residual(cell, name):
    rule = rule_named(name)
    network, p, x, y = problem(cell, 3, seed=4, steps=5, samples=2, when="last" if name == "ottt" else "every")
    feedback = draw_feedback(network, rule, seed=1)
    mine = bound_problems.signed_error(network, p, x, y, rule, feedback)
    want = residual(network, p, x, y, rule=rule, feedback=feedback).total
    mass = entries(network, p, x, y, rule=rule, feedback=feedback)
    budget = gamma(4 * roundings(network, len(x)))
    for key in p:
        # a projection's credit enters both sides with a sign and cancels in part: the mass counts it once
        assert (abs(mine[key] - want[key]) <= 2 * budget * mass[key].max()).all(), key


def test_online_is_windowed_with_one_step_on_every_prefix():
    network, p, x, y = problem("lif-before", 3, seed=2)
    rule, room = RULES["e-prop"], gamma(10**5)
    online, before = Online(network, p, rule=rule, steps=len(x), batch=x.shape[1]), 0.0
    sizes = []
    for t in range(len(x)):
        online.step(x[t], y[t])
        here = online.bound()
        want = windowed(network, p, x[: t + 1], y[: t + 1], rule=rule, window=1)
        for key, value in want.tensors.items():
            assert value * (1 - room) <= here.tensors[key] <= value * (1 + room)
        assert here.total >= before
        before = here.total
        sizes.append(len(pickle.dumps([r.__dict__ for r in online._bounds._all.values()])))
    assert max(sizes[2:]) == min(sizes[2:])  # memory does not grow with time


@pytest.mark.parametrize("loss", ({"batch": "mean", "time": "mean"}, {"when": "last", "batch": "mean"}))
@pytest.mark.parametrize("name", ("ostl", "ostl-random", "e-prop-random", "osttp", "decolle", "tbptt(2)", "snap-1"))
def test_online_counts_what_the_loss_counts(name, loss):
    """Step by step or all at once: for every kind of feedback, and every way to reduce the loss."""
    network, p, x, y = problem("lif-before", 2, seed=2, steps=4, **loss)
    rule, room = rule_named(name), gamma(10**5)
    feedback = draw_feedback(network, rule, seed=1)
    online = Online(network, p, rule=rule, steps=len(x), batch=x.shape[1], feedback=feedback)
    for t in range(len(x)):
        online.step(x[t], y[t])
    error = residual(network, p, x, y, rule=rule, feedback=feedback).total if rule.reach is None else {}
    for key, value in windowed(network, p, x, y, rule=rule, window=1, feedback=feedback).tensors.items():
        assert value * (1 - room) <= online.bound().tensors[key] <= value * (1 + room)
        assert key not in error or np.linalg.norm(error[key]) <= online.bound().tensors[key] * (1 + room)


def test_windows_that_divide_each_other_are_ordered():
    room = 1 + gamma(10**5)
    for cell in ("lif-before", "ssnu", "snu"):
        network, p, x, y = problem(cell, 2, seed=3, steps=8)
        found = [windowed(network, p, x, y, rule=RULES["ostl"], window=w) for w in (1, 2, 4, 8, 100)]
        for key in (k for k in p if k.startswith("layers.0")):
            values = [bound.tensors[key] for bound in found]
            assert all(b <= a * room for a, b in pairwise(values))
            assert values[3] == values[4]
            assert values[3] < values[0] / 1.5


def test_a_priori_is_geometric_in_the_leak_where_the_reset_is_detached():
    """OTTT in two feed-forward LIF layers against BPTT with the reset detached: the closed form, summed by hand."""
    l1, l2, slope, q, steps, batch = 0.6, 0.8, 0.5, 1.5, 7, 3
    cells = [Lif(leak=leak, surrogate=Surrogate("triangle", scale=slope), bias=False) for leak in (l1, l2)]
    network = Network(layers=(Layer(cells[0], inputs=3, units=4), Layer(cells[1], inputs=4, units=2)))
    p = network.parameters(seed=2)
    known = {"steps": steps, "batch": batch, "input_bound": 2.0, "loss_gradient_bound": q}
    bound = a_priori(network, p, rule=RULES["ottt"], truth=DETACHED, **known)
    trace = [(1 - l1**s) / (1 - l1) * 2 * np.sqrt(3) for s in range(1, steps + 1)]
    dropped = [sum(l2 ** (t - s) * trace[s] for s in range(t)) for t in range(steps)]
    want = batch * q * slope * np.linalg.norm(p["layers.1.W"], 2) * slope * sum(dropped)
    room = gamma(10**5)
    assert want * (1 - room) <= bound.tensors["layers.0.W"] <= want * (1 + room)
    assert bound.tensors["layers.1.W"] == 0


def test_a_hard_reset_bounds_the_membrane_potential():
    """|v^t| <= I_max (1 - leak^t) / (1 - leak), by the induction of `a_priori`; and a trajectory stays inside."""
    leak, steps = 0.75, 30
    cell = Lif(leak=leak, threshold=0.5, reset="hard", recurrent=True)
    network = Network(layers=(Layer(cell, inputs=2, units=3),))
    p = network.parameters(seed=1)
    ranges = node_ranges(network, p, steps=steps, input_bound=1.0)[0]
    spikes = np.stack([np.maximum(p["layers.0.H"], 0), np.minimum(p["layers.0.H"], 0)]).sum(axis=2)
    top = abs(p["layers.0.W"]).sum(axis=1) + p["layers.0.b"]
    high, low = top + spikes[0], p["layers.0.b"] - abs(p["layers.0.W"]).sum(axis=1) + spikes[1]
    factor, room = (1 - leak**steps) / (1 - leak), gamma(10**4)
    for unit in range(3):
        found = ranges.now["v"][0, 0, unit]
        # an end grows by at most leak times itself and the drive's end per step; an end of the other sign cannot help
        assert found.high <= max(high[unit], 0) * factor * (1 + room) + room
        assert found.low >= min(low[unit], 0) * factor * (1 + room) - room
    inputs = np.random.default_rng(0).uniform(-1, 1, (steps, 50, 2))
    now = record(network, p, inputs).layers[0].now
    for node, values in now.items():
        for unit in range(3):
            found = ranges.now[node][0, 0, unit]
            assert found.low <= values[..., unit].min() <= values[..., unit].max() <= found.high


def test_ranges_hold_for_every_factor():
    for name in CELL_NAMES:
        network, p, x, _ = problem(name, 2, seed=6)
        ranges = node_ranges(network, p, steps=len(x), input_bound=abs(x).max(axis=(0, 1)))
        tape = record(network, p, x)
        for layer, found in zip(tape.layers, ranges, strict=True):
            for key, value in layer.factors.items():
                values = np.broadcast_to(np.asarray(value, dtype=float), (*x.shape[:2], layer.layer.units))
                ends = np.broadcast_to(np.asarray(found.factors[key], dtype=object), (1, 1, layer.layer.units))[0, 0]
                for unit, end in enumerate(ends):
                    low, high = getattr(end, "low", end), getattr(end, "high", end)
                    assert low <= values[..., unit].min() <= values[..., unit].max() <= high, (name, key)


UPSIDE_DOWN = ("sigmoid", "atan", "erf", "super_spike_outside", "rect", "triangle", "multi_gaussian")


@pytest.mark.parametrize("name", UPSIDE_DOWN)
@pytest.mark.parametrize("scale", (-0.75, 0.75))
def test_the_interval_of_a_slope_holds_every_slope(name, scale):
    """A negative scale turns a pseudo-derivative upside down, and nothing refuses it."""
    surrogate = Surrogate(name, scale=scale)
    x = np.linspace(-3, 3, 97)
    slopes = pseudo_derivative(surrogate, x, FLOAT64)
    (found,) = INTERVALS.slope(spike(surrogate), INTERVALS.array(np.zeros(1)))
    assert found.low <= slopes.min() and slopes.max() <= found.high
    assert (slopes * scale > 0).any()


@pytest.mark.parametrize("name", ("triangle", "atan"))
def test_a_priori_holds_where_slopes_are_negative(name):
    cell = Lif(leak=0.7, threshold=0.3, surrogate=Surrogate(name, scale=-0.75), recurrent=True)
    network = Network(layers=(Layer(cell, inputs=2, units=3), Layer(cell, inputs=3, units=2)))
    p, rng = network.parameters(seed=1, scale=1.5), np.random.default_rng(2)
    x, y = rng.uniform(-1, 1, (5, 2, 2)), rng.uniform(0, 1, (5, 2, 2))
    tape = record(network, p, x)
    q = np.linalg.norm(network.loss.gradient(tape.outputs, y, FLOAT64), axis=-1).max()
    known = {"steps": 5, "batch": 2, "input_bound": 1.0, "loss_gradient_bound": float(np.nextafter(q, np.inf))}
    bound = a_priori(network, p, rule=RULES["ostl"], **known)
    error = residual(network, p, x, y, rule=RULES["ostl"]).total
    assert all(np.linalg.norm(error[k]) <= bound.tensors[k] for k in p)
    ranges = node_ranges(network, p, steps=5, input_bound=1.0)
    for layer, found in zip(tape.layers, ranges, strict=True):
        values = layer.factors[LIF_OUTPUT]
        for unit in range(layer.layer.units):
            end = found.factors[LIF_OUTPUT][0, 0, unit]
            assert end.low <= values[..., unit].min() < 0
            assert values[..., unit].max() <= end.high


def inner(a, b):
    return sum(float((a[k] * b[k]).sum()) for k in a)


@pytest.mark.long
def test_descent_margin_is_below_the_inner_product():
    held = 0
    for seed in range(12):
        network, p, x, y = problem(("rnn", "lif-after", "lif-hard")[seed % 3], 3, seed=seed, steps=5)
        for rule in (RULES["ostl"], RULES["bptt-detached-reset"], RULES["sltt"]):
            estimate = reverse.gradients(network, p, x, y, rule=rule)
            exact = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
            found = descent(estimate, windowed(network, p, x, y, rule=rule, window=2))
            assert found.margin <= inner(estimate, exact)
            cosine = inner(estimate, exact) / np.sqrt(inner(estimate, estimate) * inner(exact, exact))
            assert found.cosine <= cosine or not found.holds
            held += found.holds
            assert found.holds == (found.margin > 0)
            assert ("not certified" in str(found)) == (not found.holds)
            if found.norm > found.bound:
                assert found.holds
    assert 5 < held < 36, held


def test_the_cosine_is_never_claimed_above_the_worst():
    """Errors across the estimate, which leave the inner product and lengthen the gradient; in exact integers."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        count = rng.integers(1, 4)
        h, k = rng.integers(-4, 5, (count, 2)) * rng.integers(0, 5, (count, 1)), rng.integers(0, 4, count)
        far = rng.integers(0, 50, (count, 2))
        # across where there is a length, anywhere where there is none
        off = np.where((h == 0).all(axis=1)[:, None], far, k[:, None] * np.stack([-h[:, 1], h[:, 0]], axis=1))
        g = h + off
        sizes = [float(np.nextafter(np.sqrt(v), np.inf)) if v else 0.0 for v in (off**2).sum(axis=1)]
        names = [f"w{i}" for i in range(count)]
        estimate = {n: v.astype(float) for n, v in zip(names, h, strict=True)}
        found = descent(estimate, Bound(dict(zip(names, sizes, strict=True))))
        if found.holds:
            held += 1
            product, length = int((h * g).sum()), int((h * h).sum()) * int((g * g).sum())
            assert product > 0
            assert Fraction(found.cosine) ** 2 * length <= product**2
    assert held > 30, held


def test_descent_with_a_bound_that_is_none_certifies_a_falsehood():
    """What the certificate would be worth without a true bound: nothing. An estimate that points uphill."""
    exact = {"layers.0.W": np.array([[1.0, -2.0]])}
    estimate = {"layers.0.W": np.array([[-0.5, 1.0]])}
    error = float(frobenius(exact["layers.0.W"] - estimate["layers.0.W"]))
    assert not descent(estimate, Bound({"layers.0.W": error})).holds
    assert descent(estimate, Bound({"layers.0.W": error / 4})).holds
    assert inner(estimate, exact) < 0
    wide = Bound({"layers.0.W": error / 4})
    assert not descent(estimate, wide, rounding={"layers.0.W": error}).holds


def test_descent_online_at_every_step():
    """Learner and online bound together, without the future: certified for the loss so far."""
    network, p, x, y = problem("lif-after", 2, seed=1, steps=6)
    rule = RULES["ostl"]
    learner = Learner(network, p, rule=rule, steps=len(x), batch=x.shape[1])
    online = Online(network, p, rule=rule, steps=len(x), batch=x.shape[1])
    held = 0
    for t in range(len(x)):
        learner.step(x[t], y[t])
        online.step(x[t], y[t])
        found = descent(learner.gradients(), online.bound())
        exact = reverse.gradients(network, p, x[: t + 1], y[: t + 1], rule=RULES["bptt"])
        held += found.holds
        assert found.margin <= inner(learner.gradients(), exact)
    assert held > 0


def test_an_exact_rule_has_bound_zero():
    network, p, x, y = problem("snu", 3)
    for bound in (windowed(network, p, x, y, rule=RULES["bptt"], window=2), a_priori_of(network, p, x, y)):
        assert set(bound.tensors.values()) == {0.0}
        assert set(tightness(bound, residual(network, p, x, y, rule=RULES["bptt"]).total).values()) == {1.0}


def a_priori_of(network, p, x, y):
    known = {"steps": len(x), "batch": x.shape[1], "input_bound": 3.0, "loss_gradient_bound": 1.0}
    return a_priori(network, p, rule=RULES["bptt"], **known)


def test_refusals():
    network, p, x, y = problem("snu", 2)
    with pytest.raises(GradcertError, match="window=0"):
        windowed(network, p, x, y, rule=RULES["ostl"], window=0)
    with pytest.raises(GradcertError, match="signal"):
        a_priori(
            network,
            p,
            rule=RULES["osttp"],
            steps=3,
            batch=1,
            input_bound=1.0,
            loss_gradient_bound=1.0,
            feedback=draw_feedback(network, RULES["osttp"]),
        )
    with pytest.raises(GradcertError, match="no bound for"):
        descent(p, Bound({}))
