"""Mistakes with what a problem has beside inputs and targets, and with losses: a file each, with ``make``.

`weights` of the loss, `begins` of sequences inside a row, `masks`, `initial` values, `activity` terms, `losses`,
`local` ones, and `normal`: layer normalisation and weight standardisation. Where a problem has nothing of it, a
family has nothing to say.
"""

from gradcert.certify.diagnosis.hypotheses.given import activity, begins, initial, local, losses, masks, normal, weights

COMMON = (weights.make, begins.make, masks.make, initial.make, activity.make, local.make, losses.make, normal.make)

__all__ = ["COMMON"]
