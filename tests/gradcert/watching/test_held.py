"""A module that takes sequences and keeps its state: judged from what it began with, wherever it keeps it."""

from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from scripts.watch_faults.trainers import Spike  # noqa: E402

CARRIED = (
    "the sequence began from a state that is not zero: v and z of layer 0, as the sequence before left it: not reset"
)
T, B, K, N = 6, 3, 4, 5


@dataclass
class Kept:
    v: Any = None
    z: Any = None


class Keeps(torch.nn.Module):
    """Keeps its state from call to call, in one of the ways that people write."""

    def __init__(self, where):
        super().__init__()
        self.fc, self.rec, self.where = torch.nn.Linear(K, N), torch.nn.Linear(N, N, bias=False), where
        self.reset()

    def reset(self):
        self.kept = {"dataclass": Kept(), "dict": {"a": {}}}.get(self.where)
        self.v = self.z = None

    def load(self):
        if self.where == "tuple":
            return self.kept[0] if self.kept else (None, None)
        if self.where == "dict":
            return self.kept["a"].get("v"), self.kept["a"].get("z")
        return (self.kept.v, self.kept.z) if self.where == "dataclass" else (self.v, self.z)

    def save(self, v, z):
        if self.where == "tuple":
            self.kept = ((v, z),)
        elif self.where == "dict":
            self.kept["a"].update(v=v, z=z)
        elif self.where == "dataclass":
            self.kept.v, self.kept.z = v, z
        else:
            self.v, self.z = v, z

    def forward(self, x):
        v, z = self.load()
        if v is None:
            v, z = torch.zeros(x.shape[1], N), torch.zeros(x.shape[1], N)
        out = []
        for now in x:
            v = 0.9 * v + self.fc(now) + self.rec(z) - z.detach()
            z = Spike.apply(v - 0.2)
            out.append(z)
        self.save(v.detach(), z.detach())
        return torch.stack(out)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def square(out, y):
    return ((out - y) ** 2).mean()


def trained(net, resets, steps=3, **options):
    with gradcert.watch(net, rule="bptt-detached-reset", every=1, time=0, loss=square, **options) as watching:
        for step in range(steps):
            x, y = 5 * torch.randn(T, B, K), torch.randn(T, B, N)
            if resets(step):
                net.reset()
            net.zero_grad()
            square(net(x), y).backward()
            watching.step(x, y)
    return watching


@pytest.mark.parametrize("where", ["attributes", "tuple", "dict", "dataclass"])
def test_a_state_that_is_reset_is_no_fault_and_one_that_is_not_is_said(where, tmp_path):
    found = trained(Keeps(where), resets=lambda step: step < 2, folder=str(tmp_path)).judgements
    assert [(j.verdict, j.notes) for j in found] == [("right", ()), ("right", ()), ("right", (CARRIED,))]


def test_a_step_that_goes_wrong_inside_is_a_line_and_the_training_goes_on(monkeypatch):
    """Whatever is raised, in a judgement or in a hook."""
    net = Keeps("attributes")
    ends = pytest.warns(
        NotJudged, match="nothing was judged in this training: there is no verdict. Of 2 looked at, step 1"
    )
    with ends, gradcert.watch(net, rule="bptt", every=1, time=0, loss=lambda *_: 1 / 0) as watching:
        net(torch.ones(T, B, K)).sum().backward()
        with pytest.warns(NotJudged, match="step 0: not judged: ZeroDivisionError: division by zero"):
            assert watching.step(None, torch.ones(T, B, N)).verdict == "not judged"
        monkeypatch.setattr("gradcert.watching.seen.calls.remember", None)
        net(torch.ones(T, B, K)).sum().backward()
        with pytest.warns(NotJudged, match="'NoneType' object is not callable"):
            watching.step(None, torch.ones(T, B, N))
    head, first, *_ = watching.report().splitlines()
    assert head == "0 judged, 0 right, 2 not judged: there is no verdict"
    assert first.startswith("step 0: not judged: ZeroDivisionError")
    assert "Not judged" in watching._repr_html_()
