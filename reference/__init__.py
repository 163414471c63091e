"""The reference engine: cells, networks, the rule table, and two engines that compute any row of it.

What lives here: neuron models with local Jacobians labelled by edge, synapses, losses, learning rules as sets of kept
edges, a reverse engine and a forward (eligibility trace) engine, both generic in the rule and in the number system.

What it may import: NumPy and the standard library, nothing else.
"""

import importlib
from typing import Any

from gradcert.reference.engines import Learner, Tape, forward, record, reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators import ESTIMATORS, Estimator, estimator_named
from gradcert.reference.networks import (
    CELLS,
    SYNAPSES,
    TEMPORAL,
    Alif,
    AvgPool,
    Connection,
    Conv2d,
    Dense,
    Edge,
    Graph,
    Gru,
    Integrator,
    Layer,
    LeakyRnn,
    Lif,
    Link,
    Loss,
    Lstm,
    Ltc,
    MaxPool,
    Network,
    Population,
    Problem,
    Refractory,
    Rnn,
    Snu,
    Sparse,
    Ssnu,
    Synaptic,
    Use,
    from_dict,
)
from gradcert.reference.numbers import FLOAT32, FLOAT64, SURROGATES, Floats, Numbers, Surrogate
from gradcert.reference.rules import RULES, Rule, draw_feedback, rule_named

__all__ = [
    "CELLS",
    "ESTIMATORS",
    "FLOAT32",
    "FLOAT64",
    "RULES",
    "SURROGATES",
    "SYNAPSES",
    "TEMPORAL",
    "Alif",
    "AvgPool",
    "Connection",
    "Conv2d",
    "Dense",
    "Edge",
    "Estimator",
    "Floats",
    "GradcertError",
    "Graph",
    "Gru",
    "Integrator",
    "Layer",
    "LeakyRnn",
    "Learner",
    "Lif",
    "Link",
    "Loss",
    "Lstm",
    "Ltc",
    "MaxPool",
    "Network",
    "Numbers",
    "Population",
    "Problem",
    "Refractory",
    "Rnn",
    "Rule",
    "Snu",
    "Sparse",
    "Ssnu",
    "Surrogate",
    "Synaptic",
    "Tape",
    "Use",
    "draw_feedback",
    "estimator_named",
    "forward",
    "from_dict",
    "record",
    "reverse",
    "rule_named",
]


def __getattr__(name: str) -> Any:
    if name == "bounds":  # which nothing above imports
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
