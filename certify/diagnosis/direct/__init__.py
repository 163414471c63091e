"""Explanations that edit no graph, simplest first, one family per file.

`rows` another row of the rule table, `transformations` of a finished gradient, `conventions` another pseudo-derivative,
`stored_values` what was done to the numbers, `fits` an amount of something, `numbers` a number near the claimed one.
"""

from gradcert.certify.diagnosis.direct import conventions, fits, numbers, rows, stored_values, transformations

__all__ = ["conventions", "fits", "numbers", "rows", "stored_values", "transformations"]
