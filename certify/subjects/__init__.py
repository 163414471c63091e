"""Subjects: somebody's code, in a process of its own, and the ways to start and to ask it.

A new way to start a subject goes here. `subject` starts one; `processes` keeps it in bounds; `worker`, `serving`,
`stepped`, `sources` and `learner` are its side of the pipe, and need NumPy alone; `program_files` says what a program
is made of; `drive` takes a learner through a sequence, `ahead` asks one beside the rest, `answers` reads what comes
back.
"""

from gradcert.certify.subjects.ahead import Ahead
from gradcert.certify.subjects.answers import Answer, decoded, from_program, from_worker, parsed
from gradcert.certify.subjects.drive import Played
from gradcert.certify.subjects.processes import FLUSH, Failure, Process
from gradcert.certify.subjects.subject import THREADS, Limits, Subject, Worker, check_source, longer, named
from gradcert.certify.subjects.wire import encoded

__all__ = [
    "FLUSH",
    "THREADS",
    "Ahead",
    "Answer",
    "Failure",
    "Limits",
    "Played",
    "Process",
    "Subject",
    "Worker",
    "check_source",
    "decoded",
    "encoded",
    "from_program",
    "from_worker",
    "longer",
    "named",
    "parsed",
]
