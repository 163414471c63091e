"""Every single arithmetic fault of a description: what `faults` catches by proof, here as a search for a cause.

A fixed-point implementation that differs from its description usually has one thing wrong: a rounding, a guard, a
width, an order, a random word. Each variant is the description with one such thing wrong; the variants that reproduce
all that an implementation answered are the causes that explain it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding, bottom, smallest_format
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.ranges import reaches

Array = np.ndarray[Any, Any]
ORDINARY = (Rounding.FLOOR, Rounding.TOWARD_ZERO, Rounding.NEAREST_EVEN, Rounding.NEAREST_UP, Rounding.NEAREST_AWAY,
            Rounding.NEAREST_ZERO, Rounding.NEAREST_DOWN, Rounding.AWAY)  # fmt: skip
GUARDS = (Overflow.SATURATE, Overflow.SYMMETRIC)
AT = {Overflow.SATURATE: " at the lowest integer", Overflow.SYMMETRIC: " at equal sizes, -high and high,"}
HOW = {m: {"floor": "down", "stochastic": "stochastically"}.get(m.value, m.value) for m in Rounding}


@dataclass(frozen=True)
class Variant:
    """A description with one fault: its kind (as in the table of `faults`), where, what happens instead of what.

    `shared` names a random word of which every element is the first one.
    """

    kind: str
    place: str
    says: str
    program: Program
    shared: str | None = None

    def leaves(self, leaves: Mapping[str, Array]) -> dict[str, Array]:
        """Return the leaves as the variant sees them; each has a leading axis of steps."""
        out = dict(leaves)
        if self.shared is not None:
            word = out[self.shared]
            first = word.reshape(len(word), -1)[:, 0]
            out[self.shared] = np.broadcast_to(first.reshape(-1, *(1,) * (word.ndim - 1)), word.shape)
        return out

    def __str__(self) -> str:
        return f"{self.kind}: {self.place} {self.says}"


def drops_bits(program: Program, node: Node) -> bool:
    """Return whether an operation's exact result has more fraction bits than its format, so that it is rounded."""
    if node.kind in ("ge", "gt", "sign", "bernoulli", "rename") or not isinstance(node.numeric.format, Format):
        return False
    radixes = [program.node(a).format.radix for a in (node.args[1:] if node.kind == "select" else node.args)]
    return (sum(radixes) if node.kind == "mul" else max(radixes)) - node.shift > node.format.radix


def _with(program: Program, names: list[str], **fields: Any) -> Program:
    for name in names:
        old = program.node(name)
        numeric = replace(old.numeric, **fields)
        word = old.word if numeric.rounding is Rounding.STOCHASTIC else None
        if numeric.rounding is not Rounding.STOCHASTIC:
            numeric = replace(numeric, source=None, shared=())
        program = program.change(name, numeric=numeric, word=word)
    return program


def variants(program: Program) -> Iterator[Variant]:
    """Yield every variant of a fixed-point description, the likeliest kinds first.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> str(next(variants(trace_unit(Format.parse("u8q0"), leak=0.5))))
    'rounding sense: e.leaked rounds toward zero instead of down'
    """
    yield from _roundings(program)
    yield from _words(program)
    yield from _overflows(program)
    yield from _unlimited(program)
    yield from _widths(program)
    yield from _orders(program)
    yield from _signs(program)
    yield from _constants(program)


def _roundings(program: Program) -> Iterator[Variant]:
    rounded = [n for n in program.operations if drops_bits(program, n)]
    for node in rounded:
        for mode in ORDINARY:
            if mode is not node.numeric.rounding:
                says = f"rounds {HOW[mode]} instead of {HOW[node.numeric.rounding]}"
                yield Variant("rounding sense", node.name, says, _with(program, [node.name], rounding=mode))
    for own, place, names in _groups(rounded):
        for mode in ORDINARY:
            if mode is not own:
                says = f"round {HOW[mode]} instead of {HOW[own]}"
                yield Variant("rounding sense", place, says, _with(program, names, rounding=mode))


def _groups(rounded: list[Node]) -> Iterator[tuple[Rounding, str, list[str]]]:
    """Yield nodes that one routine of an implementation would serve: `step` of every weight, then all that round."""
    for own in dict.fromkeys(n.numeric.rounding for n in rounded):
        mine = [n.name for n in rounded if n.numeric.rounding is own]
        parts: dict[str, list[str]] = {}
        for name in mine:
            parts.setdefault(name.rpartition(".")[2], []).append(name)
        for names in [*parts.values()]:  # and those of one format: the filters of eligibilities, of spike traces
            for fmt in dict.fromkeys(str(n.format) for n in rounded if n.name in names):
                parts[f"{names[0]} {fmt}"] = [n.name for n in rounded if n.name in names and str(n.format) == fmt]
        several = [list(names) for names in dict.fromkeys(tuple(p) for p in parts.values()) if len(names) > 1]
        yield from ((own, " and ".join(names), names) for names in several)
        if len(mine) > 1 and mine not in several:
            yield own, "all that is rounded: " + ", ".join(mine), mine


