"""One hypothesis: what somebody may have done instead, and the gradient that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradcert.certify.diagnosis.unrolled import Bench, Edit, edited
from gradcert.reference.networks import PREFIX, Link, Use
from gradcert.reference.numbers import Array

Gradient = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A mistake with a name.

    Attributes
    ----------
    kind : family of mistakes: ``factor``, ``arc``, ``edge``, ``timing``, ``feed``, ``slope``, ``credit``, ``loss``,
        ``convention``, ``parameters``, ``forward``, ``trace``.
    what : the mistake, as a key; with the kind it identifies the hypothesis.
    label : completes "<rule> with ...".
    compute : the gradient under the hypothesis, in the numbers of a bench; None where it does not apply.
    edit : what it is an edit of the graph by, if it is one.
    forward : the problem as it is run under the hypothesis, where that changes the forward pass; None in it as above.
    """

    kind: str
    what: str
    label: str
    compute: Callable[[Bench], Gradient | None]
    edit: Edit | None = None
    forward: Callable[[Bench], Bench | None] | None = None

    @property
    def key(self) -> str:
        """Kind and what."""
        return f"{self.kind}:{self.what}"


Maker = Callable[[Bench], Iterator[Hypothesis]]


def of_edit(kind: str, what: str, label: str, **edits: Any) -> Hypothesis:
    """Return the hypothesis that the graph was edited; arguments as for `Edit`."""
    edit = Edit(**edits)
    return Hypothesis(kind, what, label, lambda bench: edited(bench, edit), edit)


def of_run(kind: str, what: str, label: str, run: Callable[[Bench], Bench | None]) -> Hypothesis:
    """Return the hypothesis that the forward pass was another one."""

    def compute(bench: Bench) -> Gradient | None:
        changed = run(bench)
        return None if changed is None else changed.gradients()

    return Hypothesis(kind, what, label, compute, forward=run)


def everywhere(hypothesis: Hypothesis) -> Iterator[Hypothesis]:
    """Yield a mistake in the own sweep, then the same in both sweeps and on the way down alone.

    A backward pass by hand, and one with a detached tensor, makes one mistake in every sweep over a layer; a recursion
    of eligibility traces makes it in its own alone.
    """
    edit = hypothesis.edit
    if edit is None or edit.own is None or edit.down is not None:
        yield hypothesis
        return
    both, below = replace(edit, down=edit.own), replace(edit, own=None, down=edit.own)
    kind, what, label = hypothesis.kind, hypothesis.what, hypothesis.label
    yield hypothesis
    yield Hypothesis(kind, what, f"{label}, in every sweep", lambda bench: edited(bench, both), both)
    yield Hypothesis(
        kind, f"{what}, below", f"{label}, on the way down alone", lambda bench: edited(bench, below), below
    )


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


def of_layer(bench: Bench, gradient: Gradient, number: int) -> Gradient:
    """Return the gradients of one layer's parameters and initial values, by its number."""
    layer = bench.network.layers[number]
    own = {layer.full_name(number, name) for name in (*layer.shapes(), *layer.cell.nodes)}
    return {name: g for name, g in gradient.items() if name.removeprefix(PREFIX) in own}
