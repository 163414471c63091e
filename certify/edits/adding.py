"""Edits that add something: a factor, a function or a term, made of what is in scope and has a shape that fits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from gradcert.certify.edits.edit import Site, attribute, binary
from gradcert.certify.edits.kinds import Kinds, broadcasts, exchangeable, numeric
from gradcert.certify.edits.observe import Observed, Scope
from gradcert.certify.edits.replacing import Found, _index

PRODUCTS = (ast.Mult, ast.Div)
SUMS = (ast.Add, ast.Sub)


def additions(site: Site, scope: Scope, seen: Observed) -> Found:
    """Yield an expression with something added to it."""
    node = site.node
    kinds = seen.of(node)
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or not numeric(kinds) or _index(site):
        return
    if _inner(site):
        return
    yield "sign", 1.5, ast.UnaryOp(ast.USub(), node)
    yield from _functions(node, kinds, scope)
    yield from _factors(node, kinds, scope)
    yield from _terms(site, kinds, scope)


def _inner(site: Site) -> bool:
    """Return whether the same edit is one of the expression around this one."""
    node, parent = site.node, site.parent
    if isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is node):
        return True
    if isinstance(parent, (ast.FormattedValue, ast.Subscript, ast.Compare)):
        return True
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, PRODUCTS):
        return True  # a factor of one factor is one of the product
    return isinstance(parent, ast.UnaryOp)


def _functions(node: Any, kinds: Kinds, scope: Scope) -> Found:
    text = ast.unparse(node)
    for call, theirs in scope.calls.values():
        if exchangeable(kinds, theirs) and text != ast.unparse(call.args[0]) and text != ast.unparse(call):
            yield "function", 3.5, ast.Call(call.func, [node], [])
    yield "function", 3.5, binary(node, ast.Pow(), ast.Constant(2))


def _factors(node: Any, kinds: Kinds, scope: Scope) -> Found:
    for value in (2, 0.5, -1):
        yield "factor added", 3, binary(ast.Constant(value), ast.Mult(), node)
    for new, theirs in scope.atoms.values():
        if not broadcasts(theirs, kinds):
            continue
        plain = numeric(theirs)
        if plain:
            yield "factor added", 4, binary(new, ast.Mult(), node)
            rest = binary(ast.Constant(1), ast.Sub(), new)
            yield "factor added", 4.5, binary(rest, ast.Mult(), node)
        if plain and all(k[0] in ("int", "number") for k in theirs):
            yield "factor added", 4.25, binary(node, ast.Div(), new)
    for new, theirs in scope.terms.values():
        if broadcasts(theirs, kinds) and new is not node and not _holds(new, node):
            yield "factor added", 5.5, binary(new, ast.Mult(), node)


def _terms(site: Site, kinds: Kinds, scope: Scope) -> Found:
    node = site.node
    if isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, SUMS):
        return  # a term of a sum: the sum itself is a site
    for operator in (ast.Add(), ast.Sub()):
        for new, theirs in scope.atoms.values():
            if broadcasts(theirs, kinds) and numeric(theirs):
                yield "term added", 5, binary(node, operator, new)
        for new, theirs in scope.terms.values():
            if broadcasts(theirs, kinds) and new is not node and not _holds(new, node):
                yield "term added", 6, binary(node, operator, new)
        for new, _ in products(scope, kinds):
            yield "term added", 7, binary(node, operator, new)
    yield "term added", 4, binary(ast.Constant(1), ast.Sub(), node)
    for new in contractions(scope, kinds):
        yield "term added", 6.5, binary(node, ast.Add(), new)


def products(scope: Scope, kinds: Kinds) -> Iterator[tuple[Any, Kinds]]:
    """Yield products of two or three atoms, at most one of which is an array, that have a shape that fits."""
    numbers = [new for new, k in scope.atoms.values() if k and all(x == ("number",) for x in k)][:8]
    arrays = [(new, k) for new, k in scope.atoms.values() if broadcasts(k, kinds) and all(x[1:] for x in k)]
    for new, theirs in arrays:
        for i, one in enumerate(numbers):
            yield binary(one, ast.Mult(), new), theirs
            for other in numbers[i + 1 :]:
                yield binary(binary(one, ast.Mult(), other), ast.Mult(), new), theirs
    for i, (new, theirs) in enumerate(arrays):
        for other, _ in arrays[i + 1 :]:
            yield binary(new, ast.Mult(), other), theirs


def contractions(scope: Scope, kinds: Kinds) -> Iterator[Any]:
    """Yield matrix products and sums over samples of atoms, that have exactly the shape that is wanted."""
    wanted = {k[1:] for k in kinds if k[0] in ("array", "tensor")}
    arrays = [(new, k) for new, k in scope.atoms.values() if any(x[0] in ("array", "tensor") for x in k)]
    flat = [(new, {x[1:] for x in k if x[0] in ("array", "tensor") and len(x) == 3}) for new, k in arrays]
    for a, shapes in flat:
        if {s[1:] for s in shapes} & wanted:
            yield ast.Call(attribute(a, "sum"), [], [ast.keyword("axis", ast.Constant(0))])
        for b, others in flat:
            for s in shapes:
                for t in others:
                    if s[1] == t[0] and (s[0], t[1]) in wanted:
                        yield binary(a, ast.MatMult(), b)
                    if s[1] == t[1] and (s[0], t[0]) in wanted:
                        yield binary(a, ast.MatMult(), attribute(b, "T"))
                    if s[0] == t[0] and (s[1], t[1]) in wanted:
                        yield binary(attribute(a, "T"), ast.MatMult(), b)


def _holds(new: Any, node: Any) -> bool:
    """Return whether an expression holds another one: it would be used inside itself."""
    return any(inner is node for inner in ast.walk(new))