def _words(program: Program) -> Iterator[Variant]:
    for node in program.operations:
        source = node.numeric.source
        if node.word is None or source is None:
            continue
        free = _with(program, [node.name], source=replace(source, hold_zero=not source.hold_zero))
        says = "lets a floored zero round up" if source.hold_zero else "holds a floored zero"
        yield Variant("zero rule", node.name, says, free)
        other = _with(program, [node.name], source=replace(source, strict=not source.strict))
        says = f"compares with {'>=' if source.strict else '>'} instead of {'>' if source.strict else '>='}"
        yield Variant("rounding sense", node.name, says, other)
    for node in program.of_kind("random"):
        if node.axes:
            yield Variant("shared random number", node.name, "is one word for all", program, shared=node.name)


def _stores(program: Program) -> list[Node]:
    silent = ("ge", "gt", "sign", "bernoulli", "rename")
    return [n for n in program.operations if isinstance(n.numeric.format, Format) and n.kind not in silent]


def _alike(nodes: list[Node]) -> list[list[Node]]:
    """Return every node alone, those that share their name's last part (`W.next`, `Wo.next`), or also the format."""
    parts: dict[object, list[Node]] = {}
    for node in nodes:
        last = node.name.rpartition(".")[2]
        parts.setdefault(last, []).append(node)
        parts.setdefault((last, node.format), []).append(node)
    groups = {tuple(n.name for n in group): group for group in parts.values() if len(group) > 1}
    return [[n] for n in nodes] + list(groups.values())


def _overflows(program: Program) -> Iterator[Variant]:
    verb = {Overflow.WRAP: "wrap", Overflow.SATURATE: "saturate", Overflow.SYMMETRIC: "saturate"}
    doing = {Overflow.WRAP: "wrapping", Overflow.HOLD: "holding"}
    for own in Overflow:
        for group in _alike([n for n in _stores(program) if n.numeric.overflow is own]):
            for policy in (Overflow.WRAP, Overflow.SATURATE, Overflow.SYMMETRIC):
                guards = own in GUARDS and policy in GUARDS
                alike = guards and all(bottom(n.format, own) == bottom(n.format, policy) for n in group)
                if policy is own or alike:
                    continue
                kind = "guard missing" if policy is Overflow.WRAP else "other guard" if guards else "guard added"
                many = "" if len(group) > 1 else "s"
                changed = program
                for node in group:
                    numeric = replace(node.numeric, overflow=policy)
                    changed = changed.change(node.name, numeric=numeric, held=None)
                how = AT.get(policy, "") if Overflow.SYMMETRIC in (own, policy) else ""
                says = f"{verb[policy]}{many}{how} instead of {doing.get(own, 'saturating')}"
                yield Variant(kind, " and ".join(n.name for n in group), says, changed)


def _unlimited(program: Program) -> Iterator[Variant]:
    """Yield what has no limit at all: integers of an implementation that are wider than the description's."""
    verb = {Overflow.WRAP: "wrap", Overflow.HOLD: "hold"}
    stores = _stores(program)
    seen: set[tuple[str, ...]] = set()
    for group in [*_alike(stores), stores]:
        changed, lifted = program, []
        for node in group:  # a result that is not limited may be what lets the next one leave its format
            low, high = reaches(changed)[node.name]
            if low < bottom(node.format, node.numeric.overflow) or high > node.format.high:
                low, high = min(low, node.format.low), max(high, node.format.high)
                wide = replace(node.numeric, format=smallest_format(low, high, node.format.radix))
                changed = changed.change(node.name, numeric=replace(wide, overflow=Overflow.SATURATE), held=None)
                lifted.append(node)
        names = tuple(n.name for n in lifted)
        if lifted and names not in seen:
            seen.add(names)
            does = " or ".join(dict.fromkeys(verb.get(n.numeric.overflow, "saturate") for n in lifted))
            formats = " or ".join(dict.fromkeys(str(n.format) for n in lifted))
            says = f"do{'es' * (len(lifted) == 1)} not {does}: what is beyond {formats} stays as it is"
            yield Variant("no guard", " and ".join(names), says, changed)


def _widths(program: Program) -> Iterator[Variant]:
    for group in _alike([n for n in _stores(program) if n.format.width > 2]):
        for policy in (Overflow.WRAP, Overflow.SATURATE):
            narrow = program
            for node in group:
                numeric = replace(node.numeric, format=node.format.narrower(), overflow=policy)
                narrow = narrow.change(node.name, numeric=numeric, held=None)
            how = "wrapping" if policy is Overflow.WRAP else "saturating"
            says = f"one bit narrower than {group[0].format}, {how}"
            yield Variant("one bit narrow", " and ".join(n.name for n in group), says, narrow)


