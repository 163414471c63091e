"""One hypothesis: what somebody may have done instead, and the gradient that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gradcert.certify.diagnosis.bench import Bench, Edit, edited
from gradcert.reference.networks import Link, Use
from gradcert.reference.numbers import Array

Gradient = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A mistake with a name.

    Attributes
    ----------
    kind : family of mistakes: ``factor``, ``arc``, ``timing``, ``feed``, ``slope``, ``credit``, ``loss``,
        ``convention``, ``parameters``.
    what : the mistake, as a key; with the kind it identifies the hypothesis.
    label : completes "<rule> with ...".
    compute : the gradient under the hypothesis, in the numbers of a bench; None where it does not apply.
    """

    kind: str
    what: str
    label: str
    compute: Callable[[Bench], Gradient | None]

    @property
    def key(self) -> str:
        """Kind and what."""
        return f"{self.kind}:{self.what}"


Maker = Callable[[Bench], Iterator[Hypothesis]]


def of_edit(kind: str, what: str, label: str, **edits: Any) -> Hypothesis:
    """Return the hypothesis that the graph was edited; arguments as for `Edit`."""
    edit = Edit(**edits)
    return Hypothesis(kind, what, label, lambda bench: edited(bench, edit))


def written(origin: Link | Use) -> str:
    """Return a link or a use in a few characters; ' is the step before.

    Examples
    --------
    >>> from gradcert.reference.networks import Edge
    >>> written(Link("v", "z", lag=1, edge=Edge.RESET)), written(Use("v", "leak"))
    ("v<-z'", 'v<-leak')
    """
    if isinstance(origin, Use):
        return f"{origin.target}<-{origin.parameter}"
    return f"{origin.target}<-{origin.source}{chr(39) if origin.lag else ''}"


def unique(origins: Sequence[Link | Use]) -> list[Link | Use]:
    """Return links and uses once, in order."""
    return list(dict.fromkeys(origins))
