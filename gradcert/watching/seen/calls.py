"""What a module is given and what comes back, seen by hooks: inputs, first states, and the derivative at its outputs.

The outputs that the user gets are views of the module's own, so that a hook on them sees what the loss says to an
output and not what comes back through the module's state, which may be the same tensor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from gradcert.models.reading.pytorch.held import peek, remember, slots
from gradcert.reference.errors import GradcertError
from gradcert.watching.seen import roots
from gradcert.watching.seen.seams import FEW as TELLING
from gradcert.watching.seen.seams import back, left, near, number, partial, scaled, shares
from gradcert.watching.seen.trees import leaves as leaves_of
from gradcert.watching.seen.trees import refilled

FEW = 64  # operations between a state that leaves and the one that comes in


@dataclass
class Sequence:
    """The calls of one sequence, or one call of a module that takes whole sequences.

    Attributes
    ----------
    inputs : of every call. `state` : what was passed in the first call beside the input; `held` : what the module held.
    began : of a module that takes whole sequences, or may make a state anew, all that it held before (`held.remember`).
    left : what it held after the sequence before, where that was seen.
    outputs : what every call returned, detached; `arrived` : call and place of an output -> derivative that came back.
    generator : the state of the random numbers before the first call.
    training : whether the module was in training mode; `graded` : whether autograd followed any of its calls.
    through : the same -> the largest number that came back through a state that was handed on, and is not in `arrived`.
    follows : whether it began with a state that the sequence before leads to: one that was changed between two calls.
    made : whether it began with another state that has a history: one that parameters are in, such as a learned one.
    detached : the calls that were given a state without a history, where what the call before returned has one.
    shares : call that was given a state with its numbers, and another history -> by what credit is multiplied on the
        way back between the two calls; None where that is no one number.
    quiet : whether what comes back is not to be remembered: nobody's training asked for it.
    parameters : those that the module had when the first call began, and their numbers then; where they are asked for.
    other : the types of what is passed beside the input and is neither a tensor nor a number.
    spent : whether what came back is no more in ``.grad``: that was empty when a later backward pass began.
    """

    inputs: list[Any] = field(default_factory=list)
    state: Any = None
    held: dict[str, Any] = field(default_factory=dict)
    began: Any = None
    left: dict[str, Any] | None = None
    outputs: list[list[Any]] = field(default_factory=list)
    arrived: dict[tuple[int, int], Any] = field(default_factory=dict)
    through: dict[tuple[int, int], float] = field(default_factory=dict)
    follows: bool = False
    made: bool = False
    detached: list[int] = field(default_factory=list)
    shares: dict[int, float | None] = field(default_factory=dict)
    quiet: bool = False
    generator: Any = None
    training: bool = True
    graded: bool = False
    parameters: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    other: tuple[str, ...] = ()
    spent: bool = False


class Calls:
    """Hooks on a module; `on` says whether they look, `back` whether at what comes back as well.

    Attributes
    ----------
    closed : whether the next call is another step of training's: nothing is seen from then on.
    went_on : whether that call went on with a sequence whose step of training was over.
    in_place : whether a state was written to between two calls: what leads back to the value before is not seen then.
    again : whether the module was called inside a backward pass, by a checkpoint: that computes the same once more.
    lost : a state that was changed between two calls, and lost its history, or a part of it, where it was not: the
        share of credit that comes back there; None where there was none.
    elsewhere : the module's own operations that credit came to without passing its results (`roots.entered`).
    transformed : whether the module was called inside a transformation of torch.func, where hooks see no numbers.
    compiled : whether hooks became a part of code that torch.compile compiles: they do nothing there.
    refused : why no hooks can be put on the module; None where they are there.
    """

    def __init__(self, module: Any, *, whole: bool) -> None:
        self.module, self.whole, self.on, self.back = module, whole, False, True
        self.closed = self.went_on = self.again = self.in_place = self.transformed = self.compiled = False
        self.lost: float | None = None
        self.elsewhere: list[str] = []
        self._doors: set[Any] = set()  # autograd's nodes of all results
        self._inside: list[tuple[int, int]] = []  # the numbers of the module's own operations, call by call
        self._passed = False  # whether a call of the last sequence was given a state
        self._seen: list[Sequence] = []
        self._last: list[Any] = []  # what the last call left: its results, and what the module held
        self._written: list[int] = []  # how often each of its results had been written to by then
        self._held: dict[str, Any] = {}
        self._begun = False  # whether .grad was empty when the step's first call began
        self._empty: list[bool] = []  # and at each of its backward passes
        self.over = False  # whether the step is judged: a backward pass is no training's then
        self._left: dict[str, Any] | None = None  # what the module held when the last sequence was over
        self._mine: dict[int, tuple[Any, int, int]] = {}  # id of a view of an output -> it, call, place
        self.error: Exception | None = None  # what went wrong in a hook: the training is not to notice
        self.refused: GradcertError | None = None
        self._handles: list[Any] = []
        try:
            self._handles.append(module.register_forward_pre_hook(self._before, with_kwargs=True))
            self._handles.append(module.register_forward_hook(self._after, with_kwargs=True))
        except Exception as error:  # whatever a class of a stranger's raises
            self.refused = GradcertError(
                f"a {type(module).__name__}, on which no hooks can be put: {str(error) or type(error).__name__}",
                allowed="a module that is called in Python",
                do="train, and watch, the Python module that it was made of",
            )
            return
        roots.listen(self)

    def __deepcopy__(self, memo: Any) -> Calls:
        """Return one that does not look: a copy of the module is nobody's training."""
        other = object.__new__(Calls)
        other.on = False
        return other

    @property
    def sequences(self) -> list[Sequence]:
        """The sequences of training: beside them a pass in evaluation, or without a graph, gives nobody gradients."""
        taught = [s for s in self._seen if s.graded] or self._seen
        return [s for s in taught if s.training] or taught

    def remove(self) -> None:
        """Take the hooks away."""
        roots.leave(self)
        for handle in self._handles:
            handle.remove()

    def clear(self) -> None:
        """Forget what was seen; what the module held at last is no news while it is looked at."""
        self._left = self._left if self.on else None
        self.error, self.closed, self.went_on, self.again, self.in_place = None, False, False, False, False
        self.lost, self.elsewhere, self._doors, self._inside = None, [], set(), []
        self.transformed, self.compiled, self._begun, self._empty, self.over = False, False, False, [], False
        self._seen, self._last, self._written, self._held, self._mine = [], [], [], {}, {}

    def rooted(self, tensors: list[Any]) -> None:
        """Look where the credit of a backward pass enters the module."""
        if (
            not (self.on and self.back and self._inside)
            or self.over
            or self.error is not None
            or any(s.quiet for s in self._seen)
        ):
            return
        try:
            self._empty.append(self._without_gradients())
            for sequence in self._seen if self._empty[-1] else ():
                sequence.spent = bool(sequence.arrived)
            self.elsewhere += roots.entered(tensors, self._doors, self._inside)
        except Exception as error:
            self.error = error

    @property
    def emptied(self) -> tuple[bool, ...]:
        """Whether ``.grad`` was empty as each backward pass began; where none was seen, as the module was called."""
        return tuple(self._empty) or (self._begun,) * bool(self._seen)

    @property
    def backwards(self) -> int:
        """How many backward passes were seen."""
        return len(self._empty)

    def forget_spent(self) -> int:
        """Forget the sequences whose credit is no more in ``.grad``, and return how many these were."""
        many = len(self._seen)
        self._seen = [s for s in self._seen if not s.spent]
        return many - len(self._seen)

    def _without_gradients(self) -> bool:
        return not any(p.grad is not None and bool(p.grad.any()) for p in self.module.parameters())

    def _before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._guarded(self._entering, module, args, kwargs)

    def _after(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        return self._guarded(self._leaving, module, args, kwargs, result)

    def _guarded(self, hook: Any, *seen: Any) -> Any:
        if torch.compiler.is_compiling():  # a hook that did more would break the graph, or end the training
            self.compiled = True
            return None
        if not self.on or self.error is not None:
            return None
        if torch._C._functorch.peek_interpreter_stack() is not None:
            self.transformed = True
            return None
        if in_backward():
            self.again = True
            return None
        try:
            return hook(*seen)
        except Exception as error:
            self.error = error
            return None

    def _heard(self, hook: Any) -> Any:
        """Return a hook that ends nobody's backward pass; no gradient, which some operations give, is a 0."""

        def guarded(g: Any) -> None:
            try:
                if g is not None:
                    hook(g)
            except Exception as error:
                self.error = error

        return guarded

    def _entering(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        leaves = leaves_of((args, kwargs))
        given = [v for v in leaves[1:] if isinstance(v, torch.Tensor)]
        held = None if given and self._seen else _held_by(module)  # looked for where a sequence may begin
        if self.closed:
            self.on, self.went_on = False, not self.whole and self._goes_on(given, held)
            return None
        pairs = zip(self._last, self._written, strict=True)
        self.in_place = self.in_place or any(
            v._version != n and v.requires_grad and any(g is v for g in given) for v, n in pairs
        )
        if self.whole or not self._goes_on(given, held):
            held = _held_by(module) if held is None else held
            beside = [*args[1:], *kwargs.values()]
            state = beside[0] if len(beside) == 1 else tuple(beside)
            first = refilled(state, [_copy(v) for v in leaves_of(state)]) if given else None
            lazy = any(peek(slot) is None for slot in slots(module).values())  # a state may be made in the first call
            began = remember(module) if self.whole or lazy else None
            follows = bool(self._seen) and any(leads_to(v, self._last) for v in given)
            self._changed(given)
            self._seen.append(
                Sequence(state=first, held=held, began=began, generator=torch.get_rng_state(), follows=follows)
            )
            self._seen[-1].left, self._seen[-1].training = self._left, bool(module.training)
            self._seen[-1].made = not follows and any(v.requires_grad for v in given)
            self._mine, self._passed = {}, False
            if self.back:
                self._seen[-1].parameters = {n: (p, _copy(p)) for n, p in module.named_parameters() if not is_lazy(p)}
                self._begun = self._without_gradients() if len(self._seen) == 1 else self._begun
            further = (v for v in leaves[1:] if v is not None and not isinstance(v, (torch.Tensor, int, float, str)))
            self._seen[-1].other = tuple(dict.fromkeys(type(v).__name__ for v in further))
        sequence = self._seen[-1]
        sequence.graded = sequence.graded or torch.is_grad_enabled()
        self._passed = self._passed or bool(given)
        floating = [v for v in given if v.is_floating_point()]
        lost = floating and not any(v.requires_grad for v in floating) and torch.is_grad_enabled()
        if lost and sequence.inputs and any(v.requires_grad for v in self._last):
            sequence.detached.append(len(sequence.inputs))
        sequence.inputs.append(leaves[0].detach())
        changed = False
        taken: set[int] = set()
        for k, value in enumerate(
            leaves if self.back else ()
        ):  # an output that comes back as a state: tell what comes back through it
            if k and isinstance(value, torch.Tensor) and value.requires_grad:
                mine = id(value) in self._mine
                found = self._mine[id(value)][1:] if mine else self._like(value, taken)
                if found is None:
                    continue
                call, place = found
                share = None if mine else self._share(sequence, value, self._last[place])
                leaves[k] = value.view_as(value)
                leaves[k].register_hook(self._heard(_subtract(sequence, call, place, share)))
                changed = True
        self._inside.append((roots.now(), 0))
        return refilled((args, kwargs), leaves) if changed else None

    def _like(self, value: Any, taken: set[int]) -> tuple[int, int] | None:
        """Return call and place of the last call's output that another tensor equals, and is computed from."""
        call = len(self._seen[-1].inputs) - 2
        for place, v in enumerate(self._last if call >= 0 else ()):
            if place not in taken and _handed_on(value, v):
                taken.add(place)
                return call, place
        return None

    def _share(self, sequence: Sequence, value: Any, before: Any) -> Any:
        """Return what takes credit at a state with its old numbers back to what was returned; None for all of it."""
        share = self._quietly(lambda: shares(value, before))
        if not partial(share):
            return None
        sequence.shares[len(sequence.inputs) - 1] = number(share)
        return lambda g: self._quietly(lambda: back(value, before, g))

    def _quietly(self, ask: Callable[[], Any]) -> Any:
        """Return what autograd says of what lies between two calls, which is not what comes back in the training."""
        try:
            self._hush(quiet=True)
            return ask()
        finally:
            self._hush(quiet=False)

    def _hush(self, *, quiet: bool) -> None:
        for sequence in self._seen:
            sequence.quiet = quiet

    def _changed(self, given: list[Any]) -> None:
        """Look whether credit is lost where a state that is changed is as it was: by a mask, say, and a detach."""
        if not self.back or not torch.is_grad_enabled() or not self._seen or not self._seen[-1].graded:
            return
        for value in given if self._seen[-1].training == bool(self.module.training) else ():
            for before in self._last:
                alike = isinstance(before, torch.Tensor) and before.requires_grad and before.shape == value.shape
                if not alike or before.dtype != value.dtype or not value.is_floating_point():
                    continue
                same = left(value, before)
                if not value.requires_grad and (int(same.sum()) >= TELLING or scaled(value, before)):
                    self.lost = 0.0
                elif int(same.sum()) >= TELLING and value.requires_grad and leads_to(value, [before]):
                    share = self._quietly(functools.partial(shares, value, before))
                    if share is not None and partial(share[same]):
                        self.lost = float(share[same].mean())

    def _goes_on(self, given: list[Any], held: dict[str, Any] | None) -> bool:
        """Return whether a call begins with what the last one left."""
        if not self._seen or self._seen[-1].training != bool(self.module.training):
            return False
        if given:
            returned = [v for v in self._last if isinstance(v, torch.Tensor)]
            return all(any(g is v for v in returned) or any(_same(g, v) for v in returned) for g in given)
        # a module that is given its state, and now is not, begins anew
        return held is not None and not self._passed and all(_equal(held.get(p), v) for p, v in self._held.items())

    def _leaving(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        if not self._seen:
            return None
        sequence = self._seen[-1]
        self._inside[-1] = (self._inside[-1][0], roots.now())
        call = len(sequence.inputs) - 1
        leaves = leaves_of(result)
        flat = [k for k, v in enumerate(leaves) if isinstance(v, torch.Tensor)]
        sequence.outputs.append([leaves[k].detach() for k in flat])
        for place, k in enumerate(flat):
            if self.back and leaves[k].requires_grad:
                view = leaves[k].view_as(leaves[k])
                view.register_hook(self._heard(_add(sequence, call, place)))
                leaves[k] = view
                self._doors.add(view.grad_fn)
                self._mine[id(view)] = (view, call, place)
        self._last = [leaves[k] for k in flat]
        self._written = [v._version for v in self._last]
        if not any(isinstance(v, torch.Tensor) for v in leaves_of((args, kwargs))[1:]):
            self._held = _held_by(module)
            self._left = self._held if self.whole else None
        return refilled(result, leaves) if self.back else None


def _held_by(module: Any) -> dict[str, Any]:
    """Return what a module holds from call to call."""
    return {p: _copy(value) for p, s in slots(module).items() if _state_like(value := peek(s))}


def _state_like(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, torch.Tensor) and value.is_floating_point())


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    return type(a) is type(b) and a == b


def _same(given: Any, returned: Any) -> bool:
    return _equal(given, returned) or _handed_on(given, returned)


def _handed_on(given: Any, returned: Any) -> bool:
    """Return whether a state is computed from what was returned, and is the same numbers."""
    return isinstance(returned, torch.Tensor) and near(given, returned) and leads_to(given, [returned])


def _add(sequence: Sequence, call: int, place: int) -> Any:
    def hook(g: Any) -> None:
        if sequence.quiet:
            return
        old = sequence.arrived.get((call, place))
        sequence.arrived[call, place] = g.detach().double() if old is None else old + g.detach().double()
        sequence.spent = False

    return hook


def _subtract(sequence: Sequence, call: int, place: int, through: Any = None) -> Any:
    def hook(g: Any) -> None:
        if sequence.quiet:
            return
        g = g if through is None else through(g)
        old = sequence.arrived.get((call, place), 0)
        sequence.arrived[call, place] = old - g.detach().double()
        largest = float(g.detach().abs().max()) if g.numel() else 0.0
        sequence.through[call, place] = max(largest, sequence.through.get((call, place), 0.0))

    return hook


def in_backward() -> bool:
    """Return whether a backward pass is running in this thread."""
    return torch._C._current_graph_task_id() != -1


def leads_to(value: Any, ends: list[Any]) -> bool:
    """Return whether autograd goes from a tensor to one of others within a few operations."""
    wanted = {v.grad_fn for v in ends if isinstance(v, torch.Tensor) and v.grad_fn is not None}
    seen: set[Any] = set()
    todo = [value.grad_fn]
    while todo and wanted and len(seen) < FEW:
        node = todo.pop(0)
        if node is None or node in seen:
            continue
        if node in wanted:
            return True
        seen.add(node)
        todo += [n for n, _ in node.next_functions]
    return False
