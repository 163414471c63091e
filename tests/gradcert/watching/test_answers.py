"""What is answered where gradients are the module's own: which edges, which pseudo-derivative, which loss."""

import re

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from scripts.watch_faults.trainers import Spike  # noqa: E402

T, B, K, N = 8, 3, 3, 4


class AfterReset(Spike):
    """Saves the potential after the reset."""

    @staticmethod
    def forward(ctx, u):
        z = (u > 0).to(u.dtype)
        ctx.save_for_backward(u - z)
        return z


class Net(torch.nn.Module):
    """Two layers, the second of which may keep its reset; truncated, its backward ends every so many steps."""

    def __init__(self, detached=True, spike=Spike, half=False):
        super().__init__()
        self.one, self.two = torch.nn.Linear(K, N), torch.nn.Linear(N, N)
        self.detached, self.spike, self.half = detached, spike, half

    def forward(self, x, state=None):
        v, z, w, s = state or [torch.zeros(x.shape[0], N, dtype=x.dtype)] * 4
        v = 0.9 * v + self.one(x) - z.detach()
        z = self.spike.apply(v - 0.2)
        before = 0.8 * w.detach() + 0.9 * (w - w.detach()) if self.half else 0.8 * w
        w = before + self.two(z) - (s.detach() if self.detached else s)
        s = self.spike.apply(w - 0.1)
        return s, (v, z, w, s)


def square(out, y):
    return ((out - y) ** 2).mean()


def judged(net, own=square, claimed=None, rule=None, truncated=0, **options):
    torch.manual_seed(0)
    x, y = torch.randn(T, B, K), torch.randn(T, B, N)
    with gradcert.watch(net, rule=rule, every=1, loss=claimed, **options) as watching:
        state, out = None, []
        for t, now in enumerate(x):
            state = tuple(p.detach() for p in state) if truncated and t and t % truncated == 0 else state
            found, state = net(now, state)
            out.append(found)
        own(torch.stack(out), y).backward()
        return watching.step(x, y)


def test_as_coded_says_which_edge_is_kept_and_where():
    found = judged(Net(detached=False)).sentence()
    where = r"layer 1 keeps RESET z' -> v \(test_answers\.py:\d+\), which bptt-detached-reset cuts"
    assert re.search(f"the gradients of as-coded: .*bptt-detached-reset, but {where}", found), found


def test_and_what_is_half_cut():
    found = judged(Net(half=True)).sentence()
    assert re.search(r"keeps on one path and cuts on another STATE v' -> v \(test_answers\.py:\d+\)", found), found


def test_against_a_claim_what_is_half_cut_is_all_that_differs():
    found = judged(Net(half=True), rule="bptt-detached-reset").cause
    where = r"layer 1 keeps on one path and cuts on another STATE v' -> v \(test_answers\.py:\d+\)"
    assert re.fullmatch(f"the gradients of as-coded, not of bptt-detached-reset: {where}", found), found


def test_truncated_with_a_missing_detach_is_an_answer():
    found = judged(Net(detached=False), truncated=4).sentence()
    assert re.search(r"as-coded in chunks of 4 steps: .*layer 1 keeps RESET", found), found


def test_a_pseudo_derivative_after_the_reset_is_said():
    (note, _) = sorted(judged(Net(spike=AfterReset), rule="bptt-detached-reset").notes, key=lambda n: "loss" in n)
    assert "taken as given: the user's own AfterReset (test_answers.py:" in note
    assert note.endswith("it is taken at the potential after a reset by 1")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (lambda out, y: (out[1:] - y[1:]).pow(2).sum() / y.numel(), "is zero at step 0; elsewhere it is that of loss="),
        (lambda out, y: (out.sum(0) - y.sum(0)).pow(2).mean(), r"is another one at every step, in norm [\d.]+ times"),
    ],
)
def test_another_loss_is_called_one(own, said, tmp_path):
    found = judged(Net(), own=own, claimed=square, rule="bptt-detached-reset", folder=str(tmp_path))
    assert re.search(f"of another loss than loss=: its derivative at the outputs {said}", found.cause), found.cause
