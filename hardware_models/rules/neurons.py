"""The forward pass of one layer: leaky integrate-and-fire with soft or hard reset, lateral weights, adaptation."""

from __future__ import annotations

from dataclasses import dataclass

from gradcert.hardware_models.arithmetic import Format
from gradcert.hardware_models.description.build import BIT, Builder
from gradcert.hardware_models.description.program import Node, Numeric
from gradcert.hardware_models.profile import Profile
from gradcert.hardware_models.rules.pieces import leaked, staircase, weighted, weights


@dataclass(frozen=True)
class Layer:
    """What a rule needs from the forward pass. Registers hold the previous step's values."""

    x: Node
    w: Node
    h: Node | None
    v: Node
    z: Node
    lateral: Node | None
    v_next: Node
    z_next: Node
    psi: Node


def layer(
    b: Builder, p: Profile, *, recurrent: bool, reset: str, self_connections: bool = False, adaptive: bool = False
) -> Layer:
    """Describe one step of a layer (mathematics.md 1.1 forms B and C, 1.2).

    Parameters
    ----------
    recurrent : lateral weights H from the layer's own spikes of the previous step.
    reset : `soft` (form B: subtract the threshold), `leaked` (form A: subtract before the leak) or `hard` (form C).
    self_connections : whether H has a diagonal.
    adaptive : ALIF, the threshold rises with a = rho a + z.
    """
    membrane = p["membrane"]
    x = b.input("x", Format(False, 1, 0), ("pre",))
    w = weights(b, p, "W", ("post", "pre"))
    v = b.state("v", membrane.format, ("post",))
    z = b.state("z", Format(False, 1, 0), ("post",))
    drive = weighted(b, p, "drive.in", w, x, "pre")
    h = lateral = None
    if recurrent:
        h = weights(b, p, "H", ("post", "rec"))
        lateral = b.rename("z.lateral", z, ("rec",))
        used = h
        if not self_connections:
            size = b.sizes["post"]
            mask = [int(i != j) for i in range(size) for j in range(size)]
            used = b.mul(
                "H.masked", h, b.constant("H.mask", BIT.format, mask, ("post", "rec")), Numeric(h.numeric.format)
            )
        drive = b.add("drive", drive, weighted(b, p, "drive.rec", used, lateral, "rec"), p["current"])
    threshold = b.constant("threshold", membrane.format, p.threshold)
    zero = b.constant("v.zero", membrane.format, 0)
    if reset == "leaked":
        kept = leaked(
            b, p, "v.leaked", p.leak, b.sub("v.after", v, b.mul("v.jump", threshold, z, membrane), membrane), "membrane"
        )
    elif reset == "soft":
        decayed = leaked(b, p, "v.leaked", p.leak, v, "membrane")
        kept = b.sub("v.kept", decayed, b.mul("v.jump", threshold, z, membrane), membrane)
    else:
        kept = b.select("v.kept", z, zero, leaked(b, p, "v.leaked", p.leak, v, "membrane"), membrane)
    v_next = b.add("v.next", kept, drive, membrane)
    level = threshold
    if adaptive:
        adaptation = p["adaptation"]
        a = b.state("a", adaptation.format, ("post",))
        a_next = b.add("a.next", leaked(b, p, "a.leaked", p.adaptation_leak, a, "adaptation"), z, adaptation)
        b.next(a, a_next)
        strength = b.constant("beta", p.leak_format, p.adaptation_strength)
        level = b.add("A", threshold, b.mul("a.raise", strength, a_next, membrane), membrane)
    distance = b.sub("distance", v_next, level, membrane)
    z_next = b.ge("z.next", distance, zero)
    b.next(v, v_next)
    b.next(z, z_next)
    return Layer(x, w, h, v, z, lateral, v_next, z_next, staircase(b, p, "psi", distance))
