"""Judge mutants and diagnose those that are refuted, many in one process, which is replaced when one of them ends it.

The mutants of an implementation share its cases and everything that has been worked out of them.
"""

from __future__ import annotations

import multiprocessing as mp
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
    verdict : ``equivalent``, ``missed`` (accepted, and wrong on other problems), ``refuted``, ``invalid`` (most of the
        problems raise), ``hung`` or ``crashed``, with the `check`.
    equal : whether it was refuted although it answers what the implementation answers.
    named : ``fully``, ``partly`` or ``not``.
    keys, said : of the explanation.
    false : whether a cause does not account for fresh problems.
    seconds : of the processor, for the diagnosis, and for `all` of it.
    repair, shown : ``certified``, ``none``, or why none was looked for; what is shown.
    edits, by : how many edits a repair has, and by which operators.
    undone : whether the repair is the very source that was mutated.
    agrees : where there are both: whether the cause holds on fresh problems, on which the repair is right.
    search, tried : seconds of the processor, and number of edits, for the search of a repair.
    under : the sources that it was measured with, and how it was asked for: others are not taken over.
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
    equal: bool = False
    named: str = ""
    keys: tuple[str, ...] = ()
    said: str = ""
    false: bool = False
    seconds: float = 0.0
    all: float = 0.0
    repair: str = ""
    shown: str = ""
    edits: int = 0
    by: str = ""
    undone: bool = False
    agrees: bool | None = None
    search: float = 0.0
    tried: int = 0
    under: str = ""

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
    repair: float = 0.0,
    every: int = 1,
) -> Iterator[Outcome]:
    """Yield the outcome of every mutant of the sample.

    Parameters
    ----------
    most : mutants of every implementation.
    share : which of how many parts of them are measured here.
    done : implementations and digests of mutants that have been measured.
    profile : of the cases.
    cold : work everything out anew for every mutant, as a campaign does.
    repair : seconds in which a repair of each is looked for; 0 for none.
    every : of those whose cause is named, one in so many is looked at for a repair.
    """
    for literal in literals:
        prepared = asked(literal, profile)
        left = [m for i, m in enumerate(drawn(prepared, most, seed)) if i % share[1] == share[0]]
        left = [m for m in left if (literal.name, digest(m.source)) not in done]
        while left:
            for mutant, found in _together(
                prepared, left, cold, {"repair": repair, "profile": profile, "every": every}
            ):
                left.remove(mutant)
                yield _outcome(literal, mutant, found)


def _outcome(literal: Literal, mutant: Mutant, found: dict[str, Any]) -> Outcome:
    about: dict[str, Any] = {"subject": literal.name, "held": literal.held, "rule": literal.claim.rule}
    edit = {name: getattr(mutant, name) for name in ("operator", "line", "before", "after")}
    return Outcome(**about, **edit, digest=digest(mutant.source), **{**found, "keys": tuple(found.get("keys", ()))})


def _together(
    prepared: Asked, mutants: Sequence[Mutant], cold: bool, options: Mapping[str, Any]
) -> Iterator[tuple[Mutant, dict[str, Any]]]:
    """Yield what becomes of mutants in one process, until it ends; the last one has then ended it."""
    here, there = mp.get_context("fork").Pipe(duplex=False)
    sources = [mutant.source for mutant in mutants]
    process = mp.get_context("fork").Process(target=_work, args=(there.send, prepared, sources, cold, options))
    process.start()
    there.close()
    try:
        for mutant in list(mutants):
            try:
                if not here.poll(LONGEST):  # what it still says would be taken for the next one's
                    yield mutant, {"verdict": "hung"}
                    return
                yield mutant, here.recv()
            except EOFError:
                yield mutant, {"verdict": "crashed", "said": "the process ended"}
                return
    finally:
        process.kill()
        process.join()


def _work(
    send: Callable[[Any], None], prepared: Asked, sources: Sequence[str], cold: bool, options: Mapping[str, Any]
) -> None:
    np.seterr(all="ignore")
    for source in sources:
        started = time.process_time()
        found = judged(prepared.cold() if cold else prepared, source, **options)
        send({**found, "all": round(time.process_time() - started, 3)})
