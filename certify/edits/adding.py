"""Edits that add something: a factor, a function or a term, made of what is in scope and has a shape that fits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from gradcert.certify.edits.edit import Site, attribute, binary
from gradcert.certify.edits.kinds import Kinds, array, broadcasts, exchangeable, numeric
from gradcert.certify.edits.observe import SUSPECT, Observed, Scope
from gradcert.certify.edits.replacing import Found, _index

PRODUCTS = (ast.Mult, ast.Div)
SUMS = (ast.Add, ast.Sub)
USUAL = ("abs", "tanh", "exp", "sign", "log")


def additions(site: Site, scope: Scope, seen: Observed, *, far: bool) -> Found:
    """Yield an expression with something added to it: what is near at hand, or what is made of several things."""
    node = site.node
    kinds = seen.of(node)
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or not numeric(kinds) or _index(site):
        return
    if _inner(site):
        return
    term = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, SUMS)  # the sum itself is a site
    if all(k[0] == "int" for k in kinds):
        return
    distant = _far_factors(node, kinds, scope), () if term else _far_terms(node, kinds, scope)
    for operator, cost, new in (one for some in distant for one in some):
        if scope.lost(new) != far:  # what is lost is near
            yield operator, cost if far else cost - 2 * SUSPECT, new
    if far:
        return
    yield "sign", 1.5, ast.UnaryOp(ast.USub(), node)
    yield from _functions(node, kinds, scope)
    yield from _factors(node, kinds, scope)
    yield from () if term else _terms(node, kinds, scope)


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
    for name, (function, theirs) in scope.calls.items():
        if (exchangeable(kinds, theirs) or name in scope.idle) and not text.startswith(f"{name}("):
            yield "function", 3.5, _call(function, node)
    yield "function", 3.5, binary(node, ast.Pow(), ast.Constant(2))
    for module in scope.modules[:1]:
        for name in USUAL:
            yield "function", 3.75, _call(attribute(ast.Name(module, ast.Load()), name), node)
        least = "maximum" if module != "torch" else "relu"
        given = [ast.Constant(0.0), node] if least == "maximum" else [node]
        yield "function", 3.75, ast.Call(attribute(ast.Name(module, ast.Load()), least), given, [])


def _counts(new: Any, scope: Scope) -> bool:
    return isinstance(new, ast.Name) and new.id in scope.counters


def _call(function: Any, argument: Any) -> ast.Call:
    return ast.Call(function, [argument], [])


def _factors(node: Any, kinds: Kinds, scope: Scope) -> Found:
    for value in (2, 0.5, -1):
        yield "factor added", 3, binary(ast.Constant(value), ast.Mult(), node)
    for new, theirs, far in scope.readable:
        if broadcasts(theirs, kinds) and not _counts(new, scope):
            yield "factor added", far + 4, binary(new, ast.Mult(), node)
            if theirs[0] == ("int",):
                yield "factor added", 4.25, binary(node, ast.Div(), new)
                continue
            rest = binary(ast.Constant(1), ast.Sub(), new)
            yield "factor added", far + 4.5, binary(rest, ast.Mult(), node)
            if all(k[0] == "number" for k in theirs):
                yield "factor added", 4.25, binary(node, ast.Div(), new)


def _far_factors(node: Any, kinds: Kinds, scope: Scope) -> Found:
    for new, theirs in scope.terms.values():
        if broadcasts(theirs, kinds) and new is not node and not _holds(new, node):
            yield "factor added", 5.5, binary(new, ast.Mult(), node)
    for new in slopes(scope, kinds):
        yield "factor added", 6, binary(new, ast.Mult(), node)
    arrays = [new for new, theirs in scope.atoms.values() if theirs and theirs[0][1:] and broadcasts(theirs, kinds)]
    for i, one in enumerate(arrays):
        for operator in SUMS:
            for other in arrays[i + 1 :]:
                yield "factor added", 7.5, binary(binary(one, operator(), other), ast.Mult(), node)


def slopes(scope: Scope, kinds: Kinds) -> Iterator[Any]:
    """Yield functions of an array, or of its distance from a number: pseudo-derivatives and slopes."""
    numbers = [new for new, k in scope.atoms.values() if k and all(x == ("number",) for x in k)][:8]
    for name, (function, given) in scope.calls.items():
        if name.partition(".")[0] in scope.modules or not (array(given) or name in scope.idle):
            continue
        for new, theirs, _far in scope.readable:
            if theirs and theirs[0][1:] and broadcasts(theirs, kinds):
                yield _call(function, new)
                for number in numbers:
                    yield _call(function, binary(new, ast.Sub(), number))


def _terms(node: Any, kinds: Kinds, scope: Scope) -> Found:
    yield "term added", 4, binary(ast.Constant(1), ast.Sub(), node)
    for operator in (ast.Add(), ast.Sub()):
        for new, theirs, far in scope.readable:
            if broadcasts(theirs, kinds) and theirs[0] != ("int",):
                yield "term added", far + 5, binary(node, operator, new)


def _far_terms(node: Any, kinds: Kinds, scope: Scope) -> Found:
    for operator in (ast.Add(), ast.Sub()):
        for new, theirs in scope.terms.values():
            if broadcasts(theirs, kinds) and new is not node and not _holds(new, node):
                yield "term added", 6, binary(node, operator, new)
        for new, _ in products(scope, kinds):
            yield "term added", 7, binary(node, operator, new)
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
