"""What JAX's primitives mean, as terms: sums, products, weighted sums, parts.

What changes a shape only is nothing here (units are flat, and broadcasting is NumPy's). A sum over units is one
number of a sample, which an operation unit by unit has in each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import jax.numpy as jnp

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.lowering import Lowering
from gradcert.models.reading.record import Node, Ref, Step
from gradcert.models.reading.terms import Term, dynamic
from gradcert.reference.errors import GradcertError

SAME = ("reshape", "squeeze", "expand_dims", "convert_element_type", "copy", "copy_p", "stop_gradient",
        "optimization_barrier", "broadcast_in_dim")  # fmt: skip
BINARY = {"add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "and": "mul"}
SMOOTH = {"tanh": "tanh", "logistic": "sigmoid", "exp": "exp"}
TURNING = ("add", "sub", "add_any", "neg", "mul", "tanh", "logistic")
RELU = "relu_off_at_zero"


class JaxLowering(Lowering):
    """What JAX's primitives mean.

    Attributes
    ----------
    notes : where what is read differs from JAX on a set that no run meets.
    """

    ELEMENTWISE = ("sqrt", "log", "abs", "sign", "floor", "ceil", "round", "cos", "sin", "tan", "erf", "log1p", "expm1",
                   "exp2", "cbrt", "asinh", "sinh", "cosh", "atan", "asin", "acos")  # fmt: skip

    def __init__(self, step: Step, framework: Framework) -> None:
        self.notes: list[str] = []
        super().__init__(step, framework)

    def static(self, k: int) -> Term:
        """Return the term of what does not move, without the broadcasting that is understood."""
        k = self._bare(k)
        node = self.nodes[k]
        if node.name in SAME and (a := node.args[0]) is not None:
            inner = self.argument(a)
            if inner.op == "number":
                return inner
        if node.name == "part" and (cut := _one_axis(node, self.nodes[node.args[0].node].shape)):
            k = self.slice(node.args[0].node, *cut)
        elif node.kind == "item" and self.nodes[node.args[0].node].name == "split":
            inner_node = self.nodes[node.args[0].node]
            k = self.slice(inner_node.args[0].node, *_piece(inner_node, node.op))
        return super().static(k)

    def _bare(self, k: int) -> int:
        """Return a node without casts, and without the broadcasting that NumPy does without being told."""
        node = self.nodes[k]
        while node.name in ("broadcast_in_dim", "reshape", "convert_element_type") and isinstance(node.args[0], Ref):
            inner = self.nodes[node.args[0].node].shape
            added = node.shape[: len(node.shape) - len(inner)]
            if node.name == "broadcast_in_dim":
                axes = tuple(node.op.params["broadcast_dimensions"])
                same = axes == tuple(range(len(added), len(node.shape)))
            else:
                same = node.shape == (*added, *inner) and set(added) <= {1}
            if not same or not self.nodes[node.args[0].node].floating:
                break
            k = node.args[0].node
            node = self.nodes[k]
        return k

    def slice(self, k: int, dim: int, start: int, stop: int) -> int:
        """Return the node of a slice of one that does not move: of what it is made of, where that is side by side."""
        bare = self._bare(k)
        dim = dim % len(self.nodes[k].shape) - len(self.nodes[k].shape) + len(self.nodes[bare].shape)
        node = self.nodes[bare]
        if node.shape[dim] == stop - start:
            return bare
        if node.name == "transpose" and len(node.shape) == 2:
            return self._transposed(self.slice(node.args[0].node, 1 - dim, start, stop))
        if node.name == "concatenate" and node.op.params["dimension"] == dim and len(node.operands()) == len(node.args):
            at = 0
            for part in node.operands():
                size = self.nodes[part].shape[dim]
                if at <= start and stop <= at + size:
                    return self.slice(part, dim, start - at, stop - at)
                at += size
        return super().slice(bare, dim, start, stop)

    def _aligned(self, node: Node) -> bool:
        inner, axes = self.nodes[node.args[0].node].shape, node.op.params["broadcast_dimensions"]
        return tuple(axes) == tuple(range(len(node.shape) - len(inner), len(node.shape)))

    def _op(self, k: int, node: Node) -> Term:
        name = node.name
        if node.kind == "function":
            if name == "relu":
                return self.terms.make("fn", (self.argument(node.args[0]),), RELU, node.shape, node.where)
            return self._mix(k, node, "function " + name)
        if node.kind == "item":
            return self._item(k, node)
        if name in SAME:
            return self._same(k, node)
        handler: Callable[[int, Node], Term] | None = getattr(self, f"_do_{name}", None)
        if handler is not None:
            return handler(k, node)
        if name in BINARY:
            a, b = (self.spread(v, node.shape) for v in node.args)
            if name == "div" and b.op == "number" and a.op == "mul" and a.args[0] is b:  # a mean, summed and divided
                return a.args[1]
            shape = node.shape[::-1] if self._turned(k) else node.shape
            return self.terms.binary(BINARY[name], a, b, shape, node.where)
        if name in SMOOTH:
            return self._applied(node, SMOOTH[name])
        if name in ("gt", "ge", "lt", "le"):
            return self._compared(node, name)
        if name in self.ELEMENTWISE:
            return self._applied(node, name)
        return self._mix(k, node)

    def _applied(self, node: Node, name: str) -> Term:
        source = self.argument(node.args[0])
        return self.terms.make("fn", (source,), name, source.shape, node.where)

    def _same(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        if node.name == "convert_element_type" and not node.floating and self.nodes[node.args[0].node].floating:
            return self._cut(source, node) if self.binary(source) else self._mix(k, node, "cast to whole numbers")
        if source.op == "number" or source.size == prod(node.shape) or source.shape == node.shape:
            return source
        inner = self.nodes[node.args[0].node].shape
        if node.name == "broadcast_in_dim" and len(inner) == len(node.shape) and self._aligned(node):
            return self.spread(node.args[0], node.shape)
        return self._mix(k, node)

    # -- functions of one unit --

    def _do_neg(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        return self.terms.make("neg", (source,), None, source.shape, node.where)

    def _do_not(self, k: int, node: Node) -> Term:
        return self.terms.one_minus(self.argument(node.args[0]), node.where)

    def _do_integer_pow(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        return self.terms.make("pow", (source,), int(node.op.params["y"]), source.shape, node.where)

    def _do_square(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        return self.terms.make("pow", (source,), 2, source.shape, node.where)

    def _do_pow(self, k: int, node: Node) -> Term:
        exponent = node.args[1]
        if isinstance(exponent, Ref) or float(exponent) != int(exponent) or not isinstance(node.args[0], Ref):
            return self._mix(k, node)
        source = self.argument(node.args[0])
        return self.terms.make("pow", (source,), int(exponent), source.shape, node.where)

    def _do_rsqrt(self, k: int, node: Node) -> Term:
        root = self._applied(node, "sqrt")
        return self.terms.binary("div", self.terms.number(1.0), root, root.shape, node.where)

    def _do_max(self, k: int, node: Node) -> Term:
        """Return a rectifier where the other operand is 0: at 0 itself JAX's derivative is 1/2."""
        a, b = (self.argument(v) for v in node.args)
        other, zero = (b, a) if a.op == "number" else (a, b)
        if zero.op != "number" or zero.data != 0:
            return self._mix(k, node)
        self.notes.append(f"where x is 0, maximum(x, 0) passes back half in JAX and nothing here ({node.where})")
        return self.terms.make("fn", (other,), RELU, other.shape, node.where)

    def _do_select_n(self, k: int, node: Node) -> Term:
        if len(node.args) != 3:
            return self._mix(k, node)
        mask, off, on = (self.spread(v, node.shape) for v in node.args)
        if mask.op == "number":
            return on if mask.data else off
        return self._chosen(mask, on, off, node)

    # -- sums over units --

    def _do_reduce_sum(self, k: int, node: Node) -> Term:
        source, axes = self.argument(node.args[0]), tuple(node.op.params["axes"])
        inner = self.nodes[node.args[0].node].shape
        if prod(inner[a] for a in axes) == 1:
            return source
        mean = self.reduced(source, inner, axes, node)
        if mean is None:
            return self._mix(k, node)
        return self.terms.mul(self.terms.number(prod(inner[a] for a in axes)), mean, node.where)

    def _do_reduce_max(self, k: int, node: Node) -> Term:
        source = self.argument(node.args[0])
        return source if source.size == prod(node.shape) else self._mix(k, node)

    _do_reduce_min = _do_reduce_prod = _do_reduce_max

    # -- weighted sums --

    def _do_dot_general(self, k: int, node: Node) -> Term:
        """Return x @ w; of a function of one sample that was mapped over many (vmap), w @ x."""
        (left, right), batched = node.op.params["dimension_numbers"]
        a, b = node.args
        if any(batched) or len(left) != 1 or not (isinstance(a, Ref) and isinstance(b, Ref)):
            return self._mix(k, node)
        weight, x, axis, own = (b, a, right[0], left[0]) if a.node in self.moving else (a, b, left[0], right[0])
        shape = self.nodes[weight.node].shape
        source = self.term(x.node)
        plain = len(shape) == 2 and len(self.nodes[x.node].shape) == 2 and own == 1
        if weight.node in self.moving or not plain or source.shape[-1:] != shape[axis : axis + 1]:
            return self._mix(k, node)
        return self._linear(source, weight.node if axis == 1 else self._transposed(weight.node), node)

    def _transposed(self, k: int) -> int:
        node = self.nodes[k]
        if node.name == "transpose":
            return node.args[0].node
        return self.new("transpose", jnp.transpose, (Ref(k),), node.shape[::-1])

    def _linear(self, source: Term, w: int, node: Node) -> Term:
        """Return the weighted sum; of things side by side it is a sum of weighted sums."""
        shape = (*source.shape[:-1], self.nodes[w].shape[0])
        if source.op == "cat" and source.data == len(source.shape) - 1:
            total, start = None, 0
            for part in source.args:
                stop = start + part.shape[-1]
                share = self._linear(part, self.slice(w, 1, start, stop), node)
                total = share if total is None else self.terms.binary("add", total, share, shape, node.where)
                start = stop
            assert total is not None
            return total
        if not dynamic(source):
            return self._mix(w, node)
        return self.terms.make("linear", (self.static(w), source), None, shape, node.where)

    def _do_transpose(self, k: int, node: Node) -> Term:
        """Return the same where only axes of one are moved, or where sums of a mapped step are put right."""
        inner, order = node.args[0].node, node.op.params["permutation"]
        if self._turned(inner) and tuple(order) == (1, 0):
            return self.term(inner)
        wide = [d for d in order if self.nodes[inner].shape[d] != 1]
        return self.term(inner) if wide == sorted(wide) else self._mix(k, node)

    def _turned(self, k: int) -> bool:
        """Return whether a node has its samples last: w @ x, mapped over samples (vmap), and sums of such."""
        node = self.nodes[k]
        if k not in self.moving or len(node.shape) != 2:
            return False
        if node.name == "dot_general":
            (_, right), batched = node.op.params["dimension_numbers"]
            a, b = (v.node if isinstance(v, Ref) else -1 for v in node.args)
            return a not in self.moving and b in self.moving and not any(batched) and tuple(right) == (1,)
        moving = [i for i in node.operands() if i in self.moving]
        return node.name in TURNING and len(moving) == len(node.operands()) and all(map(self._turned, moving))

    # -- parts --

    def _do_concatenate(self, k: int, node: Node) -> Term:
        parts = tuple(self.argument(v) for v in node.args)
        shapes = [self.nodes[v.node].shape for v in node.args if isinstance(v, Ref)]
        if len(parts) == 1:
            return parts[0]
        if any(p.shape != s for p, s in zip(parts, shapes, strict=True) if p.op != "number"):
            return self._mix(k, node)
        full = tuple(self._full(p, s) for p, s in zip(parts, shapes, strict=True))
        return self.terms.make("cat", full, node.op.params["dimension"], node.shape, node.where)

    def _full(self, part: Term, shape: tuple[int, ...]) -> Term:
        return part if part.op != "number" else self.terms.make("number", data=part.data, shape=shape)

    def _item(self, k: int, node: Node) -> Term:
        inner = self.nodes[node.args[0].node]
        if inner.name != "split":
            return self._mix(k, node, f"{inner.name}[{node.op}]")
        return self._part_of(inner.args[0].node, *_piece(inner, node.op), False)

    def _do_part(self, k: int, node: Node) -> Term:
        cut = _one_axis(node, self.nodes[node.args[0].node].shape)
        return self._mix(k, node) if cut is None else self._part_of(node.args[0].node, *cut, False)

    def _do_dynamic_slice(self, k: int, node: Node) -> Term:
        x, *starts = node.args
        shape, sizes = self.nodes[x.node].shape, node.op.params["slice_sizes"]
        cut = [d for d in range(len(shape)) if sizes[d] != shape[d]]
        at = [self.argument(s) for s in starts]
        if len(cut) != 1 or at[cut[0]].op != "number":
            return self._mix(k, node)
        start = min(max(int(at[cut[0]].data), 0), shape[cut[0]] - sizes[cut[0]])
        return self._part_of(x.node, cut[0], start, start + sizes[cut[0]], False)


