"""Other shares of the credit of max pooling are named, in a graph and in a module that was read."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
FOLDER = Path(__file__).resolve().parents[4] / "examples/claims"
sys.path.insert(0, str(FOLDER))
import graphs  # noqa: E402

from gradcert.certify.claims import from_dict, read_claim  # noqa: E402
from gradcert.certify.diagnosis import evidence_of  # noqa: E402
from gradcert.certify.diagnosis.causes import find  # noqa: E402
from gradcert.certify.problems import plan  # noqa: E402
from gradcert.certify.runs import Task, prepare  # noqa: E402
from gradcert.certify.subjects import Answer  # noqa: E402
from gradcert.certify.subjects.modules import keep  # noqa: E402
from gradcert.models.modules import ModuleSubject  # noqa: E402
from gradcert.reference import RULES  # noqa: E402

sys.path.remove(str(FOLDER))
PYTORCHS = torch.nn.functional.max_pool2d
OTHERS = {
    "every one of the largest of a window": None,  # the mistake of the example
    "the last of the largest of a window": lambda image, kernel_size: PYTORCHS(image.flip(-1, -2), 2).flip(-1, -2),
    "the largest of a window, where there are several in equal shares": lambda image, kernel_size: (
        image.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
    ),
}


def explained(subject, claim, count=2):
    """What is said of a subject's answers to the first problems of a claim."""
    cases = [prepare(Task(spec, claim, 0)).case for spec in plan(claim, "quick")[:count]]
    answers = [subject(case.problem) for case in cases]
    judged = evidence_of([(c, Answer(gradients=a[1])) for c, a in zip(cases, answers, strict=True)])
    return find(judged, RULES[claim.rule]).keys if any(e.right != set(e.given) for e in judged) else "right"


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("who", OTHERS)
def test_whoever_else_gets_the_credit_is_named(who, monkeypatch):
    claim = replace(read_claim(FOLDER / "pooling.toml"), losses="squared_error")
    assert explained(graphs.pooling, claim) == "right"
    if OTHERS[who] is not None:
        monkeypatch.setattr(torch.nn.functional, "max_pool2d", OTHERS[who])
    assert explained(partial(graphs.pooling, mistake=OTHERS[who] is None), claim) == (f"pooling:credit to {who}",)


class Pooled(torch.nn.Module):
    """A convolution, spikes, the largest of their windows, a leaky readout."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = torch.nn.Conv2d(1, 2, 3, padding=1, bias=False), torch.nn.Linear(8, 3)
        self.v = self.o = None

    def forward(self, x):
        drive = self.conv(x)
        self.v = drive if self.v is None else 0.5 * self.v + drive
        z = graphs.Spike.apply(self.v - 0.25)
        self.v = self.v - 0.25 * z
        out = self.fc(self.pool(z).flatten(1))
        self.o = out if self.o is None else 0.75 * self.o + out
        return self.o


class Right(Pooled):
    def pool(self, z):
        return torch.nn.functional.max_pool2d(z, 2)


class Every(Pooled):
    def pool(self, z):
        return graphs.EveryLargest.apply(z)


@pytest.mark.long
@pytest.mark.parametrize("kind", [Right, Every])
def test_in_a_module_that_was_read(kind, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    subject = ModuleSubject(kind, example=(2, 1, 4, 4))
    keep(subject.told.cells)
    found = explained(subject, from_dict(subject.told.spec))
    assert found == ("right" if kind is Right else ("pooling:credit to every one of the largest of a window",))
