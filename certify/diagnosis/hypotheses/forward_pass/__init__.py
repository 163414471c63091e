"""Mistakes of the forward pass, one family per file, each with a ``make``.

`conventions` another option of the cell, `parameters` taken for one another, `gates` a line of a gated cell, `values`
one value of a step changed, read by a backward pass that does not notice.
"""

from gradcert.certify.diagnosis.hypotheses.forward_pass import conventions, gates, parameters, values
from gradcert.certify.diagnosis.hypotheses.forward_pass.values import read_as_claimed

MAKERS = (conventions.make, parameters.make, gates.make, values.make)

__all__ = ["MAKERS", "read_as_claimed"]
