"""What a loop does to .grad after it was computed is named where all evidence fits; a number that fits is no cause."""

import re

import pytest

torch = pytest.importorskip("torch")
from gradcert.watching.causes.named import same_number  # noqa: E402
from gradcert.watching.measured.judgement import Judgement  # noqa: E402
from tests.gradcert.watching.loops import STEPS, judged, mean_square  # noqa: E402


@pytest.mark.parametrize("off", [1e-2, 1e-3, 1e-4, 3e-5])
@pytest.mark.parametrize("seed", range(3))
def test_one_entry(tmp_path, off, seed):
    def spoil(net):
        net.r.weight.grad[2, 3] *= 1 + off

    found = judged(tmp_path, done=spoil, seed=seed)
    if found.verdict == "wrong":
        assert re.fullmatch(r"the claimed gradients, but for r\.weight\[2, 3\], \S+ where \S+ is claimed", found.cause)
    else:
        assert off < 1e-4  # of an entry that is not the largest


def test_a_factor_has_to_explain_every_entry(tmp_path):
    def spoil(net):
        net.r.weight.grad *= 1.1
        net.r.weight.grad[2, 3] *= 1.001

    assert " times " not in judged(tmp_path, done=spoil).cause
    assert judged(tmp_path, done=lambda net: net.r.weight.grad.mul_(1.1)).cause.endswith("but r.weight times 1.1")


def test_weight_decay(tmp_path):
    def decayed(net, names=None):
        for name, p in net.named_parameters():
            if names is None or name in names:
                p.grad.add_(p.detach(), alpha=1e-2)

    said = "the claimed gradients plus 0.01 times the parameters: weight decay in .grad"
    assert judged(tmp_path, done=decayed).cause == said
    found = judged(tmp_path, done=lambda net: decayed(net, ["i.weight", "r.weight"])).cause
    assert found == f"{said}, in i.weight, r.weight alone"


def test_a_limit_of_every_entry(tmp_path):
    found = judged(tmp_path, done=lambda net: torch.nn.utils.clip_grad_value_(net.parameters(), 0.01)).cause
    assert found == "the claimed gradients with every entry limited to 0.01: judge before clipping"


def test_a_square_gradient_transposed(tmp_path):
    def turned(net):
        net.r.weight.grad = net.r.weight.grad.T.contiguous()

    assert judged(tmp_path, done=turned).cause == "the claimed gradients, but r.weight transposed"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_lost_of_several_backward_passes(tmp_path, seed):
    def zeroed(at):
        return lambda net, number: net.zero_grad() if number == at else None

    last = "the claimed gradients of the last of 2 sequences alone: .grad is set to zero before its backward pass"
    assert judged(tmp_path, passes=2, after=zeroed(0), seed=seed).cause == last
    assert "of the last 2 of 3 sequences alone" in judged(tmp_path, passes=3, after=zeroed(0), seed=seed).cause
    assert judged(tmp_path, passes=3, seed=seed).verdict == "right"


def test_a_norm_that_is_clipped_after_every_backward_pass(tmp_path):
    def clipped(net, number):
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.05)

    found = judged(tmp_path, passes=2, after=clipped).cause
    assert found.endswith("clipped to a norm of 0.05 after each of 2 backward passes: clip once, after the last")
    assert "judge before clipping" in judged(tmp_path, after=clipped).cause


@pytest.mark.parametrize("steps", [(3,), (2,), (2, 3), (1, 4)])
def test_a_state_that_is_detached_now_and_then(tmp_path, steps):
    found = judged(tmp_path, state=lambda t, h: h.detach() if t in steps else h).cause
    which = f"step{'s' * (len(steps) > 1)} {', '.join(map(str, steps))}"
    assert found == f"the claimed gradients with the state detached before {which}, counted from 0: no credit goes back"
    every = judged(tmp_path, state=lambda t, h: h.detach() if t in (4,) else h).cause
    assert STEPS == 8 and "tbptt-chunks(4)" in every


def test_a_decay_is_the_same_at_every_step():
    said = "the claimed gradients with the state edges times {}: another decay than the forward pass has"
    before = [Judgement(0, "wrong", "bptt", {}, (), said.format(0.8))]
    assert same_number(said.format(0.8001), before) and not same_number(said.format(0.7), before)
    other = said.replace("state", "reset").format(0.7)
    assert same_number(other, before) and same_number(other, [])


@pytest.mark.parametrize("loss", [None, lambda out, y: mean_square(out, y) / 3])
def test_an_average_over_micro_batches_is_seen_where_each_target_is_said(tmp_path, loss):
    assert judged(tmp_path, passes=3, share=3, loss=loss).verdict == "right"
    found = judged(tmp_path, passes=3, loss=loss)
    if loss is None:
        assert found.verdict == "right" and any("the loss at the outputs is taken as given" in n for n in found.notes)
    else:
        assert found.cause == "the claimed gradients times 3, the number of sequences: an average is missing"
