"""The whole gallery, on as many processes as there are jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from fnmatch import fnmatchcase

from gradcert.certify.runs import executors
from gradcert.certify.selftest.judge import claim_of, judge, key_of
from gradcert.certify.selftest.record import CORRECT, Member
from gradcert.properties.gallery import BLIND, UNUSUAL, WRONG
from gradcert.properties.gallery.entry import Entry

Progress = Callable[[int, int, str], None]
SLOW = (
    "torch_",
    "dual_numbers",
    "uoro",
    "T86_",
    "T85_",
    "F03_",
)  # members that go first, so that no process waits for them at the end
LARGEST = 6  # members of one claim that one process judges in a row


def chosen(names: Iterable[str] = (), classes: Iterable[str] = ()) -> list[Entry]:
    """Return members by name (shell patterns; all that match) and class.

    Examples
    --------
    >>> [entry.name for entry in chosen(["T62*"])]
    ['T62_one_over_steps', 'T62_one_over_batch']
    """
    patterns, wanted = [*names], set(classes)
    out = []
    for entry in (*WRONG.values(), *BLIND.values(), *UNUSUAL.values()):
        named = not patterns or any(fnmatchcase(entry.name, p) for p in patterns)
        if named and (not wanted or (entry.bug_class or CORRECT) in wanted):
            out.append(entry)
    return out


def classes() -> list[str]:
    """Return the bug classes of the gallery, and that of the correct members."""
    return [*dict.fromkeys(entry.bug_class for entry in (*WRONG.values(), *BLIND.values())), CORRECT]


def judge_named(names: tuple[str, ...]) -> list[Member]:
    """Judge some members, one after the other; they share their cases."""
    everyone = {**WRONG, **BLIND, **UNUSUAL}
    return [judge(everyone[name]) for name in names]


def batches(entries: Iterable[Entry]) -> list[tuple[str, ...]]:
    """Return the names of members, those with one claim together, slow ones first."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        claim = claim_of(entry)
        slow = entry.name.startswith(SLOW)
        key = f"slow {entry.name}" if slow else key_of(claim) if claim is not None else f"laws {entry.bug_class}"
        groups.setdefault(key, []).append(entry.name)
    out = []
    for names in groups.values():
        out += [tuple(names[i : i + LARGEST]) for i in range(0, len(names), LARGEST)]
    return sorted(out, key=lambda names: not names[0].startswith(SLOW))


def selftest(
    names: Iterable[str] = (), *, classes: Iterable[str] = (), jobs: int = 1, progress: Progress | None = None
) -> list[Member]:
    """Judge the gallery, or part of it.

    Parameters
    ----------
    names, classes : as for `chosen`.
    jobs : processes.
    progress : called with (done, total, what).

    Returns
    -------
    the members in the order of the gallery.

    Examples
    --------
    >>> [found.verdict for found in selftest(["T62*", "reverse_sweep"])]
    ['killed', 'killed', 'accepted']
    """
    entries = chosen(names, classes)
    work = batches(entries)
    found: dict[str, Member] = {}
    with ExitStack() as stack:
        several = jobs > 1 and len(work) > 1
        run = stack.enter_context(executors.processes(min(jobs, len(work)))) if several else map
        done: Iterator[list[Member]] = iter(run(judge_named, work))
        for members in done:
            found |= {member.name: member for member in members}
            if progress is not None:
                progress(len(found), len(entries), members[-1].name)
    return [found[entry.name] for entry in entries]
