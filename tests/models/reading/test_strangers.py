"""Models as strangers write them are read: equations, cuts, and BPTT of what was read is their own autograd."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
import strangers  # noqa: E402

import gradcert  # noqa: E402
from gradcert.models.reading import read  # noqa: E402

RESET = [("z'", "v", "reset")]
CUTS = {
    "lif": RESET,
    "alif": RESET,
    "where": RESET,
    "gates by chunk": [],
    "own states": RESET,
    "loop inside": [],
    "in place": RESET,
    "straight-through": RESET,
    "hard and soft": RESET,
    "silu": [],
    "counter": [*RESET, ("z'", "c", "reset"), ("s_2", "z", "space")],
    "held": [],
    "no_grad and .data": [("v'", "v", "state"), *RESET],
    "masked_fill": RESET,
    "trained leak and threshold": [],
    "concatenated": [],
    "current": RESET,
    "local": [*RESET, ("z[0]", "a", "space"), *RESET],
    "delay line": [],
    "Sequential": RESET,
    "convolution": RESET,
    "max pooling": RESET,
    "skip": [*RESET, *RESET],
    "feedback": [*RESET, *RESET],
    "populations": [],
    "dropout": [("s'", "v", "reset")],
    "layer normalisation": RESET,
    "nn.RNNCell": [],
    "nn.LSTMCell": [],
    "nn.GRUCell": [],
    "nn.LSTM": [],
    "nn.GRU": [],
    "LSTM over sequences": [],
    "snntorch.Leaky subtract": RESET,
    "snntorch.Leaky zero": RESET,
    "snntorch.Leaky none": [],
    "snntorch.RLeaky subtract": RESET,
    "snntorch.RLeaky zero": RESET,
    "snntorch.Leaky trained": RESET,
    "snntorch.Synaptic": RESET,
    "snntorch.Synaptic zero": RESET,
    "snntorch.Alpha": [*RESET, ("z'", "syn_inh", "reset"), ("z'", "syn_exc", "reset")],
    "snntorch tutorial": [*RESET, *RESET],
    "snntorch tutorial, constant input": [*RESET, *RESET],
    "snntorch max pooling": [*RESET, *RESET, *RESET],
    "spikingjelly max pooling": [*RESET, *RESET],
    "spikingjelly.LIFNode": [],
    "spikingjelly.LIFNode detached": RESET,
    "spikingjelly.LIFNode soft": RESET,
    "spikingjelly.ParametricLIFNode": RESET,
    "spikingjelly.IFNode": RESET,
    "spikingjelly.QIFNode": RESET,
}
NO_DELAY = {("s'", "s", "state"), ("s'", "v", "reset"), ("s", "v", "space")}
WATCHED = (
    "lif",
    "where",
    "loop inside",
    "in place",
    "nn.LSTMCell",
    "feedback",
    "dropout",
    "Sequential",
    "max pooling",
    "snntorch max pooling",
    "spikingjelly max pooling",
    "snntorch.RLeaky subtract, no delay",
    "snntorch.Synaptic",
    "snntorch tutorial, constant input",
    "spikingjelly.LIFNode detached",
)
ALL = {**strangers.OWN, **strangers.LIBRARY}


def ran(module, x, options):
    """Outputs of a few steps, as a training loop computes them: of all steps, or of a sequence."""
    if "time" in options:
        return module(x)
    state, outputs = options.get("state"), []
    for factor in (1.0, 0.8, -0.3, 1.2, 0.9, 1.4):
        if state is None and isinstance(module, torch.nn.RNNCellBase):
            state = module(factor * x)
            outputs.append(state if torch.is_tensor(state) else state[0])
        elif isinstance(module, torch.nn.RNNCellBase):
            state = module(factor * x, state)
            outputs.append(state if torch.is_tensor(state) else state[0])
        elif isinstance(module, torch.nn.RNNBase):
            result, state = module((factor * x).unsqueeze(1 if module.batch_first else 0), state)
            outputs.append(result)
        elif state is None:
            outputs.append(module(factor * x))
        else:
            result, state = module(factor * x, state)
            outputs.append(result)
    return torch.stack(outputs)


def library(name):
    pytest.importorskip(name.partition(".")[0].partition(" ")[0])


@pytest.mark.long(keep=4)
@pytest.mark.parametrize("name", ALL)
def test_read_and_its_gradient_is_the_modules_own(name):
    """`read` compares nine steps of outputs and backward; here its network judges a training step in float32."""
    if name in strangers.LIBRARY:
        library(name)
    module, x, options = ALL[name]()
    reading = read(module, x, **options)
    record = reading.to_dict()
    if name == "layer normalisation" and record["backward"] is None:
        assert "sqrt" in record["notes"][0]  # until cells of one's own have it
    else:
        said = [note.partition(" at ")[0] for note in record["notes"]]
        assert said == ["draws random numbers"] * (name == "dropout")
    cuts = [(e["source"], e["target"], e["label"]) for part in record["layers"] for e in part["edges"] if "cut_at" in e]
    assert set(cuts) == NO_DELAY if "no delay" in name else sorted(cuts) == sorted(CUTS[name])
    if name not in WATCHED:
        return
    with gradcert.watch(module, rule="as-coded", every=1, time=options.get("time")) as watching:
        for wrong in (False, True):
            module.zero_grad()
            out = ran(module, x, options)
            (out * torch.randn_like(out)).sum().backward()
            if wrong:
                next(p for p in module.parameters() if p.grad is not None and p.grad.any()).grad.mul_(1.01)
            watching.step()
            if hasattr(module, "detach"):
                module.detach()
            for part in module.modules():  # a new sequence begins
                for state in ("u", "y", "v", "mem", "spk", "syn", "syn_exc", "syn_inh"):
                    if isinstance(getattr(part, state, None), torch.Tensor) and "spiking" not in name:
                        setattr(part, state, getattr(part, state).detach())
            if "spikingjelly" in name:
                for part in (p for p in module.modules() if hasattr(p, "reset")):
                    part.reset()
            if name == "delay line":
                module.line = [v.detach() for v in module.line]
    assert [j.verdict for j in watching.judgements] == ["right", "wrong"], watching.report()


def test_the_text():
    assert str(read(*strangers.OWN["alif"]()[:2], **strangers.OWN["alif"]()[2])).splitlines()[:6] == [
        "layer 0 (5 units)",
        "  a = w @ x + h @ z'",
        "  v = a + v' * 0.9 - cut[z'] * 0.5",
        "  b = b' * 0.95 + z'",
        "  z = spike(v - (b * 0.17 + 0.5))   psi the user's own Odd (strangers.py:172), taken as given (peak 0.3029), "
        "fires at >= 0",
        "    z' -> a  RECURRENT through h kept",
    ]
