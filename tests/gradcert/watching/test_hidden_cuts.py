"""Cuts that the graph between values does not show: a parameter's on one of its paths, a state's between two calls."""

import re

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import gradcert  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402
from gradcert.watching.judging import NotJudged, NotWritten  # noqa: E402
from gradcert.watching.kept.again import judged as judged_again  # noqa: E402
from gradcert.watching.kept.stored import read as read_kept  # noqa: E402
from gradcert.watching.seen.seams import left, near, number, scaled, shares  # noqa: E402
from tests.gradcert.watching.loops import SAMPLES, judged, mean_square  # noqa: E402

STEPS = 10


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g / (1 + 10 * u.abs()) ** 2


class Blocked(torch.autograd.Function):
    """Gives the numbers, and not the gradient."""

    @staticmethod
    def forward(ctx, u):
        return u.clone()

    @staticmethod
    def backward(ctx, g):
        return 0 * g


class Spiking(nn.Module):
    """A soft reset by a threshold that is trained, as `reset` gives it."""

    def __init__(self, reset):
        super().__init__()
        self.i, self.o = nn.Linear(4, 6), nn.Linear(6, 2)
        self.thr, self.reset = nn.Parameter(torch.full((6,), 0.5)), reset

    def forward(self, x, state):
        v, z = state
        v = 0.9 * v + self.i(x) - z * self.reset(self.thr)
        z = Spike.apply(v - self.thr)
        return self.o(z), (v, z)


class Recurrent(nn.Module):
    """A recurrent weight as `made` makes it."""

    def __init__(self, made):
        super().__init__()
        torch.manual_seed(0)
        self.i, self.o = nn.Linear(4, 6), nn.Linear(6, 2)
        self.r, self.made = nn.Parameter(torch.randn(6, 6) / 2), made

    def forward(self, x, h):
        h = torch.tanh(self.i(x) + self.made(self.r, h))
        return self.o(h), h


class Leaky(nn.Module):
    """One time constant in the decay and in the gain, whose detach is optional."""

    def __init__(self, gain):
        super().__init__()
        self.i, self.o = nn.Linear(4, 6), nn.Linear(6, 2)
        self.w, self.gain = nn.Parameter(torch.linspace(-1, 1, 6)), gain

    def forward(self, x, h):
        d = torch.sigmoid(self.w)
        h = torch.tanh(d * h + (1 - self.gain(d)) * self.i(x))
        return self.o(h), h


class Delayed(nn.Module):
    """A weight at two delays."""

    def __init__(self, second):
        super().__init__()
        self.i, self.o, self.second = nn.Linear(4, 6), nn.Linear(6, 2), second
        self.r = nn.Parameter(torch.eye(6) - 0.3)

    def forward(self, x, state):
        one, two = state
        h = torch.tanh(self.i(x) + one @ self.r + two @ self.second(self.r))
        return self.o(h), (h, one)


def watched(net, state, *, rule="bptt", folder=".gradcert", **options):
    torch.manual_seed(1)
    with gradcert.watch(net, rule=rule, every=1, folder=str(folder), **options) as watching:
        total = 0.0
        for x in 2 * torch.rand(STEPS, SAMPLES, 4):
            y, state = net(x, state)
            total = total + y.pow(2).mean()
        total.backward()
        return watching.step()


def zeros(many):
    return tuple(torch.zeros(SAMPLES, 6) for _ in range(many)) if many > 1 else torch.zeros(SAMPLES, 6)


def normed(r, h):
    return h @ (r / r.norm().detach())


def normed_without_a_graph(r, h):
    with torch.no_grad():
        norm = r.norm()
    return h @ (r / norm)


def half(r, h):
    m = torch.triu(torch.ones(6, 6, dtype=r.dtype))
    return h @ (r * m + r.detach() * (1 - m))


