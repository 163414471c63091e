"""Upper bounds on the error of a rule, |BPTT - rule|, for every input, and the descent certificate.

=================  ==============================  ====================  ===========================================
bound              needs                           memory                order
=================  ==============================  ====================  ===========================================
`a_priori`         weights, leaks, Lipschitz       nothing is run        the largest
                   constants, input and loss
                   gradient bounds
`Online`           the steps so far                depth^2 numbers per   at most a-priori; equals windowed with w = 1
                                                   tensor and sample
`windowed`         w steps at a time               w steps               non-increasing along w | w'; least at w = T
`componentwise`    the whole sequence              one backward pass     not comparable with windowed
=================  ==============================  ====================  ===========================================

`descent` turns a bound into a certificate that the estimate is a descent direction; `tightness` is bound / true error.
"""

from gradcert.reference.bounds.a_priori import a_priori, node_ranges
from gradcert.reference.bounds.componentwise import componentwise, entries
from gradcert.reference.bounds.descent import Descent, descent
from gradcert.reference.bounds.online import Online, tape_bound
from gradcert.reference.bounds.pieces import LayerPieces
from gradcert.reference.bounds.record import Bound, size, tightness
from gradcert.reference.bounds.recorded import Injection, roundings
from gradcert.reference.bounds.recursion import Recursion
from gradcert.reference.bounds.system import Port, System, assemble
from gradcert.reference.bounds.windowed import windowed

__all__ = [
    "Bound",
    "Descent",
    "Injection",
    "LayerPieces",
    "Online",
    "Port",
    "Recursion",
    "System",
    "a_priori",
    "assemble",
    "componentwise",
    "descent",
    "entries",
    "node_ranges",
    "roundings",
    "size",
    "tape_bound",
    "tightness",
    "windowed",
]
