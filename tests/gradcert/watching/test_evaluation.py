"""Passes that are no training, and parameters that are not trained: neither makes a right loop wrong."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import gradcert  # noqa: E402
from scripts.watch_faults.trainers import Spike  # noqa: E402

CRITERION = nn.functional.cross_entropy


class Net(nn.Module):
    """Sequences (batch, time, inputs); `steps` makes it one of single steps that holds its state."""

    def __init__(self, steps=False):
        super().__init__()
        self.fc, self.rec, self.out, self.steps = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3), steps
        self.state = None

    def once(self, x, state):
        v, z = (x.new_zeros(len(x), 6),) * 2 if state is None else state
        v = 0.8 * v + self.fc(x) + self.rec(z) - z.detach()
        z = Spike.apply(v - 1.0)
        return self.out(z), (v, z)

    def forward(self, x):
        if self.steps:
            y, self.state = self.once(x, self.state)
            return y
        total, state = 0, None
        for k in range(x.shape[1]):
            y, state = self.once(x[:, k], state)
            total = total + y
        return total


def batch():
    return torch.randn(5, 6, 4), torch.randint(3, (5,))


def passed(net, x):
    if not net.steps:
        return net(x)
    net.state = None
    return sum(net(x[:, k]) for k in range(x.shape[1]))


def validated(net, how):
    if "eval" in how:
        net.eval()
    with torch.set_grad_enabled("graph" in how):
        passed(net, torch.randn(9, 6, 4) if "other" in how else torch.randn(5, 6, 4))
    net.train()


WHERE = ("before", "between", "after")
PASSES = [(where, how, False) for where in WHERE for how in ("eval", "eval other size", "train", "eval with a graph")]
# of a module that holds its state a pass in training mode is the same sequence, and one of another batch that comes
# last leaves nothing that it can be read with: neither is a right loop that has to be called right
PASSES += [(where, how, True) for where in WHERE for how in ("eval", "eval with a graph")]
PASSES += [("before", "eval other size", True), ("after", "eval other size", True)]


@pytest.mark.parametrize(("where", "how", "steps"), PASSES)
def test_a_pass_that_is_no_training_changes_nothing(where, how, steps):
    torch.manual_seed(0)
    net = Net(steps)
    optimiser = torch.optim.SGD(net.parameters(), 1e-3)
    loss = None if steps else CRITERION
    watch = gradcert.watch(net, every=1, time=None if steps else 1, rule="bptt-detached-reset", loss=loss)
    for _ in range(3):
        if where == "before":
            validated(net, how)
        x, y = batch()
        optimiser.zero_grad()
        CRITERION(passed(net, x), y).backward()
        if where == "between":
            validated(net, how)
        watch.step(y=y)
        optimiser.step()
        if where == "after":
            validated(net, how)
    assert [j.verdict for j in watch.judgements] == ["right"] * 3


def test_a_layer_that_is_frozen_is_not_judged_and_that_is_said():
    torch.manual_seed(0)
    net = Net()
    net.fc.requires_grad_(False)
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION)
    x, y = batch()
    CRITERION(net(x), y).backward()
    judged = watch.step(y=y)
    assert judged.verdict == "right"
    assert set(judged.parameters) == {"rec.weight", "rec.bias", "out.weight", "out.bias"}
    assert "not judged, for they are not trained (requires_grad is off): fc.weight, fc.bias" in judged.notes


def test_a_layer_whose_gradients_are_missing_is_judged():
    torch.manual_seed(0)
    net = Net()
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION)
    x, y = batch()
    CRITERION(net(x), y).backward()
    net.fc.weight.grad = None
    assert "zero everywhere for fc.weight" in watch.step(y=y).cause


def judged_with(change):
    torch.manual_seed(0)
    net = Net()
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION)
    x, y = batch()
    CRITERION(net(x), y).backward()
    change(net)
    return watch.step(y=y)


def test_gradients_of_some_parameters_times_numbers_are_named():
    def scaled(net):
        net.fc.weight.grad *= 0.5
        net.out.weight.grad *= 3

    assert judged_with(scaled).cause.endswith("but fc.weight times 0.5, out.weight times 3")


def test_what_is_no_multiple_is_not_called_one():
    def otherwise(net):
        net.fc.weight.grad *= 0.5
        net.out.weight.grad[0] *= 3

    assert "times" not in judged_with(otherwise).cause


def test_a_watch_that_was_never_told_of_a_step_warns_and_says_what_it_saw():
    net = Net()
    with pytest.warns(UserWarning, match=r"nothing was judged: say step\(\)"):
        with gradcert.watch(net, time=1) as watch:
            net(batch()[0])
    assert repr(watch) == "<watch: nothing was judged; .report() says more>"


def test_a_parameter_whose_gradient_is_zero_in_a_batch_is_said():
    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        net.fc.bias.fill_(-100.0)  # no unit of the first layer ever fires: what its spikes weigh is not seen
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION)
    x, y = batch()
    CRITERION(net(x), y).backward()
    judged = watch.step(y=y)
    assert judged.verdict == "right"
    assert any(n.startswith("0 everywhere in this batch") and "rec.weight" in n for n in judged.notes)


@pytest.mark.parametrize("said", [True, False])
def test_accumulated_gradients_are_right_where_the_derivative_is_taken_and_not_judged_by_one_target(said):
    torch.manual_seed(0)
    net = Net()
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION if said else None)
    for _ in range(2):
        x, y = batch()
        (CRITERION(net(x), y) / 2).backward()
    if not said:
        assert watch.step().verdict == "right"
        return
    with pytest.warns(UserWarning, match="a step of 2 sequences .*of which one target is known; .*leave loss= out"):
        watch.step(y=y)


def test_sequences_of_one_target_are_judged_with_a_loss():
    torch.manual_seed(0)
    net = Net()
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION)
    x, y = batch()
    for noise in (0.0, 0.1):  # two views of the same samples
        CRITERION(net(x + noise * torch.randn_like(x)), y).backward()
    assert watch.step(y=y).verdict == "right"


@pytest.mark.parametrize("when", ["before backward", "after the optimiser"])
def test_a_step_that_is_said_too_early_or_too_late_is_told_so(when):
    torch.manual_seed(0)
    net = Net()
    optimiser = torch.optim.Adam(net.parameters())
    watch = gradcert.watch(net, every=1, time=1, rule="bptt-detached-reset", loss=CRITERION)
    x, y = batch()
    loss = CRITERION(net(x), y)
    if when == "before backward":
        said = r"no parameter has a gradient; to fix it: say step\(\) after loss.backward"
    else:
        loss.backward()
        optimiser.step()
        said = r"parameters that changed since the module was called: fc.weight.*: say step\(\) before the optimiser"
    with pytest.warns(UserWarning, match=said):
        watch.step(y=y)
