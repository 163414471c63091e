"""One member of the gallery: a gradient function, what it claims, and what is wrong with it, if anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcert.properties.subject import Subject
from gradcert.reference import CELLS, RULES
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

NO_RULE = Rule("own", "A rule with a trace of its own", own=frozenset(), upper=frozenset())


@dataclass(frozen=True)
class Entry:
    """A member of the gallery.

    Attributes
    ----------
    name : ``T05_reset_term_dropped``, or a word for a correct but unusual implementation.
    title : what was done, in one sentence.
    gradients : the subject: a problem in, gradients out.
    claim : what it says of itself, in the words of a claim: rule, cells, depths, dtype, options, losses, when, time,
        batch, readout, readout_options. ``rule`` is a row of the rule table, or the name of an estimator.
    traps : the traps of mathematics.md 14 that it falls into; none where it is correct.
    bug_class : the section of the catalogue.
    cause : what is wrong, as a diagnosis may name it: keys ``kind:what`` of the edge, factor, step, convention,
        transformation or check; where two descriptions give the same gradient, each is right.
    reads : what it reads of the optional arrays of a problem (`Subject.reads`).
    needs : modules that its first call would import, which takes longer than the call itself.
    beyond : why no claim of certify can say what it claims, if so; the laws judge it then.
    expected : what should come out where the rule is no row of the table.
    majorant, learner, estimate, outcomes : as for `Subject`.
    limits : further options of `problems` for the laws: ``steps``, ``batch``, ``units``.
    """

    name: str
    title: str
    gradients: Callable[[Problem], Any] | None
    claim: Mapping[str, Any]
    traps: tuple[str, ...] = ()
    bug_class: str = ""
    cause: tuple[str, ...] = ()
    expected: Callable[[Problem], Mapping[str, Array]] | None = None
    majorant: Callable[[Problem], Mapping[str, Array]] | None = None
    learner: Callable[[Problem], Any] | None = None
    estimate: Callable[[Problem, int], Mapping[str, Array]] | None = None
    outcomes: Callable[[Problem], Any] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    beyond: str = ""

    @property
    def wrong(self) -> bool:
        """Whether it has to be refuted."""
        return bool(self.traps)

    @property
    def rule(self) -> Rule:
        """The row of the rule table that it claims, or a placeholder for a rule that is no row."""
        return RULES.get(self.claim["rule"], NO_RULE)

    def subject(self) -> Subject:
        """Return the member as a subject of the laws.

        Exact arithmetic where the cells are rational, enclosures otherwise.
        """
        claim = self.claim
        depths = claim.get("depths", (1, 2))
        limits: dict[str, Any] = {"cells_from": tuple(claim["cells"]), "depth": (min(depths), max(depths))}
        readout = claim.get("readout")
        limits["readout"] = readout if readout is not None else False
        if readout is not None:
            limits["readout_options"] = dict(claim.get("readout_options", {}))
        limits |= {name: claim[name] for name in ("when",) if name in claim}
        limits["kinds"] = tuple(claim.get("losses", ("squared_error", "cross_entropy")))
        limits["reductions"] = tuple({claim.get("time", "sum"), claim.get("batch", "sum")})
        limits |= dict(claim.get("options", {}))
        limits |= dict(self.limits)
        family = self.limits.get("family", "exact" if _rational(claim) else "bounded")
        return Subject(
            self.name,
            self.rule,
            self.gradients,
            family=family,
            dtype=claim.get("dtype", "float64"),
            limits={k: v for k, v in limits.items() if k != "family"},
            learner=self.learner,
            estimate=self.estimate,
            outcomes=self.outcomes,
            expected=self.expected,
            majorant=self.majorant,
            reads=self.reads,
        )


def _rational(claim: Mapping[str, Any]) -> bool:
    from gradcert.properties.options import exact_cells

    return set(claim["cells"]) <= set(exact_cells()) & set(CELLS) and claim.get("dtype", "float64") == "float64"
