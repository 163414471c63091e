"""Repairs: what the subject's own source has to say instead, for the claim to be certified.

`look` has the subject's process try edits of its source (`gradcert.certify.edits`) on problems that were judged, and
hands every one after which they are right to whoever certifies it. `record` is what is kept of it, and the sentence. A
repair that is not certified is not offered, and no file is touched.
"""

from gradcert.certify.repair.look import SECONDS, look
from gradcert.certify.repair.record import Repair, details, line, none, pieces, sentence, told

__all__ = ["SECONDS", "Repair", "details", "line", "look", "none", "pieces", "sentence", "told"]
