"""What cannot be read is one sentence with the operation, its line, and what to do; nothing is guessed silently."""

import builtins
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from strangers import BATCH, HIDDEN, INPUTS, OWN, Lif, Masked, zeros  # noqa: E402
from torch import nn  # noqa: E402

import gradcert  # noqa: E402
from gradcert.models.reading import read  # noqa: E402
from gradcert.models.reading.network.rows import check_spikes  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402

X = 1.5 * torch.ones(BATCH, INPUTS)


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.t = nn.Linear(INPUTS, HIDDEN), 0


class Branch(Base):
    def forward(self, x, v):
        v = 0.9 * v + self.fc(x)
        if v.max() > 1:
            v = v * 0.5
        return v, v


class Counter(Base):
    def forward(self, x, v):
        self.t += 1
        v = (0.9 if self.t % 3 else 0.5) * v + self.fc(x)
        return torch.tanh(v), v


class ThroughNumpy(Base):
    def forward(self, x, v):
        gain = torch.from_numpy(v.detach().numpy().clip(0, 1))
        v = 0.9 * v + self.fc(x) * (1 - gain)
        return torch.tanh(v), v


class Hooked(Base):
    def forward(self, x, v):
        v = 0.9 * v + self.fc(x)
        if v.requires_grad:
            v.register_hook(lambda g: g.clamp(-0.1, 0.1))
        return torch.tanh(v), v


class Aliased(Base):
    def forward(self, x, v):
        u = self.fc(x)
        w = u[:, 1:]
        u.add_(0.9 * v)
        return torch.tanh(u), u + w.sum()


class Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        return torch.tanh(v)

    @staticmethod
    def backward(ctx, g):
        return g


class OwnFunction(Base):
    def forward(self, x, v):
        v = Smooth.apply(0.9 * v + self.fc(x))
        return v, v


class Places(nn.Module):
    """A pooling whose indices are used."""

    def forward(self, x):
        largest, places = nn.functional.max_pool2d(x, 2, return_indices=True)
        return largest * places


class TooLarge(nn.Module):
    """A pooling whose window is larger than the image."""

    def forward(self, x):
        return nn.functional.max_pool2d(x, 17)


class Coins(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        return (v > torch.rand_like(v)).to(v.dtype)

    @staticmethod
    def backward(ctx, g):
        return g


class Chance(Base):
    def forward(self, x, v):
        v = 0.9 * v + self.fc(x)
        return Coins.apply(v), v


REFUSED = {
    Branch: r"the step branches at test_refused.py:\d+ on a value that depends on its input or state; to fix it: ",
    Counter: r"the recorded step is not the module: output 0 differs; allowed: .*; to fix it: take out .*counter",
    ThroughNumpy: r"the recorded step is not the module|the gradient of fc.weight is not that of the graph",
    Hooked: r"a hook on the result of add at test_refused.py:\d+ changes what comes back; to fix it: take it away",
    Aliased: r"a tensor is read at test_refused.py:\d+ after another view of its memory was written by add_",
    Chance: r"the spikes of Coins at test_refused.py:\d+ are random; to fix it: read it with them off",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_one_sentence(kind):
    with pytest.raises(GradcertError, match=REFUSED[kind]):
        read(kind(), X, zeros(HIDDEN)[0])


def test_a_hook_on_a_parameter():
    module = Masked()
    module.fc.weight.register_hook(lambda g: 2 * g)
    with pytest.raises(GradcertError, match=r"a hook on fc\.weight, which may change its gradient.*gradcert\.watch"):
        read(module, X, zeros(HIDDEN, HIDDEN))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_code_and_other_objects():
    with pytest.raises(GradcertError, match="scripted code"):
        read(torch.jit.script(nn.Linear(INPUTS, 2)), X)
    with pytest.raises(GradcertError, match=r"a function; allowed: a torch\.nn\.Module"):
        read(lambda x: x, X)


def test_a_state_that_is_needed_and_not_given():
    with pytest.raises(GradcertError, match=r"Masked.forward wants state beside x; to fix it: pass the state"):
        read(Masked(), X)


def test_a_sequence_without_a_loop():
    with pytest.raises(GradcertError, match="no loop over time in the module"):
        read(nn.Linear(INPUTS, 2), torch.ones(4, BATCH, INPUTS), time=0)
    with pytest.raises(GradcertError, match="time='first'"):
        read(nn.Linear(INPUTS, 2), torch.ones(4, BATCH, INPUTS), time="first")


def test_what_has_no_network_is_read_and_says_why():
    """An own autograd.Function that is no spike, a normalisation: equations, and a note."""
    for module, state, word in (
        (OwnFunction(), zeros(HIDDEN)[0], "function Smooth at test_refused.py"),
        (nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.Softmax(-1), Lif()), None, "_softmax"),
    ):
        reading = read(module, X, state)
        assert word in " ".join(reading.notes)
        assert "not written as a network" in " ".join(reading.notes)
        with pytest.raises(GradcertError, match=word):
            reading.network()


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Places(), r"the indices of a max pooling at test_refused.py:\d+"),
        (nn.MaxPool2d(8), r"a max pooling over windows of 64 entries at .*; allowed: up to 49"),
        (TooLarge(), r"the module raises RuntimeError at test_refused.py.*[Oo]utput size is too small"),
    ],
)
def test_a_max_pooling_that_is_not_read(module, said):
    with pytest.raises(GradcertError, match=said):
        read(module, torch.ones(BATCH, 1, 16, 16)).network()


