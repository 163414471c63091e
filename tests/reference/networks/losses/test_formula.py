"""Losses of one's own as formulas: what is read, what is refused, and the same network by both engines and by torch."""

import numpy as np
import pytest

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import FLOAT64, GradcertError, Layer, Loss, Network, Rnn
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import own, read_formula, written
from gradcert.reference.networks.loss import loss_from
from gradcert.reference.rules import RULES

HUBER = "{where(|o - y| < d, (o - y)^2 / 2, d (|o - y| - d / 2)); d=0.5}"
QUARTIC = "{(o - y)^4 / c + y o; c=4}"


def test_a_form_of_known_name_is_the_same_as_a_formula():
    rng = np.random.default_rng(0)
    o, y = (RATIONALS.array(rng.integers(-8, 9, (3, 2, 4)) / 4) for _ in range(2))
    for options in ({"time": "mean"}, {"when": "sum", "outputs": "mean"}, {"when": "last", "batch": "mean"}):
        named, text = Loss(**options), Loss(kind="{(o - y)^2 / 2}", **options)
        assert named.value(o, y, RATIONALS) == text.value(o, y, RATIONALS)
        assert (named.gradient(o, y, RATIONALS) == text.gradient(o, y, RATIONALS)).all()


@pytest.mark.parametrize("when", ["every", "last", "mean"])
def test_forward_reverse_and_the_loss_itself_agree_exactly(when):
    """The loss is a polynomial of degree 4 in a weight of a linear network: five values give its derivative."""
    layer = Layer(Rnn(activation="identity", bias=False), inputs=1, units=1)
    network = Network(layers=(layer,), loss=Loss(kind=QUARTIC, when=when, time="mean"))
    rng = np.random.default_rng(1)
    x, y = (RATIONALS.array(rng.integers(-4, 5, (2, 1, 1)) / 2) for _ in range(2))
    p = {name: RATIONALS.array(v) for name, v in {"layers.0.W": [[0.5]], "layers.0.H": [[-1.5]]}.items()}
    given = {"rule": RULES["bptt"], "numbers": RATIONALS}
    found = [engine.gradients(network, p, x, y, **given)["layers.0.W"][0, 0] for engine in (forward, reverse)]

    def value(step):
        w = p["layers.0.W"][0, 0] + step
        first = w * x[0]
        o = np.stack([first, w * x[1] + p["layers.0.H"][0, 0] * first])
        return network.loss.value(o, y, RATIONALS)

    stencil = (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / 12  # exact up to degree 4
    assert found[0] == found[1] == stencil


def test_torchs_huber_and_poisson_are_formulas():
    torch = pytest.importorskip("torch", reason="needs torch: pip install torch")
    rng = np.random.default_rng(2)
    o, y = rng.uniform(-2, 2, (5, 2, 3)), rng.uniform(0, 2, (5, 2, 3))
    theirs = {
        HUBER: lambda o, y: torch.nn.functional.huber_loss(o, y, reduction="sum", delta=0.5),
        "{exp(o) - y o}": lambda o, y: torch.nn.functional.poisson_nll_loss(o, y, reduction="sum"),
    }
    for text, function in theirs.items():
        leaf = torch.tensor(o, requires_grad=True)
        value = function(leaf, torch.tensor(y))
        value.backward()
        loss = Loss(kind=text)
        # sums of 30 terms below 8, each of fewer than 8 roundings and an exp of at most 4 ulp
        assert abs(loss.value(o, y, FLOAT64) - value.item()) < 30 * 8 * 64 * 2.0**-53
        assert np.abs(loss.gradient(o, y, FLOAT64) - leaf.grad.numpy()).max() < 8 * 16 * 2.0**-53


def test_it_comes_back_from_json():
    loss = Loss(kind=HUBER, when="max", batch="mean")
    assert loss_from(loss.to_dict()) == loss and loss.to_dict()["kind"] == HUBER
    text = written("exp(o) - c y o", derivative="exp(o) - c y", given="mine.py:loss", c=0.5)
    assert read_formula(text) == {
        "formula": "exp(o) - c y o", "derivative": "exp(o) - c y", "given": "mine.py:loss", "c": 0.5,
    }  # fmt: skip
    assert own(text).derivative(np.zeros(1), np.ones(1), FLOAT64) == 0.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{(o - y)^2; derivative=o - y}", "the derivative 'o - y' of the loss"),
        ("{(o - c)^2}", "c in the loss"),
        ("{(o - y)^2; c=1}", "c beside the loss"),
        ("{(o - y)^2; c}", "'c' in the loss"),
        ("{(o - y)^2 / c; c=x}", "c=x in the loss"),
        ("{(o - y)^2 / c; c=1; c=2}", "' c=2'|'c=2' in the loss"),
        ("{y^2}", "which is about no output"),
        ("{sqrt(o - y)}", "which is nan"),
        ("{floor(o) y}", "the derivative of floor"),
        ("{(o - y)^2", "the loss "),
        ("{__import__('os')}", "in the formula of a loss"),
    ],
)
def test_what_is_no_loss_is_refused(text, says):
    with pytest.raises(GradcertError, match=says):
        Loss(kind=text)
