"""How gradients of a network's parameters become those of a module's, as data.

Each network parameter is a function of the module's; its derivative, at one set of weights, is a linear map. Most are
entry to entry: a weight as it is, transposed, negative, through a sigmoid. Those are an index and a factor per
entry of the module's parameter; what mixes entries is a matrix, where it is small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.outside import array, record

MOST = 2**18  # entries of a matrix
CLOSE = 1e-12  # of the largest entry, by which a map may miss what autograd gives: both are a few roundings of float64


@dataclass(frozen=True)
class Pull:
    """From a network's parameter to a module's.

    Attributes
    ----------
    source, target : their names. `shape` : of the target.
    factor : a number, or one for each entry of the target.
    index : for each entry of the target the entry of the source, flat; None where they are in the same order.
    matrix : (target entries, source entries), in place of factor and index.
    """

    source: str
    target: str
    shape: tuple[int, ...]
    factor: Array
    index: Array | None = None
    matrix: Array | None = None

    def __call__(self, gradient: Array) -> Array:
        """Return its part of the gradient of the module's parameter."""
        flat = gradient.reshape(-1)
        if self.matrix is not None:
            found = self.matrix @ flat
        else:
            found = self.factor * (flat if self.index is None else flat[self.index])
        return np.asarray(found).reshape(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        out: dict[str, Any] = {"source": self.source, "target": self.target}
        if self.matrix is not None:
            return {**out, "matrix": self.matrix.tolist()}
        out["factor"] = self.factor.tolist()
        return out if self.index is None else {**out, "index": self.index.tolist()}


def pulled(pulls: Sequence[Pull], gradients: Mapping[str, Array], shapes: Mapping[str, Any]) -> dict[str, Array]:
    """Return the gradients of a module's parameters of the given shapes."""
    out = {name: np.zeros(shape) for name, shape in shapes.items()}
    for pull in pulls:
        out[pull.target] = out[pull.target] + pull(gradients[pull.source])
    return out


def pulls_of(written: Any, parameters: Mapping[str, Any], *, coded: bool = False) -> tuple[Pull, ...]:
    """Return the maps of a module that was read, at given weights.

    Parameters
    ----------
    coded : whether parameters are cut where the module's own code cuts them.

    Raises
    ------
    GradcertError : for a parameter that mixes too many entries of another one.
    """
    arrays = written.arrays(parameters)
    none = {name: np.zeros(value.shape) for name, value in arrays.items()}

    def back(source: str, g: Array) -> dict[str, Array]:
        found = written.pulled({**none, source: g.reshape(none[source].shape)}, parameters, coded=coded)
        return {name: np.asarray(value) for name, value in found.items()}

    out: list[Pull] = []
    for source, value in arrays.items():
        out += _from(source, value.size, back)
    return tuple(out)


def _from(source: str, size: int, back: Callable[[str, Array], dict[str, Array]]) -> list[Pull]:
    """Return the maps from one parameter of the network to the module's; found by probes, and tried on another one."""
    factors, weighted = back(source, np.ones(size)), back(source, np.arange(1.0, size + 1))
    probe = np.random.default_rng(0).uniform(0.5, 1.0, size)
    wanted, out = back(source, probe), list[Pull]()
    for target, found in factors.items():
        factor, want, weight = found.reshape(-1), wanted[target].reshape(-1), weighted[target].reshape(-1)
        if not (factor.any() or want.any() or weight.any()):
            continue
        made = _by_entries(source, target, found.shape, size, factor, weight)
        if made is not None and _near(made(probe).reshape(-1), want):
            out.append(made)
            continue
        if size * factor.size > MOST:
            raise GradcertError(
                f"{source}, each entry of which is made of many of {target}",
                allowed="parameters that act entry by entry",
            )
        columns = [back(source, row)[target].reshape(-1) for row in np.eye(size)]
        out.append(Pull(source, target, found.shape, np.asarray(1.0), matrix=np.stack(columns, axis=1)))
    return out


def _by_entries(
    source: str, target: str, shape: tuple[int, ...], size: int, factor: Array, weighted: Array
) -> Pull | None:
    """Return a map that takes entries to entries, if what comes back of their numbers are numbers of entries."""
    with np.errstate(all="ignore"):
        index = np.where(factor != 0, np.round(weighted / factor), 1.0) - 1
    if not (np.isfinite(index).all() and (index >= 0).all() and (index < size).all()):
        return None
    number = float(factor[0]) if (factor == factor[0]).all() else None
    plain = len(index) == size and bool((index == np.arange(size)).all())
    return Pull(
        source,
        target,
        shape,
        np.asarray(number) if number is not None else factor,
        None if plain else index.astype(int),
    )


def _near(a: Array, b: Array) -> bool:
    return float(np.abs(a - b).max(initial=0.0)) <= CLOSE * float(np.abs(b).max(initial=0.0))


def pull_from(given: Any, sources: Mapping[str, Any], targets: Mapping[str, Any]) -> Pull:
    """Read a map back.

    Parameters
    ----------
    sources, targets : shapes of what it leads from and to.

    Raises
    ------
    GradcertError : for a map that does not fit them.
    """
    spec = record(given, "a map of parameters", needs=("source", "target"))
    source, target = spec["source"], spec["target"]
    if not isinstance(source, str) or not isinstance(target, str) or source not in sources or target not in targets:
        raise GradcertError(f"a map from {source!r} to {target!r}", allowed="names of parameters that are in the file")
    shape = tuple(targets[target])
    many, size = (int(np.prod(s, dtype=int)) for s in (sources[source], shape))
    what = f"the map from {source} to {target}"
    if "matrix" in spec:
        matrix = array(spec["matrix"], what)
        if matrix.shape != (size, many):
            raise GradcertError(f"{what} of shape {matrix.shape}", allowed=f"{(size, many)}")
        return Pull(source, target, shape, np.asarray(1.0), matrix=matrix)
    factor = array(spec.get("factor"), what)
    if factor.shape not in ((), (size,)):
        raise GradcertError(f"{what} with factors of shape {factor.shape}", allowed=f"one number, or {size}")
    if "index" not in spec:
        if many != size:
            raise GradcertError(f"{what} from {many} entries to {size}", do="say which is which: index")
        return Pull(source, target, shape, factor)
    index = array(spec["index"], what)
    if index.shape != (size,) or not ((index >= 0) & (index < many) & (index == np.floor(index))).all():
        raise GradcertError(f"{what} with indices that do not fit", allowed=f"{size} whole numbers below {many}")
    return Pull(source, target, shape, factor, index.astype(int))
