"""How an entry is written: one line per bug."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gradcert.properties.evaluation import row
from gradcert.properties.gallery.causes import CAUSES
from gradcert.properties.gallery.entry import Entry
from gradcert.reference import RULES, Edge
from gradcert.reference.networks import Problem


def bug(
    bug_class: str,
    gradients: Callable[..., Any],
    claimed: Mapping[str, Any],
    trap: str,
    name: str,
    title: str,
    *,
    fault: str | None = None,
    claim: Mapping[str, Any] | None = None,
    **more: Any,
) -> Entry:
    """Return an entry; `fault` names the line of the literal implementation, the trap's number where it is left out.

    An empty fault stands for an implementation that is right about something else than what it claims.
    """
    line = trap if fault is None else fault
    subject = partial(gradients, fault=line) if line else gradients
    return Entry(
        name=f"{trap}_{name}",
        title=title,
        gradients=subject,
        claim=claim if claim is not None else claimed,
        traps=(trap,),
        bug_class=bug_class,
        cause=CAUSES.get(f"{trap}_{name}", ()),
        **more,
    )


def row_of(rule: str, *, without: frozenset[Edge] = frozenset()) -> Callable[[Any], Any]:
    """Return the reference's row of a rule, fewer edges perhaps, as a subject that may claim another rule."""
    found = RULES[rule]
    return partial(_row, replace(found, own=found.own - without, upper=found.upper - without))


def _row(rule: Any, problem: Any) -> Any:
    # a subject may come with a problem of another type: only its public fields count
    fields = ("network", "parameters", "inputs", "targets", "feedback")
    return row(Problem(**{name: getattr(problem, name) for name in fields}), rule)
