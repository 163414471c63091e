"""The symbolic derivative of the loss that the forward code computes, with edges cut: what a rule *should* give.

This is the chain rule on the ledger, forwards, and nothing of the engines: no local Jacobian factor, no adjoint, no
trace, no form of storage. A definition is differentiated by SymPy; an occurrence whose edge is cut contributes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from gradcert.derivations.algebra.ledger import Definition, Ledger
from gradcert.derivations.algebra.ring import Ring, is_zero
from gradcert.reference.engines import error_node
from gradcert.reference.networks import Edge, Link, Network, Use
from gradcert.reference.rules import Rule


@dataclass(frozen=True)
class Term:
    """One dependence of a definition: d(definition)/d(source), and the edge, None within a step."""

    source: Any
    coefficient: Any
    edge: Edge | None
    below: bool = False


@dataclass(frozen=True)
class Local:
    """All dependences of one definition, as SymPy expressions without occurrences."""

    symbol: Any
    layer: int
    step: int
    node: str
    terms: tuple[Term, ...]
    free: tuple[tuple[Any, Any], ...]  # (parameter, immediate derivative)


def differentiate(ledger: Ledger, parameters: frozenset[Any]) -> tuple[list[Local], list[str]]:
    """Differentiate every definition of a ledger with SymPy.

    Parameters
    ----------
    ledger : the forward code's definitions and the local derivatives that the cells' code returned.
    parameters : the symbols of the parameters.

    Returns
    -------
    The dependences, and the sentences about local derivatives of the code that are not the derivative of its step;
    they name the cell and the edge.
    """
    out, wrong = [], []
    matched: set[tuple[Any, Link | Use]] = set()
    for d in ledger.definitions.values():
        terms, free = [], []
        coefficients: dict[tuple[Any, Link | Use | None, Any], Any] = {}
        for s in sorted(d.expression.free_symbols, key=str):
            known, read = ledger.definitions.get(s), ledger.occurrences.get(s)
            if not (known or read or s in parameters):
                continue
            key = _key(ledger, d, s)
            source = s if read is None else read.source
            c = ledger.resolved(_slope(d.expression, s))
            coefficients[source, key, s in parameters] = coefficients.get((source, key, s in parameters), 0) + c
        for (source, key, is_parameter), c in coefficients.items():
            target = sympy.Symbol(str(d.symbol).removeprefix("+"))
            if key is not None and (target, key) in ledger.factors:
                given, code = ledger.factors[target, key]
                matched.add((target, key))
                if same(code, c):
                    c = given
                else:
                    wrong.append(_sentence(ledger, d, key, code, c))
            elif key is not None:
                wrong.append(_sentence(ledger, d, key, "missing", c))
            if c == 0:
                continue
            if is_parameter:
                free.append((source, c))
            else:
                link = key if isinstance(key, Link) and key.lag else None
                edge = link.edge if link is not None else _weighted_edge(ledger, d, source)
                known = ledger.definitions.get(source)
                terms.append(Term(source, c, edge, below=known is not None and known.layer < d.layer))
        out.append(Local(d.symbol, d.layer, d.step, d.node, tuple(terms), tuple(free)))
    for (target, key), (_, code) in ledger.factors.items():
        if isinstance(key, Link) and target in ledger.definitions and (target, key) not in matched and code != 0:
            wrong.append(_sentence(ledger, ledger.definitions[target], key, code, 0))
    return out, sorted(set(wrong))


@lru_cache(maxsize=100_000)
def same(a: Any, b: Any) -> bool:
    """Return whether two expressions are equal as polynomials (or quotients)."""
    return a == b or is_zero(a - b)


@lru_cache(maxsize=100_000)
def _slope(expression: Any, s: Any) -> Any:
    # both engines and all rules define the same names by the same expressions
    return sympy.diff(expression, s)


def _key(ledger: Ledger, d: Definition, s: Any) -> Link | Use | None:
    """Return the unweighted link or the use along which a node depends on a symbol; None inside a weighted drive."""
    if d.node.startswith("+"):
        # a bias is added to the drive; everything else in it is multiplied by weights
        use = Use(d.node[1:], _parameter(s))
        return use if (sympy.Symbol(str(d.symbol)[1:]), use) in ledger.factors else None
    if s in ledger.occurrences:
        return ledger.occurrences[s].link
    if s in ledger.definitions:
        source = ledger.definitions[s].node
        return None if source.startswith("+") else Link(d.node, source)
    return Use(d.node, _parameter(s))


def _parameter(s: Any) -> str:
    """Return the local name of the parameter that a symbol ``name<layer>[index]`` belongs to."""
    return str(s).split("[")[0].rstrip("0123456789")


def _weighted_edge(ledger: Ledger, d: Definition, source: Any) -> Edge | None:
    """Return the edge of a weighted link from the step before, None within a step."""
    for s in d.expression.free_symbols:
        if s in ledger.occurrences and ledger.occurrences[s].source == source:
            return ledger.occurrences[s].link.edge
    return None


def _sentence(ledger: Ledger, d: Definition, key: Link | Use, code: Any, derivative: Any) -> str:
    if isinstance(key, Use):
        where = f"d{key.target}/d{key.parameter} (explicit)"
    else:
        edge = f"edge {key.edge.value.upper()}" if key.lag else "within the step"
        where = f"d{key.target}/d{key.source} ({edge})"
    return f"{ledger.cells[d.layer]}: {where}: the code returns {code}, the derivative of its step is {derivative}"


def expressions(locals_: Iterable[Local]) -> list[Any]:
    """Return every expression that occurs, to build a ring for."""
    out = []
    for item in locals_:
        out += [item.symbol, *(t.coefficient for t in item.terms), *(c for _, c in item.free)]
        out += [t.source for t in item.terms]
    return out


def kept_derivative(
    network: Network,
    locals_: list[Local],
    ring: Ring,
    rule: Rule,
    layer: int,
    *,
    feedback: Mapping[str, Any],
    known: Mapping[Any, dict[tuple[Any, int], Any]] | None = None,
) -> dict[Any, dict[tuple[Any, int], Any]]:
    """Return d(name)/d(parameter of one layer) over the kept edges: name -> (parameter, age) -> ring element.

    The age is the number of edges through time on the path where the rule has a window, else 0. `known` are
    derivatives given beforehand (the hypothesis of an induction).
    """
    last = network.depth - 1
    swapped = _feedback_weights(network, rule, feedback)
    out: dict[Any, dict[tuple[Any, int], Any]] = dict(known or {})

    def add(total: dict[tuple[Any, int], Any], source: Any, coefficient: Any, older: int) -> None:
        factor = None
        for (parameter, age), value in out.get(source, {}).items():
            age = age + older if rule.window is not None else 0
            if rule.window is None or age < rule.window:
                factor = ring(coefficient) if factor is None else factor
                term = factor * value
                total[parameter, age] = total[parameter, age] + term if (parameter, age) in total else term

    for item in locals_:
        if item.layer < layer or item.symbol in (known or {}):
            continue
        total: dict[tuple[Any, int], Any] = {}
        own = item.layer == layer
        kept = rule.own if own else rule.kept_above(network.layers[item.layer].cell.name)
        if own:
            for parameter, c in item.free:
                total[parameter, 0] = ring(c)
        if not own and rule.feedback in ("direct", "target", "local"):
            if rule.feedback != "direct" or item.layer != last:
                continue
            if item.node == f"+{error_node(network.layers[last])}":
                for source, c in _broadcast(item, feedback[f"layers.{layer}.B"], layer, out):
                    add(total, source, c, 0)
        for term in item.terms:
            if term.edge is None:
                if term.below and (own or rule.feedback == "direct"):
                    continue
                c = term.coefficient
                if term.below and rule.feedback == "random":
                    c = c.xreplace(swapped)
                add(total, term.source, c, 0)
            elif term.edge in kept and not (rule.chunk and item.step % rule.chunk == 0):
                add(total, term.source, term.coefficient, 1)
        if total:
            out[item.symbol] = total
    return out


def _feedback_weights(network: Network, rule: Rule, feedback: Mapping[str, Any]) -> dict[Any, Any]:
    """Return weight symbol -> feedback symbol, for rules that replace weights on the way down."""
    if rule.feedback != "random":
        return {}
    out: dict[Any, Any] = {}
    for i, layer in enumerate(network.layers[1:], start=1):
        for link in layer.cell.links:
            if link.source == "x" and link.weight is not None:
                matrix = feedback[f"layers.{i}.B{link.weight[1:]}"]
                weights = feedback[f"layers.{i}.{link.weight}"]
                out.update(zip(weights.flat, matrix.flat, strict=True))
    return out


def _broadcast(item: Local, matrix: Any, layer: int, known: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Return the outputs of a hidden layer at this step and the fixed weights by which they enter a last drive."""
    batch, k = str(item.symbol).split("[")[1].rstrip("]").split(",")
    out = []
    for i in range(matrix.shape[1]):
        z = sympy.Symbol(f"z{layer}^{item.step}[{batch},{i}]")
        if z in known:
            out.append((z, matrix[int(k), i]))
    return out


def loss_derivative(
    network: Network, derivative: Mapping[Any, Mapping[tuple[Any, int], Any]], delta: Mapping[Any, Any], ring: Ring
) -> dict[Any, Any]:
    """Return dE/d(parameter) from dE/d(output) and d(output)/d(parameter)."""
    out: dict[Any, Any] = {}
    for z, d in delta.items():
        if d == 0:
            continue
        for (parameter, _), value in derivative.get(z, {}).items():
            term = ring(d) * value
            out[parameter] = out[parameter] + term if parameter in out else term
    return out
