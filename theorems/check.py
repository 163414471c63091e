"""Check everything: compile, audit, reject the mutants, run the tie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gradcert.theorems import audit as auditing
from gradcert.theorems.mutants import MUTANTS, outcome
from gradcert.theorems.tie.cases import field_cases, rational_cases
from gradcert.theorems.tie.compare import Case, compare
from gradcert.theorems.tie.program import build
from gradcert.theorems.toolchain import Workshop, compile_sources


@dataclass(frozen=True)
class Row:
    """One line of the tie's table.

    Attributes
    ----------
    cell : what was run.
    rows : rows of the rule table that it was run under.
    parameters, numbers : compared, over all rows and networks.
    nonzero : residuals that are not 0.
    different : of the numbers.
    """

    cell: str
    rows: int
    parameters: int
    numbers: int
    nonzero: int
    different: int


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes
    ----------
    audit : whether the assumptions are those that are committed.
    accepted : mutants that Coq did not reject.
    table : the tie, cell by cell.
    first : the first number that differs, in words, or empty.
    """

    audit: bool
    accepted: tuple[str, ...]
    table: tuple[Row, ...]
    first: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything was as it has to be."""
        return self.audit and not self.accepted and bool(self.table) and not any(row.different for row in self.table)


def check(*, folder: Path | None = None, listen: Callable[[str], None] = lambda _: None) -> Outcome:
    """Compile all theorems, compare what they assume, offer Coq the mutants, and run the tie.

    Parameters
    ----------
    folder : where compiled files are kept (`toolchain.default_folder`).
    listen : called with a sentence as each part begins.

    Raises
    ------
    GradcertError : if Coq or OCaml is missing, or a source is not accepted.
    """
    listen("Coq checks the theorems")
    workshop = compile_sources(folder=folder)
    listen("what the theorems assume")
    same = auditing.audit(workshop) == auditing.COMMITTED.read_text(encoding="utf-8")
    listen("definitions with a mistake")
    accepted = tuple(mutant.name for mutant in MUTANTS if not outcome(mutant, folder=folder))
    listen("the tie: the engine's tapes through the extracted programs")
    table, first = tie(workshop, [*field_cases(), *rational_cases()])
    return Outcome(same, accepted, table, first)


def tie(workshop: Workshop, cases: Iterable[tuple[str, Case]]) -> tuple[tuple[Row, ...], str]:
    """Return the table of the tie, and the first number that differs, in words."""
    grouped: dict[str, list[Case]] = {}
    for cell, case in cases:
        grouped.setdefault(cell, []).append(case)
    program, rows, first = build(workshop), [], ""
    for cell, of_cell in grouped.items():
        found = compare(program, of_cell)
        for case, one in zip(of_cell, found, strict=True):
            if one.different and not first:
                name, index, which, engine, programs = one.different[0]
                first = (
                    f"{cell}, {case.rule.name}: {which} of {name}{list(index)} is {engine}, by the programs {programs}"
                )
        rows.append(
            Row(
                cell,
                len({case.rule.name for case in of_cell}),
                sum(one.parameters for one in found),
                sum(one.numbers for one in found),
                sum(one.nonzero for one in found),
                sum(len(one.different) for one in found),
            )
        )
    return tuple(rows), first
