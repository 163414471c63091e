"""Credit that enters a module elsewhere than at its results, and gradients whose terms take each other away."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import gradcert  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from scripts.watch_faults.trainers import Spike  # noqa: E402


class Fire(nn.Module):
    def forward(self, u):
        return Spike.apply(u)


class Lif(nn.Module):
    """Keeps its last spikes in an attribute; returns them as a state too, or not."""

    def __init__(self):
        super().__init__()
        self.i, self.o, self.fire, self.kept = nn.Linear(5, 8), nn.Linear(8, 3), Fire(), None

    def forward(self, x, v):
        v = 0.9 * v + self.i(x)
        self.kept = z = self.fire(v - 1)
        return self.o(z), v - z.detach()


def watched(term=lambda net, hidden: 0.0, after=lambda net: None, pair=False, **options):
    """One step of a loop with a further term of the loss; hidden spikes are collected by a hook on a part."""
    torch.manual_seed(0)
    net, hidden = Lif(), []
    net.fire.register_forward_hook(lambda module, args, out: hidden.append(out))
    with gradcert.watch(net, every=1, rule="bptt-detached-reset", **options) as watching:
        x, y = 2 * torch.randn(8, 4, 5), torch.randint(3, (4,))
        sums = []
        for shift in (0.0, 0.3)[: 1 + pair]:
            v, outputs = torch.zeros(4, 8), []
            for now in x + shift:
                out, v = net(now, v)
                outputs.append(out)
            sums.append(torch.stack(outputs).mean(0))
        loss = ((sums[0] - sums[1]) ** 2).mean() if pair else F.cross_entropy(sums[0], y)
        (loss + term(net, hidden)).backward()
        after(net)
        return watching.step(x, y)


@pytest.mark.parametrize(
    "term",
    [lambda net, hidden: 0.1 * torch.stack(hidden).mean(), lambda net, hidden: net.kept.mean()],
    ids=["a hook", "an attribute"],
)
def test_a_term_about_what_the_module_keeps_is_not_judged(term):
    """It was called wrong: nothing of it comes back to a result."""
    with pytest.warns(NotJudged, match="credit enters it elsewhere than at its results, through Spike"):
        found = watched(term)
    assert found.verdict == "not judged"


def test_what_is_collected_and_is_in_no_loss_changes_nothing():
    backward = torch.autograd.backward
    assert watched(lambda net, hidden: 0.1 * torch.stack(hidden).detach().mean()).verdict == "right"
    assert torch.autograd.backward is backward

    def scaled(net):
        net.i.weight.grad.mul_(1.01)

    assert watched(after=scaled).verdict == "wrong"


def test_a_mistake_that_has_a_name_is_named_beside_such_a_term():
    def zero(net):
        for p in net.parameters():
            p.grad.zero_()

    found = watched(lambda net, hidden: 0.1 * torch.stack(hidden).mean(), after=zero)
    assert found.verdict == "wrong" and "zero" in found.cause


def test_a_bias_whose_terms_take_each_other_away_is_right_within_their_roundings():
    """A loss of the difference of two passes: the readout's bias is in both."""
    assert watched(pair=True).verdict == "right"

    def moved(net):
        net.o.bias.grad.add_(1e-4)

    assert watched(pair=True, after=moved).verdict == "wrong"


def test_what_is_zero_but_for_roundings_was_not_clipped():
    def noise(net):
        net.o.weight.grad.copy_(1e-10 * torch.randn(3, 8))

    found = watched(after=noise)
    assert found.cause == "the claimed gradients, but zero but for roundings for o.weight"


class Masked(nn.Module):
    """Takes a mask beside its state, or lengths beside a sequence."""

    def __init__(self, whole=False):
        super().__init__()
        self.c, self.o, self.whole = nn.Linear(13, 8), nn.Linear(8, 3), whole

    def forward(self, x, mask, h=None):
        if self.whole:
            h = torch.zeros(4, 8)
            for now in x:
                h = torch.tanh(self.c(torch.cat([now, h], -1)))
            return self.o(h * mask[:, None])
        h = torch.where(mask[:, None], torch.tanh(self.c(torch.cat([x, h], -1))), h)
        return self.o(h), h


@pytest.mark.parametrize("whole", [False, True])
def test_an_input_beside_the_state_is_said_to_be_one(whole):
    torch.manual_seed(0)
    net, x, y = Masked(whole), torch.randn(6, 4, 5), torch.randint(3, (4,))
    with gradcert.watch(net, every=1, rule="bptt", time=0 if whole else None) as watching:
        if whole:
            out = net(x, torch.tensor([1, 0, 1, 1]))
        else:
            h = torch.zeros(4, 8)
            for t, now in enumerate(x):
                out, h = net(now, t < torch.tensor([6, 3, 4, 2]), h)
        F.cross_entropy(out, y).backward()
        said = r"more than an input and a state that it returns: \(4,\) of "
        with pytest.warns(NotJudged, match=said + ("int64" if whole else "bool")):
            watching.step(x, y)


def test_a_backward_pass_of_what_can_be_gone_through_once_is_what_it_was():
    net, x = Lif(), torch.randn(4, 5)
    with gradcert.watch(net, every=1) as watching:
        out, _ = net(x, torch.zeros(4, 8))
        torch.autograd.backward(one for one in [out.sum()])
        watching.step()
    assert net.o.bias.grad is not None
