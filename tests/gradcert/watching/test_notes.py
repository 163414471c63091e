"""What is said beside a judgement: only what is so."""

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from scripts.watch_faults.trainers import HIDDEN, INPUTS, OUTPUTS, Net, Spike, batch, mean_of_steps  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Ordinary(torch.nn.Module):
    """What most code is like: the batch first, states made here, one number a class, the mean over time."""

    def __init__(self, single):
        super().__init__()
        self.fc, self.rec = torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.out, self.single = torch.nn.Linear(HIDDEN, OUTPUTS), single

    def forward(self, x):
        v, z, y = torch.zeros(len(x), HIDDEN), torch.zeros(len(x), HIDDEN), torch.zeros(len(x), OUTPUTS)
        ys = []
        for t in range(x.shape[1]):
            v = 0.9 * v + self.fc(x[:, t] * torch.ones(INPUTS)) + self.rec(z) - z.detach()
            z = Spike.apply(v - 1.0)
            z = z.float() if self.single else z
            y = 0.8 * y + self.out(z)
            ys.append(y)
        return torch.stack(ys, 1).mean(1)


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def whole(net, dtype=torch.float32):
    criterion = torch.nn.functional.cross_entropy
    x, y = batch(0)
    x = x.transpose(0, 1).to(dtype)
    with gradcert.watch(net, time=1, every=1, rule="bptt-detached-reset", loss=criterion) as watching:
        loss = criterion(net(x), y)
        loss.backward()
        return watching.step(x, y)


def test_an_ordinary_module_is_right_and_nothing_is_said_of_it():
    found = whole(Ordinary(single=True))
    assert (found.verdict, found.notes) == ("right", ())


def test_in_double_precision_too(in_double):
    found = whole(Ordinary(single=False), dtype=torch.float64)
    assert (found.verdict, found.notes) == ("right", ())
    assert found.worst < 1 and all(of.allowed < 1e-10 for of in found.parameters.values())


@pytest.mark.long
def test_other_numbers_inside_are_said():
    """Reduced precision, which the loop asks for and the module does not."""
    net, forward = Ordinary(single=True), Ordinary.forward

    class Reduced(Ordinary):
        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.is_grad_enabled() and self.reduced):
                return forward(self, x).float()

    net.__class__, net.reduced = Reduced, False
    assert whole(net).notes == ()
    x, y = batch(0)
    x, criterion = x.transpose(0, 1), torch.nn.functional.cross_entropy
    with gradcert.watch(net, time=1, every=1, rule="bptt-detached-reset", loss=criterion) as watching:
        net.reduced = True
        loss = criterion(net(x), y)
        net.reduced = False
        loss.backward()
        with pytest.warns(NotJudged, match="autocast inside the module changes the dtype to bfloat16 at test_notes"):
            watching.step(x, y)


@pytest.mark.long
@pytest.mark.parametrize("carried", [False, True])
def test_a_state_that_is_carried_over_is_said(carried):
    net, state = Net(), None
    with gradcert.watch(net, every=1, rule="bptt-detached-reset", loss=mean_of_steps) as watching:
        for k in range(2):
            x, y = batch(k)
            net.zero_grad()
            state = tuple(part.detach() for part in state) if carried and state else None
            outputs = []
            for x_t in x:
                out, state = net(x_t, state)
                outputs.append(out)
            mean_of_steps(torch.stack(outputs), y).backward()
            watching.step(x, y)
    said = ("the sequence began from a state that is not zero: v and z of layer 0, z of layer 1",)
    assert [(j.verdict, j.notes) for j in watching.judgements] == [("right", ()), ("right", said if carried else ())]
