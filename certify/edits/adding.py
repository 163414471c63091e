"""Edits that add something: a factor, a function or a term, made of what is in scope and has a shape that fits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from gradcert.certify.edits.edit import Site, attribute, binary
from gradcert.certify.edits.kinds import Kind, Kinds, array, broadcasts, exchangeable, numeric
from gradcert.certify.edits.observe import SUSPECT, Observed, Scope
from gradcert.certify.edits.replacing import FRESH, Found, _index

Made = Callable[[Scope, Kinds, bool], Iterator[tuple[float, Any]]]
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
    if all(k[0] == "int" for k in kinds) or getattr(getattr(node, "func", None), "attr", "") in FRESH:
        return
    factor = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, PRODUCTS)  # the product itself is one
    # what is lost is near
    for operator, cost, new in _distant(node, kinds, scope, factors=not factor, terms=not term, lost=not far):
        yield operator, cost if far else cost - 2 * SUSPECT, new
    if far:
        return
    yield from _functions(node, kinds, scope)
    if not factor:
        yield "sign", 1.5, ast.UnaryOp(ast.USub(), node)
        yield from _factors(node, kinds, scope)
    if not term:
        yield from _terms(node, kinds, scope)


def _inner(site: Site) -> bool:
    """Return whether the same edit is one of the expression around this one."""
    node, parent = site.node, site.parent
    if isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is node):
        return True
    if isinstance(parent, (ast.FormattedValue, ast.Subscript, ast.Compare)):
        return True
    return isinstance(parent, ast.UnaryOp)


def _functions(node: Any, kinds: Kinds, scope: Scope) -> Found:
    text = ast.unparse(node)
    for name, (function, theirs) in scope.calls.items():
        if (exchangeable(kinds, theirs) or name in scope.idle) and not text.startswith(f"{name}("):
            yield "function", 3.5, _call(function, node)
    yield "function", 2.75, binary(node, ast.Pow(), ast.Constant(2))
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
    for _, new, theirs, far in scope.readable:
        if broadcasts(theirs, kinds) and not _counts(new, scope):
            yield "factor added", far + 4, binary(new, ast.Mult(), node)
            if theirs[0] == ("int",):
                yield "factor added", 4.25, binary(node, ast.Div(), new)
                continue
            rest = binary(ast.Constant(1), ast.Sub(), new)
            yield "factor added", far + 4.5, binary(rest, ast.Mult(), node)
            if array(theirs):  # the slopes of tanh and of the logistic function
                square = binary(ast.Constant(1), ast.Sub(), binary(new, ast.Pow(), ast.Constant(2)))
                yield "factor added", far + 4.75, binary(square, ast.Mult(), node)
                yield "factor added", far + 4.75, binary(binary(new, ast.Mult(), rest), ast.Mult(), node)
            if all(k[0] == "number" for k in theirs):
                yield "factor added", 4.25, binary(node, ast.Div(), new)


def _distant(node: Any, kinds: Kinds, scope: Scope, *, factors: bool, terms: bool, lost: bool) -> Found:
    """Yield additions of what is made of several things, of which one is lost, or none is."""
    number = node.number
    for cost, new, inside in _made(far_factors, kinds, scope, lost) if factors else ():
        if number not in inside:
            yield "factor added", cost, binary(new, ast.Mult(), node)
    for cost, new, inside in _made(far_terms, kinds, scope, lost) if terms else ():
        if number not in inside:
            for operator in (ast.Add(), ast.Sub()):
                yield "term added", cost, binary(node, operator, new)


def _made(make: Made, kinds: Kinds, scope: Scope, lost: bool) -> list[tuple[float, Any, frozenset[int]]]:
    """Return what there is for a kind, with the numbers of the nodes inside: a term is not added to itself."""
    key = make.__name__, kinds, lost
    if key not in scope.made:
        found = list(make(scope, kinds, lost))
        scope.made[key] = [
            (c, new, frozenset(getattr(n, "number", -1) for n in ast.walk(new)))
            for c, new in _terms_of(scope, kinds, lost)
        ]
        scope.made[key] += [(cost, new, frozenset()) for cost, new in found]
    kept: list[tuple[float, Any, frozenset[int]]] = scope.made[key]
    return kept


def _terms_of(scope: Scope, kinds: Kinds, lost: bool) -> Iterator[tuple[float, Any]]:
    for new, theirs in scope.terms.values():
        if broadcasts(theirs, kinds) and scope.lost(new) == lost:
            yield 5.75, new


def far_factors(scope: Scope, kinds: Kinds, lost: bool) -> Iterator[tuple[float, Any]]:
    """Yield factors that are made of several things, with their costs: slopes, sums of two."""
    yield from ((6.25, new) for new in slopes(scope, kinds, lost))
    fit = [(new, gone) for new, theirs, gone in scope.arrays if broadcasts(theirs, kinds)]
    for i, (one, gone) in enumerate(fit):
        for other, too in fit[i + 1 :]:
            if (gone or too) == lost:
                yield from ((7.0, binary(one, operator(), other)) for operator in SUMS)


def far_terms(scope: Scope, kinds: Kinds, lost: bool) -> Iterator[tuple[float, Any]]:
    """Yield terms that are made of several things, with their costs: products, contractions."""
    yield from ((6.0, new) for new in products(scope, kinds, lost))
    yield from ((6.25, new) for new in contractions(scope, kinds, lost))


def slopes(scope: Scope, kinds: Kinds, lost: bool) -> Iterator[Any]:
    """Yield functions of an array, or of its distance from a number: pseudo-derivatives and slopes."""
    for name, (function, given) in scope.calls.items():
        idle = name in scope.idle
        if name.partition(".")[0] in scope.modules or not (array(given) or idle):
            continue
        for _, new, theirs, _far in scope.readable:
            if not array(theirs) or not broadcasts(theirs, kinds):
                continue
            gone = idle or scope.lost(new)
            if gone == lost:
                yield _call(function, new)
            yield from (_call(function, binary(new, ast.Sub(), n)) for n, too in scope.numbers if (gone or too) == lost)


def products(scope: Scope, kinds: Kinds, lost: bool) -> Iterator[Any]:
    """Yield products of two or three atoms, at most two of which are arrays, that have a shape that fits."""
    fit = [(new, gone) for new, theirs, gone in scope.arrays if broadcasts(theirs, kinds)]
    for k, (new, gone) in enumerate(fit):
        for i, (one, too) in enumerate(scope.numbers):
            if (gone or too) == lost:
                yield binary(one, ast.Mult(), new)
            for other, three in scope.numbers[i + 1 :]:
                if (gone or too or three) == lost:
                    yield binary(binary(one, ast.Mult(), other), ast.Mult(), new)
        yield from (binary(new, ast.Mult(), other) for other, too in fit[k + 1 :] if (gone or too) == lost)


def contractions(scope: Scope, kinds: Kinds, lost: bool | None = None) -> Iterator[Any]:
    """Yield matrix products and sums over samples of atoms, that have exactly the shape that is wanted."""
    wanted = {k[1:] for k in kinds if k[0] in ("array", "tensor")}
    flat = [(new, {x[1:] for x in k if len(x) == 3}, gone) for new, k, gone in scope.arrays]
    for a, shapes, gone in flat:
        if {s[1:] for s in shapes} & wanted and lost in (gone, None):
            yield ast.Call(attribute(a, "sum"), [], [ast.keyword("axis", ast.Constant(0))])
        for b, others, too in flat:
            if lost in ((gone or too), None):
                yield from _product(a, b, shapes, others, wanted)


def _product(a: Any, b: Any, shapes: set[Kind], others: set[Kind], wanted: set[Kind]) -> Iterator[Any]:
    for s in shapes:
        for t in others:
            if s[1] == t[0] and (s[0], t[1]) in wanted:
                yield binary(a, ast.MatMult(), b)
            if s[1] == t[1] and (s[0], t[0]) in wanted:
                yield binary(a, ast.MatMult(), attribute(b, "T"))
            if s[0] == t[0] and (s[1], t[1]) in wanted:
                yield binary(attribute(a, "T"), ast.MatMult(), b)


def _terms(node: Any, kinds: Kinds, scope: Scope) -> Found:
    yield "term added", 4, binary(ast.Constant(1), ast.Sub(), node)
    for operator in (ast.Add(), ast.Sub()):
        for _, new, theirs, far in scope.readable:
            if broadcasts(theirs, kinds) and theirs[0] != ("int",):
                yield "term added", far + 5, binary(node, operator, new)
