"""What a claim says of the data of its problems: initial values, weights, beginnings, masks, targets, inputs, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Activity, Local

OUTPUT = "output"  # the mask of what leaves a layer
INITIAL = ("zero", "given", "trained")
TARGETS = ("", "real", "one-hot", "classes")
INPUTS = ("real", "spikes")
ACTIVITY = ("kind", "strength", "target", "layers", "time", "batch")


def check_given(claim: Any, cells: Sequence[Any]) -> None:
    """Raise unless what a claim says of its problems' data fits together.

    Parameters
    ----------
    claim : the claim.
    cells : the cells of its stacks, with default options.
    """
    for name, allowed in (("initial", INITIAL), ("targets", TARGETS), ("inputs", INPUTS)):
        if getattr(claim, name) not in allowed:
            raise GradcertError(f"{name}: {getattr(claim, name)!r}", allowed=", ".join(a for a in allowed if a))
    for name in ("weights", "begins"):
        if type(getattr(claim, name)) is not bool:
            raise GradcertError(f"{name}={getattr(claim, name)!r}", allowed="true, false")
    for name in ("initial_nodes", "masks"):
        known = {node for cell in cells for node in cell.nodes} | ({OUTPUT} if name == "masks" else set())
        wrong = [node for node in getattr(claim, name) if node not in known]
        if wrong:
            raise GradcertError(f"{name}: {', '.join(map(repr, wrong))}", allowed=", ".join(sorted(known)))
    if claim.initial_nodes and claim.initial == "zero":
        raise GradcertError("initial nodes, and initial values of zero", do="initial='given' or 'trained'")
    if claim.initial == "trained" and claim.claimed.reach is not None:
        raise GradcertError(
            f"trained initial values under {claim.rule}, which does not define their gradient",
            allowed="a rule without a reach",
        )
    if claim.begins and ("every" not in claim.when or any(_term(t).kind == "rate" for t in claim.activity)):
        raise GradcertError(
            "sequences that begin inside a row, and a loss of the row as a whole", allowed="when='every', and no rates"
        )
    if "real" == claim.targets and "cross_entropy" in claim.losses:
        raise GradcertError("real targets of a cross-entropy", allowed="one-hot, classes")
    _check_activity(claim)
    _check_local(claim)
    _check_sizes(claim)


def states(cell: Any) -> tuple[str, ...]:
    """Return the nodes of a cell that the next step finds, spikes left out: what initial values are about.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif, Lstm, Rnn
    >>> states(Lif()), states(Rnn()), states(Lstm())
    (('v',), ('z',), ('c', 'z'))
    """
    sources = {link.source for link in cell.links if link.lag and link.source != "x"}
    return tuple(n for n in cell.nodes if n in sources and not (n == "z" and hasattr(cell, "surrogate")))


def _term(term: Any) -> Activity:
    if not isinstance(term, Mapping):
        raise GradcertError(f"activity: {term!r}", allowed='{"kind": "rate", "target": 0.2, "strength": 0.1}')
    if wrong := sorted(set(term) - {*ACTIVITY}):
        raise GradcertError(f"activity with {' and '.join(map(repr, wrong))}", allowed=", ".join(ACTIVITY))
    if "target" in term and term.get("kind", "rate") != "rate":
        raise GradcertError(f"activity {term['kind']} with a target", allowed="a target of a rate alone")
    return Activity(**{**term, "layers": tuple(term.get("layers", ()))})


def _check_activity(claim: Any) -> None:
    for term in claim.activity:
        made = _term(term)
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


def local_of(claim: Any) -> tuple[Local, ...]:
    """Return the losses of hidden layers' own that a claim names: auxiliary ones, but for rules with local feedback."""
    made = []
    for term in claim.local:
        if not isinstance(term, Mapping) or not set(term) <= {"kind", "strength", "layers"}:
            raise GradcertError(f"local: {term!r}", allowed='{"kind": "cross_entropy", "strength": 0.5}, and layers')
        made.append(Local(**{**term, "layers": tuple(term.get("layers", ()))}))
    return tuple(made)


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


def _check_sizes(claim: Any) -> None:
    for name in ("T", "B"):
        value = getattr(claim, name)
        if value is not None and (type(value) is not int or not 1 <= value <= 1000):
            raise GradcertError(f"{name}={value!r}", allowed="a whole number from 1 to 1000")
    if not claim.sizes:
        return
    layers = {depth + (claim.readout is not None) for depth in claim.depths}
    if any(type(n) is not int or not 1 <= n <= 100 for n in claim.sizes) or layers != {len(claim.sizes) - 1}:
        wanted = " or ".join(str(n + 1) for n in sorted(layers))
        raise GradcertError(
            f"sizes {list(claim.sizes)}",
            allowed=f"{wanted} whole numbers from 1 to 100: inputs, then units of each layer",
        )
