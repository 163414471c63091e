"""Subjects for layers of libraries that a project uses: its own modules take their place, one by one.

Each is certified as it stands (`tests/gradcert/beginning/`), so that what fails later is what was put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Piece:
    """Source of a subject.

    Attributes
    ----------
    name : of the function.
    imports : lines.
    body : the rest.
    """

    name: str
    imports: tuple[str, ...]
    body: str


ADAPTER = "from gradcert.adapters.torch import "


def _gated(name: str, gates: str, options: str, second: str) -> Piece:
    v = name.upper()
    body = f'''
        {v}_W, {v}_H, {v}_B = (stacked(*(f"{{kind}}_{{gate}}" for gate in "{gates}")) for kind in "WHb")
        {v} = {{
            "weight_ih_l0": {v}_W,
            "weight_hh_l0": {v}_H,
            "bias_ih_l0": {v}_B,
            "bias_hh_l0": {second},
        }}


        @gradcert.claim(rule="bptt", cells="{name}", depths=(1, 2), options={options})
        @subject(parameters={v})
        def {name}(layer):
            """One layer: return your module in place of this one, and say above what its parameters are called."""
            return torch.nn.{v}(layer.inputs, layer.units)
    '''
    return Piece(name, ("import torch", f"{ADAPTER}stacked, subject, zeros"), dedent(body))


PIECES = {
    ("torch", "RNN"): Piece(
        "rnn",
        ("import torch", f"{ADAPTER}subject, zeros"),
        dedent('''
            RNN = {"weight_ih_l0": "W", "weight_hh_l0": "H", "bias_ih_l0": "b", "bias_hh_l0": zeros("b")}


            @gradcert.claim(rule="bptt", cells="rnn", depths=(1, 2), options={"activation": "tanh"})
            @subject(parameters=RNN)
            def rnn(layer):
                """One layer: return your module in place of this one, and say above what its parameters are called."""
                return torch.nn.RNN(layer.inputs, layer.units)
        '''),
    ),
    ("torch", "LSTM"): _gated("lstm", "ifgo", '{"peepholes": False}', "zeros(LSTM_B)"),
    ("torch", "GRU"): _gated("gru", "run", '{"reset": "after"}', 'stacked(zeros("b_r"), zeros("b_u"), "c_n")'),
    ("snntorch", "Leaky"): Piece(
        "leaky",
        (
            "import snntorch",
            "import torch",
            "from gradcert.adapters.presets import claimed",
            f"{ADAPTER}subject",
            "from gradcert.reference.networks import snntorch_leaky",
        ),
        dedent('''
            LEAKY = {"0.weight": "W", "0.bias": "b", "1.beta": "leak", "1.threshold": "threshold"}


            # snnTorch detaches its reset and its spikes are float32: that is what is claimed
            @claimed(snntorch_leaky(beta=0.9), dtype="float32")
            @subject(parameters=LEAKY, call="step", reset=lambda module: module[1].reset_mem())
            def leaky(layer):
                """One layer: return your module in place of this one, and say above what its parameters are called."""
                cell = layer.cell
                neuron = snntorch.Leaky(
                    torch.full((layer.units,), cell.leak),  # as tensors, which keep their dtype
                    torch.full((layer.units,), cell.threshold),
                    spike_grad=snntorch.surrogate.atan(dict(cell.surrogate.scales)["scale"]),
                    reset_mechanism="subtract",
                    init_hidden=True,
                )
                return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)
        '''),
    ),
    ("spikingjelly", "LIFNode"): Piece(
        "lif_node",
        (
            "from spikingjelly.activation_based import functional, neuron, surrogate",
            "from torch.nn import Linear, Sequential",
            "from gradcert.adapters.presets import claimed",
            f"{ADAPTER}subject",
            "from gradcert.reference.networks import spikingjelly_lif",
        ),
        dedent('''
            # tau = 1 / (1 - leak): 2 and 4
            LIF_NODE = {"leak": [0.5, 0.75], "surrogate": {"name": "sigmoid", "scale": 4.0}}


            @claimed(spikingjelly_lif(), options=LIF_NODE)
            @subject(parameters={"0.weight": "W", "0.bias": "b"}, call="step", reset=functional.reset_net)
            def lif_node(layer):
                """One layer: return your module in place of this one, and say above what its parameters are called."""
                cell = layer.cell
                psi = surrogate.Sigmoid(dict(cell.surrogate.scales)["scale"])
                node = neuron.LIFNode(1 / (1 - cell.leak), v_threshold=cell.threshold, surrogate_function=psi)
                return Sequential(Linear(layer.inputs, layer.units, bias=cell.bias), node)
        '''),
    ),
}

NUMPY = Piece(
    "gradients",
    ("import numpy as np",),
    dedent('''
        @gradcert.claim(
            rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every",
            options={"activation": "tanh", "bias": True},
        )
        def gradients(problem):
            """Backpropagation through time for one tanh layer, gradcert's own example: your code takes its place."""
            W, H, b = (problem.parameters[f"layers.0.{name}"] for name in ("W", "H", "b"))
            x, targets = problem.inputs, problem.targets  # (T, B, inputs), (T, B, units)
            z = [np.zeros_like(targets[0])]
            for step in x:
                z.append(np.tanh(step @ W.T + z[-1] @ H.T + b))
            dW, dH, db, back = np.zeros_like(W), np.zeros_like(H), np.zeros_like(b), np.zeros_like(z[0])
            for t in reversed(range(len(x))):
                da = (z[t + 1] - targets[t] + back) * (1 - z[t + 1] ** 2)
                dW, dH, db = dW + da.T @ x[t], dH + da.T @ z[t], db + da.sum(axis=0)
                back = da @ H
            return {"layers.0.W": dW, "layers.0.H": dH, "layers.0.b": db}
    '''),
)


def source(pieces: list[Piece]) -> str:
    """Return a file of subjects.

    Examples
    --------
    >>> print(source([NUMPY]).splitlines()[2])
    import numpy as np
    """
    lines = dict.fromkeys(line for piece in pieces for line in piece.imports)
    names = _merged([line for line in lines if line.startswith(ADAPTER)], ADAPTER)
    plain = sorted(line for line in lines if line.startswith("import "))
    outside = sorted(line for line in lines if line.startswith("from ") and "gradcert" not in line)
    ours = sorted([*(line for line in lines if line.startswith("from gradcert") and ADAPTER not in line), *names])
    head = '"""Subjects: what gradcert asks for gradients. Written by gradcert init, yours to change."""'
    parts = [head, "\n".join([*plain, *outside]), "\n".join(["import gradcert", *ours])]
    return (
        "\n\n".join(part for part in parts if part)
        + "\n\n"
        + "\n\n".join(piece.body.rstrip() + "\n" for piece in pieces)
    )


def _merged(lines: list[str], start: str) -> list[str]:
    names = sorted({name for line in lines for name in line.removeprefix(start).split(", ")})
    return [start + ", ".join(names)] if names else []
