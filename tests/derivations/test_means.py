"""The examples of `assets/means.js`, rules that draw: every draw against gradcert's estimators."""

from functools import partial
from itertools import combinations, product

import numpy as np
import pytest
from shown import CLOSE, flat, needs_node, shown

from gradcert.derivations.reading.examples import example, network
from gradcert.reference import RULES, Layer, Network, Rnn
from gradcert.reference.engines import record, reverse
from gradcert.reference.estimators import kf_rtrl, opzo, sltt_k, uoro

pytestmark = needs_node
pages = partial(shown, "means.js")
SIGNS = [np.array(s) for s in product((1, -1), repeat=6)]


def spread(draws, exact):
    return np.sqrt(np.mean([((g - exact) ** 2).sum() for g in draws])) / np.linalg.norm(exact)


@pytest.mark.long
def test_every_draw_its_mean_and_its_spread_are_those_of_the_code():
    spec = example("unbiased")
    settings = [{"draw": d, "weight": d % 6, "h12": h} for d, h in ((6, -0.3), (29, 0.9))]
    for s, mine in zip(*pages("unbiased", settings), strict=True):
        problem = network(spec, s)
        exact = flat(spec, reverse.gradients(*problem, rule=RULES["bptt"]))
        by_uoro = [flat(spec, uoro.gradients(*problem, signs=nu.reshape(3, 1, 2))) for nu in SIGNS]
        by_kf = [flat(spec, kf_rtrl.gradients(*problem, signs=nu.reshape(1, 3, 1, 2))) for nu in SIGNS]
        shown = np.array([u["online"] for u in mine["all"]])
        assert np.abs(shown - by_uoro[s["draw"] - 1]).max() <= CLOSE
        for mean, wide, draws in (("mean", "spread", by_uoro), ("kfmean", "kfspread", by_kf)):
            assert abs(mine[mean] - exact[s["weight"]]) <= CLOSE
            assert abs(mine[wide] - spread(draws, exact)) <= CLOSE
        assert mine["needed"] == np.ceil((mine["spread"] / 0.1) ** 2)
        for t, i in product((1, 2, 3), (0, 1)):  # the mean of the product is RTRL's influence
            assert abs(mine[f"M{i}.{t}"] - (mine[f"dz{i}.{t}"] or 0)) <= CLOSE


def by_hand(problem, nu, *, scale=1.0, mistake=None):
    """UORO as the lesson's algorithm, in matrices of units by sources, right or with one mistake."""
    net, w, x, y = problem
    z = record(net, w, x).layers[0].now["z"][:, 0]
    h, start = w["layers.0.H"], float(mistake == "initial")
    column, row, total = np.full(2, start), np.full((2, 3), start), np.zeros((2, 3))
    for t in range(3):
        slope, source = 1 - z[t] ** 2, np.concatenate([x[t, 0], z[t - 1] if t else np.zeros(2)])
        noise = {"reused": nu[0], "shared": nu[t, :1].repeat(2)}.get(mistake, nu[t])
        noise = noise / np.sqrt(3) if mistake == "uniform" else noise
        column, fresh = slope * (h @ column), (noise * slope)[:, None] * source
        norms = [np.linalg.norm(u) for u in (row, column, fresh, noise)]
        r0 = scale * (np.sqrt(norms[0] / norms[1]) if norms[0] and norms[1] else 1.0)
        r1 = np.sqrt(norms[2] / norms[3]) if norms[2] else 1.0
        column = r0 * column + r1 * noise
        row = row / (1.0 if mistake == "half" else r0) + fresh / r1
        total += ((z[t] - y[t, 0]) @ column) * row
    return total.ravel()[[0, 3, 1, 2, 4, 5]]  # W11, W21, H11, H12, H21, H22


@pytest.mark.long
def test_any_normaliser_leaves_the_mean_and_the_mistakes_are_the_biases_that_the_lesson_names():
    spec = example("unbiased")
    settings = [{"draw": 6, "weight": k, "scale": r, "h12": 0.9} for k, r in ((0, 1.0), (3, 0.2), (4, 5.0))]
    given, found = pages("unbiased", settings)
    for s, mine in zip(given, found, strict=True):
        problem, k = network(spec, s), s["weight"]
        exact = flat(spec, reverse.gradients(*problem, rule=RULES["bptt"]))
        nus = [nu.reshape(3, 2) for nu in SIGNS]
        draws = [by_hand(problem, nu, scale=s["scale"]) for nu in nus]
        assert np.abs(draws[5] - [u["online"] for u in mine["all"]]).max() <= CLOSE
        assert abs(mine["mean"] - exact[k]) <= CLOSE
        assert abs(mine["spread"] - spread(draws, exact)) <= 2 * CLOSE
        for mistake in spec.mistakes:
            mean = np.mean([by_hand(problem, nu, scale=s["scale"], mistake=mistake) for nu in nus], axis=0)
            assert abs(mean[k] - mine[f"m {mistake}"]) <= 4 * CLOSE, mistake
            assert abs(np.linalg.norm(mean - exact) / np.linalg.norm(exact) - mine[f"q {mistake}"]) <= 8 * CLOSE, (
                mistake
            )
        assert abs(mine["q uniform"] - 2 / 3) <= CLOSE
        assert min(mine[f"q {m}"] for m in spec.mistakes) > 0.01
    assert found[0]["spread"] < min(mine["spread"] for mine in found[1:])  # away from 1 the noise grows


