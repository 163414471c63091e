"""The rules that are no rows of the table, by name. Adding one is adding a file and a row here."""

from __future__ import annotations

from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators import (
    es_d_rtrl,
    etlp,
    eventprop,
    kf_rtrl,
    ndot,
    opzo,
    otpe,
    ottt_code,
    rate_based,
    s_tllr,
    sltt_k,
    tess,
    uoro,
)
from gradcert.reference.estimators.estimator import Estimator

_FILES = (uoro, kf_rtrl, otpe, s_tllr, ndot, ottt_code, sltt_k, opzo, rate_based, etlp, tess, eventprop, es_d_rtrl)

ESTIMATORS: dict[str, Estimator] = {file.ESTIMATOR.name: file.ESTIMATOR for file in _FILES}


def estimator_named(name: str) -> Estimator:
    """Return a rule with a trace or draws of its own.

    Examples
    --------
    >>> estimator_named("uoro").needs
    ('rng',)
    """
    if name not in ESTIMATORS:
        raise GradcertError(f"the rule {name!r} is unknown", allowed=", ".join(ESTIMATORS))
    return ESTIMATORS[name]
