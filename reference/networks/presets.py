"""What the neurons of libraries and papers are, in the options of our cells, with the row that their autograd computes.

Read from the code of each (mathematics.md 1.1, 1.2, 7.1, 7.3) and compared with the libraries themselves where they
are installed. Arguments are named as in the source; leak is beta, 1 - 1 / tau, or exp(-dt / tau).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.cells import Alif, Lif
from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.network import Network
from gradcert.reference.numbers import FLOAT64, Array, Numbers, Surrogate


@dataclass(frozen=True)
class Preset:
    """A cell, the row of the rule table that its source computes on it, and the source."""

    cell: Cell
    rule: str
    source: str


def snntorch_leaky(
    *,
    beta: float,
    threshold: float = 1.0,
    reset_mechanism: str = "subtract",
    surrogate: Surrogate = Surrogate("atan"),
    recurrent: bool = False,
) -> Preset:
    """Return ``snntorch.Leaky``, or ``RLeaky`` with all-to-all weights: fires at ``>``, the reset is detached.

    ``reset_mechanism="zero"`` spares the input of the next step in ``Leaky`` and loses it in ``RLeaky``.

    Examples
    --------
    >>> preset = snntorch_leaky(beta=0.9)
    >>> preset.rule, preset.cell.reset
    ('bptt-detached-reset', 'subtract_after_leak')
    """
    resets = {"subtract": "subtract_after_leak", "zero": "hard_with_input" if recurrent else "hard", "none": "none"}
    if reset_mechanism not in resets:
        raise GradcertError(f"reset_mechanism={reset_mechanism!r}", allowed=", ".join(resets))
    reset = resets[reset_mechanism]
    cell = Lif(leak=beta, threshold=threshold, reset=reset, surrogate=surrogate, strict=True, recurrent=recurrent)
    return Preset(cell, "bptt-detached-reset", "snnTorch 1.0.0, RLeaky" if recurrent else "snnTorch 1.0.0, Leaky")


def spikingjelly_lif(
    *,
    tau: float = 2.0,
    v_threshold: float = 1.0,
    v_reset: float | None = 0.0,
    decay_input: bool = True,
    detach_reset: bool = False,
    surrogate: Surrogate = Surrogate("sigmoid"),
) -> Preset:
    """Return SpikingJelly's ``LIFNode``: fires at ``>=``, hard reset unless ``v_reset`` is None.

    A ``v_reset`` other than 0 is also the resting potential, and v starts there: pass ``initial=at_rest(...)``.

    Examples
    --------
    >>> preset = spikingjelly_lif(tau=4.0)
    >>> preset.rule, preset.cell.leak, preset.cell.gain
    ('bptt', 0.75, 'one_minus_leak')
    """
    cell = Lif(
        leak=1 - 1 / tau,
        threshold=v_threshold,
        reset="subtract_before_leak" if v_reset is None else "hard",
        reset_value=v_reset or 0.0,
        rest=v_reset or 0.0,
        gain="one_minus_leak" if decay_input else "one",
        surrogate=surrogate,
        stored="post",
    )
    return Preset(cell, "bptt-detached-reset" if detach_reset else "bptt", "SpikingJelly 2.0.0, LIFNode")


def norse_lif_box(*, leak: float, v_th: float = 1.0) -> Preset:
    """Return norse's ``lif_box_feed_forward_step`` with ``dt tau_mem_inv = 1 - leak``: fires at ``>``, hard reset.

    Its SuperSpike is 1 / (1 + |x|)^2 for every ``alpha``.

    Examples
    --------
    >>> norse_lif_box(leak=0.9).cell.surrogate.label
    'fast_sigmoid(slope=1.0)'
    """
    surrogate = Surrogate("fast_sigmoid", slope=1.0)
    cell = Lif(
        leak=leak, threshold=v_th, reset="hard", gain="one_minus_leak", surrogate=surrogate, strict=True, stored="post"
    )
    return Preset(cell, "bptt", "norse 1.1.0, lif_box_feed_forward_step")


def ottt(*, tau: float = 2.0, v_threshold: float = 1.0) -> Preset:
    """Return the neuron of the OTTT authors: fires at ``>=``, subtracts before the leak, sigmoid of slope 4.

    Their code leaves the first layer's input and all biases without a trace; the row `ottt` has both.

    Examples
    --------
    >>> ottt().cell.leak, ottt().rule
    (0.5, 'ottt')
    """
    cell = Lif(leak=1 - 1 / tau, threshold=v_threshold, surrogate=Surrogate("sigmoid", scale=4.0), stored="post")
    return Preset(cell, "ottt", "pkuxmq/OTTT-SNN, modules/neuron.py")


def sltt(*, tau: float = 1.1, v_threshold: float = 1.0) -> Preset:
    """Return the neuron of the SLTT authors: that of OTTT with a leak of about 0.09 and a triangle.

    SpikingJelly's SLTT node resets hard and scales its input: `spikingjelly_lif` with the row `sltt`.

    Examples
    --------
    >>> round(sltt().cell.leak, 3)
    0.091
    """
    surrogate = Surrogate("piecewise_quadratic", scale=1.0)
    cell = Lif(leak=1 - 1 / tau, threshold=v_threshold, surrogate=surrogate, stored="post")
    return Preset(cell, "sltt", "qymeng94/SLTT, modules/neuron.py")


def alif_e_prop(
    *,
    tau: float = 20.0,
    tau_adaptation: float = 200.0,
    threshold: float = 1.0,
    beta: float = 0.2,
    dampening: float = 0.3,
    recurrent: bool = True,
) -> Preset:
    """Return the ALIF neuron of e-prop, psi = (dampening / threshold) max(0, 1 - |v - A| / threshold).

    Self-connections are absent: give H a ``Dense(inputs=n, units=n, absent=...)``. Time constants in steps.

    Examples
    --------
    >>> alif_e_prop().cell.scaling
    'threshold'
    """
    cell = Alif(
        leak=math.exp(-1 / tau),
        rho=math.exp(-1 / tau_adaptation),
        threshold=threshold,
        beta=beta,
        scaling="threshold",
        surrogate=Surrogate("triangle", scale=dampening, width=1.0),
        recurrent=recurrent,
    )
    return Preset(cell, "e-prop", "IGITUGraz/eligibility_propagation, EligALIF")


def alif_light(
    *,
    tau: float = 20.0,
    tau_adaptation: float = 200.0,
    threshold: float = 0.01,
    beta: float = 0.16,
    dampening: float = 0.3,
    recurrent: bool = True,
) -> Preset:
    """Return LightALIF: input and adaptation scaled by 1 - leak and 1 - rho, psi relative to the adaptive threshold.

    It is the e-prop form with ``threshold / (1 - leak)`` and ``beta (1 - rho) / (1 - leak)`` (mathematics.md 1.2),
    but for the pseudo-derivative.

    Examples
    --------
    >>> alif_light().cell.adaptation_gain
    'one_minus_rho'
    """
    cell = Alif(
        leak=math.exp(-1 / tau),
        rho=math.exp(-1 / tau_adaptation),
        threshold=threshold,
        beta=beta,
        gain="one_minus_leak",
        adaptation_gain="one_minus_rho",
        scaling="adaptive_threshold",
        surrogate=Surrogate("triangle", scale=dampening, width=1.0),
        recurrent=recurrent,
    )
    return Preset(cell, "e-prop", "IGITUGraz/eligibility_propagation, LightALIF")


def alif_yin(
    *,
    tau: float = 20.0,
    tau_adaptation: float = 100.0,
    threshold: float = 0.01,
    beta: float = 1.8,
    resistance: float = 1.0,
    recurrent: bool = True,
) -> Preset:
    """Return the ALIF neuron of Yin et al.; ``threshold=0.01, beta=1.8`` on SHD, ``1.6, 0.184`` on GSC.

    Examples
    --------
    >>> alif_yin().cell.reset
    'adaptive_threshold'
    """
    cell = Alif(
        leak=math.exp(-1 / tau),
        rho=math.exp(-1 / tau_adaptation),
        threshold=threshold,
        beta=beta,
        resistance=resistance,
        reset="adaptive_threshold",
        gain="one_minus_leak",
        adaptation_gain="one_minus_rho",
        surrogate=Surrogate("multi_gaussian", sigma=0.5),
        recurrent=recurrent,
    )
    return Preset(cell, "bptt", "byin-cwi/Efficient-spiking-networks")


PRESETS: dict[str, Callable[..., Preset]] = {
    preset.__name__: preset
    for preset in (snntorch_leaky, spikingjelly_lif, norse_lif_box, ottt, sltt, alif_e_prop, alif_light, alif_yin)
}


def at_rest(network: Network, batch: int, *, numbers: Numbers = FLOAT64) -> dict[str, Array]:
    """Return the initial membrane potentials of LIF layers whose resting potential is not 0, for ``initial=``.

    Examples
    --------
    >>> from gradcert.reference.networks import Layer
    >>> network = Network(layers=(Layer(spikingjelly_lif(v_reset=0.25).cell, inputs=2, units=3),))
    >>> at_rest(network, 1)
    {'layers.0.v': array([[0.25, 0.25, 0.25]])}
    """
    out = {}
    for i, layer in enumerate(network.layers):
        cell: Any = layer.cell
        if cell.name == "lif" and cell.rest != 0:
            rest = numbers.array(cell.rest)
            out[f"layers.{i}.v"] = numbers.zeros((batch, layer.units)) + rest
    return out
