"""The parts of a claim as keyword arguments, and a claim as a file: the same names everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypedDict

from gradcert.certify.claims.claim import Claim, files_of, from_dict
from gradcert.certify.claims.keywords import check_keywords
from gradcert.certify.claims.losses import read_loss
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Graph
from gradcert.reference.outside import WRITTEN, parse, read, toml

FORM = "a claim in TOML, or a certificate or claim in JSON"
LISTS = ("depths", "sizes")  # of numbers; a lone one is a list of one


class Parts(TypedDict, total=False):
    """What a subject claims, or what replaces parts of that: the fields of `Claim`, and two more.

    Keys
    ----
    claim : the whole claim: a `Claim`, a mapping, or the name of a file (`read_claim`).
    loss : in words, such as ``cross_entropy of sum, mean over batch``.
    """

    claim: Claim | Mapping[str, Any] | str | Path | None
    rule: str | None
    cells: str | Iterable[str] | None
    depths: int | Iterable[int] | None
    dtype: str | None
    options: Mapping[str, Any] | None
    online: bool | None
    acceptance: str | None
    within: Mapping[str, Any] | None
    without: Mapping[str, Any] | None
    loss: str | None
    losses: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]] | None
    when: str | Iterable[str] | None
    time: str | None
    batch: str | None
    outputs: str | None
    node: str | None
    level: float | None
    readout: str | None
    readout_options: Mapping[str, Any] | None
    targets: str | None
    inputs: str | None
    activity: Iterable[Mapping[str, Any]] | None
    local: Iterable[Mapping[str, Any]] | None
    initial: str | None
    initial_nodes: str | Iterable[str] | None
    weights: bool | None
    begins: bool | None
    masks: str | Iterable[str] | None
    sizes: Iterable[int] | None
    T: int | None
    B: int | None
    layers: Iterable[Mapping[str, Any] | str] | None
    parameters: str | Iterable[str] | None
    untrained: str | Iterable[str] | None
    settings: Mapping[str, Any] | None
    network: Graph | Mapping[str, Any] | None


def made(declared: Claim | None, parts: Mapping[str, Any]) -> Claim | dict[str, Any]:
    """Return a claim of parts: those that are given replace those of a declared claim.

    Returns
    -------
    The claim; the parts that there are, where they name no rule or cells and nothing was declared.

    Examples
    --------
    >>> print(made(Claim(rule="bptt", cells="lif"), {"loss": "bernoulli of sum", "depths": 1}))
    bptt on lif, depth 1, float64, loss bernoulli of sum
    >>> near = Claim(rule="bptt", cells="lif", acceptance="bounded", within={"error": 0.2})
    >>> dict(made(near, {"acceptance": "exact"}).within)
    {}
    """
    given = {k: v for k, v in parts.items() if v is not None and k not in ("claim", "loss")}
    if parts.get("loss") is not None:
        given = {**read_loss(parts["loss"]), **given}
    for name in LISTS:
        if name in given:
            given[name] = tuple(given[name]) if isinstance(given[name], Iterable) else (given[name],)
    for name in ("cells", "losses", "when", "initial_nodes", "masks", "parameters", "untrained"):
        if name in given:
            one = isinstance(given[name], (str, Mapping)) or not isinstance(given[name], Iterable)
            given[name] = (given[name],) if one else tuple(given[name])
    if declared is not None:
        own = {name: {*(given.get(name) or {})} for name in ("options", "readout_options")}
        for name in ("options", "readout_options"):
            if name in given and given.get("readout", declared.readout) == declared.readout:
                given[name] = {**getattr(declared, name), **given[name]}
        if {"layers", "network"} & set(given):  # they take the place of cells, and of what was said of those
            given = {"cells": (), "layers": (), "network": {}, "depths": (1, 2), "readout": None, **given}
        elif declared.members and "cells" in given:
            given = {"layers": (), "network": {}, "depths": (1, 2), **given}
        if given.get("acceptance", declared.acceptance) != declared.acceptance:  # limits are those of a class
            given.setdefault("within", {})
        if given.get("rule", declared.rule) != declared.rule:  # another rule has other settings
            given.setdefault("settings", {})
        elif "settings" in given:
            given["settings"] = {**declared.settings, **given["settings"]}
        try:
            return replace(declared, **given)
        except GradcertError as error:
            raise _inherited(error, declared, own) from None
    return Claim(**given) if "rule" in given and {"cells", "layers", "network"} & set(given) else given


def _inherited(error: GradcertError, declared: Claim, own: Mapping[str, set[str]]) -> GradcertError:
    """Return an error about options with where they come from, where nobody gave them now.

    Parameters
    ----------
    own : the names of the options that were given, by field.
    """
    for name, mine in own.items():
        theirs = [k for k in getattr(declared, name) if k not in mine]
        if error.given.partition(": ")[0].endswith(f" {name}") and (
            found := [k for k in theirs if repr(k) in error.given]
        ):
            said = ", ".join(f"{k}={getattr(declared, name)[k]!r}" for k in found)
            return GradcertError(
                f"{name}: {said}, which the claim that is replaced in part says of {', '.join(declared.stacks)}",
                allowed=error.allowed,
                do="leave the cells as they are claimed; or give the whole claim in a file, --claim",
            )
    return error


def check_names(who: str, parts: Mapping[str, Any]) -> None:
    """Raise a `TypeError` for keyword arguments that are no parts of a claim, as Python does."""
    check_keywords(who, parts, Parts.__annotations__)


def read_claim(path: Path, *, run: bool = False, files: Iterable[str] = ()) -> Claim:
    """Read a claim from a file: TOML, or the JSON of a certificate or of a claim.

    Parameters
    ----------
    path : its entries are the fields of `Claim`, and ``loss``. Cells in files are looked for beside it.
    run, files : whether, and which of, the files that its cells name may be run.

    Raises
    ------
    GradcertError : for what is no claim.
    """
    if path.suffix == ".json":
        found = parse(read(path, FORM, most=256 * WRITTEN), str(path))
        found = found.get("claim", found) if isinstance(found, Mapping) else found
    else:
        found = toml(path, FORM)
    if not isinstance(found, Mapping):
        raise GradcertError(f"{path} holds no claim", allowed=FORM)
    spec = {**(read_loss(found["loss"]) if "loss" in found else {}), **{k: v for k, v in found.items() if k != "loss"}}
    wrong = sorted(set(spec) - {f.name for f in fields(Claim)})
    if wrong:
        known = ", ".join((*(f.name for f in fields(Claim)), "loss"))
        raise GradcertError(f"{path}: {' and '.join(map(repr, wrong))}, which a claim has not", allowed=known)
    return from_dict(_beside(path, spec), run=run, files=files)


def whole(claim: Any, *, run: bool = False, files: Iterable[str] = ()) -> Claim | None:
    """Return a whole claim, however it is given; None where none is."""
    if claim is None or isinstance(claim, Claim):
        return claim
    if isinstance(claim, Mapping):
        return from_dict(claim, run=run, files=files)
    if isinstance(claim, (str, Path)):
        return read_claim(Path(claim), run=run, files=files)
    raise GradcertError(f"a claim in a {type(claim).__name__}", allowed="a Claim, a mapping, or the name of a file")


def _beside(path: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a claim whose cells in files are named as they lie beside the claim, where they are not found else."""

    def moved(name: Any) -> Any:
        where = next(iter(files_of({"cells": [name]})), None)
        if where is None or Path(where).is_file() or not (path.parent / where).is_file():
            return name
        return f"{path.parent / where}:{str(name).rpartition(':')[2]}"

    def beside(options: Any) -> Any:
        value = options.get("surrogate") if isinstance(options, Mapping) else None
        if not isinstance(value, Mapping) or "given" not in value or "formula" in value:
            return options
        return {**options, "surrogate": {**value, "given": moved(value["given"])}}

    cells, layers = spec.get("cells"), spec.get("layers")
    if isinstance(layers, list):
        spec = {**spec, "layers": [_moved_layer(layer, moved, beside) for layer in layers]}
    if isinstance(network := spec.get("network"), Mapping) and isinstance(network.get("populations"), list):
        own = [_moved_layer(p, moved, beside) for p in network["populations"]]
        spec = {**spec, "network": {**network, "populations": own}}
    out = {**spec, **{name: beside(spec[name]) for name in ("options", "readout_options") if name in spec}}
    if cells is not None:
        out["cells"] = [moved(name) for name in cells] if isinstance(cells, list) else moved(cells)
    if isinstance(losses := spec.get("losses"), (list, Mapping)):
        many = losses if isinstance(losses, list) else [losses]
        out["losses"] = [_moved_loss(loss, moved) for loss in many]
    if isinstance(rule := spec.get("rule"), str) and ".py:" in rule:
        name, bracket, settings = rule.partition("(")
        out["rule"] = f"{moved(name)}{bracket}{settings}"
    return {**out, "readout": moved(spec["readout"])} if spec.get("readout") else out


def _moved_loss(loss: Any, moved: Callable[[Any], Any]) -> Any:
    if not isinstance(loss, Mapping) or "formula" in loss:
        return loss
    return {**loss, **{name: moved(loss[name]) for name in ("given", "derivative") if name in loss}}


def _moved_layer(layer: Any, moved: Callable[[Any], Any], beside: Callable[[Any], Any]) -> Any:
    if not isinstance(layer, Mapping):
        return moved(layer)
    options = {"options": beside(layer["options"])} if "options" in layer else {}
    return {**layer, "cell": moved(layer.get("cell")), **options}
