"""A case: a problem, what has to come back, and which mistakes it can see."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.certify.problems.budget.expected import Expected
from gradcert.reference.networks import Problem, is_formula
from gradcert.reference.published import Claimed


@dataclass(frozen=True)
class Spec:
    """What a case is to be like; its id and the seed decide the rest.

    Attributes
    ----------
    cell, depth, loss, when : one combination of the claim.
    family : a key of `FAMILIES`.
    index : counts cases of one combination; the claim's alternatives are taken in turn by `turn`.
    instead : the family in whose place this case stands, where that one cannot be drawn.
    levels : the circumstances that it is drawn for, (axis, level).
    """

    cell: str
    depth: int
    loss: str
    when: str
    family: str
    index: int = 0
    turn: int = 0
    instead: str = ""
    levels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple((str(a), str(b)) for a, b in self.levels))  # JSON has lists

    @property
    def id(self) -> str:
        """The case's name; one that stands in the place of another has that one's."""
        loss = f"own-{zlib.crc32(self.loss.encode()):08x}" if is_formula(self.loss) else self.loss
        return f"{self.cell}/{self.depth}/{loss}-{self.when}/{self.instead or self.family}/{self.index}"


@dataclass(frozen=True, eq=False)
class Case:
    """One case.

    Attributes
    ----------
    spec : what it was to be like.
    problem : what the subject is given.
    rule : the claimed row, or the algorithm that is claimed.
    expected : what has to come back.
    separates : label of a neighbouring row -> by how many budgets its gradient differs, 0 where it does not.
    facts : figures for the report: spike rate, ties, draws; ``T``, ``B``, ``sizes`` and the circumstances ``met``.
    """

    spec: Spec
    problem: Problem
    rule: Claimed
    expected: Expected
    separates: Mapping[str, float]
    facts: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The case's name."""
        return self.spec.id