def test_a_label_by_convention_says_so():
    module, x, options = OWN["delay line"]()
    record = read(module, x, **options).to_dict()
    said = {e["source"]: e["by_convention"] for e in record["layers"][0]["edges"] if "by_convention" in e}
    assert set(said.values()) == {"a state to another one"}


def test_every_function_is_seen_however_it_was_bound():
    """`_SingleLevelFunction` is PyTorch's own: this fails where a version of it takes another way."""
    module, x, options = OWN["lif"]()  # fire = Fast.apply, bound when the file was read
    assert "psi fast_sigmoid(slope=10.0), fires at > 0" in str(read(module, x, **options))
    before = torch.autograd.Function.apply
    read(module, x, **options)
    assert torch.autograd.Function.apply == before


def test_without_torch(monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "torch" else real)
    for call in (
        lambda: gradcert.read(None, None),
        lambda: gradcert.compute(None, (None, None), loss=abs),
        lambda: gradcert.watch(None),
    ):
        with pytest.raises(
            GradcertError, match=r"^gradcert\.\w+ without PyTorch; to fix it: pip install .*\[torch\]'$"
        ):
            call()


def test_what_the_module_itself_raises_is_one_sentence_and_a_defect_of_ours_is_none(monkeypatch):
    class Unpacks(Base):
        def forward(self, x):
            _batch, _steps, _ = x.shape
            return self.fc(x)

    with pytest.raises(GradcertError, match=r"raises ValueError at test_refused.py:\d+ on an input of shape .*--time"):
        read(Unpacks(), X)

    def broken(*_):
        raise KeyError("ours")

    monkeypatch.setattr(gradcert.models.reading.pytorch.reader, "capture", broken)
    broken.__globals__["__name__"], name = "gradcert.somewhere", __name__
    try:
        with pytest.raises(KeyError, match="ours"):
            read(Unpacks(), X)
    finally:
        broken.__globals__["__name__"] = name


class Truncated(Base):
    """Cuts its state between chunks; the reset is cut at every step."""

    def __init__(self, chunk):
        super().__init__()
        self.chunk = chunk

    def forward(self, x):
        v, outputs = torch.zeros(BATCH, HIDDEN), []
        for t in range(len(x)):
            if t and t % self.chunk == 0:
                v = v.detach()
            v = 0.9 * v + self.fc(x[t]) - torch.tanh(v).detach()
            outputs.append(torch.tanh(v))
        return torch.stack(outputs)


@pytest.mark.parametrize("chunk", [2, 4, 5, 8])
def test_truncation_inside_a_module_is_said_with_its_line(chunk):
    """With chunks of 2 there is no loop to be found, with those of 5 its gradients are not those that were read."""
    line = next(k for k, text in enumerate(Path(__file__).read_text().split("\n"), 1) if "v = v.detach" in text)
    said = rf"cut at some steps only, at test_refused\.py:{line}: .*; to fix it: give a module of one step"
    with pytest.raises(GradcertError, match=said):
        read(Truncated(chunk), torch.ones(12, BATCH, INPUTS), time=0)


def test_chunks_as_long_as_the_sequence_are_none():
    """The first step has no history, so that autograd saves nothing there: it is the same step all the same."""
    assert "cut[tanh(c')]" in str(read(Truncated(20), torch.ones(12, BATCH, INPUTS), time=0))


