"""A cell whose weighted sums are normalised over the units of its layer, and whose weights may be standardised.

Mean and variance are nodes of the cell, reached through a fixed link that mixes units (`synapses.mean`): engines,
residual and diagnosis see ordinary nodes and links. For a weighted sum a::

    a_drive = W x + H z' + b        a_mean     = mean of a_drive        a_centred = a_drive - a_mean
    a_square = a_centred^2          a_variance = mean of a_square
    a_normal = a_gain a_centred / sqrt(a_variance + epsilon) + a_bias   in the place of the weighted sum

All of it happens within one step, so that no rule cuts it. What acts on ``a_drive`` reaches every unit: in every rule
that has a trace it is full, as that of recurrent weights is; the traces of gain and bias stay what they are without
normalisation. Rules without a trace pull credit back through the means and are as cheap as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, make_dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.cells.normalisation import EXTRAS, Normalisation, extra
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Link, Use
from gradcert.reference.networks.synapses.mean import Mean
from gradcert.reference.numbers import Array, Numbers, called

PARTS = ("drive", "mean", "centred", "square", "variance", "normal")  # nodes before the one that is normalised


class Normalised:
    """What `cell_with` adds to the class of a cell; the fields `normalised` and `standardised` say how."""

    name: ClassVar[str]
    normalised: Normalisation | None
    standardised: Any

    def __post_init__(self) -> None:
        for own in fields(self.plain):
            object.__setattr__(self, own.name, getattr(self.plain, own.name))
        for name in EXTRAS:
            object.__setattr__(self, name, extra(name, getattr(self, name)))
        for said, known in ((self.normalised, self._summed), (self.standardised, self._weights)):
            names = getattr(said, "nodes", getattr(said, "weights", ()))
            if wrong := [name for name in names if name not in known]:
                raise GradcertError(f"{', '.join(wrong)} of the cell {self.name!r}", allowed=", ".join(known))

    @cached_property
    def plain(self) -> Any:
        """The cell without what is said beside its own options."""
        kind: Any = type(self).__mro__[2]
        return kind(**{own.name: getattr(self, own.name) for own in fields(kind)})

    @property
    def _summed(self) -> tuple[str, ...]:
        """The weighted sums of the cell."""
        return tuple(dict.fromkeys(link.target for link in self.plain.links if link.weight is not None))

    @property
    def _weights(self) -> tuple[str, ...]:
        fixed: Mapping[str, Any] = getattr(self.plain, "own_synapses", _none)(1)
        return tuple(link.weight for link in self.plain.links if link.weight is not None and link.weight not in fixed)

    @cached_property
    def mixed(self) -> tuple[str, ...]:
        """The weighted sums that are normalised."""
        return () if self.normalised is None else self.normalised.nodes or self._summed

    @property
    def standard_weights(self) -> tuple[str, ...]:
        """The weights that are standardised."""
        return () if self.standardised is None else self.standardised.weights or self._weights

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Those of the cell, each weighted sum that is normalised after what it is made of."""
        out: list[str] = []
        for node in self.plain.nodes:
            out += [f"{node}_{part}" for part in PARTS] if node in self.mixed else []
            out.append(node)
        return tuple(out)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Those of the cell, and those through mean and variance."""
        return (*(self._link(link) for link in self.plain.links), *(k for node in self.mixed for k in _through(node)))

    def _link(self, link: Link) -> Link:
        if link.weight is None or link.target not in self.mixed:
            return link
        return Link(f"{link.target}_drive", link.source, link.lag, link.edge, link.weight)

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Those of the cell, a bias being a part of what is normalised; gain and bias of each normalised sum."""
        return (*(self._use(use) for use in self.plain.uses), *(use for node in self._affine for use in _affine(node)))

    def _use(self, use: Use) -> Use:
        bias = use.parameter in self.plain.trained and use.parameter not in self.plain.constants()
        return Use(f"{use.target}_drive", use.parameter) if bias and use.target in self.mixed else use

    @property
    def _affine(self) -> tuple[str, ...]:
        return self.mixed if self.normalised is not None and self.normalised.affine else ()

    @property
    def trained(self) -> tuple[str, ...]:
        """Those of the cell, and gains and biases."""
        return (*self.plain.trained, *(use.parameter for node in self._affine for use in _affine(node)))

    def constants(self) -> Mapping[str, Any]:
        """Return those of the cell, epsilon, and what gains are where nothing has been trained."""
        out = dict(self.plain.constants())
        if self.normalised is not None:
            out["epsilon"] = self.normalised.epsilon
        return {**out, **{f"{node}_gain": 1.0 for node in self._affine}}

    def own_synapses(self, units: int) -> dict[str, Any]:
        """Return the synapses of weights that are no plain ones: the means."""
        own: Mapping[str, Any] = getattr(self.plain, "own_synapses", _none)(units)
        return {**own, **{str(k.weight): Mean(units) for node in self.mixed for k in _through(node) if k.weight}}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step; the cell itself is given normalised sums."""
        made: dict[str, Array] = {}

        def normal(node: str, **sources: Array) -> Array:
            if node not in self.mixed:
                return drive(node, **sources)
            raw = drive(f"{node}_drive", **sources)
            mean = drive(f"{node}_mean", **{f"{node}_drive": raw})
            centred = raw - mean
            square = centred * centred
            variance = drive(f"{node}_variance", **{f"{node}_square": square})
            out = centred * _scale(n, p, variance)
            if node in self._affine:
                out = p[f"{node}_gain"] * out + p[f"{node}_bias"]
            values = (raw, mean, centred, square, variance, out)
            made.update({f"{node}_{part}": value for part, value in zip(PARTS, values, strict=True)})
            return out

        return {**self.plain.step(n, p, normal, prev), **made}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        out = {self._use(k) if isinstance(k, Use) else k: f for k, f in self.plain.factors(n, p, prev, now).items()}
        for node in self.mixed:
            _, from_drive, from_mean, squared, _, from_centred, from_variance, into = _through(node)
            centred, scale = now[f"{node}_centred"], _scale(n, p, now[f"{node}_variance"])
            gain = p[f"{node}_gain"] if node in self._affine else 1
            out |= {from_drive: 1, from_mean: -1, squared: 2 * centred, into: 1}
            out[from_centred] = gain * scale
            out[from_variance] = -gain * (centred * (scale * scale * scale)) / 2
            if node in self._affine:
                by_gain, by_bias = _affine(node)
                out |= {by_gain: centred * scale, by_bias: 1}
        return out

    def __reduce__(self) -> Any:
        return cell_with, (type(self.plain), {f.name: getattr(self, f.name) for f in fields(self)})  # type: ignore[arg-type]


def _none(units: int) -> dict[str, Any]:
    """Return the synapses of a cell that has none of its own."""
    return {}


def _scale(n: Numbers, p: Mapping[str, Array], variance: Array) -> Array:
    return 1 / called(n, "sqrt")(variance + p["epsilon"])


@cache
def _through(node: str) -> tuple[Link, ...]:
    """Return the links from a weighted sum to what the cell is given in its place."""
    drive, mean, centred, square, variance, normal = (f"{node}_{part}" for part in PARTS)
    return (
        Link(mean, drive, weight=f"{node}_to_mean"),
        Link(centred, drive),
        Link(centred, mean),
        Link(square, centred),
        Link(variance, square, weight=f"{node}_to_variance"),
        Link(normal, centred),
        Link(normal, variance),
        Link(node, normal),
    )


@cache
def _affine(node: str) -> tuple[Use, Use]:
    return Use(f"{node}_normal", f"{node}_gain"), Use(f"{node}_normal", f"{node}_bias")


@cache
def _extended(kind: Any) -> Any:
    own = [(name, Any, field(default=None)) for name in EXTRAS]
    body = {"__doc__": kind.__doc__, "__module__": __name__}
    return make_dataclass(kind.__name__, own, bases=(Normalised, kind), frozen=True, namespace=body)


def cell_with(kind: Any, given: Mapping[str, Any]) -> Any:
    """Return a cell of a class with options, its own and `EXTRAS`.

    Parameters
    ----------
    kind : the class of a cell, such as `Lif`.
    given : options by name; ``normalised`` and ``standardised`` are records, mappings, or True (`extra`).

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> cell_with(Lif, {"leak": 0.5}) == Lif(leak=0.5)
    True
    >>> cell = cell_with(Lif, {"normalised": True})
    >>> cell.nodes[:3], cell.trained, isinstance(cell, Lif)
    (('a_drive', 'a_mean', 'a_centred'), ('b', 'a_gain', 'a_bias'), True)
    """
    extras = {name: extra(name, given[name]) for name in EXTRAS if name in given}
    own = {name: value for name, value in given.items() if name not in EXTRAS}
    said = {name: value for name, value in extras.items() if value is not None}
    return _extended(kind)(**own, **said) if said else kind(**own)


def option_names(kind: Any) -> tuple[str, ...]:
    """Return the names of the options that a cell of a class may have.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> option_names(Lif)[-2:]
    ('normalised', 'standardised')
    """
    return tuple(dict.fromkeys((*(f.name for f in fields(kind)), *EXTRAS)))
