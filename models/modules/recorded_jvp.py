"""A pseudo-derivative of somebody's own in JAX as a formula: its jaxpr, run on a symbol.

So a claim about it needs no JAX, and says what was taken as given (`gradcert.models.modules.psi` for PyTorch).
"""

from __future__ import annotations

from gradcert.models.modules.errors import UnreadError
from gradcert.models.reading.surrogates import Taken
from gradcert.reference.numbers import Surrogate


def formula(taken: Taken) -> Surrogate:
    """Return the formula that a spike's own derivative is.

    Raises
    ------
    UnreadError : where it has none, with what to do.
    """
    raise UnreadError(
        f"the pseudo-derivative of {taken.kind.name} at {taken.kind.where}, which is in no table",
        do="claim another one: --options surrogate=...; or judge it where it runs: gradcert.watch",
    )
