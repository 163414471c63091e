"""Code that asks whether it trains, and casts to float32: how they are judged, and that it is said."""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from gradcert.models.modules import ModuleSubject  # noqa: E402
from gradcert.models.reading import read  # noqa: E402


class Plain(torch.nn.Module):
    def __init__(self, inputs=3, units=4):
        super().__init__()
        self.into, self.back = torch.nn.Linear(inputs, units), torch.nn.Linear(units, units)

    def step(self, x, h):
        return torch.tanh(self.into(x) + self.back(h))

    def forward(self, x, h):
        h = self.step(x, h)
        return h, h


class CutsInTraining(Plain):
    def forward(self, x, h):
        if self.training:
            h = h.detach()
        h = self.step(x, h)
        return h, h


class Drops(Plain):
    def forward(self, x, h):
        h = F.dropout(self.step(x, h), 0.2, self.training)
        return h, h


class Layer(Plain):
    def __init__(self, inputs=3, units=4):
        super().__init__(inputs, units)
        self.drop = torch.nn.Dropout(0.3)

    def forward(self, x, h):
        h = self.step(x, h if self.training else h.detach())
        return self.drop(h), h


class Single(Plain):
    def forward(self, x, h):
        h = self.step(x, h)
        return h, h.float().to(h.dtype)


def told(kind):
    found = ModuleSubject(kind).told
    return found.spec["rule"], " | ".join(found.notes)


def test_code_that_asks_whether_it_trains_is_judged_as_it_trains():
    rule, notes = told(CutsInTraining)
    assert rule != "bptt" and "test_training.py:28: the code asks whether it trains; it is judged in train()" in notes
    rule, notes = told(Layer)  # PyTorch's own dropout is off all the same
    assert rule == "bptt" and "judged in train(), with dropout and batch normalisation in eval()" in notes
    assert "its dropout is off" in notes


def test_code_that_draws_as_it_trains_is_judged_in_eval_and_that_is_said():
    rule, notes = told(Drops)
    assert rule == "bptt" and "the code asks whether it trains; it is judged in eval(), and not in train()" in notes
    assert "asks whether it trains" not in told(Plain)[1]


def test_a_cast_to_single_precision_is_said_with_its_line():
    said = "the cast to float32 at test_training.py:53 is taken for one to float64"
    assert said in told(Single)[1]
    assert said in " ".join(read(Single(), torch.ones(2, 3), torch.zeros(2, 4)).notes)
    assert "cast to float32" not in told(Plain)[1]
