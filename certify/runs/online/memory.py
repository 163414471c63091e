"""Constant memory: what a learner holds is no more than its state, and does not grow with the number of steps.

A long sequence of fresh random inputs is played in a process of its own. Readings are taken on the way, all garbage
collected. A learner in Python says how many bytes it holds in NumPy arrays, in Python objects, in the C heap (where
tensors and graphs of other libraries are), and in files that it has opened for writing. A program in another language
may count for itself (`gradcert.certify.subjects.drive`). From outside, of the process and all its descendants: pages,
shared ones once (anonymous maps, child processes), and bytes in files. Three things are asked of the readings.

**Does it grow?** (`growth`) By more than a margin, in two sequences, the second twice as long. Arrays may not gain a
byte. Objects may gain less than half a machine word a step: keeping anything costs a reference to it. The C heap, whose
use by the interpreter wavers by some kilobytes, may gain less than 128 bytes a step, and less than a node of a graph
takes. Pages, files and a program's own count may gain a quarter of the bytes handed over, which are 32 KiB a step.

**Is it too much?** What was allocated since the sequence began is compared with the state that the largest rule needs
(`state`): four times that, for temporaries, and a few steps. That finds room for a sequence set aside beforehand, and
buffers that grow by large factors. For the C heap and pages, 64 MiB are allowed on top, since libraries set up much
when they are first used.

**Does it touch more and more?** The pages used in a stretch of steps are counted, where the system can (Linux). A
learner uses the same ones over and over; room that was set aside, and written to, beforehand is used up page by page.

If the pages of a program that does not count for itself grow, or it touches more and more, that may be garbage, and
nothing is shown. What no reading covers is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.certify.problems import Case
from gradcert.certify.runs.online import growth, state
from gradcert.certify.runs.online.outcome import Outcome, interrupted, refuted
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects import Failure, Played, Worker
from gradcert.reference.networks import Problem

STEPS = 256
LEAST = {"arrays": 0, "objects": 4, "heap": 128}  # bytes a step from which on it is growth; 0: any byte
PART = 4  # for the other kinds: this part of what is handed over
TIMES, STEPS_HELD, SLACK = 4, 4, 64 * 2**10  # how much more than its state a learner may hold
SETUP = 64 * 2**20  # bytes that libraries may take in the C heap and in pages when they are first used
KINDS = {
    "arrays": "in NumPy arrays",
    "objects": "in Python objects",
    "heap": "in the C heap",
    "told": "by its own count",
    "files": "in files",
    "pages": "in the pages of its processes",
    "touched": "in pages that it uses one after the other",
}
UNSEEN = {
    True: "not seen: what is kept on other machines or in processes that were there before, and a file in memory that "
    "a child process wrote and closed",
    False: "not seen: what is kept on other machines or in processes that were there before, a file in memory that was "
    "written and closed, and room that a program which counts for itself leaves out of its count",
}


def check(run: Run, case: Case) -> Outcome:
    """Play a long sequence in a fresh process, and a longer one if it shows growth."""
    started = run.fresh(traced=True)
    if started is None:
        return Outcome("blocked", "there was no process left to ask")
    if isinstance(started, Failure):
        return Outcome("blocked", f"a process of its own does not start: {started.reason}")
    try:
        return _checked(case, started)
    finally:
        started.stop()


def _checked(case: Case, worker: Worker) -> Outcome:
    before = worker.measure()
    if isinstance(before, Failure):
        return Outcome("blocked", f"the process of its own is lost: {before.reason}")
    first: dict[str, str] = {}
    for steps in (STEPS, 2 * STEPS):
        problem = state.long(case, steps)
        played = worker.play(problem, ask=[], measure=growth.points(steps))
        if (stopped := interrupted("memory", case, played)) is not None:
            return stopped
        if any(reading.get("told", 0) is None for reading in played.measured.values()):
            return Outcome("blocked", "the program says that it measures, and gives no number")
        found = seen(problem, played, before, program=worker.program)
        if not found:
            return passed(problem, played, worker, before)
        if not first:
            first = found
    both = [kind for kind in KINDS if kind in first and kind in found]
    return verdict(case, problem, played, {kind: found[kind] for kind in both}, worker, before)


def series(played: Played) -> dict[str, list[int]]:
    """Return the readings of every kind that was known at every point."""
    points = sorted(played.measured)
    every: dict[str, list[int]] = {}
    for kind in KINDS:
        values = [played.measured[t].get(kind) for t in points]
        if len(points) == growth.READINGS and all(value is not None for value in values):
            every[kind] = [value for value in values if value is not None]
    return every


def seen(problem: Problem, played: Played, before: Mapping[str, int | None], *, program: bool) -> dict[str, str]:
    """Return what speaks against constant memory: kind -> "grows" or "too much"."""
    out: dict[str, str] = {}
    steps, step = len(problem.inputs), problem.inputs[0].nbytes + problem.targets[0].nbytes
    every = series(played)
    for kind, values in every.items():
        least = LEAST.get(kind, step // PART)
        if growth.rises(values, least * growth.span(steps)):
            out[kind] = "grows"
    most = allowed(problem)
    held = max((a + o for a, o in zip(every.get("arrays", ()), every.get("objects", ()), strict=True)), default=0)
    if held > most:
        out.setdefault("arrays" if max(every["arrays"]) > most / 2 else "objects", "too much")
    for kind in ("heap", "pages"):
        base = before.get(kind)
        if kind in every and base is not None and not program and max(every[kind]) - base > most + SETUP:
            out.setdefault(kind, "too much")
    if "told" in out or ("told" in every and program):
        out.pop("touched", None)  # a collector of garbage uses fresh pages
        out.pop("pages", None)
    return out


def allowed(problem: Problem) -> int:
    """Return the bytes that a learner may hold: some times its state, a few steps, and something for its objects."""
    step = problem.inputs[0].nbytes + problem.targets[0].nbytes
    return TIMES * state.needed(problem) + STEPS_HELD * step + SLACK


def passed(problem: Problem, played: Played, worker: Worker, before: Mapping[str, int | None]) -> Outcome:
    """Return the outcome of a learner of which nothing grew, in words and facts that are alike in every run."""
    every = series(played)
    if not every or (worker.program and not {"told", "pages"} & set(every)):
        return Outcome("blocked", "this system does not tell how much memory a program holds")
    imported, most = before.get("imported") or 0, allowed(problem)
    if imported > most and "touched" not in every:
        what = f"more than {most} bytes of arrays were there before the first step: whether they take in what comes"
        return Outcome("blocked", f"{what} is not known", {"imported": "too much"})
    facts = facts_of(problem, every, {})
    steps = f"nothing grows up to {STEPS} steps of {problem.inputs[0].nbytes} bytes"
    return Outcome("passed", f"{steps}, nothing is larger than {most} bytes; {UNSEEN[not worker.program]}", facts)


def facts_of(problem: Problem, every: Mapping[str, Any], found: Mapping[str, str]) -> dict[str, Any]:
    """Return what a certificate records: what grew, or which kinds did not; what is allowed; the error rate."""
    facts: dict[str, Any] = {"steps": STEPS, "allowed": allowed(problem), "rate": growth.RATE}
    if found:
        return facts | dict([next(iter(found.items()))])  # what else grows with it differs from run to run
    return facts | {kind: "constant" for kind in KINDS if kind in every}


def verdict(
    case: Case,
    problem: Problem,
    played: Played,
    found: Mapping[str, str],
    worker: Worker,
    before: Mapping[str, int | None],
) -> Outcome:
    """Return the outcome of a learner in two sequences of which something was seen."""
    if not found:
        return passed(problem, played, worker, before)
    facts = facts_of(problem, series(played), found)
    if worker.program and set(found) <= {"pages", "touched"}:
        what = 'the program\'s pages grow, by what it keeps or by garbage: let it answer {"measure": true} to settle it'
        return Outcome("blocked", what, facts)
    kind = next(iter(found))
    if found[kind] == "grows":
        reason = f"what the learner holds {KINDS[kind]} grows with every step"
        cause = f"it keeps something of every step: {growth_of(kind)} or more"
    else:
        reason = f"what the learner holds {KINDS[kind]} is more than the state of any rule: {allowed(problem)} bytes"
        cause = "it sets room aside for a sequence"
    return refuted("memory", case, reason, cause=cause, **facts)


def growth_of(kind: str) -> str:
    """Return from how much on a kind counts as growing, in words."""
    if kind in LEAST:
        return f"{LEAST[kind]} bytes" if LEAST[kind] else "a byte"
    return "a quarter of what it is given"
