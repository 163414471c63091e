"""Rules with a trace or draws of their own, one file each: no rows, but built from the same pieces.

A new rule whose trace is not a derivative, or whose gradient is random, goes here and into `ESTIMATORS`.
"""

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
from gradcert.reference.estimators.common import (
    filtered,
    is_spiking,
    membrane_step,
    named,
    one_leak,
    presynaptic,
    same_step,
    slopes,
    stateless_gradients,
    traced_gradients,
)
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.estimators.estimators import ESTIMATORS, estimator_named
from gradcert.reference.estimators.walk import state_nodes, state_size

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "es_d_rtrl",
    "estimator_named",
    "etlp",
    "eventprop",
    "filtered",
    "is_spiking",
    "kf_rtrl",
    "membrane_step",
    "named",
    "ndot",
    "one_leak",
    "opzo",
    "otpe",
    "ottt_code",
    "presynaptic",
    "rate_based",
    "s_tllr",
    "same_step",
    "slopes",
    "sltt_k",
    "state_nodes",
    "state_size",
    "stateless_gradients",
    "tess",
    "traced_gradients",
    "uoro",
]
