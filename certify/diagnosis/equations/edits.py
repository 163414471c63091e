"""The single edits of a formula: what somebody writes who copies it and is wrong in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from gradcert.certify.diagnosis.equations.term import ONE, ZERO, Term, folded, replaced
from gradcert.reference.numbers import SIGMOID, TANH

LAST: dict[Any, tuple[float, ...]] = {0: (1,), 1: (0, 2), 2: (1, 3, 4)}
TURNED = {">": ">=", ">=": ">", "<": "<=", "<=": "<"}


def single(t: Term, others: Sequence[Term] = ()) -> Iterator[Term]:
    """Yield every formula that is one edit away, once.

    Parameters
    ----------
    others : leaves that may stand in the place of a leaf.
    """
    seen = {t}
    for new in map(folded, _edits(t, others)):
        if new not in seen:
            seen.add(new)
            yield new


def _edits(t: Term, others: Sequence[Term]) -> Iterator[Term]:
    yield from _one_place(t, others)
    # a value that has a name in the code, or is read in several places
    again = [x for x, n in Counter(_inside(t)).items() if n > 1 and (x.args or x.op in ("now", "prev"))]
    for x in again:
        yield from (replaced(t, {x: new}) for new in (*_one_place(x, others), ONE))


def _one_place(t: Term, others: Sequence[Term]) -> Iterator[Term]:
    yield from _here(t, others)
    for i, a in enumerate(t.args):
        for new in _one_place(a, others):
            yield Term(t.op, (*t.args[:i], new, *t.args[i + 1 :]), t.name)


def _inside(t: Term) -> Iterator[Term]:
    yield t
    for a in t.args:
        yield from _inside(a)


def _here(t: Term, others: Sequence[Term]) -> Iterator[Term]:
    """Yield the edits at the root."""
    a = t.args
    match t.op:
        case "+" | "-":
            yield Term("-" if t.op == "+" else "+", a)
            yield a[0]
            yield Term("neg", (a[1],)) if t.op == "-" else a[1]
            if t.op == "-":
                yield Term("-", (a[1], a[0]))
                yield a[1]
        case "*":
            yield from a
            yield from (Term("*", (x, t)) for x in a)
        case "/":
            yield a[0]
            yield Term("*", a)
            yield Term("/", (a[1], a[0]))
        case "**":
            yield a[0]
        case "neg":
            yield a[0]
        case "apply":
            yield a[0]
            yield Term("apply", (Term("neg", a),), t.name)
            if t.name.step:
                yield from (Term("apply", (Term(op, (a[0], ONE)),), t.name) for op in "+-")
            if t.name in (SIGMOID, TANH):
                yield Term("apply", a, TANH if t.name == SIGMOID else SIGMOID)
        case "slope":
            yield ONE
            yield Term("neg", (t,))
            yield Term("*", (t, t))
        case "exp" | "absolute" | "tanh":
            yield a[0]
        case "where":
            yield Term("where", a, TURNED[t.name])
            yield a[2]
        case "number":
            near = LAST.get(t.name) or ((1, 2 * t.name, t.name / 2) if isinstance(t.name, (int, float)) else ())
            yield from (Term("number", name=value) for value in near)
        case "p" | "prev" | "now":
            yield from (x for x in others if x != t)
            yield Term("neg", (t,))
            yield Term("*", (Term("number", name=2), t))
            yield from (ZERO, ONE)
