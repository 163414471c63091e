"""A pseudo-derivative that is in no table as a formula, held against what it gives on a grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcert.models.modules.errors import UnreadError
from gradcert.models.reading.spikes import GRID, Kind
from gradcert.models.reading.surrogates import CLOSE, Taken
from gradcert.reference.numbers import FLOAT64, Surrogate, pseudo_derivative, recorded


def formula_of(taken: Taken, backward: Callable[[Any], Any]) -> Surrogate:
    """Return the formula that a spike's own backward is.

    Parameters
    ----------
    backward : it, which is run once, on a symbol.

    Raises
    ------
    UnreadError : where it has none, with what to do.
    """
    kind: Kind = taken.kind
    advice = "judge it where it runs: gradcert.watch"
    if kind.function is None:
        raise UnreadError(f"the pseudo-derivative of {kind.name} at {kind.where}, which is in no table", do=advice)
    try:
        text = recorded(backward)
        found = Surrogate(formula=text, given=f"{kind.where.partition(':')[0]}:{kind.name}")
        with np.errstate(all="ignore"):
            values = np.broadcast_to(pseudo_derivative(found, GRID, FLOAT64), GRID.shape)
    except UnreadError:
        raise
    except Exception as error:  # whatever a stranger's code makes of a symbol
        raise UnreadError(
            f"the backward of {kind.name} at {kind.where} is no formula ({str(error)[:200]})", do=advice
        ) from None
    slopes = kind.slope(GRID)
    if float(np.abs(values - slopes).max()) > CLOSE * float(np.abs(slopes).max()):
        raise UnreadError(f"the backward of {kind.name} at {kind.where} is no function of its input alone", do=advice)
    return found
