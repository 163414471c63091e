"""UORO and KF-RTRL are unbiased (mathematics.md 3, 12.10).

Exactly: the mean over all sign patterns, over the rationals with fixed normalisers. On more draws: a z-score, with the
normalisers of the papers. The traps T84 to T90, as changes to the source, are each rejected.
"""

from __future__ import annotations

from itertools import product
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from balls import BALLS, BITS, agree, precision
from flint import arb
from mutants import mutant
from rational_nets import HEAD, draw, lif, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES, Layer, Lif, Network, Rnn, Snu
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import kf_rtrl, uoro
from gradcert.reference.estimators.walk import state_nodes, state_size

NORMALISERS = tuple(RATIONALS.array([1.5, 0.25]))

NETS = {
    "lateral lif": stack(lif(0, recurrent=True), sizes=(2, 1)),
    "relu rnn": stack(Rnn(activation="relu"), sizes=(2, 2)),
    "trained snu": stack(
        Snu(leak=0.5, threshold=0.25, surrogate=lif(0).surrogate, train=("leak", "threshold")), sizes=(2, 1)
    ),
    "two layers": stack(lif(0, reset="none"), lif(1, reset="none"), sizes=(2, 1, 1)),
    "no head": stack(lif(0, recurrent=True), sizes=(2, 1), head=False),
}
ONE_LAYER = ("lateral lif", "relu rnn", "no head")


def problem(name, steps):
    """The problem of the smallest seed whose true gradient moves every parameter of the recurrent layers."""
    network = NETS[name]
    for seed in range(200):
        p, x, y = draw(network, steps=steps, batch=1, seed=seed)
        truth = reverse.gradients(network, p, x, y, rule=RULES["rtrl"], numbers=RATIONALS)
        immediate = reverse.gradients(network, p, x, y, rule=RULES["sltt"], numbers=RATIONALS)
        if all((truth[k] != 0).any() for k in p) and (truth["layers.0.W"] != immediate["layers.0.W"]).any():
            return network, p, x, y, truth
    raise AssertionError("every network is silent")


def mean_over_all_signs(module, name, *, steps=3, dependent=False):
    """Whether the exact mean of the estimator is RTRL's gradient (`dependent`: one draw for all steps)."""
    network, p, x, y, truth = problem(name, steps)
    many = module.__name__.endswith("uoro")
    entries = state_size(network) if many else 2
    flat = list(product((-1, 1), repeat=entries * (1 if dependent else steps)))
    signs = np.array(flat).reshape(len(flat), -1, entries).transpose(1, 0, 2)
    signs = np.broadcast_to(signs, (steps, len(flat), entries))
    signs = signs if many else signs[None]
    x, y = np.repeat(x, len(flat), axis=1), np.repeat(y, len(flat), axis=1)
    found = module.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    return same({k: v / len(flat) for k, v in found.items()}, truth)


@pytest.mark.parametrize("name", NETS)
def test_the_mean_of_uoro_over_all_signs_is_rtrl(name):
    assert mean_over_all_signs(uoro, name)


@pytest.mark.parametrize("name", ONE_LAYER)
def test_the_mean_of_kf_rtrl_over_all_signs_is_rtrl(name):
    assert mean_over_all_signs(kf_rtrl, name)


def test_two_layers_have_two_pairs_of_signs_and_the_mean_of_kf_rtrl_is_ostl():
    network, p, x, y, truth = problem("two layers", 2)
    flat = np.array(list(product((-1, 1), repeat=8)))
    signs = flat.reshape(-1, 2, 2, 2).transpose(1, 2, 0, 3)
    x, y = np.repeat(x, len(flat), axis=1), np.repeat(y, len(flat), axis=1)
    found = kf_rtrl.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    ostl = reverse.gradients(network, p, x[:, :1], y[:, :1], rule=RULES["ostl"], numbers=RATIONALS)
    assert same({k: v / len(flat) for k, v in found.items()}, ostl)
    assert not same(ostl, truth)