def _one_axis(node: Node, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Return axis, start and stop of a slice along one axis; None for others."""
    params = node.op.params
    starts, stops, strides = params["start_indices"], params["limit_indices"], params["strides"]
    cut = [d for d in range(len(shape)) if (starts[d], stops[d]) != (0, shape[d])]
    if (strides is not None and any(s != 1 for s in strides)) or len(cut) > 1:
        return None
    axis = cut[0] if cut else 0
    return axis, starts[axis], stops[axis]


def _piece(node: Node, number: int) -> tuple[int, int, int]:
    """Return axis, start and stop of a piece of a split."""
    sizes = [int(s) for s in node.op.params["sizes"]]
    start = sum(sizes[:number])
    return node.op.params["axis"], start, start + sizes[number]


def check_shapes(lowered: JaxLowering) -> None:
    """Raise where an output or a state is a value of fewer units that was spread over several."""
    ends = [(o, lowered.outputs[i]) for i, o in enumerate(lowered.step.outputs)]
    ends += [(slot.update, lowered.term(slot.update)) for slot in lowered.step.slots]
    for k, term in ends:
        if term.shape and term.size != prod(lowered.nodes[k].shape):
            raise GradcertError(
                f"an output or a state of shape {lowered.nodes[k].shape} that is one value spread over several units,"
                f" at {lowered.nodes[k].where}",
                allowed="means and sums over units, and sums by weights: x @ w",
            )
