"""How a step function is called: its parameters by name, its state, which argument and which result is which."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from gradcert.reference.errors import GradcertError

ORDERS = "such as 'params, state, x -> state, y'"
INPUT = ("x", "xs", "x_t", "xt", "input", "inputs", "u", "obs")
CONCRETE = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError)
# folders whose code is not the user's
INSTALLED = os.path.dirname(os.path.dirname(jax.__file__))
LIBRARIES = (*(os.path.join(INSTALLED, name) for name in ("jax", "jaxlib", "flax")), os.path.dirname(__file__))
HELD = ("state", "carry", "h", "hidden", "s", "c", "memory", "z", "v")


@dataclass(frozen=True)
class Call:
    """A step function of parameters, input and state, whatever the order it has them in.

    Attributes
    ----------
    function : as it is called. `title` : what it is called.
    taken, given : the order of its arguments, of ``params``, ``state``, ``x``; of its results, of ``state``, ``y``.
    leaves, spec : every leaf of the parameters, and how they are nested. `names` : of those that are trained, by place.
    state_spec : how the state is nested. `notes` : what was taken by convention.
    either : whether each of two results is like the state, so that by JAX's convention it is the first.
    """

    function: Callable[..., Any]
    title: str
    taken: tuple[str, ...]
    given: tuple[str, ...]
    leaves: tuple[Any, ...]
    spec: Any
    names: Mapping[int, str]
    state_spec: Any
    notes: tuple[str, ...] = ()
    either: bool = False

    def parameters(self) -> dict[str, Any]:
        """Return the trained leaves by name."""
        return {name: self.leaves[k] for k, name in self.names.items()}

    def named(self, tree: Any) -> dict[str, Any]:
        """Return the leaves of a tree that is nested like the parameters, by name.

        Raises
        ------
        GradcertError : for a tree without one of them.
        """
        found = {_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}
        missing = [name for name in self.names.values() if name not in found]
        if missing:
            raise GradcertError(
                f"a tree with {', '.join(list(found)[:20]) or 'nothing'}, without {', '.join(missing)}",
                allowed="one that is nested like the parameters that the step was read with",
            )
        return {name: found[name] for name in self.names.values()}

    def nested(self, parameters: Mapping[str, Any]) -> Any:
        """Return values by name as the parameters are nested; what is not trained is as it was given."""
        own = [parameters[self.names[k]] if k in self.names else leaf for k, leaf in enumerate(self.leaves)]
        return jax.tree_util.tree_unflatten(self.spec, own)

    def raw(self, parameters: Mapping[str, Any], x: Any, state: list[Any]) -> Any:
        """Return what the function returns."""
        held = jax.tree_util.tree_unflatten(self.state_spec, state)
        values = {"params": self.nested(parameters), "state": held, "x": x}
        return self.function(*(values[name] for name in self.taken))

    def __call__(self, parameters: Mapping[str, Any], x: Any, state: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return outputs and new state, leaf by leaf."""
        result, flat = self.raw(parameters, x, state), jax.tree_util.tree_leaves
        if self.given == ("y",):
            return flat(result), []
        if self.given == ("state",):
            return flat(result), flat(result)
        place = self.given.index("state")
        rest = [part for k, part in enumerate(result) if k != (place if place == 0 else len(result) - 1)]
        return flat(rest), flat(result[0] if place == 0 else result[-1])


