"""The rows of the rule table, one file per family; each file's docstring is the page that explains its rows.

A new row goes into `ROWS` of its family's file, a new family is a file and a name in `FAMILIES`.
"""

from gradcert.reference.rules.rows import bptt, decolle, e_prop, ostl, osttp, ottt, rflo, sltt, snap, tbptt

FAMILIES = (bptt, tbptt, ostl, osttp, e_prop, ottt, sltt, rflo, snap, decolle)
ROWS = tuple(row for family in FAMILIES for row in family.ROWS)

__all__ = ["FAMILIES", "ROWS"]
