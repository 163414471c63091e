"""A step function of JAX as a subject: problem -> loss, gradients, outputs; its claim is what was read of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from inspect import isclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.modules.errors import UnreadError, check_given, unread
from gradcert.models.modules.parameters import given as made_of
from gradcert.models.modules.spelled import Read, Told, sizes_of
from gradcert.models.modules.step_claims import Given, at, beginning, title, told
from gradcert.models.reading.jaxpr.modules import as_step
from gradcert.models.reading.jaxpr.precision import double
from gradcert.reference.networks import Problem

Answer = tuple[float, dict[str, Any], Any]
DTYPES = ("float32", "float64")


class StepSubject:
    """A step function of JAX, or a cell of flax, as a subject, with the claim that its forward pass makes.

    Parameters
    ----------
    function : ``(params, state, x) -> (state, y)``, in another order too, or a module of flax.
    params : parameters, nested in any way; None for a module of flax, which makes its own.
    example : an input of one step, (batch, ...), or its shape.
    state : the state before the first step, for as many samples as the example has.
    order : of arguments and results, where it is not found out: ``'params, x, state -> y, state'``.

    Raises
    ------
    UnreadError : when its claim is asked for, for what cannot be read, or claimed.

    Examples
    --------
    >>> def step(params, h, x):
    ...     h = jnp.tanh(x @ params["w"] + h @ params["r"])
    ...     return h, h
    >>> params = {"w": np.ones((3, 4), "float32"), "r": np.ones((4, 4), "float32")}
    >>> subject = StepSubject(step, params, example=(2, 3), state=np.zeros((2, 4), "float32"))
    >>> subject.told.spec["rule"]
    'bptt'
    """

    def __init__(
        self, function: Any, params: Any = None, *, example: Any, state: Any = None, order: str | None = None
    ) -> None:
        def given() -> Given:
            shape = isinstance(example, (tuple, list))
            x = np.random.default_rng(0).standard_normal(example).astype("float32") if shape else example
            return Given(function, params, x, state, order)

        self._begin(function, given)

    @classmethod
    def later(cls, function: Any, given: Callable[[], Given]) -> StepSubject:
        """Return a subject whose examples are made when they are needed: a process that forks must not run JAX."""
        subject = cls.__new__(cls)
        subject._begin(function, given)
        return subject

    def _begin(self, function: Any, given: Callable[[], Given]) -> None:
        self._given = given
        self.reader: StepSubject = self
        self._kept: dict[tuple[int, ...], tuple[Read, Any]] = {}
        self._compiled: dict[Any, tuple[Any, Any]] = {}
        self.__wrapped__ = (
            function if hasattr(function, "__code__") or isclass(function) else type(function)
        )  # whose lines are looked at
        self.__module__, self.__qualname__ = self.__wrapped__.__module__, title(function)

    @cached_property
    def given(self) -> Given:
        """What it is read with."""
        return self._given()

    @cached_property
    def told(self) -> Told:
        """What it claims."""
        with unread():
            return told(self.given)

    @property
    def __gradcert_claim__(self) -> Any:
        return self.told

    @property
    def __gradcert_cells__(self) -> dict[str, str]:
        return self.told.cells

    @property
    def __gradcert_notes__(self) -> tuple[str, ...]:
        return self.told.notes

    def __gradcert_again__(self, found: StepSubject) -> StepSubject:
        """Return a subject after an edit of its source, which is asked as this one was read."""
        found.reader = self
        return found

    def read(self, sizes: tuple[int, ...]) -> tuple[Read, Any]:
        """Return the reading at the sizes of a network, and how they are made."""
        if sizes not in self._kept:
            self._kept[sizes] = at(self.given, self.told, sizes)
        return self._kept[sizes]

    def __call__(self, problem: Problem) -> Answer:
        """Return loss, gradients and outputs of a problem.

        Raises
        ------
        UnreadError : for a problem that no step function can be given.
        """
        check_given(problem, "a step")
        if problem.dtype not in DTYPES:
            raise UnreadError(f"a step function of JAX in {problem.dtype}", allowed=" or ".join(DTYPES))
        sizes, dtype = sizes_of(problem.network), problem.dtype
        with unread():
            read, swap = self.reader.read(sizes)
        own = {name: np.asarray(p) for name, p in read.parameters.items()}
        put = made_of(read.parts, own, problem.parameters)
        loss, batch = problem.network.loss, problem.inputs.shape[1]
        with _computing(dtype):
            if (sizes, dtype) not in self._compiled:
                self._compiled[sizes, dtype] = _passes(self._call(read, swap))
            forwards, backwards = self._compiled[sizes, dtype]
            params = {name: jnp.asarray(v, dtype=dtype) for name, v in {**own, **put.values}.items()}
            xs = jnp.asarray(problem.inputs, dtype=dtype)
            xs = xs.reshape(*xs.shape[:2], *read.reading.example.shape[1:])
            held = [jnp.asarray(v, dtype=dtype) for v in beginning(read, batch)]
            outputs = np.asarray(forwards(params, xs, held))
            delta = loss.gradient(outputs, problem.targets, problem.numbers, problem.weights)
            found = backwards(params, xs, held, jnp.asarray(delta, dtype=outputs.dtype))
        gradients = put.pulled({name: np.asarray(g) for name, g in found.items()}, problem.parameters)
        weighted = () if problem.weights is None else (problem.weights,)
        value = (loss.weighted if weighted else loss.value)(outputs, problem.targets, problem.numbers, *weighted)
        return float(value), gradients, outputs

    def _call(self, read: Read, swap: Any) -> Any:
        """Return how this function is called, which the reading may be of before an edit."""
        mine = self.given.at(swap)
        return replace(read.reading.way, function=as_step(mine.function, mine.params, mine.x, mine.state).function)


def _passes(call: Any) -> tuple[Any, Any]:
    """Return the outputs of a step that is scanned, and what takes a derivative at them to the parameters."""

    def outputs(params: Any, xs: Any, held: list[Any]) -> Any:
        def one(state: list[Any], x: Any) -> Any:
            found, new = call(params, x, state)
            return new, found[0].reshape(x.shape[0], -1)

        return jax.lax.scan(one, held, xs)[1]

    def gradients(params: Any, xs: Any, held: list[Any], delta: Any) -> Any:
        return jax.vjp(lambda p: outputs(p, xs, held), params)[1](delta)[0]

    return jax.jit(outputs), jax.jit(gradients)


def _computing(dtype: str) -> AbstractContextManager[None]:
    """Compute in a precision; in double, code that casts to single is run in double."""
    return double() if dtype == "float64" else jax.enable_x64(False)
