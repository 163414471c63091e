"""Traps T69 to T83 of mathematics.md 14.5: OTTT's relatives, OTPE, S-TLLR, NDOT, rate-based backpropagation."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import lif, own_trace
from gradcert.reference import RULES
from gradcert.reference.engines import majorant
from gradcert.reference.estimators import ESTIMATORS

CLASS = "traces of their own"
S_TLLR = {"lq": 0.5, "lp": 0.75, "a_post": -0.5, "a_pre": 1.0}
LONG = {"steps": (3, 4)}


def reference(name: str, **options: Any) -> Any:
    """Return the reference's function of a rule that is no row, as what is expected."""
    return partial(_reference, name, options)


def _reference(name: str, options: Any, p: Any) -> Any:
    return ESTIMATORS[name].gradients(p.network, p.parameters, p.inputs, p.targets, numbers=p.numbers, **options)


def ndot_majorant(p: Any) -> Any:
    """Return a bound for NDOT: its decay never exceeds the leak, so that OTTT's majorant bounds it."""
    return majorant(p.network, p.parameters, p.inputs, p.targets, rule=RULES["ottt"])


def _claim(name: str, *depths: int) -> dict[str, Any]:
    settings = S_TLLR if name == "s-tllr" else {}
    return {**claims.OWN_LIF, "rule": name, "depths": depths or (1, 2), "settings": settings}


_ottt = partial(bug, CLASS, partial(lif.gradients, keep=("state",)), claims.OTTT)
_s_tllr = partial(bug, CLASS, own_trace.s_tllr, _claim("s-tllr"), expected=reference("s-tllr", **S_TLLR), limits=LONG)
_otpe = partial(bug, CLASS, own_trace.otpe, _claim("otpe", 2), expected=reference("otpe"), limits=LONG)
_ndot = partial(
    bug, CLASS, own_trace.ndot, _claim("ndot", 2), expected=reference("ndot"), majorant=ndot_majorant, limits=LONG
)
_rate = partial(bug, CLASS, own_trace.rate_based, _claim("rate-based"), expected=reference("rate-based"), limits=LONG)

ENTRIES: tuple[Entry, ...] = (
    _ottt("T69", "first_layer_untraced", "the first layer without a trace"),
    _ottt(
        "T72",
        "spikes_for_traces",
        "spikes handed on as traces",
        claim=claims.at_depth(claims.OTTT, 2),
    ),
    _ndot("T73", "ratio_of_own_layer", "the ratio of the wrong layer", fault="T73 layer", claim={**_claim("ndot", 2)}),
    _ndot("T73", "ratio_by_zero", "a ratio with a zero denominator", fault="T73 zero"),
    _ndot("T73", "ratio_unclamped", "a ratio without clamp", fault="T73 clamp"),
    _s_tllr("T74", "current_slope", "the acausal trace includes the current psi", fault="T74 current"),
    _s_tllr("T74", "factor_short", "the acausal trace lacks one factor", fault="T74 factor"),
    _s_tllr("T75", "parameter_order", "the parameters in another order"),
    _otpe("T76", "filter_on_last_layer", "the second filter on the last layer too", fault="T76 last"),
    _otpe("T76", "filter_of_own_leak", "the second filter with the layer's own leak", fault="T76 leak"),
    _otpe("T76", "no_membrane_trace", "no membrane trace, a single filter", fault="T76 membrane"),
    _otpe("T77", "updated_twice", "E updated twice per step"),
    _rate("T82", "kappa_of_new_slope", "kappa with psi of step t", fault="T82 step"),
    _rate("T82", "kappa_with_unit_threshold", "kappa with threshold = 1", fault="T82 threshold"),
)
