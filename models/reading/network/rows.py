"""What a reading is held against: so many steps, so close, and these rows of the table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.models.reading.network.passes import Run
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES

STEPS = 9
CLOSE = 1e-9
# What is left of a sum that is 0, as a share of the largest gradient (a bias under a mean that is taken off): 450
# roundings of 2^-52. A longer sum may leave more, and is then refused, not accepted.
NOTHING = 450 * 2.0**-52

# rows without feedback matrices, windows or confined paths; RTRL is BPTT
ROWS = tuple(
    name
    for name, row in RULES.items()
    if row.feedback == "symmetric" and not (row.reach or row.window or row.chunk) and name != "rtrl"
)


def check_spikes(found: Run) -> None:
    """Raise where a spike of the user's stands against the potential and the threshold that were read.

    The passes run around the user's own spikes, so that outputs and gradients would not tell.
    """
    for column in (c for layer in found.columns or () for c in layer):
        if (other := column[(column != 0) & (column != 1)]).size:
            raise GradcertError(
                f"a spike of {float(other.flat[0]):.17g}",
                allowed="0 and 1, but for a few roundings",
                do="write what goes straight through as soft + (hard - soft), the bracket detached: that is hard to the"
                " last bit, and hard + soft - soft is not",
            )
    if found.misfired > CLOSE:
        raise GradcertError(
            f"a spike that the equations read do not have: their potential is {found.misfired:.3g} from its threshold",
            allowed="spikes of a potential, at a level that does not move within the function",
            do="subtract the threshold before the function that spikes",
        )


def apart(mine: Mapping[str, Array], theirs: Mapping[str, Array]) -> str | None:
    """Return the first parameter whose gradients are not the same to rounding, or None.

    Examples
    --------
    >>> one, other = {"w": np.ones(2), "b": np.full(2, 1e-17)}, {"w": np.ones(2), "b": np.full(2, -2e-17)}
    >>> apart(one, other), apart(one, {**other, "b": np.full(2, 1e-3)})
    (None, 'b')
    """
    sizes = {name: max(np.abs(mine[name]).max(initial=0), np.abs(theirs[name]).max(initial=0)) for name in mine}
    nothing = NOTHING * max(sizes.values(), default=0.0)
    off = {name: np.abs(mine[name] - theirs[name]).max(initial=0) for name in mine}
    return next((name for name in mine if off[name] > max(CLOSE * sizes[name], nothing)), None)