def test_draws_six_and_fifty_nine_are_one():
    _, (one, other) = pages("unbiased", [{"draw": 6}, {"draw": 59}])
    assert all(one[f"nu{i}.{t}"] == -other[f"nu{i}.{t}"] for t in (1, 2, 3) for i in (0, 1))
    assert one["online"] == other["online"]


def readout(problem):
    """The same problem with a head that has no state, which is what OPZO is defined for."""
    net, w, x, y = problem
    head = Layer(Rnn(activation="identity", recurrent=False, bias=False), inputs=2, units=1)
    return Network(layers=(net.layers[0], head)), w, x, y


def test_sltt_k_and_its_mistakes_are_those_of_the_code():
    spec = example("sampled")
    settings = [{"kept": k, "draw": d, "weight": d % 4, "x2": 0.3 + k} for k, d in ((1, 2), (2, 3), (3, 1))]
    for s, mine in zip(*pages("sampled", settings), strict=True):
        problem, k = readout(network(spec, s)), s["weight"]
        sets = list(combinations(range(3), s["kept"]))
        draws = [flat(spec, sltt_k.gradients(*problem, chosen=chosen)) for chosen in sets]
        sltt, time = (flat(spec, reverse.gradients(*problem, rule=RULES[r])) for r in ("sltt", "ottt"))
        assert np.abs(draws[(s["draw"] - 1) % len(sets)] - [u["online"] for u in mine["all"]]).max() <= CLOSE
        assert np.abs(sltt - [u["exact"] for u in mine["all"]]).max() <= CLOSE
        assert mine["sets"] == len(sets)
        assert abs(mine["ktmean"] - np.mean(draws, axis=0)[k]) <= CLOSE
        wrong = {"short": sltt * s["kept"] / 3, "first": draws[0] * 3 / s["kept"], "through": time}
        for mistake, value in wrong.items():
            # the weights of the head have no trace in either rule, as their input is a spike and no membrane follows
            assert abs(value[k] - mine[f"m {mistake}"]) <= 4 * CLOSE, mistake
            assert abs(np.linalg.norm(value - sltt) / np.linalg.norm(sltt) - mine[f"q {mistake}"]) <= 8 * CLOSE, mistake


@pytest.mark.long
def test_opzo_its_matrix_and_their_means_are_those_of_the_code():
    spec = example("sampled")
    settings = [{"draw": 29, "weight": 1, "mu": 0.5, "alpha": 0.5}, {"draw": 29, "weight": 0, "mu": 0.9, "alpha": 0.25}]
    given, found = pages("sampled", settings)
    for s, mine in zip(given, found, strict=True):
        problem, k = readout(network(spec, s)), s["weight"]
        options = {"alpha": s["alpha"], "momentum": s["mu"]}
        drawn = [
            opzo.estimate_feedback(*problem[:3], signs=[nu.reshape(3, 1, 2)], **options)["layers.0.B"] for nu in SIGNS
        ]
        b = drawn[s["draw"] - 1]
        code = opzo.gradients(*problem, feedback={"layers.0.B": b})["layers.0.W"][k, 0]
        exact = reverse.gradients(*problem, rule=RULES["ottt"])["layers.0.W"][k, 0]
        assert max(abs(mine[f"B{i}.3"] - b[0, i]) for i in (0, 1)) <= CLOSE
        assert max(abs(mine[f"BM{i}.3"] - np.mean(drawn, axis=0)[0, i]) for i in (0, 1)) <= CLOSE
        assert abs(mine["opzo"] - code) <= CLOSE
        assert abs(mine["ottt"] - exact) <= CLOSE
        assert abs(mine["opzomean"] - mine["filled"] * exact) <= 4 * CLOSE
        assert mine["filled"] == 1 - s["mu"] ** 3
    one, other = pages("sampled", [{"alpha": 0.5}, {"alpha": 0.25}])[1]
    assert abs(one["opzomean"] - other["opzomean"]) <= 4 * CLOSE < other["bspread"] - one["bspread"]
