"""Judgements as scalars: those so far and those to come, for anything that has add_scalar."""

import pytest

torch = pytest.importorskip("torch")

import gradcert  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402


class Writer:
    def __init__(self):
        self.found = {}

    def add_scalar(self, tag, value, step):
        assert isinstance(value, float)
        self.found[tag, step] = value


def test_past_and_coming_judgements_are_written():
    torch.manual_seed(0)
    cell, early, late = torch.nn.RNNCell(3, 4), Writer(), Writer()
    with gradcert.watch(cell, rule="rflo", every=1) as watching:
        watching.tensorboard(early, prefix="run")
        for step in range(2):
            cell.zero_grad()
            h = torch.zeros(2, 4)
            for x in torch.randn(4, 2, 3):
                h = cell(x, h)
            h.sum().backward()
            watching.step()
            if step == 0:
                watching.tensorboard(late)
    assert {tag.replace("run", "gradcert", 1) for tag, _ in early.found} == {tag for tag, _ in late.found}
    assert early.found["run/right", 1] == 0.0
    of = watching.judgements[1].parameters["weight_hh"]
    assert late.found["gradcert/weight_hh/error_over_budget", 1] == of.error / of.allowed > 1
    assert late.found["gradcert/weight_hh/dropped", 1] == of.dropped > 0
    assert {step for _, step in late.found} == {0, 1}


def test_a_writer_without_scalars_is_a_sentence():
    watching = gradcert.watch(torch.nn.RNNCell(3, 4))
    with pytest.raises(GradcertError, match=r"a dict for a writer; allowed: what has add_scalar"):
        watching.tensorboard({})