CUT = {
    "reset": (lambda: Spiking(torch.Tensor.detach), 2, "thr"),
    "reset, data": (lambda: Spiking(lambda thr: thr.data), 2, "thr"),
    "gain": (lambda: Leaky(torch.Tensor.detach), 1, "w"),
    "delay": (lambda: Delayed(torch.Tensor.detach), 2, "r"),
    "norm": (lambda: Recurrent(normed), 1, "r"),
    "norm, no_grad": (lambda: Recurrent(normed_without_a_graph), 1, "r"),
    "half": (lambda: Recurrent(half), 1, "r"),
    "function": (lambda: Spiking(Blocked.apply), 2, "thr"),
}


@pytest.mark.parametrize("which", CUT)
def test_a_parameter_that_is_cut_on_one_path(tmp_path, which):
    make, many, name = CUT[which]
    found = watched(make(), zeros(many), folder=tmp_path)
    assert found.verdict == "wrong" and not found.parameters[name].right
    by = " by Blocked" if which == "function" else ""
    assert re.fullmatch(rf"the claimed gradients, but {name} is cut at test_hidden_cuts\.py:\d+{by}", found.cause)
    again = judged_again(read_kept(tmp_path / "watch-step-0.json"))
    assert (again.verdict, again.cause) == ("wrong", found.cause)
    assert watched(make(), zeros(many), rule="as-coded").verdict == "right"
    unclaimed = watched(make(), zeros(many), rule=None)
    assert unclaimed.rows == ("as-coded",) and f"{name} is cut at" in unclaimed.cause


@pytest.mark.parametrize("which", CUT)
def test_reading_shows_a_parameter_that_is_cut(which):
    make, many, name = CUT[which]
    shown = str(gradcert.read(make(), torch.rand(SAMPLES, 4), zeros(many)))
    assert "cut[" in shown and "backward: no row of the table, by these cuts" in shown
    assert f"{name} is cut at test_hidden_cuts.py:" in shown


@pytest.mark.parametrize(
    "make", [lambda: Spiking(lambda t: t), lambda: Leaky(lambda d: d), lambda: Delayed(lambda r: r)]
)
def test_the_same_without_a_cut_is_right(make):
    net = make()
    assert watched(net, zeros(1 if isinstance(net, Leaky) else 2)).verdict == "right"


ROUNDED = {
    "round": lambda r, h: h @ (r + ((4 * r).round() / 4 - r).detach()),
    "the other way": lambda r, h: h @ ((4 * r).round().div(4).detach() + r - r.detach()),
    "sign": lambda r, h: h @ (r + (r.sign() * r.abs().mean() - r).detach()),
    "compared": lambda r, h: h @ (r + ((r > 0).to(r.dtype) * 2 - 1 - r).detach()),
}


@pytest.mark.parametrize("which", ROUNDED)
def test_a_rounded_weight_is_no_cut(which):
    """Its derivative is said, as that of a spike is, and taken as given."""
    net = Recurrent(ROUNDED[which])
    found = watched(net, zeros(1))
    assert found.verdict == "right"
    assert any("the gradient of r goes straight through at test_hidden_cuts.py" in n for n in found.notes)


def test_a_mask_in_what_is_cut_is_no_rounding():
    net = Recurrent(lambda r, h: h @ (r * (r.abs() > 0.1) + (r * (r.abs() <= 0.1)).detach()))
    net.r.data[0] = 0.05
    assert "r is cut at" in watched(net, zeros(1)).cause


@pytest.mark.parametrize(
    ("reset", "said"),
    [
        (lambda thr: thr[0].item(), r"thr is read as a number at test_hidden_cuts\.py"),
        (lambda thr: torch.from_numpy(thr.detach().numpy().copy()), "a parameter that is read as a number"),
    ],
)
def test_a_parameter_that_is_read_as_a_number_is_not_judged(reset, said):
    with pytest.warns(NotJudged, match=said):
        assert watched(Spiking(reset), zeros(2)).verdict == "not judged"


MASK = (torch.rand(SAMPLES, 6, generator=torch.Generator().manual_seed(3)) > 0.3).float()


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("loss", [None, mean_square])
def test_a_state_that_is_detached_in_part_between_two_calls(tmp_path, share, loss):
    found = judged(tmp_path, state=lambda t, h: share * h + (1 - share) * h.detach(), loss=loss)
    said = "the claimed gradients with the state detached in part between two calls, 7 times: credit through it times"
    said = f"{said} {share}"
    assert (found.verdict, found.cause) == ("wrong", said)
    assert any("has its numbers and not its history, 7 times" in n for n in found.notes)
    again = judged_again(read_kept(tmp_path / "watch-step-0.json"))
    assert (again.verdict, again.cause) == ("wrong", said)


