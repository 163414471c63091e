"""A cell that reads its input one step late, beside the same cell on inputs that come late: the same numbers."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from budget import worst

from gradcert.reference import RULES, Edge, GradcertError, Layer, Link, Network, Rnn, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks.cells import Integrator

RULE_NAMES = ("bptt", "ostl", "ottt", "tbptt-chunks", "snap-1")


@dataclass(frozen=True)
class Late(Rnn):
    """tanh(W x' + H z' + b)."""

    @property
    def links(self):
        """The input's link has a lag."""
        first, *others = super().links
        assert (first.source, first.lag) == ("x", 0)
        return (replace(first, lag=1, edge=Edge.STATE), *others)


SILENT = {"bias": False}  # at rest until the first input arrives, so that a delay may be taken below or above it


def stack(*cells):
    sizes = (3, 4, 5, 2)
    layers = [Layer(cell, inputs=a, units=b) for cell, a, b in zip(cells, sizes, sizes[1:], strict=False)]
    return Network(layers=(*layers, Layer(Integrator(kappa=0.5), inputs=sizes[len(cells)], units=2)))


def data(network, steps=6, batch=2):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((steps, batch, 3)), rng.standard_normal((steps, batch, 2))
    x[0, 0] = 0  # what comes before the first step is 0 whatever the first input
    return network.parameters(seed=5), x, y


def shifted(x):
    return np.concatenate([np.zeros_like(x[:1]), x[:-1]])


def gradients(network, rule, p, x, y):
    return reverse.gradients(network, p, x, y, rule=RULES[rule])


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_late_layer_is_a_shifted_input(rule):
    p, x, y = data(stack(Rnn()))
    late, plain = gradients(stack(Late()), rule, p, x, y), gradients(stack(Rnn()), rule, p, shifted(x), y)
    assert all((late[name] == plain[name]).all() for name in plain)
    assert (late["layers.0.W"] != gradients(stack(Rnn()), rule, p, x, y)["layers.0.W"]).any()


@pytest.mark.parametrize("rule", ["bptt", "ottt", "snap-1"])
def test_a_delay_above_is_a_delay_below(rule):
    """Time-invariant layers commute with it; the credit that goes down comes from the step after."""
    p, x, y = data(stack(Rnn(**SILENT), Rnn(**SILENT)))
    above = gradients(stack(Rnn(**SILENT), Late(**SILENT)), rule, p, x, y)
    below = gradients(stack(Late(**SILENT), Rnn(**SILENT)), rule, p, x, y)
    assert all((above[name] == below[name]).all() for name in above)


@dataclass(frozen=True)
class Twice(Rnn):
    """tanh(W x + V x' + H z' + b)."""

    @property
    def links(self):
        """Two links from the input into one node."""
        first, *others = super().links
        return (first, replace(first, lag=1, edge=Edge.STATE, weight="V"), *others)


@pytest.mark.parametrize("rule", ["bptt", "ostl", "ottt"])
def test_an_input_read_twice_is_a_wider_input(rule):
    """W x + V x' is [W V] applied to x and x' side by side."""
    p, x, y = data(stack(Twice()))
    wide = Network(layers=(Layer(Rnn(), inputs=6, units=4), *stack(Rnn()).layers[1:]))
    both = {k: v for k, v in p.items() if not k.endswith("V")}
    both["layers.0.W"] = np.concatenate([p["layers.0.W"], p["layers.0.V"]], axis=1)
    beside = np.concatenate([x, shifted(x)], axis=2)
    mine, theirs = gradients(stack(Twice()), rule, p, x, y), gradients(wide, rule, both, beside, y)
    mine["layers.0.W"] = np.concatenate([mine["layers.0.W"], mine.pop("layers.0.V")], axis=1)
    assert worst(wide, both, beside, y, RULES[rule], None, mine, theirs) <= 1


@dataclass(frozen=True)
class Stored(Rnn):
    """tanh(a'), a = W x: the drive acts at the next step alone."""

    @property
    def links(self):
        """Nothing leaves the drive within a step."""
        return (super().links[0], STORED)

    def step(self, n, p, drive, prev):
        """The drive of now, the output of before."""
        return {"a": drive("a"), "z": n.tanh(prev["a"])}

    def factors(self, n, p, prev, now):
        """One local derivative."""
        return {STORED: 1 - n.tanh(prev["a"]) ** 2}


STORED = Link("z", "a", lag=1, edge=Edge.STATE)


@pytest.mark.parametrize("rule", ["bptt", "ottt", "sltt"])
def test_a_drive_that_waits_a_step(rule):
    """A shifted input again, and nothing at all to a rule without STATE."""
    stored, plain = stack(Stored(recurrent=False, **SILENT)), stack(Rnn(recurrent=False, **SILENT))
    p, x, y = data(stored)
    keeps = Edge.STATE in RULES[rule].own
    found = gradients(stored, rule, p, x, y)
    assert (found["layers.0.W"] != 0).any() == keeps
    if keeps:
        wanted = gradients(plain, rule, p, shifted(x), y)
        assert worst(plain, p, shifted(x), y, RULES[rule], None, found, wanted) <= 1
    online = forward.gradients(stored, p, x, y, rule=RULES[rule])  # credit at the output passes a link from the past
    assert worst(stored, p, x, y, RULES[rule], None, online, found) <= 1


def test_the_recorded_outputs_are_late():
    p, x, _ = data(stack(Rnn()))
    assert (record(stack(Late()), p, x).outputs == record(stack(Rnn()), p, shifted(x)).outputs).all()


def test_the_forward_engine_has_no_delayed_inputs():
    p, x, y = data(stack(Late()))
    with pytest.raises(GradcertError, match="no delayed inputs"):
        forward.gradients(stack(Late()), p, x, y, rule=RULES["ostl"])
