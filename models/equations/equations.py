"""Reading equations: which terms are weighted sums, which are biases, and what is left for SymPy.

An equation is a string. ``v`` is a node at this step, ``v_prev`` the same node one step before, ``x`` the input;
``W @ x`` is a weighted sum. Everything else is elementwise.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, Link
from gradcert.reference.numbers.grammar import FUNCTIONS, NAME, tree
from gradcert.reference.suggest import nearest

PREVIOUS = "_prev"
NODES = 100  # of one cell
ALIKE = 0.7  # 0.89 for thresold and threshold
ITSELF, ONE_TO_ONE = "x_itself", "one_to_one"  # the input without weights: a node, and the synapse that leads to it


@dataclass(frozen=True)
class Equation:
    """One node.

    Attributes
    ----------
    node : its name.
    weighted : (weight, source, lag) of every weighted sum.
    biases : parameters that are added to a weighted sum; the engine adds them.
    rest : the elementwise part, as text; "0" where there is none.
    """

    node: str
    weighted: tuple[tuple[str, str, int], ...]
    biases: tuple[str, ...]
    rest: str


def read(equations: Mapping[str, str], constants: Mapping[str, object]) -> tuple[Equation, ...]:
    """Read equations in the order of evaluation; the last one is the output ``z``.

    Raises
    ------
    GradcertError : for what is no equation, for a node that is read before it exists, or a last node other than z.

    Examples
    --------
    >>> read({"a": "W @ x + H @ z_prev + b", "z": "tanh(a)"}, {})[0].weighted
    (('W', 'x', 0), ('H', 'z', 1))
    """
    nodes = list(equations)
    if len(nodes) > NODES:
        raise GradcertError(f"a cell of {len(nodes)} equations", allowed=f"at most {NODES}")
    if not nodes or nodes[-1] != "z":
        raise GradcertError(
            f"equations that end with {nodes[-1:] or 'nothing'}", allowed="the last node is z, the output"
        )
    for name in (*nodes, *constants):
        text = f"{name}" if type(name) is str else ""
        if not NAME.fullmatch(text) or text.endswith(PREVIOUS) or text in (*FUNCTIONS, "x"):
            raise GradcertError(f"the name {name!r}", allowed=f"identifiers, not x or {', '.join(FUNCTIONS)}")
    found = tuple(_one(node, equations[node], nodes, constants) for node in nodes)
    if not any(re.search(rf"\b{ITSELF}\b", equation.rest) for equation in found):
        return found
    return (Equation(ITSELF, ((ONE_TO_ONE, "x", 0),), (), "0"), *found)


def _one(node: str, text: str, nodes: list[str], constants: Mapping[str, object]) -> Equation:
    whole = tree(text, f"the equation of {node}")
    weighted, biases, rest = [], [], []
    terms = list(_terms(whole, +1))
    linear = any(isinstance(term, ast.BinOp) and isinstance(term.op, ast.MatMult) for term, _ in terms)
    for term, sign in terms:
        if isinstance(term, ast.BinOp) and isinstance(term.op, ast.MatMult):
            if sign < 0 or not isinstance(term.left, ast.Name) or not isinstance(term.right, ast.Name):
                raise GradcertError(f"{ast.unparse(term)!r} in {node}", allowed="+ weight @ node, by their names")
            weighted.append((term.left.id, *_source(term.right.id)))
            if weighted[-1][1] not in (*nodes, "x"):
                raise GradcertError(f"{term.right.id!r} in the equation of {node}", allowed=", ".join(["x", *nodes]))
        elif linear and sign > 0 and isinstance(term, ast.Name) and _is_parameter(term.id, nodes, constants):
            biases.append(term.id)
        else:
            rest.append(("+ " if sign > 0 else "- ") + ast.unparse(_Itself().visit(term)))
        if any(isinstance(inner, ast.MatMult) for inner in ast.walk(term)) and not weighted:
            raise GradcertError(f"a weighted sum inside {ast.unparse(term)!r}", do="give it a node of its own")
    _check_order(node, whole, nodes)
    return Equation(node, tuple(weighted), tuple(biases), " ".join(rest) or "0")


class _Itself(ast.NodeTransformer):
    """The input where no weights multiply it."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == f"x{PREVIOUS}":
            raise GradcertError("x_prev without weights", do="give x a node of its own, u = x, and read u_prev")
        return ast.Name(ITSELF) if node.id == "x" else node


