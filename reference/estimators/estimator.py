"""A rule that is not a row of the table: it has a trace of its own, or it estimates a gradient with random draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gradcert.reference.notebook import of_rule
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Estimator:
    """What the command line and the diagnosis list about such a rule.

    Attributes
    ----------
    name, title : identifier and full name.
    gradients : ``gradients(network, parameters, inputs, targets, *, numbers=FLOAT64, ...)``, a dict like `parameters`.
    needs : further keywords without a default: ``rng`` for random draws, ``feedback`` for fixed matrices.
    source, exact, drops, time, memory, page : as in `Rule`.
    """

    name: str
    title: str
    gradients: Callable[..., dict[str, Array]]
    needs: tuple[str, ...] = ()
    source: str = ""
    exact: str = ""
    drops: str = ""
    time: str = ""
    memory: str = ""
    page: str = field(default="", compare=False, repr=False)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return of_rule(self, [("needs", ", ".join(self.needs))])
