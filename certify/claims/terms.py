"""What a claim says of the loss beside the error at the output: terms about activity, and hidden layers' own losses.

In a stack they are about layers, by number; in a graph about populations, by name. A term is about what leaves a layer
of the network, so that populations of one loop are named together, where they leave it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Activity, Circuit, Graph, Local, Network

ACTIVITY = ("kind", "strength", "target", "layers", "populations", "time", "batch")
LOCAL = ("kind", "strength", "layers", "populations")


def activity_of(claim: Any, depth: int, graph: Graph | None = None) -> tuple[Activity, ...]:
    """Return the terms about activity of the network that is drawn.

    Parameters
    ----------
    depth : of the stack, a readout left out; where a term names no layers it is about all of these.
    graph : instead of a stack.
    """
    if graph is not None:
        return tuple(replace(activity(term), layers=numbers(graph, term["populations"])) for term in claim.activity)
    layers = tuple(range(max(1, depth - 1) if claim.layers else depth))  # the last of layers that differ is a readout
    made = map(activity, claim.activity)
    return tuple(replace(term, layers=term.layers or layers) for term in made)


def local_of(claim: Any, graph: Graph | None = None) -> tuple[Local, ...]:
    """Return the losses of hidden layers' own that a claim names: auxiliary ones, but for rules with local feedback."""
    made = []
    for term in claim.local:
        if not isinstance(term, Mapping) or not set(term) <= set(LOCAL):
            raise GradcertError(f"local: {term!r}", allowed='{"kind": "cross_entropy", "strength": 0.5}, and layers')
        layers = numbers(graph, term["populations"]) if graph is not None else tuple(term.get("layers", ()))
        made.append(Local(**{**{k: v for k, v in term.items() if k != "populations"}, "layers": layers}))
    return tuple(made)


def activity(term: Any) -> Activity:
    """Return one term, without the populations that it names."""
    if not isinstance(term, Mapping):
        raise GradcertError(f"activity: {term!r}", allowed='{"kind": "rate", "target": 0.2, "strength": 0.1}')
    if wrong := sorted(set(term) - {*ACTIVITY}):
        raise GradcertError(f"activity with {' and '.join(map(repr, wrong))}", allowed=", ".join(ACTIVITY))
    if "target" in term and term.get("kind", "rate") != "rate":
        raise GradcertError(f"activity {term['kind']} with a target", allowed="a target of a rate alone")
    own = {k: v for k, v in term.items() if k != "populations"}
    return Activity(**{**own, "layers": tuple(term.get("layers", ()))})


