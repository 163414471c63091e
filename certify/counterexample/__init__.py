"""A counterexample that fits on a screen: the smallest problem found on which a subject is still wrong, and its replay.

`search` shrinks a failed case by asking the subject, `stored` writes the outcome to a file, `replay` runs it again.
"""

from gradcert.certify.counterexample import record
from gradcert.certify.counterexample.record import store
from gradcert.certify.counterexample.replay import read, replay

__all__ = ["read", "record", "replay", "store"]
