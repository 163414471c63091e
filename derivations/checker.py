"""The checker: every step of every derivation is verified; what is not proved fails and is listed."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import as_completed
from pathlib import Path

import sympy

from gradcert.derivations.algebra.ring import is_zero
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.executed import forget, not_run, watched
from gradcert.derivations.kept import Verdict, read, write
from gradcert.derivations.proving.record import Derivation, Step
from gradcert.reference.errors import GradcertError
from gradcert.reference.workers import pool


def verify(step: Step) -> Verdict:
    """Verify one step.

    It fails where there is nothing to verify, where anything is raised, and where it lists code that it did not run.

    Examples
    --------
    >>> from gradcert.derivations.proving.record import Equation, Step
    >>> x = sympy.Symbol("x")
    >>> verify(Step("a.b", "why", equations=lambda: [Equation((x + 1) ** 2, x**2 + 2 * x + 1)])).status
    'proved'
    >>> verify(Step("a.b", "why", equations=lambda: [Equation((x + 1) ** 2, x**2 + 1)])).failed
    ('(x + 1)**2 = x**2 + 1',)
    >>> verify(Step("a.b", "nothing is shown")).status
    'failed'
    """
    start = time.perf_counter()
    failed: list[str] = []
    count = 0
    forget(step.id.split(".")[0])
    with watched(step.code) as ran:
        # code that is wrong may not even run: whatever it raises is the step's failure and nobody else's
        for part in (_identities, _proof):
            try:
                identities, sentences = part(step)
            except Exception as error:
                identities, sentences = 0, [raised(error)]
            count += identities
            failed += sentences
    if count == 0 and not failed:
        failed.append("no identity and no proof")
    if not failed:
        failed += not_run(step.code, ran)
    status = "failed" if failed else ("definition" if step.definition and step.proof is None else "proved")
    return Verdict(step.id, status, count, tuple(failed), time.perf_counter() - start)


def raised(error: BaseException) -> str:
    """Return what was raised as a sentence: its kind, its words, and the line that it came from.

    Examples
    --------
    >>> raised(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (raised in {Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _identities(step: Step) -> tuple[int, list[str]]:
    """Expand the identities of a step."""
    failed: list[str] = []
    equations = list(step.equations()) if step.equations is not None else []
    for e in equations:
        if step.definition:
            left = sympy.sympify(e.left)
            if not (left.is_Symbol or left.is_Function or isinstance(left, sympy.Indexed)):
                failed.append(f"{left} is no name, so it cannot be defined")
        elif not is_zero(sympy.sympify(e.left) - sympy.sympify(e.right)):
            failed.append(f"{e.left} = {e.right}")
    return len(equations), failed


def _proof(step: Step) -> tuple[int, list[str]]:
    """Run the proof of a step."""
    if step.proof is None:
        return 0, []
    result = step.proof()
    nothing = [f"{result.claim}: nothing was proved"] if result.identities == 0 else []
    return result.identities, [*result.failed, *nothing]


def structure(derivations: Iterable[Derivation], known: frozenset[str] | None = None) -> list[str]:
    """Return what is wrong with the order of steps: duplicate ids, unknown premises, circles, missing reasons.

    `known` are the ids of the derivations that are not given.
    """
    wrong: list[str] = []
    steps: dict[str, Step] = {}
    for d in derivations:
        for s in d.steps:
            if s.id in steps:
                wrong.append(f"{s.id}: the id is used twice")
            if not s.id.startswith(f"{d.name}."):
                wrong.append(f"{s.id}: the id does not start with {d.name}.")
            if not s.why.strip():
                wrong.append(f"{s.id}: no reason")
            steps[s.id] = s
    for s in steps.values():
        wrong += [f"{s.id}: rests on {p}, which is no step" for p in s.premises if p not in steps | _ids(known)]
    done: set[str] = set(known or ())
    while True:
        ready = {s.id for s in steps.values() if s.id not in done and set(s.premises) <= done | (_missing(s, steps))}
        if not ready:
            break
        done |= ready
    wrong += [f"{s}: rests on itself, by way of {', '.join(steps[s].premises)}" for s in sorted(set(steps) - done)]
    return wrong


def _ids(known: frozenset[str] | None) -> dict[str, None]:
    return dict.fromkeys(known or ())


def _missing(step: Step, steps: Mapping[str, Step]) -> set[str]:
    return {p for p in step.premises if p not in steps}


def graph(derivations: Iterable[Derivation]) -> dict[str, tuple[str, ...]]:
    """Return which derivation rests on which."""
    out: dict[str, tuple[str, ...]] = {}
    for d in derivations:
        names = {p.split(".")[0] for s in d.steps for p in s.premises} - {d.name}
        out[d.name] = tuple(sorted(names))
    return out


def check(
    names: Iterable[str] | None = None,
    *,
    jobs: int = 2,
    cache: Path | None = None,
    listen: Callable[[Verdict | None, int, int], None] | None = None,
) -> dict[str, list[Verdict]]:
    """Verify derivations and everything that they rest on.

    Parameters
    ----------
    names : which derivations; all of them where None.
    jobs : processes.
    cache : folder of earlier verdicts, keyed by the content of the code; None for `kept.cache_folder()`.
    listen : called with every verdict as it arrives, how many have, and how many will; at first with None, 0 and the
        latter.

    Returns
    -------
    Derivation -> verdicts in reading order; faults of structure, and what was raised where a derivation cannot even be
    imported, are verdicts of a step ``<name>.structure``.
    """
    wanted, broken = _closed(list(CHAPTERS) if names is None else list(names))
    derivations = [chapter(name) for name in wanted if name not in broken]
    out: dict[str, dict[str, Verdict]] = {name: {} for name in wanted}
    for name, sentence in broken.items():
        out[name][f"{name}.structure"] = Verdict(name, "failed", 0, (sentence,), 0.0)
    missing = frozenset(p for d in derivations for s in d.steps for p in s.premises if p.split(".")[0] in broken)
    for sentence in structure(derivations, missing):
        name = sentence.split(":")[0]
        out[name.split(".")[0]][f"{name}.structure"] = Verdict(name, "failed", 0, (sentence,), 0.0)
    todo: list[tuple[str, str]] = []
    for d in derivations:
        for s in d.steps:
            held = read(s.id, cache)
            if held is None:
                todo.append((d.name, s.id))
            else:
                out[d.name][s.id] = held
    if listen:
        listen(None, 0, len(todo))
    for done, (name, verdict) in enumerate(_run(todo, jobs), start=1):
        out[name][verdict.step] = verdict
        write(verdict, cache)
        if listen:
            listen(verdict, done, len(todo))
    order = {d.name: [s.id for s in d.steps] for d in derivations}
    return {
        n: [v for k, v in vs.items() if k.endswith(".structure")] + [vs[i] for i in order.get(n, ()) if i in vs]
        for n, vs in out.items()
    }


def held(*, cache: Path | None = None) -> dict[str, list[Verdict]]:
    """Return derivation -> the verdicts that are known already, of the code as it is; nothing is proved."""
    return {name: [found for s in chapter(name).steps if (found := read(s.id, cache)) is not None] for name in CHAPTERS}


def checked(step: Step, *, cache: Path | None = None) -> Verdict:
    """Return the verdict of one step, from the cache where the code has not changed since."""
    held = read(step.id, cache)
    if held is None:
        held = verify(step)
        write(held, cache)
    return held


def _closed(names: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the derivations and those that they rest on; and what was raised by those that cannot be built."""
    todo, found, broken = list(names), set(), {}
    while todo:
        name = todo.pop()
        if name not in CHAPTERS:
            raise GradcertError(f"the derivation {name!r} is unknown", allowed=", ".join(CHAPTERS))
        if name in found:
            continue
        found.add(name)
        try:
            todo += list(graph([chapter(name)])[name])
        except Exception as error:  # its file runs code of the engines before there is any step
            broken[name] = raised(error)
    return [name for name in CHAPTERS if name in found], broken


def _run(todo: list[tuple[str, str]], jobs: int) -> Iterable[tuple[str, Verdict]]:
    if jobs <= 1 or len(todo) < 2:
        for name, step in todo:
            yield name, _verify_named(name, step)
        return
    with pool(jobs, "spawn") as working:
        futures = {working.submit(_verify_named, name, step): (name, step) for name, step in todo}
        for future in as_completed(futures):
            name, step = futures[future]
            error = future.exception()  # of the process itself: memory, a signal, a chapter that cannot be imported
            yield name, future.result() if error is None else Verdict(step, "failed", 0, (raised(error),), 0.0)


def _verify_named(name: str, step: str) -> Verdict:
    return verify(next(s for s in chapter(name).steps if s.id == step))
