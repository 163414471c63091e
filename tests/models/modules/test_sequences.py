"""Modules that take whole sequences as subjects: along which axis, and what they make of their steps."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path[:0] = [str(Path(__file__).parent)]
import sequences  # noqa: E402
from test_modules import wrong  # noqa: E402

from gradcert.models.modules import ModuleSubject, UnreadError  # noqa: E402
from gradcert.models.modules.parameters import Part, given  # noqa: E402
from gradcert.models.reading import read  # noqa: E402
from gradcert.reference import GradcertError  # noqa: E402


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def test_the_axis_of_time_is_that_of_its_own_sizes_at_every_size():
    subject = ModuleSubject(sequences.Gated)
    assert subject.settled.time == 1
    assert subject.read((2, 2, 2))[0].reading.way.whole == 1
    assert not wrong(subject)


def test_a_sum_that_is_divided_at_the_end_is_a_mean():
    found = str(read(sequences.DividedSum().double(), torch.randn(2, 6, 5).double(), time=1))
    assert "returns the mean over steps of z[1]" in found
    subject = ModuleSubject(sequences.DividedSum)
    assert subject.told.spec["when"] == ["mean"]
    assert not wrong(subject)
    other = ModuleSubject(functools.partial(sequences.DividedSum, wrong=True))
    assert wrong(other, rule="bptt-detached-reset")


@pytest.mark.parametrize("made", [functools.partial(sequences.DividedSum, leak=0.5), sequences.ReadElsewhere])
def test_another_sum_is_not_claimed(made):
    with pytest.raises(UnreadError, match="return the sum, and divide in the loss"):
        _ = ModuleSubject(made, time=1, example=(2, 6, 5)).told


def test_an_operation_after_the_loop_that_is_like_its_first_is_none_of_it():
    found = str(read(sequences.Skipping(), torch.randn(2, 5, 4), time=1))
    assert "returns the last step" in found and "z = relu(a_2 + c)" in found


@pytest.mark.parametrize(
    ("module", "time", "words"),
    [
        (sequences.CutsNow(), 0, r"cut at some steps only, at sequences\.py:\d+"),
        (sequences.Begins(trained=True), 1, "begins with what is trained, at sequences"),
        (sequences.Begins(trained=False), 1, "begins with a function of the input, at sequences"),
        (sequences.Layer(first=False), 1, "torch.nn.GRU rnn has batch_first=False, and loops over axis 0"),
        (sequences.Layer(last=False), 1, r"\(1, 2\) of one step of 5 samples: not every sample is left at sequences"),
        (sequences.Layer(both=True), 1, "runs through the sequence backwards too"),
        (sequences.Layer(convolved=True), 1, "a convolution over time at .*: a step reads 3 steps"),
        (sequences.Layer(dropout=0.5), 1, "random numbers at .* that are not drawn step by step"),
    ],
)
def test_what_makes_it_none_of_steps_is_said(module, time, words):
    with pytest.raises(GradcertError, match=words):
        read(module, torch.randn(5, 5, 4), time=time)


def test_a_product_with_a_backward_of_its_own_is_read_by_its_forward():
    assert not wrong(ModuleSubject(sequences.Products))
    assert wrong(ModuleSubject(functools.partial(sequences.Products, wrong=True)))


def falls(tau):
    return torch.exp(-1 / tau)


@pytest.mark.parametrize("function", [torch.sigmoid, falls])
def test_a_trained_leak_and_its_opposite_are_one_parameter(function):
    subject = ModuleSubject(functools.partial(sequences.Leaky, function), time=0, example=(5, 2, 4))
    assert subject.told.records["layer0"]["equations"]["v"].count("(1 - leak)") == 1
    assert not wrong(subject)


def test_its_backward_is_judged():
    subject = ModuleSubject(functools.partial(sequences.Leaky, how="wrong"), time=0, example=(5, 2, 4))
    assert "the gradient of layers.0.leak is wrong" in wrong(subject)[0].reason


def test_an_opposite_that_is_cut_is_the_same_parameter_and_its_backward_is_judged():
    subject = ModuleSubject(functools.partial(sequences.Leaky, how="cut"), time=0, example=(5, 2, 4))
    assert subject.told.records["layer0"]["equations"]["v"].count("(1 - leak)") == 1
    assert "the gradient of layers.0.leak is wrong" in wrong(subject)[0].reason


class Divided(torch.nn.Module):
    """A weight that is divided by its norm."""

    def __init__(self, units=4):
        super().__init__()
        self.fc, self.r = torch.nn.Linear(3, units), torch.nn.Parameter(torch.randn(units, units))

    def forward(self, x, h):
        h = torch.tanh(self.fc(x) + h @ (self.r / self.r.norm().detach()))
        return h, h


def test_a_weight_that_is_made_of_all_entries_is_said():
    with pytest.raises(UnreadError, match=r"is a function of r that is not entry by entry.*gradcert\.watch"):
        _ = ModuleSubject(Divided).told


def test_a_value_that_a_function_cannot_have_is_said():
    part = Part("layers.0.leak", "tau", np.arange(2), function=np.tanh, slope=np.ones_like)
    with pytest.raises(UnreadError, match=r"leak = 1\.5, which tau has no value for"):
        given((part,), {"tau": np.ones(2)}, {"layers.0.leak": np.array([0.5, 1.5])})
