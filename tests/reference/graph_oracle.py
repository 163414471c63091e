"""Graphs as literal loops, which share nothing with the engines: every population reads what it reads, step by step.

A lag is an index into the past, and a rule is where a value is cut from what it came from. In torch a cut value is
detached; with dual numbers of a prime field its derivative is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch_oracle

from gradcert.properties.numbers import dual
from gradcert.reference import Edge
from gradcert.reference.numbers import activation
from gradcert.reference.numbers.functions import spike


class Torch:
    """Ordinary tensors; convolutions and pools by PyTorch's own."""

    def zeros(self, *shape):
        return torch.zeros(*shape, dtype=torch.float64)

    def number(self, c):
        return c

    def cut(self, x):
        return x.detach()

    def spike(self, cell, u):
        return torch_oracle.Spike.apply(u, torch_oracle.pseudo(cell.surrogate, u), cell.strict)

    def tanh(self, u):
        return torch.tanh(u)

    def linear(self, synapse, w, x):
        kind = type(synapse).__name__
        if kind == "Conv2d":
            image = x.reshape(len(x), synapse.in_channels, synapse.height, synapse.width)
            out = torch.nn.functional.conv2d(image, w, stride=synapse.stride, padding=synapse.padding)
            return out.reshape(len(x), -1)
        if kind == "AvgPool":
            image = x.reshape(len(x), synapse.channels, synapse.height, synapse.width)
            return torch.nn.functional.avg_pool2d(image, synapse.kernel).reshape(len(x), -1)
        if kind == "MaxPool":
            image = x.reshape(len(x), synapse.channels, synapse.height, synapse.width)
            options = (synapse.stride, synapse.padding, synapse.dilation, synapse.ceil)
            return torch.nn.functional.max_pool2d(image, synapse.kernel, *options).reshape(len(x), -1)
        if kind == "Sparse":
            columns = [self.zeros(len(x)) for _ in range(synapse.units)]
            for k, (i, j) in enumerate(synapse.present):
                columns[i] = columns[i] + w[k] * x[:, j]
            return torch.stack(columns, dim=1)
        if kind == "Dense" and synapse.absent:
            there = torch.ones(synapse.shape, dtype=torch.float64)
            for i, j in synapse.absent:
                there[i, j] = 0
            return x @ (w * there).T
        return x @ w.T


def window(pool, r, s):
    """Yield the pixels of a window, row by row."""
    for i, j in np.ndindex(pool.kernel):
        row = r * (pool.stride or pool.kernel)[0] - pool.padding[0] + i * pool.dilation[0]
        column = s * (pool.stride or pool.kernel)[1] - pool.padding[1] + j * pool.dilation[1]
        if 0 <= row < pool.height and 0 <= column < pool.width:
            yield row, column


@dataclass(frozen=True)
class Duals:
    """Dual numbers over a prime field, for graphs of dense connections and max pooling."""

    field: object

    def zeros(self, *shape):
        return self.field.zeros(shape).astype(object)

    def number(self, c):
        return self.field.array(np.asarray(c))[()]

    def cut(self, x):
        return dual.primal(x)

    def spike(self, cell, u):
        return dual.Duals(self.field).apply(spike(cell.surrogate, strict=cell.strict), u)

    def tanh(self, u):
        return dual.Duals(self.field).apply(activation("tanh"), u)

    def linear(self, synapse, w, x):
        if type(synapse).__name__ == "MaxPool":
            return np.stack([self.largest(synapse, sample) for sample in x])
        assert type(synapse).__name__ in ("NoneType", "Dense"), synapse
        return np.matmul(x, w.T)

    def largest(self, pool, sample):
        """Return the first of the largest of every window, by the order of the numbers that stand for elements."""
        image = sample.reshape(pool.channels, pool.height, pool.width)
        out = []
        for c, r, s in np.ndindex(pool.channels, *pool.out):
            best = None
            for pixel in window(pool, r, s):
                value = image[c][pixel]
                if best is None or int(dual.primal(np.array(value))[()]) > int(dual.primal(np.array(best))[()]):
                    best = value
            out.append(best)
        return np.array(out, dtype=object)


