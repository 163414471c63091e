"""The literal implementations that are mutated, each with the claim that it makes when it is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcert.certify.claims import Claim
from gradcert.properties.gallery import claims, literal
from scripts.diagnosis.folded import folded

ROOM = Path(literal.__file__).parent
TRIANGLE = {"name": "triangle", "scale": 0.5, "width": 1.0}
PLAIN = {"reset": "subtract_before_leak", "recurrent": False, "bias": True, "train": (), "rest": 0.0, "gain": "one"}
EVERY = {"losses": ("squared_error",), "when": ("every",)}


@dataclass(frozen=True)
class Literal:
    """One implementation.

    Attributes
    ----------
    name : for the table.
    file : in `properties/gallery/literal`.
    claim : what it computes.
    options : keywords of its ``gradients``.
    held : whether it was held back while hypotheses were written.
    function : its name in the file.
    """

    name: str
    file: str
    claim: Claim
    options: Mapping[str, Any]
    held: bool = False
    function: str = "gradients"

    @property
    def source(self) -> str:
        """Its source, without the branches of faults."""
        return folded((ROOM / self.file).read_text(encoding="utf-8"))

    def compiled(self, source: str, *, file: str = "subject.py") -> Callable[[Any], Any]:
        """Return the function that a source defines."""
        module = ModuleType("subject")
        exec(compile(source, file, "exec"), module.__dict__)
        found = module.__dict__[self.function]
        return lambda problem: found(problem, **self.options)


def _literal(name: str, file: str, claim: Mapping[str, Any], *, held: bool = False, **options: Any) -> Literal:
    return Literal(name, file, Claim(**claim), options, held, options.pop("function", "gradients"))


LITERALS = (
    _literal(
        "BPTT, tanh, per sample",
        "by_hand/bptt_rnn.py",
        {
            **{"rule": "bptt", "cells": ("rnn",), "depths": (1, 2), **EVERY},
            "options": {"activation": "tanh", "recurrent": True, "bias": True},
        },
    ),
    _literal(
        "BPTT, LIF, backward loop",
        "by_hand/bptt_lif.py",
        {
            **{"rule": "bptt", "cells": ("lif",), "depths": (1, 2), **EVERY, **claims.HEAD},
            "options": {**PLAIN, "surrogate": TRIANGLE, "strict": False},
        },
    ),
    _literal(
        "OTTT, LIF, traces",
        "by_hand/ottt_lif.py",
        {
            **{"rule": "ottt", "cells": ("lif",), "depths": (1, 2), **claims.HEAD},
            **{"losses": ("cross_entropy",), "when": ("every",), "time": "mean", "batch": "mean"},
            "options": {**PLAIN, "surrogate": {"name": "sigmoid", "scale": 4.0}, "strict": False},
        },
    ),
    _literal(
        "e-prop, LIF, leaky readout",
        "by_hand/e_prop_lif.py",
        {
            **{"rule": "e-prop", "cells": ("lif",), "depths": (1,), **EVERY, "readout": "integrator"},
            "readout_options": {"kappa": 0.75, "train": (), "gain": "one", "bias": True},
            "options": {
                **{**PLAIN, "reset": "subtract_after_leak", "recurrent": True},
                **{"surrogate": TRIANGLE, "strict": False},
            },
        },
    ),
    _literal(
        "BPTT, LSTM, backward loop",
        "by_hand/bptt_lstm.py",
        {
            **{"rule": "bptt", "cells": ("lstm",), "depths": (1,), **EVERY},
            "options": {"peepholes": False, "bias": True},
        },
        held=True,
    ),
    _literal(
        "BPTT, GRU, backward loop",
        "by_hand/bptt_gru.py",
        {
            **{"rule": "bptt", "cells": ("gru",), "depths": (1,), **EVERY},
            "options": {"reset": "after", "bias": True},
        },
        held=True,
    ),
    _literal(
        "BPTT, LIF, autograd",
        "by_hand/bptt_lif_torch.py",
        {
            **{"rule": "bptt", "cells": ("lif",), "depths": (1, 2), **EVERY, **claims.HEAD},
            "options": {
                **{**PLAIN, "reset": "subtract_after_leak", "recurrent": True},
                **{"surrogate": TRIANGLE, "strict": False},
            },
        },
    ),
    _literal(
        "BPTT, reset detached, autograd",
        "by_hand/detached_reset_torch.py",
        {
            **{"rule": "bptt-detached-reset", "cells": ("lif",), "depths": (1,), **EVERY, **claims.HEAD},
            "options": {
                **{**PLAIN, "reset": "hard", "recurrent": True, "reset_value": 0.0},
                **{"surrogate": {"name": "sigmoid", "scale": 4.0}, "strict": False},
            },
        },
    ),
    _literal(
        "OTTT, LIF, autograd and detach",
        "by_hand/ottt_torch.py",
        {
            **{"rule": "ottt", "cells": ("lif",), "depths": (1, 2), **EVERY, **claims.HEAD},
            "options": {**PLAIN, "surrogate": TRIANGLE, "strict": False},
        },
        held=True,
    ),
    _literal(
        "OTTT, LIF, scan",
        "by_hand/ottt_scan.py",
        {
            **{"rule": "ottt", "cells": ("lif",), "depths": (1, 2), **EVERY, **claims.HEAD},
            "options": {**PLAIN, "surrogate": TRIANGLE, "strict": False},
        },
    ),
    _literal(
        "RTRL, tanh, per sample",
        "by_hand/rtrl_rnn.py",
        {
            **{"rule": "rtrl", "cells": ("rnn",), "depths": (1,), **EVERY},
            "options": {"activation": "tanh", "recurrent": True, "bias": True},
        },
    ),
    _literal(
        "OSTTP, LIF, traces",
        "by_hand/osttp_lif.py",
        {
            **{"rule": "osttp", "cells": ("lif",), "depths": (1, 2), **EVERY, **claims.HEAD},
            "options": {**PLAIN, "surrogate": TRIANGLE, "strict": False},
        },
    ),
    _literal(
        "e-prop, random feedback, scan",
        "by_hand/e_prop_random.py",
        {
            **{"rule": "e-prop-random", "cells": ("lif",), "depths": (1,), **EVERY, "readout": "integrator"},
            "readout_options": {"kappa": 0.75, "train": (), "gain": "one", "bias": True},
            "options": {**PLAIN, "surrogate": TRIANGLE, "strict": False},
        },
        held=True,
    ),
    _literal(
        "BPTT, LSTM, autograd",
        "by_hand/bptt_lstm_torch.py",
        {
            **{"rule": "bptt", "cells": ("lstm",), "depths": (1, 2), **EVERY},
            "options": {"peepholes": False, "bias": True},
        },
    ),
    _literal(
        "RFLO, leaky rate units",
        "by_hand/rflo_rnn.py",
        {
            **{"rule": "rflo", "cells": ("leaky_rnn",), "depths": (1,), **EVERY, **claims.HEAD},
            "options": {"activation": "tanh", "recurrent": True, "bias": True, "train": ()},
        },
        held=True,
    ),
    _literal(
        "BPTT, ALIF, backward loop",
        "by_hand/bptt_alif.py",
        {
            **{"rule": "bptt", "cells": ("alif",), "depths": (1,), **EVERY, "readout": "integrator"},
            "readout_options": {"kappa": 0.75, "train": (), "gain": "one", "bias": True},
            "options": {
                **{"gain": "one", "adaptation_gain": "one", "reset": "threshold", "scaling": "none"},
                **{"resistance": 1.0, "recurrent": True, "bias": True, "train": (), "strict": True},
                "surrogate": {"name": "triangle", "scale": 0.3, "width": 1.0},
            },
        },
    ),
    _literal(
        "Truncated BPTT, tanh, autograd",
        "by_hand/tbptt_torch.py",
        {
            **{"rule": "tbptt-chunks", "cells": ("rnn",), "depths": (1, 2), **EVERY},
            "options": {"activation": "tanh", "recurrent": True, "bias": True},
        },
        held=True,
    ),
    _literal("OSTL, SNU, tensors", "snu.py", claims.OSTL_SNU),
    _literal("OSTL, LIF, tensors", "lif.py", claims.OSTL_LIF),
    _literal("SLTT, LIF, tensors", "lif.py", claims.SLTT, keep=(), held=True),
    _literal("e-prop, ALIF", "alif.py", claims.E_PROP_ALIF, held=True),
    _literal("RTRL, GRU", "gated.py", claims.GRU, held=True),
    _literal("RTRL, LSTM", "gated.py", claims.LSTM),
    _literal("SnAp-1, dense mask", "influence.py", claims.SNAP_1, function="snap"),
)