@pytest.mark.parametrize(
    "state",
    [
        lambda t, h: torch.cat([h[:, :3], h[:, 3:].detach()], 1),
        lambda t, h: torch.cat([h[:2], h[2:].detach()]),
        lambda t, h: h.detach() + (h.roll(1, 1) - h.roll(1, 1).detach()),
    ],
    ids=["units", "samples", "mixed"],
)
def test_a_state_whose_history_is_another_one(tmp_path, state):
    found = judged(tmp_path, state=state)
    assert found.verdict == "wrong" and any("not its history" in n for n in found.notes)


@pytest.mark.parametrize(
    ("state", "share"),
    [
        (lambda t, h: (0.1 * h + 0.9 * h.detach()) * MASK, "0.1"),
        (lambda t, h: h.detach() * MASK, "0"),
        (lambda t, h: 0.5 * h.detach(), "0"),
    ],
)
def test_a_detach_behind_a_change_is_not_judged(tmp_path, state, share):
    with pytest.warns(NotJudged, match=f"detached, all of it or in part: .* credit comes back times {share};"):
        assert judged(tmp_path, state=state).verdict == "not judged"


@pytest.mark.parametrize(
    "state",
    [
        lambda t, h: h * MASK,
        lambda t, h: torch.where(MASK > 0, h, torch.zeros_like(h)),
        lambda t, h: h.clamp(-0.5, 0.5),
        lambda t, h: 0.5 * h,
        lambda t, h: h.clone(),
        lambda t, h: 0.3 * h + 0.7 * h,
    ],
)
def test_changes_that_autograd_follows_are_right(tmp_path, state):
    assert judged(tmp_path, state=state).verdict == "right"


def test_what_is_the_same_between_two_calls():
    h = torch.tanh(torch.randn(4, 5, requires_grad=True))
    assert near(0.1 * h + 0.9 * h.detach(), h) and not near(h * (1 + 1e-5), h) and not near(h, h.double())
    assert number(shares(0.25 * h + 0.75 * h.detach(), h)) == 0.25
    assert shares(h.detach() + h.roll(1, 1) - h.roll(1, 1).detach(), h) is None
    assert number(shares(torch.cat([h[:2], h[2:].detach()]), h)) is None
    spikes = torch.tensor([0.0, 1.0, 0.5])
    assert left(spikes, spikes).tolist() == [False, False, True]
    assert scaled(0.5 * h, h) and not scaled(torch.rand(4, 5), h) and not scaled(0 * h, h)


class Refractory(nn.Module):
    """Silent for a step after a spike, by the spike itself; its reset is detached."""

    def __init__(self):
        super().__init__()
        self.i, self.o = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x, state):
        v, z, r = state
        v = 0.9 * v + self.i(x) - z.detach()
        z = Spike.apply(v - 0.5) * (1 - r)
        return self.o(z), (v, z, z)


def test_spikes_behind_a_gate_of_spikes_are_spikes():
    torch.manual_seed(0)
    found = watched(Refractory(), zeros(3), rule="bptt-detached-reset")
    assert found.verdict == "right"
    assert any("the judgement rests on this: RESET z' -> v" in n and "by convention" in n for n in found.notes)


class Traced(nn.Module):
    """A trace of spikes acts on the potential, cut: is that its adaptation, or its reset?"""

    def __init__(self):
        super().__init__()
        self.i, self.o = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x, state):
        v, z, b = state
        b = 0.8 * b + z.detach()
        v = 0.9 * v + self.i(x) - 0.3 * b
        z = Spike.apply(v - 0.5)
        return self.o(z), (v, z, b)


