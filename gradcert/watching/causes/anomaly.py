"""Which operation of a module's own backward first gives what is not finite: a copy of it is run, and looked at."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gradcert.watching.measured.evidence import Evidence
from gradcert.watching.seen.asked import backward

PLACE = re.compile(r'File "([^"]+)", line (\d+), in')
NOT_THEIRS = (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]))


def not_finite(given: Mapping[str, Any]) -> bool:
    """Return whether a gradient is not finite."""
    return any(g is not None and not _finite(g) for g in given.values())


def first_infinite(module: Any, evidence: Evidence, output: int) -> str:
    """Return in words where a module's own backward first gives what is not finite; "" where it does not, alone.

    Parameters
    ----------
    output : which of the module's results the derivatives are at.
    """
    for run, delta, states in zip(evidence.runs, evidence.deltas, evidence.states, strict=True):
        reading = run.written.reading  # type: ignore[attr-defined]
        if not np.isfinite(delta).all() or states is None:
            return ""
        xs = torch.from_numpy(np.array(run.inputs)).to(next(iter(run.parameters.values())).dtype)
        xs = xs.reshape(*xs.shape[:2], *reading.example.shape[1:])
        found: list[Any] = []

        def look(total: Any, found: list[Any] = found) -> None:
            for node in _graph(total.grad_fn):
                node.register_hook(lambda ins, outs, node=node: _seen(node, ins, outs, found))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.autograd.detect_anomaly(check_nan=False):  # which keeps where an operation was called
                backward(module, reading, run.parameters, xs, states, delta, output, look)
        if found:
            return _said(found[0])
    return ""


def _graph(root: Any) -> set[Any]:
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [n for n, _ in node.next_functions]
    return seen


def _seen(node: Any, ins: Any, outs: Any, found: list[Any]) -> None:
    """Remember a node that makes of finite derivatives what is not."""
    if not found and all(map(_finite, outs)) and not all(map(_finite, ins)):
        found.append(node)


def _finite(g: Any) -> bool:
    return g is None or bool(torch.isfinite(g).all())


def _said(node: Any) -> str:
    """Return the sentence, with the last place of the user's own among those of the forward call."""
    places = PLACE.findall("".join(node.metadata.get("traceback_", [])))
    own = [(file, line) for file, line in places if not file.startswith(NOT_THEIRS)]
    where = f" ({Path(own[-1][0]).name}:{own[-1][1]})" if own else ""
    return f"the module's own backward first gives what is not finite in {node.name()}{where}"
