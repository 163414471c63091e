"""Options of a claim in one form: pseudo-derivatives as formulas, what is said beside a cell's own options in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.certify.claims.surrogates import with_formulas
from gradcert.reference.networks import EXTRAS, extra


def in_full(options: Any) -> Any:
    """Return options in one form, whatever they were given in; what is not a mapping is left for others to refuse.

    Examples
    --------
    >>> in_full({"standardised": True, "normalised": [False, {"epsilon": 0.1}]})["standardised"]
    {'weights': [], 'epsilon': 1e-05}
    """
    options = with_formulas(options)
    if not isinstance(options, Mapping) or not set(EXTRAS) & set(options):
        return options
    out = {k: _in_full(k, v) if k in EXTRAS else v for k, v in options.items()}
    return {k: v for k, v in out.items() if v is not None or k not in EXTRAS}


def _in_full(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):  # alternatives, one of which may be that nothing is said
        return [_in_full(name, one) for one in value]
    made = extra(name, value)
    return None if made is None else made.to_dict()


def said_extra(name: str, value: Mapping[str, Any]) -> str:
    """Return what is said beside a cell's own options in words.

    Examples
    --------
    >>> said_extra("normalised", {"nodes": [], "epsilon": 1e-5, "affine": True})
    'with epsilon 1e-05, gain and bias'
    >>> said_extra("standardised", {"weights": ["W"], "epsilon": 0.1})
    'W with epsilon 0.1'
    """
    names = " and ".join(value.get("nodes", value.get("weights", [])))
    affine = ", gain and bias" if value.get("affine") else ""
    return f"{names} with epsilon {value['epsilon']:g}{affine}".strip()
