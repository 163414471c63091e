"""Long short-term memory (mathematics.md 1.5): gates in PyTorch's order i, f, g, o; optional peepholes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import SIGMOID, TANH, Array, Numbers

GATES = ("i", "f", "g", "o")
NODES = ("ai", "af", "ag", "ao", "i", "f", "g", "c", "o", "z")

INPUTS = tuple(Link(f"a{k}", "x", weight=f"W_{k}") for k in GATES)
RECURRENTS = tuple(Link(f"a{k}", "z", lag=1, edge=Edge.RECURRENT, weight=f"H_{k}") for k in GATES)
GATE = {k: Link(k, f"a{k}") for k in GATES}
STATE = Link("c", "c", lag=1, edge=Edge.STATE)
INTO_CELL = {k: Link("c", k) for k in ("i", "f", "g")}
OUT_OF_CELL = Link("z", "c")
OUTPUT_GATE = Link("z", "o")
PEEPHOLES = {
    "i": Link("i", "c", lag=1, edge=Edge.STATE),
    "f": Link("f", "c", lag=1, edge=Edge.STATE),
    "o": Link("o", "c"),
}
BIASES = tuple(Use(f"a{k}", f"b_{k}") for k in GATES)
PEEPHOLE_USES = {k: Use(k, f"p_{k}") for k in PEEPHOLES}


@dataclass(frozen=True)
class Lstm:
    """LSTM cell; ' is the step before.

    ::

        i, f, o = sigmoid(W. x + H. z' + b. [+ p. c', c', c])      g = tanh(W_g x + H_g z' + b_g)
        c = f c' + i g                                              z = o tanh(c)

    The output gate's peephole sees the new c. One bias vector per gate: PyTorch's two have equal gradients, and their
    sum is this one. The state is (c, z), because z' reaches z through the output gate and not only through c: the
    two-term recursion with c alone is wrong (mathematics.md 4.4).

    Parameters
    ----------
    peepholes : whether i and f see c' and o sees c, through per-unit weights p_i, p_f, p_o.
    recurrent, bias : whether the H. and b. exist.

    Examples
    --------
    >>> [link.weight for link in Lstm(recurrent=False).links if link.weight]
    ['W_i', 'W_f', 'W_g', 'W_o']
    """

    name: ClassVar[str] = "lstm"
    conventions: ClassVar[tuple[options.Convention, ...]] = ()
    peepholes: bool = False
    recurrent: bool = True
    bias: bool = True

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drives ai to ao, gates i, f, g, cell state c, gate o, output z."""
        return NODES

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        lateral = RECURRENTS if self.recurrent else ()
        peepholes = tuple(PEEPHOLES.values()) if self.peepholes else ()
        inner = (*GATE.values(), *peepholes, STATE, *INTO_CELL.values(), OUT_OF_CELL, OUTPUT_GATE)
        return (*INPUTS, *lateral, *inner)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where biases and peephole weights act."""
        peepholes = tuple(PEEPHOLE_USES.values()) if self.peepholes else ()
        return (*(BIASES if self.bias else ()), *peepholes)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return tuple(use.parameter for use in self.uses)

    def constants(self) -> Mapping[str, Any]:
        """Return nothing: there are no per-unit constants."""
        return {}

    def _seen(self, p: Mapping[str, Array], gate: str, a: Array, c: Array) -> Array:
        """Return a gate's argument: its drive and what it sees of the cell state."""
        return a + p[f"p_{gate}"] * c if self.peepholes else a

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a = {k: drive(f"a{k}", z=prev["z"]) for k in GATES}
        i = n.apply(SIGMOID, self._seen(p, "i", a["i"], prev["c"]))
        f = n.apply(SIGMOID, self._seen(p, "f", a["f"], prev["c"]))
        g = n.apply(TANH, a["g"])
        c = f * prev["c"] + i * g
        o = n.apply(SIGMOID, self._seen(p, "o", a["o"], c))
        gates = {"i": i, "f": f, "g": g, "c": c, "o": o, "z": o * n.apply(TANH, c)}
        return {**{f"a{k}": a[k] for k in GATES}, **gates}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        c_seen = {"i": prev["c"], "f": prev["c"], "o": now["c"]}
        slopes = {k: n.slope(SIGMOID, self._seen(p, k, now[f"a{k}"], c)) for k, c in c_seen.items()}
        slopes["g"] = n.slope(TANH, now["ag"])
        out: dict[Link | Use, Any] = {
            **{GATE[k]: slopes[k] for k in GATES},
            STATE: now["f"],
            INTO_CELL["i"]: now["g"],
            INTO_CELL["f"]: prev["c"],
            INTO_CELL["g"]: now["i"],
            OUT_OF_CELL: now["o"] * n.slope(TANH, now["c"]),
            OUTPUT_GATE: n.apply(TANH, now["c"]),
        }
        if self.peepholes:
            out |= {link: slopes[k] * p[f"p_{k}"] for k, link in PEEPHOLES.items()}
            out |= {use: slopes[k] * c_seen[k] for k, use in PEEPHOLE_USES.items()}
        return {**out, **{use: 1 for use in BIASES}} if self.bias else out
