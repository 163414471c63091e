"""An algorithm with its settings, as something that has a gradient of a problem, or other weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.reference.networks import Edge, Network, Problem
from gradcert.reference.notebook import card
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

Settings = Mapping[str, Any]
Computed = dict[str, Array]


@dataclass(frozen=True)
class Kind:
    """What is known of an algorithm.

    Attributes
    ----------
    name, title : identifier and full name.
    settings : the names of its settings with their usual values.
    compute : ``compute(problem, settings)``; the problem's number system is that of the result.
    draw : ``draw(network, (T, B), settings, rng)``, its random draws; None where it has none.
    mean : what it is over the draws on average: a row of the rule table, or a function like `compute`; None where that
        is not known in closed form.
    feedback : where the learning signal of hidden layers comes from, in the words of rows: which matrices it needs.
    least : the fewest steps that a sequence needs.
    weights : whether it returns weights, or the gradients on the way, rather than a gradient.
    page : the equations; the docstring of the file that it is defined in.
    stacks : why it is of stacks alone; nothing where it is defined for graphs of populations too.
    own : whether it is somebody's own function, taken as it is.
    """

    name: str
    title: str
    settings: Settings
    compute: Callable[[Problem, Settings], Computed]
    draw: Callable[[Network, tuple[int, int], Settings, np.random.Generator], Computed] | None = None
    mean: Rule | Callable[[Problem, Settings], Computed] | None = None
    feedback: Callable[[Settings], str] = lambda _: "symmetric"
    least: Callable[[Settings], int] = lambda _: 1
    weights: bool = False
    page: str = field(default="", repr=False)
    stacks: str = ""
    own: bool = False


@dataclass(frozen=True)
class Algorithm:
    """An algorithm with its settings.

    Attributes
    ----------
    kind : which it is.
    chosen : the settings that are not as usual, in the order of their names.
    mean : whether it is the mean over the draws that is meant.

    Examples
    --------
    >>> from gradcert.reference.published import algorithm
    >>> print(algorithm("s-tllr", {"lq": 0.2, "acausal": "code"}))
    s-tllr(acausal=code, lq=0.2)
    """

    kind: Kind = field(repr=False)
    chosen: tuple[tuple[str, Any], ...] = ()
    mean: bool = False

    # what rows have, and an algorithm has not
    window = chunk = reach = None

    @property
    def name(self) -> str:
        """Its name, with the settings that are not as usual."""
        if "rows" in self.settings:
            return " then ".join(self.settings["rows"]) + "".join(f" + untraced {w}" for w in self.settings["untraced"])
        return (
            f"{self.kind.name}({', '.join(f'{k}={said(v)}' for k, v in self.chosen)})"
            if self.chosen
            else self.kind.name
        )

    def __str__(self) -> str:
        """Return its name."""
        return self.name

    def __hash__(self) -> int:
        """Return a hash of its name, settings being lists at times."""
        return hash((self.name, self.mean))

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, usual ones too."""
        return {**self.kind.settings, **dict(self.chosen)}

    @property
    def feedback(self) -> str:
        """Where the learning signal of hidden layers comes from, in the words of rows."""
        return self.kind.feedback(self.settings)

    @property
    def upper(self) -> frozenset[Edge]:
        """Edges that are kept above: what an algorithm keeps is no set of edges."""
        return frozenset()

    @property
    def least(self) -> int:
        """The fewest steps that a sequence needs."""
        return self.kind.least(self.settings)

    @property
    def average(self) -> Claimed:
        """What it is on average over its draws: a row, or the algorithm with `mean`."""
        if self.kind.mean is None:
            return self
        return self.kind.mean if isinstance(self.kind.mean, Rule) else replace(self, mean=True)

    def drawn(self, network: Network, shape: tuple[int, int], rng: np.random.Generator) -> Computed:
        """Return random draws for a network and (T, B); none where it has none, or the mean is meant."""
        if self.kind.draw is None or self.mean:
            return {}
        return self.kind.draw(network, shape, self.settings, rng)

    def gradients(self, problem: Problem) -> Computed:
        """Return the gradient, or the weights, in the number system of the problem."""
        if not self.mean:
            return self.kind.compute(problem, self.settings)
        assert callable(self.kind.mean), self.kind.name
        return self.kind.mean(problem, self.settings)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        settings = ", ".join(f"{name} {said(value)}" for name, value in self.settings.items())
        facts = [("settings", settings), ("feedback", self.feedback), ("draws", "at random" if self.kind.draw else "")]
        facts += [
            ("returns", "weights" if self.kind.weights else "gradients"),
            ("stacks alone", f"an algorithm {self.kind.stacks}" if self.kind.stacks else ""),
        ]
        return card(f"{self.name}: {self.kind.title}", facts)


Claimed = Rule | Algorithm


def said(value: Any) -> str:
    """Return a setting as it is written.

    Examples
    --------
    >>> said(True), said(0.5), said("code"), said([1.0, 2.0])
    ('true', '0.5', 'code', '[1.0 2.0]')
    """
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(said, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
