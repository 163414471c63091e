"""The reference engine: cells, networks, the rule table, and two engines that compute any row of it.

What lives here: neuron models with local Jacobians labelled by edge, synapses, losses, learning rules as sets of kept
edges, a reverse engine and a forward (eligibility trace) engine, both generic in the rule and in the number system.

What it may import: NumPy and the standard library, nothing else.
"""

from gradcert.reference.engines import Learner, Tape, forward, record, reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators import ESTIMATORS, Estimator, estimator_named
from gradcert.reference.networks import (
    CELLS,
    SYNAPSES,
    TEMPORAL,
    Alif,
    AvgPool,
    Conv2d,
    Dense,
    Edge,
    Gru,
    Integrator,
    Layer,
    LeakyRnn,
    Lif,
    Link,
    Loss,
    Lstm,
    Ltc,
    Network,
    Problem,
    Refractory,
    Rnn,
    Snu,
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
    "Conv2d",
    "Dense",
    "Edge",
    "Estimator",
    "Floats",
    "GradcertError",
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
    "Network",
    "Numbers",
    "Problem",
    "Refractory",
    "Rnn",
    "Rule",
    "Snu",
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
