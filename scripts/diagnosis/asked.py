"""What all mutants of one implementation are asked: the cases of its claim, fresh ones, and which mutants there are."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from gradcert.certify.campaign import ORDINARY, further
from gradcert.certify.diagnosis import Worked
from gradcert.certify.problems import Case, Spec, generate, plan
from gradcert.certify.runs import Task, case_of
from gradcert.certify.subjects import Answer
from gradcert.reference.networks import Problem
from scripts.diagnosis.mutants import Mutant, kinds_of, mutants
from scripts.diagnosis.subjects import Literal

FILE = "subject.py"
FRESH = 5  # problems that no evidence was drawn from, on which a named cause has to equal the subject
LATE = ("scale", "long")  # asked of those that pass everything else: no diagnosis reads them


@dataclass(frozen=True, eq=False)
class Asked:
    """An implementation's claim, worked out.

    Attributes
    ----------
    cases : of a profile, the expensive ones last.
    fresh : cases that no mutant is judged by.
    worked : what is known of every case, by its id.
    right : what the implementation itself answers, by the id of a case.
    """

    literal: Literal
    cases: tuple[Case, ...]
    fresh: tuple[Case, ...]
    worked: dict[str, Worked] = field(default_factory=dict)
    right: dict[str, Answer] = field(default_factory=dict)

    def known(self, case: Case) -> Worked:
        """Return what has been worked out of a case."""
        return self.worked.setdefault(case.id, Worked(case))

    def cold(self) -> Asked:
        """Return the same with nothing worked out."""
        return replace(self, worked={})


def asked(literal: Literal, profile: str = "default") -> Asked:
    """Prepare the cases of an implementation's claim, and fresh ones."""
    specs = plan(literal.claim, profile)
    specs = (
        *specs,
        *(further(specs) if profile != "quick" else ()),
    )  # which a campaign asks for where something failed
    cases = [case for spec in specs if (case := case_of(Task(spec, literal.claim, 0))) is not None]
    cases.sort(key=lambda case: case.spec.family in LATE)
    usual = [spec for spec in specs if spec.family in ORDINARY]
    few = [usual[i * len(usual) // FRESH] for i in range(FRESH)]
    others = [Spec(s.cell, s.depth, s.loss, s.when, s.family, 50 + i, s.turn + i) for i, s in enumerate(few)]
    fresh = tuple(case for spec in others if (case := generate(spec, literal.claim)) is not None)
    return Asked(literal, tuple(cases), fresh)


def drawn(prepared: Asked, most: int, seed: int) -> list[Mutant]:
    """Return so many mutants at most, operators in turn."""
    source = prepared.literal.source
    clean = prepared.literal.compiled(source, file=FILE)
    few = [case.problem for case in prepared.cases if case.spec.family not in LATE][-2:]
    kinds, functions = kinds_of(lambda: [clean(own(problem)) for problem in few], FILE)
    return list(islice(mutants(source, kinds, functions, rng=random.Random(seed)), most))


def own(problem: Problem) -> Problem:
    """Return a problem whose arrays nobody else holds."""

    def copied(arrays: Mapping[str, Any]) -> dict[str, Any]:
        return {name: np.array(values) for name, values in arrays.items()}

    mine: Any = object.__new__(type(problem))  # as it is: it was checked when the case was made
    for name, value in vars(problem).items():
        object.__setattr__(mine, name, np.array(value) if name in ("inputs", "targets") else value)
    for name in ("parameters", "feedback"):
        object.__setattr__(mine, name, copied(getattr(problem, name)))
    return mine


def written_to(problem: Problem, before: Problem) -> tuple[str, ...]:
    """Return the names of the arrays that differ."""
    named: Callable[[Problem], dict[str, Any]] = lambda p: {  # noqa: E731
        "inputs": p.inputs,
        "targets": p.targets,
        **p.parameters,
        **p.feedback,
    }
    return tuple(k for k, v in named(before).items() if not np.array_equal(v, named(problem)[k], equal_nan=True))


def digest(text: str) -> str:
    """Return what a mutant is known by in a file of outcomes."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
