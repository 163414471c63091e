"""A step function, traced: the equations of its jaxpr as the nodes of a record, inner jaxprs written out."""

from __future__ import annotations

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from gradcert.models.reading.forward import FORWARD
from gradcert.models.reading.jaxpr.call import LIBRARIES, Call
from gradcert.models.reading.jaxpr.functions import spike_of
from gradcert.models.reading.jaxpr.operations import CUSTOM, INLINED, LOOPS, operation
from gradcert.models.reading.record import Node, Ref, Slot, Step
from gradcert.reference.errors import GradcertError

RANDOM = ("random_bits", "random_wrap", "random_seed", "random_fold_in", "random_split", "threefry2x32")
RENAMED = {"slice": "part"}  # what is called a slice in a record says axis, start and stop
WHAT = {
    "scan": ("a loop over time inside the step (scan)", "give the function of one step, the body of the scan"),
    "while": ("a loop whose length depends on data (while_loop)", "give a step without it"),
    "cond": ("a branch on data (cond)", "write it with jnp.where"),
}


def where(equation: Any) -> str:
    """Return file and line of the innermost code that is no library's."""
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback is not None else ():
        if not frame.file_name.startswith((*LIBRARIES, "<")):
            return f"{os.path.basename(frame.file_name)}:{frame.line_num}"
    return ""


