"""One step of a module, recorded in float64 on a copy: what goes in, what comes out, which tensors are its state."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from gradcert.models.reading.forward import FORWARD
from gradcert.models.reading.pytorch.held import doubled, peek, poke, slots
from gradcert.models.reading.pytorch.nested import closed, opened
from gradcert.models.reading.pytorch.recorder import (
    RANDOM,
    Double,
    Recorder,
    autocast_seen_by,
    functions_seen_by,
    where,
)
from gradcert.models.reading.record import Node, Ref, Slot, Step
from gradcert.reference.errors import GradcertError

HOOKED = "take it away; or judge the loop with it: gradcert.watch looks at what hooks do"


@dataclass(frozen=True)
class Way:
    """How a module is called for a step.

    Attributes
    ----------
    style : ``none``: module(x); ``tree``: module(x, state); ``star``: module(x, *state).
    spec : how the state is nested; its tensors come last in what the module returns.
    count : the number of its tensors.
    time : the axis of time of a module that takes sequences (torch.nn.LSTM): it is given sequences of one step.
    whole : where a module takes a sequence and returns no state, the axis of time, or ``inside`` for a loop over one
        input: it is called with all steps at once.
    steps : of a loop over one input, how many.
    """

    style: str
    spec: Any
    count: int
    time: int | None = None
    whole: int | str | None = None
    steps: int | None = None

    def arranged(self, xs: Any) -> Any:
        """Return inputs (time, batch, ...) as a module that takes whole sequences takes them."""
        return xs.transpose(0, 1) if self.whole == 1 else xs[0] if self.whole == "inside" else xs

    def sequence(self, x: Any) -> Any:
        """Return the inputs of all steps, (time, batch, ...), from those of a call, or of all calls."""
        if self.whole == "inside":
            return x.unsqueeze(0).expand(self.steps, *x.shape)
        return x.transpose(0, 1) if self.whole == 1 else x

    def entering(self, x: Any) -> Any:
        """Return an input of one step as the record has it."""
        return x.unsqueeze(self.whole) if isinstance(self.whole, int) else x

    def one_step(self, x: Any) -> Any:
        """Return an example of one step, (batch, ...), from an example of the module's input."""
        return x.select(self.whole, 0) if isinstance(self.whole, int) else x

    def call(self, module: Any, x: Any, state: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return outputs and new state."""
        x = x if self.time is None else x.unsqueeze(self.time)
        if self.style == "none":
            return self.split(module(x))
        nested = closed(tree_unflatten(state, self.spec))
        return self.split(module(x, *nested) if self.style == "star" else module(x, nested))

    def split(self, result: Any) -> tuple[list[Any], list[Any]]:
        """Tell outputs and new state apart: the last tensors of the result are the new state."""
        flat = [t for t in tree_flatten(opened(result))[0] if isinstance(t, torch.Tensor)]
        if not flat:
            raise GradcertError(
                f"a step that returns {type(result).__name__}", allowed="a tensor, or tensors and a state"
            )
        if not self.count:
            return flat, []
        if len(flat) < self.count:
            raise GradcertError(
                f"a state of {self.count} tensors goes in and {len(flat)} come out",
                allowed="(output, state), the state as it went in",
            )
        return flat[: len(flat) - self.count] or flat[:1], flat[len(flat) - self.count :]


def way_of(module: Any, state: Any) -> tuple[Way, list[Any]]:
    """Return how a module takes a state, and the state's tensors."""
    state = opened(state)
    leaves, spec = tree_flatten(state)
    time = (1 if module.batch_first else 0) if isinstance(module, torch.nn.RNNBase) else None
    if state is None or not leaves:
        return Way("none", None, 0, time), []
    if not all(isinstance(leaf, torch.Tensor) for leaf in leaves):
        raise GradcertError("a state with a part that is no tensor", allowed="a tensor, or tensors nested in tuples")
    takes = len(inspect.signature(module.forward).parameters) - 1
    star = isinstance(state, tuple) and takes >= len(state) > 1 and not hasattr(state, "_fields")
    return Way("star" if star else "tree", spec, len(leaves), time), leaves


def started(module: Any, x: Any, state: Any) -> Any:
    """Return the state to begin with: what was given, or zeros of the kind that the module returns and takes back."""
    if state is not None:
        return state
    try:
        takes = [p for p in inspect.signature(module.forward).parameters.values()][1:]
    except (TypeError, ValueError):
        return None
    takes = [p for p in takes if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in takes if p.default is p.empty]
    if not takes:
        return None
    if needed:
        raise GradcertError(
            f"{type(module).__name__}.forward wants {', '.join(p.name for p in needed)} beside x",
            do="pass the state of the first step: --state, or read(module, x, state); to certify it, --state, or"
            " gradcert.adapters.torch.module(Model, state=...)",
        )
    alone, _ = way_of(module, None)
    entering = x if alone.time is None else x.unsqueeze(alone.time)
    first, again = doubled(module), doubled(module)
    with torch.no_grad(), Double():
        result, same = (_drawn_alike(partial(copied, entering)) for copied in (first, again))
        held = [
            p for p, s in slots(first).items() if isinstance(peek(s), torch.Tensor) and _differs(peek(s), module, p)
        ]
    flat, twice = ([t for t in tree_flatten(opened(r))[0] if isinstance(t, torch.Tensor)] for r in (result, same))
    if not _equal(flat, twice):
        raise GradcertError(
            f"two calls of {type(module).__name__} on the same input differ, with PyTorch's generator set alike",
            allowed="a step that is a function of input, parameters and state, and of PyTorch's random numbers",
            do="take out random numbers of NumPy or Python, or read it with them off",
        )
    cell = isinstance(module, torch.nn.RNNCellBase)  # returns its state and nothing else
    if not (cell or (isinstance(result, tuple) and len(result) > 1)):
        return None
    returned = result if cell else result[1] if len(result) == 2 else result[1:]
    zero = tree_map(lambda t: torch.zeros_like(t) if isinstance(t, torch.Tensor) else t, opened(returned))
    way, leaves = way_of(module, zero)
    own, passed = [t for part in way.split(result) for t in part], doubled(module)
    try:
        with torch.no_grad(), Double():
            found = [[t for part in _drawn_alike(lambda: way.call(passed, x, leaves)) for t in part] for _ in range(2)]
    except Exception:  # whatever a stranger's code raises where it keeps its state itself
        if held:
            return None
        raise
    if held and not (_equal(found[0], own) and _equal(*found)):
        return None  # what it keeps itself acts beside what is passed
    if not _equal(found[0], own):
        raise GradcertError(
            f"{type(module).__name__} begins with a state of its own that is not zero",
            do="pass it in the first call of a sequence too, module(x, state); on the command line, --state NAME of a"
            " state or of a function that returns one",
        )
    return zero


def _drawn_alike(function: Callable[[], Any]) -> Any:
    """Return what a function returns when PyTorch's random numbers are the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        return function()


def _equal(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        s.shape == t.shape and torch.equal(s.double(), t.double()) for s, t in zip(a, b, strict=True)
    )


def _differs(value: torch.Tensor, module: Any, path: str) -> bool:
    before = slots(module).get(path)
    old = peek(before) if before else None
    return (
        not isinstance(old, torch.Tensor) or old.shape != value.shape or not torch.equal(old.double(), value.double())
    )


def capture(module: torch.nn.Module, x: torch.Tensor, state: Any = None) -> tuple[Step, Way]:
    """Record one step of a module, after another one in which it may make its state.

    Parameters
    ----------
    module : is copied, not changed.
    x : an example input of one step, (batch, ...).
    state : what is passed in and comes back, nested as the module has it; None for a module that keeps its state.
    """
    refuse_scripts(module)
    x = x.double() if x.is_floating_point() else x
    state = wide(started(module, x, wide(opened(state))))  # counters in whole numbers too: they are numbers of a state
    way, leaves = way_of(module, state)
    copied = doubled(module)
    fresh = {path: peek(slot) for path, slot in slots(copied).items()}
    fresh = {path: v.clone() if isinstance(v, torch.Tensor) else v for path, v in fresh.items()}
    hooks = [
        part.register_forward_pre_hook(_one_step) for part in copied.modules() if isinstance(part, torch.nn.RNNBase)
    ]
    with torch.enable_grad(), Double():
        way.call(copied, x, leaves)  # so that states that are made when they are needed exist
    for hook in hooks:
        hook.remove()
    first = _once(copied, x, way, leaves, frozenset())
    names = _states(first[-1], *first[3:5])
    # states of its own have to have a history to be seen; without them it would be the same once more
    outputs, new, given, before, after, recorder = _once(copied, x, way, leaves, names) if names else first
    found = [
        Slot(
            f"state{k}" if len(given) > 1 else "state",
            leaves[k].detach().clone(),
            recorder.node_of(t),
            recorder.node_of(u),
        )
        for k, (t, u) in enumerate(zip(given, new, strict=True))
    ]
    made = _made_anew(module, x, way, leaves, {name: fresh.get(name) for name in names})
    for name in sorted(names):
        node = recorder.node_of(before[name])
        start, shape = fresh.get(name), recorder.nodes[node].shape
        fits = isinstance(start, torch.Tensor) and tuple(start.shape) == shape and name not in made
        number = float(start) if isinstance(start, float) else 0.0
        initial = start.double() if fits else torch.full(shape, number, dtype=torch.float64)  # type: ignore[union-attr]
        found.append(Slot(name, initial, node, recorder.node_of(peek(after[name])), made=name in made))
    ends = tuple(recorder.node_of(o) for o in outputs)
    nodes = recorder.nodes
    to = merged(nodes)
    step = Step(
        nodes,
        0,
        tuple(to.get(o, o) for o in ends),
        tuple(replace(s, update=to.get(s.update, s.update)) for s in found),
        len(given),
        tuple(dict.fromkeys(recorder.notes)),
        recorder.autocast,
        recorder.numbers,
    )
    for node in nodes:
        node.value = node.value.detach() if node.kind in ("parameter", "constant", "buffer") else None
    return step, way


def _one_step(part: Any, given: tuple[Any, ...]) -> None:
    """Refuse a recurrent layer that is given more than one step: what it makes of the example is no step."""
    x = given[0]
    steps = x.shape[1 if part.batch_first and x.dim() == 3 else 0] if isinstance(x, torch.Tensor) else 1
    if steps > 1:
        raise GradcertError(
            f"torch.nn.{type(part).__name__} at {where()} takes the example for a sequence of {steps} steps",
            allowed="a module of one step, or one of whole sequences with its axis of time",
            do="say the axis, and an example that has it: --time 0 (or 1), time=0",
        )


def wide(state: Any) -> Any:
    """Return a state in float64."""
    return tree_map(lambda t: t.double() if isinstance(t, torch.Tensor) else t, state)


def refuse_scripts(module: Any) -> None:
    """Raise for what is no module in Python."""
    if not isinstance(module, torch.nn.Module):
        raise GradcertError(f"a {type(module).__name__}", allowed="a torch.nn.Module that takes one step")
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise GradcertError(f"scripted code (torch.jit) in {name or 'the module'}", do="give the Python module")
        if (part._backward_hooks or part._backward_pre_hooks) and not FORWARD.get():
            raise GradcertError(f"a backward hook on {name or 'the module'}, which may change gradients", do=HOOKED)
    for name, p in module.named_parameters():
        if p._backward_hooks and not FORWARD.get():
            raise GradcertError(f"a hook on {name}, which may change its gradient", do=HOOKED)


def _once(copied: Any, x: Any, way: Way, leaves: list[Any], states: frozenset[str]) -> tuple[Any, ...]:
    """Record one step; the named slots are states. States and input are no leaves, so that .data shows as a cut."""
    held = slots(copied)
    known: dict[int, tuple[str, str]] = {}
    before: dict[str, Any] = {}
    seen: list[Any] = []
    for path, slot in held.items():
        value = peek(slot)
        if isinstance(value, torch.Tensor):
            twice = any(value is other for other in seen)  # two states, one of which may go on alone
            seen.append(value)
            value = value.detach().clone() if twice else value.detach()
            if path in states:
                value = value.clone().requires_grad_().clone()
            poke(slot, value)
            before[path] = value
            known[id(value)] = ("state" if path in states else "buffer", path)
    for name, p in copied.named_parameters():
        p.requires_grad_()
        known[id(p)] = ("parameter", name)
    recorder = Recorder(known)
    entering = x.clone().requires_grad_().clone() if x.is_floating_point() else x.clone()
    recorder.add(Node("x", "x"), entering)
    given = [t.detach().clone().requires_grad_().clone() for t in leaves]
    for k, t in enumerate(given):
        recorder.add(Node("state", f"state{k}"), t)
    with torch.enable_grad(), recorder, functions_seen_by(recorder), autocast_seen_by(recorder):
        outputs, new = way.call(copied, entering, given)
    recorder.settle()
    return outputs, new, given, before, slots(copied), recorder


def _made_anew(module: Any, x: Any, way: Way, leaves: list[Any], fresh: dict[str, Any]) -> frozenset[str]:
    """Return the states that the first call makes anew, where it makes one that is not there: it does not read them."""
    there = {name for name, value in fresh.items() if isinstance(value, torch.Tensor)}
    if not there or len(there) == len(fresh):
        return frozenset()
    recorder = _once(doubled(module), x, way, leaves, frozenset())[-1]
    return frozenset(there - {node.name for node in recorder.nodes if node.kind == "buffer"})


def _states(recorder: Recorder, before: dict[str, Any], after: dict[str, Any]) -> frozenset[str]:
    """Return the slots whose tensor was read, or moved on, and replaced or written."""
    read = {n.name for n in recorder.nodes if n.kind == "buffer"}
    kept = {id(peek(s)) for s in after.values()}
    read |= {p for p, t in before.items() if id(t) in kept and peek(after[p]) is not t}
    wrote = {id(n.value) for n in recorder.nodes if n.kind == "op" and n.name.endswith("_")}
    written = {p for p, t in before.items() if p in after and (peek(after[p]) is not t or id(t) in wrote)}
    return frozenset(p for p in read & written if before[p].is_floating_point())


def merged(nodes: list[Node]) -> dict[int, int]:
    """Let equal operations on equal operands be one node: code often computes a thing twice.

    Random ones stay two, and what cuts: each is said with its own line.
    """
    same: dict[Any, int] = {}
    to: dict[int, int] = {}

    def renamed(v: Any) -> Any:
        return Ref(to.get(v.node, v.node)) if isinstance(v, Ref) else v

    for k, node in enumerate(nodes):
        node.args, node.kwargs = tree_map(renamed, node.args), tree_map(renamed, node.kwargs)
        if node.kind in ("op", "item", "function") and not node.cut and not any(r in node.name for r in RANDOM):
            key = (node.kind, str(node.op), repr(node.args), repr(node.kwargs), node.cut)
            to[k] = same.setdefault(key, k)
    return to
