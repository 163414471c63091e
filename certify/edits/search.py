"""Which edits are tried, and in which order: small ones first, and first where the gradients that are wrong come from.

What a statement acts on is found by moving its value a little: an edit of one that moves a gradient that is right, or
does not move one that is wrong, is tried last. A candidate is left at its first wrong number.
"""

from __future__ import annotations

import ast
import builtins
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.certify.edits import text
from gradcert.certify.edits.adding import additions
from gradcert.certify.edits.cases import Trial
from gradcert.certify.edits.edit import Edit, sites
from gradcert.certify.edits.kinds import numeric
from gradcert.certify.edits.observe import FUNCTIONS, Observed, Scope, numbered, scope, watched
from gradcert.certify.edits.replacing import replacements
from gradcert.certify.edits.runner import HUNG, Runner
from gradcert.certify.edits.sources import NotLookedFor, Source, Sources
from gradcert.certify.edits.statements import rearranged, summed

NUDGE = "__gradcert_nudge__"
AWAY = 3.0  # cost of an edit where the wrong gradients do not come from
UNKNOWN = 0.5  # for a statement of which that is not known
FAR = 5.5  # the cost from which on what is made of several things is tried as well
CHUNK = 48  # candidates of one child
PATIENCE = 40.0  # times what the subject takes as it is, for one candidate
LEAST = 1.0  # seconds for one candidate, at least
FIRST, SECOND = 0.25, 0.7  # shares of the time after which two edits are tried, where one mends a part, and no longer
SLOW = 4.0  # times the seconds of the processor that a search may take to pass
LOOKED = 4  # further trials in which it is seen what values names have
BASES = 4  # edits that mend a part, on which a second one is tried
Load = Callable[[Mapping[str, str]], Sources]


@dataclass(frozen=True, eq=False)
class Place:
    """A function that ran, the statement of the module that it is in, and what its expressions could be made of."""

    source: Source
    top: int
    function: Any
    scope: Scope


