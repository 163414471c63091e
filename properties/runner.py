"""Holds a subject to laws: draws examples, shrinks what fails, keeps it and replays it first next time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.errors import Flaky, Unsatisfiable

from gradcert.properties.evaluation import edges_that_matter
from gradcert.properties.law import Law, observing
from gradcert.properties.measure import Counterexample, SubjectFailed
from gradcert.properties.profiles import PROFILES, Profile
from gradcert.properties.subject import Subject, Unsupported
from gradcert.reference import Edge
from gradcert.reference.networks import Problem

HELD, BROKEN, EMPTY, DOES_NOT_APPLY = "held", "broken", "no example", "does not apply"


class LawBroken(AssertionError):
    """Raised inside an example, so that Hypothesis shrinks it."""


@dataclass(frozen=True)
class Report:
    """What one law found out about one subject.

    Attributes
    ----------
    law, subject : names.
    verdict : ``held``, ``broken``, ``no example`` (nothing satisfied the conditions) or ``does not apply``.
    examples : how many were judged.
    telling : how many of them were not trivial: the rule keeps no temporal edge, or without one of those that it keeps
        the gradient would have been another one.
    edges : how many examples each kept edge decided.
    counterexample : the smallest one found.
    extremes : figures that the law looks for the extremes of, by name.
    """

    law: str
    subject: str
    verdict: str
    examples: int = 0
    telling: int = 0
    edges: Counter[Edge] = field(default_factory=Counter)
    counterexample: Counterexample | None = None
    extremes: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line."""
        told = f"{self.examples} examples, {self.telling} non-trivial" if self.examples else ""
        told += "".join(f"; {name} {figure:.4g}" for name, figure in sorted(self.extremes.items()))
        return f"{self.verdict:15} {self.law:14} {self.subject:40} {self.counterexample or told}"


def hold(
    subject: Subject,
    law: Law,
    *,
    profile: Profile = PROFILES["quick"],
    keep: Path | None = None,
    examples: int | None = None,
    shrink: bool = True,
) -> Report:
    """Hold a subject to one law.

    Parameters
    ----------
    subject, law : who is held to what.
    profile : how many examples.
    keep : folder for failing examples, which are replayed first; new ones are then drawn at random. Where None, nothing
        is kept and the examples of a repeatable profile are the same on every run.
    examples : replaces the number of the profile.
    shrink : whether to look for the smallest counterexample, which takes much longer than finding one.

    Examples
    --------
    >>> from gradcert.properties.laws import LAWS
    >>> hold(Subject.of_reference("ostl"), LAWS["row"], examples=3).verdict
    'held'
    """
    if not law.applies(subject):
        return Report(law.name, subject.name, DOES_NOT_APPLY)
    tally: dict[str, Any] = {"examples": 0, "telling": 0, "edges": Counter(), "found": None}
    count = examples or profile.examples * (profile.field if subject.family == "field" else 1)
    name = f"{law.name}-{subject.name}".replace(" ", "_").replace("/", "_")
    database: ExampleDatabase | None = DirectoryBasedExampleDatabase(keep / "examples" / name) if keep else None

    @settings(
        max_examples=count,
        derandomize=profile.repeatable and database is None,
        database=database,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.target, *([Phase.shrink] if shrink else [])],
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @given(st.data())
    def once(data: st.DataObject) -> None:
        drawn: list[Problem] = []

        def draw(strategy: st.SearchStrategy[Any]) -> Any:
            value = data.draw(strategy)
            if isinstance(value, Problem):
                drawn.append(value)
            return value

        try:
            found = law.check(subject, draw)
        except SubjectFailed as failed:
            found = Counterexample(law.name, failed.problem, f"raised {failed}")
        if found is not None:
            tally["found"] = found
            raise LawBroken(str(found))
        if tally["found"] is None:
            tally["examples"] += 1
            decided = edges_that_matter(drawn[0], subject.rule) if drawn else frozenset()
            tally["edges"].update(decided)
            tally["telling"] += bool(decided) or not subject.rule.own

    try:
        with observing() as tally["seen"]:
            once()
    except Unsupported:
        return Report(law.name, subject.name, DOES_NOT_APPLY)
    except Unsatisfiable:
        return Report(law.name, subject.name, EMPTY)
    except (LawBroken, Flaky):
        # a subject that is not repeatable fails once and not again: the first counterexample stands
        if keep is not None:
            write(keep / f"{name}.json", tally["found"])
        return _report(law, subject, BROKEN, tally)
    return _report(law, subject, HELD if tally["examples"] else EMPTY, tally)


def _report(law: Law, subject: Subject, verdict: str, tally: dict[str, Any]) -> Report:
    extremes = {name: figure for name, (_, figure) in tally["seen"].items()}
    counted = (tally["examples"], tally["telling"], tally["edges"])
    return Report(law.name, subject.name, verdict, *counted, tally["found"], extremes)


def write(path: Path, found: Counterexample) -> None:
    """Write a counterexample so that it can be typed in again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"law": found.law, "where": found.where, "index": list(found.index), "budget": found.budget}
    record |= {"found": str(found.found), "expected": str(found.expected), "problem": found.problem.to_dict()}
    path.write_text(json.dumps(record, indent=1) + "\n")
