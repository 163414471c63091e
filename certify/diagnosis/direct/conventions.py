"""Which other convention explains it: threshold test, reset, input gain, transfer, pseudo-derivative, a delay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.reference.networks import Network, alternatives, with_cells, with_convention
from gradcert.reference.numbers import SURROGATES, Surrogate
from gradcert.reference.rules import Rule

SCALES = (0.25, 0.3, 0.5, 1.0, 2.0, 4.0, 10.0, 25.0, 100.0)


def forward_alternatives(network: Network) -> Iterator[tuple[str, Network]]:
    """Yield networks with one convention changed in every layer that has it, then with two."""
    single = list(_switched(network))
    yield from single
    for label, changed in single:
        for other, twice in _switched(changed):
            if other.partition("=")[0] > label.partition("=")[0]:
                yield f"{label}, {other}", twice


def _switched(network: Network) -> Iterator[tuple[str, Network]]:
    """Yield the network under every other convention that one of its cells knows."""
    others = dict.fromkeys(pair for cell in network.cells for pair in alternatives(cell))
    for option, value in others:
        other = with_cells(network, partial(with_convention, option=option, value=value))
        if other != network:
            yield f"{option}={value!r}", other


def surrogates(claimed: Rule) -> Iterator[Candidate]:
    """Yield every other pseudo-derivative."""
    for surrogate in _surrogates():

        def changed(e: Evidence, surrogate: Surrogate = surrogate) -> Network:
            return with_cells(e.network, partial(_sloped, surrogate=surrogate))

        def floats(e: Evidence, changed: Any = changed) -> Any:
            network = changed(e)
            return None if network == e.network else e.bench.again(network=network).gradients(claimed)

        def bounds(e: Evidence, changed: Any = changed) -> Any:
            run = e.expected(claimed, network=changed(e))
            return run and run.gradients

        label = f"{claimed.name} with the pseudo-derivative {surrogate.label}"
        yield Candidate(f"slope:{surrogate.name}", label, floats, bounds, kept=True)


def _surrogates() -> list[Surrogate]:
    """Return every row of the table with its default scales, and with others for its first scale."""
    found: dict[str, Surrogate] = {}
    for name, form in SURROGATES.items():
        scaled = [Surrogate(name).with_scale(first, s) for first in list(form.defaults)[:1] for s in SCALES]
        for surrogate in (Surrogate(name), *scaled):
            found.setdefault(surrogate.label, surrogate)
    return list(found.values())


def _sloped(cell: Any, surrogate: Surrogate) -> Any:
    return replace(cell, surrogate=surrogate) if hasattr(cell, "surrogate") else cell
