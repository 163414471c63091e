"""Names of cells that are another cell with options of its own: what a library's users know it by.

``cuba``, the current-based neuron of Lava and its SLAYER: i = (1 - current decay) i' + W x, v = (1 - voltage decay) v'
+ i, v = 0 after a spike. That is ``synaptic`` with the new current, a hard reset to 0 and no gains, rho and leak being
one less the decays. Whether a unit spikes at its threshold or above it is left to ``strict``; numbers are real.
"""

from __future__ import annotations

from typing import Any

from gradcert.reference.errors import GradcertError

ALIASES: dict[str, tuple[str, dict[str, Any]]] = {
    "cuba": ("synaptic", {"order": "new", "reset": "hard", "gain": "one", "current_gain": "one"}),
}


def set_aliases(claim: Any) -> None:
    """Replace such names in a claim that is being made by the cell, and options by those of the name and its own.

    Raises
    ------
    GradcertError : for such a name beside other cells, whose options would be meant as well.
    """
    for name, (cell, options) in ALIASES.items():
        if name in claim.cells:
            if claim.cells != (name,):
                do = f"layers, or cells = [{cell!r}, ...] with its options"
                raise GradcertError(f"{name} beside {', '.join(c for c in claim.cells if c != name)}", do=do)
            object.__setattr__(claim, "cells", (cell,))
            object.__setattr__(claim, "options", {**options, **claim.options})
        if claim.readout == name:
            object.__setattr__(claim, "readout", cell)
            object.__setattr__(claim, "readout_options", {**options, **claim.readout_options})
        usual = {k: claim.options.get(k, v) for k, v in options.items()}  # what is said of all layers wins
        layers = (
            {"cell": cell, "options": {**usual, **layer["options"]}} if layer["cell"] == name else layer
            for layer in claim.layers
        )
        object.__setattr__(claim, "layers", tuple(layers))
