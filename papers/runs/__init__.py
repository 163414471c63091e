"""The work: jobs are planned in stages, done here, in processes or on a cluster, and written down line by line.

`store` keeps what is done, with the hashes of data and code that it was done with; `carry` goes on from there.
"""

from gradcert.papers.runs.carry import Done, carried_out, concluded, work
from gradcert.papers.runs.store import Store, code_digest, kept

__all__ = ["Done", "Store", "carried_out", "code_digest", "concluded", "kept", "work"]
