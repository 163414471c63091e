"""Mutants of a source, at the level of its syntax tree, with operators that mirror what people do."""

from __future__ import annotations

import ast
import copy
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

Kinds = Mapping[str, Mapping[str, frozenset[tuple[Any, ...]]]]  # function -> name -> shapes that it has had
Edits = Iterator[tuple[str, ast.AST]]
FLIPPED: dict[type, type] = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}
NEXT: dict[float, tuple[float, ...]] = {
    0.0: (1.0,),
    1.0: (0.0, 2.0),
    2.0: (1.0, 3.0),
    0.5: (1.0, 0.25),
    4.0: (1.0, 2.0),
}
FUNCTIONS = {"tanh", "exp", "log", "abs", "sigma", "sigmoid", "psi", "slope", "where", "maximum"}


@dataclass(frozen=True)
class Mutant:
    """One source with one edit: by which operator, in which line, from what to what."""

    operator: str
    line: int
    before: str
    after: str
    source: str


def mutants(source: str, kinds: Kinds, functions: set[str], *, rng: random.Random | None = None) -> Iterator[Mutant]:
    """Yield distinct mutants of the functions that a run went through.

    Parameters
    ----------
    rng : draws the order, operators in turn; without it they come as they stand in the source.
    """
    tree = _numbered(source)
    edits: list[tuple[str, Any, Callable[[ast.AST], None]]] = []
    for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in functions]:
        edits += [*_expressions(function, kinds), *_statements(function)]
    seen = {ast.unparse(tree)}
    for operator, where, edit in edits if rng is None else _in_turn(edits, rng):
        fresh = _numbered(source)
        edit(fresh)
        text = ast.unparse(ast.fix_missing_locations(fresh))
        if text not in seen:
            seen.add(text)
            old = ast.unparse(where).split("\n")[0]
            after = next((n for n in ast.walk(fresh) if getattr(n, "number", None) == where.number), None)
            new = ast.unparse(after).split("\n")[0] if after is not None else "(moved or dropped)"
            yield Mutant(operator, where.lineno, old, new, text)


