"""Bring your own cell: the forward step as equations, a label on every edge; the local Jacobians follow by SymPy.

`define` makes a cell that every rule of the table, every case and every check works with. Nothing here needs SymPy
before a derivative is wanted, so that a subject's process can read the cell without it.
"""

from gradcert.certify.own_cell.cell import define
from gradcert.certify.own_cell.check import check

__all__ = ["check", "define"]
