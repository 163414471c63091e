"""Learning rules for stacks of LIF neurons, in NumPy; each as it is claimed by the file of its name, and one mistake.

`gradcert certify examples/claims/rules.py:sltt_k --claim examples/claims/sltt_k.toml`; a mistake is `wrong_sltt_k`.
"""

from functools import partial

import numpy as np


def run(problem, parameters=None, inputs=None, start=None):
    """Return every layer's input, potentials, spikes and pseudo-derivatives over time, and the outputs."""
    p, x = parameters or problem.parameters, problem.inputs if inputs is None else inputs
    layers: list[dict] = []
    for i, layer in enumerate(problem.network.layers):
        w, b, cell = p[f"layers.{i}.W"], p[f"layers.{i}.b"], layer.cell
        if cell.name == "rnn":  # a linear readout
            return [*layers, {"x": x, "w": w, "linear": True}], x @ w.T + b
        v, z = start[i] if start else (np.zeros((x.shape[1], layer.units)),) * 2
        potentials, spikes = [], []
        for t in range(len(x)):
            v = cell.leak * (v - cell.threshold * z) + x[t] @ w.T + b
            z = (v >= cell.threshold).astype(float)
            potentials.append(v)
            spikes.append(z)
        psi = 1 / (1 + (np.pi * (np.stack(potentials) - cell.threshold)) ** 2)
        known = {"leak": cell.leak, "threshold": cell.threshold, "last": (v, z), "linear": False}
        layers.append({"x": x, "w": w, "psi": psi, **known})
        x = np.stack(spikes)
    return layers, x


def error(problem, outputs, targets=None):
    """Return the derivative of the loss with respect to the outputs, a squared error."""
    delta = outputs - (problem.targets if targets is None else targets)
    if problem.network.loss.when == "last":
        delta[:-1] = 0
    return delta


def swept(layer, delta, edges, chunk=None):
    """Return dE/dv of a layer over the kept edges, backwards in time."""
    if layer["linear"]:
        return delta
    out, after = np.zeros_like(delta), np.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        if chunk and (t + 1) % chunk == 0:
            after = 0 * after
        arriving = delta[t] - layer["leak"] * layer["threshold"] * after * ("reset" in edges)
        after = out[t] = layer["psi"][t] * arriving + layer["leak"] * after * ("state" in edges)
    return out


def kept(problem, own, above=None, chunk=None, untraced=False, parameters=None, inputs=None, targets=None, start=None):
    """Return the gradient over kept edges; `own` and `above` are one set, or a list of one for each layer."""
    layers, outputs = run(problem, parameters, inputs, start)
    own, above = (([e] * len(layers) if isinstance(e, str) else [*e, *e[-1:] * 8]) for e in (own, above or own))
    delta, found = error(problem, outputs, targets), {}
    for i in reversed(range(len(layers))):
        g = swept(layers[i], delta, own[i], chunk)
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g, layers[i]["x"])
        found[f"layers.{i}.b"] = (swept(layers[i], delta, "") if untraced else g).sum(axis=(0, 1))
        delta = swept(layers[i], delta, above[i], chunk) @ layers[i]["w"]
    return found


def chunked_reset(problem, mistake=False):
    """BPTT in chunks of three steps, with the reset out of the graph: what most training loops do."""
    return kept(problem, "state reset" if mistake else "state", chunk=3)


def own_edges(problem, mistake=False):
    """Own and upper edges that no published rule has."""
    return kept(problem, "state reset", "state reset" if mistake else "state")


def first_synapse(problem, mistake=False):
    """OTTT whose first layer has no trace."""
    return kept(problem, ["state"] if mistake else ["", "state"], "none")


def mixed_reset(problem, mistake=False):
    """BPTT with a live reset in the first layer, and a detached one above."""
    return kept(problem, ["state"] if mistake else ["state reset", "state"])


def untraced_bias(problem, mistake=False):
    """OTTT without a trace on biases."""
    return kept(problem, "state", "none", untraced=not mistake)


