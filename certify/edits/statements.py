"""Edits of a list of statements: their order, one that is dropped, one that adds up instead of replacing, one more."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

from gradcert.certify.edits.adding import contractions
from gradcert.certify.edits.kinds import array, exchangeable
from gradcert.certify.edits.observe import Observed, Scope

Changed = Iterator[tuple[str, float, ast.stmt, list[Any]]]  # operator, cost, the statement that changes, the new list
SIMPLE = (ast.Assign, ast.AugAssign)


def rearranged(body: list[Any], seen: Observed, *, loop: bool) -> Changed:
    """Yield a list of statements with one thing done otherwise.

    Parameters
    ----------
    body : the statements.
    loop : whether they are run again and again.
    """
    for i, one in enumerate(body):
        rest, follow = body[:i], body[i + 1 :]
        if follow and isinstance(one, SIMPLE) and isinstance(follow[0], SIMPLE) and depend(one, follow[0]):
            yield "order", 1, one, [*rest, follow[0], one, *follow[1:]]
        if len(follow) > 1 and isinstance(one, SIMPLE) and all(isinstance(s, SIMPLE) for s in follow[:2]):
            first, second = follow[:2]
            if depend(one, first) or depend(one, second):
                yield "order", 2, one, [*rest, first, second, one, *follow[2:]]
            if depend(second, one) or depend(second, first):
                yield "order", 2, one, [*rest, second, one, first, *follow[2:]]
        if isinstance(one, ast.AugAssign):
            yield "sign", 1, one, [*rest, _other_sign(one), *follow]
            yield "accumulation", 1.5, one, [*rest, ast.Assign([one.target], one.value, lineno=one.lineno), *follow]
            if len(body) > 1:
                yield "statement dropped", 2, one, [*rest, *follow]
        elif isinstance(one, ast.Assign) and len(one.targets) == 1:
            target: Any = one.targets[0]
            if loop and array(seen.of(one.value)):
                yield "accumulation", 1, one, [*rest, ast.AugAssign(target, ast.Add(), one.value), *follow]
            if len(body) > 1 and not isinstance(target, ast.Tuple):
                yield "statement dropped", 2.5, one, [*rest, *follow]
        if isinstance(one, ast.With) and "no_grad" in ast.unparse(one.items[0]):
            yield "detach", 1, one, [*rest, *one.body, *follow]


def _other_sign(one: ast.AugAssign) -> ast.AugAssign:
    other: ast.operator = ast.Sub() if isinstance(one.op, ast.Add) else ast.Add()
    return ast.AugAssign(one.target, other, one.value)


def summed(body: list[Any], scope: Scope) -> Changed:
    """Yield the statements of a loop with a sum that nobody adds to any more: what is never added to gets a term."""
    added = {ast.unparse(n.target) for s in body for n in ast.walk(s) if isinstance(n, ast.AugAssign)}
    for text, (name, kinds) in scope.atoms.items():
        if text in added or not isinstance(name, ast.Name) or not array(kinds) or _set_in(body, text):
            continue
        target = ast.Name(name.id, ast.Store())
        for term in (*contractions(scope, kinds), *_alike(scope, kinds, text)):
            new = ast.AugAssign(copy.deepcopy(target), ast.Add(), term)
            yield "statement added", 6, body[-1], [*body, new]


def _alike(scope: Scope, kinds: Any, text: str) -> Iterator[Any]:
    for other, (new, theirs) in scope.atoms.items():
        if other != text and array(theirs) and exchangeable(kinds, theirs):
            yield new


def _set_in(body: list[Any], text: str) -> bool:
    return any(
        isinstance(n, ast.Assign) and any(ast.unparse(t) == text for t in n.targets) for s in body for n in ast.walk(s)
    )


def depend(a: ast.stmt, b: ast.stmt) -> bool:
    r"""Return whether one of two statements stores what the other one uses.

    Examples
    --------
    >>> depend(*ast.parse("x = a\ny = x").body), depend(*ast.parse("x = a\ny = a").body)
    (True, False)
    """
    return bool(_stores(a) & _uses(b) or _stores(b) & _uses(a) or _stores(a) & _stores(b))


def _stores(s: ast.stmt) -> set[str]:
    targets = s.targets if isinstance(s, ast.Assign) else [s.target] if isinstance(s, ast.AugAssign) else []
    return {_base(n) for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t])}


def _uses(s: ast.stmt) -> set[str]:
    out = {_base(n) for n in ast.walk(s) if isinstance(n, (ast.Name, ast.Attribute)) and isinstance(n.ctx, ast.Load)}
    return out | (_stores(s) if isinstance(s, ast.AugAssign) else set())


def _base(node: Any) -> str:
    """Return the name, or the attribute of a name, that an entry belongs to."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return ast.unparse(node)
