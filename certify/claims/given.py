"""What a claim says of the data of its problems: initial values, weights, beginnings, masks, targets, inputs, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcert.certify.claims.terms import activity, check_terms
from gradcert.reference.errors import GradcertError

OUTPUT = "output"  # the mask of what leaves a layer
INITIAL = ("zero", "given", "trained")
TARGETS = ("", "real", "one-hot", "classes")
INPUTS = ("real", "spikes")


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
        wrong = [node for node in getattr(claim, name) if not isinstance(node, str) or node not in known]
        if wrong:
            raise GradcertError(f"{name}: {', '.join(map(repr, wrong))}", allowed=", ".join(sorted(known)))
    if claim.initial_nodes and claim.initial == "zero":
        raise GradcertError("initial nodes, and initial values of zero", do="initial='given' or 'trained'")
    if claim.initial == "trained" and claim.claimed.reach is not None:
        raise GradcertError(
            f"trained initial values under {claim.rule}, which does not define their gradient",
            allowed="a rule without a reach",
        )
    if claim.begins and ("every" not in claim.when or any(activity(t).kind == "rate" for t in claim.activity)):
        raise GradcertError(
            "sequences that begin inside a row, and a loss of the row as a whole", allowed="when='every', and no rates"
        )
    if "real" == claim.targets and "cross_entropy" in claim.losses:
        raise GradcertError("real targets of a cross-entropy", allowed="one-hot, classes")
    check_terms(claim)
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