def _orders(program: Program) -> Iterator[Variant]:
    for state, following in program.next.items():
        for node in program.operations:
            if node.name == following or program.node(state).axes != program.node(following).axes:
                continue
            for old, new, says in ((state, following, "after"), (following, state, "before")):
                if old in node.args:
                    args = tuple(new if a == old else a for a in node.args)
                    changed = sorted_nodes(program.change(node.name, args=args))
                    if changed is not None:
                        yield Variant("wrong order", node.name, f"reads {state} {says} its update", changed)
    for node in program.operations:  # leak x (e + spike) for leak x e + spike, and the reverse
        inner = [program.node(a) for a in node.args if program.node(a).kind == "mul"]
        if node.kind == "add" and len(inner) == 1 and node.numeric.format == inner[0].numeric.format:
            late = _leak_last(program, node, inner[0])
            if late is not None:
                yield Variant("wrong order", node.name, "multiplies after adding instead of before", late)


def _leak_last(program: Program, total: Node, product: Node) -> Program | None:
    factors = [a for a in product.args if program.node(a).kind == "constant"]
    readers = [n for n in program.operations if product.name in n.args]
    if len(factors) != 1 or len(readers) != 1 or product.word is not None:
        return None
    value = next(a for a in product.args if a != factors[0])
    other = next(a for a in total.args if a != product.name)
    added = replace(total, name=product.name, args=(value, other), axes=total.axes)
    scaled = replace(product, name=total.name, args=(factors[0], product.name), axes=total.axes)
    nodes = tuple({product.name: added, total.name: scaled}.get(n.name, n) for n in program.nodes)
    return sorted_nodes(replace(program, nodes=nodes))


def sorted_nodes(program: Program) -> Program | None:
    """Return the program with every node after its operands, None where that is impossible."""
    done: dict[str, Node] = {}
    left = list(program.nodes)
    while left:
        ready = [n for n in left if all(a in done for a in _needs(n))]
        if not ready:
            return None
        done |= {n.name: n for n in ready[:1]}
        left.remove(ready[0])
    return replace(program, nodes=tuple(done.values()))


def _needs(node: Node) -> list[str]:
    return [*node.args, *(n for n in (node.word, node.held) if n is not None)]


def _signs(program: Program) -> Iterator[Variant]:
    for node in program.operations:
        if node.kind in ("add", "sub"):
            other = "sub" if node.kind == "add" else "add"
            says = "adds instead of subtracting" if other == "add" else "subtracts instead of adding"
            yield Variant("sign", node.name, says, program.change(node.name, kind=other))
        if node.kind in ("ge", "gt"):
            other = "gt" if node.kind == "ge" else "ge"
            says = f"compares with {'>' if other == 'gt' else '>='} instead of {'>=' if other == 'gt' else '>'}"
            yield Variant("comparison", node.name, says, program.change(node.name, kind=other))
    for own, other, sign in (("ge", "gt", "> instead of >="), ("gt", "ge", ">= instead of >")):
        alike = [n.name for n in program.operations if n.kind == own]
        families: dict[str, list[str]] = {}
        for name in alike:
            families.setdefault(name.rstrip("0123456789"), []).append(name)
        groups = [names for names in families.values() if len(names) > 1]
        for names in [*groups, *([alike] if len(alike) > 1 and alike not in groups else [])]:
            changed = program
            for name in names:
                changed = changed.change(name, kind=other)
            yield Variant("comparison", " and ".join(names), f"compare with {sign}", changed)


def _constants(program: Program) -> Iterator[Variant]:
    for node in program.of_kind("constant"):
        fmt = node.numeric.format
        if not isinstance(fmt, Format) or len(node.stored) != 1 or fmt.width == 1:
            continue
        for step, word in ((-1, "below"), (1, "above")):
            stored = node.stored[0] + step
            if fmt.low <= stored <= fmt.high:
                says = f"is stored as {stored} instead of {node.stored[0]}, one unit {word}"
                yield Variant("constant", node.name, says, program.change(node.name, stored=(stored,)))
    yield from _other_constants(program)


def _other_constants(program: Program) -> Iterator[Variant]:
    """Yield constants, or pairs or all of those that share a value, with the value of another of their format."""
    values: dict[Format, dict[int, list[str]]] = {}
    for node in program.of_kind("constant"):
        if isinstance(node.numeric.format, Format) and len(node.stored) == 1 and node.format.width > 1:
            values.setdefault(node.format, {}).setdefault(node.stored[0], []).append(node.name)
    for by_value in values.values():
        for stored, names in by_value.items():
            groups = [[name] for name in names] + [[*pair] for pair in combinations(names, 2)]
            groups += [names] if len(names) > 2 else []
            for other, group in ((other, group) for other in by_value if other != stored for group in groups):
                changed = program
                for name in group:
                    changed = changed.change(name, stored=(other,))
                many = "is" if len(group) == 1 else "are"
                says = f"{many} stored as {other}, like {by_value[other][0]}, instead of {stored}"
                yield Variant("another constant", " and ".join(group), says, changed)
