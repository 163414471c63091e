"""What is claimed: as the subject was decorated, as its process told, or as given; and whether it takes steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gradcert.certify.claims import Claim, claim_of, files_of, from_dict
from gradcert.certify.runs import tail
from gradcert.certify.subjects import Failure, Subject, Worker
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import file_of


def claimed(
    subject: Any,
    told: Mapping[str, Any] | None,
    *,
    rule: str | None = None,
    cells: str | Iterable[str] | None = None,
    depths: int | Iterable[int] | None = None,
    dtype: str | None = None,
    options: Mapping[str, Any] | None = None,
    online: bool | None = None,
    acceptance: str | None = None,
    within: Mapping[str, Any] | None = None,
    without: Mapping[str, Any] | None = None,
    claim: Claim | None = None,
    failure: Failure | None = None,
    run_cells: bool = False,
) -> Claim:
    """Return the claim of a subject: as decorated, as its process told, or as given, which wins.

    Raises
    ------
    GradcertError : if there is none, or it does not fit together. Nothing is claimed in the name of a subject that did
        not start: its failure is then the reason.
    """
    declared = claim or claim_of(subject)
    cells = None if cells is None else _words(cells)
    if declared is None and told is not None:
        where = file_of(subject)
        files = [*([where] if where else []), *files_of({"cells": cells})]
        declared = from_dict(told, run=run_cells, files=files)
    given: dict[str, Any] = {}
    if rule is not None:
        given["rule"] = rule
    if cells is not None:
        given["cells"] = cells
    if depths is not None:
        given["depths"] = (depths,) if isinstance(depths, int) else tuple(depths)
    if dtype is not None:
        given["dtype"] = dtype
    if options is not None:
        given["options"] = {**(declared.options if declared else {}), **options}
    for name, value in (("online", online), ("acceptance", acceptance), ("within", within), ("without", without)):
        if value is not None:
            given[name] = value
    if declared is not None:
        return replace(declared, **given)
    if failure is not None and ("rule" not in given or "cells" not in given):
        said = "".join(f"\n  {line}" for line in tail(failure.output))
        raise GradcertError(f"{failure.reason}{said}", do="check the subject's name, and run it by itself")
    if "rule" not in given or "cells" not in given:
        raise GradcertError(
            "the subject declares no claim",
            allowed="a rule and cells",
            do='pass --rule and --cells, or decorate it: @gradcert.claim(rule="ostl", cells=("snu",))',
        )
    return Claim(**given)


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


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
    if who.program:
        who.stepwise = worker.stepwise = wanted.online
