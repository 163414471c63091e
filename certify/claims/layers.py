"""Layers that differ: a claim about one stack, each of whose layers has a cell and options of its own."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from gradcert.certify.claims.extras import in_full
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import cell_named, option_names

EXAMPLE = 'layers = [{cell = "lif", options = {recurrent = true}}, {cell = "integrator"}]'
USUAL_DEPTHS = (1, 2)


def set_layers(claim: Any) -> None:
    """Bring the layers of a claim that is being made into one form, and its depths with them.

    Raises
    ------
    GradcertError : for what is no layer, or layers beside cells, depths or a readout.
    """
    if not isinstance(claim.layers, (list, tuple)):
        raise GradcertError(f"layers={claim.layers!r}", allowed=EXAMPLE, do="a number of layers is called depths")
    if not claim.layers:
        object.__setattr__(claim, "layers", ())
        return
    made = tuple(_layer(layer) for layer in claim.layers)
    beside = [name for name in ("cells", "readout") if getattr(claim, name)]
    depths = claim.depths if isinstance(claim.depths, (list, tuple)) else (claim.depths,)
    beside += ["depths"] if tuple(depths) not in (USUAL_DEPTHS, (len(made),)) else []
    if beside:
        raise GradcertError(f"layers, and {' and '.join(beside)}", do="say all of it by layers, the lowest first")
    object.__setattr__(claim, "layers", made)
    object.__setattr__(claim, "depths", (len(made),))


def _layer(layer: Any) -> dict[str, Any]:
    named = {"cell": layer} if isinstance(layer, str) else layer
    fits = isinstance(named, Mapping) and set(named) <= {"cell", "options"} and isinstance(named.get("cell"), str)
    if not fits or not isinstance(named.get("options", {}), Mapping):
        raise GradcertError(f"the layer {layer!r}", allowed=EXAMPLE)
    return {"cell": named["cell"], "options": dict(in_full(named.get("options", {})))}


def of_layer(claim: Any, layer: Mapping[str, Any]) -> Any:
    """Return the claim as if its whole stack were of one of its layers.

    Examples
    --------
    >>> from gradcert.certify.claims import Claim
    >>> claim = Claim(rule="bptt", layers=[{"cell": "lif", "options": {"bias": False}}, "rnn"], options={"bias": True})
    >>> [of_layer(claim, layer).options["bias"] for layer in claim.layers]
    [False, True]
    """
    own = option_names(cell_named(layer["cell"]))
    options = {k: v for k, v in {**claim.options, **layer["options"]}.items() if k in own}
    return unchecked(claim, layers=(), network={}, cells=(layer["cell"],), options=options)


def unchecked(claim: Any, **values: Any) -> Any:
    """Return a claim with other values that is not checked as a whole: what it names is of some layer, not of each.

    Examples
    --------
    >>> from gradcert.certify.claims import Claim
    >>> unchecked(Claim(rule="bptt", cells="lif", untrained="layers.1"), untrained=()).untrained
    ()
    """
    out = copy(claim)
    for name, value in values.items():
        object.__setattr__(out, name, value)
    return out


def said_layers(layers: Any, short: Any) -> str:
    """Return layers in words, the lowest first."""

    def one(layer: Mapping[str, Any]) -> str:
        own = ", ".join(f"{k} {short(k, v)}" for k, v in sorted(layer.get("options", {}).items()))
        return f"{layer['cell']} ({own})" if own else str(layer["cell"])

    return " then ".join(one(layer) for layer in layers)


def about(claim: Any, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that a claim is about, () where it is about all, and those that are not trained.

    Raises
    ------
    GradcertError : for a name that no parameter has, or where nothing is left.

    Examples
    --------
    >>> from gradcert.certify.claims import Claim
    >>> about(Claim(rule="bptt", cells="lif", untrained="layers.1"), ("layers.0.W", "layers.0.b", "layers.1.W"))
    (('layers.0.W', 'layers.0.b'), ('layers.1.W',))
    """
    if not claim.parameters and not claim.untrained:
        return (), ()
    for said in (*claim.parameters, *claim.untrained):
        if not any(_is(name, said) for name in names):
            raise GradcertError(f"the parameter {said!r} in the claim", allowed=", ".join(names))
    wanted = tuple(name for name in names if not claim.parameters or any(_is(name, s) for s in claim.parameters))
    fixed = tuple(name for name in names if any(_is(name, s) for s in claim.untrained))
    left = tuple(name for name in wanted if name not in fixed)
    if not left:
        raise GradcertError("a claim about no gradient", allowed=", ".join(names))
    return left, fixed


def _is(name: str, said: str) -> bool:
    """Return whether a parameter is meant: by its whole name, its own name, or the layer that it belongs to."""
    return name == said or name.rpartition(".")[2] == said or name.startswith(f"{said}.")
