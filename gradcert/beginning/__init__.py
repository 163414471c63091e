"""The beginning: what a project has to judge, the files that `gradcert init` writes for it, and what to do next.

`look` reads the project's source as text, and runs none of it; `guess` names a rule and a cell from words; `libraries`
holds a subject for layers of libraries that are used; `files` makes the files' text; `steps` says what to do next.
"""

from gradcert.beginning.files import SUBJECTS, TESTS, WORKFLOW, Written, begin, reachable
from gradcert.beginning.look import Found, Project, finding, look
from gradcert.beginning.near import outermost
from gradcert.beginning.steps import commands, steps

__all__ = [
    "SUBJECTS",
    "TESTS",
    "WORKFLOW",
    "Found",
    "Project",
    "Written",
    "begin",
    "commands",
    "finding",
    "look",
    "outermost",
    "reachable",
    "steps",
]
