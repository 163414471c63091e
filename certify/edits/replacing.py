"""Edits that put something else in the place of an expression: the small ones, and the ones that drop something."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

from gradcert.certify.edits.edit import Site, attribute, binary
from gradcert.certify.edits.kinds import array, exchangeable, numeric
from gradcert.certify.edits.observe import Observed, Scope

Found = Iterator[tuple[str, float, Any]]  # operator, cost, what stands there instead
SOFTER: dict[type, tuple[type, ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
REDUCTIONS: dict[str, tuple[str, ...]] = {"sum": ("mean",), "mean": ("sum",), "max": ("min",), "min": ("max",)}
HARMLESS = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Pass, ast.Continue, ast.Break, ast.Raise)
HARMLESS += (ast.For, ast.If)  # type: ignore[assignment]
FRESH = {"zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like"}


def replacements(site: Site, scope: Scope, seen: Observed) -> Found:
    """Yield what may stand in the place of an expression."""
    node = site.node
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    around = site.parents[0] if site.parents else None
    if isinstance(around, (ast.If, ast.While)) and _unsafe(around, seen):
        return
    index = _index(site)
    if index:
        yield from _indices(site, scope)
    elif isinstance(node, ast.BinOp):
        yield from _operations(node, seen)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield "sign" if isinstance(node.op, ast.USub) else "condition", 1, node.operand
    if isinstance(node, (ast.Compare, ast.BoolOp)):
        yield from _conditions(node)
    if isinstance(site.parent, (ast.If, ast.IfExp, ast.While)) and node is site.parent.test:
        yield from _decided(site, scope)
    if isinstance(node, ast.Call):
        yield from _calls(node, site, seen)
    if isinstance(node, ast.Constant):
        yield from _constants(node, site, index)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        yield from _axes(node)
    yield from _transposes(site, seen)
    if not index and isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        yield from _operands(site, scope, seen)


def _index(site: Site) -> bool:
    """Return whether a site is part of an index."""
    chain = (*site.parents, site.node)
    return any(isinstance(a, ast.Subscript) and a.slice is b for a, b in itertools.pairwise(chain)) or (
        site.inside(ast.FormattedValue)
    )


def _indices(site: Site, scope: Scope) -> Found:
    node = site.node
    if isinstance(node, ast.Name) and node.id in scope.counters:
        for operator in (ast.Sub(), ast.Add()):
            yield "index", 1, binary(node, operator, ast.Constant(1))
        for other in sorted(scope.counters - {node.id}):
            yield "index", 2, ast.Name(other, ast.Load())
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and isinstance(node.right, ast.Constant):
        yield "index", 1, node.left
        yield "index", 2, binary(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)


def _operations(node: ast.BinOp, seen: Observed) -> Found:
    left, right = node.left, node.right
    if isinstance(node.op, (ast.Add, ast.Sub)):
        yield "sign", 1, binary(left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), right)
        yield "term dropped", 2, left
        yield "term dropped", 2, right if isinstance(node.op, ast.Add) else ast.UnaryOp(ast.USub(), right)
        if isinstance(node.op, ast.Sub):
            yield "operand", 1.5, binary(right, ast.Sub(), left)
            yield "term dropped", 2.5, right
    elif isinstance(node.op, ast.Mult):
        yield "factor dropped", 2, left
        yield "factor dropped", 2, right
        yield "factor", 3, binary(left, ast.Div(), right)
    elif isinstance(node.op, ast.Div):
        yield "factor dropped", 2, left
        yield "factor", 2, binary(left, ast.Mult(), right)
    elif isinstance(node.op, ast.Pow):
        yield "function", 2, left
    elif isinstance(node.op, ast.MatMult):
        yield "order", 1, binary(right, ast.MatMult(), left)
        if exchangeable(seen.of(left), seen.of(right)):
            yield "order", 3, binary(left, ast.Mult(), right)


def _conditions(node: Any) -> Found:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for number, other in enumerate(SOFTER.get(type(node.ops[0]), ())):
            yield "condition", 1 + number, ast.Compare(node.left, [other()], node.comparators)
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            yield "condition", 1, value
        yield "condition", 2, ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)


def _decided(site: Site, scope: Scope) -> Found:
    node, parent = site.node, site.parent
    if isinstance(parent, ast.While):
        return
    for value in (True, False):
        if not (isinstance(node, ast.Constant) and node.value is value):
            yield "condition", 1, ast.Constant(value)
    for text, test in scope.tests.items():
        if text != ast.unparse(node):
            yield "condition", 2, test
    for counter in sorted(scope.counters):
        yield "condition", 3, ast.Compare(ast.Name(counter, ast.Load()), [ast.Gt()], [ast.Constant(0)])


def _unsafe(statement: ast.If | ast.While, seen: Observed) -> bool:
    """Return whether a branch never ran and does more than compute: it may not be run for a trial."""
    for branch in (statement.body, statement.orelse):
        inner = [n for s in branch for n in ast.walk(s)]
        only = all(isinstance(n, HARMLESS) for n in inner if isinstance(n, ast.stmt))
        if not only and not any(seen.ran(n) for n in inner):
            return True
    return False


def _calls(node: ast.Call, site: Site, seen: Observed) -> Found:
    name = str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))
    for other in REDUCTIONS.get(name, ()):
        yield "reduction", 1, _renamed(node, other)
    if name in REDUCTIONS:
        yield from _reduced(node)
    if name in FRESH:
        yield "initial", 1, _renamed(node, FRESH[name])
    if name in ("detach", "copy", "clone") and isinstance(node.func, ast.Attribute) and not node.args:
        yield name, 1, node.func.value
    if name in ("swapaxes", "transpose") and isinstance(node.func, ast.Attribute):
        yield "transpose", 1, node.func.value
    if name == "range" and not node.keywords:
        yield from _ranges(node)
    if name == "reversed" and len(node.args) == 1:
        yield "range", 1, node.args[0]
    if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        for text in _letters(node.args[0].value):
            yield "axis", 1, ast.Call(node.func, [ast.Constant(text), *node.args[1:]], node.keywords)
    for argument in node.args:
        if numeric(seen.of(node)) and exchangeable(seen.of(argument), seen.of(node)):
            yield "function", 2, argument
    if len(node.args) == 2 and exchangeable(seen.of(node.args[0]), seen.of(node.args[1])):
        yield "operand", 2, ast.Call(node.func, node.args[::-1], node.keywords)


def _renamed(node: ast.Call, name: str) -> ast.Call:
    func = attribute(node.func.value, name) if isinstance(node.func, ast.Attribute) else ast.Name(name, ast.Load())
    return ast.Call(func, node.args, node.keywords)


def _reduced(node: ast.Call) -> Found:
    given = [k for k in node.keywords if k.arg in ("axis", "dim")]
    rest = [k for k in node.keywords if k not in given]
    wanted = given[0].arg if given else "axis"
    now = ast.unparse(given[0].value) if given else ""
    for axis in ("0", "1", "-1", "(0, 1)"):
        if axis != now and (given or not node.args):
            new = ast.keyword(wanted, ast.parse(axis, mode="eval").body)
            yield "reduction", 2, ast.Call(node.func, node.args, [*rest, new])
    if given:
        yield "reduction", 2, ast.Call(node.func, node.args, rest)


def _ranges(node: ast.Call) -> Found:
    one = ast.Constant(1)
    if len(node.args) == 1:
        yield "range", 1.5, ast.Call(node.func, [one, node.args[0]], [])
    for i, argument in enumerate(node.args[:2]):
        for operator in (ast.Add(), ast.Sub()):
            new = binary(argument, operator, one)
            yield "range", 1.5, ast.Call(node.func, [*node.args[:i], new, *node.args[i + 1 :]], [])
        if isinstance(argument, ast.BinOp) and isinstance(argument.right, ast.Constant):
            yield "range", 1, ast.Call(node.func, [*node.args[:i], argument.left, *node.args[i + 1 :]], [])
    yield "range", 2, ast.Call(ast.Name("reversed", ast.Load()), [node], [])


def _letters(subscripts: str) -> Iterator[str]:
    """Yield subscripts of `numpy.einsum` with two letters of one operand exchanged.

    Examples
    --------
    >>> list(_letters("ij,j->i"))
    ['ji,j->i']
    """
    if "->" not in subscripts:
        return
    parts = subscripts.replace("->", ",").split(",")
    for k, part in enumerate(parts):
        for i in range(len(part)):
            for j in range(i + 1, len(part)):
                if part[i].isalpha() and part[j].isalpha():
                    swapped = part[:i] + part[j] + part[i + 1 : j] + part[i] + part[j + 1 :]
                    changed = [*parts[:k], swapped, *parts[k + 1 :]]
                    yield ",".join(changed[:-1]) + "->" + changed[-1]


def _constants(node: ast.Constant, site: Site, index: bool) -> Found:
    value = node.value
    if type(value) is bool and isinstance(site.parent, ast.keyword):
        yield "condition", 0.2, ast.Constant(not value)
    if type(value) not in (int, float) or isinstance(site.parent, (ast.Tuple, ast.keyword)):
        return
    if index:
        if not isinstance(site.parent, ast.BinOp):
            for other in (0, -1):
                if other != value:
                    yield "index", 2, ast.Constant(other)
        return
    if isinstance(site.parent, ast.Call) and type(value) is int:
        return
    now = float(value)  # type: ignore[arg-type]
    near = (0.0, 1.0, 2.0, 3.0, 0.5, 0.25, 4.0, -1.0, now * 2, now / 2, now + 1, now - 1)
    for number, another in enumerate(dict.fromkeys(near)):
        if another != now:
            whole = type(value) is int and another.is_integer()
            yield "constant", 1 + number / 8, ast.Constant(int(another) if whole else another)


def _axes(node: ast.Subscript) -> Found:
    """Yield an index with ``None`` in other places."""
    entries = list(node.slice.elts)  # type: ignore[attr-defined]
    for i in range(len(entries) - 1):
        for j in range(i + 1, len(entries)):
            if (ast.unparse(entries[i]) == "None") != (ast.unparse(entries[j]) == "None"):
                moved = [*entries]
                moved[i], moved[j] = moved[j], moved[i]
                yield "axis", 1, ast.Subscript(node.value, ast.Tuple(moved, ast.Load()), ast.Load())


def _transposes(site: Site, seen: Observed) -> Found:
    node = site.node
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", 1, node.value
    product = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.MatMult)
    square = any(len(k) == 3 for k in seen.of(node) if k[0] in ("array", "tensor"))
    if square and not (isinstance(node, ast.Attribute) and node.attr == "T") and not _called(site):
        yield "transpose", 1 if product else 2.5, attribute(node, "T")


def _called(site: Site) -> bool:
    return isinstance(site.parent, ast.Attribute) or (
        isinstance(site.parent, ast.Call) and site.parent.func is site.node
    )


def _operands(site: Site, scope: Scope, seen: Observed) -> Found:
    node = site.node
    kinds, text = seen.of(node), ast.unparse(node)
    if not kinds or (isinstance(site.parent, ast.Call) and site.parent.func is node):
        return
    for other, new, theirs, far in scope.readable:
        if other != text and exchangeable(kinds, theirs):
            same = isinstance(node, ast.Subscript) == isinstance(new, ast.Subscript)
            yield "operand", far + (3 if same else 3.5), new
    if any(k[0] == "tensor" for k in kinds) and array(kinds) and not isinstance(site.parent, ast.Attribute):
        yield "detach", 2, ast.Call(attribute(node, "detach"), [], [])