def test_one_draw_alone_is_not_rtrl():
    network, p, x, y, truth = problem("lateral lif", 3)
    signs = np.ones((3, 1, state_size(network)), dtype=int)
    one = uoro.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    assert not same(one, truth)
    pair = kf_rtrl.gradients(
        network, p, x, y, numbers=RATIONALS, signs=np.ones((1, 3, 1, 2), dtype=int), normalisers=NORMALISERS
    )
    assert not same(pair, truth)


def test_negating_all_noise_is_no_second_draw():
    """T89: the estimate is even in the noise, so that an antithetic pair counts once."""
    network, p, x, y, _ = problem("lateral lif", 3)
    rng = np.random.default_rng(1)
    signs = 2 * rng.integers(0, 2, size=(3, 1, state_size(network))) - 1
    a, b = (
        uoro.gradients(network, p, x, y, numbers=RATIONALS, signs=s, normalisers=NORMALISERS) for s in (signs, -signs)
    )
    assert same(a, b)
    signs[1] = -signs[1]
    c = uoro.gradients(network, p, x, y, numbers=RATIONALS, signs=signs, normalisers=NORMALISERS)
    assert not same(a, c)


UORO = "gradcert.reference.estimators.uoro"
KF = "gradcert.reference.estimators.kf_rtrl"
ONES = "_split(network, numbers.array(np.ones(signs.shape[1:], dtype=int)))"
UORO_MUTANTS = {
    "T84 noise in the interior of the interval": (("numbers.array(signs[t])", "numbers.array(signs[t]) / 2"),),
    "T85 noise of the first step reused": (("numbers.array(signs[t])", "numbers.array(signs[0])"),),
    "T86 r0 on one factor only": (("rows[k] / _wide(r0)", "rows[k]"),),
    "T86 r0 not inverted": (("rows[k] / _wide(r0)", "rows[k] * _wide(r0)"),),
    "T86 r1 not inverted": (("fresh[k] / _wide(r1)", "fresh[k] * _wide(r1)"),),
    "T88 fixed initial factors": (
        ("state: list[Nodes] = [{} for _ in network.layers]", f"state: list[Nodes] = {ONES}"),
        ("rows: Rows = {}", f"rows: Rows = _immediate(steps_at(tape, 0), pull(network, steps_at(tape, 0), {ONES}))"),
    ),
}
KF_MUTANTS = {
    "T90 signs per entry": (
        ("n2 * p2 * fresh[k] for", "n2 * p2 * fresh[k] * (-1) ** np.arange(fresh[k].shape[1]) for"),
    ),
    "T90 p1 missing on one side": (("n1 * moved[k] / p1", "n1 * moved[k]"),),
    "T90 p2 missing on one side": (("n2 * slope[k] / p2", "n2 * slope[k]"),),
    "T85 signs of the first step reused": (("signs[t, :, :1], signs[t, :, 1:]", "signs[0, :, :1], signs[0, :, 1:]"),),
}


@pytest.mark.parametrize("name", UORO_MUTANTS)
def test_the_mean_of_a_uoro_mutant_is_not_rtrl(name):
    assert not mean_over_all_signs(mutant(UORO, *UORO_MUTANTS[name]), "lateral lif")


@pytest.mark.parametrize("name", KF_MUTANTS)
def test_the_mean_of_a_kf_rtrl_mutant_is_not_rtrl(name):
    # signs that repeat are seen at a distance of two steps: n1^2 = 1
    assert not mean_over_all_signs(mutant(KF, *KF_MUTANTS[name]), "relu rnn", steps=4)


def test_signs_shared_by_all_steps_are_not_rtrl():
    """T85, from outside."""
    assert not mean_over_all_signs(uoro, "lateral lif", dependent=True)
    assert not mean_over_all_signs(kf_rtrl, "relu rnn", steps=4, dependent=True)


# --- with the normalisers of the papers, in float64: z-scores --------------------------------------------------------

