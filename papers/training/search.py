"""The same small grid for every learner on a validation split, then the seeds at its best rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcert.papers.claim import Job, Results

TUNED = 90  # the seed of every search: none of the seeds that are compared


@dataclass(frozen=True)
class Search:
    """How the rate of a learner is chosen.

    Attributes
    ----------
    rates : the grid, in rising order of the job's field ``rate``.
    seeds : of the runs that are compared, at the best rate.
    measure : of the result of a run of the search; the smallest is best, the first of equals.
    """

    rates: Sequence[float]
    seeds: Sequence[int]
    measure: str

    def jobs(self, results: Results, **learner: Any) -> list[Job]:
        """Return the runs of the search and, once all are there, those at the best rate.

        Examples
        --------
        >>> search = Search((0.1, 0.3), (0, 1), "error")
        >>> len(search.jobs(Results(), rule="ottt"))
        2
        """
        jobs: list[Job] = [{**learner, "rate": rate, "seed": TUNED} for rate in self.rates]
        best = self.best(results, **learner)
        return jobs if best is None else jobs + [{**learner, "rate": best, "seed": s} for s in self.seeds]

    def best(self, results: Results, **learner: Any) -> Any:
        """Return the best rate of a learner, or None before its search is done.

        Examples
        --------
        >>> done = [({"rate": r, "seed": TUNED}, {"error": abs(r - 0.3)}) for r in (0.1, 0.3)]
        >>> Search((0.1, 0.3), (0,), "error").best(Results(tuple(done)))
        0.3
        """
        found = {job["rate"]: r[self.measure] for job, r in results.where(**learner, seed=TUNED)}
        return min(self.rates, key=found.__getitem__) if set(self.rates) <= set(found) else None

    def words(self, results: Results, **learner: Any) -> str:
        """Return the best rate, and whether it is at an end of the grid: a better one may lie beyond.

        Examples
        --------
        >>> done = [({"rate": r, "seed": TUNED}, {"error": 1 - r}) for r in (0.1, 0.2, 0.3)]
        >>> Search((0.1, 0.2, 0.3), (0,), "error").words(Results(tuple(done)))
        '0.3, the largest of the grid'
        """
        best = self.best(results, **learner)
        if best is None:
            return ""
        ends = {min(self.rates): "smallest", max(self.rates): "largest"}
        return f"{best:g}, the {ends[best]} of the grid" if best in ends else f"{best:g}"
