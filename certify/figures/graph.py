"""Which edges of the unrolled graph the claim keeps, and which the subject was found to keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradcert.certify.claims import ORDER
from gradcert.certify.diagnosis import evidence_of, rows
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.networks import TEMPORAL, Network
from gradcert.reference.rules import Rule


def graph(
    cases: Iterable[Case], answered: Iterable[tuple[Case, Answer]], claimed: Rule, *, refuted: bool
) -> list[dict[str, Any]]:
    """Return the edges of the deepest network of every cell; of a graph of populations nothing.

    Parameters
    ----------
    cases : all cases; the first of a cell and depth stands for it.
    answered : every case that was answered, with its answer.
    claimed : the row that was claimed.
    refuted : whether anything was refuted; if not, what is found is what was claimed.

    Returns
    -------
    records ``{"group", "found": name or None, "layers": [{"cell", "units", "own": [...], "upper": [...]}]}``, where an
    edge is ``{"edge", "claimed", "found"}`` and ``found`` is None where the diagnosis could not tell.
    """
    found = claimed if not refuted else None
    label = claimed.name if found else None
    if refuted and (judged := evidence_of(answered)):
        row = rows.search(judged, claimed)
        if row is not None:
            found, label = row.rule, row.label
    deepest: dict[str, Case] = {}
    for case in cases:
        if case.problem.network.graph is not None:  # the picture is one of a stack
            continue
        if case.spec.cell not in deepest or case.spec.depth > deepest[case.spec.cell].spec.depth:
            deepest[case.spec.cell] = case
    return [
        {
            "group": f"{case.spec.cell}/{case.spec.depth}",
            "found": label,
            "layers": _layers(case.problem.network, claimed, found),
        }
        for case in deepest.values()
    ]


def _layers(network: Network, claimed: Rule, found: Rule | None) -> list[dict[str, Any]]:
    out = []
    for number, layer in enumerate(network.layers):
        has = {link.edge for link in layer.cell.links if link.lag and link.edge in TEMPORAL}
        edges = [edge for edge in ORDER if edge in has]
        name = layer.cell.name
        above = number > 0 and claimed.feedback not in ("target", "local")
        out.append(
            {
                "cell": name,
                "units": layer.units,
                "own": [
                    {"edge": e.name, "claimed": e in claimed.own, "found": found and e in found.own} for e in edges
                ],
                "upper": [
                    {
                        "edge": e.name,
                        "claimed": e in claimed.kept_above(name),
                        "found": found and e in found.kept_above(name),
                    }
                    for e in edges
                ]
                if above
                else [],
            }
        )
    return out
