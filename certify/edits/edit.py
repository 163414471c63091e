"""An edit of a syntax tree: one attribute of one node gets another value, for as long as it is tried."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradcert.certify.edits.sources import Source


@dataclass(frozen=True, eq=False)
class Site:
    """Where an expression stands.

    Attributes
    ----------
    node : the expression.
    owner, name, index : ``owner.name`` holds it, at this index if it is a list.
    parents : the nodes around it, the nearest last, down from the statement.
    """

    node: Any
    owner: ast.AST
    name: str
    index: int | None
    parents: tuple[ast.AST, ...]

    @property
    def parent(self) -> ast.AST:
        """The node that it stands in."""
        return self.parents[-1]

    def inside(self, *kinds: type, near: int = 3) -> bool:
        """Return whether one of the nearest nodes around it is of some kind."""
        return any(isinstance(p, kinds) for p in self.parents[-near:])


@dataclass(eq=False)
class Edit:
    """One candidate.

    Attributes
    ----------
    operator : what is done.
    cost : how large the edit is and how rare the mistake; small ones are tried first.
    source, top : the file, and the number of the statement of its module that it is in.
    statement : the statement that changes.
    owner, name, index, new : what is set to what.
    """

    operator: str
    cost: float
    source: Source
    top: int
    statement: ast.stmt
    owner: Any
    name: str
    index: int | None
    new: Any

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """Keep the tree edited for a while."""
        held = getattr(self.owner, self.name)
        old = held if self.index is None else held[self.index]
        located(self.new, self.statement)
        try:
            self._put(self.new)
            yield
        finally:
            self._put(old)

    def _put(self, value: Any) -> None:
        if self.index is None:
            setattr(self.owner, self.name, value)
        else:
            getattr(self.owner, self.name)[self.index] = value


def located(new: Any, like: ast.AST) -> None:
    """Give new nodes a place, that of the statement: a compiler wants one."""
    for root in new if isinstance(new, list) else [new]:
        for node in ast.walk(root) if isinstance(root, ast.AST) else ():
            if "lineno" in node._attributes and getattr(node, "lineno", None) is None:
                ast.copy_location(node, like)


def sites(statement: ast.stmt) -> Iterator[Site]:
    r"""Yield every expression of a statement, of a compound one those of its head alone.

    Examples
    --------
    >>> [ast.unparse(s.node) for s in sites(ast.parse("for t in range(n):\n    x = t").body[0])]
    ['t', 'range(n)', 'range', 'n']
    """
    yield from _sites(statement, (statement,))


def _sites(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[Site]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args", "type_params") and isinstance(node, ast.stmt):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.expr):
                yield Site(child, node, name, index, parents)
                yield from _sites(child, (*parents, child))
            elif isinstance(child, (ast.comprehension, ast.keyword, ast.withitem, ast.arguments)):
                yield from _sites(child, (*parents, child))


def attribute(value: Any, name: str) -> ast.Attribute:
    """Return ``value.name``."""
    return ast.Attribute(value, name, ast.Load())


def binary(left: Any, operator: ast.operator, right: Any) -> ast.BinOp:
    """Return an operation on two expressions."""
    return ast.BinOp(left, operator, right)
