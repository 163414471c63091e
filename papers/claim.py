"""A claim of a paper: what it says, how it is tested, and the rule by which results decide. Written before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcert.papers.figure import Figure, Table
from gradcert.papers.verdicts import Part

Job = Mapping[str, Any]  # one run, as plain JSON: the rule, the seed, the rate, sizes
Result = Mapping[str, Any]  # what came of it, as plain JSON


@dataclass(frozen=True)
class Published:
    """A number of the paper's, with how it is known.

    Attributes
    ----------
    what, value : as published.
    source : where it was read: the authors' repository, an abstract, another paper.
    """

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Results:
    """The runs of a claim that are done, in the order in which they were planned.

    Attributes
    ----------
    done : pairs of a job and its result.
    """

    done: tuple[tuple[Job, Result], ...] = ()

    def where(self, **fields: Any) -> list[tuple[Job, Result]]:
        """Return the pairs whose jobs have these fields.

        Examples
        --------
        >>> Results((({"rule": "ostl", "seed": 0}, {"loss": 1.0}),)).where(rule="ostl")[0][1]
        {'loss': 1.0}
        """
        return [(job, r) for job, r in self.done if all(job.get(k) == v for k, v in fields.items())]

    def without(self, **fields: Any) -> Results:
        """Return the results but for the runs whose jobs have these fields.

        Examples
        --------
        >>> Results((({"seed": 0}, {}), ({"seed": 90}, {}))).without(seed=90).done
        (({'seed': 0}, {}),)
        """
        return Results(tuple((job, r) for job, r in self.done if any(job.get(k) != v for k, v in fields.items())))

    def values(self, measure: str, **fields: Any) -> dict[int, float]:
        """Return a measure by seed."""
        return {int(job["seed"]): float(r[measure]) for job, r in self.where(**fields)}

    def difference(self, measure: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[float]:
        """Return the differences of a measure, over the seeds that both have.

        Examples
        --------
        >>> done = [({"rule": r, "seed": s}, {"loss": v}) for r, s, v in (("a", 0, 1.0), ("b", 0, 0.5), ("a", 1, 2.0))]
        >>> Results(tuple(done)).difference("loss", {"rule": "a"}, {"rule": "b"})
        [0.5]
        """
        a, b = self.values(measure, **one), self.values(measure, **other)
        return [a[seed] - b[seed] for seed in sorted(set(a) & set(b))]


@dataclass(frozen=True)
class Claim:
    """A claim, and how it is tested.

    Attributes
    ----------
    number, name, title : C1, a name for the command line, a headline.
    statement : in the paper's words, as far as they could be read.
    source : the paper, and where its words were read.
    published : its numbers.
    data : names of the data sets that it needs (`gradcert.papers.data`).
    task, network, budget, seeds, grid : what is run, in words.
    rule : how results decide, with margin and error rate.
    plan : ``plan(results, quick)`` returns the jobs that are known, given the results so far; later stages (the
        best rate of a search) appear once the earlier ones are there.
    run : ``run(job)`` returns the result of one job.
    judge : ``judge(results, quick)`` returns the parts of the verdict.
    figures, tables : what the page shows.
    unconfirmed : what could not be confirmed.
    quick : whether it has a form that takes seconds.
    quick_data : the data sets that it needs.
    bands : what that form says instead, where it is too small to say anything of the claim.
    timed : whether its runs are timed by the clock: they go one after the other, whatever else may run side by side.
    minutes : of CPU that a full run takes, on one core of a small machine.
    """

    number: str
    name: str
    title: str
    statement: str
    source: str
    task: str
    network: str
    budget: str
    seeds: str
    grid: str
    rule: str
    plan: Callable[[Results, bool], Sequence[Job]]
    run: Callable[[Job], dict[str, Any]]
    judge: Callable[[Results, bool], Sequence[Part]]
    published: tuple[Published, ...] = ()
    data: tuple[str, ...] = ()
    figures: Callable[[Results], Sequence[Figure]] = lambda results: ()
    tables: Callable[[Results], Sequence[Table]] = lambda results: ()
    unconfirmed: tuple[str, ...] = ()
    quick: bool = False
    bands: str = ""
    quick_data: tuple[str, ...] = ()
    timed: bool = False
    minutes: float = 0.0
