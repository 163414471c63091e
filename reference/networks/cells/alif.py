"""Adaptive leaky integrate-and-fire (mathematics.md 1.2): the forms of e-prop, LightALIF and Yin et al."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers, Surrogate, spike

PARAMETERS = ("leak", "threshold", "beta", "rho")

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
DECAY = Link("k", "k", lag=1, edge=Edge.STATE)
ADAPTATION = Link("k", "z", lag=1, edge=Edge.ADAPTATION)
GAIN = Link("v", "a")
STATE = Link("v", "v", lag=1, edge=Edge.STATE)
RESET = Link("v", "z", lag=1, edge=Edge.RESET)
RESET_HEIGHT = Link("v", "k")
OUTPUT = Link("z", "v")
THRESHOLD_STATE = Link("z", "k")
BIAS = Use("a", "b")
LEAK, THRESHOLD_RESET, BETA_RESET = Use("v", "leak"), Use("v", "threshold"), Use("v", "beta")
RHO = Use("k", "rho")
THRESHOLD, BETA = Use("z", "threshold"), Use("z", "beta")


@dataclass(frozen=True)
class Alif:
    """Adaptive LIF neuron; v is the membrane potential, k the adaptation, A the adaptive threshold.

    ::

        k = rho k' + [1 or 1 - rho] z'                              A = threshold + beta k
        v = leak v' + [1 or 1 - leak] R (W x + H z' + b) - [threshold, A or 0] z'
        z = step(v - A)

    =========  =================  ===============  ====================  ====================
    form       adaptation_gain    gain             reset                 scaling
    =========  =================  ===============  ====================  ====================
    e-prop     one                one              threshold             threshold
    LightALIF  one_minus_rho      one_minus_leak   threshold             adaptive_threshold
    Yin        one_minus_rho      one_minus_leak   adaptive_threshold    none
    =========  =================  ===============  ====================  ====================

    Parameters
    ----------
    leak, threshold, beta, rho : numbers, or tuples of one per unit. Ignored where `train` names them.
    resistance : R of the Yin form.
    reset, gain, adaptation_gain : see the table. A reset by A makes v depend on k of the same step.
    scaling : what v - A is divided by before the pseudo-derivative psi is taken: with ``threshold``, dz/dv is
        psi((v - threshold - beta k) / threshold) / threshold; the quotient's derivative reaches a trained threshold
        (and, with ``adaptive_threshold``, beta and k) too.
    surrogate, strict, recurrent, bias : as for `Lif`. e-prop forbids self-connections: give H a
        ``Dense(inputs=n, units=n, absent=...)``.
    train : per-unit parameters that are trained, of ``leak``, ``threshold``, ``beta``, ``rho``.

    Examples
    --------
    >>> [(link.target, link.source, link.edge.value) for link in Alif().links if link.lag]
    [('k', 'k', 'state'), ('k', 'z', 'adaptation'), ('v', 'v', 'state'), ('v', 'z', 'reset')]
    """

    name: ClassVar[str] = "alif"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.strictness({True: "eligibility_propagation, Yin"}),
        options.Convention(
            "reset",
            ("threshold", "adaptive_threshold", "none"),
            {"threshold": "e-prop, LightALIF", "adaptive_threshold": "Yin"},
        ),
        options.Convention("gain", ("one", "one_minus_leak"), {"one": "e-prop", "one_minus_leak": "LightALIF, Yin"}),
        options.Convention(
            "adaptation_gain", ("one", "one_minus_rho"), {"one": "e-prop", "one_minus_rho": "LightALIF, Yin"}
        ),
        options.Convention(
            "scaling",
            ("none", "threshold", "adaptive_threshold"),
            {"none": "Yin", "threshold": "e-prop", "adaptive_threshold": "LightALIF"},
            forward=False,
        ),
    )
    leak: Any = 0.9
    threshold: Any = 1.0
    beta: Any = 0.2
    rho: Any = 0.95
    resistance: Any = 1.0
    reset: str = "threshold"
    gain: str = "one"
    adaptation_gain: str = "one"
    scaling: str = "none"
    surrogate: Surrogate = Surrogate("triangle", scale=0.3)
    strict: bool = True
    recurrent: bool = False
    bias: bool = True
    train: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        options.check_unit_interval("leak", self.leak)
        options.check_unit_interval("rho", self.rho)
        options.check_conventions(self)
        options.check_trained(self.train, PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, adaptation k, membrane potential v, spike z."""
        return ("a", "k", "v", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        lateral = (RECURRENT,) if self.recurrent else ()
        reset = {"none": (), "threshold": (RESET,), "adaptive_threshold": (RESET, RESET_HEIGHT)}[self.reset]
        return (INPUT, *lateral, DECAY, ADAPTATION, GAIN, STATE, *reset, OUTPUT, THRESHOLD_STATE)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where the per-unit parameters act; the reset uses the threshold, and beta where it subtracts A."""
        reset = {
            "none": (),
            "threshold": (THRESHOLD_RESET,),
            "adaptive_threshold": (THRESHOLD_RESET, BETA_RESET),
        }[self.reset]
        return (*((BIAS,) if self.bias else ()), RHO, LEAK, *reset, THRESHOLD, BETA)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b",) if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return leak, threshold, beta, rho and resistance."""
        return {name: getattr(self, name) for name in (*PARAMETERS, "resistance")}

    def _distance(self, p: Mapping[str, Array], v: Array, k: Array) -> tuple[Array, Array, Any]:
        """Return the surrogate's argument, the adaptive threshold A and what v - A was divided by."""
        adaptive = p["threshold"] + p["beta"] * k
        if self.scaling == "none":
            return v - adaptive, adaptive, 1
        unit = p["threshold"] if self.scaling == "threshold" else adaptive
        return (v - adaptive) / unit, adaptive, unit

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a, z = drive("a", z=prev["z"]), prev["z"]
        k = p["rho"] * prev["k"] + (z if self.adaptation_gain == "one" else (1 - p["rho"]) * z)
        current = p["resistance"] * a
        v = p["leak"] * prev["v"] + (current if self.gain == "one" else (1 - p["leak"]) * current)
        if self.reset != "none":
            v = v - (p["threshold"] if self.reset == "threshold" else p["threshold"] + p["beta"] * k) * z
        # the sign of v - A decides, whatever it is divided by
        return {"a": a, "k": k, "v": v, "z": n.apply(spike(self.surrogate, strict=self.strict), self._margin(p, v, k))}

    def _margin(self, p: Mapping[str, Array], v: Array, k: Array) -> Array:
        return v - (p["threshold"] + p["beta"] * k)

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        leak, rho, beta, z, k = p["leak"], p["rho"], p["beta"], prev["z"], now["k"]
        x, adaptive, unit = self._distance(p, now["v"], k)
        psi = n.slope(spike(self.surrogate, strict=self.strict), x)
        psi = psi if self.scaling == "none" else psi / unit
        # d/dA of (v - A) / A is -v / A^2, of (v - A) / threshold -1 / threshold
        by_adaptive = -psi * (1 + x) if self.scaling == "adaptive_threshold" else -psi
        by_threshold = -psi * (1 + x) if self.scaling != "none" else -psi
        one, one_k = self.gain == "one", self.adaptation_gain == "one"
        out: dict[Link | Use, Any] = {
            DECAY: rho,
            ADAPTATION: 1 if one_k else 1 - rho,
            GAIN: p["resistance"] * (1 if one else 1 - leak),
            STATE: leak,
            OUTPUT: psi,
            THRESHOLD_STATE: by_adaptive * beta,
        }
        if self.bias:
            out[BIAS] = 1
        if self.reset == "threshold":
            out[RESET] = -p["threshold"]
        elif self.reset == "adaptive_threshold":
            out |= {RESET: -adaptive, RESET_HEIGHT: -beta * z}
        if "leak" in self.train:
            out[LEAK] = prev["v"] if one else prev["v"] - p["resistance"] * now["a"]
        if "rho" in self.train:
            out[RHO] = prev["k"] if one_k else prev["k"] - z
        if "threshold" in self.train:
            out |= {THRESHOLD: by_threshold, **({} if self.reset == "none" else {THRESHOLD_RESET: -z})}
        if "beta" in self.train:
            out |= {BETA: by_adaptive * k, **({BETA_RESET: -k * z} if self.reset == "adaptive_threshold" else {})}
        return out