def check_names(
    equations: tuple[Equation, ...], constants: Collection[str], parameters: Collection[str] | None
) -> None:
    """Raise for a name that is nothing, or nearly something else.

    Parameters
    ----------
    parameters : the trained per-unit parameters, where they are said; else every other name is one, unless it is near
        to a name that there is.
    """
    nodes = [equation.node for equation in equations]
    known = [*nodes, *(f"{node}{PREVIOUS}" for node in nodes), *constants]
    parts = [list(ast.walk(ast.parse(e.rest.strip().removeprefix("+ "), mode="eval"))) for e in equations]
    for equation, inner in zip(equations, parts, strict=True):
        called = {id(n.func) for n in inner if isinstance(n, ast.Call)}
        used = {n.id for n in inner if isinstance(n, ast.Name) and id(n) not in called}
        for name in sorted({*used, *equation.biases} - set(known) - set(parameters or ())):
            close = nearest(name, [k for k in known if len(k) > 2 and _alike(name, k)]) if len(name) > 2 else None
            if parameters is not None or close is not None:
                meant = f", which is near to {close}" if close else ""
                raise GradcertError(
                    f"{name} in the equation of {equation.node}{meant}",
                    allowed=", ".join(dict.fromkeys(k.replace(ITSELF, "x") for k in [*known, *(parameters or ())])),
                    do=f"mend it; or say that it is a trained parameter: parameters=({name!r},)",
                )
    for equation, inner in zip(equations, parts, strict=True) if parameters is None else ():
        for product in inner:
            factors = (product.left, product.right) if isinstance(product, ast.BinOp) else ()
            names = [f.id for f in factors if isinstance(f, ast.Name)]
            own = [n for n in names if n not in (*known, ITSELF)]
            if isinstance(getattr(product, "op", None), ast.Mult) and ITSELF in names and own:
                raise GradcertError(
                    f"{own[0]}*x in the equation of {equation.node}: a number for each unit, times an input of its own",
                    allowed=f"a weighted sum, {own[0]} @ x",
                    do=f"write it with @; or, where one number a unit is meant, say parameters=({own[0]!r},)",
                )
    for equation in equations:
        if "spike(" in equation.rest and (missing := [k for k in ("v", "threshold") if k not in known]):
            raise GradcertError(
                f"a spike in the equation of {equation.node}, in a cell without {' and '.join(missing)}",
                do="call the membrane potential v, a node, and threshold a constant",
            )


def _alike(name: str, other: str) -> bool:
    """Return whether two names are so alike that one is the other mistyped: theta and beta are two parameters."""
    return difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio() >= ALIKE


def _terms(tree: ast.expr, sign: int) -> list[tuple[ast.expr, int]]:
    """Split a sum into its signed terms."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, (ast.Add, ast.Sub)):
        right = sign if isinstance(tree.op, ast.Add) else -sign
        return [*_terms(tree.left, sign), *_terms(tree.right, right)]
    return [(tree, sign)]


def _source(name: str) -> tuple[str, int]:
    return (name.removesuffix(PREVIOUS), 1) if name.endswith(PREVIOUS) else (name, 0)


def _is_parameter(name: str, nodes: list[str], constants: Mapping[str, object]) -> bool:
    source, lag = _source(name)
    return not lag and source not in (*nodes, *constants, "x")


def _check_order(node: str, whole: ast.expr, nodes: list[str]) -> None:
    for name in {part.id for part in ast.walk(whole) if isinstance(part, ast.Name)}:
        source, lag = _source(name)
        if lag and source not in (*nodes, "x"):
            raise GradcertError(f"{name} in {node}", allowed=f"the step before of {', '.join(nodes)}")
        if not lag and source in nodes and nodes.index(source) >= nodes.index(node):
            raise GradcertError(f"{node} reads {source} of the same step", allowed="nodes above it, in their order")


def edge_name(link: Link) -> str:
    """Return what an edge of lag 1 is called: ``v -> v``, or ``H @ z -> a`` for a weighted one."""
    return f"{link.weight} @ {link.source} -> {link.target}" if link.weight else f"{link.source} -> {link.target}"


def tidy(edges: Mapping[str, str]) -> dict[str, str]:
    """Return labels and their names in one spelling; reports print labels in capitals.

    Examples
    --------
    >>> tidy({"z->v": "RESET"})
    {'z -> v': 'reset'}
    """
    return {re.sub(r"\s*(->|@)\s*", r" \1 ", key.strip()): value.lower() for key, value in edges.items()}


def label(link: Link, edges: Mapping[str, str]) -> Link:
    """Give a link of lag 1 its label; a weighted one is RECURRENT unless something else is said.

    Raises
    ------
    GradcertError : if there is none.

    Examples
    --------
    >>> label(Link("v", "z", lag=1), {"z -> v": "reset"}).edge.value
    'reset'
    """
    if not link.lag or link.source == "x":
        return link
    name, allowed = edge_name(link), [edge.value for edge in Edge if edge is not Edge.SPACE]
    given = edges.get(name, "recurrent" if link.weight else None)
    if given is None:
        raise GradcertError(
            f"no label for the edge {name!r}", allowed=", ".join(allowed), do=f"add {name!r}: ... to edges"
        )
    if given not in allowed:
        raise GradcertError(f"the label {given!r} of {name!r}", allowed=", ".join(allowed))
    return Link(link.target, link.source, lag=1, edge=Edge(given), weight=link.weight)
