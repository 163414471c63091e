"""One run of the subject with every expression watched: what was executed, and what kind of value stands where."""

from __future__ import annotations

import ast
import builtins
import copy
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gradcert.certify.edits.kinds import Kinds, array, kind
from gradcert.certify.edits.sources import Source, Sources

SEEN = "__gradcert_seen__"
LIBRARIES = ("numpy", "torch", "jax.numpy")
SUSPECT = 1.5  # by how much what nobody reads is the more likely
NUMBERS = 8  # of a scope, that products are made of
VALUES = 24  # digests that are kept of one
MOST = 8  # kinds that are kept of one expression
WATCHED = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.UnaryOp, ast.Call, ast.IfExp, ast.Compare)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def numbered(sources: Sources) -> None:
    """Give every node of every file a number; a copy of a node keeps it."""
    number = 0
    for source in sources.files:
        for node in ast.walk(source.tree):
            number += 1
            node.number = number  # type: ignore[attr-defined]


class Observed:
    """What was seen: the kinds of values by the number of a node.

    Stored names are seen where they are stored, at the number of the node that stores them.
    """

    def __init__(self) -> None:
        self.kinds: dict[int, dict[Any, None]] = {}
        self.values: dict[int, set[int]] = {}  # digests of what was seen

    def __call__(self, number: int, value: Any) -> Any:
        """Note a value and hand it on."""
        seen = self.kinds.setdefault(number, {})
        if len(seen) < MOST and (found := kind(value)) is not None:
            seen[found] = None
        values = self.values.setdefault(number, set())
        if len(values) < VALUES:
            values.add(digest(value))
        return value

    def add(self, kinds: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Add what was seen in another process."""
        for number, found in kinds.items():
            self.kinds.setdefault(int(number), {}).update(dict.fromkeys(tuple(k) for k in found))
        for number, digests in values.items():
            self.values.setdefault(int(number), set()).update(digests)

    def of(self, node: Any) -> Kinds:
        """Return the kinds that a node has had, in the order in which they were met."""
        return tuple(self.kinds.get(getattr(node, "number", -1), ()))

    def ran(self, node: Any) -> bool:
        """Return whether a node was evaluated."""
        return getattr(node, "number", -1) in self.kinds

    def note(self) -> None:
        """Make this what watched code reports to."""
        setattr(builtins, SEEN, self)


def digest(value: Any) -> int:
    """Return a number that two values share if they are equal; of what is no array or number, that of its kind.

    Examples
    --------
    >>> import numpy as np
    >>> digest(np.zeros(2)) == digest(np.zeros(2)), digest(0.5) == digest(np.float64(0.5)), digest([1]) == digest([2])
    (True, True, True)
    """
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        if hasattr(value, "tobytes") and hasattr(value, "shape"):
            return zlib.crc32(value.tobytes()) if value.shape else zlib.crc32(repr(float(value)).encode())
        return zlib.crc32(repr(float(value)).encode()) if isinstance(value, (int, float)) else 0
    except (TypeError, ValueError, RuntimeError):
        return 0


def watched(source: Source) -> list[Any]:
    r"""Return the code of a file in which the functions report every value.

    Examples
    --------
    >>> import types
    >>> source = Source("/x.py", "x", "def f(a):\n    b = a + 1\n    return b")
    >>> numbered(Sources([source], lambda: None))
    >>> seen, module = Observed(), types.ModuleType("x")
    >>> seen.note()
    >>> for code in watched(source):
    ...     exec(code, module.__dict__)
    >>> module.f(2.0), seen.of(source.tree.body[0].body[0].value)
    (3.0, (('number',),))
    """
    out = []
    for number, statement in enumerate(source.tree.body):
        if any(isinstance(node, FUNCTIONS) for node in ast.walk(statement)):
            fresh = _Watch().visit(copy.deepcopy(statement))
            out.append(source.compiled(ast.fix_missing_locations(fresh)))
        else:
            out.append(source.codes[number])
    return out


class _Watch(ast.NodeTransformer):
    """Wraps expressions inside functions; a function's name, an index in a text, a pattern are left as they are."""

    def __init__(self) -> None:
        self.depth = 0

    def visit_FunctionDef(self, node: Any) -> Any:
        self.depth += 1
        node.body = self._block(node.body)
        names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        at = int(isinstance(node.body[0], ast.Expr) and isinstance(getattr(node.body[0], "value", None), ast.Constant))
        node.body[at:at] = [_probe(a, ast.Name(a.arg, ast.Load())) for a in names]
        self.depth -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _block(self, body: list[Any]) -> list[Any]:
        out: list[Any] = []
        for statement in body:
            probes = [_probe(t, _read(t)) for t in stored(statement)] if self.depth else []
            fresh = self.visit(statement)
            if isinstance(statement, (ast.For, ast.AsyncFor)):
                fresh.body[:0] = probes
                out.append(fresh)
            else:
                out += [fresh, *probes]
        return out

    def generic_visit(self, node: Any) -> Any:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, self._block(value))
            elif isinstance(value, list):
                setattr(node, name, [self.visit(v) if isinstance(v, ast.AST) else v for v in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def visit_AnnAssign(self, node: Any) -> Any:
        node.target = self.visit(node.target)
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_JoinedStr(self, node: Any) -> Any:
        return node

    def visit_match_case(self, node: Any) -> Any:
        node.body = self._block(node.body)
        return node

    def visit_Call(self, node: Any) -> Any:
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        return node

    def visit(self, node: ast.AST) -> Any:
        fresh = super().visit(node)
        read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if self.depth and read and isinstance(node, WATCHED) and not isinstance(fresh, ast.stmt):
            return _reported(node, fresh)
        return fresh


def _reported(node: Any, value: Any) -> ast.Call:
    number = ast.Constant(getattr(node, "number", -1))
    return ast.copy_location(ast.Call(ast.Name(SEEN, ast.Load()), [number, value], []), node)


def _probe(node: Any, value: Any) -> ast.Expr:
    return ast.copy_location(ast.Expr(_reported(node, value)), node)


def stored(statement: Any) -> Iterator[Any]:
    """Yield the names, attributes and entries that a statement stores."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.For, ast.AugAssign)) or (
        isinstance(statement, ast.AnnAssign) and statement.value is not None
    ):
        targets = [statement.target]
    else:
        targets = []
    for target in targets:
        for node in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
            entry = isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name)
            if isinstance(node, ast.Name) or (entry and not any(isinstance(n, ast.Call) for n in ast.walk(node))):
                yield node


def _read(target: Any) -> Any:
    """Return a copy of a target that reads it."""
    fresh = copy.deepcopy(target)
    fresh.ctx = ast.Load()
    return fresh


@dataclass
class Scope:
    """What the expressions of one function could be made of, by their text.

    Attributes
    ----------
    atoms : names, attributes and entries that are numbers or arrays.
    entries : entries of lists and arrays at a step that a loop counts, that nobody reads as yet.
    terms : longer expressions that are.
    tests : conditions.
    counters : names that count in a loop.
    calls : functions of one argument: the function, and the kinds that it was called with, if it was called.
    idle : those that never ran.
    unused : names that nobody reads: something may have been lost there.
    modules : names of libraries of numbers, such as ``np``.
    """

    atoms: dict[str, tuple[Any, Kinds]] = field(default_factory=dict)
    entries: dict[str, tuple[Any, Kinds]] = field(default_factory=dict)
    terms: dict[str, tuple[Any, Kinds]] = field(default_factory=dict)
    tests: dict[str, Any] = field(default_factory=dict)
    counters: set[str] = field(default_factory=set)
    calls: dict[str, tuple[Any, Kinds]] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    unused: set[str] = field(default_factory=set)
    modules: tuple[str, ...] = ()

    @cached_property
    def readable(self) -> list[tuple[str, Any, Kinds, float]]:
        """Every atom and entry: its text, itself, its kinds, and how far-fetched it is."""
        out = []
        for table, far in ((self.atoms, 0.0), (self.entries, 0.75)):
            for text, (new, kinds) in table.items():
                out.append((text, new, kinds, far - (SUSPECT if self.lost(new) else 0.0)))
        return out

    @cached_property
    def arrays(self) -> list[tuple[Any, Kinds, bool]]:
        """Every atom that is an array: itself, its kinds, whether it is lost."""
        shaped = [(new, kinds) for new, kinds in self.atoms.values() if array(kinds)]
        return [(new, kinds, self.lost(new)) for new, kinds in shaped]

    @cached_property
    def numbers(self) -> list[tuple[Any, bool]]:
        """Some atoms that are numbers: itself, whether it is lost."""
        plain = [new for new, kinds in self.atoms.values() if kinds and all(k == ("number",) for k in kinds)]
        return [(new, self.lost(new)) for new in plain[:NUMBERS]]

    @cached_property
    def made(self) -> dict[tuple[Any, ...], Any]:
        """What longer factors and terms there are for a kind (`adding`), kept here."""
        return {}

    def lost(self, expression: Any) -> bool:
        """Return whether an expression is of a name that nobody reads, or calls a function that never ran."""
        names = {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}
        return bool(names & (self.unused | self.idle))


def scope(module: ast.Module, functions: list[Any], seen: Observed) -> Scope:
    """Return the scope of a function, and of those around it, in its module."""
    out = Scope()
    for function in functions:
        for node in ast.walk(function):
            _add(out, node, seen)
    names = [n for function in functions for n in ast.walk(function) if isinstance(n, ast.Name)]
    read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    out.unused = {n.id for n in names} - read
    imported = [a for n in module.body if isinstance(n, ast.Import) for a in n.names if a.name in LIBRARIES]
    out.modules = tuple(a.asname or a.name for a in imported)
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and len(node.args.args) - len(node.args.defaults) == 1:
            if not any(seen.ran(inner) for inner in ast.walk(node)):
                out.idle.add(node.name)
                out.calls.setdefault(node.name, (ast.Name(node.name, ast.Load()), ()))
    out.atoms = _different(out.atoms, functions, seen)
    counted = _counted(functions, out.counters)
    for text, (new, kinds) in list(out.atoms.items()):
        if (inner := _entry_of(kinds)) and not isinstance(new, ast.Attribute):
            for index in _indices(out.counters, counted.get(text, set())):
                if (entry := f"{text}[{index}]") not in out.atoms:
                    out.entries[entry] = ast.parse(entry, mode="eval").body, inner
    return out


def _counted(functions: list[Any], counters: set[str]) -> dict[str, set[str]]:
    """Return by which counters a list or an array is read or written, by its text."""
    out: dict[str, set[str]] = {}
    for node in [n for function in functions for n in ast.walk(function) if isinstance(n, ast.Subscript)]:
        used = {n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)} & counters
        out.setdefault(ast.unparse(node.value), set()).update(used)
    return out


def _indices(counters: set[str], used: set[str]) -> Iterator[str]:
    """Yield the indices by which an entry may be read: what counts already, a step on either side, or any counter."""
    for counter in sorted(used or counters):
        yield counter
        yield f"{counter} - 1"
        if used:
            yield f"{counter} + 1"


def _different(
    atoms: dict[str, tuple[Any, Kinds]], functions: list[Any], seen: Observed
) -> dict[str, tuple[Any, Kinds]]:
    """Return the atoms without those that only ever had the values of a shorter one."""
    values: dict[str, set[int]] = {}
    for node in [n for function in functions for n in ast.walk(function)]:
        if seen.ran(node) and isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.arg)):
            text = node.arg if isinstance(node, ast.arg) else ast.unparse(node)
            values.setdefault(text, set()).update(seen.values.get(getattr(node, "number", -1), ()))
    out: dict[str, tuple[Any, Kinds]] = {}
    known: set[tuple[Any, ...]] = set()
    for text in sorted(atoms, key=lambda t: (not t.isidentifier(), len(t))):
        found = frozenset(values.get(text, ()))
        key = frozenset(atoms[text][1]), found
        if not found - {0} or len(found) >= VALUES or key not in known:
            known.add(key)
            out[text] = atoms[text]
    return {text: out[text] for text in atoms if text in out}


def _entry_of(kinds: Kinds) -> Kinds:
    """Return the kinds of the entries of lists of arrays, and of arrays of more than one axis."""
    lists = [k[1:] for k in kinds if k[0] == "list" and len(k) > 2]
    arrays = [(k[0], *k[2:]) for k in kinds if k[0] in ("array", "tensor") and len(k) > 2]
    return tuple(dict.fromkeys((*lists, *arrays)))


def _add(out: Scope, node: Any, seen: Observed) -> None:
    if isinstance(node, (ast.If, ast.IfExp)) and not isinstance(node.test, ast.Constant):
        out.tests.setdefault(ast.unparse(node.test), node.test)
    if isinstance(node, ast.For) and "range" in ast.unparse(node.iter):
        out.counters |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
    if isinstance(node, ast.arg):
        _keep(out.atoms, node.arg, ast.Name(node.arg, ast.Load()), seen.of(node))
        return
    if not isinstance(node, WATCHED) or not seen.ran(node):
        return
    kinds = seen.of(node)
    plain = isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
    if plain and not any(isinstance(n, ast.Call) for n in ast.walk(node)):
        _keep(out.atoms, ast.unparse(node), _read(node), kinds)
    elif not plain and len(text := ast.unparse(node)) <= 72:
        _keep(out.terms, text, node, kinds)
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        _keep(out.calls, ast.unparse(node.func), node.func, seen.of(node.args[0]))


def _keep(table: dict[str, tuple[Any, Kinds]], text: str, node: Any, kinds: Kinds) -> None:
    known = table.get(text, (node, ()))[1]
    if kinds or text in table:
        table[text] = table.get(text, (node, ()))[0], tuple(dict.fromkeys((*known, *kinds)))
