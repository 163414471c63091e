"""What a step function of JAX claims, as its reading says it, and the sizes that it can be read at.

A step takes its sizes from its parameters: arrays of other shapes are another size of it. Which axes are which size is
found by trying: every axis as long as a size of the network is made as long as another number, and what is then read
has to be the same cells at those sizes. Else the claim fixes its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.parameters import parts
from gradcert.models.modules.recorded_jvp import formula
from gradcert.models.modules.spelled import (
    LARGEST,
    SMALL,
    Read,
    Told,
    alike,
    at_sizes,
    check_begin,
    is_stack,
    spelled,
)
from gradcert.models.reading.forward import forward_alone
from gradcert.models.reading.jaxpr.call import Call
from gradcert.models.reading.jaxpr.check import parameters_of, rows_by_cuts
from gradcert.models.reading.jaxpr.modules import is_flax
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.jaxpr.reader import recorded
from gradcert.models.reading.network.graphs import as_graph

Swap = Mapping[int, int]  # the own size of something -> another one


def title(function: Any) -> str:
    """Return what a step function is called."""
    return str(getattr(function, "__name__", type(function).__name__))


@dataclass(frozen=True)
class Given:
    """What a step function is read with.

    Attributes
    ----------
    function : it, or a module of flax. `params`, `x`, `state` : examples. `order` : of its arguments, where it is said.
    """

    function: Any
    params: Any
    x: Any
    state: Any
    order: str | None = None

    @property
    def title(self) -> str:
        """What it is called."""
        return title(self.function)

    def at(self, swap: Swap) -> Given:
        """Return it at other sizes."""
        if not swap:
            return self
        batch = self.x.shape[0]

        def resized(leaf: Any, start: int) -> Any:
            if not hasattr(leaf, "dtype") or not jnp.issubdtype(leaf.dtype, jnp.floating):
                return leaf
            shape = (*leaf.shape[:start], *(swap.get(n, n) for n in leaf.shape[start:]))
            return np.resize(np.asarray(leaf), shape)  # its own values again, so that a leak stays one

        def of_state(leaf: Any) -> Any:
            return resized(leaf, 1 if getattr(leaf, "ndim", 0) > 1 and leaf.shape[0] == batch else 0)

        params, state = jax.tree_util.tree_map(lambda p: resized(p, 0), self.params), self.state
        state = jax.tree_util.tree_map(of_state, state)
        return Given(_with_sizes(self.function, swap), params, resized(self.x, 1), state, self.order)


def _with_sizes(function: Any, swap: Swap) -> Any:
    """Return a module of flax.linen with other numbers of units; what is another function is as it was."""
    if not is_flax(function) or not is_dataclass(function) or not hasattr(function, "clone"):
        return function
    own = {f.name: getattr(function, f.name, None) for f in fields(function) if f.init}
    return function.clone(**{k: swap[v] for k, v in own.items() if type(v) is int and v in swap})


def read(given: Given, *, graph: bool = False) -> Read:
    """Read the forward pass of a step function.

    Raises
    ------
    GradcertError : for what cannot be read, or written as a network.
    """
    with forward_alone():
        reading = recorded(given.function, given.params, given.x, given.state, given.order)
        with double():
            made = as_graph(reading) if graph else reading.unchecked()
            own = parameters_of(reading)
            found = parts(made, {name: np.asarray(p) for name, p in own.items()})
    return Read(reading, made, found, own)


def told(given: Given) -> Told:
    """Read a step function and return what it claims.

    Raises
    ------
    GradcertError : for what cannot be read or claimed.
    """
    base = read(given)
    if base.written.full.graph is None and not is_stack(base):
        base = read(given, graph=True)
    check_begin(base)
    with forward_alone():
        rows = rows_by_cuts(base.written)
    swap, sizes, free = _sizes(given, base)
    found = spelled(base, given.title, rows, () if free else sizes, formula)
    at = ", ".join(map(str, sizes))
    alike = bool(swap) and len(set(base.sizes)) < len(base.sizes)
    why = "two of its sizes are one in the example" if alike else "its parameters or its code have no other"
    notes = [] if free else [f"{given.title} is judged at sizes {at} alone: {why}"]
    spec = dict(found.spec)
    if not _any_batch(base):
        spec["B"] = base.reading.batch
        notes.append(f"{given.title} is judged with {base.reading.batch} samples: its code has no other number")
    controls = base.sizes if swap else ()
    return replace(found, spec=spec, controls=controls, notes=(*found.notes, *notes, *base.reading.notes))


def _sizes(given: Given, base: Read) -> tuple[Swap, tuple[int, ...], bool]:
    """Return how sizes are made others, small ones or the own, and whether they may be any."""
    own = base.sizes
    small = {n: SMALL[k % len(SMALL)] for k, n in reversed(list(enumerate(own)))}
    name = given.title
    graph = "network" in spelled(base, name, (), own, formula).spec

    def fits(swap: Swap) -> bool:
        try:
            found = read(given.at(swap), graph=graph)
            same = alike(found, base, name, formula)
        except Exception:  # a size that the function does not take
            return False
        return same and found.sizes == tuple(swap[n] for n in own)

    if given.x.ndim == 2 and fits(small):
        free = len(set(own)) == len(own) and fits(dict.fromkeys(own, 1))
        return small, own if free else tuple(small[n] for n in own), free
    if max(own) > LARGEST:
        raise UnreadError(
            f"{name} at sizes {', '.join(map(str, own))}",
            allowed=f"a step that takes its sizes from its parameters, or sizes up to {LARGEST}",
            do="give a smaller example and parameters for it; or judge it where it runs: gradcert.watch",
        )
    return {}, own, False


def _any_batch(base: Read) -> bool:
    """Return whether a step takes another number of samples."""
    call: Call = base.reading.way
    with double():
        x = jnp.concatenate([base.reading.example] * 2)
        try:
            jax.eval_shape(lambda: call.raw(call.parameters(), x, beginning(base, len(x))))
        except Exception:  # whatever a stranger's code raises
            return False
    return True


def beginning(base: Read, samples: int) -> list[Any]:
    """Return the state before the first step, for so many samples."""
    own = base.reading.batch
    firsts = [np.asarray(slot.initial) for slot in base.reading.step.slots]
    return [np.repeat(v[:1], samples, axis=0) if v.ndim and len(v) == own else v for v in firsts]


def at(given: Given, said: Told, sizes: tuple[int, ...]) -> tuple[Read, Swap]:
    """Read a step function at the sizes of a problem; return how they were made, too.

    Raises
    ------
    UnreadError : if it cannot be read at them.
    """
    swap = dict(zip(said.controls, sizes, strict=bool(said.controls)))
    found = read(given.at(swap), graph="network" in said.spec)
    return at_sizes(found, said, given.title, sizes), swap
