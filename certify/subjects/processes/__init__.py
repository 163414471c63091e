"""The process of a subject, and what keeps it in bounds; a new limit goes here.

`process` starts and ends one, `warden` is its parent and takes everything with it, `family` knows who is below it,
`confine` is what it is told about itself, `usage` what it holds. Warden, confine and family need the standard library.
"""

from gradcert.certify.subjects.processes.process import FLUSH, FULL, Failure, Process

__all__ = ["FLUSH", "FULL", "Failure", "Process"]