def test_a_rule_that_is_none_is_said_before_the_module_is_read():
    with pytest.raises(GradcertError, match="the rule 'foo' is unknown"):
        gradcert.compute(torch.nn.Linear(3, 4), (torch.ones(5, 2, 3), 0), rule="foo", loss=max)


class Tau(nn.Module):
    """Takes a sequence; its decay is cut at the last step alone."""

    def __init__(self):
        super().__init__()
        self.fc, self.tau = nn.Linear(INPUTS, HIDDEN), nn.Parameter(torch.zeros(HIDDEN))

    def forward(self, x):
        v, out, decay = x.new_zeros(len(x), HIDDEN), [], torch.sigmoid(self.tau)
        for t in range(x.shape[1]):
            last = t == x.shape[1] - 1
            v = (decay.detach() if last else decay) * v + self.fc(x[:, t])
            out.append(torch.tanh(v))
        return torch.stack(out, 1)


def test_a_parameter_that_is_cut_at_some_steps_only_is_no_truncation():
    (note,) = read(Tau(), torch.ones(BATCH, 6, INPUTS), time=1).notes
    assert re.search(r": tau: a parameter is cut at some steps only, at test_refused.py:\d+; allowed", note)
    assert "truncated" not in note and "tbptt" not in note


class Straight(nn.Module):
    """A straight-through spike, spelled in one of several ways."""

    def __init__(self, form):
        super().__init__()
        self.fc, self.rec, self.form = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN), form

    def forward(self, x, state):
        v, z = state
        v = 0.9 * v * (1 - z.detach()) + self.fc(x) + self.rec(z)
        hard, soft = (v > 1).to(v.dtype), torch.sigmoid(3 * v - 3)
        z = self.form(hard, soft)
        return z, (v, z)


def left(hard, soft):
    return hard.detach() + soft - soft.detach()


def bracketed(hard, soft):
    return soft + (hard - soft).detach()


def test_a_straight_through_sum_that_leaves_roundings_is_a_spike():
    found = {f: read(Straight(f), X, zeros(HIDDEN, HIDDEN)) for f in (left, bracketed)}
    assert all(reading.rows == ("bptt-detached-reset",) for reading in found.values())
    (place,) = found[left].rounding
    assert place.startswith("test_refused.py:") and found[bracketed].rounding == ()


class Arctangent(nn.Module):
    """A straight-through spike of torch.heaviside and atan, at its level 0 or 1; the reset is a choice or a product."""

    def __init__(self, at=0.0, chosen=True):
        super().__init__()
        self.fc, self.at, self.chosen = nn.Linear(INPUTS, HIDDEN), at, chosen

    def forward(self, x, state):
        v, z = state
        v = torch.where(z.bool(), torch.zeros_like(v), v) if self.chosen else v * (1 - z)
        v = 0.9 * v + self.fc(x)
        soft = torch.atan(torch.pi * (v - 0.8)) / torch.pi + 0.5
        z = soft + (torch.heaviside(v - 0.8, torch.full_like(v, self.at)) - soft).detach()
        return z, (v, z)


@pytest.mark.parametrize("at", [0.0, 1.0])
@pytest.mark.parametrize(("chosen", "rule"), [(True, "bptt-detached-reset"), (False, "bptt")])
def test_a_straight_through_sum_of_a_heaviside_step_and_any_soft_part_is_a_spike(at, chosen, rule):
    reading = read(Arctangent(at, chosen), X, zeros(HIDDEN, HIDDEN))
    assert rule in reading.rows
    cell = reading.network().full.layers[0].cell
    assert cell.strict == (not at) and cell.surrogate.label.startswith("atan(scale=2")


class Halved(nn.Module):
    """A layer whose spikes are read twice, once detached."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x, state):
        v, y = state
        v = torch.tanh(0.9 * v + self.fc(x))
        y = 0.5 * y + self.out(v) + 0.5 * self.out(v.detach())
        return y, (v, y)


def test_what_is_read_cut_and_uncut_is_refused_with_the_line():
    with pytest.raises(GradcertError, match=r"both cut, at test_refused.py:\d+, and uncut; allowed: one of them; to"):
        read(Halved(), X, zeros(HIDDEN, HIDDEN)).network()


def test_a_spike_that_is_no_step_to_a_few_roundings_is_refused_with_the_way_to_write_it():
    column = np.array([[[0.0, 1.0, 0.75]]])
    with pytest.raises(GradcertError, match=r"^a spike of 0.75; allowed: 0 and 1.*hard to the last bit"):
        check_spikes(SimpleNamespace(columns=((column,),), misfired=0.0))
