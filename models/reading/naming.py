"""Names: the user's own for parameters, the field's for nodes (a, v, z, b), the module's for other states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gradcert.models.reading.choose import Chosen
from gradcert.models.reading.populations import Path
from gradcert.models.reading.record import Node, Ref
from gradcert.models.reading.terms import Term, uncut
from gradcert.reference.networks import CELLS

PASSING = ("view", "reshape", "clone", "detach", "_to_copy", "unsqueeze", "squeeze", "expand", "alias",
           "convert_element_type", "broadcast_in_dim", "expand_dims", "copy")  # fmt: skip
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "rsub": "-"}
CALLED = {"logistic": "sigmoid"}
TAKEN = {"x", "threshold", "surrogate", "strict", "train", "name", *CELLS}


def static_name(nodes: list[Node], k: int, cut: frozenset[int] = frozenset()) -> str:
    """Return what a value made of parameters is called: ``fc.weight``, ``weight_ih[0:4]``, ``clamp(beta)``.

    Parameters
    ----------
    cut : nodes that cut a parameter off: ``cut[beta]``.
    """
    if k in cut:
        return f"cut[{static_name(nodes, k, cut - {k})}]"
    node = nodes[k]
    if node.kind in ("parameter", "constant", "buffer"):
        return node.name
    inner = [static_name(nodes, i, cut) for i in node.operands()]
    if node.name in PASSING:
        return inner[0]
    if node.name in ("t", "transpose", "permute") and len(node.shape) == 2:
        return f"{inner[0]}.T"
    if node.name in ("permute", "select") and 1 in nodes[node.operands()[0]].shape:
        return inner[0]  # axes of one that einsum moves about
    if node.name == "slice":
        start, stop = node.args[2:4]
        columns = "" if node.args[1] == 0 else ":, "
        return f"{inner[0]}[{columns}{start}:{stop}]"
    args = list(_in_order(nodes, node.args, cut))
    name = CALLED.get(node.name, re.sub(r"\W", "", str(node.name)).strip("_"))
    if name in INFIX and len(args) == 2 and node.kwargs.get("alpha", 1) == 1:
        a, b = args[::-1] if name == "rsub" else args
        return f"({a} {INFIX[name]} {b})"
    if len(args) == 1 and name in ("neg", "reciprocal"):
        return f"(-{args[0]})" if name == "neg" else f"(1 / {args[0]})"
    return f"{name}({', '.join(args)})"


def _in_order(nodes: list[Node], arguments: Any, cut: frozenset[int]) -> Iterator[str]:
    """Yield arguments as they are called, in their order; shapes, dtypes and flags are left out."""
    for a in arguments:
        if isinstance(a, Ref):
            yield static_name(nodes, a.node, cut)
        elif isinstance(a, (list, tuple)) and any(isinstance(v, Ref) for v in a):
            yield from _in_order(nodes, a, cut)
        elif isinstance(a, (int, float)) and not isinstance(a, bool):
            yield f"{a:g}"


def statics(chosen: Chosen) -> dict[int, Term]:
    """Return the static terms in all equations, by their ids."""
    out: dict[int, Term] = {}
    todo = [chosen.equations[id(t)] for t in chosen.order]
    while todo:
        term = todo.pop()
        if term.op == "static":
            out[id(term)] = term
        todo += term.args
    return out


def identifier(name: str, taken: set[str]) -> str:
    """Return a name as equations may have it, and take it.

    Examples
    --------
    >>> identifier("fc.weight[0:4]", set())
    'fc_weight_0_4'
    """
    base = re.sub(r"\W+", "_", name.replace("cut[", "")).strip("_") or "p"
    base = f"p_{base}" if base[0].isdigit() or base in TAKEN or base.endswith("_prev") else base
    found, count = base, 1
    while found in taken:
        count += 1
        found = f"{base}_{count}"
    taken.add(found)
    return found


def exits(
    chosen: Chosen, links: tuple[Path, ...], layer: dict[int, int], group: list[int], outputs: list[int]
) -> list[int]:
    """Return the nodes of a population that something outside reads."""
    read = {p.source for p in links if p.source in group and layer[p.target] != layer[p.source]}
    return sorted(read | (set(outputs) & set(group)))


def node_names(
    chosen: Chosen, links: tuple[Path, ...], layers: list[list[int]], slots: list[str], outputs: list[int]
) -> dict[int, str]:
    """Return the name of every node, unique in its population: ``z`` what leaves it, ``v`` a potential in any case."""
    layer = {k: i for i, group in enumerate(layers) for k in group}
    held = {id(uncut(update)): slots[k] for k, update in chosen.updates.items() if k < len(slots) and slots[k]}
    held |= {id(t): slots[t.data] for t in chosen.order if t.op == "prev" and t.data < len(slots) and slots[t.data]}
    membranes = {id(m) for m in chosen.membranes.values()}
    thresholds = {id(t) for t in chosen.thresholds.values()}
    out: dict[int, str] = {}
    for group in layers:
        leaving = exits(chosen, links, layer, group, outputs)
        spiking = [k for k in leaving if chosen.order[k].op == "spike"]
        others = sorted((k for k in leaving if id(chosen.order[k]) not in membranes), key=lambda k: [k] == outputs[:1])
        z = (spiking or others or [k for k in group if chosen.order[k].op == "spike"] or leaving or group)[-1]
        taken = {"z"}
        for k in group:
            out[k] = "z" if k == z else _name(chosen.order[k], membranes, thresholds, held, taken)
    return out


def _name(term: Term, membranes: set[int], thresholds: set[int], held: dict[int, str], taken: set[str]) -> str:
    if id(term) in membranes:
        base = "v"
    elif term.op == "spike":
        base = "s"
    elif term.op == "drive" or (term.op in ("add", "linear") and id(term) not in held):
        base = "a"
    elif id(term) in thresholds:
        base = "b"
    elif id(term) in held:
        base = re.sub(r"\W+", "_", held[id(term)].split(".")[-1]).strip("_") or "s"
        base = "c" if re.fullmatch(r"state[\d_]*", base) else base
        base = f"s_{base}" if base in TAKEN or base[0].isdigit() else base
    else:
        base = "y"
    return identifier(base, taken)