def run(case, p, x, own, rule, ops):
    """Return the outputs at every step, edges outside the rule cut: `own` is the layer that the gradient is of."""
    graph, past, out = case.graph, [], []
    start = {
        q.name: {"z": ops.zeros(x.shape[1], q.units), "v": ops.zeros(x.shape[1], q.units)} for q in graph.populations
    }
    nothing = {**start, **{name: {"z": ops.zeros(x.shape[1], size)} for name, size in graph.inputs}}
    order = [name for name in "xueabo" if name in nothing]  # in which they compute: written by hand, as the layers are
    assert len(order) == len(nothing)
    for t in range(len(x)):
        now, begin = {}, 0
        for name, size in graph.inputs:
            now[name] = {"z": x[t][:, begin : begin + size]}
            begin += size

        def read(connection, t=t, now=now):
            name, _, node = connection.source.partition(".")
            t -= connection.lag
            values = now if not connection.lag else past[t] if t >= 0 else nothing
            value = values[name][node or "z"]
            if not connection.lag:
                return value
            here = case.layers[connection.target]
            same = case.layers.get(name) == here
            label = Edge.DELAY if not same else Edge.RECURRENT if name == connection.target else Edge.FEEDBACK
            needed = {label, *([Edge.DELAY] if connection.lag > 1 else [])}
            return value if needed <= (rule.own if here == own else rule.upper) else ops.cut(value)

        for name in (n for n in order if n in case.layers):
            population = graph.by_name[name]
            incoming = [c for c in graph.connections if c.target == name]
            a = None
            for c in incoming:
                weight = f"{name}.W" if len(incoming) == 1 else f"{name}.W.{c.name or c.source.partition('.')[0]}"
                value = read(c)
                for k, synapse in enumerate(c.chain or (None,)):
                    w = p.get(weight if len(c.chain) < 2 else f"{weight}.{k}")
                    value = ops.linear(synapse, w, value)
                a = value if a is None else a + value
            kept = rule.own if case.layers[name] == own else rule.upper
            before = past[-1][name] if past else start[name]
            own_p = {k.partition(".")[2]: every(v, population.units) for k, v in p.items() if k.startswith(name + ".")}
            now[name] = step(population, own_p, a, before, kept, ops)
        past.append(now)
        out.append(now[graph.output]["z"])
    return out


def every(values, units):
    """Return what every unit has, of numbers that are a channel's each; others as they are."""
    if values.ndim != 1 or values.shape[0] in (1, units):
        return values
    return values[[i * values.shape[0] // units for i in range(units)]]


def step(population, p, a, before, kept, ops):
    """Return one step of a population, from its input over connections."""
    cell = population.cell

    def cut(node, edge):
        return before[node] if edge in kept else ops.cut(before[node])

    if "H" in p:
        a = a + ops.linear(dict(population.synapses).get("H"), p["H"], cut("z", Edge.RECURRENT))
    if "b" in p:
        a = a + p["b"]
    if cell.name == "rnn":
        return {"z": ops.tanh(a)}
    if cell.name == "integrator":
        return {"z": p.get("kappa", ops.number(cell.kappa)) * cut("z", Edge.STATE) + a}
    leak, threshold = (p.get(name, ops.number(getattr(cell, name))) for name in ("leak", "threshold"))
    v, z = cut("v", Edge.STATE), cut("z", Edge.RESET)
    if cell.reset == "hard":
        v = leak * (v * (1 - z) + ops.number(cell.reset_value) * z) + a
    else:
        assert cell.reset == "subtract_before_leak"
        v = leak * (v - threshold * z) + a
    return {"v": v, "z": ops.spike(cell, v - threshold)}


def by_autograd(case, parameters, x, y, rule):
    """Return the gradient by torch.autograd, layer by layer, of half the squared error over every step."""
    out = {}
    for own in set(case.layers.values()):
        p = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in parameters.items()}
        outputs = run(case, p, torch.tensor(x), own, rule, Torch())
        (0.5 * ((torch.stack(outputs) - torch.tensor(y)) ** 2).sum()).backward()
        mine = {k: v for k, v in p.items() if case.layers[k.partition(".")[0]] == own}
        out.update({k: np.zeros(v.shape) if v.grad is None else v.grad.numpy() for k, v in mine.items()})
    return {name: out[name] for name in parameters}


def by_duals(case, parameters, x, y, rule, field):
    """Return the gradient in a prime field, entry by entry, of half the squared error over every step."""
    out = {}
    one, zero = field.array(np.ones(()))[()], field.array(np.zeros(()))[()]
    for name, value in parameters.items():
        gradient = np.empty(value.shape, dtype=object)
        for index in np.ndindex(value.shape):
            seed = np.full(value.shape, zero, dtype=object)
            seed[index] = one
            p = {**parameters, name: dual.make(value, seed)}
            outputs = run(case, p, x, case.layers[name.partition(".")[0]], rule, Duals(field))
            errors = [
                ((dual.primal(o) - target) * dual.tangent(o, zero)).sum() for o, target in zip(outputs, y, strict=True)
            ]
            gradient[index] = sum(errors[1:], start=errors[0])
        out[name] = gradient
    return out