@dataclass(eq=False)
class Search:
    """One search.

    Attributes
    ----------
    load : returns the subject's files, some of them with another text.
    trials : what is asked, the first problem being one on which the subject is wrong.
    seconds : of the processor for all of it; it may take `SLOW` times as many to pass.
    raises : whether the subject, as it is, raises on the first problem.
    close : file descriptors that are not for candidates.
    tried, hung : candidates so far, and how many of them had to be stopped.
    """

    load: Load
    trials: Sequence[Trial]
    seconds: float
    raises: bool = False
    close: tuple[int, ...] = ()
    tried: int = 0
    hung: int = 0
    bases: list[tuple[int, int, Edit]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun, self.clock = spent(), time.monotonic()

    def over(self, share: float = 1.0) -> bool:
        """Return whether a share of the time is over."""
        asleep = time.monotonic() - self.clock > SLOW * self.seconds
        return asleep or spent() - self.begun > share * self.seconds

    def found(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the edits, as hunks one after another, after which every trial is answered rightly.

        Raises
        ------
        NotLookedFor : where candidates cannot be tried.
        """
        for hunk in self._round({}, last=False):
            if hunk is None:
                yield from self._second(SECOND)
            else:
                yield [hunk]
        yield from self._second(1.0)

    def _second(self, share: float) -> Iterator[list[dict[str, Any]]]:
        """Yield pairs of edits, the first of which mends a part, until a share of the time is over."""
        bases, self.bases = sorted(self.bases, key=lambda base: base[:2])[:BASES], []
        for number, (_, _, edit) in enumerate(bases):
            first = text.hunk(edit)
            if first is None or self.over(share):
                continue
            changed = {edit.source.path: text.applied(edit.source.text, first)}
            gone = (spent() - self.begun) / self.seconds
            for hunk in self._round(changed, last=True, share=gone + (share - gone) / (len(bases) - number)):
                if hunk is not None:
                    yield [first, hunk]

    def _round(self, changed: Mapping[str, str], *, last: bool, share: float = 1.0) -> Iterator[dict[str, Any] | None]:
        """Yield what makes every trial right, with one edit; None where two are to be tried before going on."""
        sources = self.load(changed)
        numbered(sources)
        started = spent()
        before = self._before(sources)
        each = max(LEAST, PATIENCE * (spent() - started))
        runner = Runner(each, self.close)
        wrong = frozenset(before["wrong"])
        seen = self._observed(sources, runner)
        places = list(_places(sources, seen))
        if not places:
            raise NotLookedFor("no function of its own source files was seen to run")
        reach = self._reach(sources, places, seen, runner, wrong)
        order: list[Edit] = []
        paused = False
        for far in (False, True):
            order += [e for place in places for e in _edits(place, seen, far=far)]
            order.sort(key=lambda e: e.cost + AWAY * reach.get(id(e.statement), UNKNOWN))
            gc.freeze()  # what children share stays shared
            while order and (far or order[0].cost + AWAY * reach.get(id(order[0].statement), UNKNOWN) < FAR):
                if self.over(share):
                    return
                if self.bases and not (last or paused) and self.over(FIRST):
                    paused, files = True, sources.files
                    yield None
                    sources.files = files  # as they were
                chunk, order = order[:CHUNK], order[CHUNK:]
                yield from self._chunk(sources, runner, chunk, wrong, last=last, share=share)

    def _chunk(
        self, sources: Sources, runner: Runner, chunk: list[Edit], wrong: frozenset[str], *, last: bool, share: float
    ) -> Iterator[dict[str, Any]]:
        for edit, outcome in runner.run(chunk, lambda e: self._tried(sources, e)):
            self.tried += 1
            self.hung += outcome == HUNG
            if isinstance(outcome, list):
                passed, left = outcome
                if passed == len(self.trials):
                    found = text.hunk(edit)
                    if found is not None:
                        yield found
                elif not last and (passed or set(left) < wrong):
                    self.bases.append((-passed, len(left), edit))
            if self.over(share):
                return

    def _tried(self, sources: Sources, edit: Edit) -> list[Any]:
        """Return how many trials are right in a row, and what is wrong on the next."""
        with edit.made():
            codes = edit.source.with_statement(edit.top)
        return self._asked(sources.load({edit.source.path: codes}))

    def _asked(self, subject: Any) -> list[Any]:
        for number, one in enumerate(self.trials):
            if left := one.wrong(one.answered(subject)):
                return [number, left]
        return [len(self.trials), []]

    def _before(self, sources: Sources) -> dict[str, Any]:
        """Return what is wrong with the source as it is; it has to be what the judge has seen."""
        runner = Runner(60.0, self.close)
        (_, outcome), *_ = runner.run([None], lambda _: self._asked(sources.load()))
        raised = outcome["raised"] if isinstance(outcome, dict) else ""
        if not isinstance(outcome, list) and not (raised and self.raises):
            raise NotLookedFor(
                f"loaded again in a copy of its process, it raised {raised}"
                if raised
                else f"a copy of its process {outcome}"
            )
        if isinstance(outcome, list) and outcome[0] == len(self.trials):
            raise NotLookedFor("loaded again, it is right on the cases that failed")
        return {"wrong": outcome[1] if isinstance(outcome, list) and outcome[0] == 0 else []}

    def _observed(self, sources: Sources, runner: Runner) -> Observed:
        codes = {source.path: watched(source) for source in sources.files}

        def look(one: Trial) -> Any:
            seen = Observed()
            seen.note()
            subject = sources.load(codes)
            try:
                one.answered(subject)
            except Exception:
                pass
            values = {str(number): list(digests) for number, digests in seen.values.items()}
            return {"kinds": {str(number): list(kinds) for number, kinds in seen.kinds.items()}, "values": values}

        out = Observed()
        telling = max(self.trials, key=lambda one: len({*one.problem.inputs.shape, *_widths(one)}))
        others = [one for one in self.trials[1:] if one is not telling]
        # two constants that are one number in some problem (a leak and a threshold) are two names in the others
        for _, outcome in runner.run([self.trials[0], telling, *others[:LOOKED]], look):
            if isinstance(outcome, dict) and "raised" not in outcome:
                out.add(outcome["kinds"], outcome["values"])
        return out

    def _reach(
        self, sources: Sources, places: list[Place], seen: Observed, runner: Runner, wrong: frozenset[str]
    ) -> dict[int, int]:
        """Return, by statement, 0 where it acts on all that is wrong and on nothing else, to 3 where on none of it."""
        slots = [(place, s) for place in places for s in statements(place.function) if _ran(s, seen)]
        slots = [(place, s) for place, s in slots if numeric(seen.of(getattr(s, "value", None)))]
        jobs: list[Any] = [None, *slots]
        first = self.trials[0]

        def look(job: Any) -> Any:
            codes = {}
            if job is not None:
                place, statement = job
                call = ast.Call(ast.Name(NUDGE, ast.Load()), [statement.value], [])
                edit = Edit("", 0, place.source, place.top, statement, statement, "value", None, call)
                with edit.made():
                    codes = {place.source.path: place.source.with_statement(place.top)}
            setattr(builtins, NUDGE, nudged)
            given = first.answered(sources.load(codes))
            return {name: [float(v) for v in np.asarray(value, dtype=float).ravel()] for name, value in given.items()}

        out: dict[int, int] = {}
        base: dict[str, Any] = {}
        for job, outcome in runner.run(jobs, look):
            told = isinstance(outcome, dict) and "raised" not in outcome
            if job is None:
                if not told:
                    return {}
                base = outcome
            elif told:
                moved = {name for name in base if outcome.get(name) != base[name]}
                out[id(job[1])] = _rank(moved, wrong, frozenset(base) - wrong)
        for place in places:
            for s in statements(place.function):
                inner = [out[id(n)] for n in ast.walk(s) if n is not s and id(n) in out]
                if id(s) not in out and inner:
                    out[id(s)] = min(inner)
        return out


def _rank(moved: set[str], wrong: frozenset[str], right: frozenset[str]) -> int:
    if not moved:
        return 2
    if wrong <= moved:
        return 1 if moved & right else 0
    return 1 if moved & wrong else 3


def _widths(one: Trial) -> list[int]:
    return [layer.units for layer in one.problem.network.layers]


def spent() -> float:
    """Return the seconds of the processor that this process and its children have taken."""
    return sum(os.times()[:4])


def nudged(value: Any) -> Any:
    """Return a value that is a little larger, if it is a number or an array.

    Examples
    --------
    >>> nudged(1.0) > 1.0, nudged("W")
    (True, 'W')
    """
    if isinstance(value, float) or (hasattr(value, "shape") and hasattr(value, "dtype")):
        try:
            return value * 1.0078125 + 0.0009765625
        except (TypeError, ValueError, RuntimeError):
            return value
    return value


def statements(function: Any) -> Iterator[Any]:
    """Yield the statements of a function, those of functions inside it apart."""
    for block in _blocks(function):
        yield from getattr(*block)


def _blocks(owner: Any) -> Iterator[tuple[Any, str]]:
    """Yield every list of statements of a function, as its owner and the name of the field."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(owner, name, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield owner, name
            for statement in body:
                if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
                    yield from _blocks(statement)
    for handler in getattr(owner, "handlers", ()):
        yield from _blocks(handler)


def _ran(statement: Any, seen: Observed) -> bool:
    return any(seen.ran(node) for node in ast.walk(statement))


def _places(sources: Sources, seen: Observed) -> Iterator[Place]:
    for source in sources.files:
        for top, statement in enumerate(source.tree.body):
            for function, around in _functions(statement, []):
                if any(seen.ran(node) for node in ast.walk(function)):
                    yield Place(source, top, function, scope(source.tree, [function, *around], seen))


def _functions(node: Any, around: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield every function, with the functions around it, and for a method the other ones of its class."""
    for child in [node] if isinstance(node, FUNCTIONS) else ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield child, around
            for inner in child.body:
                yield from _functions(inner, [*around, child])
        elif isinstance(child, ast.stmt):
            yield from _functions(child, around)


def _edits(place: Place, seen: Observed, *, far: bool) -> Iterator[Edit]:
    """Yield the edits of a function, each text of a place once; those that are near at hand, or the others."""
    known: set[tuple[int, str]] = set()
    for owner, name in _blocks(place.function):
        body = getattr(owner, name)
        loop = isinstance(owner, (ast.For, ast.While))
        more = summed(body, place.scope) if loop else ()
        for operator, cost, statement, new in more if far else rearranged(body, seen, loop=loop):
            if _ran(statement, seen) and new:
                yield Edit(operator, cost, place.source, place.top, statement, owner, name, None, new)
        for statement in body:
            if isinstance(statement, (*FUNCTIONS, ast.ClassDef)) or not _ran(statement, seen):
                continue
            for site in sites(statement):
                where = (place.source, place.top, statement, site.owner, site.name, site.index)
                for operator, cost, new in () if far else replacements(site, place.scope, seen):
                    key = site.node.number, ast.unparse(new)
                    if key not in known:
                        known.add(key)
                        yield Edit(operator, cost, *where, new)
                for operator, cost, new in additions(site, place.scope, seen, far=far):
                    yield Edit(operator, cost, *where, new)
