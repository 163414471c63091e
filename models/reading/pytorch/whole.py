"""What a module of whole sequences may do that makes it none of steps: another axis, other steps, some samples only."""

from __future__ import annotations

from typing import Any

import torch

from gradcert.models.reading.pytorch.recorder import RANDOM
from gradcert.models.reading.record import Node, leads_to
from gradcert.reference.errors import GradcertError

LOOKED_UP = ("embedding", "embedding_bag", "index", "index_select", "gather", "scatter", "one_hot", "take")
CONVOLVED = ("convolution", "convolution_overrideable", "_convolution", "conv1d", "conv2d")


def refuse_axis(module: Any, axis: int, long: list[Node], short: list[Node], *, loop: bool) -> None:
    """Raise where a module does the same for one step as for several: its loop is over another axis.

    Parameters
    ----------
    axis : of time, as it was said. `long`, `short` : records of several steps, and of one.
    loop : whether anything is repeated; where nothing is, only a layer that is known to loop elsewhere is said.
    """
    layers = [(n, m) for n, m in module.named_modules() if isinstance(m, torch.nn.RNNBase)]
    name, other = next(((n, m) for n, m in layers if m.batch_first != (axis == 1)), ("", None))
    if len(long) > len(short) or not (loop or other):
        return
    said = ""
    if other is not None:
        kind = f"torch.nn.{type(other).__name__}{f' {name}' * bool(name)}"
        said = f": {kind} has batch_first={other.batch_first}, and loops over axis {1 - axis}"
    raise GradcertError(
        f"the module does the same for one step along axis {axis} as for several{said}",
        allowed="time, the axis that its loop is over",
        do=f"time={1 - axis} (--time {1 - axis}) where that is time; where it is not, mend the module"
        + (f": batch_first={axis == 1}" if other is not None else ""),
    )


def refuse_around(module: Any, long: list[Node], short: list[Node], steps: int) -> None:
    """Raise where a step reads what comes after it, or steps around it: backwards in time, a convolution over time.

    Parameters
    ----------
    long, short : records of so many steps, and of one.
    """
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.RNNBase) and part.bidirectional:
            raise GradcertError(
                f"torch.nn.{type(part).__name__} {name}, which runs through the sequence backwards too",
                allowed="steps that read what came before them",
                do="make it bidirectional=False; of two directions nothing is judged",
            )
    spans = [_span(short, n) for n in short if n.name in CONVOLVED]
    for node, one in zip([n for n in long if n.name in CONVOLVED], spans, strict=False):
        for mine, its, kernel in zip(_span(long, node)[0], one[0], one[1], strict=False):
            if (mine, its) == (steps, 1) and kernel > 1:
                raise GradcertError(
                    f"a convolution over time at {node.where}: a step reads {kernel} steps of the input",
                    allowed="what is done with every step alone, and a loop over steps",
                    do="give the module what comes out of the convolution, and make the convolution one of its own",
                )


def _span(nodes: list[Node], node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lengths that a convolution goes over, and those of its kernel."""
    x, weight = (nodes[ref.node].shape for ref in node.args[:2])
    return x[2:], weight[2:]


def refuse_numbers(nodes: list[Node], x: int) -> None:
    """Raise where an input of whole numbers says which rows of something are taken: an embedding's."""
    for node in nodes if not nodes[x].floating else ():
        looked_up = node.name.rstrip("_").removeprefix("_") in LOOKED_UP
        if looked_up and any(x in leads_to(nodes, k) for k in node.operands()):
            raise GradcertError(
                f"an input of whole numbers that {node.name} at {node.where} looks up",
                allowed="an input of floating point",
                do="make what looks up a module of its own, and give this one what comes out of it",
            )


def refuse_drawn(nodes: list[Node]) -> None:
    """Raise where random numbers are drawn that may be no step's own."""
    if found := next((n for n in nodes if any(word in n.name for word in RANDOM)), None):
        raise GradcertError(
            f"random numbers at {found.where} that are not drawn step by step, in the order of the steps",
            allowed="dropout inside of the loop over time",
            do="put that layer alone into eval, as module.drop.eval(): it is read without; or draw in every step",
        )


def refuse_samples(nodes: list[Node], ends: list[int], samples: int) -> None:
    """Raise for a result of one step that has not every sample: the last sample, say, in place of the last step."""
    for end in ends:
        shape = nodes[end].shape
        if samples in shape[:2]:
            continue
        lost = [
            k
            for k in sorted(leads_to(nodes, end))
            if samples not in nodes[k].shape[:2] and any(samples in nodes[o].shape[:2] for o in nodes[k].operands())
        ]
        where = f" at {nodes[lost[-1]].where}" if lost else ""
        raise GradcertError(
            f"a module that returns {shape} of one step of {samples} samples: not every sample is left{where}",
            allowed="what every sample has: of every step, the last, a sum, a mean, the maximum",
            do="look at which axis is taken from there: o[:, -1] is the last step of (batch, time, ...), o[-1] of"
            " (time, batch, ...); a loss is taken outside of the module",
        )
