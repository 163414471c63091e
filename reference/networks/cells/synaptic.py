"""Leaky integrate-and-fire behind a synaptic current (mathematics.md 1.7): snnTorch, Norse, NIR's CubaLIF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import firing, options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers, Surrogate, spike

PARAMETERS = ("leak", "rho", "threshold")

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
CHARGE = Link("i", "a")
DECAY = Link("i", "i", lag=1, edge=Edge.STATE)
NEW = Link("v", "i")
OLD = Link("v", "i", lag=1, edge=Edge.STATE)
STATE = Link("v", "v", lag=1, edge=Edge.STATE)
RESET = Link("v", "z", lag=1, edge=Edge.RESET)
OUTPUT = Link("z", "v")
BIAS, RHO, LEAK = Use("a", "b"), Use("i", "rho"), Use("v", "leak")
THRESHOLD_RESET, THRESHOLD = Use("v", "threshold"), Use("z", "threshold")


@dataclass(frozen=True)
class Synaptic:
    """LIF neuron that is driven by a current i with a decay of its own; v is compared with the threshold at step t.

    ::

        i = rho i' + [1 or 1 - rho] (W x + H z' + b)            I = [1 or 1 - leak] [i or i']
        z = step(v - threshold)

    ======================  ==========================================  =================================
    reset                   v, with u = leak v' + I                     found in
    ======================  ==========================================  =================================
    subtract_after_leak     u - threshold z'                            snnTorch reset_mechanism subtract
    subtract_before_leak    leak (v' - threshold z') + I                SpikingJelly v_reset=None
    hard                    leak (v' (1 - z') + reset_value z') + I     Norse, NIR
    hard_with_input         (1 - z') u + reset_value z'                 snnTorch reset_mechanism zero
    none                    u
    ======================  ==========================================  =================================

    Parameters
    ----------
    leak, rho, threshold : decay of v and of i, numbers or tuples of one per unit. Ignored where `train` names them.
    order : whether v is driven by the ``new`` current, which has this step's input, or the ``old`` one: then an input
        takes a step more to reach a spike, and i' drives v through an edge of its own, a STATE.
    reset, reset_value : see the table.
    gain : ``one``, or ``one_minus_leak`` on the current's way into v.
    current_gain : ``one``, or ``one_minus_rho`` on the input's way into i.
    surrogate, strict, scaling, recurrent, bias : as for `Lif`.
    train : per-unit parameters that are trained, of ``leak``, ``rho``, ``threshold``.

    Examples
    --------
    >>> [(link.target, link.source, link.edge.value) for link in Synaptic(order="old").links if link.lag]
    [('i', 'i', 'state'), ('v', 'i', 'state'), ('v', 'v', 'state'), ('v', 'z', 'reset')]
    """

    name: ClassVar[str] = "synaptic"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.strictness({True: "snnTorch, Norse, NIR", False: "SpikingJelly"}),
        options.Convention("order", ("new", "old"), {"new": "snnTorch Synaptic, Lava", "old": "Norse lif_step"}),
        options.Convention(
            "reset",
            ("subtract_after_leak", "subtract_before_leak", "hard", "hard_with_input", "none"),
            {
                "subtract_after_leak": "snnTorch reset_mechanism='subtract'",
                "hard": "Norse, NIR",
                "hard_with_input": "snnTorch reset_mechanism='zero'",
                "none": "snnTorch reset_mechanism='none'",
            },
        ),
        options.Convention("gain", ("one", "one_minus_leak"), {"one": "snnTorch", "one_minus_leak": "Norse, NIR"}),
        options.Convention(
            "current_gain", ("one", "one_minus_rho"), {"one": "snnTorch, Norse", "one_minus_rho": "NIR"}
        ),
        firing.SCALING,
    )
    leak: Any = 0.9
    rho: Any = 0.8
    threshold: Any = 1.0
    order: str = "new"
    reset: str = "subtract_after_leak"
    reset_value: Any = 0.0
    gain: str = "one"
    current_gain: str = "one"
    surrogate: Surrogate = Surrogate("atan")
    strict: bool = True
    recurrent: bool = False
    bias: bool = True
    train: tuple[str, ...] = ()
    scaling: str = "none"

    def __post_init__(self) -> None:
        options.check_unit_interval("leak", self.leak)
        options.check_unit_interval("rho", self.rho)
        options.check_conventions(self)
        options.check_trained(self.train, PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, current i, membrane potential v, spike z."""
        return ("a", "i", "v", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        lateral = (RECURRENT,) if self.recurrent else ()
        reset = () if self.reset == "none" else (RESET,)
        return (INPUT, *lateral, CHARGE, DECAY, self._driving, STATE, *reset, OUTPUT)

    @property
    def _driving(self) -> Link:
        return NEW if self.order == "new" else OLD

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where b, rho, leak and threshold act; a subtractive reset also uses the threshold."""
        reset = (THRESHOLD_RESET,) if self.reset.startswith("subtract") else ()
        return (*((BIAS,) if self.bias else ()), RHO, LEAK, *reset, THRESHOLD)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b",) if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return leak, rho, threshold and reset value."""
        return {name: getattr(self, name) for name in (*PARAMETERS, "reset_value")}

    def _kept(self, p: Mapping[str, Array], prev: Nodes) -> Array:
        """Return the membrane potential that the leak multiplies."""
        v, z = prev["v"], prev["z"]
        if self.reset == "subtract_before_leak":
            return v - p["threshold"] * z
        return v * (1 - z) + p["reset_value"] * z if self.reset == "hard" else v

    def _charged(self, p: Mapping[str, Array], prev: Nodes, current: Array) -> Array:
        """Return leak and current together."""
        return p["leak"] * self._kept(p, prev) + (current if self.gain == "one" else (1 - p["leak"]) * current)

    def _current(self, prev: Nodes, now: Nodes) -> Array:
        return now["i"] if self.order == "new" else prev["i"]

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a = drive("a", z=prev["z"])
        now = {"a": a, "i": p["rho"] * prev["i"] + (a if self.current_gain == "one" else (1 - p["rho"]) * a)}
        v = self._charged(p, prev, self._current(prev, now))
        if self.reset == "subtract_after_leak":
            v = v - p["threshold"] * prev["z"]
        elif self.reset == "hard_with_input":
            v = (1 - prev["z"]) * v + p["reset_value"] * prev["z"]
        return {**now, "v": v, "z": n.apply(spike(self.surrogate, strict=self.strict), v - p["threshold"])}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        leak, rho, threshold, z = p["leak"], p["rho"], p["threshold"], prev["z"]
        psi, by_threshold = firing.slopes(
            n, self.surrogate, now["v"] - threshold, threshold, strict=self.strict, scaling=self.scaling
        )
        one, one_i, wiped = self.gain == "one", self.current_gain == "one", self.reset == "hard_with_input"
        current = self._current(prev, now)
        gain: Any = 1 if one else 1 - leak
        out: dict[Link | Use, Any] = {
            CHARGE: 1 if one_i else 1 - rho,
            DECAY: rho,
            self._driving: gain * (1 - z) if wiped else gain,
            STATE: leak * (1 - z) if self.reset.startswith("hard") else leak,
            OUTPUT: psi,
        }
        if self.bias:
            out[BIAS] = 1
        if self.reset == "hard":
            out[RESET] = -leak * (prev["v"] - p["reset_value"])
        elif wiped:
            out[RESET] = p["reset_value"] - self._charged(p, prev, current)
        elif self.reset != "none":
            out[RESET] = -threshold * (leak if self.reset == "subtract_before_leak" else 1)
        if "rho" in self.train:
            out[RHO] = prev["i"] if one_i else prev["i"] - now["a"]
        if "leak" in self.train:
            kept = self._kept(p, prev)
            by_leak = kept if one else kept - current
            out[LEAK] = by_leak * (1 - z) if wiped else by_leak
        if "threshold" in self.train:
            out[THRESHOLD] = by_threshold
            if self.reset.startswith("subtract"):
                out[THRESHOLD_RESET] = -z * (leak if self.reset == "subtract_before_leak" else 1)
        return out
