"""What the steps of the diagnosis found, as records: which explanation, of which parameters, in which words.

A cause has a key, ``kind:what``, that names the edge, factor, step, convention or transformation; the sentence that a
certificate shows is made of the same records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradcert.certify.diagnosis import conventions, fits, hypotheses, rows, stored_values, transformations
from gradcert.certify.diagnosis.evidence import Evidence, names_in
from gradcert.reference.rules import Rule

AS_CLAIMED = "row:as claimed"
NOTHING = (
    "no row of the rule table, no simple transformation of one, no known convention and no known mistake explains it"
)


@dataclass(frozen=True)
class Cause:
    """One explanation.

    Attributes
    ----------
    key : ``kind:what``.
    names : the parameters whose gradients it explains, on every case.
    label : in words.
    """

    key: str
    names: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Explanation:
    """What is known about a wrong gradient.

    Attributes
    ----------
    causes : one for all parameters, or several that share them; those that are right are explained `AS_CLAIMED`.
    unexplained : parameters that nothing known explains.
    note : what the sentence adds to a single cause.
    """

    causes: tuple[Cause, ...] = ()
    unexplained: tuple[str, ...] = ()
    note: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of everything that is not as claimed, once."""
        return tuple(dict.fromkeys(c.key for c in self.causes if c.key != AS_CLAIMED))

    def __str__(self) -> str:
        """Return one sentence."""
        if not self.causes:
            return NOTHING
        if len(self.causes) == 1 and not self.unexplained:
            return f"it equals {self.causes[0].label}{self.note}"
        said = "; ".join(f"{', '.join(c.names)}: equals {c.label}" for c in self.causes)
        return f"{said}; nothing known explains {', '.join(self.unexplained)}" if self.unexplained else said


def find(evidence: Sequence[Evidence], claimed: Rule) -> Explanation:
    """Return the first explanation, of rows, transformations and mistakes, that accounts for everything given."""
    names = tuple(names_in(evidence))
    row, single = rows.search(evidence, claimed)
    if row is not None:
        return Explanation((Cause(row.key, names, row.label),), note=f", to {row.distance:.0e}")
    partial = {name: Cause(found.key, (name,), found.label) for name, found in single.items()}
    for found in transformations.search(evidence, claimed):
        if set(found.names) == set(names):
            return Explanation((Cause(found.key, names, found.label),))
        for name in found.names:
            partial.setdefault(name, Cause(found.key, (name,), found.label))
    if set(partial) == set(names):
        return Explanation(_together(partial, names))
    if cause := _mistake(evidence, claimed, names):
        return Explanation((cause,))
    return Explanation(
        _together(partial, names), tuple(name for name in names if name not in partial) if partial else ()
    )


def _mistake(evidence: Sequence[Evidence], claimed: Rule, names: tuple[str, ...]) -> Cause | None:
    if (surrogate := conventions.surrogates(evidence, claimed)) is not None:
        label = f"{claimed.name} with the pseudo-derivative {surrogate.label}"
        return Cause(f"slope:{surrogate.name}", names, label)
    for hypothesis in hypotheses.search(evidence, claimed):
        return Cause(hypothesis.key, names, f"{claimed.name} with {hypothesis.label}")
    for what, label in stored_values.search(evidence):
        return Cause(f"value:{what}", names, f"{claimed.name} with {label}")
    for fit in fits.search(evidence, claimed):
        return Cause(f"amount:{fit.what}", names, f"{claimed.name} with {fit.label}")
    return None


def _together(partial: dict[str, Cause], names: Sequence[str]) -> tuple[Cause, ...]:
    groups: dict[tuple[str, str], list[str]] = {}
    for name in names:
        if name in partial:
            groups.setdefault((partial[name].key, partial[name].label), []).append(name)
    return tuple(Cause(key, tuple(members), label) for (key, label), members in groups.items())