class Tracer:
    """Makes nodes of equations.

    Attributes
    ----------
    nodes : what was made. `moving` : those that depend on input or state.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.moving: set[int] = set()
        self._same: dict[Any, int] = {}

    def add(self, node: Node) -> Ref:
        """Add a node, and return what stands for it."""
        self.nodes.append(node)
        k = len(self.nodes) - 1
        if node.kind in ("x", "state") or any(i in self.moving for i in node.operands()):
            self.moving.add(k)
        return Ref(k)

    def constant(self, value: Any) -> Ref:
        """Add what the function closes over."""
        array = jnp.asarray(value)
        floating = bool(jnp.issubdtype(array.dtype, jnp.floating))
        array = array.astype("float64") if floating else array
        name = f"const{len(self.nodes)}"
        return self.add(Node("constant", name, shape=array.shape, floating=floating, value=array))

    def run(self, jaxpr: Any, given: list[Any], place: str = "") -> list[Any]:
        """Add the equations of a jaxpr that stands at `place`; what is given and returned are `Ref` and numbers."""
        values: dict[Any, Any] = dict(zip(jaxpr.invars, given, strict=True))

        def read(v: Any) -> Any:
            if not isinstance(v, Literal):
                return values[v]
            return v.val if np.ndim(v.val) == 0 else self.constant(v.val)

        for equation in jaxpr.eqns:
            inputs = [read(v) for v in equation.invars]
            outputs = self._equation(jaxpr, equation, inputs, where(equation) or place)
            values |= dict(zip(equation.outvars, outputs, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def _equation(self, jaxpr: Any, equation: Any, inputs: list[Any], place: str) -> list[Any]:
        name = equation.primitive.name
        inner = equation.params.get(INLINED.get(name, ""))
        if inner is not None:
            return self._inlined(inner, inputs, place)
        self._refuse(name, equation, inputs, place or "the step")
        held = {}
        variables = [(v, a) for v, a in zip(equation.invars, inputs, strict=True) if not isinstance(v, Literal)]
        for k, (v, a) in enumerate(variables):
            if not isinstance(a, Ref):
                held[k] = np.asarray(a, dtype=v.aval.dtype)
        op = operation(jaxpr, equation, held)
        args = tuple(a if isinstance(a, Ref) else a.item() if hasattr(a, "item") else a for a in inputs)
        kind = "function" if name in CUSTOM else "op"
        called = _function_name(equation) if kind == "function" else RENAMED.get(name, name)
        outs = [v.aval for v in equation.outvars]
        key = (name, repr(sorted(equation.params.items(), key=lambda p: p[0])), repr(args), repr(sorted(held.items())))
        if kind == "op" and key in self._same:
            found: list[Any] = [Ref(self._same[key] + k) for k in range(len(outs))]
            return found if len(outs) == 1 else [Ref(r.node + 1) for r in found]
        node = Node(kind, called, op, args, cut=name == "stop_gradient", where=place)
        alone = not equation.primitive.multiple_results or len(outs) == 1
        if alone:
            node.shape, node.floating = outs[0].shape, bool(jnp.issubdtype(outs[0].dtype, jnp.floating))
        if kind == "function" and FORWARD.get() and called != "relu" and not (alone and self._spikes(node)):
            return self._inlined(_inner(equation), inputs, place)
        if alone:
            out = [self.add(node)]
        else:
            whole = self.add(node)
            out = [self.add(Node("item", called, k, (whole,), shape=a.shape, where=place)) for k, a in enumerate(outs)]
        self._same[key] = out[0].node if len(out) == 1 else out[0].node - 1
        return list(out)

    def _inlined(self, inner: Any, inputs: list[Any], place: str) -> list[Any]:
        """Add the equations of an inner jaxpr."""
        body, consts = (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())
        own = body.replace(constvars=(), invars=[*body.constvars, *body.invars])
        return self.run(own, [*(self.constant(c) for c in consts), *inputs], place)

    def _spikes(self, node: Node) -> bool:
        """Return whether a function with a derivative of its own is a spike, by its values."""
        return spike_of([*self.nodes, node], len(self.nodes), frozenset(self.moving)) is not None

    def _refuse(self, name: str, equation: Any, inputs: list[Any], place: str) -> None:
        """Raise for what cannot be read, with its line."""
        moves = any(isinstance(a, Ref) and a.node in self.moving for a in inputs)
        if name in RANDOM:
            raise GradcertError(f"random numbers at {place}", do="read the step with them off (deterministic=True)")
        if name in LOOPS and moves:
            what, do = WHAT[name]
            raise GradcertError(f"{what} at {place}", do=do)
        for v in equation.outvars:
            if moves and jnp.issubdtype(v.aval.dtype, jnp.floating) and v.aval.dtype != np.float64:
                raise GradcertError(
                    f"{v.aval.dtype} as the result of {name} at {place}: a reading is in float64",
                    do="cast with x.dtype, or with jnp.float32, which a reading takes for float64",
                )


def _inner(equation: Any) -> Any:
    """Return what a function with a derivative of its own computes."""
    return equation.params.get("call_jaxpr") or equation.params.get("fun_jaxpr")


def _function_name(equation: Any) -> str:
    inner = _inner(equation)
    info = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
    return str(getattr(info, "func_name", "")) or equation.primitive.name


def traced(call: Call, x: Any, state: list[Any]) -> Step:
    """Trace one step.

    Parameters
    ----------
    x, state : examples, in float64.
    """
    names = list(call.names.values())
    values = [jnp.asarray(v, dtype="float64") for v in call.parameters().values()]

    def step(parameters: list[Any], entering: Any, held: list[Any]) -> Any:
        return call(dict(zip(names, parameters, strict=True)), entering, held)

    closed, (outputs, _) = jax.make_jaxpr(step, return_shape=True)(values, x, state)
    again = jax.make_jaxpr(lambda *given: step(*given))(values, x, state)  # another function, so that it runs anew
    if str(again.jaxpr) != str(closed.jaxpr) or not all(map(np.array_equal, again.consts, closed.consts)):
        raise GradcertError(
            f"{call.title} is another function the second time that it is traced",
            allowed="a function of parameters, state and x alone",
            do="take out what Python keeps from call to call: a counter, a list, NumPy's random numbers",
        )
    tracer = Tracer()
    entering = tracer.add(Node("x", "x", shape=x.shape))
    many = len(state) > 1
    held = [tracer.add(Node("state", f"state{k}" if many else "state", shape=s.shape)) for k, s in enumerate(state)]
    own = [tracer.add(Node("parameter", n, shape=v.shape, value=v)) for n, v in zip(names, values, strict=True)]
    given: list[Any] = [*(tracer.constant(c) for c in closed.consts), *own, entering, *held]
    jaxpr = closed.jaxpr.replace(constvars=(), invars=[*closed.jaxpr.constvars, *closed.jaxpr.invars])
    ends = [end if isinstance(end, Ref) else tracer.constant(end) for end in tracer.run(jaxpr, given)]
    slots = tuple(
        Slot(tracer.nodes[ref.node].name, s, ref.node, end.node)
        for ref, s, end in zip(held, state, ends[len(outputs) :], strict=True)
    )
    notes = call.notes
    if call.either and ends[: len(outputs)] != ends[len(outputs) :]:
        notes = (*notes, "the first of the results was taken for the state, as in JAX's scan: order= says")
    return Step(tracer.nodes, 0, tuple(e.node for e in ends[: len(outputs)]), slots, len(state), notes)
