"""gradcert.watch beside gradcheck: a user's own module in a training loop, its times and what is found (gradcheck.py).

The module is the network of the problem as somebody writes it; its gradients are autograd's own where times are
measured, and a member's of the gallery, put into `.grad` by the loop, where a mistake is to be found.
"""

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from time import process_time as clock

import numpy as np
import torch
from torch.autograd.gradcheck import gradcheck

import gradcert
from gradcert.properties.gallery.literal.snu import _KEPT

AGAIN, MODULES = 5, 3  # judgements of one module after its first, and modules: medians


class Spike(torch.autograd.Function):
    """A step whose pseudo-derivative is the one of tanh."""

    @staticmethod
    def forward(ctx, u):
        """Return 1 where u >= 0."""
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        """Return g times 1 - tanh(u)^2."""
        (u,) = ctx.saved_tensors
        return g * (1 - torch.tanh(u) ** 2)


class Own(torch.nn.Module):
    """One step of a recurrent SNU, or of the smooth one."""

    def __init__(self, n, leak, threshold, smooth):
        super().__init__()
        self.W, self.H = torch.nn.Linear(n, n), torch.nn.Linear(n, n, bias=False)
        self.leak, self.threshold, self.fire = leak, threshold, torch.sigmoid if smooth else Spike.apply

    def forward(self, x, state):
        """Return the output and the state."""
        v, z = state
        v = self.W(x) + self.H(z) + self.leak * v * (1 - z)
        z = self.fire(v - self.threshold)
        return z, (v, z)


@dataclass(frozen=True)
class Times:
    """Seconds of the processor: a step of training alone, its first judgements, judgements after them, and gradcheck.

    Attributes
    ----------
    step : forward pass, loss and backward, not watched.
    first, after : the same and a judgement, the first one of a module, and one after it.
    judgement : of `after`, what `watching.step` takes.
    process : as `first`, of the first module that a process judges; None where there was one before.
    slow, fast : gradcheck of the module's own backward; None where it was not asked.
    """

    step: float
    first: float
    after: float
    judgement: float
    process: float | None
    slow: float | None
    fast: float | None


def module_of(problem):
    """The problem's network as a module, in float64."""
    layer = problem.network.layers[0]
    module = Own(layer.units, layer.cell.leak, layer.cell.threshold, layer.cell.name == "ssnu").double()
    with torch.no_grad():
        for name, p in named(module).items():
            p.copy_(torch.from_numpy(problem.parameters[name]))
    return module


def named(module):
    """The module's parameters by the problem's names."""
    return {"layers.0.W": module.W.weight, "layers.0.b": module.W.bias, "layers.0.H": module.H.weight}


def loss_of(outputs, targets):
    """1/2 the squared error, summed."""
    return 0.5 * ((outputs - targets) ** 2).sum()


def sequence(module, x):
    """The outputs of all steps, from zeros."""
    state, outputs = (torch.zeros_like(x[0]),) * 2, []
    for now in x:
        z, state = module(now, state)
        outputs.append(z)
    return torch.stack(outputs)


def judged(problem, gradients, *, calls=1):
    """The last judgement of a loop that puts a member's gradients into `.grad`; a second call sees what was kept."""
    module, x, y = module_of(problem), torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets)
    _KEPT.clear()  # what traces of another network left is not of this loop
    with (
        tempfile.TemporaryDirectory() as folder,
        gradcert.watch(module, rule="ostl", every=1, loss=loss_of, folder=folder) as watching,
    ):
        for _ in range(calls):
            sequence(module, x)
            result = gradients(problem)
            found = result if isinstance(result, dict) else result[1]
            for name, p in named(module).items():
                p.grad = torch.from_numpy(np.asarray(found[name], dtype=float))
            last = watching.step(x, y)
    return last


def trained(module, x, y, watching=None):
    """Seconds of one step of training, and those of its judgement, which has to be "right"."""
    start = clock()
    module.zero_grad()
    loss_of(sequence(module, x), y).backward()
    before = clock()
    if watching is not None:
        found = watching.step(x, y)
        assert found.verdict == "right", found.sentence()
    return clock() - start, clock() - before


def checked(module, x, y, *, fast):
    """Seconds of gradcheck of the module's own backward, which it has to accept."""
    start = clock()
    gradcheck(lambda *_: loss_of(sequence(module, x), y), tuple(module.parameters()), fast_mode=fast)
    return clock() - start


