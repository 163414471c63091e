"""Formulas that the house writes in plain text, in docstrings and in `docs/mathematics`, as the site sets them."""
