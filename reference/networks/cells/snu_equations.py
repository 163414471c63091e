"""The equations that SNU and sSNU share (mathematics.md 1.4, 4.1); they differ in the output function alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Activation, Array, Numbers

NODES = ("a", "v", "z")
PARAMETERS = ("leak", "threshold")

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
STATE = Link("a", "v", lag=1, edge=Edge.STATE)
RESET = Link("a", "z", lag=1, edge=Edge.RESET)
TRANSFER = Link("v", "a")
OUTPUT = Link("z", "v")
BIAS = Use("a", "b")
LEAK = Use("a", "leak")
THRESHOLD = Use("z", "threshold")


def links(*, recurrent: bool) -> tuple[Link, ...]:
    """Return the links of the cell."""
    lateral = (RECURRENT,) if recurrent else ()
    return (INPUT, *lateral, STATE, RESET, TRANSFER, OUTPUT)


def uses(*, bias: bool) -> tuple[Use, ...]:
    """Return the parameter uses of the cell."""
    return (*((BIAS,) if bias else ()), LEAK, THRESHOLD)


def step(
    n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes, *, g: Activation, h: Activation
) -> dict[str, Array]:
    """One step: a = W x + H z' + leak v' (1 - z'), v = g(a), z = h(v - threshold); ' is the step before."""
    a = drive("a", z=prev["z"]) + p["leak"] * prev["v"] * (1 - prev["z"])
    v = n.apply(g, a)
    return {"a": a, "v": v, "z": n.apply(h, v - p["threshold"])}


def factors(
    n: Numbers,
    p: Mapping[str, Array],
    prev: Nodes,
    now: Nodes,
    *,
    g: Activation,
    h: Activation,
    trained: tuple[str, ...],
    slopes: tuple[Array, Array] | None = None,
) -> dict[Link | Use, Any]:
    """Return the local derivatives; h' and g' at t, everything with ' at t - 1.

    `slopes` are those of z by v and by the threshold, where they are others than those of h(v - threshold).
    """
    if slopes is None:
        psi = n.slope(h, now["v"] - p["threshold"])
        slopes = psi, -psi
    silent = 1 - prev["z"]
    out: dict[Link | Use, Any] = {
        STATE: p["leak"] * silent,
        RESET: -p["leak"] * prev["v"],
        TRANSFER: 1 if g.name == "identity" else n.slope(g, now["a"]),
        OUTPUT: slopes[0],
    }
    if "leak" in trained:
        out[LEAK] = prev["v"] * silent
    if "threshold" in trained:
        out[THRESHOLD] = slopes[1]
    if "b" in trained:
        out[BIAS] = 1
    return out
