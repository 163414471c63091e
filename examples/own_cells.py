"""Cells of one's own: a neuron that gradcert does not have, written once as equations, gets every rule of the table.

`Resonate` is a LIF neuron with a second state variable that pulls the membrane potential back, as in resonate-and-fire
models: spikes feed it, and it decays more slowly. Its edges are labelled, so that OSTL, e-prop, OTTT and the others are
defined for it; the local Jacobians are derived from the equations. Judge a subject on it by naming file and attribute:

    gradcert certify examples/own_cells.py:gradients
"""

import os

import torch

import gradcert
from gradcert.adapters.torch import subject
from gradcert.models.equations import define

Resonate = define(
    "resonate",
    {
        "a": "W @ x + H @ z_prev + b",
        "w": "rho*w_prev + coupling*v_prev + z_prev",
        "v": "leak*v_prev - w + a - threshold*z_prev",
        "z": "spike(v - threshold)",
    },
    edges={
        "w -> w": "state",
        "v -> w": "state",
        "z -> w": "adaptation",
        "v -> v": "state",
        "z -> v": "reset",
    },
    constants={"leak": 0.9, "rho": 0.8, "coupling": 0.25, "threshold": 1.0},
)


class Spike(torch.autograd.Function):
    """A step whose derivative is a triangle."""

    @staticmethod
    def forward(ctx, x):
        """Fire at or above the threshold."""
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, credit):
        """max(0, 1 - |x|)."""
        return credit * (1 - ctx.saved_tensors[0].abs()).clamp(min=0)


class Layer(torch.nn.Module):
    """The same neuron in PyTorch, reset and adaptation out of the graph: what many training scripts do."""

    def __init__(self, layer):
        super().__init__()
        self.cell = layer.cell
        self.into = torch.nn.Linear(layer.inputs, layer.units)
        self.lateral = torch.nn.Linear(layer.units, layer.units, bias=False)

    def forward(self, x, state=None):
        """One step."""
        zero = torch.zeros(len(x), self.lateral.in_features)
        w, v, z = state or (zero, zero, zero)
        w = self.cell.rho * w + self.cell.coupling * v + z.detach()
        v = self.cell.leak * v - w + self.into(x) + self.lateral(z) - self.cell.threshold * z.detach()
        z = Spike.apply(v - self.cell.threshold)
        return z, (w, v, z)


PARAMETERS = {"into.weight": "W", "into.bias": "b", "lateral.weight": "H"}
OPTIONS = {"surrogate": {"name": "triangle", "scale": 1.0, "width": 1.0}}


@gradcert.claim(rule="bptt", cells=(f"{os.path.relpath(__file__)}:Resonate",), depths=(1, 2), options=OPTIONS)
@subject(parameters=PARAMETERS, call="step")
def gradients(layer):
    """Claims full BPTT, and is refuted: two edges are missing."""
    return Layer(layer)
