"""The gallery: gradients that are wrong in the way somebody got them wrong, and right ones that look odd.

A judge is tested with it: every member of `WRONG` has to be refuted, with the right cause named; every member of
`UNUSUAL` has to be accepted. Members of `BLIND` are right but in one circumstance, and are refuted where a judge has
been there. `gallery()` returns both, `judge()` holds a member to the laws of this room.
"""

from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.judge import Finding, gallery, judge
from gradcert.properties.gallery.unusual import UNUSUAL
from gradcert.properties.gallery.wrong import BLIND, NOT_APPLICABLE, WRONG

__all__ = ["BLIND", "NOT_APPLICABLE", "UNUSUAL", "WRONG", "Entry", "Finding", "gallery", "judge"]
