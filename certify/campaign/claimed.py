"""What is claimed: as the subject was decorated, as its process told, or as given; and whether it takes steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from gradcert.certify.certificates import sha256
from gradcert.certify.claims import Claim, Parts, claim_of, files_of, from_dict, made, whole
from gradcert.certify.runs import Run, tail
from gradcert.certify.subjects import Failure, Subject, Worker
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, file_of
from gradcert.reference.published import Claimed
from gradcert.reference.rules import Rule

NO_ROW = "cuts that are no row of the table"  # as `gradcert.models.modules` says it
CONVENTION = re.compile(r"label by convention: .* is (?P<label>[A-Z_]+) \(or (?P<others>[A-Z_]+(, or [A-Z_]+)*)\): ")


def claimed(
    subject: Any,
    told: Mapping[str, Any] | None,
    *,
    notes: Iterable[str] = (),
    run_cells: bool = False,
    **parts: Unpack[Parts],
) -> Claim:
    """Return the claim of a subject: as decorated, as its process told, or as given, which wins.

    Parameters
    ----------
    notes : of the process: why it told no rule.

    Raises
    ------
    GradcertError : if there is none, or it does not fit together.
    """
    where = file_of(subject)
    layers = list(parts.get("layers") or ())
    named = {"cells": _words(parts.get("cells")), "layers": layers, "rule": parts.get("rule")}
    files = [*([where] if where else []), *files_of(named)]
    declared = whole(parts.get("claim"), run=run_cells, files=files) or claim_of(subject)
    if declared is None and told is not None and not told.get("rule", "bptt"):  # read, and its cuts are no rule
        if not (rule := parts.get("rule")):
            why = next((note for note in notes if NO_ROW in note), f"a module with {NO_ROW}")
            raise GradcertError(why, do="say what it computes: --rule")
        told = {**told, "rule": rule}
    if declared is None and told is not None:
        declared = from_dict(told, run=run_cells, files=files)
    found = made(declared, parts)
    if isinstance(found, Claim):
        return found
    raise GradcertError(
        "the subject declares no claim",
        allowed="a rule and cells",
        do='pass --rule and --cells, or decorate it: @gradcert.claim(rule="ostl", cells=("snu",))',
    )


def matter(notes: Iterable[str], claim: Claim) -> list[str]:
    """Return what a process notes, but for labels by convention that the claimed rule does not tell from the others.

    Examples
    --------
    >>> note = "label by convention: z' -> c is ADAPTATION (or RESET): a spike to another state"
    >>> [bool(matter([note], Claim(rule, "snu"))) for rule in ("e-prop", "bptt", "bptt-detached-reset")]
    [True, False, True]
    """
    return [note for note in notes if (found := CONVENTION.match(note)) is None or _tells(claim.claimed, found)]


def _tells(rule: Claimed, found: re.Match[str]) -> bool:
    if not isinstance(rule, Rule):
        return True
    labels = [Edge[name] for name in (found["label"], *found["others"].split(", or "))]
    return any(len({edge in kept for edge in labels}) > 1 for kept in (rule.own, rule.upper))


def unstarted(failure: Failure) -> GradcertError:
    """Return the error about a subject that does not start, whatever is claimed of it: there is nothing to judge."""
    if failure.kind == "usage":
        return GradcertError(failure.reason)
    lines = tail(failure.output)
    if lines and lines[-1].strip() in failure.reason:  # an exception, which the reason names
        del lines[-1]
    said = "".join(f"\n  {line}" for line in lines)
    return GradcertError(failure.reason, do=f"check the subject's name, and run it by itself{said}")


def unspoken(run: Run) -> GradcertError | None:
    """Return the error about a subject that was asked, and of which no process has ever given an answer, or None.

    A program has no other way to say that it has started. What has answered once is judged from there on: ending is an
    answer too, unless it is for the memory that is allowed here.
    """
    failures = [answer.failure for _, answer, _ in run.failed if answer.failure is not None]
    if run.answers or not failures or len(failures) < len(run.failed):
        return None
    first = failures[0]
    ended = next((failure for failure in failures if failure.kind in ("died", "garbled")), None)
    said = "".join(f"\n  {line}" for line in tail((ended or first).output))
    if all(failure.limit for failure in failures):
        return GradcertError(
            f"the subject gives no answer with the memory that it is allowed: {first.reason}",
            do=f"allow it more (--memory){said}",
        )
    # of one that takes steps, the beginning of a sequence is answered before the first
    program = run.subject is not None and bool(run.subject.program) and not run.claim.online
    if program and ended is not None and all(failure.kind in ("died", "garbled", "wrong") for failure in failures):
        return GradcertError(
            f"the program does not start: asked for gradients, it has answered nothing yet, and {first.reason}",
            allowed="a program that waits for a line of JSON, answers it with a line of JSON, and waits for the next",
            do=f"run it by itself: gradcert vectors -o FOLDER writes problems.jsonl to give it{said}",
        )
    return None


def given_rule(claim: Claim) -> dict[str, str]:
    """Return the digest of the file of a rule that somebody defined, under ``rule``; nothing where it is gradcert's."""
    where = next(iter(files_of({"rule": claim.rule})), None)
    return {} if where is None else {"rule": sha256(Path(where).read_bytes())}


def _words(given: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def stepwise(who: Subject, worker: Worker, wanted: Claim) -> None:
    """Have a program that claims "online" driven step by step.

    Raises
    ------
    GradcertError : if a callable claims "online", which nobody can check from outside.
    """
    if wanted.online and not worker.stepwise and not worker.program:
        raise GradcertError(
            f"{who.name} claims to be online, and is a callable, which is given the whole sequence at once",
            allowed="a stepwise learner: start(start), step(input, target), gradients()",
            do="write the learner as an object with these three methods, or leave online out of the claim",
        )
    if worker.stepwise and not set(wanted.when) <= {"every", "last"}:
        raise GradcertError(
            f"{who.name} takes one step at a time, and claims a loss of {' or '.join(wanted.when)}",
            allowed="a loss of every step or of the last",
        )
    if who.program:
        who.stepwise = worker.stepwise = wanted.online
