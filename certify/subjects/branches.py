"""Conditions inside a line: which ends of them ran, by the jumps of the compiled code.

`a if c else b`, `a and b`, the filter of a comprehension, an `if` whose body stands beside it: lines do not tell which
way these went. The interpreter's own jumps do. What is looked for is found in the source, by its place; a function
without such conditions is not slowed down. The standard library alone is needed.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

Place = tuple[int, int, int, int]  # line, column, and those of its end
End = tuple[Place, bool]


def conditions(tree: ast.AST) -> dict[Place, ast.expr]:
    """Return the conditions of a file of which its lines do not say how they came out, by their place.

    Examples
    --------
    >>> found = conditions(ast.parse("x = [a + 1 for a in c if a > 1]; y = 1 if x and not z else 2"))
    >>> list(map(ast.unparse, found.values()))
    ['a > 1', 'x', 'z']
    """
    found = {_place(part): part for test in _tests(tree) for part in _parts(test)}
    for node in _values(tree):  # what jumps has the place of the whole
        found[_place(node)] = node
        found |= {_place(value): value for value in node.values[:-1]}
    return dict(sorted(found.items()))


def _values(tree: ast.AST) -> Iterator[ast.BoolOp]:
    """Yield what is a value made by `and` and `or`, and no condition of anything."""
    tests = {id(part) for node in ast.walk(tree) if hasattr(node, "test") for part in ast.walk(node.test)}
    tests |= {id(p) for n in ast.walk(tree) if isinstance(n, ast.comprehension) for t in n.ifs for p in ast.walk(t)}
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.BoolOp) and id(node) not in tests)


def _tests(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.While)):
            if node.body[0].lineno <= (node.test.end_lineno or node.test.lineno):
                yield node.test
        elif isinstance(node, ast.IfExp):
            yield node.test
        elif isinstance(node, ast.comprehension):
            yield from node.ifs


def _parts(test: ast.expr) -> Iterator[ast.expr]:
    """Yield what is jumped on: the parts of `and` and `or`, without `not`; no constants, which are not looked at."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _parts(value)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _parts(test.operand)
    elif not isinstance(test, ast.Constant):
        yield test


def _place(node: ast.expr) -> Place:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)


@dataclass(frozen=True)
class Jump:
    """A jump at a condition: where to, and on what; whether going on decides it too, as it does not in `0 < a < 7`."""

    place: Place
    target: int
    on: bool
    decides: bool = True


def jumps(code: CodeType, places: dict[Place, Any]) -> dict[int, Jump]:
    """Return the jumps of compiled code at given conditions, by where they stand."""
    found: dict[int, Jump] = {}
    last: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    before: Any = ()
    for instruction in dis.get_instructions(code):
        at, computed = instruction.positions, before
        before = (at.lineno, at.col_offset, at.end_lineno, at.end_col_offset) if at is not None else ()
        if "JUMP" not in instruction.opname or "IF_" not in instruction.opname:
            continue
        # in 3.13 the filter of a comprehension jumps at the place of its element: what it jumps on is computed before
        place = next((p for p in (before, computed) if p in places), None)
        if place is None:
            continue
        if isinstance(places[place], ast.BoolOp):
            counts[place] = counts.get(place, 0) + 1
            place = _place(places[place].values[counts[place] - 1])
        if isinstance(places[place], ast.Compare) and len(places[place].ops) > 1 and place in last:
            found[last[place]] = replace(found[last[place]], decides=False)
        last[place] = instruction.offset
        on = "IF_TRUE" in instruction.opname or instruction.opname.endswith("_NOT_NONE")
        found[instruction.offset] = Jump(place, int(instruction.argval), on)
    return found


@contextlib.contextmanager
def watching(jumps_of: Callable[[CodeType], dict[int, Jump]], seen: Callable[[CodeType, End], None]) -> Iterator[bool]:
    """Hand over how conditions come out, where the interpreter tells it without a tracer (3.12 and later).

    It yields whether it does; if not, a tracer has to look at every instruction (`end`).

    Parameters
    ----------
    jumps_of : the jumps that are looked at in compiled code.
    seen : what is told of each that came.
    """
    found = getattr(sys, "monitoring", None)
    free = [tool for tool in range(5, -1, -1) if found is not None and found.get_tool(tool) is None]
    if found is None or not free:
        yield False
        return

    def branch(code: CodeType, at: int, now: int) -> Any:
        jump = jumps_of(code).get(at)
        if jump is None:
            return found.DISABLE
        if (came := end(jump, at, now)) is not None:
            seen(code, came)
        return None

    tool = free[0]
    found.use_tool_id(tool, "gradcert")
    found.register_callback(tool, found.events.BRANCH, branch)
    found.set_events(tool, found.events.BRANCH)
    try:
        yield True
    finally:
        found.set_events(tool, 0)
        found.free_tool_id(tool)


def end(jump: Jump, at: int, now: int) -> End | None:
    """Return how a condition came out: the jump at one offset was followed by what stands at another."""
    jumped = now >= jump.target if jump.target > at else now <= at
    return (jump.place, jump.on if jumped else not jump.on) if jumped or jump.decides else None


def open_ends(places: dict[Place, ast.expr], ran: set[End]) -> list[tuple[int, str]]:
    """Return the conditions that were evaluated and only ever came out one way, each with its line and its text."""
    out = []
    for place, node in places.items():
        if isinstance(node, ast.BoolOp):
            continue
        ends = {came for where, came in ran if where == place}
        if len(ends) == 1:
            text = " ".join(ast.unparse(node).split())
            text = text if len(text) <= 40 else f"{text[:37]}..."
            out.append((place[0], f"never {'false' if True in ends else 'true'} (`{text}`)"))
    return out