def numbers(graph: Graph, populations: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of the layers that populations are.

    Raises
    ------
    GradcertError : if one is unknown, or is in a loop out of which others come too, or it does not.

    Examples
    --------
    >>> from gradcert.reference.networks import Connection, Population, Rnn
    >>> both = (Population("low", Rnn(), 2), Population("out", Rnn(), 1))
    >>> graph = Graph({"x": 1}, both, (Connection("x", "low"), Connection("low", "out")))
    >>> numbers(graph, ["out"]), leaving(graph)
    ((1,), (('low',), ('out',)))
    """
    groups = leaving(graph)
    known = [p.name for p in graph.populations]
    if unknown := [name for name in populations if name not in known]:
        raise GradcertError(f"a term about {', '.join(map(repr, unknown))}", allowed=", ".join(known))
    out = [m for m, group in enumerate(groups) if group and set(group) <= set(populations)]
    if missed := [name for name in populations if not any(name in groups[m] for m in out)]:
        raise GradcertError(
            f"a term about {', '.join(missed)} alone, in a loop with others",
            allowed=", ".join(" and ".join(group) for group in groups if group),
            do="a term is about what leaves a loop: name all of that together",
        )
    return tuple(out)


def leaving(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return for each layer whose outputs z leave it; none where another node does."""
    out: list[tuple[str, ...]] = []
    for m, layer in enumerate(Network(graph=graph).layers):
        if not isinstance(layer.cell, Circuit):
            out.append((layer.owner(m),))
            continue
        left = [link.source.rpartition(".") for link in layer.cell.out]
        out.append(tuple(name for name, _, _ in left) if all(node == "z" for _, _, node in left) else ())
    return tuple(out)


def check_terms(claim: Any) -> None:
    """Raise unless terms about activity and losses of hidden layers fit the claim's stacks; say a rate's target."""
    for term in claim.activity:
        made = activity(term)
        if made.strength < 0:
            raise GradcertError(f"activity {made.kind} of strength {made.strength}", allowed="a strength not below 0")
        layers, least = made.layers, min(claim.depths)
        if any(type(k) is not int or not 0 <= k < least for k in layers):
            where = "0" if least == 1 else f"0 to {least - 1}"
            raise GradcertError(
                f"activity of layers {list(layers)}, where the claim has a stack of {least}",
                allowed=f"{where}; or none: every one but the last",
            )
    if any(term.get("kind", "rate") == "rate" and "target" not in term for term in claim.activity):
        said = tuple(
            {**term, "target": 0.0} if term.get("kind", "rate") == "rate" and "target" not in term else term
            for term in claim.activity
        )
        object.__setattr__(claim, "activity", said)  # a rate towards 0: the claim says so
    _check_local(claim)
    if not claim.network and any("populations" in term for term in (*claim.activity, *claim.local)):
        raise GradcertError("a term about populations, of a stack", allowed="layers, by number")


def _check_local(claim: Any) -> None:
    hidden = min(claim.depths) - (claim.readout is None)
    for one in local_of(claim):
        if claim.acceptance == "bounded" and claim.claimed.feedback != "local":
            raise GradcertError("auxiliary losses, and a bounded claim", allowed="exact: no bound is about them")
        if claim.claimed.feedback != "local" and one.strength < 0:
            raise GradcertError(
                f"an auxiliary loss of strength {one.strength}", allowed="strengths that are not below 0"
            )
        if any(not 0 <= k < hidden for k in one.layers) or not hidden:
            raise GradcertError(
                f"a loss of its own in layers {list(one.layers) or 'below the last'}, of {hidden} hidden ones",
                allowed="hidden layers, from 0",
                do="depths of 2 or more, or a readout",
            )


def name_populations(claim: Any, graph: Graph) -> None:
    """Say of every term of a graph's claim which populations it is about: all below the output's where it does not.

    Raises
    ------
    GradcertError : if a term names layers by number, or populations that are no layers; if a loss of a population's
        own is of a loop of several, of the output, or of what is no z.
    """
    groups = leaving(graph)
    below = [name for group in groups[:-1] for name in group]
    for field in ("activity", "local"):
        said = []
        for term in getattr(claim, field):
            if not isinstance(term, Mapping):  # which `activity` and `local_of` refuse
                said.append(term)
                continue
            if "layers" in term:
                raise GradcertError(
                    f"{field} of layers {term['layers']!r}, in a graph", do="name its populations: populations = [...]"
                )
            named = term.get("populations")
            if named is not None and not (isinstance(named, list | tuple) and named):
                raise GradcertError(f"{field} of the populations {named!r}", allowed="a list of names")
            if named is None and not (below and all(groups[:-1])):
                raise GradcertError(f"{field} of every layer below the output", do="name populations")
            about = list(named or below)
            where = numbers(graph, about)
            if field == "local" and any(m == len(groups) - 1 or len(groups[m]) > 1 for m in where):
                raise GradcertError(
                    f"a loss of its own of {', '.join(about)}",
                    allowed=", ".join(g[0] for g in groups[:-1] if len(g) == 1) or "none here",
                    do="name populations that are a layer alone, below the output",
                )
            said.append({**term, "populations": about})
        object.__setattr__(claim, field, tuple(said))
