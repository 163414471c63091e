"""Modules that a stranger wrote for a trial, and what was wrong with their readings: each is right, or one sentence."""

import dataclasses
import sys
from collections import deque
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from torch import nn  # noqa: E402

import gradcert  # noqa: E402
from gradcert.models.reading import compute, read  # noqa: E402
from gradcert.models.reading.pytorch.held import clone  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402

BATCH, INPUTS, UNITS = 2, 4, 3


class Fast(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + 5 * v.abs()) ** 2


class TwoArguments(torch.autograd.Function):
    """A threshold that is trained by a derivative of the Function's own."""

    @staticmethod
    def forward(ctx, v, threshold):
        ctx.save_for_backward(v, threshold)
        return (v >= threshold).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        v, threshold = ctx.saved_tensors
        psi = g * torch.clamp(1 - (v - threshold).abs(), min=0)
        return psi, -psi.sum(0)


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(INPUTS, UNITS)

    def forward(self, x, v=None):
        v = torch.zeros(len(x), UNITS) if v is None else v
        return self.step(0.9 * v + self.fc(x))


class MaskBool(Base):
    def step(self, v):
        s = Fast.apply(v - 1)
        return s, v.masked_fill(s.bool(), 0.0)


class Indexed(Base):
    def step(self, v):
        s, v = Fast.apply(v - 1), v.clone()
        v[s.bool()] = 0.0
        return s, v


class Equals(Base):
    def step(self, v):
        s = Fast.apply(v - 1)
        return s, torch.where(s == 1, torch.zeros_like(v), v)


class Written(Base):
    """Writes into a copy: what was there before is gone."""

    def step(self, v):
        s, left = Fast.apply(v - 1), torch.zeros_like(v)
        left.copy_(v - s.detach())
        return s, left


class Compared(Base):
    """Resets by a comparison of its own, before there is a spike."""

    def forward(self, x, v=None):
        v = torch.zeros(len(x), UNITS) if v is None else v
        with torch.no_grad():
            reset = (v > 1).to(v.dtype)
        v = 0.9 * v + self.fc(x) - reset
        return Fast.apply(v - 1), v


class Below(Compared):
    def forward(self, x, v=None):
        v = torch.zeros(len(x), UNITS) if v is None else v
        v = 0.9 * torch.where(v <= 1, v, torch.zeros_like(v)) + self.fc(x)
        return Fast.apply(v - 1), v


@dataclasses.dataclass
class State:
    v: torch.Tensor
    s: torch.Tensor


class InDataclass(Base):
    def forward(self, x, state=None):
        if state is None:
            state = State(torch.zeros(len(x), UNITS), torch.zeros(len(x), UNITS))
        v = 0.9 * state.v + self.fc(x) - state.s.detach()
        s = Fast.apply(v - 1)
        return s, State(v, s)


class After(Base):
    """A threshold that moves after the spike."""

    def forward(self, x, state=None):
        v, b = (torch.zeros(len(x), UNITS), torch.zeros(len(x), UNITS)) if state is None else state
        v = 0.9 * v + self.fc(x)
        s = Fast.apply(v - (1 + 0.2 * b))
        return s, (v - s.detach() * (1 + 0.2 * b.detach()), 0.95 * b + s)


class Signed(Base):
    def step(self, v):
        s = Fast.apply(v - 0.3) - Fast.apply(-v - 0.3)
        return s, v - s * 0.3


class TwoLines(Base):
    def forward(self, x, state=None):
        v, r = (torch.zeros(len(x), UNITS), torch.zeros(len(x), UNITS)) if state is None else state
        v = 0.9 * v + self.fc(x)
        s = Fast.apply(v - 0.5 - r)
        r = 0.5 * r + 3 * s.detach()  # one cut
        v = v * (1 - s.detach())  # another cut
        return s, (v, r)


class Normal(Base):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(UNITS)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)

    def step(self, v):
        s = Fast.apply(self.norm(v) - 1)
        return s, v - s


