"""Which edges of the unrolled graph the claim keeps, and which the subject was found to keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradcert.certify.claims import ORDER
from gradcert.certify.diagnosis import evidence_of, rows
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.networks import TEMPORAL, Edge, Graph, Network
from gradcert.reference.rules import Rule


def graph(
    cases: Iterable[Case], answered: Iterable[tuple[Case, Answer]], claimed: Rule, *, refuted: bool
) -> list[dict[str, Any]]:
    """Return the edges of the deepest network of every cell, or of a graph of populations.

    Parameters
    ----------
    cases : all cases; the first of a cell and depth stands for it.
    answered : every case that was answered, with its answer.
    claimed : the row that was claimed.
    refuted : whether anything was refuted; if not, what is found is what was claimed.

    Returns
    -------
    records ``{"group", "found": name or None, "layers": [{"cell", "units", "own": [...], "upper": [...]}]}``, where an
    edge is ``{"edge", "claimed", "found"}`` and ``found`` is None where the diagnosis could not tell. Of a graph they
    are followed by ``inputs``, ``populations`` ``[{"name", "cell", "layer", "edges"}]`` in the order in which they
    compute, with the kinds of edges inside each, and ``connections`` ``[{"source", "target", "lag", "edges"}]``.
    """
    found = claimed if not refuted else None
    label = claimed.name if found else None
    if refuted and (judged := evidence_of(answered)):
        row = rows.search(judged, claimed)
        if row is not None:
            found, label = row.rule, row.label
    deepest: dict[str, Case] = {}
    for case in cases:
        if case.spec.cell not in deepest or case.spec.depth > deepest[case.spec.cell].spec.depth:
            deepest[case.spec.cell] = case
    return [
        {
            "group": f"{case.spec.cell}/{case.spec.depth}",
            "found": label,
            "layers": _layers(case.problem.network, claimed, found),
            **(_populations(case.problem.network.graph) if case.problem.network.graph is not None else {}),
        }
        for case in deepest.values()
    ]


def _populations(graph: Graph) -> dict[str, Any]:
    """Return what is drawn of a graph: its inputs, populations, and connections with the kinds of edges on them."""
    number = {name: i for i, part in enumerate(graph.components()) for name in part}
    populations = []
    for name in number:
        cell = graph.by_name[name].cell
        has = {link.edge for link in cell.links if link.lag}
        edges = [edge.name for edge in ORDER if edge in has]
        populations.append({"name": name, "cell": cell.name, "layer": number[name], "edges": edges})
    connections = []
    for c in graph.connections:
        source = c.origin[0]
        kinds = [] if not c.lag else [c.edge or _label(number, source, c.target)]
        kinds += [Edge.DELAY] if c.lag > 1 and Edge.DELAY not in kinds else []
        connections.append({"source": source, "target": c.target, "lag": c.lag, "edges": [e.name for e in kinds]})
    return {"inputs": [name for name, _ in graph.inputs], "populations": populations, "connections": connections}


def _label(number: Mapping[str, int], source: str, target: str) -> Edge:
    """Return the label that a lagged connection has of itself."""
    if number.get(source) != number[target]:
        return Edge.DELAY
    return Edge.RECURRENT if source == target else Edge.FEEDBACK


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
