"""The edges that the cases of a certificate see, in one order."""

from __future__ import annotations

from gradcert.certify.certificates import Certificate
from gradcert.reference.networks import Edge

PLACES = ("own", "upper")


def weakest(certificate: Certificate) -> list[tuple[str, float]]:
    """Return every edge that the cases see, with the budgets by which the best case of the weakest group sees it."""
    found: dict[str, float] = {}
    for labels in certificate.separated.values():
        for label, budgets in labels.items():
            if budgets:
                found[label] = min(found.get(label, budgets), budgets)
    return sorted(found.items(), key=lambda pair: _place(pair[0]))


def _place(label: str) -> tuple[int, int, str]:
    """Return where an edge stands: in the order of the table of edges, whatever order a file has them in."""
    where, _, name = label.partition(" ")
    edges = [edge.name for edge in Edge]
    return (
        PLACES.index(where) if where in PLACES else len(PLACES),
        edges.index(name) if name in edges else len(edges),
        label,
    )
