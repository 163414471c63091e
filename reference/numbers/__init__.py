"""Numbers: what an engine needs to know about the scalars that it computes with.

`Numbers` is the protocol of a number system, `Floats` the one that NumPy brings; an `Activation` is a function and its
derivative under one name, a `Surrogate` the pseudo-derivative of a spike. Other number systems (balls, rationals, a
prime field, symbols) live in the rooms that need them. Imports NumPy alone.
"""

from gradcert.reference.numbers.floats import FLOAT32, FLOAT64, RELATIONS, Floats
from gradcert.reference.numbers.formats import FORMATS, held
from gradcert.reference.numbers.formula import called
from gradcert.reference.numbers.functions import ACTIVATIONS, SIGMOID, TANH, activation, spike
from gradcert.reference.numbers.protocol import Activation, Array, Numbers
from gradcert.reference.numbers.recorded import recorded
from gradcert.reference.numbers.surrogates import SURROGATES, Form, Surrogate, pseudo_derivative, surrogate_from

__all__ = [
    "ACTIVATIONS",
    "FLOAT32",
    "FLOAT64",
    "FORMATS",
    "RELATIONS",
    "SIGMOID",
    "SURROGATES",
    "TANH",
    "Activation",
    "Array",
    "Floats",
    "Form",
    "Numbers",
    "Surrogate",
    "activation",
    "called",
    "held",
    "pseudo_derivative",
    "recorded",
    "spike",
    "surrogate_from",
]
