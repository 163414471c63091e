"""A candidate explanation: a gradient that may be the subject's, in floats to be tried, as an enclosure to decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.problems import Bounds
from gradcert.reference.numbers import Array


@dataclass(frozen=True, eq=False)
class Candidate:
    """What somebody may have computed instead.

    Attributes
    ----------
    key : ``kind:what``.
    label : completes "it equals".
    floats : the gradient of a case in float64; None where the candidate says nothing about its network, which then is
        taken to be as claimed.
    bounds : the same as an enclosure of every correct implementation of it; None where it is undecided.
    kept : whether both follow from the case alone, so that they are computed once for all evidence about it.
    factor : the known factor that the label ends with; "" where there is none.
    """

    key: str
    label: str
    floats: Callable[[Evidence], Mapping[str, Array] | None]
    bounds: Callable[[Evidence], Mapping[str, Bounds] | None]
    kept: bool = False
    factor: str = ""

    def tried(self, e: Evidence) -> Mapping[str, Array] | None:
        """Return the floats of a case."""
        return self._once(e, e.worked.tried, self.floats)

    def enclosed(self, e: Evidence) -> Mapping[str, Bounds] | None:
        """Return the bounds of a case."""
        return self._once(e, e.worked.enclosed, self.bounds)

    def _once(self, e: Evidence, known: dict[tuple[str, str], Any], compute: Callable[[Evidence], Any]) -> Any:
        if not self.kept:
            return compute(e)
        mine = self.key, self.label
        if mine not in known:
            known[mine] = compute(e)
        return known[mine]

    def near(self, e: Evidence) -> frozenset[str]:
        """Return the parameters whose given gradient is close to the candidate's; a filter, never a verdict.

        What is wrong is not close to a candidate that changes nothing.
        """
        values = self.tried(e)
        if values is None:
            return e.right
        close = (name for name in e.given if name in values and e.likely(name, values[name]))
        return frozenset(n for n in close if n in e.right or not self.kept or e.changed(n, values[n]))

    def proven(self, e: Evidence, names: frozenset[str]) -> bool:
        """Return whether what was given lies within the candidate's budget, for some parameters of a case.

        Where the candidate has no enclosure, its floats have to be what was given, but for what rounding leaves.
        """
        wanted = names & set(e.given)
        if not wanted <= self.near(e):
            return False
        values = self.tried(e)
        if values is None:
            return True
        bounds = self.enclosed(e)
        # what is wrong, and so small beside another gradient that floats do not tell it from the claimed one
        unsure = [n for n in wanted - e.right if self.kept and not e.apart(n, values[n])]
        if bounds is None:  # a comparison at a tie, say: no enclosure, but a computation
            return not unsure and all(e.same(name, values[name]) for name in wanted)
        return all(e.equals(name, bounds[name]) for name in wanted) and all(e.excluded(n, bounds[n]) for n in unsure)
