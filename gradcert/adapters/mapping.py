"""How a library's parameter is made of the problem's: transposed, stacked, negated, reparametrised.

The values go forward through the map, and the gradient with respect to the library's parameter goes back through the
map's own derivative, which the library's autograd supplies. So a map is written once, in the forward direction. Arrays
may be of PyTorch, JAX or NumPy: a map uses only operations that the three spell alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.reference.errors import GradcertError


class MapError(GradcertError):
    """What an adapter was told does not fit the module or the problem: a usage error, not a wrong gradient.

    Known by its name where a subject's process says what it raised (`gradcert.certify.subjects.answers`).
    """


@dataclass(frozen=True)
class Map:
    """A parameter of a library as a function of the problem's parameters.

    Attributes
    ----------
    names : the problem's parameters that it reads.
    function : takes the mapping of all of them.
    """

    names: tuple[str, ...]
    function: Callable[[Mapping[str, Any]], Any]

    def __call__(self, p: Mapping[str, Any]) -> Any:
        """Return the library's parameter."""
        return self.function(p)


Source = str | Map


def named(source: Source) -> Map:
    """Return the map of a bare name: the parameter as it is.

    Examples
    --------
    >>> named("W")({"W": 1.0})
    1.0
    """
    return source if isinstance(source, Map) else Map((source,), lambda p: p[source])


def transposed(source: Source) -> Map:
    """Return the transpose: weights stored as (in, out), as Flax, Keras and BrainTrace do.

    Examples
    --------
    >>> import numpy as np
    >>> transposed("W")({"W": np.array([[1, 2], [3, 4]])})
    array([[1, 3],
           [2, 4]])
    """
    inner = named(source)
    return Map(inner.names, lambda p: inner(p).T)


def negated(source: Source) -> Map:
    """Return the opposite sign: a bias inside ``h(v + b)`` is minus the threshold.

    Examples
    --------
    >>> negated("threshold")({"threshold": 1.5})
    -1.5
    """
    inner = named(source)
    return Map(inner.names, lambda p: -inner(p))


def stacked(*sources: Source, axis: int = 0) -> Map:
    """Return arrays one after the other: the gates of one matrix, in the library's order, or ``[x, h]`` in one weight.

    Examples
    --------
    >>> import numpy as np
    >>> stacked("b_i", "b_f")({"b_i": np.array([1]), "b_f": np.array([2])})
    array([1, 2])
    """
    inner = [named(source) for source in sources]
    if not inner:
        raise GradcertError("stacked() of nothing", allowed="one parameter or more")
    names = tuple(dict.fromkeys(name for part in inner for name in part.names))

    def stack(p: Mapping[str, Any]) -> Any:
        parts = [part(p) for part in inner]
        return namespace(parts[0]).concatenate(parts, axis=axis)

    return Map(names, stack)


def zeros(source: Source) -> Map:
    """Return zeros shaped like a parameter, for one that is redundant, as the second bias of PyTorch's gates is.

    Examples
    --------
    >>> import numpy as np
    >>> zeros("b")({"b": np.array([3.0])})
    array([0.])
    """
    inner = named(source)
    return Map(inner.names, lambda p: namespace(inner(p)).zeros_like(inner(p)))


def logit(source: Source) -> Map:
    """Return log(p / (1 - p)), where the library keeps a leak as the sigmoid of its parameter.

    Examples
    --------
    >>> import numpy as np
    >>> float(logit("leak")({"leak": np.array(0.5)}))
    0.0
    """
    inner = named(source)

    def inverse(p: Mapping[str, Any]) -> Any:
        value = inner(p)
        return namespace(value).log(value / (1 - value))

    return Map(inner.names, inverse)


def logarithm(source: Source, *, times: float = 1.0) -> Map:
    """Return times * log p, where the library keeps exp(parameter / times): a leak as exp(-dt / tau) has times = -1.

    Examples
    --------
    >>> import numpy as np
    >>> float(logarithm("leak", times=-1.0)({"leak": np.array(1.0)})) == 0
    True
    """
    inner = named(source)
    return Map(inner.names, lambda p: times * namespace(inner(p)).log(inner(p)))


def computed(function: Callable[..., Any], *names: str) -> Map:
    """Return any function of named parameters, for what the other maps cannot say.

    Examples
    --------
    >>> computed(lambda leak: 1 - leak, "leak")({"leak": 0.75})
    0.25
    """
    return Map(names, lambda p: function(*(p[name] for name in names)))


def check(maps: Mapping[str, Source], has: Mapping[str, Any], existing: frozenset[str] | None = None) -> dict[str, Map]:
    """Return the maps that apply, or raise: every parameter on either side has to be spoken for.

    Parameters
    ----------
    maps : the library's parameter -> how it is made.
    has : the problem's parameters.
    existing : names of the library's parameters; None where a function takes whatever it is given.

    Raises
    ------
    MapError : with the names that are left over.

    Examples
    --------
    >>> sorted(check({"weight": "W", "bias": "b"}, {"W": 1.0}, frozenset({"weight"})))
    ['weight']
    """
    every = {name: named(source) for name, source in maps.items()}
    chosen = {name: source for name, source in every.items() if set(source.names) <= set(has)}
    existing = frozenset(chosen) if existing is None else existing
    absent = sorted(set(chosen) - existing)
    if absent:
        raise MapError(f"there is no parameter {', '.join(absent)}", allowed=", ".join(sorted(existing)) or "none")
    free = sorted(existing - set(chosen))
    if free:
        raise MapError(
            f"nothing is mapped to {', '.join(free)}",
            allowed=f"functions of {', '.join(has)}",
            do="map each, if only by zeros(...), or build the module without it",
        )
    unread = sorted(set(has) - {name for m in chosen.values() for name in m.names})
    if unread:
        raise MapError(
            f"no parameter is made of {', '.join(unread)}",
            allowed=", ".join(sorted(existing)) or "none",
            do="map it, or claim cells without it (options bias, recurrent, train)",
        )
    return chosen


def namespace(array: Any) -> Any:
    """Return the module of functions for an array: torch, jax.numpy or numpy."""
    kind = type(array).__module__.partition(".")[0]
    if kind in ("jax", "jaxlib"):
        return sys.modules["jax.numpy"]
    return sys.modules["torch" if kind == "torch" else "numpy"]
