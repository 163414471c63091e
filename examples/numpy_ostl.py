"""OSTL (arXiv 2007.12723) by hand, for stacks of SNU or sSNU layers, in plain NumPy.

Claim: rule ``ostl``. The gradient of one recurrent layer is exact; a stack keeps the credit of the same time step only.
The code follows the published equations one by one: state v, output z, eligibility tensor eps = dv/dw, eligibility
trace e = dz/dw, learning signal L = dE/dz. It knows gradcert's problem, and nothing else of gradcert.
Indices: b sample, q and p unit, i row and j column of a weight.
"""

from collections.abc import Callable

import numpy as np

import gradcert

Function = Callable[[np.ndarray], np.ndarray]
FUNCTIONS: dict[str, tuple[Function, Function]] = {  # name: function, derivative
    "identity": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x >= 0)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (2 + np.exp(x) + np.exp(-x))),
}


def output_function(cell):
    """The functions h and h': a sigmoid for sSNU; for SNU a step and its pseudo-derivative 1 - tanh^2 or a triangle."""
    if cell.name == "ssnu":
        return FUNCTIONS[cell.output]
    scales = dict(cell.surrogate.scales)
    psi = {
        "tanh": lambda x: 1 - np.tanh(x) ** 2,
        "triangle": lambda x: scales["scale"] * np.maximum(0, 1 - np.abs(x) / scales["width"]),
    }[cell.surrogate.name]
    return (lambda x: 1.0 * (x > 0 if cell.strict else x >= 0)), psi


class OstlLayer:
    """One SNU or sSNU layer and its eligibility tensors, for one sequence."""

    def __init__(self, cell, parameters, batch, *, reset_edge):
        units = parameters["W"].shape[0]
        defaults = {"leak": cell.leak, "threshold": cell.threshold, "H": np.zeros((units, units)), "b": np.zeros(units)}
        self.p = {name: np.asarray(value) for name, value in {**defaults, **parameters}.items()}
        self.g, self.dg = FUNCTIONS[cell.transfer]
        self.h, self.dh = output_function(cell)
        self.reset_edge = reset_edge
        # of the step before: state v, output z, psi = h'(v - threshold); z^0 depends on no parameter, so psi^0 = 0
        self.v, self.z, self.psi = (np.zeros((batch, units)) for _ in range(3))
        self.eps = dict.fromkeys(parameters, 0.0)
        self.gradients = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, x):
        """One step of the state and of the eligibility tensors; return z."""
        p, v, z, psi, unit = self.p, self.v, self.z, self.psi, np.eye(self.v.shape[1])
        a = x @ p["W"].T + z @ p["H"].T + p["b"] + p["leak"] * v * (1 - z)
        self.v = self.g(a)
        self.z = self.h(self.v - p["threshold"])
        self.psi = self.dh(self.v - p["threshold"])
        self.slope = self.dg(a)

        # Jacobian dv^t/dv^(t-1): through the leak directly, through the reset and the lateral weights by way of z^(t-1)
        reset = p["leak"] * v * psi if self.reset_edge else np.zeros_like(v)
        through_z = p["H"] * psi[:, None, :] - unit * reset[:, :, None]
        jacobian = through_z + unit * (p["leak"] * (1 - z))[:, :, None]

        # what each parameter does to the drive directly; the threshold by way of z^(t-1), whose explicit part is -psi
        immediate = {"threshold": -through_z, "leak": unit * (v * (1 - z))[:, :, None]}
        for name, presynaptic in {"W": x, "H": z, "b": np.ones((len(x), 1))}.items():
            immediate[name] = np.einsum("qi,bj->bqij", unit, presynaptic)
        for name, eps in self.eps.items():
            past = np.einsum("bqp,bp...->bq...", jacobian, eps) if np.ndim(eps) else 0.0
            self.eps[name] = np.einsum("bq,bq...->bq...", self.slope, past + immediate[name])
        return self.z

    def learn(self, signal):
        """Add L . e of this step, with e = psi eps; return the learning signal of the layer below, of the same step."""
        g = signal * self.psi
        for name, eps in self.eps.items():
            share = np.einsum("bq,bq...->...", g, eps).reshape(self.gradients[name].shape)
            if name == "threshold":  # acts on z^t directly as well
                share = share - g.sum(axis=0)
            self.gradients[name] = self.gradients[name] + share
        return (g * self.slope) @ self.p["W"]


def loss_of_step(problem, t, z, y):
    """Share of step t in the loss, and its derivative with respect to the output."""
    loss, (steps, batch, _) = problem.network.loss, problem.inputs.shape
    if loss.when == "last" and t < steps - 1:
        return 0.0, np.zeros_like(z)
    counted = steps if loss.when == "every" else 1
    divisor = (counted if loss.time == "mean" else 1) * (batch if loss.batch == "mean" else 1)
    if loss.kind == "squared_error":
        return ((z - y) ** 2).sum() / 2 / divisor, (z - y) / divisor
    weights = np.exp(z - z.max(axis=1, keepdims=True))
    softmax = weights / weights.sum(axis=1, keepdims=True)
    return -(y * np.log(softmax)).sum() / divisor, (softmax * y.sum(axis=1, keepdims=True) - y) / divisor


class Ostl:
    """OSTL online: what a step needs is in the traces, and nothing of earlier steps is kept."""

    def __init__(self, *, reset_edge=True):
        self.reset_edge = reset_edge

    def start(self, problem):
        """Begin a sequence."""
        self.problem, self.t, self.loss, self.layers = problem, 0, 0.0, []
        for i, layer in enumerate(problem.network.layers):
            prefix = f"layers.{i}."
            own = {k.removeprefix(prefix): v for k, v in problem.parameters.items() if k.startswith(prefix)}
            self.layers.append(OstlLayer(layer.cell, own, problem.inputs.shape[1], reset_edge=self.reset_edge))

    def step(self, x, y):
        """Take input and target of the next step; return the output."""
        z = x
        for layer in self.layers:
            z = layer.step(z)
        share, signal = loss_of_step(self.problem, self.t, z, y)
        for layer in reversed(self.layers):
            signal = layer.learn(signal)
        self.loss, self.t = self.loss + float(share), self.t + 1
        return z

    def gradients(self):
        """The gradients of the steps so far."""
        return {f"layers.{i}.{k}": v for i, layer in enumerate(self.layers) for k, v in layer.gradients.items()}


def ostl(problem, *, reset_edge=True):
    """Loss, gradients and outputs; `reset_edge=False` is a mistake made on purpose, see ``wrong_ostl.py``."""
    learner = Ostl(reset_edge=reset_edge)
    learner.start(problem)
    outputs = [learner.step(x, y) for x, y in zip(problem.inputs, problem.targets, strict=True)]
    return learner.loss, learner.gradients(), np.stack(outputs)


# A list names alternatives, which the cases take in turn.
OPTIONS = {"surrogate": [{"name": "triangle", "scale": 1.0, "width": 1.0}, "tanh"], "train": ("leak", "threshold")}


@gradcert.claim(rule="ostl", cells=("snu", "ssnu"), depths=(1, 2), dtype="float64", options=OPTIONS)
def gradients(problem):
    """OSTL as published."""
    return ostl(problem)
