"""Judge mutants and diagnose those that are refuted, many in one process, which is replaced when one of them ends it.

The mutants of an implementation share its cases and everything that has been worked out of them.
"""

from __future__ import annotations

import multiprocessing as mp
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scripts.diagnosis.asked import Asked, asked, digest, drawn
from scripts.diagnosis.judge import judged
from scripts.diagnosis.mutants import Mutant
from scripts.diagnosis.subjects import Literal

LONGEST = 600.0  # seconds of the clock for one mutant, whatever it does


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant.

    Attributes
    ----------
    verdict : ``equivalent``, ``refuted``, ``invalid`` (most problems raise), ``hung`` or ``crashed``, with the `check`.
    named : ``fully``, ``partly`` or ``not``.
    keys, said : of the explanation.
    false : whether a cause does not account for fresh problems.
    seconds : of the processor, for the diagnosis, and for `all` of it.
    """

    subject: str
    held: bool
    rule: str
    operator: str
    line: int
    before: str
    after: str
    digest: str
    verdict: str
    check: str = ""
    named: str = ""
    keys: tuple[str, ...] = ()
    said: str = ""
    false: bool = False
    seconds: float = 0.0
    all: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def measure(
    literals: Sequence[Literal],
    *,
    most: int,
    seed: int = 0,
    share: tuple[int, int] = (0, 1),
    done: Collection[tuple[str, str]] = (),
    cold: bool = False,
    profile: str = "default",
) -> Iterator[Outcome]:
    """Yield the outcome of every mutant of the sample.

    Parameters
    ----------
    most : mutants of every implementation.
    share : which of how many parts of them are measured here.
    done : implementations and digests of mutants that have been measured.
    profile : of the cases.
    cold : work everything out anew for every mutant, as a campaign does.
    """
    for literal in literals:
        prepared = asked(literal, profile)
        left = [m for i, m in enumerate(drawn(prepared, most, seed)) if i % share[1] == share[0]]
        left = [m for m in left if (literal.name, digest(m.source)) not in done]
        while left:
            for mutant, found in _together(prepared, left, cold):
                left.remove(mutant)
                yield _outcome(literal, mutant, found)


def _outcome(literal: Literal, mutant: Mutant, found: dict[str, Any]) -> Outcome:
    about = {"subject": literal.name, "held": literal.held, "rule": literal.claim.rule}
    edit = {name: getattr(mutant, name) for name in ("operator", "line", "before", "after")}
    return Outcome(**about, **edit, digest=digest(mutant.source), **{**found, "keys": tuple(found.get("keys", ()))})


def _together(prepared: Asked, mutants: Sequence[Mutant], cold: bool) -> Iterator[tuple[Mutant, dict[str, Any]]]:
    """Yield what becomes of mutants in one process, until it ends; the last one has then ended it."""
    here, there = mp.get_context("fork").Pipe(duplex=False)
    sources = [mutant.source for mutant in mutants]
    process = mp.get_context("fork").Process(target=_work, args=(there.send, prepared, sources, cold))
    process.start()
    there.close()
    try:
        for mutant in list(mutants):
            try:
                yield mutant, here.recv() if here.poll(LONGEST) else {"verdict": "hung"}
            except EOFError:
                yield mutant, {"verdict": "crashed", "said": "the process ended"}
                return
    finally:
        process.kill()
        process.join()


def _work(send: Callable[[Any], None], prepared: Asked, sources: Sequence[str], cold: bool) -> None:
    np.seterr(all="ignore")
    for source in sources:
        started = time.process_time()
        found = judged(prepared.cold() if cold else prepared, source)
        send({**found, "all": round(time.process_time() - started, 3)})
