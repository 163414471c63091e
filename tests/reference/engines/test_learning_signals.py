"""Learning signals of every row: a loss at the last step alone, matrices that a rule does not use, spikes of spikes."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from budget import worst
from networks import problem

from gradcert.reference import RULES, Layer, Learner, Lif, Link, Loss, Network, draw_feedback
from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.sweep import pull_link
from gradcert.reference.engines.tape import record
from gradcert.reference.networks.edges import Edge
from gradcert.reference.networks.network import with_loss

ENGINES = {"reverse": reverse.gradients, "forward": forward.gradients}
MATRICES = ("ostl-random", "osttp", "e-prop-random")  # one row for each way to use them


def drawn(network, *rules):
    out = {}
    for name in rules:
        out |= draw_feedback(network, RULES[name], seed=9)
    return out


def late(kind="squared_error", samples=3, **loss):
    network, p, x, y = problem("snu", 3, seed=4, samples=samples)
    return with_loss(network, kind=kind, when="last", **loss), p, x, y


@pytest.mark.parametrize("kind", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("rule", RULES)
def test_of_a_loss_at_the_last_step_the_engines_agree(rule, kind):
    # means over two and over three samples: no divisor is taken for 1
    network, p, x, y = late(kind, samples=2 if kind == "squared_error" else 3, batch="mean")
    feedback = draw_feedback(network, RULES[rule], seed=5)
    r, f = (g(network, p, x, y, rule=RULES[rule], feedback=feedback) for g in ENGINES.values())
    assert worst(network, p, x, y, RULES[rule], feedback, f, r) <= 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", RULES)
def test_of_a_loss_at_the_last_step_earlier_targets_say_nothing(rule, engine):
    network, p, x, y = late()
    feedback = draw_feedback(network, RULES[rule], seed=5)
    other = np.concatenate([y[:-1] + 1, y[-1:]])
    a, b, c = (
        ENGINES[engine](network, p, x, targets, rule=RULES[rule], feedback=feedback) for targets in (y, other, y + 1)
    )
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != c[name]).any() for name in a)  # the last one does


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", [name for name, row in RULES.items() if row.feedback == "symmetric"])
def test_matrices_that_a_rule_does_not_use_change_nothing(rule, engine):
    network, p, x, y = problem("snu", 3, seed=4)
    bare = ENGINES[engine](network, p, x, y, rule=RULES[rule])
    given = ENGINES[engine](network, p, x, y, rule=RULES[rule], feedback=drawn(network, *MATRICES))
    assert all((bare[name] == given[name]).all() for name in bare)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("layer", [1, 2])
def test_a_random_matrix_stands_in_for_its_layer(layer, engine):
    """Twice the weight on the way down: twice the credit of the layers below, exactly, and of no other."""
    network, p, x, y = problem("snu", 3, seed=4)
    matrices = {f"layers.{i}.B": p[f"layers.{i}.W"] for i in (1, 2)}
    same = ENGINES[engine](network, p, x, y, rule=RULES["ostl-random"], feedback=matrices)
    symmetric = ENGINES[engine](network, p, x, y, rule=RULES["ostl"])
    doubled = {**matrices, f"layers.{layer}.B": 2 * p[f"layers.{layer}.W"]}
    found = ENGINES[engine](network, p, x, y, rule=RULES["ostl-random"], feedback=doubled)
    assert all((same[name] == symmetric[name]).all() for name in p)
    for name in p:
        assert (found[name] == (2 if int(name.split(".")[1]) < layer else 1) * symmetric[name]).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_parameter_has_one_trace_for_each_age_in_the_window(rule):
    """Without a window all ages are one: linear traces are added, never kept apart."""
    network, p, x, y = problem("snu", 2, seed=4)
    row = RULES[rule]
    feedback = draw_feedback(network, row, seed=5)
    learner = Learner(network, p, rule=row, steps=len(x), batch=x.shape[1], feedback=feedback)
    for t in range(len(x)):
        learner.step(x[t], y[t])
        ages = {age for traces in learner.traces for _, _, age in traces}
        assert ages <= (set(range(row.window)) if row.window else {0})


@pytest.mark.parametrize("chunk", [2, 3])
@pytest.mark.parametrize("window", [1, 2, 3])
def test_short_windows_and_chunks(window, chunk):
    """Ages up to the window in the forward engine, sums of paths by length in the reverse one; chunks in both."""
    network, p, x, y = problem("snu", 2, seed=4)
    rules = replace(RULES["tbptt"], window=window), replace(RULES["tbptt-chunks"], chunk=chunk)
    found = []
    for rule in rules:
        r, f = (g(network, p, x, y, rule=rule) for g in ENGINES.values())
        assert worst(network, p, x, y, rule, None, f, r) <= 1
        found.append(r)
    assert any((found[0][name] != found[1][name]).any() for name in p)


@pytest.mark.parametrize("window", [2, 3])
def test_a_window_on_one_edge_above_and_on_others_below(window):
    network, p, x, y = problem("snu", 3, seed=4)
    rule = replace(RULES["tbptt"], own=frozenset({Edge.STATE, Edge.RECURRENT}), upper=frozenset({Edge.STATE}))
    rule = replace(rule, window=window)
    r, f = (g(network, p, x, y, rule=rule) for g in ENGINES.values())
    assert worst(network, p, x, y, rule, None, f, r) <= 1


@pytest.mark.parametrize("factor", [1, 0, 2, -1, 0.5, np.array([0.5, -2.0])])
def test_a_factor_pulls_credit_back(factor):
    network = Network(layers=(Layer(Lif(), inputs=1, units=2),))
    (layer,) = record(network, network.parameters(), np.ones((1, 1, 1))).layers
    credit = np.array([[[1.0, -2.0]]])
    assert (pull_link(layer, Link("v", "a"), credit, factor) == credit * factor).all()


@dataclass(frozen=True)
class Relayed(Lif):
    """LIF whose output is a scaled copy of its spike s: z = scale s, so that z is derived from what is derived."""

    scale: int = 3  # an integer, as a factor may be

    @property
    def nodes(self):
        """The spike s stands between v and z."""
        return ("a", "v", "s", "z")

    @property
    def links(self):
        """The spike resets, the output goes round."""
        renamed = {("z", "v", 0): replace(LINK, target="s")}
        inner = [renamed.get((k.target, k.source, k.lag), k) for k in super().links]
        inner = [replace(k, source="s") if k.edge == Edge.RESET else k for k in inner]
        return (*inner, Link("z", "s"))

    @property
    def uses(self):
        """The threshold acts on s."""
        return tuple(replace(use, target="s") if use.target == "z" else use for use in super().uses)

    def step(self, n, p, drive, prev):
        """One step of LIF; the recurrent drive sees the scaled output, the reset the spike."""
        now = super().step(n, p, lambda node, z: drive(node, z=prev["z"]), {**prev, "z": prev["s"]})
        return {**now, "s": now["z"], "z": self.scale * now["z"]}

    def factors(self, n, p, prev, now):
        """Those of LIF under the new names, and the scale."""
        inner = super().factors(n, p, {**prev, "z": prev["s"]}, {**now, "z": now["s"]})
        names = dict(zip(super().links, self.links, strict=False)) | dict(zip(super().uses, self.uses, strict=True))
        return {**{names[key]: factor for key, factor in inner.items()}, Link("z", "s"): self.scale}


LINK = Link("z", "v")


@pytest.mark.parametrize("rule", RULES)
def test_an_output_that_is_derived_from_a_spike(rule):
    cell = Relayed(leak=0.75, threshold=0.25, recurrent=True, train=("leak", "threshold"))
    layers = (Layer(cell, inputs=3, units=4), Layer(replace(cell, scale=2), inputs=4, units=2))
    network = Network(layers=layers, loss=Loss(time="mean"))
    rng = np.random.default_rng(6)
    x, y, p = rng.standard_normal((6, 3, 3)), rng.standard_normal((6, 3, 2)), network.parameters(seed=2, scale=2.0)
    assert 0.1 < (record(network, p, x).layers[0].now["s"]).mean() < 0.9
    feedback = draw_feedback(network, RULES[rule], seed=5)
    r, f = (g(network, p, x, y, rule=RULES[rule], feedback=feedback) for g in ENGINES.values())
    assert worst(network, p, x, y, RULES[rule], feedback, f, r) <= 1


def test_a_relayed_spike_of_scale_1_is_lif():
    """The cell of this file beside the one that it is made from."""
    options = {"leak": 0.75, "threshold": 0.25, "recurrent": True, "train": ("leak", "threshold")}
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((6, 3, 3)), rng.standard_normal((6, 3, 4))
    one, other = (Network(layers=(Layer(c, inputs=3, units=4),)) for c in (Relayed(scale=1, **options), Lif(**options)))
    p = other.parameters(seed=2, scale=2.0)
    for gradients in ENGINES.values():
        a, b = (gradients(network, p, x, y, rule=RULES["bptt"]) for network in (one, other))
        assert worst(other, p, x, y, RULES["bptt"], None, a, b) <= 1