def call_of(function: Any, params: Any, x: Any, state: Any, order: str | None, title: str) -> Call:
    """Find out how a step function is called.

    Raises
    ------
    GradcertError : if no order of its arguments runs, or what it returns holds no state like the one that went in.
    """
    paths, spec = jax.tree_util.tree_flatten_with_path(params)
    leaves = tuple(leaf for _, leaf in paths)
    names = {k: _name(path) for k, (path, leaf) in enumerate(paths) if _is_float(leaf)}
    if len({*names.values()}) < len(names):
        raise GradcertError("two parameters of one name", allowed="names in dicts, fields of dataclasses")
    held, state_spec = jax.tree_util.tree_flatten(state)
    for leaf in held:
        if not _is_float(leaf):
            raise GradcertError(
                f"a state with a part that is {getattr(leaf, 'dtype', type(leaf).__name__)}",
                allowed="arrays of floats",
                do="keep keys and counters out of the state",
            )
    base = Call(function, title, (), (), leaves, spec, names, state_spec)
    said_in, said_out = _said(order)
    first_error: Exception | None = None
    orders = [said_in] if said_in else _orders(function, params is not None, bool(held))
    fitting: list[Call] = []
    for taken in orders:
        trial = replace(base, taken=taken)
        try:
            shape = jax.eval_shape(lambda p, s, trial=trial: trial.raw(p, x, s), base.parameters(), held)
        except GradcertError:
            raise
        except Exception as error:  # whatever a stranger's code raises
            first_error = first_error or error
            continue
        found = said_out or _returned(shape, held, state_spec)
        if found:
            either = not said_out and len(found) > 1 and _returned(shape[::-1], held, state_spec) == found
            fitting.append(replace(trial, given=found, either=either))
    if not fitting:
        if first_error is not None and (len(orders) == 1 or isinstance(first_error, CONCRETE)):
            raise _own_error(title, first_error)
        raise GradcertError(
            f"{title}, called with {' or '.join('(' + ', '.join(o) + ')' for o in orders)}: "
            + (_short(first_error) if first_error else "what it returns holds no state like the one that went in"),
            allowed="a step that takes params, a state and x, and returns the state, of the same shapes, and outputs",
            do=f"say the order: order='...', {ORDERS}",
        )
    if len(fitting) > 1 and not _by_name(function):
        return replace(fitting[0], notes=("the state was taken to come before x, as in JAX's scan: order= says",))
    return fitting[0]


def _own_error(title: str, error: Exception) -> GradcertError:
    place = _line(error)
    at = f" at {place}" if place else ""
    if isinstance(error, CONCRETE):
        return GradcertError(
            f"{title} branches{at} on a value that depends on its parameters, state or input",
            do="write it without if and float(), with jnp.where or a product",
        )
    return GradcertError(f"{title} raised {type(error).__name__}{at}: {_short(error)}")


def _line(error: Exception) -> str:
    """Return file and line of the innermost of the user's own code in a traceback."""
    found, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((*LIBRARIES, "<")):
            found = f"{os.path.basename(name)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _short(error: Exception | None) -> str:
    return " ".join(str(error).split())[:200]


def _said(order: str | None) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Read an order that was said."""
    if order is None:
        return None, None
    left, arrow, right = order.partition("->")
    taken, given = (tuple(part.replace(" ", "").split(",")) if part.strip() else () for part in (left, right))
    if (
        set(taken) - {"params", "state", "x"}
        or "x" not in taken
        or set(given) - {"state", "y"}
        or (arrow and not given)
    ):
        raise GradcertError(f"order={order!r}", allowed=ORDERS)
    return taken, given or None


def _orders(function: Any, has_params: bool, has_state: bool) -> list[tuple[str, ...]]:
    """Return the orders of arguments to try, that of the names first, then JAX's own, the state before the input."""
    first = ("params",) * has_params
    if not has_state:
        return [(*first, "x")]
    both = [(*first, "state", "x"), (*first, "x", "state")]
    named = _by_name(function)
    return both[::-1] if named == "x" else both


def _by_name(function: Any) -> str:
    """Return which of state and input comes first by the names of the arguments; "" where they do not say."""
    try:
        names = [name for name, p in inspect.signature(function).parameters.items() if p.default is p.empty]
    except (TypeError, ValueError):
        return ""
    for name in names:
        if name.lower() in INPUT:
            return "x"
        if name.lower() in HELD:
            return "state"
    return ""


def _returned(shape: Any, held: list[Any], spec: Any) -> tuple[str, ...] | None:
    """Return which result is the state; None if none is like it."""

    def alike(part: Any) -> bool:
        flat, own = jax.tree_util.tree_flatten(part)
        shapes = [(leaf.shape, leaf.dtype.kind) for leaf in flat]
        return own == spec and shapes == [(leaf.shape, leaf.dtype.kind) for leaf in held]

    if not held:
        return ("y",)
    if isinstance(shape, tuple) and len(shape) > 1 and not hasattr(shape, "_fields"):
        if alike(shape[0]):
            return ("state", "y")
        if alike(shape[-1]):
            return ("y", "state")
    return ("state",) if alike(shape) else None


def _is_float(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def _name(path: tuple[Any, ...]) -> str:
    """Return the name of a leaf: ``dense.kernel``, without flax's own ``params`` and ``value``."""
    parts = [str(getattr(p, "key", getattr(p, "name", getattr(p, "idx", p)))) for p in path]
    parts = parts[1:] if len(parts) > 1 and parts[0] == "params" else parts
    parts = parts[:-1] if len(parts) > 1 and parts[-1] == "value" else parts
    return ".".join(parts) or "params"
