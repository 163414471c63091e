"""Which gradients are explained together: those of one name, or those that play one role in networks of every depth.

``layers.1.W`` is hidden at depth 2 and the readout at depth 1. A mistake in the readout's line is one of a role, a
transpose where a matrix happens to be square is one of a name; both poolings are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.reference.networks import PREFIX

Pool = tuple[str, str]
Pooling = Callable[[Evidence, str], Pool]
TOP, LOWER, READOUT = "the last hidden layer", "the layers below the last hidden one", "the readout"


def by_name(_: Evidence, name: str) -> Pool:
    """Pool what has one name."""
    return "", name


def by_role(e: Evidence, name: str) -> Pool:
    """Pool what is at one place: readout, last hidden layer, layers below; in a graph, the population."""
    if e.network.graph is not None:
        population, _, local = name.removeprefix(PREFIX).partition(".")
        return population, local if not name.startswith(PREFIX) else f"{PREFIX}{local}"
    layer, local = name.split(".")[-2:]
    local = name.replace(f"layers.{layer}.", "") if name.startswith(PREFIX) else local
    hidden = e.case.spec.depth
    place = READOUT if int(layer) >= hidden else TOP if int(layer) == hidden - 1 else LOWER
    return place, local


POOLINGS: tuple[Pooling, ...] = (by_name, by_role)


def members(judged: Sequence[Evidence], pooling: Pooling) -> dict[Pool, list[tuple[int, str]]]:
    """Return the number of the case and the name of all that every pool holds."""
    out: dict[Pool, list[tuple[int, str]]] = {}
    for number, e in enumerate(judged):
        for name in e.given:
            out.setdefault(pooling(e, name), []).append((number, name))
    return out


def shown(pools: Iterable[Pool]) -> str:
    """Return pools in words: names where they are one name's, else what they are of.

    Examples
    --------
    >>> shown([("", "layers.0.W"), ("", "layers.0.b")])
    'layers.0.W, layers.0.b'
    >>> shown([("the readout", "W"), ("the readout", "b")])
    'W, b of the readout'
    """
    places: dict[str, list[str]] = {}
    for place, name in pools:
        places.setdefault(place, []).append(name)
    said = (f"{', '.join(names)} of {place}" if place else ", ".join(names) for place, names in places.items())
    return " and ".join(said)
