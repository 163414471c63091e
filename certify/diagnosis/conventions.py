"""Which other convention explains it: threshold test, reset, input gain, transfer, pseudo-derivative, a delay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.judging import judge
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.networks import Network, alternatives, with_convention
from gradcert.reference.numbers import SURROGATES, Array, Surrogate
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
    others = dict.fromkeys(pair for layer in network.layers for pair in alternatives(layer.cell))
    for option, value in others:
        layers = tuple(replace(x, cell=with_convention(x.cell, option, value)) for x in network.layers)
        if layers != network.layers:
            yield f"{option}={value!r}", replace(network, layers=layers)


def outputs(failed: Sequence[tuple[Case, Answer]]) -> str:
    """Return the convention whose outputs are the subject's on every case that failed, or ""."""
    pairs = [(case, np.asarray(a.outputs, dtype=float)) for case, a in failed if isinstance(a.outputs, np.ndarray)]
    if not pairs:
        return ""
    labels = dict.fromkeys(label for case, _ in pairs for label, _ in forward_alternatives(case.problem.network))
    evidence = [(Evidence(case, {}), given) for case, given in pairs]
    if all(_delayed(case, given) for case, given in pairs):
        return "the outputs come one step late"
    for label in labels:
        if all(_produces(e, given, label) for e, given in evidence):
            return f"the outputs are those of {label}"
    return ""


def _delayed(case: Case, given: Array) -> bool:
    bounds = case.expected.outputs
    return judge(given[1:], type(bounds)(bounds.value[:-1], bounds.budget[:-1])).ok


def _produces(e: Evidence, given: Array, label: str) -> bool:
    for name, network in forward_alternatives(e.network):
        if name == label:
            run = e.expected(e.case.rule, network=network)
            return run is not None and judge(given, run.outputs).ok
    return judge(given, e.case.expected.outputs).ok  # the option does not exist here


def surrogates(claimed: Rule) -> Iterator[Candidate]:
    """Yield every other pseudo-derivative."""
    for surrogate in _surrogates():

        def changed(e: Evidence, surrogate: Surrogate = surrogate) -> Network:
            layers = tuple(replace(x, cell=_sloped(x.cell, surrogate)) for x in e.network.layers)
            return replace(e.network, layers=layers)

        def floats(e: Evidence, changed: Any = changed) -> Any:
            network = changed(e)
            return None if network == e.network else e.bench.again(network=network).gradients(claimed)

        def bounds(e: Evidence, changed: Any = changed) -> Any:
            run = e.expected(claimed, network=changed(e))
            return run and run.gradients

        label = f"{claimed.name} with the pseudo-derivative {surrogate.label}"
        yield Candidate(f"slope:{surrogate.name}", label, floats, bounds)


def _surrogates() -> list[Surrogate]:
    """Return every row of the table with its default scales, and with others for its first scale."""
    found: dict[str, Surrogate] = {}
    for name, form in SURROGATES.items():
        scaled = [Surrogate(name, **{first: s}) for first in list(form.defaults)[:1] for s in SCALES]
        for surrogate in (Surrogate(name), *scaled):
            found.setdefault(surrogate.label, surrogate)
    return list(found.values())


def _sloped(cell: Any, surrogate: Surrogate) -> Any:
    return replace(cell, surrogate=surrogate) if hasattr(cell, "surrogate") else cell
