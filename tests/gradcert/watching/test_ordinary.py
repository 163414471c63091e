"""Loops as people write them, which were once not judged: tied weights, fed-back outputs, counters, lazy states."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import gradcert  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from scripts.watch_faults.trainers import Spike  # noqa: E402

B, K, N = 3, 4, 5


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Tied(nn.Module):
    """Two layers with one recurrent weight: its bias is added twice in the second."""

    def __init__(self, cut=False):
        super().__init__()
        self.e, self.r, self.o, self.cut = nn.Linear(K, N), nn.Linear(N, N), nn.Linear(N, 2), cut

    def forward(self, x, state):
        below, above = state
        below = torch.tanh(self.e(x) + self.r(below.detach() if self.cut else below))
        above = torch.tanh(self.r(below) + self.r(above))
        return self.o(above), (below, above)


class FedBack(nn.Module):
    """A function of the last output is an input of the next step."""

    def __init__(self, function):
        super().__init__()
        self.fc, self.o, self.function = nn.Linear(K + N + 2, N), nn.Linear(N, 2), function

    def forward(self, x, state):
        h, y = state
        h = torch.tanh(self.fc(torch.cat([x, self.function(y), h], -1)))
        y = self.o(h)
        return y, (h, y)


class Refractory(nn.Module):
    """A counter of steps after a spike, by torch.where."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(K, N)

    def forward(self, x, state):
        v, z, c = state
        v = 0.9 * v * (1 - z) + self.fc(x)
        z = Spike.apply(v - 0.2) * (c <= 0).float()
        c = torch.where(z.detach() > 0, torch.full_like(c, 2.0), (c - 1).clamp(min=0))
        return z, (v, z, c)


class Twice(nn.Module):
    """One tensor under two names."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(K, N)
        self.v = self.z = self.last = torch.zeros(B, N)

    def forward(self, x):
        self.v = 0.9 * self.v * (1 - self.z) + self.fc(x)
        self.z = Spike.apply(self.v - 0.2) * (1 - self.last)
        self.last = self.z
        return self.z


class Lazy(nn.Module):
    """A reset forgets one state, and the next call makes all of them."""

    def __init__(self, cut=False):
        super().__init__()
        self.fc, self.r, self.v, self.cut = nn.Linear(K, N), nn.Linear(N, N), None, cut

    def forward(self, x):
        if self.v is None:
            self.v = torch.zeros(len(x), N)
            self.z = torch.zeros_like(self.v)
        self.v = 0.9 * (self.v.detach() if self.cut else self.v) + self.fc(x) + self.r(self.z)
        self.z = torch.sigmoid(self.v)
        return self.z


def watched(module, states=0, sequences=1, zeros=((B, N),), make=lambda: torch.rand(B, K)):
    torch.manual_seed(0)
    watch = gradcert.watch(module, rule="bptt", every=1)
    for _ in range(sequences):
        if not states and hasattr(module, "cut"):
            module.v = None
        state, total = tuple(torch.zeros(s) for s in zeros), torch.zeros(())
        for _ in range(5):
            found = module(make(), state) if states else module(make())
            out, state = found if states else (found, state)
            total = total + out.pow(2).sum()
        module.zero_grad()
        total.backward()
        watch.step()
    return [j.verdict for j in watch.judgements], watch.report()


@pytest.mark.parametrize(("cut", "verdict"), [(False, "right"), (True, "wrong")])
def test_a_bias_that_is_added_twice(cut, verdict):
    assert watched(Tied(cut), 2, zeros=((B, N), (B, N)))[0] == [verdict]


@pytest.mark.parametrize("function", [torch.tanh, torch.sigmoid])
def test_a_function_of_the_last_output_that_is_fed_back(function):
    """A sigmoid of a state that begins with 0 begins with 0.5."""
    assert watched(FedBack(function), 2, zeros=((B, N), (B, 2)))[0] == ["right"]


def test_a_counter_by_where():
    assert watched(Refractory(), 3, zeros=((B, N),) * 3)[0] == ["right"]


def test_a_tensor_under_two_names():
    assert watched(Twice())[0] == ["right"]


@pytest.mark.parametrize(("cut", "verdict"), [(False, "right"), (True, "wrong")])
def test_states_that_the_next_call_makes_anew(cut, verdict):
    assert watched(Lazy(cut), sequences=3)[0] == [verdict] * 3


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.r = nn.Embedding(9, K), nn.Linear(K + N, N)

    def forward(self, x, state):
        h = torch.tanh(self.r(torch.cat([self.e(x), state[0]], -1)))
        return h, (h,)


def test_an_input_that_is_looked_up_is_said():
    with pytest.warns(NotJudged, match=r"whole numbers that embedding at test_ordinary\.py:\d+ looks up"):
        watched(Embedded(), 1, make=lambda: torch.randint(9, (B,)))


class Mean(nn.Module):
    """A leaky sum over the number of steps."""

    def __init__(self, leak):
        super().__init__()
        self.fc, self.r, self.leak = nn.Linear(K, N), nn.Linear(N, N), leak

    def forward(self, x):
        h, total = torch.zeros(x.shape[1], N), torch.zeros(x.shape[1], N)
        for now in x:
            h = torch.tanh(self.fc(now) + self.r(h.detach()))
            total = self.leak * total + h
        return total / len(x)


@pytest.mark.parametrize("leak", [1, 0.5])
def test_a_sum_over_the_number_of_steps(leak):
    module = Mean(leak)
    watch = gradcert.watch(module, rule="bptt", every=1, time=0)
    module(torch.rand(6, B, K)).pow(2).sum().backward()
    watch.step()
    assert watch.judgements[0].verdict == "wrong" and "cuts RECURRENT" in watch.report()


class Learned(torch.nn.Module):
    """A tanh layer, and the first state that a loop gives it."""

    def __init__(self):
        super().__init__()
        self.cell, self.h0 = torch.nn.RNNCell(3, 4), torch.nn.Parameter(torch.full((4,), 0.5))

    def forward(self, x, h):
        h = self.cell(x, h)
        return h, h


@pytest.mark.parametrize("wrong", [False, True])
def test_a_first_state_that_the_loop_makes_of_a_parameter_is_not_judged_and_what_acts_in_steps_is(wrong):
    torch.manual_seed(0)
    net = Learned()
    with gradcert.watch(net, rule="bptt", every=1) as watching:
        h = net.h0.expand(2, 4)
        for x in torch.rand(4, 2, 3):
            out, h = net(x, h)
        (out**2).sum().backward()
        if wrong:
            net.cell.weight_hh.grad *= 1.01
        judged = watching.step()
    assert judged.verdict == ("wrong" if wrong else "right")
    assert "not judged, for the loop makes the first state of them: h0" in watching.report()
