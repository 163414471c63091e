"""The families of cases. Adding one is adding a file and a row."""

from __future__ import annotations

from gradcert.certify.claims import Claim
from gradcert.certify.problems.cases.bounded import Bounded
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.draw import Family
from gradcert.certify.problems.cases.dyadic import Dyadic

FAMILIES: dict[str, type[Family]] = {"dyadic": Dyadic, "bounded": Bounded}  # and, apart from these, `scale`


def fewest(claim: Claim, spec: Spec) -> dict[int, tuple[int, ...]]:
    """Return sizes of a case with hardly a unit: one input, two units and one in turn, two where a softmax needs them.

    With 8 or 11 digits a budget of every order of summation is a large part of what is a sum of many terms. Where units
    are few, paths are, and one edge more or less is most of a gradient.

    Examples
    --------
    >>> claim = Claim(rule="bptt", cells="rnn", dtype="bfloat16")
    >>> [fewest(claim, Spec("rnn", 2, loss, "every", "bounded")) for loss in ("squared_error", "cross_entropy")]
    [{2: (1, 2, 1)}, {2: (1, 2, 2)}]
    """
    names = [p["name"] for p in claim.network["populations"]] if claim.network else list(range(spec.depth))
    units = {name: 2 - k % 2 for k, name in enumerate(names)}
    last = claim.network["output"] if claim.network else spec.depth - 1
    units[last] = 2 if len(names) == 1 or (spec.loss == "cross_entropy" and claim.readout is None) else 1
    return {spec.depth: (1, *units.values())}


def families(claim: Claim, cell: str, turn: int = 0) -> tuple[str, ...]:
    """Return the families that make sense for a cell: dyadic where spikes, or piecewise linear outputs, occur.

    In bfloat16 real numbers have hardly a digit left after a few sums: where nothing needs to be rounded, nothing is.

    Parameters
    ----------
    turn : chooses among the claim's alternatives, which may differ in this.
    """
    found = tuple(name for name, family in FAMILIES.items() if family.applies(claim, cell, turn))
    return ("dyadic",) if claim.dtype == "bfloat16" and "dyadic" in found else found
