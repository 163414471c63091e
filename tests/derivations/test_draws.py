"""The examples of `assets/draws.js` against gradcert's engines and estimators, and the numbers that lessons quote."""

from functools import partial

import numpy as np
from shown import CLOSE, flat, grid, needs_node, shown

from gradcert.derivations.reading.examples import example, network, rule_with
from gradcert.reference import RULES, TEMPORAL, Layer, Network, Rnn, rule_named
from gradcert.reference.engines import reachable, record, reverse
from gradcert.reference.networks import Dense

pages = partial(shown, "draws.js")


def off(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@needs_node
def test_snap_shows_the_error_of_every_n_and_counts_what_is_kept():
    spec = example("snap")
    for s, mine in zip(*pages("snap", grid(n=(1, 2, 3), h21=(0.9, -1.3))), strict=True):
        problem = network(spec, s)
        exact = flat(spec, reverse.gradients(*problem, rule=RULES["bptt"]))
        for n in (1, 2, 3):
            found = flat(spec, reverse.gradients(*problem, rule=rule_named(f"snap-{n}")))
            assert abs(off(found, exact) - mine[f"e{n}"]) <= 10 * CLOSE
        mask = reachable(problem[0].layers[0], TEMPORAL, "H", s["n"])
        assert mine["entries"] == sum(int(mask[w[3]].sum()) for w in spec.weights)


def plain(pairs, units, steps):
    absent = tuple((i, j) for i, j in np.ndindex(units, units) if (i, j) not in pairs)
    lateral = Dense(inputs=units, units=units, absent=absent)
    net = Network(layers=(Layer(Rnn(), inputs=1, units=units, synapses=(("H", lateral),)),))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((steps, 1, 1)), rng.standard_normal((steps, 1, units))
    return net, net.parameters(seed=0, scale=1.5), x, y


def test_the_answers_to_the_exercises_on_masks():
    ring = {(i, (i - 1) % 6) for i in range(6)}
    problem = plain(ring, 6, 3)
    found = {r: reverse.gradients(*problem, rule=rule_named(r)) for r in ("bptt", "snap-1", "snap-2", "snap-3", "sltt")}
    inputs, lateral = ({r: g[f"layers.0.{k}"] for r, g in found.items()} for k in "WH")
    assert off(inputs["snap-2"], inputs["bptt"]) > 1e-3
    assert off(inputs["snap-3"], inputs["bptt"]) <= CLOSE
    assert off(lateral["snap-2"], lateral["bptt"]) <= CLOSE
    assert off(lateral["snap-1"], lateral["sltt"]) <= CLOSE
    heard = {(1, 0), (2, 0), (2, 1)}
    net = plain(heard, 3, 3)[0]
    assert reachable(net.layers[0], TEMPORAL, "H", 2)[0].tolist() == [True, True, True]
    assert reachable(plain(heard - {(2, 0)}, 3, 3)[0].layers[0], TEMPORAL, "H", 2)[0].tolist() == [True, True, False]
    blocks = {(i, j) for i, j in np.ndindex(8, 8) if i // 4 == j // 4}
    problem = plain(blocks, 8, 4)
    exact, two = (reverse.gradients(*problem, rule=rule_named(r))["layers.0.H"] for r in ("bptt", "snap-2"))
    assert off(two, exact) <= CLOSE
    assert reachable(problem[0].layers[0], TEMPORAL, "H", 2).sum(axis=1).tolist() == [4] * 8


@needs_node
def test_osttp_and_its_mistakes_are_those_of_the_code():
    spec = example("osttp")
    for s, mine in zip(*pages("osttp", grid(g1=(0.8, -1.1), g2=(0.7,), y2=(0.4,), weight=(0, 3))), strict=True):
        problem, b = network(spec, s), {"layers.0.B": np.array([[s["g1"], s["g2"]]])}

        def run(rule, b=b, problem=problem):
            return flat(spec, reverse.gradients(*problem, rule=rule, feedback=b))

        right, bptt = run(RULES["osttp"]), flat(spec, reverse.gradients(*problem, rule=RULES["bptt"]))
        assert np.abs(right - [u["online"] for u in mine["all"]]).max() <= CLOSE
        assert np.abs(bptt - [u["exact"] for u in mine["all"]]).max() <= CLOSE
        assert mine["upper"] <= CLOSE
        assert (
            abs(right[:2] @ bptt[:2] / np.linalg.norm(right[:2]) / np.linalg.norm(bptt[:2]) - mine["cosine"]) <= CLOSE
        )
        net, w, x, y = problem
        error = record(net, w, x).outputs - y
        as_target = flat(spec, reverse.gradients(net, w, x, error, rule=RULES["osttp"], feedback=b))
        zero = flat(spec, reverse.gradients(net, w, x, 0 * y, rule=RULES["osttp"], feedback=b))
        # the loss is quadratic: the last layer of target y is that of target 0, less what the target projects
        wrong = {
            "error": [*as_target[:2], *right[2:]],
            "sign": [*(-right[:2]), *right[2:]],
            "output": [*right[:2], *(zero - right)[2:]],
            "reset": run(rule_with(RULES["osttp"], without=("reset",))),
        }
        for mistake, value in wrong.items():
            assert abs(value[s["weight"]] - mine[f"m {mistake}"]) <= CLOSE, mistake
            assert abs(off(np.array(value), right) - mine[f"q {mistake}"]) <= 10 * CLOSE, mistake