def test_a_label_that_is_a_convention_decides_nothing_silently():
    torch.manual_seed(0)
    found = watched(Traced(), zeros(3), rule="bptt-detached-reset")
    assert found.verdict == "wrong" and "were called RESET: its label is a convention" in found.cause
    assert any("the judgement rests on this: ADAPTATION z' -> c" in n for n in found.notes)
    assert not watched(Traced(), zeros(3), rule="as-coded").notes[1:]


class Silent(nn.Module):
    """Never fires; its state is cut, which nothing shows."""

    def __init__(self, readout):
        super().__init__()
        self.i, self.o, self.readout = nn.Linear(4, 6), nn.Linear(6, 2), readout

    def forward(self, x, state):
        v, z, y = state
        v = 0.9 * v.detach() + self.i(x) - z
        z = Narrow.apply(v - 100.0)
        y = self.readout * y + self.o(z)
        return y, (v, z, y)


class Narrow(Spike):
    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g * (u.abs() < 0.5).to(g.dtype)


@pytest.mark.parametrize("readout", [0.0, 0.9])
def test_a_silent_network_tells_nothing(readout):
    state = (*zeros(2), torch.zeros(SAMPLES, 2))
    with pytest.warns(NotJudged, match="tells nothing of bptt: the gradients of i.weight, i.bias are 0 everywhere"):
        assert watched(Silent(readout), state).verdict == "not judged"


def test_a_product_that_is_cut_says_who_gets_no_gradient():
    def without(r, h):
        with torch.no_grad():
            return h @ r

    found = watched(Recurrent(without), zeros(1))
    assert re.search(
        r"layer 0 cuts a_2 -> z within the step \(test_hidden_cuts\.py:\d+\), which bptt keeps", found.cause
    )
    assert found.cause.endswith("; no gradient comes to r")


class Gated(nn.Module):
    """The minimal gated unit: what was gated is read by a weight."""

    def __init__(self):
        super().__init__()
        self.f, self.c, self.o = nn.Linear(10, 6), nn.Linear(10, 6), nn.Linear(6, 2)

    def forward(self, x, h):
        f = torch.sigmoid(self.f(torch.cat([x, h.detach()], -1)))
        c = torch.tanh(self.c(torch.cat([x, f * h], -1)))
        h = (1 - f) * h + f * c
        return self.o(h), h


def test_what_passes_through_a_weight_is_recurrent():
    found = watched(Gated(), zeros(1), rule=None)
    assert not {"e-prop", "ottt"} & set(found.rows) and "RECURRENT z' -> a" in found.cause
    shown = str(gradcert.read(Gated(), torch.rand(SAMPLES, 4), zeros(1)))
    assert re.search(r"z' -> y +RECURRENT kept", shown)


def test_what_cannot_be_watched_is_a_sentence():
    with pytest.raises(GradcertError, match="watch of Identity, a module without parameters"):
        gradcert.watch(nn.Identity())
    with pytest.raises(GradcertError, match=r"watch with time=5; allowed: the axis of time, 0 or 1"):
        gradcert.watch(nn.RNN(3, 4), time=5)
    with pytest.raises(GradcertError, match=r"watching.call of None; allowed: a function"):
        gradcert.watch(nn.Linear(3, 4)).call(None, 1)


def test_a_file_that_cannot_be_written_ends_no_training(tmp_path):
    watching = gradcert.watch(nn.Linear(3, 4))
    for write in (watching.html, watching.json):
        with pytest.warns(NotWritten, match="is not written: No such file or directory"):
            write(str(tmp_path / "no" / "such.file"))


def test_a_training_without_a_verdict_says_so(tmp_path):
    net = Spiking(lambda thr: thr[0].item())
    with pytest.warns(NotJudged) as seen, gradcert.watch(net, every=1, folder=str(tmp_path)) as watching:
        for _ in range(2):
            net(torch.rand(SAMPLES, 4), zeros(2))[0].sum().backward()
            watching.step()
    said = (
        "gradcert: nothing was judged in this training: there is no verdict. Of 2 looked at, step 1: not judged: thr is"
    )
    assert len(seen) == 2 and str(seen[1].message).startswith(said)
    assert watching.report().startswith("0 judged, 0 named, 2 not judged: there is no verdict\n")
