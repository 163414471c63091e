"""Carry a claim out: plan what is known, do what is not done, plan again, until nothing is left; then judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gradcert.papers.claim import Claim, Job, Results
from gradcert.papers.data import digest_of
from gradcert.papers.runs.store import Store, code_digest
from gradcert.papers.verdicts import INCONCLUSIVE, SHOWN, Part, Verdict, combined
from gradcert.reference.errors import GradcertError

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
Listen = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Done:
    """A claim with its results and its verdict.

    Attributes
    ----------
    claim, results, verdict : as named.
    quick : whether it is the form that takes seconds.
    seconds : of CPU, of all its runs.
    code, data : digests.
    complete : whether every job that is planned is done.
    """

    claim: Claim
    results: Results
    verdict: Verdict
    quick: bool
    seconds: float
    code: str
    data: dict[str, str]
    complete: bool

    @property
    def word(self) -> str:
        """The verdict; of a quick run that is too small for one, what it says instead."""
        if not self.complete:
            return INCONCLUSIVE
        if self.quick and self.claim.bands:
            return f"quick: {self.claim.bands}" if self.verdict.word == SHOWN else "quick: out of its bands"
        return self.verdict.word


def work(item: tuple[str, Job]) -> tuple[dict[str, Any], float]:
    """Do one job of a claim, by its name; return its result and the seconds of CPU it took."""
    from gradcert.papers.claims import claim_named

    began = time.process_time()
    result = claim_named(item[0]).run(item[1])
    return result, time.process_time() - began


def carried_out(claim: Claim, store: Store, *, quick: bool, run: Map, listen: Listen | None = None) -> Done:
    """Do every job of a claim that is not done yet, and conclude.

    Parameters
    ----------
    store : of this claim, opened with the digest of this code.
    run : an ordered, lazy map, such as `map`.
    listen : called with jobs done, jobs known, and a few words.

    Raises
    ------
    GradcertError : where data cannot be had.
    """
    data = {name: digest_of(name) for name in (claim.quick_data if quick else claim.data)}
    while waiting := [job for job in claim.plan(store.results, quick) if job not in store]:
        known = len(claim.plan(store.results, quick))
        outcomes = run(work, [(claim.name, job) for job in waiting])
        for number, (job, (result, seconds)) in enumerate(zip(waiting, outcomes, strict=True)):
            store.add(job, result, seconds=seconds, data=data)
            if listen is not None:
                words = " ".join(str(v) for v in job.values())
                listen(known - len(waiting) + number + 1, known, f"{claim.number} {words}")
    return concluded(claim, store, quick=quick)


def concluded(claim: Claim, store: Store, *, quick: bool) -> Done:
    """Return the verdict that the results which are there lead to."""
    planned = list(claim.plan(store.results, quick))
    mine = tuple(line for job in planned if (line := store.line(job)))
    results = Results(tuple((line["job"], line["result"]) for line in mine))
    complete = bool(planned) and len(mine) == len(planned)
    parts = judged(claim, results, store, quick=quick) if complete else []
    data = {name: sha for line in mine for name, sha in line["data"].items()}
    seconds = sum(float(line["seconds"]) for line in mine)
    return Done(claim, results, combined(parts), quick, seconds, store.code or "", data, complete)


def judged(claim: Claim, results: Results, store: Store, *, quick: bool) -> list[Part]:
    """Return the parts of a verdict; runs of other code may lack what the claim asks for by now.

    Raises
    ------
    GradcertError : if they do.
    """
    try:
        return list(claim.judge(results, quick))
    except (KeyError, ValueError) as error:
        if store.code == code_digest(claim):
            raise
        raise GradcertError(
            f"the runs in {store.path} are of other code ({str(store.code)[:12]}), and cannot be judged by this",
            allowed=f"results of {claim.name} as this version writes them",
            do=f"run it again: gradcert claims {claim.name} --results {store.path.parent}",
        ) from error
