"""Gradients that are not finite: it is said where that begins, and of the loss only where the loss is not."""

import math

import pytest

torch = pytest.importorskip("torch")
from tests.gradcert.watching.loops import Net, judged, mean_square  # noqa: E402


class Root(torch.autograd.Function):
    """A spike whose pseudo-derivative is not finite near its threshold."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        return g / ctx.saved_tensors[0].abs().sqrt().floor()


class Spiking(Net):
    def forward(self, x, h):
        v = 0.9 * h + self.i(x)
        return self.o(Root.apply(v)), v


def test_the_gradient_of_one_parameter_alone(tmp_path):
    def spoil(net):
        net.r.weight.grad[0, 0] = float("nan")

    found = judged(tmp_path, done=spoil).cause
    assert found.startswith(
        "not finite: r.weight; the outputs, the derivative of the loss at them, and the reference's"
    )
    assert "and so are those of i.weight" in found and "done to .grad after it" in found and "leaves" not in found


def test_a_pseudo_derivative(tmp_path):
    found = judged(tmp_path, net=Spiking()).cause
    assert "the module's own backward first gives what is not finite in RootBackward (test_infinite.py:" in found


def test_the_loss(tmp_path):
    for loss in (None, mean_square):
        found = judged(tmp_path, term=lambda y, h: 1e30 * (1e30 * y).pow(2).mean(), loss=loss).cause
        assert "nor is the derivative of the loss at the outputs, first at step 0" in found


def test_a_weight_and_an_input(tmp_path):
    torch.manual_seed(0)
    net = Net()
    net.r.weight.data[0, 0] = math.inf
    assert "nor are the weights themselves" in judged(tmp_path, net=net).cause
    found = judged(tmp_path, call=lambda net, x, h: net(x + float("nan"), h)).cause
    assert "nor is the input at step 0" in found


def test_the_largest_entries_alone(tmp_path):
    def half(net):
        for p in net.parameters():
            p.grad = (2.0**21 * p.grad).half().float() / 2.0**21

    found = judged(tmp_path, done=half).cause
    assert found.startswith("not finite: ") and found.endswith("the loss or its scale leaves the range of the dtype")
