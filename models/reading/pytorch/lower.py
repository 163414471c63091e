"""From operations to terms: a few dozen of PyTorch's operations are a few kinds of sums, products and weighted sums.

What changes a shape only is nothing here (units are flat).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch

from gradcert.models.reading.lowering import Lowering
from gradcert.models.reading.record import Node, Ref
from gradcert.models.reading.terms import LARGER, Term, dynamic
from gradcert.reference.errors import GradcertError

A = torch.ops.aten
SAME = {
    "view", "reshape", "_unsafe_view", "unsqueeze", "squeeze", "clone", "alias", "_to_copy", "contiguous", "flatten",
    "lift_fresh", "detach", ".data", "delay", "positive", "view_as",
}  # fmt: skip
BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "logical_and": "mul", "bitwise_and": "mul"}
SMOOTH = {"tanh": "tanh", "sigmoid": "sigmoid", "exp": "exp", "relu": "relu_off_at_zero"}
FILLED = {"zeros_like": 0.0, "new_zeros": 0.0, "ones_like": 1.0, "new_ones": 1.0, "zero": 0.0}
MOST = 49  # entries of a window, each of which is an equation of a cell, as the largest of those before is
SPLITS = ("split", "split_with_sizes", "unsafe_split", "unsafe_chunk", "chunk", "unbind")


class TorchLowering(Lowering):
    """What PyTorch's operations mean."""

    RANDOM = ("bernoulli", "dropout", "rand", "normal", "uniform", "exponential_", "multinomial", "poisson")
    ELEMENTWISE = ("sqrt", "log", "abs", "sign", "floor", "round", "cos", "sin", "erf", "softplus", "log1p",
                   "expm1", "elu", "gelu")  # fmt: skip

    def _op(self, k: int, node: Node) -> Term:
        name = node.name.rstrip("_") if node.name not in ("_to_copy",) else node.name
        if node.kind == "function":
            return self._mix(k, node, "function " + node.name)
        if node.kind == "item":
            return self._item(k, node)
        if any(word in node.name for word in self.RANDOM):
            return self._mix(k, node)
        if name == "_to_copy" and not node.floating and self.nodes[node.args[0].node].floating:
            return self._as_whole(k, node)
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
            source = self.argument(node.args[0])
            return self.terms.make("fn", (source,), SMOOTH[name], node.shape, node.where)
        if name in ("gt", "ge", "lt", "le"):
            return self._compared(node, name)
        if name in ("logical_not", "bitwise_not"):
            source = self.argument(node.args[0])
            if not self.nodes[node.args[0].node].floating:
                return self.terms.one_minus(source, node.where)
            return (
                self.terms.one_minus(self._cut(source, node), node.where) if self.binary(source) else self._mix(k, node)
            )
        return self._mix(k, node)

    def _do_heaviside(self, k: int, node: Node) -> Term:
        """Return a comparison with 0; what it is there is its second argument."""
        there = self.argument(node.args[1])
        if there.op != "number" or there.data not in (0, 1):
            return self._mix(k, node)
        return self._compared(replace(node, args=(node.args[0], 0.0)), "ge" if there.data else "gt")

    def _as_whole(self, k: int, node: Node) -> Term:
        """Return what a cast to whole numbers or to bool leaves: a spike, without what would come back."""
        source = self.argument(node.args[0])
        return self._cut(source, node) if self.binary(source) else self._mix(k, node, "cast to whole numbers")

    def _do_eq(self, k: int, node: Node) -> Term:
        """Return whether a spike is 1, or 0, or is not."""
        a, b = (self.argument(v) for v in node.args[:2])
        if not self.binary(a) or b.op != "number" or b.data not in (0, 1):
            return self._mix(k, node)
        out = self._cut(a, node)
        return out if (b.data == 1) == (node.name.rstrip("_") == "eq") else self.terms.one_minus(out, node.where)

    _do_ne = _do_eq

    def _binary(self, k: int, node: Node, name: str) -> Term:
        a, b = (self.spread(v, node.shape) for v in node.args[:2])
        alpha = node.kwargs.get("alpha", node.args[2] if len(node.args) > 2 else 1)
        if name == "rsub":
            a, b, name = b, a, "sub"
        if node.kwargs.get("rounding_mode"):
            return self._mix(k, node)
        if name == "div" and b.op == "number" and a.op == "mul" and a.args[0] is b:  # a mean, summed and divided
            return a.args[1]
        if alpha != 1:
            b = self.terms.mul(self.terms.number(float(alpha)), b, node.where)
        return self.terms.binary(BINARY[name], a, b, node.shape, node.where)

    def _do_neg(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        return self.terms.make("neg", (source,), None, node.shape, node.where)

    def is_filled_bit(self, node: Node) -> bool:
        """Return whether a node is zeros, or ones."""
        return node.name in FILLED

    def is_passing(self, node: Node) -> bool:
        """Return whether a node is another one's numbers."""
        return node.name in SAME and bool(node.args) and isinstance(node.args[0], Ref)

    def _relu(self, source: Term, node: Node, *, at_zero: bool) -> Term:
        name = "relu" if at_zero else "relu_off_at_zero"
        return self.terms.make("fn", (source,), name, node.shape, node.where)

    def _between(self, k: int, node: Node, low: Any, high: Any, *, inside: bool) -> Term:
        """Return a value held between two numbers; `inside`: the slope at the very border is that of what is within."""
        if any(isinstance(v, Ref) for v in (low, high)) or (low is None and high is None):
            return self._mix(k, node)
        out, t = self.argument(node.args[0]), self.terms

        def minus(a: Term, b: Term) -> Term:
            return t.binary("sub", a, b, node.shape, node.where)

        if high is None or low is None:
            level = t.number(float(low if high is None else high))
            gap = minus(out, level) if high is None else minus(level, out)
            gap = out if high is None and not low else gap
            held = self._relu(gap, node, at_zero=inside)
            if high is None:
                return held if not low else t.binary("add", held, level, node.shape, node.where)
            return minus(level, held)
        above = self._relu(minus(out, t.number(float(low))) if low else out, node, at_zero=inside)
        beyond = self._relu(minus(out, t.number(float(high))), node, at_zero=not inside)
        within = minus(above, beyond)
        return t.binary("add", within, t.number(float(low)), node.shape, node.where) if low else within

    def _do_clamp(self, k: int, node: Node) -> Term:
        low, high = (node.kwargs.get(name, node.args[i] if len(node.args) > i else None)
                     for i, name in ((1, "min"), (2, "max")))  # fmt: skip
        return self._between(k, node, low, high, inside=True)

    def _do_clamp_min(self, k: int, node: Node) -> Term:
        return self._between(k, node, node.args[1], None, inside=True)

    def _do_clamp_max(self, k: int, node: Node) -> Term:
        return self._between(k, node, None, node.args[1], inside=True)

    def _do_hardtanh(self, k: int, node: Node) -> Term:
        low, high = (node.args[i] if len(node.args) > i else v for i, v in ((1, -1.0), (2, 1.0)))
        return self._between(k, node, low, high, inside=False)

    def _do_leaky_relu(self, k: int, node: Node) -> Term:
        slope = node.args[1] if len(node.args) > 1 else 0.01
        return self._sloped(self.terms.number(float(slope)), node)

    def _do__prelu_kernel(self, k: int, node: Node) -> Term:
        """Return PReLU: its slope below 0 is trained, one for all units or one for each channel."""
        return self._sloped(self.argument(node.args[1]), node)

    def _sloped(self, slope: Term, node: Node) -> Term:
        """Return a rectifier with a slope below 0, which it has at 0 too, as in PyTorch."""
        source, t = self.argument(node.args[0]), self.terms
        below = self._relu(t.make("neg", (source,), None, node.shape, node.where), node, at_zero=True)
        below = t.binary("mul", slope, below, node.shape, node.where)
        return t.binary("sub", self._relu(source, node, at_zero=False), below, node.shape, node.where)

    def _do_silu(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        gate = self.terms.make("fn", (source,), "sigmoid", node.shape, node.where)
        return self.terms.binary("mul", source, gate, node.shape, node.where)

    def _do_reciprocal(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        return self.terms.binary("div", self.terms.number(1.0), source, node.shape, node.where)

    def _do_rsqrt(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        root = self.terms.make("fn", (source,), "sqrt", node.shape, node.where)
        return self.terms.binary("div", self.terms.number(1.0), root, root.shape, node.where)

    def _do_pow(self, k: int, node: Node) -> Term:
        exponent = node.args[1]
        if isinstance(exponent, Ref) or isinstance(node.args[0], (int, float)) or float(exponent) != int(exponent):
            return self._mix(k, node)
        base = self.argument(node.args[0])
        return self.terms.make("pow", (base,), int(exponent), node.shape, node.where)

    def _do_amax(self, k: int, node: Node) -> Term:
        """Return the same where what is summed up, or compared, is one."""
        source = self.term(node.args[0].node)
        return source if source.size == prod(node.shape) else self._mix(k, node)

    def _do_mean(self, k: int, node: Node) -> Term:
        """Return a mean over the last axes of every sample, or what there is where that is one number."""
        return self._reduced(self.term(node.args[0].node), node) or self._do_amax(k, node)

    def _do_sum(self, k: int, node: Node) -> Term:
        mean = self._reduced(self.term(node.args[0].node), node)
        size = prod(self.nodes[node.args[0].node].shape) // max(1, prod(node.shape))
        return self._do_amax(k, node) if mean is None else self.terms.mul(self.terms.number(size), mean, node.where)

    def _do_var(self, k: int, node: Node) -> Term:
        """Return a variance over the last axes of every sample: the sum of squares over n - 1, or n - correction."""
        source, shape = self.term(node.args[0].node), self.nodes[node.args[0].node].shape
        size, less = prod(shape) // max(1, prod(node.shape)), node.kwargs.get("correction", 1)
        less = 1 if less is None else less
        if less >= size or self._reduced(source, node) is None:
            return self._mix(k, node)
        squares = self._squares(self._centred(source, size, shape, node), node)
        mean = self._reduced(squares, node)
        return self._mix(k, node) if mean is None else self.terms.mul(self.terms.number(size / (size - less)), mean)

    def _do_std(self, k: int, node: Node) -> Term:
        variance = self._do_var(k, node)
        return self.terms.make("fn", (variance,), "sqrt", node.shape, node.where)

    def _reduced(self, source: Term, node: Node) -> Term | None:
        """Return the mean over the axes that an operation reduces; None where they are not the last of a sample."""
        shape = self.nodes[node.args[0].node].shape
        axes = node.args[1] if len(node.args) > 1 and node.args[1] else range(len(shape))
        return self.reduced(source, shape, tuple(a % len(shape) for a in axes), node)

    def _centred(self, source: Term, size: int, shape: tuple[int, ...], node: Node) -> Term:
        return self.terms.binary("sub", source, self.mean(source, size, shape, node.where), shape, node.where)

    def _squares(self, centred: Term, node: Node) -> Term:
        return self.terms.mul(centred, centred, node.where)

    def _do_expand(self, k: int, node: Node) -> Term:
        """Return what is given to every unit: a mean over units, or what there is already."""
        found = self.spread(node.args[0], node.shape)
        return found if found.size == prod(node.shape) or not found.shape else self._mix(k, node)

    _do_expand_as = _do_expand

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

    def _do_bmm(self, k: int, node: Node) -> Term:
        """Return a product of matrices that einsum has put into a batch of one."""
        x, w = node.args
        shape = self.nodes[w.node].shape
        if w.node in self.moving or x.node not in self.moving or shape[0] != 1:
            return self._mix(k, node)
        matrix = self.new("select", A.select.int, (Ref(w.node), 0, 0), shape[1:])
        turned = self.new("t", A.t.default, (Ref(matrix),), shape[:0:-1])
        return self._linear(self.term(x.node), turned, node)

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
        """Return a convolution of images, or of lines, which are images of one row."""
        x, w, bias, stride, padding, dilation, transposed, _, groups = node.args
        flat = len(stride) == 1
        if transposed or len(stride) > 2 or w.node in self.moving or len(self.nodes[x.node].shape) < 2 + len(stride):
            return self._mix(k, node)
        one = (1,) * flat
        kernel, shape = w.node, self.nodes[w.node].shape
        if flat:
            wide = (*shape[:2], 1, shape[2])
            kernel = self.new("view", A.view.default, (w, list(wide)), wide)
        inputs, outputs = ((s[1], *one, *s[2:]) for s in (self.nodes[x.node].shape, node.shape))
        steps = ((*one, *stride), (*(0,) * flat, *padding), (*one, *dilation))
        out = self._convolved(self.term(x.node), kernel, inputs, outputs, (*steps, groups), node)
        return out if bias is None else self._channels("add", out, bias.node, node.shape, node)

    def _convolved(
        self, source: Term, w: int, inputs: tuple[int, ...], outputs: tuple[int, ...], how: Any, node: Node
    ) -> Term:
        """Return a convolution; of channels that were put side by side it is a sum of convolutions."""
        if source.op == "cat" and source.data == 1 and how[-1] == 1:
            total, start = None, 0
            for part in source.args:
                stop = start + part.shape[1]
                share = self.slice(w, 1, start, stop)
                made = self._convolved(part, share, (part.shape[1], *inputs[1:]), outputs, how, node)
                total = made if total is None else self.terms.binary("add", total, made, node.shape, node.where)
                start = stop
            assert total is not None
            return total
        geometry = ("convolution", inputs, outputs, *how)
        return self.terms.make("linear", (self.static(w), source), geometry, node.shape, node.where)

    def _channels(self, op: str, source: Term, k: int, shape: tuple[int, ...], node: Node) -> Term:
        """Return a sum, difference or product with one number for every channel."""
        per = (shape[1], *(1,) * (len(shape) - 2))
        made = self.static(k if len(per) == 1 else self.new("view", A.view.default, (Ref(k), list(per)), per))
        return self.terms.binary(op, source, made, shape, node.where)

    def _do_avg_pool2d(self, k: int, node: Node) -> Term:
        x, *rest = node.args
        left_out: list[Any] = [None, None, (0, 0), False, True, None]
        kernel, stride, padding, ceil, zeros_count, divisor = (*rest, *left_out[len(rest) :])
        kernel, stride, padding = (tuple(p) * (2 // len(p)) for p in (kernel, stride or kernel, padding))
        if ceil or divisor is not None or (any(padding) and not zeros_count):
            return self._mix(k, node, "an average pooling that divides by another number at the border")
        return self._pooled(x, node, kernel, stride, padding)

    def _do__adaptive_avg_pool2d(self, k: int, node: Node) -> Term:
        x, shape = node.args[0], self.nodes[node.args[0].node].shape
        if any(a % b for a, b in zip(shape[-2:], node.shape[-2:], strict=True)):
            return self._mix(k, node, "an adaptive pooling whose windows have different sizes")
        kernel = (shape[-2] // node.shape[-2], shape[-1] // node.shape[-1])
        return self._pooled(x, node, kernel, kernel, (0, 0))

    def _pooled(self, x: Ref, node: Node, *steps: tuple[int, ...]) -> Term:
        shapes = (self.nodes[x.node].shape, node.shape)
        inputs, outputs = ((prod(s[1:-2]), *s[-2:]) for s in shapes)
        geometry = ("average", inputs, outputs, *steps)
        return self.terms.make("linear", (self.terms.number(1.0), self.term(x.node)), geometry, node.shape, node.where)

    def _largest(self, k: int, node: Node) -> Term:
        """Return a max pooling: the larger of two, again and again, of the entries of every window row by row."""
        x, kernel, *rest = node.args
        left_out: list[Any] = [None, (0, 0), (1, 1), False]
        stride, padding, dilation, ceil = (*rest, *left_out[len(rest) :])
        shape, source = self.nodes[x.node].shape, self.term(x.node)
        pairs = [tuple(p) * (2 // len(p)) for p in (kernel, stride or kernel, padding, dilation)]  # [2] is (2, 2)
        if (entries := prod(pairs[0])) > MOST:
            raise GradcertError(
                f"a max pooling over windows of {entries} entries at {node.where}", allowed=f"up to {MOST}"
            )
        windows = ((prod(shape[1:-2]), *shape[-2:]), *pairs, bool(ceil))

        def tap(entry: int) -> Term:
            geometry = ("tap", windows, entry)
            return self.terms.make("linear", (self.terms.number(1.0), source), geometry, out, node.where)

        out = self.nodes[k].shape
        largest, *others = (tap(entry) for entry in range(entries))
        for other in others:
            largest = self.terms.make("fn", (largest, other), LARGER, out, node.where)
        return largest

    # -- choices --

    def _do_where(self, k: int, node: Node) -> Term:
        if len(node.args) < 3:
            return self._mix(k, node)
        mask, a, b = (self.spread(v, node.shape) for v in node.args)
        return self._chosen(mask, a, b, node)

    def _do_masked_fill(self, k: int, node: Node) -> Term:
        a, mask, value = (self.argument(v) for v in node.args)
        return self._chosen(mask, value, a, node)

    def _do_index_put(self, k: int, node: Node) -> Term:
        """Return `v[mask] = value`, for a mask of every unit and one value."""
        x, (index, *more), value = node.args[:3]
        mask = None if more or not isinstance(index, Ref) else index.node
        inner = self.nodes[x.node]
        if mask is None or not self._is_mask(mask) or self.nodes[mask].shape != inner.shape or any(node.args[3:]):
            return self._mix(k, node)
        put = self.argument(value)
        if put.op != "number":
            return self._mix(k, node)
        return self._chosen(self.term(mask), put, self.term(x.node), node)

    def _is_mask(self, k: int) -> bool:
        node = self.nodes[k]
        if node.name == "_to_copy":
            return node.kwargs.get("dtype") is torch.bool
        return node.name.rstrip("_") in ("gt", "ge", "lt", "le", "eq", "ne", "logical_not", "logical_and", "logical_or")

    # -- parts --

    def _do_copy(self, k: int, node: Node) -> Term:
        """Return what was written over something."""
        source = self.argument(node.args[1])
        return source if source.size == prod(node.shape) or not source.shape else self._mix(k, node)

    def _do_select_scatter(self, k: int, node: Node) -> Term:
        """Return a whole one of whose parts was written."""
        x, part, dim, start, *stop = node.args
        size, dim = node.shape[dim], dim % len(node.shape)
        start = start + size if (start or 0) < 0 else start or 0
        put, one = self.argument(part), node.name == "select_scatter"
        end = start + 1 if one else min(size, stop[0] if stop and stop[0] is not None else size)
        end = end + size if end < 0 else end
        shape = (*node.shape[:dim], end - start, *node.shape[dim + 1 :])
        if put.op == "number" or put.size != prod(shape) or (not one and put.shape != shape):
            return self._mix(k, node)
        if one:
            put = self.terms.make("stack", (put,), dim, shape, node.where)
        parts = [self._part_of(x.node, dim, 0, start, False)] if start else []
        parts += [put]
        parts += [self._part_of(x.node, dim, end, size, False)] if end < size else []
        if any(p.op == "number" for p in parts):
            return self._mix(k, node)
        return put if len(parts) == 1 else self.terms.make("cat", tuple(parts), dim, node.shape, node.where)

    _do_slice_scatter = _do_select_scatter

    def _do_roll(self, k: int, node: Node) -> Term:
        """Return parts that were moved round, along one axis."""
        x, shifts, *axes = node.args
        if len(shifts) != 1 or not axes or len(axes[0]) != 1:
            return self._mix(k, node)
        dim = axes[0][0] % len(node.shape)
        size = node.shape[dim]
        at = -shifts[0] % size
        if not at:
            return self.term(x.node)
        parts = (self._part_of(x.node, dim, at, size, False), self._part_of(x.node, dim, 0, at, False))
        return self.terms.make("cat", parts, dim, node.shape, node.where)

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
            return self._layer_normalised(k, inner)
        if inner.name == "native_group_norm" and node.op == 0:
            return self._group_normalised(k, inner)
        if inner.name in ("max", "min") and node.op == 0 and len(inner.args) > 1:
            source = self.term(inner.args[0].node)
            return source if source.size == prod(node.shape) else self._mix(k, node, f"{inner.name} over an axis")
        if inner.name == "max_pool2d_with_indices":
            return self._largest(k, inner) if node.op == 0 else self._mix(k, node, "the indices of a max pooling")
        if inner.name in ("native_batch_norm", "_native_batch_norm_legit_no_training") and node.op == 0:
            return self._batch_normalised(k, inner)
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

    def _layer_normalised(self, k: int, node: Node) -> Term:
        """Return a layer normalisation, over the last axes."""
        x, over, weight, bias, eps = node.args
        out = self._normal(x.node, prod(over), eps, node)
        if out is None:
            return self._mix(k, self.nodes[k], "native_layer_norm")
        out = out if weight is None else self.terms.mul(out, self.argument(weight), node.where)
        return out if bias is None else self.terms.binary("add", out, self.argument(bias), out.shape, node.where)

    def _group_normalised(self, k: int, node: Node) -> Term:
        """Return a normalisation over groups of channels."""
        x, weight, bias, _, channels, pixels, groups, eps = node.args
        out = self._normal(x.node, channels // groups * pixels, eps, node)
        return self._scaled(k, out, weight, bias, node)

    def _normal(self, x: int, size: int, eps: float, node: Node) -> Term | None:
        """Return runs of units less their means and over their deviations: means that every unit is given."""
        source, shape, t = self.term(x), self.nodes[x].shape, self.terms
        if source.size != prod(shape) or prod(shape[1:]) % size:
            return None
        centred = self._centred(source, size, shape, node)
        spread = t.binary("add", self.mean(self._squares(centred, node), size, shape, node.where), t.number(eps), shape)
        return t.binary("div", centred, t.make("fn", (spread,), "sqrt", shape, node.where), shape, node.where)

    def _scaled(self, k: int, out: Term | None, weight: Any, bias: Any, node: Node) -> Term:
        """Return what was normalised, with a factor and a bias for every channel."""
        if out is None:
            return self._mix(k, self.nodes[k])
        out = out if weight is None else self._channels("mul", out, weight.node, out.shape, node)
        return out if bias is None else self._channels("add", out, bias.node, out.shape, node)

    def _batch_normalised(self, k: int, node: Node) -> Term:
        """Return a batch normalisation with the statistics that it keeps (eval): a factor and a bias for every unit.

        Samples that were laid side by side as channels of one are normalised by themselves: an instance normalisation.
        """
        x, weight, bias, mean, var, *rest = node.args
        training, eps = (False, rest[-1]) if node.name.endswith("no_training") else (rest[0], rest[2])
        inner, shape = self.nodes[x.node], self.nodes[x.node].shape
        before = self.nodes[inner.args[0].node].shape if inner.name in ("view", "reshape", "_unsafe_view") else ()
        if training and mean is None and shape[:1] == (1,) and before[2:] == shape[2:] and prod(before) == prod(shape):
            out = self._normal(inner.args[0].node, prod(shape[2:]), eps, node)
            factor, offset = (p if p is None else self.nodes[p.node].args[0] for p in (weight, bias))  # repeated
            return self._scaled(k, out, factor, offset, node)
        if training or mean is None or {mean.node, var.node} & self.moving:
            return self._mix(k, self.nodes[k], "batch normalisation over the samples of a batch (train)")
        inverse = self.new("inverse_deviation", _inverse_deviation, (var, float(eps)), self.nodes[var.node].shape)
        out = self._channels("sub", self.term(x.node), mean.node, shape, node)
        return self._scaled(k, self._channels("mul", out, inverse, shape, node), weight, bias, node)

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


def _inverse_deviation(variance: Any, eps: float) -> Any:
    return (variance + eps).rsqrt()
