"""Initial values, weights, beginnings and masks: both engines, residual and torch with cut edges are of one mind."""

from itertools import combinations

import numpy as np
import pytest
import torch_data
from budget import ROUNDINGS, worst
from networks import problem

from gradcert.reference import RULES, TEMPORAL, Edge, Rule, draw_feedback, record, rule_named
from gradcert.reference.engines import Learner, forward, reverse, tape_residual
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.engines.residual import residual

SUBSETS = [frozenset(s) for k in range(4) for s in combinations((Edge.STATE, Edge.RESET, Edge.RECURRENT), k)]
KINDS = ("initial", "weights", "begins", "masks", "held", "all")
# every kind once, and all together for every cell
EACH = [(kind, "snu") for kind in KINDS[:-1]] + [("all", name) for name in ("snu", "lif-before", "lif-hard", "rnn")]
ROWS = [*RULES.values(), rule_named("tbptt(2)"), rule_named("tbptt(9)"), rule_named("tbptt-chunks(2)")]


def data(kind, network, steps, samples, *, seed=0):
    """Optional arrays of one kind, or of all kinds; some initial values are the samples' own, some of all together."""
    rng = np.random.default_rng([seed, 7])
    out = {}
    if kind in ("initial", "all"):
        out["initial_gradient"] = True
        out["initial"] = {}
        for i, layer in enumerate(network.layers):
            nodes = [n for n in ("v", "z") if n in layer.cell.nodes]
            shapes = [(layer.units,), (samples, layer.units)]
            for node, shape in zip(nodes, shapes if i % 2 else shapes[::-1], strict=False):
                out["initial"][f"layers.{i}.{node}"] = rng.standard_normal(shape)
    if kind in ("weights", "all"):
        weights = rng.integers(0, 4, (steps, samples)) / 2.0
        weights[-1] = 1.5
        out["weights"] = weights
    if kind in ("begins", "all") and network.loss.when == "every":
        begins = rng.random((steps, samples)) < 0.4
        begins[2, 0], begins[3, 1] = True, True  # not at once in all samples
        out["begins"] = begins
    if kind in ("masks", "all"):
        for i, layer in enumerate(network.layers):
            mask = (rng.random((steps, samples, layer.units)) < 0.7) / 0.75
            out.setdefault("masks", {})[f"layers.{i}"] = mask
    if kind in ("held", "all"):
        for i, layer in enumerate(network.layers):
            for node in ("v", "z"):
                if node in layer.cell.nodes and (i + (node == "v")) % 2:
                    share = (rng.random((steps, samples, layer.units)) < 0.6).astype(float)
                    out.setdefault("masks", {})[f"layers.{i}.{node}"] = share
    return out


def rows(kind, name):
    """Every row of the table for each kind of data, on one cell or the other."""
    first = EACH.index((kind, name))
    every = kind == "all" and name == "snu"
    return [(k, rule) for k, rule in enumerate(ROWS) if every or (k + first) % 3 == 0]