def filtered(values, leak):
    """Return leak-filtered values over time."""
    out = np.array(values)
    for t in range(1, len(out)):
        out[t] += leak * out[t - 1]
    return out


def ottt_code(problem, mistake=False):
    """OTTT as its official code has it: no trace on the input and on biases, one on what the readout multiplies."""
    layers, outputs = run(problem)
    delta, found = error(problem, outputs), {}
    for i in reversed(range(len(layers))):
        g = swept(layers[i], delta, "")
        whose = layers[i if mistake and not layers[i]["linear"] else i - 1]
        trace = filtered(layers[i]["x"], whose["leak"]) if i else layers[i]["x"]
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g, trace)
        found[f"layers.{i}.b"] = g.sum(axis=(0, 1))
        delta = g @ layers[i]["w"]
    return found


def sltt_k(problem, mistake=False):
    """Backpropagation within K steps, which the problem names."""
    layers, outputs = run(problem)
    chosen = problem.drawn["chosen"]
    delta, found = np.zeros_like(outputs), {}
    delta[chosen] = error(problem, outputs)[chosen] * (len(outputs) / len(chosen) if mistake else 1)
    for i in reversed(range(len(layers))):
        g = swept(layers[i], delta, "")
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g, layers[i]["x"])
        found[f"layers.{i}.b"] = g.sum(axis=(0, 1))
        delta = g @ layers[i]["w"]
    return found


def es_d_rtrl(problem, mistake=False):
    """What came in, and how a membrane potential answers, each smoothed with one decay (braintrace's pp_prop)."""
    layers, outputs = run(problem)
    alpha, found = problem.settings["decay"], {}
    delta = error(problem, outputs)
    for i in reversed(range(len(layers))):
        layer, g = layers[i], delta
        if not layer["linear"]:
            g = layer["psi"] * delta
            came, answer, factor = np.zeros_like(layer["x"]), np.zeros_like(g), np.zeros_like(g[0])
            for t in range(len(g)):
                before = layer["leak"] * (1 - layer["threshold"] * layer["psi"][t - 1]) if t else 0.0
                factor = alpha * before * factor + (1 - alpha)
                answer[t] = factor if mistake else factor / (1 - alpha ** (t + 1))
                came[t] = (alpha * came[t - 1] if t else 0.0) + layer["x"][t]
            found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g * answer, came)
            found[f"layers.{i}.b"] = (g * answer).sum(axis=(0, 1))
        else:
            found |= {f"layers.{i}.W": np.einsum("tbi,tbj->ij", g, layer["x"]), f"layers.{i}.b": g.sum(axis=(0, 1))}
        delta = g @ layer["w"]
    return found


def otpe(problem, mistake=False):
    """A layer's eligibility, filtered once more with the leak of the next layer."""
    layers, outputs = run(problem)
    found: dict = {}
    delta = error(problem, outputs)
    for i in reversed(range(len(layers))):
        if layers[i]["linear"]:
            found |= {f"layers.{i}.W": np.einsum("tbi,tbj->ij", delta, layers[i]["x"])}
            found |= {f"layers.{i}.b": delta.sum(axis=(0, 1))}
            delta = delta @ layers[i]["w"]
            continue
        psi, leak, threshold, x = (layers[i][k] for k in ("psi", "leak", "threshold", "x"))
        up = layers[i + 1].get("leak", 0.0) if i + 1 < len(layers) else 0.0
        trace = bias = again = again_b = g = g_b = 0.0
        for t in range(len(x)):
            step = leak - leak * threshold * psi[t - 1] if t and not mistake else 0 * psi[t]
            trace = step[:, :, None] * trace + x[t][:, None, :]
            bias = step * bias + 1
            again, again_b = up * again + psi[t][:, :, None] * trace, up * again_b + psi[t] * bias
            g = g + (delta[t][:, :, None] * again).sum(axis=0)
            g_b = g_b + (delta[t] * again_b).sum(axis=0)
        found |= {f"layers.{i}.W": g, f"layers.{i}.b": g_b}
        delta = (delta * filtered(psi, up) / filtered(np.ones_like(psi), up)) @ layers[i]["w"]
    return found


