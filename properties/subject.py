"""What a law judges: a gradient function, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

from gradcert.properties.evaluation import row
from gradcert.properties.optional import KINDS
from gradcert.properties.strategies import problems
from gradcert.reference import RULES, GradcertError, Learner, Rule
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

Gradients = Mapping[str, Array]
GRAPH = "graph"  # what a subject reads that knows networks as graphs of populations


class Stepwise(Protocol):
    """A learner that is given one step at a time: the only form in which "online" can be checked."""

    def step(self, x: Array, y: Array) -> Any:
        """Take one step: input (batch, n_in) and target (batch, n_out)."""
        ...

    def gradients(self) -> Gradients:
        """Return what has been credited so far."""
        ...


@dataclass(frozen=True)
class Subject:
    """A gradient function and its claim.

    Attributes
    ----------
    name : shown in reports.
    rule : the row of the rule table that it claims to compute.
    gradients : maps a problem to gradients with the keys of its parameters, or to a tuple (loss, gradients, ...).
    family : how its problems are drawn: ``exact`` where everything it uses is rational, ``bounded`` otherwise,
        ``field`` for code that is generic in the numbers.
    dtype : what it can reach, ``float64`` or ``float32``.
    limits : options of `problems` that bound what it supports: ``cells_from``, ``depth``, ``steps``, ``loss``,
        ``recurrent``, ``reset``...
    learner : the same rule as a stepwise learner, if there is one.
    estimate : one draw of a random estimate, from a problem and a seed, for rules that are right on average.
    outcomes : all equally likely results of the random estimate, for a small problem.
    expected : what should come out, for a rule that is no row of the table; only the laws that know no rule and
        `own-rule` bind it.
    reads : what it reads beside inputs and targets, of `gradcert.properties.optional.KINDS`; and ``graph``, where it
        knows networks that are graphs.
    majorant : a bound on `expected` in absolute values, for a rule that divides by its state, where `Rounding` decides
        nothing.

    Examples
    --------
    >>> Subject.of_reference("ostl").rule.name
    'ostl'
    """

    name: str
    rule: Rule
    gradients: Callable[[Problem], Any] | None = None
    family: str = "exact"
    dtype: str = "float64"
    limits: Mapping[str, Any] = field(default_factory=dict)
    learner: Callable[[Problem], Stepwise] | None = None
    estimate: Callable[[Problem, int], Gradients] | None = None
    outcomes: Callable[[Problem], Iterable[Gradients]] | None = None
    expected: Callable[[Problem], Gradients] | None = None
    majorant: Callable[[Problem], Gradients] | None = None
    reads: frozenset[str] = frozenset()

    @staticmethod
    def of_reference(rule: str | Rule, *, engine: str = "forward", family: str = "exact", **limits: Any) -> Subject:
        """Return an engine of the reference as a subject."""
        found = RULES[rule] if isinstance(rule, str) else rule
        return Subject(
            f"reference {engine} {found.name}",
            found,
            lambda problem: row(problem, found, engine=engine),
            family=family,
            limits=limits,
            reads=frozenset((*KINDS, GRAPH)),
            learner=lambda problem: Learner(
                problem.network,
                problem.parameters,
                rule=found,
                steps=problem.inputs.shape[0],
                batch=problem.inputs.shape[1],
                numbers=problem.numbers,
                feedback=problem.feedback,
                **problem.data,
            ),
        )

    def problems(self, **narrowed: Any) -> SearchStrategy[Problem]:
        """Return problems within the limits of the subject and of a law.

        A law narrows what the subject supports: ranges are intersected, a fixed option of the subject wins.
        """
        options = {"rule": self.rule, "family": self.family, "dtype": self.dtype, **narrowed}
        for name, limit in self.limits.items():
            wanted = options.get(name)
            if limit is None and name in narrowed:
                continue
            if wanted is not None and name in ("depth", "steps", "batch", "units", "inputs"):
                low, high = max(wanted[0], limit[0]), min(wanted[1], limit[1])
                if low > high:
                    raise Unsupported(f"{self.name} supports {name} {limit}", allowed=f"{name} {wanted}")
                options[name] = (low, high)
            elif wanted is not None and name == "cells_from":
                both = [cell for cell in wanted if cell in limit]
                if not both:
                    raise Unsupported(f"{self.name} supports the cells {limit}", allowed=f"{wanted}")
                options[name] = both
            elif name in narrowed and isinstance(limit, list) and narrowed[name] in limit:
                continue
            elif name in narrowed and narrowed[name] != limit:
                raise Unsupported(f"{self.name} supports {name}={limit!r}", allowed=f"{name}={narrowed[name]!r}")
            else:
                options[name] = limit
        return problems(**options)


class Unsupported(GradcertError):
    """A law asks for problems that the subject does not support."""
