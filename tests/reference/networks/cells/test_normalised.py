"""Layer normalisation and weight standardisation: engines, residual, torch's own, laws, and what is refused.

Literal loops in scalars, at 50 digits: `engines/test_smooth_50_digits.py`. torch's own `layer_norm` is in the oracle.
"""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch_data
import torch_oracle
from budget import worst

from gradcert.properties.numbers import PrimeField
from gradcert.reference import (
    FLOAT32,
    RULES,
    TEMPORAL,
    Connection,
    Conv2d,
    Edge,
    GradcertError,
    Graph,
    Layer,
    Lif,
    Network,
    Population,
    Rnn,
    Rule,
    Snu,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.estimators import ESTIMATORS
from gradcert.reference.networks import CELLS, Dense, Sparse, cell_with, from_dict

FIELD = PrimeField()
BOTH = {"normalised": {"epsilon": 0.25}, "standardised": {"epsilon": 0.5}}
TRUTH = Rule("truth", "", TEMPORAL, TEMPORAL)
ROWS = [*RULES.values(), rule_named("tbptt(2)"), rule_named("tbptt-chunks(2)")]


def stack(kind, options, sizes=(3, 4, 3), **own):
    layers = (Layer(cell_with(kind, {**own, **options}), inputs=a, units=b) for a, b in pairwise(sizes))
    return Network(layers=tuple(layers))


def drawn(network, numbers, *, steps=4, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    p = {k: numbers.draw(rng, shape) for k, shape in network.shapes().items()}
    shapes = (steps, batch, network.inputs), (steps, batch, network.layers[-1].units)
    return p, *(numbers.draw(rng, shape) for shape in shapes)


@pytest.mark.long(keep=8)
@pytest.mark.parametrize("own", [{"normalised": True}, BOTH], ids=["normalised", "both"])
@pytest.mark.parametrize("rule", ROWS, ids=lambda rule: rule.name)
def test_engines_agree_and_rule_and_residual_are_bptt(rule, own):
    """In a prime field, where equality has no tolerance."""
    network = stack(Snu, own)
    p, x, y = drawn(network, FIELD, steps=3, batch=1)
    feedback = draw_feedback(network, rule, numbers=FIELD, seed=1)
    given = {"rule": rule, "feedback": feedback, "numbers": FIELD}
    mine, found = (engine.gradients(network, p, x, y, **given) for engine in (reverse, forward))
    truth = reverse.gradients(network, p, x, y, rule=TRUTH, numbers=FIELD)
    parts = residual(network, p, x, y, **given).total
    assert [key for key in mine if (found[key] != mine[key]).any()] == []
    assert [key for key in truth if (mine[key] + parts[key] != truth[key]).any()] == []


def spiking(network):
    for seed in range(100):
        rng = np.random.default_rng(seed)
        p, x = network.parameters(seed=seed, scale=1.5), rng.standard_normal((6, 3, network.inputs))
        y = rng.standard_normal((6, 3, network.layers[-1].units))
        if all(0.1 < layer.now["z"].mean() < 0.9 or "v" not in layer.now for layer in record(network, p, x).layers):
            return p, x, y
    raise AssertionError("no draw spikes")


CASES = {
    "lif": (Lif, {"recurrent": True, "leak": 0.7, "threshold": 0.3}),
    "lif-plain": (Lif, {"leak": 0.7, "threshold": 0.3, "reset": "hard", "bias": False}),
    "snu": (Snu, {"leak": 0.6, "threshold": 0.2, "transfer": "tanh", "train": ("leak",)}),
    "rnn": (Rnn, {}),
}
CUTS = (frozenset({Edge.STATE}), frozenset({Edge.RECURRENT, Edge.RESET}), TEMPORAL, frozenset())


@pytest.mark.long(keep=4)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("own", [BOTH, {"normalised": {"affine": False}}, {"standardised": True}], ids=str)
def test_both_engines_are_torch_with_cut_edges(name, own):
    kind, options = CASES[name]
    network = stack(kind, own, **options)
    p, x, y = spiking(network)
    for k, cut in enumerate(CUTS):
        rule = Rule("cut", "", cut, CUTS[k - 1])
        want = torch_oracle.gradients(network, p, x, y, rule)
        for engine in (reverse, forward):
            found = engine.gradients(network, p, x, y, rule=rule)
            assert worst(network, p, x, y, rule, None, found, want) <= 1, (cut, engine)


@pytest.mark.parametrize("what", ["a_mean", "a_variance"])
def test_the_oracle_sees_a_statistic_that_is_a_constant(what, monkeypatch):
    network = stack(Rnn, BOTH)
    p, x, y = spiking(network)
    want = torch_oracle.gradients(network, p, x, y, TRUTH)
    kind = type(network.layers[0].cell)
    right = kind.factors

    def broken(*given):
        return {k: 0 * f if getattr(k, "source", "") == what else f for k, f in right(*given).items()}

    monkeypatch.setattr(kind, "factors", broken)
    assert worst(network, p, x, y, TRUTH, None, reverse.gradients(network, p, x, y, rule=TRUTH), want) > 1e6


def test_all_that_a_problem_can_have():
    """Initial values, weights, beginnings, dropout and zoneout on a normalised layer."""
    network = stack(Lif, BOTH, recurrent=True, leak=0.7, threshold=0.3)
    p, x, y = spiking(network)
    rng = np.random.default_rng(3)
    given = {
        "initial": {"layers.0.v": rng.standard_normal(4), "layers.1.v": rng.standard_normal((3, 3))},
        "initial_gradient": True,
        "weights": np.array([[1.0, 0.5, 2.0]] * 6),
        "begins": np.array([[False] * 3, [False, True, False], [True, False, False], *[[False] * 3] * 3]),
        "masks": {"layers.0": (rng.random((6, 3, 4)) < 0.7) * 1.5, "layers.1.v": (rng.random((6, 3, 3)) < 0.5) * 1.0},
    }
    for rule in (RULES["bptt"], RULES["ostl"], RULES["sltt"]):
        want = torch_data.gradients(network, p, x, y, rule, **given)
        for engine in (reverse, forward):
            found = engine.gradients(network, p, x, y, rule=rule, **given)
            assert set(found) == set(want)
            assert worst(network, p, x, y, rule, None, found, want, **given) <= 1


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("name", CELLS)
def test_every_cell_can_be_normalised(name):
    """Gates too, each with mean and variance of its own; what is written is read back, and copied."""
    network = stack(CELLS[name], BOTH)
    assert from_dict(network.to_dict()) == network
    cell = network.layers[0].cell
    assert pickle.loads(pickle.dumps(cell)) == cell and isinstance(cell, CELLS[name])
    assert replace(cell, normalised=None, standardised=None).nodes == CELLS[name]().nodes
    p, x, y = spiking(network)
    mine, found = (engine.gradients(network, p, x, y, rule=RULES["rtrl"]) for engine in (reverse, forward))
    assert worst(network, p, x, y, RULES["rtrl"], None, mine, found) <= 1
    assert all(g.any() for k, g in mine.items() if not k.startswith("layers.1.H"))


def test_laws():
    """What all units have in common, and what all weights of a unit have, has no effect, and no gradient."""
    network = stack(Snu, BOTH)
    p, x, y = drawn(network, FIELD)
    given = {"rule": TRUTH, "numbers": FIELD}
    mine = reverse.gradients(network, p, x, y, **given)
    assert mine["layers.0.b"].sum() == 0 and (mine["layers.0.W"].sum(axis=1) == 0).all()
    moved = {**p, "layers.0.b": p["layers.0.b"] + 5, "layers.1.W": p["layers.1.W"] + x[0, 0, :1]}
    assert [k for k, g in reverse.gradients(network, moved, x, y, **given).items() if (g != mine[k]).any()] == []
    order = [2, 0, 3, 1]  # of the units of the lower layer
    p = network.parameters(seed=1)
    x, y = (np.random.default_rng(2).standard_normal((3, 2, n)) for n in (3, 3))
    mine = reverse.gradients(network, p, x, y, rule=TRUTH)
    moved = {k: v[order] if k.startswith("layers.0.") else v for k, v in p.items()}
    moved |= {"layers.0.H": p["layers.0.H"][order][:, order], "layers.1.W": p["layers.1.W"][:, order]}
    found = reverse.gradients(network, moved, x, y, rule=TRUTH)
    want = {k: v[order] if k.startswith("layers.0.") else v for k, v in mine.items()}
    want |= {"layers.0.H": mine["layers.0.H"][order][:, order], "layers.1.W": mine["layers.1.W"][:, order]}
    assert worst(network, moved, x, y, TRUTH, None, found, want) <= 1


def test_a_population_is_normalised_as_a_layer_is():
    """Two sources, each with a weight: the columns of one. Lateral weights are standardised."""
    cell = cell_with(Snu, {"normalised": {"epsilon": 0.25}, "standardised": {"weights": "H", "epsilon": 0.5}})
    graph = Graph(
        inputs={"a": 1, "b": 2},
        populations=(Population("low", cell, 3), Population("top", Rnn(recurrent=False), 2)),
        connections=(Connection("a", "low"), Connection("b", "low"), Connection("low", "top")),
    )
    plain = Network(layers=(Layer(cell, inputs=3, units=3), Layer(Rnn(recurrent=False), inputs=3, units=2)))
    network = Network(graph=graph)
    p, x, y = drawn(plain, FIELD)
    names = {k: k.replace("layers.0", "low").replace("layers.1", "top") for k in p}
    q = {new: p[old] for old, new in names.items() if new != "low.W"}
    q |= {"low.W.a": p["layers.0.W"][:, :1], "low.W.b": p["layers.0.W"][:, 1:]}
    for rule in (RULES["bptt"], RULES["ostl"], RULES["snap-1"]):
        want = reverse.gradients(plain, p, x, y, rule=rule, numbers=FIELD)
        for engine in (reverse, forward):
            found = engine.gradients(network, q, x, y, rule=rule, numbers=FIELD)
            found["low.W"] = np.concatenate([found.pop("low.W.a"), found.pop("low.W.b")], axis=1)
            assert [k for k, new in names.items() if (found[new] != want[k]).any()] == []


def test_kernels_are_standardised_and_numbers_stay_what_they_are():
    kernel = Conv2d(in_channels=1, height=3, width=3, out_channels=2, kernel=(2, 2))
    cell = cell_with(Lif, {"normalised": True, "standardised": True, "threshold": 0.2})
    network = Network(layers=(Layer(cell, inputs=9, units=8, synapses=(("W", kernel),)),))
    p, x, y = spiking(network)
    mine, found = (engine.gradients(network, p, x, y, rule=RULES["ostl"]) for engine in (reverse, forward))
    assert worst(network, p, x, y, RULES["ostl"], None, mine, found) <= 1
    assert abs(mine["layers.0.W"].reshape(2, -1).sum(axis=1)).max() < 1e-12 * abs(mine["layers.0.W"]).max()
    p, x, y = ({k: v.astype("float32") for k, v in p.items()}, x.astype("float32"), y.astype("float32"))
    for engine in (reverse, forward):
        got = engine.gradients(network, p, x, y, rule=RULES["ostl"], numbers=FLOAT32)
        assert {g.dtype.name for g in got.values()} == {"float32"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"normalised": {"epsilon": 0}}, "epsilon=0; allowed: a number above 0"),
        ({"normalised": {"epsilon": "small"}}, "epsilon"),
        ({"normalised": {"nodes": ["v"]}}, "v of the cell 'lif'; allowed: a"),
        ({"normalised": {"over": "batch"}}, "normalised with 'over'; allowed: nodes, epsilon, affine"),
        ({"normalised": 3}, "normalised=3; allowed: true, or a table"),
        ({"normalised": {"affine": 1}}, "affine"),
        ({"standardised": {"weights": ["H"]}}, "H of the cell 'lif'; allowed: W"),
        ({"standardised": {"weights": 2}}, "weights=2"),
    ],
)
def test_what_is_refused(options, said):
    with pytest.raises(GradcertError) as error:
        cell_with(Lif, options)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "synapse", [Sparse(inputs=2, units=2, present=((0, 0),)), Dense(inputs=2, units=2, absent=((0, 0),))]
)
def test_rows_without_all_their_weights_are_not_standardised(synapse):
    with pytest.raises(GradcertError, match="allowed: a dense one without absent connections, or a convolution"):
        Layer(cell_with(Lif, {"standardised": True}), inputs=2, units=2, synapses=(("W", synapse),))


def test_who_knows_neither_says_so():
    network = stack(Lif, BOTH)
    p, x, y = spiking(network)
    for name in ("otpe", "s-tllr", "ndot"):
        with pytest.raises(GradcertError, match="drives that are normalised, or weights that are standardised"):
            ESTIMATORS[name].gradients(network, p, x, y)