def fptt(problem, mistake=False):
    """FPTT in the form of the official code: the weights after a sequence of three parts."""
    s, spans = problem.settings, np.array_split(np.arange(len(problem.inputs)), problem.settings["parts"])
    w = {k: v.copy() for k, v in problem.parameters.items()}
    average, pull, start = dict(w), {k: 0 * v for k, v in w.items()}, None
    for span in spans:
        part = {"inputs": problem.inputs[span], "targets": problem.targets[span], "start": start}
        if problem.network.loss.when == "last":
            part["targets"] = problem.targets[span]
        g = kept(problem, "state reset", parameters=w, **part)
        after = [layer.get("last") for layer in run(problem, w, part["inputs"], start)[0]]
        new = {k: w[k] - s["rate"] * (g[k] - pull[k] + s["alpha"] * (w[k] - average[k])) for k in w}
        sign = -1 if mistake else 1
        pull = {k: pull[k] - sign * s["alpha"] * (new[k] - average[k]) for k in w}
        share = s["beta"]
        average = {k: (1 - share) * average[k] + share * new[k] - share / s["alpha"] * pull[k] for k in w}
        w, start = new, after
    return average


def update_per_step(problem, mistake=False):
    """OTTT with an update after every step (OTTT_O): the weights afterwards."""
    traces: dict = {}
    w, rate, states = dict(problem.parameters), problem.settings["rate"], None
    gathered = {k: 0 * v for k, v in w.items()}
    for t in range(len(problem.inputs)):
        now = slice(t, t + 1)
        layers, outputs = run(problem, w, problem.inputs[now], states)
        delta, found = outputs - problem.targets[now], {}
        if problem.network.loss.when == "last" and t < len(problem.inputs) - 1:
            delta = 0 * delta
        for i in reversed(range(len(layers))):
            g, leak = swept(layers[i], delta, "")[0], layers[i].get("leak", 0.0)
            x, one = traces.get(i, (0.0, 0.0))
            traces[i] = (leak * x + layers[i]["x"][0], leak * one + 1)
            found[f"layers.{i}.W"] = np.einsum("bi,bj->ij", g, traces[i][0])
            found[f"layers.{i}.b"] = traces[i][1] * g.sum(axis=0)
            delta = g[None] @ layers[i]["w"]
        gathered = {k: gathered[k] + found[k] if mistake else found[k] for k in w}
        w = {k: w[k] - rate * gathered[k] for k in w}
        states = [layer.get("last") for layer in layers]
    return w


def decolle(problem, mistake=False):
    """A loss for every layer: a cross-entropy at the fixed readouts of hidden layers, a squared error at the output."""
    layers, outputs = run(problem)
    loss, found = problem.network.loss, {}
    for i, layer in enumerate(layers):
        delta = error(problem, outputs)
        if i < len(layers) - 1:
            readout = problem.feedback[f"layers.{i}.B"]
            above = layers[i + 1]["x"] @ readout.T
            p = np.exp(above - above.max(axis=-1, keepdims=True))
            p /= p.sum(axis=-1, keepdims=True)
            own = p * problem.targets.sum(axis=-1, keepdims=True) - problem.targets
            own = above - problem.targets if mistake else own * loss.local[0].strength  # the output's loss everywhere
            own[: -1 if loss.when == "last" else 0] = 0
            delta = own @ readout
        g = swept(layer, delta, "state")
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g, layer["x"])
        found[f"layers.{i}.b"] = g.sum(axis=(0, 1))
    return found


NAMES = (decolle, chunked_reset, own_edges, first_synapse, mixed_reset, untraced_bias, ottt_code, sltt_k, otpe, fptt,
         es_d_rtrl, update_per_step)  # fmt: skip
globals().update({f"wrong_{rule.__name__}": partial(rule, mistake=True) for rule in NAMES})
