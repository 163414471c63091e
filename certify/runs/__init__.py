"""A run: cases prepared (here, in processes, on a cluster), asked of one subject in one order, and written down.

`prepare` and `executors` make cases, `run` holds the subject and what it said, `journal` lets a stopped run go on,
`steps` asks for the first steps of a sequence, `ordinary` for a case with ordinary threads, `online/` checks what the
word means on a stepwise learner.
"""

from gradcert.certify.runs import executors, online, ordinary
from gradcert.certify.runs.journal import Journal
from gradcert.certify.runs.prepare import Prepared, Task, case_of, difference, prepare, prepare_all
from gradcert.certify.runs.run import Run, tail
from gradcert.certify.runs.steps import Prefix, steps

__all__ = [
    "Journal",
    "Prefix",
    "Prepared",
    "Run",
    "Task",
    "case_of",
    "difference",
    "executors",
    "online",
    "ordinary",
    "prepare",
    "prepare_all",
    "steps",
    "tail",
]