class Line(Base):
    """A delay of three steps in a deque."""

    def __init__(self):
        super().__init__()
        self.back = nn.Linear(UNITS, UNITS)
        self.line = None

    def forward(self, x):
        if self.line is None:
            self.line = deque([torch.zeros(len(x), UNITS) for _ in range(3)], maxlen=3)
        s = torch.tanh(self.fc(x) + self.back(self.line[0]))
        self.line.append(s)
        return s


class Rolled(Base):
    def __init__(self):
        super().__init__()
        self.back = nn.Linear(UNITS, UNITS)

    def forward(self, x, line=None):
        line = torch.zeros(len(x), 2, UNITS) if line is None else line
        s = torch.tanh(self.fc(x) + self.back(line[:, 0]))
        line = torch.roll(line, -1, dims=1).clone()
        line[:, -1] = s
        return s, line


class Optional(Base):
    """Returns states that it also keeps, as snnTorch's neurons do."""

    def __init__(self):
        super().__init__()
        self.v = torch.zeros(0)

    def forward(self, x, v=None):
        if v is None:
            self.v = torch.zeros_like(self.v)
            v = torch.zeros(len(x), UNITS)
        self.v = 0.9 * v + self.fc(x)
        return torch.tanh(self.v), self.v


class Sequence(Base):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        v, out = torch.zeros(x.shape[1], UNITS), torch.empty(len(x), x.shape[1], UNITS)
        for t, drive in enumerate(torch.einsum("tbi,ij->tbj", x, self.fc.weight.t())):
            v = 0.9 * v + drive
            out[t] = torch.tanh(v)
        return out if self.how == "all" else out.max(0)[0]


RESET_CUT = ("z'", "v", "reset", True)
READ = {
    MaskBool: {RESET_CUT, ("v'", "v", "state", False)},
    Indexed: {RESET_CUT, ("v'", "v", "state", False)},
    Equals: {RESET_CUT, ("v'", "v", "state", False)},
    Written: {RESET_CUT, ("v'", "v", "state", False)},
    Compared: {RESET_CUT, ("v'", "v", "state", False)},
    Below: {RESET_CUT, ("v'", "v", "state", False)},
    InDataclass: {RESET_CUT, ("v'", "v", "state", False)},
    After: {
        RESET_CUT,
        ("v'", "v", "state", False),
        ("b'", "v", "state", True),
        ("b'", "b", "state", False),
        ("z'", "b", "adaptation", False),
    },
    Signed: {("z'", "v", "reset", False), ("v'", "v", "state", False)},
    Optional: {("v'", "v", "state", False)},
}


def edges(module, x, **options):
    record = read(module, x, **options).to_dict()
    assert record["backward"] is not None, record["notes"]
    return record, {(e["source"], e["target"], e["label"], "cut_at" in e) for e in record["layers"][0]["edges"]}


@pytest.mark.parametrize("kind", READ)
def test_edges_and_labels(kind):
    """That it is a network means that its gradients are the module's own (`gradcert.models.reading.pytorch.check`)."""
    found = edges(kind(), torch.ones(BATCH, INPUTS))[1]
    names = {"c'": "v'", "c": "v"} if kind is Optional else {}
    assert {(names.get(s, s), names.get(t, t), label, cut) for s, t, label, cut in found} == READ[kind]


def test_each_cut_has_its_own_line():
    lines = Path(__file__).read_text().split("\n")
    one, other = (next(k for k, text in enumerate(lines, 1) if f"# {n} cut" in text) for n in ("one", "another"))
    found = {
        (e["target"]): e["cut_at"]
        for e in read(TwoLines(), torch.ones(BATCH, INPUTS)).to_dict()["layers"][0]["edges"]
        if e["source"] == "z'"
    }
    assert sorted(found.values()) == [[f"test_trial.py:{one}"], [f"test_trial.py:{other}"]]


@pytest.mark.parametrize("kind", [Line, Rolled])
def test_delays_in_a_deque_and_in_a_tensor_that_is_written(kind):
    assert read(kind(), torch.ones(BATCH, INPUTS)).rows is not None


def test_batch_normalisation_in_eval_and_in_training():
    assert "bptt" in read(Normal().eval(), torch.ones(BATCH, INPUTS)).rows
    assert r"over the samples of a batch (train)" in read(Normal(), torch.randn(BATCH, INPUTS)).notes[0]


