"""Networks as graphs: forward = reverse = rule + residual, and both are literal loops with edges cut.

In a prime field equality has no tolerance: engines and residual over every row, with all that a problem can have, and
loops on dual numbers. In float64 the loops are torch's, with edges detached, to the budget of `budget`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from budget import worst
from graph_cases import CASES, GATED, Ordered
from graph_oracle import by_autograd, by_duals

from gradcert.properties.numbers import dual
from gradcert.reference import RULES, TEMPORAL, Edge, GradcertError, Rule, draw_feedback, record, rule_named
from gradcert.reference.engines import forward, objective, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import Activity, Local, Loss, with_loss

FIELD = Ordered()
T, B = 4, 2
STATE, FEEDBACK, DELAY = Edge.STATE, Edge.FEEDBACK, Edge.DELAY


def rule(name, own, upper, **options):
    return Rule(name, "", frozenset(own), frozenset(upper), **options)


TRUTH = rule("truth", TEMPORAL, TEMPORAL)
OURS = {
    "feedback kept, delay above": rule("own", {STATE, FEEDBACK}, {STATE, DELAY}),
    "no feedback, no delay above": rule("own", TEMPORAL - {FEEDBACK}, TEMPORAL - {DELAY}),
    "delay alone": rule("own", {DELAY}, {DELAY}),
}
ROWS = {**RULES, **{name: rule_named(name) for name in ("tbptt(2)", "tbptt-chunks(2)")}, **OURS}


def problem(name, kinds):
    """Parameters and data for a case, all drawn from the whole field."""
    case = {**CASES, **GATED}[name]
    network, rng = case.network, np.random.default_rng(len(name))

    def draw(*shape):
        return FIELD.draw(rng, shape)

    p = {key: draw(*shape) for key, shape in network.shapes().items()}
    given = {}
    if "initial" in kinds:
        given = {"initial_gradient": True, "initial": {}}
        for i, layer in enumerate(network.layers):
            for k, node in enumerate(getattr(layer.cell, "plain_nodes", layer.cell.nodes)):
                if node.rpartition(".")[2] not in ("a", "out"):
                    shape = (*((B,) if (i + k) % 2 else ()), layer.size(node))
                    given["initial"][layer.full_name(i, node)] = draw(*shape)
    if "begins" in kinds:
        given["begins"] = np.array([[False, True], [True, False], [False, False], [False, True]])
    if "masks" in kinds:
        units = {q.name: q.units for q in case.graph.populations}
        given["masks"] = {"a": draw(T, B, units["a"]), "o.z": draw(T, B, units["o"])}
    if "activity" in kinds:
        network = with_loss(network, activity=(Activity(kind="l2", layers=(0,)),))
    x, y = draw(T, B, network.inputs), draw(T, B, network.layers[-1].units)
    return network, p, x, y, {"numbers": FIELD, **given}


ASKED = [(name, row) for row in ROWS for name in (*CASES, *GATED)]
KINDS = (("initial", "begins"), ("masks",), ("activity",))


@pytest.mark.long(keep=12)
@pytest.mark.parametrize("asked", ASKED, ids="-".join)
def test_engines_agree_and_rule_and_residual_are_bptt(asked):
    name, row = asked
    row = ROWS[row]
    kinds = KINDS[(len(name) + len(row.name)) % 3] if row.reach is None else ("begins", "masks")
    network, p, x, y, given = problem(name, kinds)
    try:
        feedback = draw_feedback(network, row, numbers=FIELD, seed=1)
    except GradcertError as error:
        assert row.feedback == "random" and "random feedback through the connection a -> o" in str(error), name
        return
    mine = reverse.gradients(network, p, x, y, rule=row, feedback=feedback, **given)
    found = forward.gradients(network, p, x, y, rule=row, feedback=feedback, **given)
    truth = reverse.gradients(network, p, x, y, rule=TRUTH, **given)
    parts = residual(network, p, x, y, rule=row, feedback=feedback, **given)
    assert list(mine) == list(found) == list(parts.total) == list(truth)
    assert [key for key in mine if (found[key] != mine[key]).any()] == []
    for key, want in truth.items():
        assert (mine[key] + parts.total[key] == want).all(), key
        assert (sum((part[key] for part in parts.split.values()), 0 * want) == parts.total[key]).all(), key


LITERAL = ("ostl", "sltt", *OURS)


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("row", LITERAL)
@pytest.mark.parametrize(
    "name", ["skip", "inputs", "feedback", "feedback from the output", "delay", "same and late", "max pooling"]
)
def test_the_engines_are_a_literal_loop(name, row):
    network, p, x, y, _ = problem(name, ())
    x, y = x[:3, :1], y[:3, :1]
    want = by_duals(CASES[name], p, x, y, ROWS[row], FIELD)
    found = reverse.gradients(network, p, x, y, rule=ROWS[row], numbers=FIELD)
    assert list(found) == list(want)
    assert [key for key in want if (found[key] != want[key]).any()] == []


def spiking(name):
    """Parameters and data of a case in which every population is active, by the share of its spikes."""
    network = CASES[name].network
    for seed in range(50):
        rng = np.random.default_rng(seed)
        p = network.parameters(seed=seed, scale=1.5)
        x, y = (rng.standard_normal((7, 3, n)) for n in (network.inputs, network.layers[-1].units))
        now = {k: v for layer in record(network, p, x).layers for k, v in layer.now.items()}
        rates = [v.mean() for k, v in now.items() if k.endswith(".z") and k != "o.z"]
        if all(0.2 < rate < 0.8 for rate in rates):
            return network, p, x, y
    raise AssertionError(f"nothing found for {name}")


@pytest.mark.parametrize("row", ["bptt", "sltt", "no feedback, no delay above"])
@pytest.mark.parametrize("name", CASES)
def test_the_engines_are_autograd_with_edges_cut(name, row):
    network, p, x, y = spiking(name)
    want = by_autograd(CASES[name], p, x, y, ROWS[row])
    for engine in (reverse, forward):
        assert worst(network, p, x, y, ROWS[row], None, engine.gradients(network, p, x, y, rule=ROWS[row]), want) <= 1
    assert row != "bptt" or all(g.any() for g in want.values())


BROKEN = (("feedback", FEEDBACK), ("feedback from the output", FEEDBACK), ("delay", DELAY), ("same and late", FEEDBACK))


@pytest.mark.parametrize(("name", "edge"), BROKEN, ids=str)
def test_the_loops_see_a_missing_edge(name, edge):
    network, p, x, y = spiking(name)
    want = by_autograd(CASES[name], p, x, y, TRUTH)
    found = reverse.gradients(network, p, x, y, rule=rule("broken", TEMPORAL - {edge}, TEMPORAL - {edge}))
    assert worst(network, p, x, y, TRUTH, None, found, want) > 1e6


def test_what_drops_a_path_is_booked_to_feedback_and_delay():
    """OSTL has no time above: of a delay line the kind is delay; e-prop has no feedback in a layer of its own."""
    network, p, x, y, given = problem("delay", ())
    dropped = residual(network, p, x, y, rule=RULES["ostl"], **given).split
    assert set(dropped) >= {(1, "delay"), (2, "delay")}
    assert (dropped[2, "delay"]["a.W"] != 0).any()
    network, p, x, y, given = problem("feedback", ())
    dropped = residual(network, p, x, y, rule=RULES["e-prop"], **given).split
    assert (dropped[0, "feedback_edge"]["b.W"] != 0).any() and (0, "feedback") not in dropped


@pytest.mark.parametrize("name", ["skip", "inputs", "feedback", "delay", "same and late", "shared", "channels"])
def test_auxiliary_losses_of_layers_whatever_they_are_made_of(name):
    """Forward = reverse = rule + residual; BPTT is the derivative of the objective, run on dual numbers."""
    network, p, x, y, given = problem(name, ("initial", "begins"))
    own = Loss(local=(Local("squared_error", 3), Local("{(o - y)^4}", 2, (network.depth - 2,))))
    network, rng = replace(network, loss=own), np.random.default_rng(3)
    hidden = enumerate(network.layers[:-1])
    given["readouts"] = {layer.owner(m): FIELD.draw(rng, (y.shape[-1], layer.units)) for m, layer in hidden}
    truth = reverse.gradients(network, p, x, y, rule=TRUTH, **given)
    for row in (RULES["bptt"], RULES["ostl"], RULES["osttp"], ROWS["tbptt(2)"]):
        options = {"rule": row, "feedback": draw_feedback(network, row, numbers=FIELD, seed=1), **given}
        mine = reverse.gradients(network, p, x, y, **options)
        found, parts = forward.gradients(network, p, x, y, **options), residual(network, p, x, y, **options)
        assert [k for k in mine if (found[k] != mine[k]).any() or (mine[k] + parts.total[k] != truth[k]).any()] == []
    directions = {k: FIELD.draw(rng, v.shape) for k, v in p.items()}
    moved = {k: dual.make(v, directions[k]) for k, v in p.items()}
    options = {**given, "numbers": dual.Duals(FIELD), "initial_gradient": False}
    along = dual.tangent(np.asarray(objective(record(network, moved, x, **options), y)), FIELD.zeros(())[()])
    assert along == sum((truth[k] * directions[k]).sum() for k in p)
