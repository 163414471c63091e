"""Maps of parameters: their values, and what is left unsaid."""

import numpy as np
import pytest

from gradcert.adapters.mapping import check, computed, logarithm, logit, negated, stacked, transposed, zeros
from gradcert.reference import GradcertError

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")

W = [[0.5, 0.25, -1.0], [2.0, -0.5, 4.0]]
HALF, QUARTER = [0.5, 0.5], [0.25, 0.75]

# map, its value, and the gradient of sum(coefficient * value), by hand; everything is dyadic, so equality is exact
MAPS = {
    "as it is": ("W", W, lambda c: c),
    "transposed": (transposed("W"), [[0.5, 2.0], [0.25, -0.5], [-1.0, 4.0]], lambda c: c.T),
    "negated": (negated("W"), [[-0.5, -0.25, 1.0], [-2.0, 0.5, -4.0]], lambda c: -c),
    "stacked twice": (stacked("W", "W"), [*W, *W], lambda c: c[:2] + c[2:]),
    "stacked sideways": (stacked("W", zeros("W"), axis=1), np.hstack([W, np.zeros((2, 3))]), lambda c: c[:, :3]),
    "computed": (computed(lambda w: 2 * w, "W"), [[1.0, 0.5, -2.0], [4.0, -1.0, 8.0]], lambda c: 2 * c),
    "of maps": (transposed(stacked("W", negated("W"))), np.vstack([W, np.negative(W)]).T, lambda c: c.T[:2] - c.T[2:]),
}


@pytest.mark.parametrize("name", sorted(MAPS))
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_values_and_derivatives(name, library):
    source, value, gradient = MAPS[name]
    leaf = torch.tensor(W, dtype=torch.float64, requires_grad=True)
    chosen = check({"there": source}, {"W": leaf})["there"]
    if library == "numpy":
        assert chosen({"W": np.array(W)}).tolist() == np.asarray(value).tolist()
        return
    made = chosen({"W": leaf})
    assert made.tolist() == np.asarray(value).tolist()
    coefficients = torch.arange(1.0, 1 + made.numel(), dtype=torch.float64).reshape(made.shape)
    made.backward(coefficients)
    assert leaf.grad.tolist() == gradient(coefficients.numpy()).tolist()


def test_a_leak_behind_a_sigmoid():
    leak = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    logit("leak")({"leak": leak}).backward(torch.ones(1, dtype=torch.float64))
    assert leak.grad.tolist() == [4.0]  # 1 / (leak (1 - leak))


def test_a_leak_behind_an_exponential():
    leak = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    logarithm("leak", times=-1.0)({"leak": leak}).backward(torch.ones(1, dtype=torch.float64))
    assert leak.grad.tolist() == [-2.0]  # -1 / leak


@pytest.mark.parametrize(
    ("maps", "has", "existing", "says"),
    [
        ({"weight": "W"}, {"W": 1}, {"weight", "bias"}, "nothing is mapped to bias"),
        ({"weight": "W"}, {"W": 1, "b": 1}, {"weight"}, "no parameter is made of b"),
        ({"kernel": "W", "weight": "W"}, {"W": 1}, {"weight"}, "there is no parameter kernel"),
    ],
)
def test_what_is_not_spoken_for_is_named(maps, has, existing, says):
    with pytest.raises(GradcertError, match=says):
        check(maps, has, frozenset(existing))


def test_what_the_problem_lacks_is_left_out():
    assert list(check({"weight": "W", "bias": "b"}, {"W": 1}, frozenset({"weight"}))) == ["weight"]


def test_stacking_nothing():
    with pytest.raises(GradcertError, match="one parameter or more"):
        stacked()
