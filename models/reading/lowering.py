"""From the operations of a step to terms: what is the same whatever framework recorded them.

A slice is pushed down to the weights and states that it is a slice of, so that the gates of one matrix become weights
of their own; a comparison of a spike is the spike with its derivative cut. What each operation means is said by the
front end, in a subclass (`lower` for PyTorch, `jaxpr.lower` for JAX).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any

import numpy as np

from gradcert.models.reading.forward import FORWARD
from gradcert.models.reading.framework import Framework
from gradcert.models.reading.lifted import Plain
from gradcert.models.reading.record import Node, Ref, Step, leads_to
from gradcert.models.reading.spikes import GRID, PAIRS, Kind, comparison
from gradcert.models.reading.terms import ELEMENTWISE, Term, Terms, dynamic, uncut
from gradcert.reference.errors import GradcertError

CHANCES = ("bernoulli", "normal", "multinomial", "poisson")  # drawn with what they are given


class Lowering(ABC):
    """Turns the nodes of a step into terms, on demand.

    Attributes
    ----------
    step, terms, framework : what is read, where the terms are made, and what runs nodes.
    anew : slot of a spike that a step computes anew -> the node that does; what it is at first is computed by that.
    became : term, by its id -> what stands for it since spikes of the step before were found out.
    stands : spike, by its id -> the comparison of the user's that it stands for.
    moving : the nodes that depend on the input, a state or a draw.
    kinds : the kinds of spikes met. `updates` : slot -> term of its new value.
    """

    RANDOM: tuple[str, ...] = ()  # in the names of operations that draw
    ELEMENTWISE: tuple[str, ...] = ()  # functions of one unit that are named, not written out

    def __init__(self, step: Step, framework: Framework) -> None:
        self.step, self.nodes, self.terms, self.framework = step, step.nodes, Terms(), framework
        self.kinds: list[Kind] = []
        self.slots: list[tuple[str, Any]] = [(slot.name, slot.initial) for slot in step.slots]
        self._slot_of = {slot.node: k for k, slot in enumerate(step.slots)}
        self.moving = frozenset(self._dynamic())
        self._spikes = framework.find(self.nodes, self.moving)
        self._known: dict[int, Term] = {}
        self.became: dict[int, Term] = {}
        self.anew: dict[int, int] = {}
        self.stands: dict[int, Term] = {}
        self._pieces: dict[Any, int] = {}  # (slot, slice) -> slot
        self._sliced: dict[int, tuple[int, Any]] = {}
        self._plain = Plain(self.nodes)
        self.outputs = [self.term(o) for o in step.outputs]
        self.updates: dict[int, Term] = {}
        self._update()

    @abstractmethod
    def _op(self, k: int, node: Node) -> Term:
        """Return the term of an operation that moves and is no spike."""

    # -- the whole step --

    def _dynamic(self) -> set[int]:
        out: set[int] = set()
        for k, node in enumerate(self.nodes):
            random = any(word in node.name for word in self.RANDOM)
            if node.kind in ("x", "state") or random or any(i in out for i in node.operands()):
                out.add(k)
        return out

    def _update(self) -> None:
        """Find the new value of every slot that something reads, pieces of slots included."""
        todo = True
        while todo:
            todo = False
            for k in range(len(self.slots)):
                if k not in self.updates:
                    todo = True
                    whole, piece = self._sliced.get(k, (k, None))
                    update = self.term(self.step.slots[whole].update)
                    update = update if piece is None else self.part(update, *piece)
                    alone = update.op == "stack" and len(update.args) == 1  # a register of one step
                    self.updates[k] = update.args[0] if alone else update

    def node_of(self) -> dict[int, int]:
        """Return the node of every term that is one, by the term's id."""
        return {id(self.became.get(id(term), term)): k for k, term in reversed(self._known.items())}

    def place(self, term: Term) -> int:
        """Return the node of a term; of a comparison whose opposite alone is one, a new node."""
        for k, known in self._known.items():
            if uncut(known) is uncut(term):
                return k
        for k, known in self._known.items():
            if uncut(known).op == "sub" and uncut(uncut(known).args[1]) is term and uncut(known).args[0].data == 1:
                return self.new("opposite", _opposite, (Ref(k),), self.nodes[k].shape)
        raise GradcertError(f"a spike at {term.where} of what the step before left, whose first value is not found")

    # -- one node --

    def term(self, k: int) -> Term:
        """Return the term of a node."""
        if k not in self._known:
            order, todo = [], [k]
            while todo:  # operands first, without recursion: a step may have thousands of operations
                i = todo.pop()
                if i not in self._known:
                    order.append(i)
                    todo += self._below(i)
            for i in reversed(order):
                if i not in self._known:
                    self._known[i] = self._made(i)
        return self._known[k]

    def _below(self, k: int) -> list[int]:
        if k in self._spikes:
            return [self._spikes[k].argument]
        return [] if k not in self.moving else self.nodes[k].operands()

    def _made(self, k: int) -> Term:
        node = self.nodes[k]
        if k not in self.moving:
            return self.static(k)
        if k in self._spikes:
            found = self._spikes[k]
            compared = self.term(found.argument)
            level = self.terms.number(found.level)
            compared = self.terms.binary("sub", compared, level, compared.shape, node.where)
            made = self._spike(found.kind, compared, node)
        elif node.kind == "x":
            made = self.terms.make("x", shape=node.shape)
        elif node.kind == "state":
            made = self.terms.make("prev", data=self._slot_of[k], shape=node.shape)
        else:
            made = self._op(k, node)
        said = made.op == "cut" and made.where == node.where
        cut = node.cut and not said and made.op not in ("number", "static", "x") and dynamic(made)
        return self.terms.make("cut", (made,), None, made.shape, node.where) if cut else made

    # -- means over units --

    def reduced(self, source: Term, shape: tuple[int, ...], axes: tuple[int, ...], node: Node) -> Term | None:
        """Return the mean over some axes of every sample: of units that follow each other, the last axes are those.

        Parameters
        ----------
        shape : of what is reduced, as the program has it. `axes` : that are reduced, from 0.
        """
        wide = [d for d in range(1, len(shape)) if shape[d] > 1]
        over = [d for d in wide if d in axes]
        if 0 in axes or not over or over != wide[-len(over) :] or source.size != prod(shape):
            return None
        size, count = prod(shape[d] for d in over), prod(shape[d] for d in wide if d not in over)
        geometry = ("average", (count, 1, size), (count, 1, 1), (1, size), (1, size), (0, 0))
        return self.terms.make("linear", (self.terms.number(1.0), source), geometry, node.shape, node.where)

    def spread(self, value: Any, shape: tuple[int, ...]) -> Term:
        """Return the term of an argument in an operation unit by unit: a mean over units is there for each of them.

        Parameters
        ----------
        shape : of what the operation makes.
        """
        term = self.argument(value)
        own = self.nodes[value.node].shape if isinstance(value, Ref) else ()
        aligned = (1,) * (len(shape) - len(own)) + own
        wide = [d for d in range(1, len(shape)) if shape[d] > 1]
        over = [d for d in wide if aligned[d] == 1]
        if not dynamic(term) or not over or over != wide[-len(over) :] or aligned[:1] != shape[:1]:
            return term
        done: dict[int, Term] = {}
        size = prod(shape[d] for d in over)
        given = self._given_to_all(term, size, shape, done)
        if given is None and term.size * size == prod(shape):
            geometry = ("repeat", prod(shape[1:]) // size, size)
            return self.terms.make("linear", (self.terms.number(1.0), term), geometry, shape, term.where)
        return given or term

    def _given_to_all(self, term: Term, size: int, shape: tuple[int, ...], done: dict[int, Term]) -> Term | None:
        """Return means over runs of `size` units, and what is made of them, in every unit; None for anything else."""
        if id(term) in done:
            return done[id(term)]
        if not dynamic(term):
            return term if term.size == 1 else None
        if term.op == "linear" and term.args[0].op == "number" and term.data[0] == "average":
            _, (_, height, width), _, kernel, *_ = term.data
            if kernel != (height, width) or height * width != size:
                return None
            made = self.mean(term.args[1], size, shape, term.where)
        elif term.op in ELEMENTWISE and term.args:
            parts = [self._given_to_all(a, size, shape, done) for a in term.args]
            if any(p is None for p in parts):
                return None
            made = self.terms.make(term.op, tuple(p for p in parts if p is not None), term.data, shape, term.where)
        else:
            return None
        done[id(term)] = made
        return made

    def mean(self, source: Term, size: int, shape: tuple[int, ...], where: str) -> Term:
        """Return the mean over runs of units, in every unit."""
        return self.terms.make(
            "linear", (self.terms.number(1.0), source), ("mean", prod(shape[1:]), size), shape, where
        )

    def static(self, k: int) -> Term:
        """Return the term of what does not move: a number where it is one, whatever it is computed from."""
        node = self.nodes[k]
        trained = any(self.nodes[i].kind == "parameter" for i in leads_to(self.nodes, k))
        if not trained:
            value = self.framework.array(self.framework.evaluate(self.nodes, k, {}))
            if value.size and bool((value == value.flat[0]).all()):
                return self.terms.number(float(value.flat[0]))
        if FORWARD.get():  # a parameter that is detached on one of its paths is one parameter still
            k = self._plain(k)
        return self.terms.make("static", data=k, shape=node.shape)

    def _spike(self, kind: Kind, argument: Term, node: Node) -> Term:
        number = next((k for k, known in enumerate(self.kinds) if _alike(known, kind)), len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        return self.terms.make("spike", (argument,), number, argument.shape, node.where)

    def argument(self, value: Any) -> Term:
        """Return the term of an argument: of a node, or a number."""
        return self.term(value.node) if isinstance(value, Ref) else self.terms.number(float(value))

    def _mix(self, k: int, node: Node, name: str | None = None) -> Term:
        moves = isinstance(node.args[0], Ref) and node.args[0].node in self.moving if node.args else False
        if any(word in node.name for word in self.RANDOM) and not (node.name in CHANCES and moves):
            return self.terms.make("random", (), k, node.shape, node.where)
        args = tuple(self.term(i) for i in node.operands())
        own = [i for i in node.operands() if i in self.moving]
        elementwise = len(own) == 1 and self.nodes[own[0]].shape == node.shape and node.name in self.ELEMENTWISE
        op = "fn" if elementwise and len(args) == 1 else "mix"
        data = name or node.name
        options = [a for a in (*node.args[1:], *node.kwargs.values()) if a is not None and not isinstance(a, Ref)]
        if op == "fn" and options:
            data = f"{data}[{', '.join(map(str, options))}]"
        key = data if op == "fn" else (data, k)
        return self.terms.make(op, args, key, node.shape, node.where)

    # -- choices --

    def _compared(self, node: Node, name: str) -> Term:
        a, b = (self.spread(v, node.shape) for v in node.args[:2])
        relation, upwards = PAIRS[name]
        if self.binary(a) and b.op == "number" and 0 <= b.data < 1 and not (b.data == 0 and relation == ">="):
            out = self._cut(a, node)
            return out if upwards else self.terms.one_minus(out, node.where)
        argument = self.terms.binary("sub", a, b, node.shape, node.where)
        for number, kind in enumerate(self.kinds):  # the same comparison as an earlier spike's
            if (kind.strict, True) == (relation == ">", ("spike", (id(argument),), number) in self._made_spikes()):
                out = self._cut(self.terms.make("spike", (argument,), number, argument.shape), node)
                return out if upwards else self.terms.one_minus(out, node.where)
        if not dynamic(argument):
            return self._mix(node.operands()[0], node)
        out = self._cut(self._spike(comparison(relation, node.where), argument, node), node)
        return out if upwards else self.terms.one_minus(out, node.where)

    def _made_spikes(self) -> set[Any]:
        return {(t.op, tuple(map(id, t.args)), t.data) for t in self._known.values() if t.op == "spike"}

    def _cut(self, a: Term, node: Node) -> Term:
        return a if a.op == "cut" else self.terms.make("cut", (a,), None, a.shape, node.where)

    def binary(self, a: Term) -> bool:
        """Return whether a term is 0 or 1."""
        a = uncut(a)
        if a.op == "prev":
            whole, piece = self._sliced.get(a.data, (a.data, None))
            update = self.step.slots[whole].update
            return piece is None and (self._is_bit(update) or self.nodes[update].kind == "state")
        return a.op == "spike"

    def _is_bit(self, k: int) -> bool:
        """Return whether a node is a spike, or made of spikes, comparisons, zeros and ones so that it is 0 or 1."""
        node = self.nodes[k]
        parts = [a.node for a in node.args if isinstance(a, Ref)]
        if k in self._spikes or node.name.rstrip("_") in PAIRS or self.is_filled_bit(node):
            return True
        if node.name == "where" and len(parts) == 3:
            return all(map(self._is_bit, parts[1:]))
        if self.is_passing(node):
            return self._is_bit(parts[0])
        products = node.name in ("mul", "logical_and", "bitwise_and")
        return products and len(parts) == len(node.args) and all(map(self._is_bit, parts))

    def is_filled_bit(self, node: Node) -> bool:
        """Return whether a node is zeros, or ones."""
        return False

    def is_passing(self, node: Node) -> bool:
        """Return whether a node is another one's numbers."""
        return False

    def _chosen(self, mask: Term, a: Term, b: Term, node: Node) -> Term:
        kept = self.terms.mul(self.terms.one_minus(mask), b, node.where)
        return self.terms.binary("add", self.terms.mul(mask, a, node.where), kept, node.shape, node.where)

    # -- parts --

    def _part_of(self, k: int, dim: int, start: int, stop: int, drop: bool) -> Term:
        """Return a slice of a node along a dimension; the axes of its term may be others, where a view came between."""
        shape, whole = self.nodes[k].shape, self.term(k)
        if shape[dim] == stop - start:
            return whole
        back = dim - len(shape)
        if whole.op != "number" and (len(whole.shape) < -back or whole.shape[back] != shape[dim]):
            return self._whole_mix(whole, (back, start, stop, drop), (*shape[:dim], stop - start, *shape[dim + 1 :]))
        return self.part(whole, back, start, stop, drop)

    def part(self, whole: Term, dim: int, start: int, stop: int, drop: bool) -> Term:
        """Return a slice along a dimension counted from the end, which is dropped where it was selected."""
        size = whole.shape[dim] if len(whole.shape) >= -dim else 1
        shape = list(whole.shape)
        if len(shape) >= -dim:
            shape[dim] = stop - start
            if drop:
                del shape[dim]
        if size == stop - start or whole.op == "number":
            return whole
        if whole.op == "stack" and whole.data == len(whole.shape) + dim and stop == start + 1:
            return whole.args[start]
        if whole.op == "cat" and whole.data == len(whole.shape) + dim:
            return self._part_of_cat(whole, dim, start, stop, tuple(shape))
        if whole.op == "static":
            return self.static(self.slice(whole.data, dim, start, stop))
        if whole.op == "linear" and dim == -1 and whole.data is None:
            rows = self.static(self.slice(whole.args[0].data, 0, start, stop))
            return self.terms.make("linear", (rows, whole.args[1]), None, tuple(shape), whole.where)
        channels = (
            len(whole.shape) + dim == 1 and whole.op == "linear" and whole.data and whole.data[0] == "convolution"
        )
        if channels and whole.data[-1] == 1:  # one group
            rows = self.static(self.slice(whole.args[0].data, 0, start, stop))
            geometry = (*whole.data[:2], (stop - start, *whole.data[2][1:]), *whole.data[3:])
            return self.terms.make("linear", (rows, whole.args[1]), geometry, tuple(shape), whole.where)
        if whole.op == "prev":
            key = (whole.data, dim, start, stop, drop)
            if key not in self._pieces:
                self._pieces[key] = len(self.slots)
                name, initial = self.slots[whole.data]
                root, piece = self._sliced.get(whole.data, (whole.data, None))
                if piece is not None:
                    return self._whole_mix(whole, key, tuple(shape))
                self._sliced[len(self.slots)] = (root, (dim, start, stop, drop))
                self.slots.append(
                    (
                        f"{name}[{start}]" if drop else f"{name}[{start}:{stop}]",
                        _cut_out(initial, dim, start, stop, drop),
                    )
                )
            return self.terms.make("prev", data=self._pieces[key], shape=tuple(shape))
        if whole.op in ELEMENTWISE:
            args = tuple(self.part(a, dim, start, stop, drop) for a in whole.args)
            return self.terms.make(whole.op, args, whole.data, tuple(shape), whole.where)
        return self._whole_mix(whole, (dim, start, stop, drop), tuple(shape))

    def _whole_mix(self, whole: Term, key: Any, shape: tuple[int, ...]) -> Term:
        return self.terms.make("mix", (whole,), (f"slice[{key[-3]}:{key[-2]}]", key), shape, whole.where)

    def _part_of_cat(self, whole: Term, dim: int, start: int, stop: int, shape: tuple[int, ...]) -> Term:
        out, at = [], 0
        for piece in whole.args:
            size = piece.shape[dim]
            low, high = max(start, at), min(stop, at + size)
            if low < high:
                out.append(self.part(piece, dim, low - at, high - at, False))
            at += size
        if len(out) == 1 and out[0].op == "stack" and len(out[0].args) == 1 and out[0].shape != shape:
            return out[0].args[0]
        return out[0] if len(out) == 1 else self.terms.make("cat", tuple(out), whole.data, shape, whole.where)

    def slice(self, k: int, dim: int, start: int, stop: int) -> int:
        """Return a new node: a slice of one that does not move."""
        shape = list(self.nodes[k].shape)
        shape[dim] = stop - start
        axis = dim % len(shape)
        return self.new("slice", self.framework.sliced, (Ref(k), axis, start, stop), tuple(shape))

    def new(self, name: str, op: Any, args: tuple[Any, ...], shape: tuple[int, ...]) -> int:
        """Add a node that does not move, and return it; an equal one is added once."""
        key = (name, repr(args))
        if key not in self._pieces:
            self.nodes.append(Node("op", name, op, args, shape=shape))
            self._pieces[key] = len(self.nodes) - 1
        return self._pieces[key]


def _opposite(value: Any) -> Any:
    return value == 0


def _cut_out(value: Any, dim: int, start: int, stop: int, drop: bool) -> Any:
    index: list[Any] = [slice(None)] * value.ndim
    index[dim] = start if drop else slice(start, stop)
    return value[tuple(index)]


def _alike(a: Kind, b: Kind) -> bool:
    """Return whether two spikes are the same function, backwards too."""
    return (a.name, a.strict) == (b.name, b.strict) and np.array_equal(a.slope(GRID), b.slope(GRID))
