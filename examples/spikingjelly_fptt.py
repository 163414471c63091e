"""SpikingJelly's ``fptt_online_training`` on stacks of ``LIFNode``, a part of the sequence per step.

It claims FPTT in the form of its paper, weights after a sequence, and is refuted: its penalty is a mean over the
entries of a parameter where the authors' code has a sum, and its second gradient is taken from the state that leaves
the step (``findings/spikingjelly_fptt.py``). The weights do not become their average in the end, which is left to the
caller.
"""

import numpy as np
import torch
from spikingjelly.activation_based import layer, neuron, surrogate
from spikingjelly.activation_based.learning.online_learning import fptt_online_training, fptt_online_training_init_w_ra

import gradcert

STEPS, ALPHA, RATE = 4, 0.5, 0.25
torch.set_num_threads(1)


@gradcert.claim(
    rule="fptt",
    settings={"form": "paper", "parts": STEPS, "alpha": ALPHA, "rate": RATE, "finish": False},
    cells=("lif",),
    options={
        "leak": [0.5, 0.75],  # tau = 2 and 4
        "reset": "hard",
        "gain": "one_minus_leak",
        "surrogate": {"name": "sigmoid", "scale": 4.0},
        "strict": False,
        "recurrent": False,
    },
    losses="squared_error",
    when="every",
    T=STEPS,
    without={"threshold": ("below 0",)},  # the threshold is above the reset value
)
def weights(problem):
    """Return the weights after the sequence."""
    torch.set_default_dtype(torch.float64)
    modules, names = [], []
    for i, described in enumerate(problem.network.layers):
        cell = described.cell
        linear = layer.Linear(described.inputs, described.units)
        linear.weight = torch.nn.Parameter(torch.tensor(problem.parameters[f"layers.{i}.W"]))
        linear.bias = torch.nn.Parameter(torch.tensor(problem.parameters[f"layers.{i}.b"]))
        psi = surrogate.Sigmoid(dict(cell.surrogate.scales)["scale"])
        node = neuron.LIFNode(1 / (1 - cell.leak), v_threshold=cell.threshold, surrogate_function=psi)
        modules += [linear, node]
        names += [f"layers.{i}.W", f"layers.{i}.b"]
    model = torch.nn.Sequential(*modules)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    fptt_online_training(
        model,
        optimizer,
        torch.tensor(problem.inputs),
        torch.tensor(problem.targets),
        lambda output, target: ((output - target) ** 2).sum() / 2,
        ALPHA,
        fptt_online_training_init_w_ra(optimizer),
    )
    return {name: np.array(p.detach()) for name, p in zip(names, model.parameters(), strict=True)}