def size(network, p, x, y, rule, feedback, given, mine, theirs):
    """Return the largest error of gradients in units of the budget (`budget.worst`, with data)."""
    return worst(network, p, x, y, rule, feedback, mine, theirs, **given)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_reverse_is_torch_with_detached_edges(kind, name):
    for k, own in enumerate(SUBSETS):
        depth = 1 + k % 3
        rule = Rule("cut", "a set of edges", own, SUBSETS[(3 * k + depth) % len(SUBSETS)])
        loss = ({}, {"time": "mean", "batch": "mean"}, {"kind": "cross_entropy", "time": "pooled"})[k % 3]
        network, p, x, y = problem(name, depth, seed=k, **loss)
        given = data(kind, network, *x.shape[:2], seed=k)
        mine = reverse.gradients(network, p, x, y, rule=rule, **given)
        theirs = torch_data.gradients(network, p, x, y, rule, **given)
        assert set(mine) == set(theirs)
        assert size(network, p, x, y, rule, None, given, mine, theirs) <= 1, (own, rule.upper)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_forward_is_reverse_on_every_row(kind, name):
    for k, rule in rows(kind, name):
        network, p, x, y = problem(name, 1 + k % 2 + (k % 4 == 3), seed=k, when=("every", "last")[k % 5 == 4])
        feedback = draw_feedback(network, rule, seed=5)
        given = data(kind, network, *x.shape[:2], seed=k)
        if rule.reach is not None:
            given.pop("initial_gradient", None)
        mine = forward.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
        theirs = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
        assert list(mine) == list(theirs)
        assert size(network, p, x, y, rule, feedback, given, mine, theirs) <= 1, rule.name


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_rule_and_residual_are_bptt(kind, name):
    truth = Rule("truth", "", TEMPORAL, TEMPORAL)
    for k, rule in rows(kind, name):
        network, p, x, y = problem(name, 1 + k % 2 + (k % 4 == 3), seed=k)
        feedback = draw_feedback(network, rule, seed=5)
        given = data(kind, network, *x.shape[:2], seed=k)
        if rule.reach is not None:
            given.pop("initial_gradient", None)
        mine = reverse.gradients(network, p, x, y, rule=rule, feedback=feedback, **given)
        want = reverse.gradients(network, p, x, y, rule=truth, **given)
        parts = residual(network, p, x, y, rule=rule, feedback=feedback, **given).total
        nothing = Rule("none", "", frozenset(), frozenset(), feedback=rule.feedback)
        tape = record(network, p, x, **given)
        mass = tape_residual(tape, y, rule=nothing, feedback=feedback, absolute=True).total
        assert list(parts) == list(want)
        for key in want:
            largest = max(mass[key].max(), abs(mine[key]).max(), abs(want[key]).max())
            assert abs(mine[key] + parts[key] - want[key]).max() <= gamma(ROUNDINGS) * largest, (rule.name, key)


def test_everything_acts():
    """Each kind of data changes the gradient of bptt by far more than rounding: the comparisons are about something."""
    network, p, x, y = problem("snu", 2, seed=1)
    plain = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    for kind in KINDS[:-1]:
        given = data(kind, network, *x.shape[:2])
        other = reverse.gradients(network, p, x, y, rule=RULES["bptt"], **given)
        for key in plain:
            assert abs(other[key] - plain[key]).max() > 1e-3 * abs(plain[key]).max(), (kind, key)
    for key, g in reverse.gradients(network, p, x, y, rule=RULES["bptt"], **data("initial", network, 6, 3)).items():
        assert abs(g).max() > 0, key


def test_the_learner_holds_the_gradient_of_every_prefix():
    network, p, x, y = problem("snu", 2, seed=3)
    given = data("all", network, *x.shape[:2])
    learner = Learner(network, p, rule=RULES["rtrl"], steps=len(x), batch=x.shape[1], **given)
    for t in range(len(x)):
        learner.step(x[t], y[t])
        short = dict(given, weights=given["weights"][: t + 1], begins=given["begins"][: t + 1])
        short["masks"] = {k: m[: t + 1] for k, m in given["masks"].items()}
        if not short["weights"].any():
            continue
        want = reverse.gradients(network, p, x[: t + 1], y[: t + 1], rule=RULES["rtrl"], **short)
        sizes = (network, p, x[: t + 1], y[: t + 1], RULES["rtrl"], None, short)
        assert size(*sizes, learner.gradients(), want) <= 1


def test_a_row_of_two_sequences_is_two_rows_whatever_cuts_time():
    """Also where a rule counts steps: a window and a chunk reach no further back than the sequence does."""
    for rule in (RULES["bptt"], rule_named("tbptt(2)"), RULES["snap-2"]):
        network, p, x, y = problem("lif-before", 2, seed=4, steps=6)
        begins = np.zeros((6, x.shape[1]), dtype=bool)
        begins[3] = True
        whole = reverse.gradients(network, p, x, y, rule=rule, begins=begins)
        halves = [reverse.gradients(network, p, x[s], y[s], rule=rule) for s in (slice(0, 3), slice(3, 6))]
        both = {key: halves[0][key] + halves[1][key] for key in whole}
        assert worst(network, p, x, y, rule, None, whole, both) <= 1
        carried = reverse.gradients(network, p, x, y, rule=rule)
        assert worst(network, p, x, y, rule, None, whole, carried) > 1e6