FALSE_ALARM = 1e-6  # of a whole test, over all entries of the gradient (Bonferroni), normal approximation
BLOCKS, DRAWS = 300, 64


def floating():
    cell = Lif(leak=0.7, threshold=0.5, recurrent=True)
    network = Network(layers=(Layer(cell, inputs=2, units=3), Layer(HEAD, inputs=3, units=2)))
    rng = np.random.default_rng(5)
    p, x, y = network.parameters(seed=5, scale=1.5), rng.standard_normal((4, 1, 2)), rng.standard_normal((4, 1, 2))
    return network, p, np.repeat(x, DRAWS, axis=1), np.repeat(y, DRAWS, axis=1)


def largest_z(module):
    """The largest z-score over the entries of the recurrent layer, and the bound that it may not exceed."""
    network, p, x, y = floating()
    assert state_nodes(network.layers[0]) == ("v", "z")
    truth = reverse.gradients(network, p, x[:, :1], y[:, :1], rule=RULES["rtrl"])
    names = [k for k in p if k.startswith("layers.0")]
    rng = np.random.default_rng(7)
    found = [module.gradients(network, p, x, y, rng=rng) for _ in range(BLOCKS)]
    blocks = np.array([np.concatenate([g[k].ravel() for k in names]) / DRAWS for g in found])
    target = np.concatenate([truth[k].ravel() for k in names])
    error = blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
    z = np.abs(blocks.mean(axis=0) - target)[error > 0] / error[error > 0]
    assert z.size > 10
    return z.max(), NormalDist().inv_cdf(1 - FALSE_ALARM / (2 * z.size))


@pytest.mark.parametrize("module", (uoro, kf_rtrl))
def test_draws_with_the_normalisers_of_the_paper_are_unbiased(module):
    z, bound = largest_z(module)
    assert z < bound


@pytest.mark.parametrize(
    ("name", "change"),
    (
        (UORO, ("return 2 * rng.integers(0, 2, size=shape) - 1", "return rng.uniform(-1, 1, size=shape)")),  # T84
        (UORO, ("numbers.array(signs[t])", "numbers.array(signs[0])")),  # T85
        (KF, ("n1 * p1 * u[k]", "n1 * u[k]")),  # T90
    ),
)
def test_biased_draws_are_seen(name, change):
    z, bound = largest_z(mutant(name, change))
    assert z > bound


def loops(network, p, x, y):
    """Step by step, for one layer of vanilla units and one sample: J, phi', what the parameters multiply, the error."""
    w, h, b = (p[f"layers.0.{k}"] for k in "WHb")
    z = 0 * b
    for t in range(len(x)):
        before, a = z, w @ x[t, 0] + h @ z + b
        z = BALLS.tanh(a)
        slope = 1 - z * z
        yield slope[:, None] * h, slope, {"W": x[t, 0], "H": before, "b": BALLS.array(np.ones(1))}, z - y[t, 0]


def root(value):
    return value.sqrt()


def length(*arrays):
    return root(sum((v * v for array in arrays for v in np.ravel(array)), arb(0)))


def uoro_loops(network, p, x, y, signs):
    """r0 = sqrt(|B| / |J A|), r1 = sqrt(|nu D| / |nu|)."""
    total: dict[str, Any] = {}
    state: Any = None
    rows: dict[str, Any] = {}
    for t, (jacobian, slope, sources, error) in enumerate(loops(network, p, x, y)):
        nu = BALLS.array(signs[t, 0])
        fresh = {k: np.outer(slope * nu, s) for k, s in sources.items()}
        r1 = root(length(*fresh.values()) / length(nu))
        if t:
            r0 = root(length(*rows.values()) / length(jacobian @ state))
            state = r0 * (jacobian @ state) + r1 * nu
            rows = {k: rows[k] / r0 + fresh[k] / r1 for k in fresh}
        else:
            state, rows = r1 * nu, {k: f / r1 for k, f in fresh.items()}
        for k, row in rows.items():
            total[k] = total.get(k, 0) + (error @ state) * row
    return total