@pytest.mark.parametrize("how", ["all", "largest"])
def test_outputs_that_are_written_one_by_one(how):
    record = read(Sequence(how), torch.randn(6, BATCH, INPUTS), time=0)
    assert record.rows is not None
    assert record.collects == (("every step",) if how == "all" else ("the maximum over steps",))


class Drawn(Base):
    def step(self, v):
        v = v + 0.1 * torch.randn_like(v)
        s = Fast.apply(v - 1)
        return s, v - s


class Dropped(Base):
    def step(self, v):
        s = Fast.apply(v - 0.1)
        return nn.functional.dropout(s, 0.3), v - s


class OwnRandom(Base):
    def step(self, v):
        return torch.tanh(v + float(np.random.standard_normal())), v


def test_random_numbers_are_named_as_such():
    """A state of zeros that is made by the module is found, however often it draws."""
    torch.manual_seed(1)
    assert "random numbers at test_trial.py" in " ".join(read(Drawn(), torch.ones(BATCH, INPUTS)).notes)
    dropped = read(Dropped(), torch.ones(BATCH, INPUTS))
    assert "bptt" in dropped.rows and "draws random numbers at test_trial.py" in dropped.notes[0]
    with pytest.raises(GradcertError, match="two calls of OwnRandom on the same input differ"):
        read(OwnRandom(), torch.ones(BATCH, INPUTS))


class Half(Base):
    def forward(self, x, v=None):
        v = torch.zeros(len(x), UNITS) if v is None else v
        with torch.autocast("cpu", dtype=torch.bfloat16):
            drive = self.fc(x)
        v = 0.8 * v + drive.float()
        s = Fast.apply(v - 0.3)
        return s, v - s.detach()


def test_autocast_inside_is_said_by_read_and_refused_by_watch():
    before = torch.autocast.__enter__
    assert "autocast at test_trial.py" in " ".join(read(Half(), torch.ones(BATCH, INPUTS)).notes)
    assert torch.autocast.__enter__ is before
    module, state, outputs, x = Half(), None, [], torch.ones(BATCH, INPUTS)
    said = "autocast inside the module changes the dtype to bfloat16 at test_trial"
    with gradcert.watch(module, rule="bptt-detached-reset", every=1) as watching:
        for _ in range(3):
            out, state = module(*([x] if state is None else [x, state]))
            outputs.append(out)
        torch.stack(outputs).sum().backward()
        with pytest.warns(NotJudged, match=said):
            watching.step()


