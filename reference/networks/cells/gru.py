"""Gated recurrent unit (mathematics.md 1.5), in its two inequivalent forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import SIGMOID, TANH, Array, Numbers

INPUTS = tuple(Link(f"a{k}", "x", weight=f"W_{k}") for k in ("r", "u", "n"))
RECURRENTS = tuple(Link(f"a{k}", "z", lag=1, edge=Edge.RECURRENT, weight=f"H_{k}") for k in ("r", "u"))
GATE_R, GATE_U = Link("r", "ar"), Link("u", "au")
CANDIDATE = Link("n", "an")
STATE = Link("z", "z", lag=1, edge=Edge.STATE)
FROM_CANDIDATE, FROM_UPDATE = Link("z", "n"), Link("z", "u")
# reset after the product: q = H_n z' + c_n, n = tanh(an + r q)
AFTER_RECURRENT = Link("q", "z", lag=1, edge=Edge.RECURRENT, weight="H_n")
AFTER_R, AFTER_Q = Link("n", "r"), Link("n", "q")
AFTER_BIAS = Use("q", "c_n")
# reset before the product: q = r z', an = W_n x + b_n + H_n q + c_n
BEFORE_STATE = Link("q", "z", lag=1, edge=Edge.RECURRENT)
BEFORE_R = Link("q", "r")
BEFORE_WEIGHT = Link("an", "q", weight="H_n")
BEFORE_BIAS = Use("an", "c_n")
BIASES = tuple(Use(f"a{k}", f"b_{k}") for k in ("r", "u", "n"))


@dataclass(frozen=True)
class Gru:
    """GRU cell; ' is the step before, u is the update gate (PyTorch's z; z is the output here).

    ::

        r, u = sigmoid(W. x + H. z' + b.)
        reset="after"   n = tanh(W_n x + b_n + r (H_n z' + c_n))      PyTorch, cuDNN
        reset="before"  n = tanh(W_n x + b_n + H_n (r z') + c_n)      arXiv 1406.1078v3, TensorFlow, ONNX default
        z = (1 - u) n + u z'

    In the second form the reset gate's parameters reach every unit at once, through H_n, and b_n and c_n have equal
    gradients; in the first form they have not. z' to z is the STATE edge (factor u); everything that passes through
    weights, r z' included, is RECURRENT.

    Parameters
    ----------
    reset : ``after`` or ``before`` the product with H_n.
    bias : whether b_r, b_u, b_n and c_n exist.

    Examples
    --------
    >>> [(link.target, link.edge.value) for link in Gru(reset="before").links if link.lag]
    [('ar', 'recurrent'), ('au', 'recurrent'), ('q', 'recurrent'), ('z', 'state')]
    """

    name: ClassVar[str] = "gru"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.Convention(
            "reset", ("after", "before"), {"after": "PyTorch, cuDNN", "before": "TensorFlow, ONNX's default"}
        ),
    )
    reset: str = "after"
    bias: bool = True

    def __post_init__(self) -> None:
        options.check_conventions(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drives ar, au, an; gates r, u; q, what the candidate sees of z'; candidate n; output z."""
        return ("ar", "au", "r", "u", "q", "an", "n", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        if self.reset == "after":
            lateral: tuple[Link, ...] = (AFTER_RECURRENT, GATE_R, GATE_U, CANDIDATE, AFTER_R, AFTER_Q)
        else:
            lateral = (BEFORE_STATE, BEFORE_WEIGHT, GATE_R, GATE_U, CANDIDATE, BEFORE_R)
        return (*INPUTS, *RECURRENTS, *lateral, STATE, FROM_CANDIDATE, FROM_UPDATE)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where the biases act."""
        return (*BIASES, AFTER_BIAS if self.reset == "after" else BEFORE_BIAS) if self.bias else ()

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return tuple(use.parameter for use in self.uses)

    def constants(self) -> Mapping[str, Any]:
        """Return nothing: there are no per-unit constants."""
        return {}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        ar, au = drive("ar", z=prev["z"]), drive("au", z=prev["z"])
        r, u = n.apply(SIGMOID, ar), n.apply(SIGMOID, au)
        if self.reset == "after":
            q, an = drive("q", z=prev["z"]), drive("an")
            candidate = n.apply(TANH, an + r * q)
        else:
            q = r * prev["z"]
            an = drive("an", q=q)
            candidate = n.apply(TANH, an)
        z = (1 - u) * candidate + u * prev["z"]
        return {"ar": ar, "au": au, "r": r, "u": u, "q": q, "an": an, "n": candidate, "z": z}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        after = self.reset == "after"
        slope = n.slope(TANH, now["an"] + now["r"] * now["q"] if after else now["an"])
        out: dict[Link | Use, Any] = {
            GATE_R: n.slope(SIGMOID, now["ar"]),
            GATE_U: n.slope(SIGMOID, now["au"]),
            CANDIDATE: slope,
            STATE: now["u"],
            FROM_CANDIDATE: 1 - now["u"],
            FROM_UPDATE: prev["z"] - now["n"],
        }
        if after:
            out |= {AFTER_R: slope * now["q"], AFTER_Q: slope * now["r"]}
        else:
            out |= {BEFORE_STATE: now["r"], BEFORE_R: prev["z"]}
        return {**out, **{use: 1 for use in self.uses}}
