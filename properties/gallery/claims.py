"""The claims that members of the gallery make; options are fixed wherever an implementation knows one convention."""

from __future__ import annotations

from typing import Any

HEAD: dict[str, Any] = {"readout": "rnn", "readout_options": {"activation": "identity", "recurrent": False}}
LEAKY: dict[str, Any] = {"readout": "integrator", "readout_options": {"kappa": 0.75, "train": ()}}
RESETS = ["subtract_before_leak", "subtract_after_leak", "hard", "none"]

OSTL_SNU: dict[str, Any] = {"rule": "ostl", "cells": ("snu", "ssnu"), "depths": (1, 2)}
LIF: dict[str, Any] = {"reset": RESETS, "scaling": "none"}
OSTL_LIF: dict[str, Any] = {"rule": "ostl", "cells": ("lif",), "depths": (1, 2), "options": LIF}
OTTT: dict[str, Any] = {**OSTL_LIF, "rule": "ottt"}
SLTT: dict[str, Any] = {**OSTL_LIF, "rule": "sltt"}
DETACHED: dict[str, Any] = {**OSTL_LIF, "rule": "bptt-detached-reset", "depths": (1,)}
E_PROP: dict[str, Any] = {**OSTL_LIF, "rule": "e-prop", "depths": (1,), **LEAKY}
E_PROP_RANDOM: dict[str, Any] = {**E_PROP, "rule": "e-prop-random"}
OSTTP: dict[str, Any] = {**OSTL_LIF, "rule": "osttp", "time": "mean", **HEAD}
E_PROP_ALIF: dict[str, Any] = {
    "rule": "e-prop",
    "cells": ("alif",),
    "depths": (1,),
    "options": {
        "gain": "one",
        "adaptation_gain": "one",
        "reset": "threshold",
        "scaling": "none",
        "resistance": 1.0,
    },
    **LEAKY,
}
SCALED_ALIF: dict[str, Any] = {
    **E_PROP_ALIF,
    "options": {**E_PROP_ALIF["options"], "scaling": "threshold", "train": ()},
}
LSTM: dict[str, Any] = {"rule": "ostl", "cells": ("lstm",), "depths": (1,)}
GRU: dict[str, Any] = {"rule": "ostl", "cells": ("gru",), "depths": (1,), "options": {"bias": True}}
RATE: dict[str, Any] = {"rule": "bptt", "cells": ("rnn",), "depths": (1,)}
SNAP_1: dict[str, Any] = {**RATE, "rule": "snap-1", "options": {"recurrent": True}}
SNAP_2: dict[str, Any] = {**SNAP_1, "rule": "snap-2"}
OWN_LIF: dict[str, Any] = {
    "cells": ("lif",),
    "depths": (1, 2),
    "losses": ("squared_error",),
    "options": {
        "reset": "subtract_before_leak",
        "gain": "one",
        "recurrent": False,
        "bias": True,
        "train": (),
        "rest": 0.0,
        "scaling": "none",
        "leak": [0.5, 0.25, 0.75],
        "threshold": [0.5, 0.75, 1.5],
    },
    **HEAD,
}


def with_options(claim: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the claim with some options fixed."""
    return {**claim, "options": {**claim.get("options", {}), **options}}


def at_depth(claim: dict[str, Any], *depths: int) -> dict[str, Any]:
    """Return the claim for other depths."""
    return {**claim, "depths": depths}
