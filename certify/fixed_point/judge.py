"""Certifying a fixed-point implementation: every integer of every step against its description (hardware_models).

The subject is a step. It gets the stored integers of the inputs, of the random words and of the states before the step,
and answers with the stored integers of whichever intermediates it has, the next states at least:

    {"inputs": {"x": [1, 0], "target": [512]}, "state": {"v": [3, -7], "W": [[12, -3], [0, 5]]}}
    {"v.next": [2, -6], "W.next": [[12, -3], [0, 5]], "W.step": [[0, 0], [0, 0]]}

Arrays are nested lists, axes in the order in which ``gradcert hardware PROFILE --rule RULE`` lists them. A program in
any language does so line by line on standard input and output; a Python subject is a callable (inputs, state) ->
mapping; a file ``design.toml`` describes RTL (`hardware_models.rtl.harness`).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.certificates import CERTIFIED, INCONCLUSIVE, REFUTED
from gradcert.certify.fixed_point import host as fixed_point_host
from gradcert.certify.fixed_point.record import SIZES, STEPS, FixedPointCertificate
from gradcert.certify.subjects import FLUSH, THREADS, Failure, Limits, Process
from gradcert.hardware_models.agreement.telling import SMALL, columns_after, untold
from gradcert.hardware_models.catalogue import find_profile, program
from gradcert.hardware_models.chips import PROFILES, Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.ranges import can_overflow
from gradcert.hardware_models.subject import (
    FixedPointVerdict,
    columns_of_rows,
    judge_answers,
    steps_of,
)
from gradcert.reference.errors import GradcertError
from gradcert.reference.outside import parse
from gradcert.reference.printable import legible


def profile_of(text: str) -> Profile:
    """Return the profile that a format names: a profile, or the plain Q-format with weights in the format.

    Examples
    --------
    >>> profile_of("spinnaker").name, profile_of("s6q4").title
    ('spinnaker', 'plain Q-format, 6-bit weights, nearest, ties to even')
    """
    found = find_profile(text)
    if not program(found, found.rules[0]).is_fixed:
        fixed = ", ".join(n for n, p in PROFILES.items() if program(p, p.rules[0]).is_fixed)
        raise GradcertError(f"{text} is floating point", allowed=f"{fixed}, or a weight format such as s8q6")
    return found


def certify_fixed_point(
    subject: str | Sequence[str],
    profile: str,
    *,
    rule: str = "ottt",
    sizes: Mapping[str, int] | None = None,
    steps: int = STEPS["default"],
    seed: int = 0,
    limits: Limits | None = None,
    python: str | None = None,
) -> FixedPointCertificate:
    """Judge a fixed-point subject bit for bit against its description.

    Parameters
    ----------
    subject : ``file.py:attribute``, ``package.module:attribute``, ``design.toml``, or the words of a command.
    profile, rule, sizes : the description: a profile or a weight format, a rule, and inputs, neurons, outputs.
    steps, seed : how many random steps, from which seed.
    limits, python : of the subject's process.

    Raises
    ------
    GradcertError : where the description or the subject cannot be named.
    """
    started = time.perf_counter()
    found = profile_of(profile)
    unknown = set(sizes or {}) - set(SIZES)
    if unknown:
        raise GradcertError(f"option {sorted(unknown)[0]}", allowed=", ".join(SIZES), do="give sizes of the network")
    chosen = {**SIZES, **(sizes or {})}
    words = (subject,) if isinstance(subject, str) else tuple(subject)
    name = f"-- {shlex.join(words)}" if shutil.which(words[0]) else shlex.join(words)
    asked: dict[str, Any] = {
        "subject": name,
        "profile": profile,
        "rule": rule,
        "sizes": chosen,
        "seed": seed,
        "steps": steps,
        "asked": steps,
    }
    if len(words) == 1 and words[0].endswith(".toml"):
        from gradcert.certify.fixed_point.rtl import judged

        return judged(words[0], asked, started)
    described = program(found, rule, **chosen)
    leaves = steps_of(described, steps, seed)
    command = words if shutil.which(words[0]) else _host(words, python)

    def ask(more: Mapping[str, Any]) -> dict[str, Any]:
        answered = _rows(command, described, more, limits or Limits())
        if isinstance(answered, str):
            raise GradcertError(answered)
        return columns_of_rows(answered)

    answered = _rows(command, described, leaves, limits or Limits())
    seconds = time.perf_counter() - started
    if isinstance(answered, str):
        return FixedPointCertificate(REFUTED, answered, **asked, seconds=seconds)
    notes: tuple[str, ...] = ()
    try:
        columns = columns_of_rows(answered)
        result = judge_answers(described, leaves, columns, search=False)
    except GradcertError as error:
        return FixedPointCertificate(REFUTED, str(error), **asked, seconds=seconds)
    causes = transposed(described, leaves, columns, result)
    if result.first is not None and not causes:
        try:
            result = judge_answers(described, leaves, columns, ask=ask, seed=seed)
        except GradcertError as error:
            notes = (f"asked for more steps, to tell faults apart, it did not answer as before: {error}",)
    verdict, reason = _concluded(result)
    causes = causes or tuple(str(v) for v in result.causes)
    notes = not_told(described, leaves, result) if verdict == CERTIFIED else notes
    seconds = time.perf_counter() - started
    return FixedPointCertificate(verdict, reason, **asked, result=result, causes=causes, seconds=seconds, notes=notes)


def not_told(described: Program, leaves: Mapping[str, Any], result: FixedPointVerdict) -> tuple[str, ...]:
    """Return notes about the roundings, comparisons and overflows of which what was answered says nothing, or not all.

    Of overflows only those that interval arithmetic leaves possible (`can_overflow`).
    """
    answered = list(dict.fromkeys(name.partition("[")[0] for name in result.compared))
    kinds = (*SMALL, "guard missing", "no guard")
    left = untold(described, leaves, answered, kinds)
    places = {kind: {v.place for v in left if v.kind == kind} for kind in kinds}
    possible = set(can_overflow(described))
    rounded, compared, guarded, limited = (
        [n.name for n in described.operations if n.name in found]
        for found in (
            places["rounding sense"] - set(answered), places["comparison"], places["guard missing"] & possible,
            places["no guard"] - places["guard missing"],
        )
    )  # fmt: skip
    out = []
    if rounded:
        out.append(
            f"some other rounding of {', '.join(rounded)} would not have shown in what was answered; answer such "
            "intermediates too, and they are compared"
        )
    if compared:
        out.append(f"> and >= in {', '.join(compared)} were not told apart: no step with both sides equal showed there")
    if guarded:
        out.append(
            f"saturating and wrapping were not told apart in {', '.join(guarded)}: no overflow there showed in what "
            "was answered"
        )
    if limited:
        many = "is" if len(limited) == 1 else "are"
        out.append(f"whether {', '.join(limited)} {many} limited at all did not show in what was answered")
    return tuple(out)


def transposed(
    described: Program, leaves: Mapping[str, Any], answers: Mapping[str, Any], result: FixedPointVerdict
) -> tuple[str, ...]:
    """Return one sentence where every difference is a matrix whose axes were answered in the other order."""
    names = list(dict.fromkeys(label.partition("[")[0] for label in result.differences))
    shapes = {name: described.shape(described.node(name)) for name in names}
    if not names or any(len(shape) != 2 or shape[0] != shape[1] for shape in shapes.values()):
        return ()
    expected, _ = columns_after(described, leaves)
    for name, shape in shapes.items():
        for i, j in np.ndindex(shape):
            if (np.asarray(expected[f"{name}[{j},{i}]"]) != answers[f"{name}[{i},{j}]"]).any():
                return ()
    axes = "; ".join(f"the axes of {name} are {' '.join(described.node(name).axes)}" for name in names)
    return (f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} answered transposed: {axes}",)


def _concluded(result: FixedPointVerdict) -> tuple[str, str]:
    first = result.first
    if first is not None:
        return REFUTED, (
            f"{first.name} differs at step {first.step}: expected {first.expected} ({float(first.expected_value):g}), "
            f"got {first.got} ({float(first.got_value):g}); wrong on {result.wrong} of {result.steps} steps"
        )
    if result.missing:
        shown = ", ".join(result.missing[:4]) + (", ..." if len(result.missing) > 4 else "")
        return INCONCLUSIVE, f"{len(result.missing)} next states were not answered: {shown}"
    return CERTIFIED, f"{len(result.compared)} integers of every step equal, {result.steps} steps"


def _host(words: Sequence[str], python: str | None) -> tuple[str, ...]:
    where, colon, attribute = words[0].rpartition(":")
    if len(words) > 1 or not (colon and where and attribute) or (where.endswith(".py") and not Path(where).is_file()):
        raise GradcertError(
            f"the subject {shlex.join(words)!r}",
            allowed="path/to/file.py:attribute, package.module:attribute, design.toml, or -- COMMAND",
            do="name a callable, a harness file or a program that can be run",
        )
    return (python or sys.executable, fixed_point_host.__file__, words[0])


def _rows(
    command: Sequence[str], described: Program, leaves: Mapping[str, Any], limits: Limits
) -> list[dict[str, int]] | str:
    """Return one flat answer per step, or the sentence that says why there is none."""
    states = {n.name for n in described.of_kind("state")}
    try:
        process = Process.spawn(command, environment={**os.environ, **THREADS}, memory=limits.memory)
    except OSError as error:
        raise GradcertError(f"{command[0]} does not start: {error.strerror}", allowed="a program that runs") from None
    process.hint = FLUSH if fixed_point_host.__file__ not in command else ""
    try:
        rows = []
        for t in range(len(next(iter(leaves.values())))):
            given = {name: column[t].tolist() for name, column in leaves.items()}
            line = {
                "inputs": {k: v for k, v in given.items() if k not in states},
                "state": {k: v for k, v in given.items() if k in states},
            }
            reply = process.exchange(json.dumps(line), timeout=limits.start if t == 0 else limits.call)
            if isinstance(reply, Failure):
                return f"step {t}: {reply.reason}" + (f"; it printed: {reply.output.strip()}" if reply.output else "")
            if t == 0 and fixed_point_host.__file__ in command and reply.startswith("["):
                raise GradcertError(
                    f"importing the subject raised {legible(json.loads(reply)[0])}",
                    do="check the subject's name, and run it by itself",
                )
            row = _flat(described, reply)
            if isinstance(row, str):
                return f"step {t}: {row}"
            rows.append(row)
        return rows
    finally:
        process.kill()


def _flat(described: Program, reply: str) -> dict[str, int] | str:
    try:
        said = parse(reply, "the answer", whole=True)
    except GradcertError as error:
        return f"the answer is not JSON: it begins with {reply[:60]!r} ({error})"
    if not isinstance(said, dict):
        return "the answer is no JSON object"
    if "failed" in said:
        return f"it raised {said['failed']}"
    if "wrong" in said:
        wanted = "a mapping of the next states, and of whichever intermediates it has, to integers"
        return f"it returned {said['wrong']}; allowed: {wanted}"
    known = {n.name: described.shape(n) for n in described.operations}
    out: dict[str, int] = {}
    for name, nested in said.items():
        if name not in known:
            return f"an answer called {name!r}, which is no intermediate (gradcert hardware PROFILE --rule RULE)"
        try:
            array = np.array(nested, dtype=object)
        except ValueError:
            return f"{name} is no array of integers"
        if array.shape != known[name]:
            axes = f" (axes {' '.join(described.node(name).axes)})" if known[name] else ""
            return f"{name} has shape {list(array.shape)} instead of {list(known[name])}{axes}"
        for index in np.ndindex(array.shape):
            entry: Any = array[index]
            if type(entry) is not int:
                return f"{name} holds {entry!r}, which is no integer"
            out[f"{name}[{','.join(map(str, index))}]" if index else name] = entry
    return out
