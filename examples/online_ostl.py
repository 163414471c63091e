"""OSTL (arXiv 2007.12723) as a stepwise learner, written out in loops over neurons, for stacks of SNU layers.

Claim: rule ``ostl``, online. The learner is told one step at a time and keeps, for every neuron q and parameter w, one
number dv_q/dw per sample: nothing of earlier steps. It knows the start of a sequence and nothing else of gradcert.

    v_q^t = leak v_q^(t-1) (1 - z_q^(t-1)) + sum_j W_qj x_j + sum_p H_qp z_p^(t-1) + b_q,    z_q^t = [v_q^t > threshold]
    dv_q^t/dw = leak (1 - z_q - v_q psi_q) dv_q^(t-1)/dw + sum_p H_qp psi_p dv_p^(t-1)/dw + (what w does directly)
"""

import numpy as np

import gradcert


class Neurons:
    """One layer."""

    def __init__(self, cell, parameters, batch):
        self.cell, self.p = cell, parameters
        n = len(parameters["b"])
        self.v, self.z, self.psi = (np.zeros((n, batch)) for _ in range(3))
        self.trace = {k: [np.zeros((*w.shape, batch)) for _ in range(n)] for k, w in parameters.items()}
        self.gradients = {k: np.zeros_like(w) for k, w in parameters.items()}

    def step(self, x):
        """One step: x is (inputs, batch); return the spikes, (units, batch)."""
        p, n, leak = self.p, len(self.v), self.cell.leak
        before = {k: list(rows) for k, rows in self.trace.items()}
        v, z, psi = self.v, self.z, self.psi
        self.v = np.array([leak * v[q] * (1 - z[q]) + p["W"][q] @ x + p["H"][q] @ z + p["b"][q] for q in range(n)])
        for q in range(n):
            own = leak * (1 - z[q] - v[q] * psi[q])
            for name, rows in before.items():
                trace = own * rows[q]
                for other in range(n):
                    trace = trace + p["H"][q, other] * psi[other] * rows[other]
                self.trace[name][q] = trace
            for j in range(len(x)):
                self.trace["W"][q][q, j] += x[j]
            for j in range(n):
                self.trace["H"][q][q, j] += z[j]
            self.trace["b"][q][q] += 1
        u = self.v - self.cell.threshold
        self.z, self.psi = 1.0 * (u > 0), 1 - np.tanh(u) ** 2
        return self.z

    def learn(self, signal):
        """Add signal x dz/dw; return the signal of the layer below, of the same step."""
        for name, rows in self.trace.items():
            for q, trace in enumerate(rows):
                self.gradients[name] += trace @ (signal[q] * self.psi[q])
        return self.p["W"].T @ (signal * self.psi)


@gradcert.claim(rule="ostl", cells="snu", depths=(1, 2), losses="squared_error", online=True)
class Learner:
    """OSTL, step by step."""

    def start(self, start):
        """Begin a sequence."""
        self.layers = []
        for i, layer in enumerate(start.network.layers):
            own = {k: start.parameters[f"layers.{i}.{k}"] for k in ("W", "H", "b")}
            self.layers.append(Neurons(layer.cell, own, start.batch))

    def step(self, x, y):
        """Take the next input, and the target where the loss counts; return the output."""
        z = x.T
        for layer in self.layers:
            z = layer.step(z)
        if y is not None:
            signal = z - y.T
            for layer in reversed(self.layers):
                signal = layer.learn(signal)
        return z.T

    def gradients(self):
        """Of the steps so far."""
        return {f"layers.{i}.{k}": g for i, layer in enumerate(self.layers) for k, g in layer.gradients.items()}
