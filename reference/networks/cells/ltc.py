"""Liquid time-constant spiking neuron of spiking FPTT (mathematics.md 1.3; arXiv 2112.11231)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import firing, options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import SIGMOID, Array, Numbers, Surrogate, spike

PARAMETERS = ("threshold", "beta")

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
# the potential after the reset of the step before: as the membrane keeps it (u), and as the gate k sees it (q)
KEPT, KEPT_RESET = Link("u", "v", lag=1, edge=Edge.STATE), Link("u", "z", lag=1, edge=Edge.RESET)
SEEN, SEEN_RESET = Link("q", "v", lag=1, edge=Edge.RECURRENT), Link("q", "z", lag=1, edge=Edge.RESET)
MEMBRANE_GATE_INPUT = Link("ak", "a", weight="Wm_I")
MEMBRANE_GATE_STATE = Link("ak", "q", weight="Wm_u")
ADAPTATION_GATE_INPUT = Link("ar", "a", weight="Wa_I")
ADAPTATION_GATE_STATE = Link("ar", "b", lag=1, edge=Edge.RECURRENT, weight="Wa_b")
MEMBRANE_GATE, ADAPTATION_GATE = Link("k", "ak"), Link("r", "ar")
DECAY = Link("b", "b", lag=1, edge=Edge.STATE)
ADAPTATION = Link("b", "z", lag=1, edge=Edge.ADAPTATION)
FROM_R, FROM_U, FROM_K, FROM_DRIVE = Link("b", "r"), Link("v", "u"), Link("v", "k"), Link("v", "a")
OUTPUT, THRESHOLD_STATE = Link("z", "v"), Link("z", "b")
BIASES = (Use("ak", "b_m"), Use("ar", "b_a"))
BIAS = Use("a", "b")
THRESHOLD, BETA = Use("z", "threshold"), Use("z", "beta")


@dataclass(frozen=True)
class Ltc:
    """Liquid time-constant neuron: the inverse time constant k and the decay r depend on the drive and on the state.

    ::

        a = W x + H z' + b                           (I of the paper)
        u = (1 - z') v'                              (hard reset, in the graph)
        k = sigmoid(Wm_I a + Wm_u u + b_m)           r = sigmoid(Wa_I a + Wa_b b' + b_a)
        b = r b' + (1 - r) z'                        A = threshold + beta b
        v = u + k (a - u)                            z = step(v - A)

    The paper resets v at the end of a step; here the same reset is taken at the start of the next one, so that it is a
    link from the step before. W reaches v by three branches: the drive itself, through k, and through r, b and A.

    Labels: v' to u is STATE and z' to u is RESET. What the gates see of the state through weights is RECURRENT:
    v' to the copy q of u that feeds k, and b' to r. z' to q is RESET, so that a rule without RESET detaches the spike
    in (1 - z') v' for both. b' to b is STATE, z' to b is ADAPTATION.

    Parameters
    ----------
    threshold, beta : base threshold and adaptation strength; 0.1 and 1.8 in the published code. ``b`` is the
        adaptation; the parameter b is the bias of the drive.
    surrogate, strict : the published code uses the multi-Gaussian with sigma 0.3, firing at ``>``.
    scaling : what psi's argument, and psi, are divided by: ``none``, or the base ``threshold`` (`firing`).
    recurrent : whether H exists. The gates' weights always do.
    bias : whether the biases of the drive and of the two gates exist.
    train : per-unit parameters that are trained, of ``threshold``, ``beta``.

    Examples
    --------
    >>> [(link.target, link.source, link.edge.value) for link in Ltc(recurrent=False).links if link.lag]
    [('u', 'v', 'state'), ('u', 'z', 'reset'), ('q', 'v', 'recurrent'), ('q', 'z', 'reset'), ('ar', 'b', 'recurrent'), \
('b', 'b', 'state'), ('b', 'z', 'adaptation')]
    """

    name: ClassVar[str] = "ltc"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.strictness({True: "byin-cwi/sFPTT"}),
        firing.SCALING,
    )
    threshold: Any = 0.1
    beta: Any = 1.8
    surrogate: Surrogate = Surrogate("multi_gaussian", sigma=0.3)
    strict: bool = True
    recurrent: bool = True
    bias: bool = True
    train: tuple[str, ...] = ()
    scaling: str = "none"

    def __post_init__(self) -> None:
        options.check_conventions(self)
        options.check_trained(self.train, PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, potential u and its copy q, gates' drives ak, ar, gates k, r, adaptation b, v, z."""
        return ("a", "u", "q", "ak", "ar", "k", "r", "b", "v", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        lateral = (RECURRENT,) if self.recurrent else ()
        state = (KEPT, KEPT_RESET, SEEN, SEEN_RESET)
        gates = (MEMBRANE_GATE_INPUT, MEMBRANE_GATE_STATE, ADAPTATION_GATE_INPUT, ADAPTATION_GATE_STATE)
        inner = (MEMBRANE_GATE, ADAPTATION_GATE, DECAY, ADAPTATION, FROM_R, FROM_U, FROM_K, FROM_DRIVE)
        return (INPUT, *lateral, *state, *gates, *inner, OUTPUT, THRESHOLD_STATE)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where biases, threshold and beta act."""
        return (*((BIAS, *BIASES) if self.bias else ()), THRESHOLD, BETA)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b", "b_m", "b_a") if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return threshold and beta."""
        return {"threshold": self.threshold, "beta": self.beta}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        v, z, b = prev["v"], prev["z"], prev["b"]
        a = drive("a", z=z)
        u = (1 - z) * v
        ak, ar = drive("ak", a=a, q=u), drive("ar", a=a, b=b)
        k, r = n.apply(SIGMOID, ak), n.apply(SIGMOID, ar)
        b = r * b + (1 - r) * z
        v = u + k * (a - u)
        z = n.apply(spike(self.surrogate, strict=self.strict), v - (p["threshold"] + p["beta"] * b))
        return {"a": a, "u": u, "q": u, "ak": ak, "ar": ar, "k": k, "r": r, "b": b, "v": v, "z": z}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        silent, k, r = 1 - prev["z"], now["k"], now["r"]
        margin = now["v"] - (p["threshold"] + p["beta"] * now["b"])
        psi, by_threshold = firing.slopes(
            n, self.surrogate, margin, p["threshold"], strict=self.strict, scaling=self.scaling
        )
        out: dict[Link | Use, Any] = {
            KEPT: silent,
            KEPT_RESET: -prev["v"],
            SEEN: silent,
            SEEN_RESET: -prev["v"],
            MEMBRANE_GATE: n.slope(SIGMOID, now["ak"]),
            ADAPTATION_GATE: n.slope(SIGMOID, now["ar"]),
            DECAY: r,
            ADAPTATION: 1 - r,
            FROM_R: prev["b"] - prev["z"],
            FROM_U: 1 - k,
            FROM_K: now["a"] - now["u"],
            FROM_DRIVE: k,
            OUTPUT: psi,
            THRESHOLD_STATE: -psi * p["beta"],
        }
        direct = {"threshold": (THRESHOLD, by_threshold), "beta": (BETA, -psi * now["b"])}
        out |= dict(direct[name] for name in self.train)
        return {**out, **{use: 1 for use in (BIAS, *BIASES)}} if self.bias else out