def kf_loops(network, p, x, y, signs):
    """p1 = sqrt(|J A| / |u|), p2 = sqrt(|phi'| / |a|)."""
    total: dict[str, Any] = {}
    big: Any = None
    u: dict[str, Any] = {}
    for t, (jacobian, slope, sources, error) in enumerate(loops(network, p, x, y)):
        n1, n2 = BALLS.array(signs[0, t, 0])
        p2 = root(length(slope) / length(*sources.values()))
        fresh = n2 * np.diag(slope) / p2
        if t:
            moved = jacobian @ big
            p1 = root(length(moved) / length(*u.values()))
            u, big = {k: n1 * p1 * u[k] + n2 * p2 * s for k, s in sources.items()}, n1 * moved / p1 + fresh
        else:
            u, big = {k: n2 * p2 * s for k, s in sources.items()}, fresh
        for k, s in u.items():
            total[k] = total.get(k, 0) + np.outer(error @ big, s)
    return total


LOOPS = ((uoro, uoro_loops, (3, 1, 3)), (kf_rtrl, kf_loops, (1, 3, 1, 2)))


@pytest.mark.parametrize(("module", "written", "shape"), LOOPS)
def test_one_draw_has_the_normalisers_of_the_papers(module, written, shape):
    """The mean cannot tell one normaliser from another; a single draw can."""
    network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    rng = np.random.default_rng(3)
    signs = 2 * rng.integers(0, 2, size=shape) - 1
    with precision(BITS):
        p = {k: BALLS.array(v) for k, v in network.parameters(seed=1, scale=1.5).items()}
        x, y = BALLS.array(rng.standard_normal((3, 1, 2))), BALLS.array(rng.standard_normal((3, 1, 3)))
        found = module.gradients(network, p, x, y, numbers=BALLS, signs=signs)
        expected = written(network, p, x, y, signs)
        for k in "WHb":
            assert agree(found[f"layers.0.{k}"], expected[k].reshape(p[f"layers.0.{k}"].shape)), k


BARE = "\n\n\ndef normaliser(above, below):\n    return np.sqrt(above / below)\n"


@pytest.mark.parametrize(
    ("module", "change"),
    (
        (uoro, ("    dead = (above == 0) | (below == 0)\n", "    return np.sqrt(above / below)\n")),
        (kf_rtrl, ("import checked_signs, normaliser\n", f"import checked_signs{BARE}")),
    ),
)
def test_normalisers_have_a_guard_where_a_norm_vanishes(module, change):
    """T87: without leak and lateral weights J A is 0 at every step."""
    network = Network(layers=(Layer(Lif(leak=0.0), inputs=2, units=3), Layer(HEAD, inputs=3, units=2)))
    p, rng = network.parameters(scale=2.0), np.random.default_rng(0)
    x, y = rng.standard_normal((4, 1, 2)), rng.standard_normal((4, 1, 2))
    good = module.gradients(network, p, x, y, rng=rng)
    assert all(np.isfinite(g).all() for g in good.values())
    with np.errstate(all="ignore"):
        bad = mutant(module.__name__, change).gradients(network, p, x, y, rng=rng)
    assert not all(np.isfinite(g).all() for g in bad.values())


def test_samples_have_noise_of_their_own():
    """T85: two equal samples of one batch get different estimates, so their sum is not twice one of them."""
    network, p, x, y, _ = problem("lateral lif", 3)
    rng = np.random.default_rng(2)
    signs = 2 * rng.integers(0, 2, size=(3, 2, state_size(network))) - 1
    each = [
        uoro.gradients(network, p, x, y, numbers=RATIONALS, signs=signs[:, i : i + 1], normalisers=NORMALISERS)
        for i in (0, 1)
    ]
    assert not same(*each)
    both = uoro.gradients(
        network, p, x.repeat(2, 1), y.repeat(2, 1), numbers=RATIONALS, signs=signs, normalisers=NORMALISERS
    )
    assert same(both, {k: each[0][k] + each[1][k] for k in p})