class Loop(Base):
    """Loops over one input, from states that have no units before the first step."""

    def forward(self, x):
        v, out = torch.zeros(len(x), UNITS), []
        for _ in range(6):
            v = 0.9 * v + self.fc(x)
            out.append(torch.tanh(v))
        return torch.stack(out)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.RNN(INPUTS, UNITS), nn.Linear(UNITS, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


class Empty(Base):
    def __init__(self):
        super().__init__()
        self.v = torch.zeros(BATCH, UNITS)

    def forward(self, x):
        reset = Fast.apply(torch.zeros_like(self.v) - 1)
        self.v = self.fc(x) - reset
        return torch.tanh(self.v)


class Stacked(nn.Module):
    """Layers that are alike: no loop."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(INPUTS, INPUTS) for _ in range(5))

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


class OtherArguments(Base):
    def __init__(self):
        super().__init__()
        self.threshold = nn.Parameter(torch.ones(UNITS))

    def step(self, v):
        s = TwoArguments.apply(v, self.threshold)
        return s, v - s


class PerSample(Base):
    """A constant that is another one in every sample."""

    def __init__(self):
        super().__init__()
        self.register_buffer("phase", torch.rand(BATCH, UNITS))

    def step(self, v):
        return torch.tanh(v * self.phase), v


REFUSED = {
    Loop: r"repeats its own operations \d times, from test_trial.py:\d+.*loops over time itself.*--time inside",
    Layer: r"torch\.nn\.RNN at test_trial.py:\d+ takes the example for a sequence of 2 steps.*--time 0",
    Empty: r"is made of no input, state or weight",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_step_is_refused(kind):
    with pytest.raises(GradcertError, match=REFUSED[kind]):
        read(kind(), torch.ones(BATCH, INPUTS))


class OfNothing(nn.Module):
    """A weight that acts on zeros which the step makes."""

    def __init__(self):
        super().__init__()
        self.fc, self.of_zeros = nn.Linear(INPUTS, UNITS), nn.Linear(3, UNITS)

    def forward(self, x):
        return torch.tanh(self.fc(x) + self.of_zeros(torch.zeros(len(x), 3)))


def test_what_a_step_makes_is_of_its_dtype():
    assert "zeros()" in str(read(OfNothing(), torch.ones(BATCH, INPUTS)))


def test_layers_that_are_alike_are_no_loop():
    assert len(read(Stacked(), torch.ones(BATCH, INPUTS)).layers) == 5


def test_what_is_no_network_says_why_and_what_to_do():
    for kind, said in (
        (
            OtherArguments,
            r"function TwoArguments at test_trial.py:\d+ in layer \d; allowed: an autograd.Function of one",
        ),
        (PerSample, r"phase in layer 0, a fixed value of shape \(2, 3\) that is another one in every sample"),
    ):
        x = torch.ones(3, BATCH, INPUTS)
        with pytest.raises(GradcertError, match=rf"{kind.__name__} cannot be written as a network: {said}"):
            compute(kind(), (x, None), loss=lambda outputs, _: outputs.sum())
        assert "not written as a network" in " ".join(read(kind(), x[0]).notes)


class BackwardRaises(Base):
    def step(self, v):
        class Broken(torch.autograd.Function):
            @staticmethod
            def forward(ctx, v):
                return torch.tanh(v)

            @staticmethod
            def backward(ctx, g):
                return {}["nothing"]

        return Broken.apply(v), torch.tanh(v)


class NotCopied(Base):
    def __init__(self):
        super().__init__()
        self.numbers = (k for k in range(3))


def test_what_the_users_own_code_raises_anywhere_is_one_sentence():
    class Twice(Base):
        def step(self, v):
            return torch.tanh(v) @ v, v  # PyTorch raises below the recorder

    with pytest.raises(GradcertError, match=r"the module raises RuntimeError at test_trial.py:\d+ on an input"):
        read(Twice(), torch.ones(BATCH, INPUTS))
    with pytest.raises(GradcertError, match="NotCopied cannot be copied: cannot pickle 'generator' object"):
        clone(NotCopied())


def test_a_comparison_is_no_spike_with_a_pseudo_derivative():
    class Gate(Base):
        def step(self, v):
            s = Fast.apply(v - 1)
            return s * (v < 2).to(v.dtype), v - s

    text = str(read(Gate(), torch.ones(BATCH, INPUTS)))
    assert "step(" in text and "psi 0 (nothing comes back)" in text and "scale=0.0" not in text


def test_two_functions_with_other_numbers_are_two():
    class Units(Base):
        def step(self, v):
            return torch.nn.functional.elu(v, 1.5) + torch.nn.functional.elu(v, 2.5), v

    text = str(read(Units(), torch.ones(BATCH, INPUTS)))
    assert "elu[1.5" in text and "elu[2.5" in text


def test_a_cast_to_whole_numbers_is_not_passed_over():
    class Whole(Base):
        def step(self, v):
            return torch.tanh(v) * v.long().to(v.dtype), v

    assert "cast to whole numbers" in str(read(Whole(), torch.ones(BATCH, INPUTS)))


class Quiet(nn.Module):
    """Silent unless it is driven hard: its last output is the mean of all, until it is."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(INPUTS, UNITS), nn.Linear(UNITS, 2)

    def forward(self, x):
        v, outs = torch.zeros(x.shape[1], UNITS), []
        for x_t in x:
            v = 0.9 * v + 0.02 * self.fc(x_t)
            outs.append(self.out(Fast.apply(v - 1)))
        return torch.stack(outs).mean(0)


def test_what_a_silent_module_makes_of_its_steps_is_told_by_louder_inputs():
    torch.manual_seed(0)
    assert read(Quiet(), torch.ones(5, BATCH, INPUTS), time=0).collects == ("the mean over steps",)