def timed(problem, *, smooth):
    """The times of one network; those of the smooth one first, which sees what a process does once."""
    x, y = torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets)
    alone, first, after, judgements = [], [], [], []
    for number in range(MODULES + smooth):
        module = module_of(problem)
        module.leak += number / 64  # other equations: nothing of one module is of use to the next
        torch.optim.SGD(module.parameters(), lr=0.1)  # a training has one; making it loads much of PyTorch
        alone += [trained(module, x, y)[0] for _ in range(3)]
        with gradcert.watch(module, rule="ostl", every=1, loss=loss_of) as watching:
            first.append(trained(module, x, y, watching)[0])
            for _ in range(AGAIN):
                whole, judgement = trained(module, x, y, watching)
                after.append(whole)
                judgements.append(judgement)
    began = first.pop(0) if smooth else None
    middle = [statistics.median(found) for found in (alone, first, after, judgements)]
    slow = fast = None
    if smooth:  # of spikes both refute, and fast mode is slow then
        module = module_of(problem)
        fast = statistics.median(checked(module, x, y, fast=True) for _ in range(3))
        slow = checked(module, x, y, fast=False)
    return Times(*middle, began, slow, fast)


def loaded(code):
    """Seconds of the processor of a fresh process: for some code after PyTorch was loaded; for none, to load it."""
    measure = f"import time; a = time.process_time(); import torch; b = time.process_time(); {code or 'pass'}"
    said = f"{measure}; print(time.process_time() - b, b - a)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0 if code else 1])


def section(heading, times, found, title):
    """The lines of the page about gradcert.watch.

    Parameters
    ----------
    times : (cell, n, steps) -> `Times`. `found` : name of a member -> (cell, n, steps) -> judgement.
    title : name of a member -> what a row says of it.
    """
    lines = [
        heading,
        "",
        'What users call: their own module takes steps, `gradcert.watch(module, rule="ostl", loss=loss)` judges the',
        "gradients in `.grad`; what rounding explains is that of a sum over steps and samples or, where that is not",
        "enough, a measured envelope, which is weaker evidence than a derived budget.",
        "",
        "Seconds of the processor, of the module with autograd's own backward (which is right). A step is the forward",
        'pass, the loss and `backward`; "watched" is a step and its judgement: the first one of a module, which reads',
        f"the module (median of {MODULES}, each with equations of its own), and one after it (median of",
        f"{MODULES * AGAIN});",
        "in brackets the judgement alone. gradcheck is of the same module and its own backward: slow mode once, fast",
        "mode the median of 3; of spikes it is not asked, it refutes them.",
        "",
        "| cell | network | a step | watched, the first | watched, after it | gradcheck | gradcheck, fast |",
        "|---|---|---|---|---|---|---|",
    ]
    for (cell, n, steps), t in times.items():
        checked = " | ".join("" if v is None else f"{v:.2g}" for v in (t.slow, t.fast))
        after = f"{t.after:.2g} ({t.judgement:.2g})"
        lines.append(f"| {cell} | n = {n}, T = {steps} | {t.step:.2g} | {t.first:.2g} | {after} | {checked} |")
    (cell, n, steps), t = next((k, t) for k, t in times.items() if t.process is not None)
    lines += [
        "",
        f"The {cell} of n = {n}, T = {steps}: one run of the slow mode takes as long as {t.slow / t.after:.0f} steps",
        f"that are judged, {t.slow / t.first:.0f} first ones of a module, or {t.slow / t.process:.0f} of the very",
        f"first ones of a process ({t.process:.2g} s; its optimiser was made before). One run of the fast mode takes",
        f"as long as {t.fast / t.after:.1f} steps that are judged, or {t.fast / t.first:.1f} first ones of a module.",
        f"Not counted: loading what judges, once a process, {loaded('import gradcert.watching.loop'):.2g} s beside",
        f"{loaded(''):.2g} s for PyTorch. The machine was busy besides.",
        "",
        f"What it found of the same mistakes at n = {n}, whose gradients the loop puts into `.grad` (of T21 the second",
        "of two calls, where something is carried over):",
        "",
        f"| mistake | {' | '.join(cell for cell, *_ in times)} |",
        f"|---|{'---|' * len(times)}",
    ]
    for name, of in found.items():
        words = []
        for judgement in of.values():
            right = judgement.verdict == "right"
            word = "accepted" if right else "refuted"
            words.append(word if right == (name == "nothing") else f"**{word}**")
        lines.append(f"| {title(name)} | {' | '.join(words)} |")
    lines += ["", "What it says of them:", ""]
    for name, of in found.items():
        said = {cell: j.cause or "refuted, not named" for (cell, *_), j in of.items()}
        if name != "nothing":
            same = len(set(said.values())) == 1
            text = next(iter(said.values())) if same else "; ".join(f"{cell}: {what}" for cell, what in said.items())
            lines.append(f"* {name.partition('_')[0]}: {text}")
    return lines
