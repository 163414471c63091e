"""A module's parameters from a problem's, and gradients back: the inverse of what was read.

A reading says what the network's parameters are of the module's: one of them, a part of it, a function of it entry by
entry. That is tried on numbers: a part gives the module's own entries back, whatever they are; an increasing or
decreasing function is inverted by halving an interval, its derivative taken by autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gradcert.models.modules.errors import UnreadError
from gradcert.models.reading.network import Source, Written
from gradcert.models.reading.record import leads_to
from gradcert.models.reading.run import evaluate

FAR = 60.0  # half of the interval in which a function is inverted: sigmoid and exp are flat in double beyond it
HALVINGS = 130  # of an interval of 120, after which double has no smaller one


@dataclass(frozen=True)
class Part:
    """One parameter of the network.

    Attributes
    ----------
    name : of the network's parameter; `module` : of the module's.
    index : the entries of the module's parameter that it is made of, one for each of its own.
    sign : -1 where it is the opposite. `function` : of the module's entries, on tensors; None where they are it.
    shared : whether one entry is all units'.
    """

    name: str
    module: str
    index: Any
    sign: int = 1
    function: Callable[[Any], Any] | None = None
    shared: bool = False


def parts(written: Written, module: Any) -> tuple[Part, ...]:
    """Return what the parameters of a network are of a module's.

    Raises
    ------
    UnreadError : for one that is made of several, or entries that are used twice.
    """
    parameters = {name: p.detach().double() for name, p in module.named_parameters()}
    found = tuple(_part(written, name, source, parameters) for name, source in written.sources.items())
    used: dict[str, set[int]] = {}
    for part in found:
        mine = set(part.index.tolist())
        if mine & used.setdefault(part.module, set()):
            raise UnreadError(
                f"{part.module} is used at several places, and a network's parameters are independent",
                do="judge it where it runs: gradcert.watch",
            )
        used[part.module] |= mine
    return found


def _part(written: Written, name: str, source: Source, parameters: Mapping[str, Any]) -> Part:
    nodes = written.reading.step.nodes
    owners = [nodes[k].name for k in sorted(leads_to(nodes, source.node)) if nodes[k].kind == "parameter"]
    if not owners:
        raise UnreadError(f"{name}, which no parameter of the module is in", do="make it a number, or a parameter")
    if len(owners) > 1:
        raise UnreadError(
            f"{name} is made of {' and '.join(owners)}",
            allowed="parameters, parts of them, and increasing or decreasing functions of one",
            do="judge it where it runs: gradcert.watch",
        )
    own = parameters[owners[0]]

    def of(entries: Any) -> Any:
        given = {**parameters, owners[0]: entries}
        with torch.no_grad() if not entries.requires_grad else torch.enable_grad():
            value = evaluate(nodes, source.node, {}, given)
        return value if source.spread is None else torch.broadcast_to(value, source.spread).reshape(-1)

    ids = torch.arange(1, own.numel() + 1, dtype=torch.float64).reshape(own.shape)
    index = (of(ids).reshape(-1) - 1).round().long()
    _refuse_masks(nodes, name, source, owners[0], own, of)
    plain = _is_part(of, ids, index) and _is_part(of, -ids, index) and _is_part(of, ids / 1024, index)
    if not plain:
        size = of(own).numel()
        index = torch.arange(own.numel()) if own.numel() == size else torch.zeros(size, dtype=torch.long)
        if own.numel() not in (1, size):
            raise UnreadError(f"{name} is a function of {owners[0]} that is not entry by entry")
    shared = source.spread is not None and len(index) > 1 and bool((index == index[0]).all())
    if not shared and len(set(index.tolist())) < len(index):
        raise UnreadError(
            f"{name}: entries of {owners[0]} are used several times, as the bias of a convolution is",
            do="judge it where it runs: gradcert.watch",
        )
    function = None if plain else lambda v: of(v.reshape(own.shape)).reshape(-1)[: own.numel()]
    return Part(name, owners[0], index[:1] if shared else index, source.sign, function, shared)


def _refuse_masks(nodes: Any, name: str, source: Source, owner: str, own: Any, of: Callable[[Any], Any]) -> None:
    """Raise where some entries are what they are, whatever the parameter is: a mask, as of self-connections."""
    before, after = of(own), of(own + 1)
    fixed = int((before == after).sum())
    if not 0 < fixed < before.numel():
        return
    made = [nodes[k] for k in sorted(leads_to(nodes, source.node)) if nodes[k].kind == "op" and nodes[k].where]
    place = made[-1].where if made else "the step"
    masks = [nodes[k].name for k in sorted(leads_to(nodes, source.node)) if nodes[k].kind in ("buffer", "constant")]
    raise UnreadError(
        f"{owner} is masked at {place}{f' by {masks[-1]}' * bool(masks)}: {fixed} of {before.numel()} entries of what"
        " acts are fixed, and the problems that are generated have every entry",
        allowed="weights that can have any value",
        do="certify a module without the mask; or judge it as it is where it runs: gradcert.watch",
    )


def _is_part(of: Callable[[Any], Any], entries: Any, index: Any) -> bool:
    flat, value = entries.reshape(-1), of(entries).reshape(-1)
    inside = bool((index >= 0).all()) and bool((index < len(flat)).all())
    return inside and bool((value == flat[index]).all())


def given(found: tuple[Part, ...], module: Any, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's parameters as functions of a problem's, by name: those that the network has.

    Parameters
    ----------
    leaves : the problem's parameters by the network's names, tensors.
    """
    own = dict(module.named_parameters())
    out: dict[str, Any] = {}
    for part in found:
        flat = out.get(part.module)
        flat = own[part.module].detach().reshape(-1).clone() if flat is None else flat
        value = leaves[part.name].reshape(-1) * part.sign
        value = value[: len(part.index)]
        if part.function is not None:
            value = _inverse(part, value)
        out[part.module] = flat.index_copy(0, part.index, value.to(flat.dtype))
    return {name: value.reshape(own[name].shape) for name, value in out.items()}


def _inverse(part: Part, value: Any) -> Any:
    """Return the entries at which a function has a value, with the derivative of its inverse."""
    assert part.function is not None
    want = value.detach().double()
    low, high = (torch.full_like(want, x) for x in (-FAR, FAR))
    rises = part.function(high) > part.function(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (part.function(middle) < want) == rises
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    at = high.clone().requires_grad_()
    reached = part.function(at)
    if float((reached.detach() - want).abs().max()) > 1e-12 * max(1.0, float(want.abs().max())):
        raise UnreadError(f"{part.name} = {want.tolist()} is no value that {part.module} can give it")
    (slope,) = torch.autograd.grad(reached.sum(), at)
    return at.detach().to(value.dtype) + (value - value.detach()) / slope.to(value.dtype)
