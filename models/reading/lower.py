"""From operations to terms: a few dozen of PyTorch's operations are a few kinds of sums, products and weighted sums.

What changes a shape only is nothing here (units are flat); a slice or a chunk is pushed down to the weights and states
that it is a slice of, so that the gates of one matrix become weights of their own; a comparison of a spike is the spike
with its derivative cut.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch

from gradcert.models.reading import spikes
from gradcert.models.reading.record import Node, Ref, Step
from gradcert.models.reading.run import evaluate, leads_to
from gradcert.models.reading.terms import Term, Terms, dynamic, uncut

A = torch.ops.aten
AVERAGE = "average_over_units"  # the weights of a mean
SAME = {
    "view", "reshape", "_unsafe_view", "unsqueeze", "squeeze", "clone", "alias", "_to_copy", "contiguous", "flatten",
    "lift_fresh", "detach", ".data", "delay", "positive", "view_as", "copy",
}  # fmt: skip
BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "logical_and": "mul", "bitwise_and": "mul"}
SMOOTH = {"tanh": "tanh", "sigmoid": "sigmoid", "exp": "exp", "relu": "relu_off_at_zero"}
FILLED = {"zeros_like": 0.0, "new_zeros": 0.0, "ones_like": 1.0, "new_ones": 1.0, "zero": 0.0}
SPLITS = ("split", "split_with_sizes", "unsafe_split", "unsafe_chunk", "chunk", "unbind")


class Lowering:
    """Turns the nodes of a step into terms, on demand.

    Attributes
    ----------
    step, terms : what is read, and where the terms are made.
    anew : slot of a spike that a step computes anew -> the node that does; what it is at first is computed by that.
    became : term, by its id -> what stands for it since spikes of the step before were found out.
    moving : the nodes that depend on the input, a state or a draw.
    kinds : the kinds of spikes met. `updates` : slot -> term of its new value.
    """

    def __init__(self, step: Step) -> None:
        self.step, self.nodes, self.terms = step, step.nodes, Terms()
        self.kinds: list[spikes.Kind] = []
        self.slots: list[tuple[str, Any]] = [(slot.name, slot.initial) for slot in step.slots]
        self._slot_of = {slot.node: k for k, slot in enumerate(step.slots)}
        self.moving = frozenset(self._dynamic())
        self._spikes = spikes.find(self.nodes, self.moving)
        self._known: dict[int, Term] = {}
        self.became: dict[int, Term] = {}
        self.anew: dict[int, int] = {}
        self._pieces: dict[Any, int] = {}  # (slot, slice) -> slot
        self._sliced: dict[int, tuple[int, Any]] = {}
        self.outputs = [self.term(o) for o in step.outputs]
        self.updates: dict[int, Term] = {}
        self._update()

    def _dynamic(self) -> set[int]:
        out: set[int] = set()
        for k, node in enumerate(self.nodes):
            random = any(word in node.name for word in ("bernoulli", "native_dropout"))
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
                    self.updates[k] = update if piece is None else self.part(update, *piece)

    def node_of(self) -> dict[int, int]:
        """Return the node of every term that is one, by the term's id."""
        return {id(self.became.get(id(term), term)): k for k, term in reversed(self._known.items())}

    @property
    def averages(self) -> frozenset[int]:
        """The nodes that are the weights of a mean over units."""
        return frozenset(k for k, node in enumerate(self.nodes) if node.name == AVERAGE)

    def place(self, term: Term) -> int:
        """Return the node of a term."""
        return next(k for k, known in self._known.items() if known is term)

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
            made = self._spike(found.kind, self.term(found.argument), node)
        elif node.kind == "x":
            made = self.terms.make("x", shape=node.shape)
        elif node.kind == "state":
            made = self.terms.make("prev", data=self._slot_of[k], shape=node.shape)
        else:
            made = self._op(k, node)
        cut = node.cut and made.op not in ("number", "static", "x") and dynamic(made)
        return self.terms.make("cut", (made,), None, made.shape, node.where) if cut else made

    def static(self, k: int) -> Term:
        """Return the term of what does not move: a number where it is one, whatever it is computed from."""
        node = self.nodes[k]
        trained = any(self.nodes[i].kind == "parameter" for i in leads_to(self.nodes, k))
        if not trained:
            value = evaluate(self.nodes, k, {})
            if isinstance(value, torch.Tensor) and value.numel() and bool((value == value.reshape(-1)[0]).all()):
                return self.terms.number(float(value.reshape(-1)[0]))
        return self.terms.make("static", data=k, shape=node.shape)

    def _spike(self, kind: spikes.Kind, argument: Term, node: Node) -> Term:
        number = next((k for k, known in enumerate(self.kinds) if _alike(known, kind)), len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        return self.terms.make("spike", (argument,), number, argument.shape, node.where)

    def argument(self, value: Any) -> Term:
        """Return the term of an argument: of a node, or a number."""
        return self.term(value.node) if isinstance(value, Ref) else self.terms.number(float(value))

    def _op(self, k: int, node: Node) -> Term:
        name = node.name.rstrip("_") if node.name not in ("_to_copy",) else node.name
        if node.kind == "function":
            return self._mix(k, node, "function " + node.name)
        if node.kind == "item":
            return self._item(k, node)
        if name in SAME:
            source = self.argument(node.args[0])
            return source if source.size == prod(node.shape) or not source.shape else self._mix(k, node)
        if name in FILLED:
            return self.terms.number(FILLED[name])
        if name in ("full_like", "fill", "new_full"):
            value = node.args[2] if name == "new_full" else node.args[1]
            return self.argument(value)
        handler: Callable[[int, Node], Term] | None = getattr(self, f"_do_{name}", None)
        if handler is not None:
            return handler(k, node)
        if name in BINARY or name == "rsub":
            return self._binary(k, node, name)
        if name in SMOOTH:
            return self.terms.make("fn", (self.argument(node.args[0]),), SMOOTH[name], node.shape, node.where)
        if name in ("gt", "ge", "lt", "le"):
            return self._compared(node, name)
        if name in ("logical_not", "bitwise_not"):
            return self.terms.one_minus(self.argument(node.args[0]), node.where)
        return self._mix(k, node)

    def _mix(self, k: int, node: Node, name: str | None = None) -> Term:
        if any(word in node.name for word in ("bernoulli", "native_dropout")):
            return self.terms.make("random", (), k, node.shape, node.where)
        args = tuple(self.term(i) for i in node.operands())
        own = [i for i in node.operands() if i in self.moving]
        elementwise = len(own) == 1 and self.nodes[own[0]].shape == node.shape and node.name in ELEMENTWISE
        op = "fn" if elementwise and len(args) == 1 else "mix"
        data = name or node.name
        key = data if op == "fn" else (data, k)
        return self.terms.make(op, args, key, node.shape, node.where)

    def _binary(self, k: int, node: Node, name: str) -> Term:
        a, b = (self.argument(v) for v in node.args[:2])
        alpha = node.kwargs.get("alpha", node.args[2] if len(node.args) > 2 else 1)
        if name == "rsub":
            a, b, name = b, a, "sub"
        if node.kwargs.get("rounding_mode"):
            return self._mix(k, node)
        if alpha != 1:
            b = self.terms.mul(self.terms.number(float(alpha)), b, node.where)
        return self.terms.binary(BINARY[name], a, b, node.shape, node.where)

    def _do_neg(self, k: int, node: Node) -> Term:
        return self.terms.make("neg", (self.argument(node.args[0]),), None, node.shape, node.where)

    def _do_reciprocal(self, k: int, node: Node) -> Term:
        return self.terms.binary("div", self.terms.number(1.0), self.argument(node.args[0]), node.shape, node.where)

    def _do_pow(self, k: int, node: Node) -> Term:
        exponent = node.args[1]
        if isinstance(exponent, Ref) or isinstance(node.args[0], (int, float)) or float(exponent) != int(exponent):
            return self._mix(k, node)
        base = self.argument(node.args[0])
        return self.terms.make("pow", (base,), int(exponent), node.shape, node.where)

    def _do_mean(self, k: int, node: Node) -> Term:
        """Return the same where what is summed up is one."""
        source = self.term(node.args[0].node)
        return source if source.size == prod(node.shape) else self._mix(k, node)

    _do_sum = _do_amax = _do_mean

    def _do_permute(self, k: int, node: Node) -> Term:
        """Return the same where only axes of one are moved: units stay in their order."""
        x, *rest = node.args
        shape = self.nodes[x.node].shape
        if node.name.startswith("permute"):
            order = [d % len(shape) for d in rest[0]]
        else:
            order = list(range(len(shape)))
            a, b = (d % len(shape) for d in (rest or (0, 1)))
            order[a], order[b] = order[b], order[a]
        wide = [d for d in order if shape[d] != 1]
        return self.term(x.node) if wide == sorted(wide) else self._mix(k, node)

    _do_transpose = _do_t = _do_permute

    # -- weighted sums --

    def _do_addmm(self, k: int, node: Node) -> Term:
        bias, x, w = node.args[:3]
        product = self._product(k, node, x, w)
        return self.terms.binary("add", product, self.argument(bias), node.shape, node.where)

    def _do_mm(self, k: int, node: Node) -> Term:
        return self._product(k, node, *node.args[:2])

    _do_matmul = _do_mm

    def _do_linear(self, k: int, node: Node) -> Term:
        x, w, *bias = node.args
        product = self._linear(self.term(x.node), w.node, node)
        return self.terms.binary("add", product, self.argument(bias[0]), node.shape) if bias and bias[0] else product

    def _product(self, k: int, node: Node, x: Any, w: Any) -> Term:
        """Return x @ w, w being the transpose of a weight."""
        if w.node in self.moving or len(self.nodes[w.node].shape) != 2:
            return self._mix(k, node)
        weight = self.nodes[w.node]
        if weight.name in ("t", "transpose", "permute"):  # of a matrix
            return self._linear(self.term(x.node), weight.args[0].node, node)
        return self._linear(self.term(x.node), self.new("t", A.t.default, (Ref(w.node),), weight.shape[::-1]), node)

    def _linear(self, source: Term, w: int, node: Node) -> Term:
        """Return the weighted sum; of things side by side it is a sum of weighted sums."""
        if source.op == "cat" and source.data == len(source.shape) - 1:
            total, start = None, 0
            for part in source.args:
                stop = start + part.shape[-1]
                columns = self.slice(w, 1, start, stop)
                share = self._linear(part, columns, node)
                total = share if total is None else self.terms.binary("add", total, share, node.shape, node.where)
                start = stop
            assert total is not None
            return total
        if not dynamic(source):
            return self._mix(w, node)
        return self.terms.make("linear", (self.static(w), source), None, node.shape, node.where)

    def _do_convolution(self, k: int, node: Node) -> Term:
        x, w, bias, stride, padding, dilation, transposed, _, groups = node.args
        plain = not transposed and groups == 1 and set(dilation) == {1} and len(stride) == 2
        if not plain or w.node in self.moving:
            return self._mix(k, node)
        source = self.term(x.node)
        geometry = ("convolution", self.nodes[x.node].shape[1:], node.shape[1:], tuple(stride), tuple(padding))
        out = self.terms.make("linear", (self.static(w.node), source), geometry, node.shape, node.where)
        if bias is None:
            return out
        per = self.new("view", A.view.default, (bias, [-1, 1, 1]), (node.shape[1], 1, 1))
        return self.terms.binary("add", out, self.static(per), node.shape, node.where)

    def _do_avg_pool2d(self, k: int, node: Node) -> Term:
        x, kernel, *rest = node.args
        stride = tuple(rest[0]) if rest and rest[0] else tuple(kernel)
        if stride != tuple(kernel) or (len(rest) > 1 and any(rest[1])):
            return self._mix(k, node)
        geometry = ("average", self.nodes[x.node].shape[1:], node.shape[1:], tuple(kernel))
        return self.terms.make("linear", (self.terms.number(1.0), self.term(x.node)), geometry, node.shape, node.where)

    # -- choices --

    def _compared(self, node: Node, name: str) -> Term:
        a, b = (self.argument(v) for v in node.args[:2])
        relation, upwards = spikes.PAIRS[name]
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
        out = self._cut(self._spike(spikes.comparison(relation, node.where), argument, node), node)
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
            return piece is None and (update in self._spikes or self.nodes[update].kind == "state")
        return a.op == "spike"

    def _do_where(self, k: int, node: Node) -> Term:
        if len(node.args) < 3:
            return self._mix(k, node)
        mask, a, b = (self.argument(v) for v in node.args)
        return self._chosen(mask, a, b, node)

    def _do_masked_fill(self, k: int, node: Node) -> Term:
        a, mask, value = (self.argument(v) for v in node.args)
        return self._chosen(mask, value, a, node)

    def _chosen(self, mask: Term, a: Term, b: Term, node: Node) -> Term:
        kept = self.terms.mul(self.terms.one_minus(mask), b, node.where)
        return self.terms.binary("add", self.terms.mul(mask, a, node.where), kept, node.shape, node.where)

    # -- parts --

    def _do_cat(self, k: int, node: Node) -> Term:
        parts = tuple(self.argument(v) for v in node.args[0] if self.nodes[v.node].shape != (0,))
        dim = node.args[1] if len(node.args) > 1 else 0
        if len(parts) == 1:
            return parts[0]
        return self.terms.make("cat", parts, dim % len(node.shape), node.shape, node.where)

    def _do_stack(self, k: int, node: Node) -> Term:
        parts = tuple(self.argument(v) for v in node.args[0])
        dim = (node.args[1] if len(node.args) > 1 else 0) % len(node.shape)
        return parts[0] if len(parts) == 1 else self.terms.make("stack", parts, dim, node.shape, node.where)

    def _item(self, k: int, node: Node) -> Term:
        inner = self.nodes[node.args[0].node]
        if inner.name == "native_layer_norm" and node.op == 0:
            return self._normalised(k, inner)
        if inner.name not in SPLITS:
            return self._mix(k, node, f"{inner.name}[{node.op}]")
        whole, axes = inner.args[0].node, len(self.nodes[inner.args[0].node].shape)
        dim = (inner.args[2] if len(inner.args) > 2 else 0) % axes
        if inner.name == "unbind":
            dim = (inner.args[1] if len(inner.args) > 1 else 0) % axes
            return self._part_of(whole, dim, node.op, node.op + 1, True)
        sizes = [self.nodes[i].shape[dim] for i in self._siblings(node.args[0].node)]
        start = sum(sizes[: node.op])
        return self._part_of(whole, dim, start, start + sizes[node.op], False)

    def _normalised(self, k: int, node: Node) -> Term:
        """Return a layer normalisation: averages over units are weighted sums with weights that nobody trains."""
        x, shape, weight, bias, eps = node.args
        source, n = self.term(x.node), shape[-1]
        if len(shape) > 1 or source.shape != (*self.nodes[x.node].shape[:-1], n):
            return self._mix(k, self.nodes[k], "native_layer_norm")
        key = ("average", n)
        if key not in self._pieces:
            value = torch.full((n, n), 1 / n, dtype=torch.float64)
            self.nodes.append(Node("constant", AVERAGE, shape=(n, n), value=value))
            self._pieces[key] = len(self.nodes) - 1
        matrix, where, t = self.terms.make("static", data=self._pieces[key], shape=(n, n)), node.where, self.terms

        def average(of: Term) -> Term:
            return t.make("linear", (matrix, of), None, of.shape, where)

        centred = t.binary("sub", source, average(source), source.shape, where)
        spread = t.binary("add", average(t.mul(centred, centred, where)), t.number(float(eps)), source.shape, where)
        out = t.binary("div", centred, t.make("fn", (spread,), "sqrt", source.shape, where), source.shape, where)
        if weight is not None:
            out = t.mul(out, self.argument(weight), where)
        return t.binary("add", out, self.argument(bias), source.shape, where) if bias is not None else out

    def _siblings(self, k: int) -> list[int]:
        found = {n.op: i for i, n in reversed(list(enumerate(self.nodes))) if n.kind == "item" and n.args[0].node == k}
        return [found[i] for i in sorted(found)]

    def _do_select(self, k: int, node: Node) -> Term:
        x, dim, index = node.args
        shape = self.nodes[x.node].shape
        return self._part_of(x.node, dim % len(shape), index % shape[dim], index % shape[dim] + 1, True)

    def _do_slice(self, k: int, node: Node) -> Term:
        x, dim, start, stop, *step = (*node.args, None, None, None)[: max(4, len(node.args))]
        shape = self.nodes[x.node].shape
        dim = dim or 0
        size = shape[dim]
        start, stop = (
            max(start or 0, 0) if (start or 0) >= 0 else size + start,
            min(size if stop is None else stop, size),
        )
        stop = stop + size if stop < 0 else stop
        if any(s not in (None, 1) for s in step):
            return self._mix(k, node)
        return self._part_of(x.node, dim % len(shape), start, stop, False)

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
        if whole.op in ("add", "sub", "mul", "div", "neg", "pow", "fn", "spike", "cut"):
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
        return out[0] if len(out) == 1 else self.terms.make("cat", tuple(out), whole.data, shape, whole.where)

    def slice(self, k: int, dim: int, start: int, stop: int) -> int:
        """Return a new node: a slice of one that does not move."""
        shape = list(self.nodes[k].shape)
        shape[dim] = stop - start
        axis = dim % len(shape)
        return self.new("slice", A.slice.Tensor, (Ref(k), axis, start, stop), tuple(shape))

    def new(self, name: str, op: Any, args: tuple[Any, ...], shape: tuple[int, ...]) -> int:
        """Add a node that does not move, and return it; an equal one is added once."""
        key = (name, repr(args))
        if key not in self._pieces:
            self.nodes.append(Node("op", name, op, args, shape=shape))
            self._pieces[key] = len(self.nodes) - 1
        return self._pieces[key]


ELEMENTWISE = ("sqrt", "log", "abs", "sign", "floor", "round", "clamp", "cos", "sin", "erf", "softplus", "log1p",
               "expm1", "rsqrt", "elu", "leaky_relu", "gelu", "silu", "hardtanh")  # fmt: skip


def _cut_out(value: Any, dim: int, start: int, stop: int, drop: bool) -> Any:
    part = value.narrow(dim, start, stop - start)
    return part.squeeze(dim) if drop else part


def _alike(a: spikes.Kind, b: spikes.Kind) -> bool:
    """Return whether two spikes are the same function, backwards too."""
    if (a.name, a.strict) != (b.name, b.strict):
        return False
    return torch.equal(a.slope(spikes.GRID), b.slope(spikes.GRID))
