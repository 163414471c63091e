"""Proving a claim: z3 first, cvc5 as second opinion, a counterexample where there is one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

try:
    import z3
except ImportError as error:  # pragma: no cover
    raise GradcertError("z3-solver is not installed", do=install("smt")) from error

PROVED, REFUTED, UNKNOWN = "proved", "refuted", "unknown"
OUTCOMES = (PROVED, REFUTED, UNKNOWN)
# attempts: a seed each, and its share of the time limit; a query that one seed is unlucky with is quick with another
ATTEMPTS = ((0, 0.05), (1, 0.1), (2, 1.0), (3, 1.0))


@dataclass(frozen=True)
class Verdict:
    """Outcome of one query: status, counterexample (variable name -> value), seconds, and cvc5's status where asked."""

    status: str
    model: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    second: str = "not asked"

    @property
    def agreed(self) -> bool:
        """Whether no second opinion contradicts the first."""
        return self.second in ("not asked", UNKNOWN, self.status)


def prove(
    claim: Any,
    assume: Sequence[Any] = (),
    *,
    seconds: float = 20.0,
    second: bool = False,
    logic: str | None = None,
) -> Verdict:
    """Prove that the assumptions imply the claim.

    Parameters
    ----------
    claim, assume : z3 Bool terms.
    seconds : time limit of the longest attempt; one that ends in nothing is followed by others with other seeds.
    second : ask cvc5 too.
    logic : an SMT-LIB logic that the claim is known to be in; QF_LIRA halves the time of long linear claims.

    Examples
    --------
    >>> x = z3.Int("x")
    >>> prove(x / 2 <= x, [x >= 0]).status, prove(x / 2 < x, [x >= 0]).model
    ('proved', {'x': 0})
    """
    given = z3.Solver()
    given.add(*assume, z3.Not(claim))
    started = time.perf_counter()
    for seed, share in ATTEMPTS:
        # a context of its own: what was proved before in this process does not steer the search
        context = z3.Context()
        solver = z3.Solver(ctx=context) if logic is None else z3.SolverFor(logic, ctx=context)
        solver.set("timeout", max(1, int(share * seconds * 1000)))
        solver.set("random_seed", seed)
        solver.add(*(term.translate(context) for term in given.assertions()))
        answer = solver.check()
        if answer != z3.unknown:
            break
    status = PROVED if answer == z3.unsat else REFUTED if answer == z3.sat else UNKNOWN
    model: dict[str, Any] = {}
    if status == REFUTED:
        found = solver.model()
        for variable in found.decls():
            value = found[variable]
            if z3.is_int_value(value):
                model[variable.name()] = value.as_long()
            elif z3.is_rational_value(value):
                model[variable.name()] = value.as_fraction()
            elif z3.is_bv_value(value):
                model[variable.name()] = value.as_signed_long()
            else:
                model[variable.name()] = str(value)
    opinion = cvc5_status(solver.to_smt2(), seconds) if second else "not asked"
    return Verdict(status, model, time.perf_counter() - started, opinion)


def cvc5_status(text: str, seconds: float) -> str:
    """Ask cvc5 about an SMT-LIB text that ends in check-sat: unsat means proved."""
    try:
        import cvc5
    except ImportError as error:
        raise GradcertError("cvc5 is not installed", do=install("smt")) from error
    solver = cvc5.Solver()
    solver.setOption("tlimit-per", str(int(seconds * 1000)))
    solver.setLogic("ALL")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "claim")
    symbols = parser.getSymbolManager()
    while True:
        command = parser.nextCommand()
        if command.isNull():
            return UNKNOWN
        if command.getCommandName() == "set-logic":
            continue
        answer = str(command.invoke(solver, symbols)).strip()
        if answer in ("sat", "unsat", "unknown"):
            return {"unsat": PROVED, "sat": REFUTED}.get(answer, UNKNOWN)


def worst(*statuses: str) -> str:
    """Return what several outcomes come to: refuted if one is, else unknown if one is, else proved.

    Examples
    --------
    >>> worst(PROVED, UNKNOWN, PROVED), worst(UNKNOWN, REFUTED)
    ('unknown', 'refuted')
    """
    return next((s for s in (REFUTED, UNKNOWN) if s in statuses), PROVED)


def all_refuted(*twins: str) -> str:
    """Return refuted if every twin is, proved if one is proved, else unknown: a twin that times out is not refuted.

    Examples
    --------
    >>> all_refuted(REFUTED, REFUTED), all_refuted(REFUTED, UNKNOWN), all_refuted(UNKNOWN, PROVED)
    ('refuted', 'unknown', 'proved')
    """
    return next((s for s in (PROVED, UNKNOWN) if s in twins), REFUTED)


@dataclass(frozen=True)
class ProofRecord:
    """One claim on one profile, and its deliberately broken twin.

    Attributes
    ----------
    number, claim, profile : which proof, the sentence that is proved with its hypotheses, about which profile.
    verdict : proved / refuted / unknown.
    twin : the twin's; refuted, if all is well. A twin that times out is unknown, and so is the record.
    second : cvc5's opinion of the claim, or "not asked".
    kind, says : the claim as data: which search attacks it (`attacks`), and the numbers that the sentence prints.
    """

    number: int
    claim: str
    profile: str
    verdict: str
    twin: str
    second: str
    seconds: float
    detail: str = ""
    kind: str = ""
    says: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for status in (self.verdict, self.twin):
            if status not in OUTCOMES:
                raise GradcertError(
                    f"outcome {status!r}", allowed=", ".join(OUTCOMES), do="say which of the three it is"
                )

    @property
    def outcome(self) -> str:
        """What the record comes to: proved only with a refuted twin and no second opinion against it."""
        if self.verdict == REFUTED or self.twin == PROVED or self.second == REFUTED:
            return REFUTED
        return UNKNOWN if UNKNOWN in (self.verdict, self.twin) else PROVED

    @property
    def holds(self) -> bool:
        """Whether the outcome is proved."""
        return self.outcome == PROVED
