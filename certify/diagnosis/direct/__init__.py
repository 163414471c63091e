"""Explanations that edit no graph, simplest first, one family per file.

`rows` another row of the rule table, `transformations` of a finished gradient, `conventions` another pseudo-derivative,
`stored_values` what was done to the numbers, `fits` an amount of something.
"""

from gradcert.certify.diagnosis.direct import conventions, fits, rows, stored_values, transformations

__all__ = ["conventions", "fits", "rows", "stored_values", "transformations"]
