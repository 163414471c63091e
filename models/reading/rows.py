"""What a reading is held against: so many steps, so close, and these rows of the table."""

from __future__ import annotations

from gradcert.reference.rules import RULES

STEPS = 9
CLOSE = 1e-9

# rows without feedback matrices, windows or confined paths; RTRL is BPTT
ROWS = tuple(
    name
    for name, row in RULES.items()
    if row.feedback == "symmetric" and not (row.reach or row.window or row.chunk) and name != "rtrl"
)
