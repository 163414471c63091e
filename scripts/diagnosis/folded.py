"""The literal implementations carry their faults as branches (``fault == "T05"``); these are folded away first."""

from __future__ import annotations

import ast
from typing import Any

NAMES = {"fault", "f"}  # what holds the name of a fault; "" in an implementation that is right


def folded(source: str) -> str:
    """Return a source in which no fault is chosen, every branch on one decided.

    Examples
    --------
    >>> folded("a = x if fault == 'T1' else y * (fault != 'T2')")
    'a = y'
    """
    tree = ast.parse(source)
    if "fault" in source:
        tree = _Fold().visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree))


class _Fold(ast.NodeTransformer):
    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if not (_is_fault(node.left) and len(node.ops) == 1):
            return node
        try:
            other = ast.literal_eval(node.comparators[0])
        except ValueError:
            return node
        decided: dict[type, Any] = {ast.Eq: "" == other, ast.NotEq: "" != other}
        if isinstance(node.ops[0], ast.In):
            return ast.Constant("" in tuple(other))
        return ast.Constant(decided[type(node.ops[0])])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        neutral = isinstance(node.op, ast.And)
        left = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value is neutral)]
        if any(isinstance(v, ast.Constant) and v.value is (not neutral) for v in left):
            return ast.Constant(not neutral)
        if not left:
            return ast.Constant(neutral)
        return left[0] if len(left) == 1 else ast.BoolOp(node.op, left)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, ast.Constant) and one.value is True:
                    return other
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or ast.Pass()
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        chosen = isinstance(node.func, ast.Attribute) and node.func.attr == "get"
        if chosen and len(node.args) == 2 and _is_fault(node.args[0]):
            return node.args[1]
        return node


def _is_fault(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "fault"
    return isinstance(node, ast.Name) and node.id in NAMES