def _numbered(source: str) -> ast.Module:
    """Return the tree of a source, every node with its number."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        node.number = number  # type: ignore[attr-defined]
    return tree


def _in_turn(edits: list[Any], rng: random.Random) -> Iterator[Any]:
    groups: dict[str, list[Any]] = {}
    for edit in edits:
        groups.setdefault(edit[0], []).append(edit)
    for _, group in sorted(groups.items()):
        rng.shuffle(group)
    while any(groups.values()):
        yield from [group.pop() for _, group in sorted(groups.items()) if group]


def kinds_of(run: Callable[[], Any], file: str) -> tuple[Kinds, set[str]]:
    """Run the clean code; return the shapes that every name has had, by function, and the functions."""
    seen: dict[str, dict[str, set[tuple[Any, ...]]]] = {}

    def local(frame: Any, event: str, _: Any) -> Any:
        if event in ("line", "return"):
            table = seen.setdefault(frame.f_code.co_name, {})
            for name, value in frame.f_locals.items():
                if isinstance(value, float) or (hasattr(value, "shape") and value.shape == ()):
                    table.setdefault(name, set()).add(("number",))
                elif hasattr(value, "shape"):
                    table.setdefault(name, set()).add(("array", *value.shape))
        return local

    sys.settrace(lambda frame, event, _: local if frame.f_code.co_filename == file else None)
    try:
        run()
    finally:
        sys.settrace(None)
    return {f: {n: frozenset(k) for n, k in t.items()} for f, t in seen.items()}, set(seen)


def _expressions(function: ast.FunctionDef, kinds: Kinds) -> Iterator[tuple[str, ast.AST, Callable[[ast.AST], None]]]:
    table = kinds.get(function.name, {})
    loops = {
        n.id
        for f in ast.walk(function)
        if isinstance(f, ast.For) and "range" in ast.unparse(f.iter)
        for n in ast.walk(f.target)
        if isinstance(n, ast.Name)
    }
    for statement, node, parents in _nodes(function):
        for operator, new in _edits(node, statement, parents, table, loops):
            yield operator, statement, _replacement(node, new)


def _nodes(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt, ast.AST, list[ast.AST]]]:
    def walk(node: ast.AST, statement: ast.stmt, parents: list[ast.AST]) -> Iterator[Any]:
        if isinstance(node, ast.stmt):
            statement = node
        elif isinstance(node, ast.expr):
            yield statement, node, parents
        for child in ast.iter_child_nodes(node):
            yield from walk(child, statement, [*parents, node])

    for child in function.body:
        if not isinstance(child, (ast.FunctionDef, ast.Expr)):
            yield from walk(child, child, [function])


def _edits(
    node: ast.AST, statement: ast.stmt, parents: list[ast.AST], table: Mapping[str, frozenset[Any]], loops: set[str]
) -> Edits:
    parent = parents[-1]
    read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    indexed = any(isinstance(p, (ast.Subscript, ast.FormattedValue)) for p in parents[-3:])
    if isinstance(node, ast.Name) and read and node.id in loops and isinstance(parent, (ast.Subscript, ast.Tuple)):
        for sign in (ast.Add(), ast.Sub()):
            yield "index", ast.BinOp(node, sign, ast.Constant(1))
    if isinstance(node, ast.BinOp):
        yield from _binary(node, indexed)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", node.operand
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", node.value
    product = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.MatMult)
    if product and read and isinstance(node, (ast.Name, ast.Subscript)):
        yield "transpose", ast.Attribute(node, "T", ast.Load())
    if isinstance(node, ast.Name) and read and not indexed and node.id in table:
        for other, shapes in sorted(table.items()):
            if other != node.id and shapes & table[node.id] and not isinstance(parent, ast.Call):
                yield "operand", ast.Name(other, ast.Load())
    plain = isinstance(node, ast.Constant) and type(node.value) in (int, float) and not indexed
    if plain and not isinstance(parent, (ast.keyword, ast.Call, ast.Tuple)):
        for value in NEXT.get(float(node.value), ()):  # type: ignore[attr-defined]
            yield "constant", ast.Constant(type(node.value)(value))  # type: ignore[attr-defined]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPPED:
        yield "condition", ast.Compare(node.left, [FLIPPED[type(node.ops[0])]()], node.comparators)
    if isinstance(parent, (ast.If, ast.IfExp)) and node is parent.test:
        yield "condition", ast.Constant(True)
        yield "condition", ast.Constant(False)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        turned = {"sum": "mean", "mean": "sum"}.get(node.func.attr)
        if turned:
            yield "reduction", ast.Call(ast.Attribute(node.func.value, turned, ast.Load()), node.args, node.keywords)
        if node.func.attr in ("zeros", "zeros_like") and isinstance(statement, ast.Assign):
            ones = node.func.attr.replace("zeros", "ones")
            yield "initial", ast.Call(ast.Attribute(node.func.value, ones, ast.Load()), node.args, node.keywords)
    called = getattr(node, "func", None)
    if (getattr(called, "attr", None) or getattr(called, "id", None)) in FUNCTIONS and node.args:  # type: ignore[attr-defined]
        yield "function", node.args[-1 if "maximum" in ast.unparse(called) else 0]  # type: ignore[arg-type, attr-defined]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        yield from _axes(node.value)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and "None" in ast.unparse(node.slice):
        swapped = ast.Tuple([*node.slice.elts[:-2], node.slice.elts[-1], node.slice.elts[-2]], ast.Load())
        yield "axis", ast.Subscript(node.value, swapped, ast.Load())


def _binary(node: ast.BinOp, indexed: bool) -> Edits:
    if isinstance(node.op, (ast.Add, ast.Sub)):
        if indexed and isinstance(node.right, ast.Constant):
            yield "index", node.left
        elif not indexed:
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield "sign", ast.BinOp(node.left, other, node.right)
            yield "term dropped", node.left
            negative = isinstance(node.op, ast.Sub)
            yield "term dropped", ast.UnaryOp(ast.USub(), node.right) if negative else node.right
    elif isinstance(node.op, ast.Mult):
        yield "factor dropped", node.left
        yield "factor dropped", node.right
        for extra in (node.left, node.right):
            if isinstance(extra, (ast.Name, ast.Subscript)):
                yield "factor added", ast.BinOp(extra, ast.Mult(), node)
    elif isinstance(node.op, ast.Div):
        yield "factor dropped", node.left
        yield "factor dropped", ast.BinOp(node.left, ast.Mult(), node.right)
    elif isinstance(node.op, ast.Pow):
        yield "function", node.left
    elif isinstance(node.op, ast.MatMult):
        yield "order", ast.BinOp(node.right, ast.MatMult(), node.left)


def _axes(subscripts: str) -> Edits:
    left, right = subscripts.split("->")
    operands = left.split(",")
    for k, operand in enumerate(operands):
        for i in range(len(operand) - 1):
            swapped = operand[:i] + operand[i + 1] + operand[i] + operand[i + 2 :]
            yield "axis", ast.Constant(",".join([*operands[:k], swapped, *operands[k + 1 :]]) + "->" + right)


def _replacement(node: ast.AST, new: ast.AST) -> Callable[[ast.AST], None]:
    def edit(fresh: ast.AST) -> None:
        class Put(ast.NodeTransformer):
            def visit(self, found: ast.AST) -> Any:
                if getattr(found, "number", None) == node.number:  # type: ignore[attr-defined]
                    return copy.deepcopy(new)
                return self.generic_visit(found)

        Put().visit(fresh)

    return edit


def _statements(function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST, Callable[[ast.AST], None]]]:
    simple = (ast.Assign, ast.AugAssign)
    for owner in ast.walk(function):
        body = getattr(owner, "body", None)
        if not isinstance(body, list):
            continue
        for i, one in enumerate(body):
            follow = body[i + 1] if i + 1 < len(body) else None
            if isinstance(one, simple) and isinstance(follow, simple) and _share(one, follow):
                yield "order", one, _in_body(owner, partial(_swapped, i))
            if isinstance(one, ast.AugAssign) and len(body) > 1:
                yield "statement dropped", one, _in_body(owner, partial(_dropped, i))
                yield "accumulation", one, _in_body(owner, partial(_first, i))


def _share(a: ast.stmt, b: ast.stmt) -> bool:
    """Return whether one of two statements writes what the other uses."""

    def names(s: ast.stmt, kind: type) -> set[str]:
        return {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}

    return bool(names(a, ast.Store) & names(b, ast.Load) or names(b, ast.Store) & names(a, ast.Load))


def _swapped(i: int, body: list[Any]) -> None:
    body[i : i + 2] = body[i + 1], body[i]


def _dropped(i: int, body: list[Any]) -> None:
    del body[i]


def _first(i: int, body: list[Any]) -> None:
    """Assign where something was added."""
    body[i] = ast.Assign([body[i].target], body[i].value, lineno=body[i].lineno)


def _in_body(owner: ast.AST, change: Callable[[list[Any]], Any]) -> Callable[[ast.AST], None]:
    def edit(fresh: ast.AST) -> None:
        found = next(n for n in ast.walk(fresh) if getattr(n, "number", None) == owner.number)  # type: ignore[attr-defined]
        change(found.body)  # type: ignore[attr-defined]

    return edit
