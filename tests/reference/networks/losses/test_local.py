"""Losses of hidden layers' own: both engines exactly, laws of kind and strength, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import FLOAT64, GradcertError, Layer, Loss, Network, Rnn
from gradcert.reference.bounds import windowed
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import Local, with_loss
from gradcert.reference.networks.loss import loss_from
from gradcert.reference.rules import RULES, draw_feedback

QUARTIC = "{(o - y)^4 / c; c=4}"
DECOLLE = RULES["decolle"]
NETWORK = Network(
    layers=tuple(Layer(Rnn(activation="identity"), inputs=a, units=b) for a, b in ((2, 3), (3, 2), (2, 2)))
)


def given(network, numbers):
    rng = np.random.default_rng(0)
    p = {name: numbers.array(np.round(4 * v) / 4) for name, v in network.parameters(seed=1).items()}
    x, y = (numbers.array(rng.integers(-4, 5, (3, 2, 2)) / 4) for _ in range(2))
    feedback = {k: numbers.array(np.round(4 * v) / 4) for k, v in draw_feedback(network, DECOLLE, seed=2).items()}
    return p, x, y, {"feedback": feedback, "numbers": numbers, "rule": DECOLLE}


def computed(loss, engine=reverse, numbers=RATIONALS, **more):
    network = replace(NETWORK, loss=loss)
    p, x, y, options = given(network, numbers)
    return engine.gradients(network, p, x, y, **options, **more)


def equal(a, b, names=None):
    return all((a[k] == b[k]).all() for k in names or a)


@pytest.mark.parametrize("when", ["every", "last", "sum"])
def test_forward_and_reverse_agree_exactly(when):
    loss = Loss(when=when, time="mean", local=(Local(QUARTIC, 0.5), Local("squared_error", -2, (1,))))
    assert equal(computed(loss, forward), computed(loss))


def test_it_is_the_loss_of_its_layer_and_of_no_other():
    plain = computed(Loss())
    for number in (0, 1):
        mine = [name for name in plain if name.startswith(f"layers.{number}.")]
        other = [name for name in plain if name not in mine]
        own = computed(Loss(local=(Local(QUARTIC, 1, (number,)),)))
        assert equal(own, computed(Loss(kind=QUARTIC)), mine) and equal(own, plain, other)
        assert not equal(own, plain, mine)
        scaled = computed(Loss(local=(Local(strength=3, layers=(number,)),)))
        assert equal(scaled, {k: 3 * v for k, v in plain.items()}, mine) and equal(scaled, plain, other)
    assert equal(computed(Loss(local=(Local(),))), plain)
    later = (Local(QUARTIC), Local(strength=1, layers=(0, 1)))
    assert equal(computed(Loss(local=later)), plain)


def test_no_other_rule_knows_of_it():
    local = (Local(QUARTIC, 5),)
    p, x, y, options = given(NETWORK, RATIONALS)
    options |= {"rule": RULES["bptt"], "feedback": None}
    found = [reverse.gradients(n, p, x, y, **options) for n in (NETWORK, with_loss(NETWORK, local=local))]
    assert equal(*found)


def test_the_bound_knows_of_it():
    network = replace(NETWORK, loss=Loss(local=(Local("squared_error", 25.0),)))
    p, x, y, options = given(network, FLOAT64)
    mine = reverse.gradients(network, p, x, y, **options)
    truth = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    bound = windowed(network, p, x, y, rule=DECOLLE, feedback=options["feedback"], window=3)
    plain = windowed(NETWORK, p, x, y, rule=DECOLLE, feedback=options["feedback"], window=3)
    for name in p:
        error = np.linalg.norm(mine[name] - truth[name])
        assert error <= bound.tensors[name]
    assert max(np.linalg.norm(mine[k] - truth[k]) / plain.tensors[k] for k in p) > 1


def test_it_comes_back_from_json_and_bad_ones_are_refused():
    loss = Loss(local=(Local("cross_entropy", 0.5, (0,)), Local(QUARTIC)))
    assert loss_from(loss.to_dict()) == loss and not loss.plain
    for wrong, says in (
        ({"kind": "hinge"}, "own loss 'hinge'"),
        ({"strength": "1"}, "strength of a layer's own loss"),
        ({"layers": (-1,)}, "of layers"),
        ({"kind": "{o + c}"}, "c in the loss"),
    ):
        with pytest.raises(GradcertError, match=says):
            Local(**wrong)
    with pytest.raises(GradcertError, match="local losses of a dict"):
        Loss(local=({"kind": "squared_error"},))
