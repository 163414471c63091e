"""Leaky integrate-and-fire (mathematics.md 1.1): one cell, every convention an explicit option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import firing, options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers, Surrogate, spike

PARAMETERS = ("leak", "threshold")

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
GAIN = Link("v", "a")
STATE = Link("v", "v", lag=1, edge=Edge.STATE)
RESET = Link("v", "z", lag=1, edge=Edge.RESET)
OUTPUT = Link("z", "v")
BIAS = Use("a", "b")
LEAK = Use("v", "leak")
THRESHOLD_RESET = Use("v", "threshold")
THRESHOLD = Use("z", "threshold")
# of the stored membrane potential, where an output is it
KEPT, RESET_NOW = Link("stored", "v"), Link("stored", "z")
THRESHOLD_NOW = Use("stored", "threshold")


@dataclass(frozen=True)
class Lif:
    """Leaky integrate-and-fire neuron; v^t is the membrane potential that is compared with the threshold at step t.

    ======================  ==============================================================  ====
    reset                   update (' is the step before, I = gain (W x + H z' + b))         1.1
    ======================  ==============================================================  ====
    subtract_before_leak    v = leak (v' - threshold z') + I                                  A
    subtract_after_leak     v = leak v' - threshold z' + I                                    B
    hard                    v = leak (v' (1 - z') + reset_value z') + I                       C, C'
    hard_with_input         v = (1 - z') (leak v' + I) + reset_value z'
    none                    v = leak v' + I
    ======================  ==============================================================  ====

    Whether the reset is in the graph is not an option of the cell: it is the RESET edge of the rule.

    Parameters
    ----------
    leak, threshold : a number, or a tuple of one per unit. Ignored where `train` names them.
    reset, reset_value : see the table. With ``hard_with_input`` the input of the step after a spike is lost too, as in
        snnTorch's RLeaky with reset "zero".
    rest : the potential towards which v leaks: I has a further (1 - leak) rest. SpikingJelly's is its v_reset, and v
        starts there (`initial`).
    gain : ``one``, or ``one_minus_leak`` (the 1 / tau of ``decay_input``).
    surrogate : pseudo-derivative of the spike, taken at v - threshold.
    scaling : what psi's argument, and psi, are divided by: ``none``, or the ``threshold`` (`firing`).
    strict : fire at ``>`` rather than at ``>=``.
    stored : the variable that an implementation keeps between steps, ``pre`` or ``post`` reset. It changes reported
        states (`stored_state`), not gradients: the labelled edges are the same (mathematics.md 1.1). Where the output
        of a network is v (``Loss(node="v")``) it is the stored one: after the reset, v - threshold z or
        v (1 - z) + reset_value z of the same step.
    recurrent, bias : whether H and b exist.
    train : per-unit parameters that are trained, of ``leak``, ``threshold``.

    Examples
    --------
    >>> Lif(reset="none").links[1:]
    (Link(target='v', source='a', lag=0, edge=<Edge.SPACE: 'space'>, weight=None), \
Link(target='v', source='v', lag=1, edge=<Edge.STATE: 'state'>, weight=None), \
Link(target='z', source='v', lag=0, edge=<Edge.SPACE: 'space'>, weight=None))
    """

    name: ClassVar[str] = "lif"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.strictness(
            {True: "snnTorch, Norse, e-prop (TF), S-TLLR, TESS", False: "SpikingJelly, OTTT, SLTT, OTPE, NEST"}
        ),
        options.Convention(
            "reset",
            ("subtract_before_leak", "subtract_after_leak", "hard", "hard_with_input", "none"),
            {
                "subtract_before_leak": "SpikingJelly v_reset=None",
                "subtract_after_leak": "snnTorch reset_mechanism='subtract'",
                "hard": "SpikingJelly v_reset=0, Norse, snnTorch Leaky reset_mechanism='zero'",
                "hard_with_input": "snnTorch RLeaky reset_mechanism='zero'",
                "none": "snnTorch reset_mechanism='none'",
            },
        ),
        options.Convention(
            "gain",
            ("one", "one_minus_leak"),
            {
                "one": "snnTorch, SpikingJelly decay_input=False",
                "one_minus_leak": "SpikingJelly decay_input=True, Norse",
            },
        ),
        options.Convention(
            "stored", ("pre", "post"), {"pre": "snnTorch", "post": "SpikingJelly, Norse"}, forward=False
        ),
        firing.SCALING,
    )
    leak: Any = 0.9
    threshold: Any = 1.0
    reset: str = "subtract_before_leak"
    reset_value: Any = 0.0
    gain: str = "one"
    surrogate: Surrogate = Surrogate("sigmoid")
    strict: bool = False
    stored: str = "pre"
    recurrent: bool = False
    bias: bool = True
    train: tuple[str, ...] = ()
    rest: Any = 0.0
    scaling: str = "none"

    def __post_init__(self) -> None:
        options.check_unit_interval("leak", self.leak)
        options.check_conventions(self)
        options.check_trained(self.train, PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, membrane potential v, spike z."""
        return ("a", "v", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        lateral = (RECURRENT,) if self.recurrent else ()
        reset = () if self.reset == "none" else (RESET,)
        return (INPUT, *lateral, GAIN, STATE, *reset, OUTPUT)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where b, leak and threshold act; a subtractive reset also uses the threshold."""
        reset = (THRESHOLD_RESET,) if self.reset.startswith("subtract") else ()
        return (*((BIAS,) if self.bias else ()), LEAK, *reset, THRESHOLD)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b",) if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return leak, threshold, reset value and resting potential."""
        return {"leak": self.leak, "threshold": self.threshold, "reset_value": self.reset_value, "rest": self.rest}

    def _kept(self, p: Mapping[str, Array], prev: Nodes) -> Array:
        """Return the membrane potential that the leak multiplies."""
        v, z = prev["v"], prev["z"]
        if self.reset == "subtract_before_leak":
            return v - p["threshold"] * z
        if self.reset == "hard":
            return v * (1 - z) + p["reset_value"] * z
        return v

    def _charged(self, p: Mapping[str, Array], prev: Nodes, a: Array) -> Array:
        """Return leak, input and rest together."""
        v = p["leak"] * self._kept(p, prev) + (a if self.gain == "one" else (1 - p["leak"]) * a)
        return v + (1 - p["leak"]) * p["rest"] if self._rests else v

    @property
    def _rests(self) -> bool:
        return not (isinstance(self.rest, (int, float)) and self.rest == 0)

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a = drive("a", z=prev["z"])
        v = self._charged(p, prev, a)
        if self.reset == "subtract_after_leak":
            v = v - p["threshold"] * prev["z"]
        elif self.reset == "hard_with_input":
            v = (1 - prev["z"]) * v + p["reset_value"] * prev["z"]
        return {"a": a, "v": v, "z": n.apply(spike(self.surrogate, strict=self.strict), v - p["threshold"])}

    def stored_state(self, p: Mapping[str, Array], now: Nodes) -> Array:
        """Return the variable that an implementation with this option keeps: v, or v after this step's reset."""
        v, z = now["v"], now["z"]
        if self.stored == "pre" or self.reset == "none":
            return v
        return v * (1 - z) + p["reset_value"] * z if self.reset.startswith("hard") else v - p["threshold"] * z

    @property
    def reported(self) -> tuple[Link | Use, ...]:
        """What the stored membrane potential depends on, where it is not v."""
        if self.stored == "pre" or self.reset == "none":
            return ()
        return (KEPT, RESET_NOW, *(() if self.reset.startswith("hard") else (THRESHOLD_NOW,)))

    def reported_factors(self, p: Mapping[str, Array], now: Nodes) -> dict[Link | Use, Any]:
        """Return the derivatives of the stored membrane potential, where it is not v."""
        if self.reset.startswith("hard"):
            return {KEPT: 1 - now["z"], RESET_NOW: p["reset_value"] - now["v"]}
        out: dict[Link | Use, Any] = {KEPT: 1, RESET_NOW: now["z"] * 0 - p["threshold"]}
        return out | ({THRESHOLD_NOW: -now["z"]} if "threshold" in self.train else {})

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        leak, threshold = p["leak"], p["threshold"]
        psi, by_threshold = firing.slopes(
            n, self.surrogate, now["v"] - threshold, threshold, strict=self.strict, scaling=self.scaling
        )
        gain: Any = 1 if self.gain == "one" else 1 - leak
        wiped = self.reset == "hard_with_input"
        out: dict[Link | Use, Any] = {
            GAIN: gain * (1 - prev["z"]) if wiped else gain,
            STATE: leak * (1 - prev["z"]) if self.reset.startswith("hard") else leak,
            OUTPUT: psi,
        }
        if "leak" in self.train:
            kept = self._kept(p, prev)
            by_leak = kept if self.gain == "one" else kept - now["a"]
            by_leak = by_leak - p["rest"] if self._rests else by_leak
            out[LEAK] = by_leak * (1 - prev["z"]) if wiped else by_leak
        if "threshold" in self.train:
            out[THRESHOLD] = by_threshold
        if self.bias:
            out[BIAS] = 1
        if self.reset == "hard":
            out[RESET] = -leak * (prev["v"] - p["reset_value"])
        elif wiped:
            out[RESET] = p["reset_value"] - self._charged(p, prev, now["a"])
        elif self.reset != "none":
            scale = leak if self.reset == "subtract_before_leak" else leak * 0 + 1
            out[RESET] = -scale * threshold
            if "threshold" in self.train:
                out[THRESHOLD_RESET] = -scale * prev["z"]
        return out
