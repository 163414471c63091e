"""Loops that are right in an uncommon way are judged: hooks that look, states that are reset, terms about them."""

import pytest

torch = pytest.importorskip("torch")
from torch.utils.checkpoint import checkpoint  # noqa: E402

from gradcert.watching.judging import NotJudged  # noqa: E402
from tests.gradcert.watching.loops import SAMPLES, Net, judged, mean_square  # noqa: E402


def hooked(*hooks, part=None):
    torch.manual_seed(0)
    net = Net()
    for hook in hooks:
        net.r.weight.register_hook(hook)
    if part is not None:
        net.i.register_full_backward_hook(part)
    return net


@pytest.mark.parametrize("hook", [lambda g: None, lambda g: g, lambda g: g.clone(), lambda g: 1.0 * g])
def test_a_hook_that_changes_nothing(tmp_path, hook):
    found = judged(tmp_path, net=hooked(hook))
    assert found.verdict == "right"
    assert "there are hooks on r.weight: what they leave is what is judged" in found.notes


def test_a_hook_is_called_by_the_training_alone(tmp_path):
    seen = []
    assert judged(tmp_path, net=hooked(lambda g: seen.append(g.norm()))).verdict == "right"
    assert len(seen) == 1
    net = hooked(part=lambda *_: seen.append(None))
    assert judged(tmp_path, net=net, call=lambda net, x, h: net(x.requires_grad_(), h)).verdict == "right"
    assert len(seen) == 1 + 8  # of every step of time


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (lambda g: 0.9 * g, "the claimed gradients, but r.weight times 0.9 (there is a hook on it)"),
        (lambda g: g.clamp(-1e-3, 2e-3), "the claimed gradients, but for r.weight: there is a hook on it"),
    ],
)
def test_a_hook_that_changes_its_gradient(tmp_path, hook, said):
    found = judged(tmp_path, net=hooked(hook))
    assert found.verdict == "wrong" and found.cause == said
    assert any("hooks on r.weight" in n for n in found.notes)


class Inside(Net):
    """Puts a hook on a value of its forward pass."""

    def __init__(self, hook):
        super().__init__()
        self.hook = hook

    def forward(self, x, h):
        a = self.i(x) + self.r(h)
        if a.requires_grad:
            a.register_hook(self.hook)
        h = torch.tanh(a)
        return self.o(h), h


def test_a_hook_inside_the_forward_pass(tmp_path):
    assert judged(tmp_path, net=Inside(lambda g: None)).verdict == "right"
    with pytest.warns(NotJudged, match="a hook on the result of add at .* changes what comes back"):
        judged(tmp_path, net=Inside(lambda g: 0.9 * g))


KEEP = torch.tensor([1.0, 0, 1, 0, 1])[:, None]
STATES = {
    "reset": lambda step, h: h * KEEP if step == 4 else h,
    "reset twice": lambda step, h: h * KEEP if step in (3, 6) else h,
    "nobody is reset": lambda step, h: h * torch.ones(SAMPLES, 1),
    "every step": lambda step, h: h * (1 - 0.1 * KEEP),
    "where": lambda step, h: torch.where(KEEP.bool(), h, torch.zeros_like(h)) if step == 4 else h,
}


@pytest.mark.parametrize("which", STATES)
@pytest.mark.parametrize("loss", [None, mean_square])
def test_a_state_that_is_changed_between_two_calls(tmp_path, which, loss):
    found = judged(tmp_path, state=STATES[which], loss=loss)
    assert found.verdict == "right", found.cause
    assert any("the state is changed between two calls" in n for n in found.notes) == (which != "nobody is reset")


def test_one_that_is_changed_does_not_hide_a_mistake(tmp_path):
    def spoil(net):
        net.i.weight.grad[0] *= 1.01

    assert judged(tmp_path, state=STATES["reset"], done=spoil).verdict == "wrong"
    assert judged(tmp_path, term=lambda y, h: 0.1 * h.pow(2).mean(), done=spoil).verdict == "wrong"


class Leaky(Net):
    """Whose state is not needed again by autograd, so that it may be written to."""

    def forward(self, x, h):
        h = 0.8 * h + self.i(x) + self.r(torch.tanh(h))
        return self.o(torch.tanh(h)), h


def test_a_state_that_is_changed_in_place(tmp_path):
    with pytest.warns(NotJudged, match=r"a state that is changed in place between two calls: .*; to fix it: make a"):
        judged(tmp_path, net=Leaky(), state=lambda step, h: h.mul_(KEEP) if step == 4 else h)
    assert judged(tmp_path, net=Leaky(), state=STATES["reset"]).verdict == "right"


def test_a_rule_that_counts_steps_is_not_claimed_of_it(tmp_path):
    with pytest.warns(NotJudged, match=r"which counts steps from the first one; .*; to fix it: claim the rule without"):
        judged(tmp_path, state=STATES["reset"], rule="tbptt-chunks(4)")


@pytest.mark.parametrize("term", [lambda y, h: 0.1 * h.pow(2).mean(), lambda y, h: 0.1 * (h.mean() - y.mean()) ** 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_term_of_the_loss_about_the_state(tmp_path, term, seed):
    found = judged(tmp_path, term=term, seed=seed)
    assert found.verdict == "right"
    assert any("a derivative comes back to result 1 too" in n for n in found.notes)


def test_a_term_that_the_loss_that_is_said_does_not_have(tmp_path):
    found = judged(tmp_path, term=lambda y, h: 0.1 * h.pow(2).mean(), loss=mean_square)
    assert found.cause == "the claimed gradients and those of a term about another result, which loss= does not have"


class Twice(Net):
    """Returns its hidden values beside its state."""

    def forward(self, x, h):
        y, h = super().forward(x, h)
        return y, h, h


def test_a_term_about_what_does_not_lead_to_the_loss(tmp_path):
    torch.manual_seed(0)
    with pytest.warns(NotJudged, match=r"comes back to result 0 of the module too, which is no value of the network"):
        judged(tmp_path, net=Twice(), call=lambda net, x, h: net(x, h)[:2], output=1)
    with pytest.warns(NotJudged, match=r"output=1, and no result 1 beside the state; .*; to fix it: leave output= out"):
        judged(tmp_path, term=lambda y, h: 0.1 * h.pow(2).mean(), output=1)


@pytest.mark.parametrize("loss", [None, mean_square])
def test_a_checkpoint(tmp_path, loss):
    def call(net, x, h, again=False):
        return checkpoint(net, x.requires_grad_(), h, use_reentrant=again)

    assert judged(tmp_path, call=call, loss=loss).verdict == "right"
    if loss is not None:
        assert judged(tmp_path, call=lambda *a: call(*a, again=True), loss=loss).verdict == "right"
        return
    with pytest.warns(NotJudged, match=r"torch.utils.checkpoint with use_reentrant=True: .*; to fix it: use_reent"):
        judged(tmp_path, call=lambda *a: call(*a, again=True))
