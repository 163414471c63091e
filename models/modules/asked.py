"""A module as a subject: problem -> loss, gradients, outputs; its claim is what was read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from gradcert.models.modules.build import maker
from gradcert.models.modules.claims import How, at, settled, told
from gradcert.models.modules.errors import check_given, unread
from gradcert.models.modules.parameters import Given, given
from gradcert.models.modules.spelled import Read, Told, sizes_of
from gradcert.models.modules.training import put
from gradcert.models.reading.pytorch.held import peek, poke, slots
from gradcert.models.reading.pytorch.recorder import Double, default_dtype
from gradcert.reference.networks import Problem

FRESH = "modules are built anew for every call: whether one keeps state from sequence to sequence was not looked at"
Answer = tuple[float, dict[str, Any], Any] | dict[str, Any]


class ModuleSubject:
    """A module as a subject, with the claim that its forward pass makes; it is read when that is asked for.

    Parameters
    ----------
    found : a class of modules, a factory, a `functools.partial` of either with its arguments, or a module.
    example : shape of an input of one step, with the batch first; by default one of the sizes that its weights have.
    state : the state before the first step, or module -> that, for as many samples as the example has (2); by default
        zeros of the shapes that the module takes and returns, by trying.
    time : the axis of time, 0 or 1, of a module that takes sequences, whose example is one; by default that is tried.
    """

    def __init__(
        self,
        found: Any,
        *,
        example: tuple[int, ...] | None = None,
        state: Any = None,
        time: int | None = None,
    ) -> None:
        self.build = maker(found)
        start = state if state is None or callable(state) else lambda module: state
        self.how: How = How(example, start, time)
        self.reader: ModuleSubject = self
        self._kept: dict[tuple[int, ...], tuple[Read, dict[str, int]]] = {}
        # whose lines are looked at: the class's, or the factory's
        self.__wrapped__ = self.build.make if self.build.make is not None else type(self.build.module)
        self.__module__, self.__qualname__ = self.__wrapped__.__module__, self.build.name

    @cached_property
    def told(self) -> Told:
        """What it claims.

        Raises
        ------
        UnreadError : for what cannot be read, or claimed.
        """
        with unread():
            return told(self.build, self.settled)

    @cached_property
    def settled(self) -> How:
        """How it is read, its axis of time found."""
        return settled(self.build, self.how)

    @property
    def __gradcert_claim__(self) -> Any:
        return self.told

    @property
    def __gradcert_cells__(self) -> dict[str, str]:
        return self.told.cells

    @property
    def __gradcert_notes__(self) -> tuple[str, ...]:
        return (FRESH, *self.told.notes)

    def __gradcert_again__(self, found: Any) -> ModuleSubject:
        """Return a subject after an edit of its source, which is asked as this one was read."""
        out = found if isinstance(found, ModuleSubject) else ModuleSubject(found)
        out.reader = self
        return out

    def read(self, sizes: tuple[int, ...]) -> tuple[Read, dict[str, int]]:
        """Return the reading at the sizes of a network, and the arguments that make them."""
        if sizes not in self._kept:
            self._kept[sizes] = at(self.build, self.settled, self.told, sizes)
        return self._kept[sizes]

    def __call__(self, problem: Problem) -> Answer:
        """Return loss, gradients and outputs of a problem; gradients alone where the module returns no output a step.

        Raises
        ------
        UnreadError : for a problem that no module can be given.
        """
        check_given(problem, "a module")
        with unread():
            read, values = self.reader.read(sizes_of(problem.network))
        dtype = getattr(torch, problem.dtype)
        module = cast(put(self.build(values), trains=self.reader.settled.trains), dtype)
        held = Put.of(read, module, problem, dtype)
        with computing(dtype):
            loss, outputs = _ran(read, module, problem, dtype)
        gradients = held.pulled({name: p.grad for name, p in module.named_parameters()}, problem)
        return gradients if outputs is None else (loss, gradients, outputs)


@dataclass(frozen=True)
class Put:
    """A problem's parameters in a module."""

    given: Given
    leaves: Mapping[str, Any]

    @classmethod
    def of(cls, read: Read, module: Any, problem: Problem, dtype: Any) -> Put:
        """Give a module a problem's parameters, in place; what it has in ``.grad`` stays."""
        own = dict(module.named_parameters())
        made = given(read.parts, {name: array(p).astype("float64") for name, p in own.items()}, problem.parameters)
        for name, value in made.values.items():
            own[name].data = torch.tensor(value).to(dtype)
        return cls(made, problem.parameters)

    def pulled(self, found: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
        """Return gradients with respect to a problem's parameters from those with respect to the module's."""
        there = {name: array(g) for name, g in found.items() if g is not None}
        return {k: v.astype(problem.inputs.dtype) for k, v in self.given.pulled(there, self.leaves).items()}


@contextmanager
def computing(dtype: Any) -> Iterator[None]:
    """Make a dtype PyTorch's default; in double precision, code that casts to single is run in double."""
    with Double() if dtype is torch.float64 else default_dtype(dtype):
        yield


def _ran(read: Read, module: Any, problem: Problem, dtype: Any) -> tuple[float, Any]:
    """Run a module over the sequence of a problem, and back; return its loss and outputs."""
    way, batch = read.reading.way, problem.inputs.shape[1]
    shape = read.reading.example.shape[1:]
    xs = torch.tensor(problem.inputs, dtype=dtype).reshape(*problem.inputs.shape[:2], *shape)
    if way.whole is not None:
        out = way.split(module(way.arranged(xs)))[0][0]
        how = read.reading.collects[0]
    else:
        state = _beginning(read, batch, dtype)
        outputs = []
        for x in xs:
            found, state = way.call(module, x, state)
            outputs.append(found[0].reshape(batch, -1))
        out, how = torch.stack(outputs), "every step"
    steps, loss = len(xs), problem.network.loss
    every = how.startswith("every step")
    flat = out.transpose(0, 1) if how == "every step, samples first" else out
    values = array(flat.detach().reshape(*((steps, batch) if every else (batch,)), -1))
    if every:
        whole = values
    elif how == "the sum over steps":
        whole = np.concatenate([values[None], np.zeros((steps - 1, *values.shape), values.dtype)])
    else:
        whole = np.repeat(values[None], steps, 0)
    delta = loss.gradient(whole, problem.targets, problem.numbers, problem.weights)
    if not every:
        delta = delta[0] if how == "the sum over steps" else delta.sum(0)
    if out.requires_grad:
        flat.backward(torch.tensor(delta, dtype=flat.dtype).reshape(flat.shape))
    weights = problem.weights
    value = (
        loss.value(whole, problem.targets, problem.numbers)
        if weights is None
        else loss.weighted(whole, problem.targets, problem.numbers, weights)
    )
    return float(value), values if every else None


def _beginning(read: Read, batch: int, dtype: Any) -> list[Any]:
    """Return the state that a module is passed first, for so many samples."""
    axis = 0 if read.reading.way.time is None else 1  # torch.nn.LSTM has the layers first
    slots_ = read.reading.step.slots[: read.reading.step.explicit]
    return [s.initial.to(dtype).narrow(axis, 0, 1).repeat_interleave(batch, axis) for s in slots_]


def cast(module: Any, dtype: Any) -> Any:
    """Bring a module into a dtype, tensors in plain attributes included; hooks stay where they are."""
    module.to(dtype)
    for slot in slots(module).values():
        value = peek(slot)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            poke(slot, value.detach().to(dtype))
    return module


def array(tensor: Any) -> Any:
    """Return a tensor as a NumPy array; one of bfloat16, which NumPy has not, in float32."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
