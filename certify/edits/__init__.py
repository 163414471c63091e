"""Edits of a subject's own source, tried in the subject's own process: the subject's side of a repair.

What a mistake may have done to a source is undone on its syntax tree: an index shifted, a transpose, a factor or a term
from names of fitting shape, an operand, a sign, a constant, a condition, the order of two statements, a reduction, a
detach. A new kind of edit goes into `replacing`, `adding` or `statements`; `observe` finds out by one run what fits
where, `runner` tries candidates in children of the process with limits on time and memory, `search` says in which
order, `text` says what an edit is in the user's own lines. Nothing here runs in the judge's process, and nothing but
NumPy is needed. `gradcert.certify.repair` asks, and certifies what is found.
"""

from gradcert.certify.edits.serving import serve

__all__ = ["serve"]
