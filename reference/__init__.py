"""The reference engine: cells, networks, the rule table, and two engines that compute any row of it.

What lives here: neuron models with local Jacobians labelled by edge, synapses, losses, learning rules as sets of kept
edges, a reverse engine and a forward (eligibility trace) engine, both generic in the rule and in the number system.

What it may import: NumPy and the standard library, nothing else.
"""

from gradcert.reference import forward, reverse
from gradcert.reference.cells import CELLS, Alif, Gru, Integrator, LeakyRnn, Lif, Lstm, Ltc, Rnn, Snu, Ssnu
from gradcert.reference.edges import TEMPORAL, Edge, Link, Use
from gradcert.reference.errors import GradcertError
from gradcert.reference.feedback import draw_feedback
from gradcert.reference.forward import Learner
from gradcert.reference.loss import Loss
from gradcert.reference.network import Layer, Network, from_dict
from gradcert.reference.numbers import FLOAT32, FLOAT64, Floats, Numbers
from gradcert.reference.rules import RULES, Rule, rule_named
from gradcert.reference.rules.estimator import Estimator
from gradcert.reference.rules.estimators import ESTIMATORS, estimator_named
from gradcert.reference.surrogates import SURROGATES, Surrogate
from gradcert.reference.synapses import SYNAPSES, AvgPool, Conv2d, Dense
from gradcert.reference.tape import Tape, record

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
    "Rnn",
    "Rule",
    "Snu",
    "Ssnu",
    "Surrogate",
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
