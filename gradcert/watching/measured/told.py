"""Whether a batch tells anything of a claim: where no credit reaches a hidden layer, every rule has the same zeros."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcert.models.reading.record import owners
from gradcert.watching.measured.evidence import Evidence, Gradients


def silent(evidence: Evidence, exact: Gradients) -> list[str]:
    """Return the parameters of all layers with a past, of the hidden ones where there are any, if all of BPTT is 0.

    Parameters
    ----------
    exact : the gradients of BPTT.
    """
    reading = getattr(evidence.runs[0].written, "reading", None)
    layers = [] if reading is None else list(_in_time(evidence.runs[0].written))
    hidden = [names for names, ends in layers if not ends] or [names for names, _ in layers]
    found = list(dict.fromkeys(n for names in hidden for n in names if n in exact))
    return found if found and not any(np.any(exact[n]) for n in found) else []


def _in_time(written: Any) -> Iterator[tuple[list[str], bool]]:
    """Yield, of every layer with edges from the step before, the module's parameters, and whether nothing reads it."""
    reading = written.reading
    nodes = reading.step.nodes
    for layer, own in written.names.items():
        sources = [source for name, source in written.sources.items() if name.startswith(f"{layer}.")]
        names = [name for s in sources for name in owners(nodes, s.node)]
        ends = not any(p.source in own and p.target not in own for p in reading.links)
        if names and any(p.lag and p.target in own for p in reading.links):
            yield names, ends
