"""Judge mutants and diagnose those that are refuted; every sentence is held against fresh problems."""

from __future__ import annotations

import multiprocessing as mp
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gradcert.certify.campaign import judge_all
from gradcert.certify.diagnosis import Evidence, causes, evidence_of
from gradcert.certify.problems import Spec, generate, plan
from gradcert.certify.runs import Prepared, Run, Task, prepare
from gradcert.certify.subjects import Limits, Subject, Worker
from gradcert.reference.rules import rule_named
from scripts.diagnosis import repairs
from scripts.diagnosis.mutants import Mutant, kinds_of, mutants
from scripts.diagnosis.subjects import Literal

FILE = "subject.py"
FRESH = 5  # problems that no evidence was drawn from, on which a named cause has to equal the subject
LONGEST = 300.0  # seconds for one mutant


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant.

    Attributes
    ----------
    verdict : ``equivalent``, ``refuted``, ``invalid`` (most problems raise), ``hung`` or ``crashed``, with the `check`.
    named : ``fully``, ``partly``, ``not``, or ``forward``: outputs or loss are wrong, and what is wrong is named.
    keys, said : of the explanation.
    false : whether a cause does not account for fresh problems.
    seconds : of the processor, for the diagnosis.
    repair, line : ``certified``, ``none``, or why none was looked for; what is shown.
    edits, by : how many edits a repair has, and by which operators.
    undone : whether the repair is the very source that was mutated.
    agrees : whether the cause that is named holds where the repair is right: on fresh problems; None without both.
    search, tried : seconds of the processor, and number of edits, for the search of a repair.
    """

    subject: str
    held: bool
    operator: str
    at: int
    before: str
    after: str
    verdict: str
    check: str = ""
    named: str = ""
    keys: tuple[str, ...] = ()
    said: str = ""
    false: bool = False
    seconds: float = 0.0
    repair: str = ""
    line: str = ""
    edits: int = 0
    by: str = ""
    undone: bool = False
    agrees: bool | None = None
    search: float = 0.0
    tried: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class Asked:
    """What all mutants of an implementation are asked."""

    literal: Literal
    specs: tuple[Spec, ...]
    ready: tuple[Prepared, ...]
    fresh: tuple[Any, ...]
    other: tuple[Prepared, ...] = ()  # the plan with another seed, on which repairs are certified


def asked(literal: Literal, *, repair: bool = False) -> Asked:
    """Prepare the cases of an implementation's claim, and fresh ones; the whole plan once more for repairs."""
    specs = plan(literal.claim, "default")
    ready = tuple(prepare(Task(spec, literal.claim, 0)) for spec in specs)
    usual = [spec for spec in specs if spec.family in ("dyadic", "bounded")]
    few = [usual[i * len(usual) // FRESH] for i in range(FRESH)]
    others = [Spec(s.cell, s.depth, s.loss, s.when, s.family, 50 + i, s.turn + i) for i, s in enumerate(few)]
    fresh = tuple(case for spec in others if (case := generate(spec, literal.claim)) is not None)
    other = tuple(prepare(Task(spec, literal.claim, 1)) for spec in specs) if repair else ()
    return Asked(literal, specs, ready, fresh, other)


def sample(literal: Literal, prepared: Asked, most: int, seed: int) -> list[Mutant]:
    """Return some mutants, operators in turn."""
    source = literal.source
    clean = literal.compiled(source, file=FILE)
    problems = [p.case.problem for p in prepared.ready if p.case is not None]
    kinds, functions = kinds_of(lambda: [clean(p) for p in problems[-2:]], FILE)
    groups: dict[str, list[Mutant]] = {}
    for mutant in mutants(source, kinds, functions):
        groups.setdefault(mutant.operator, []).append(mutant)
    rng = random.Random(seed)
    for group in groups.values():
        rng.shuffle(group)
    out: list[Mutant] = []
    while len(out) < most and any(groups.values()):
        out += [group.pop() for _, group in sorted(groups.items()) if group]
    return out[:most]


def measure(literals: Sequence[Literal], *, most: int, seed: int = 0, repair: float = 0.0) -> Iterator[Outcome]:
    """Yield the outcome of every mutant of the sample, each judged in a process of its own.

    Parameters
    ----------
    repair : seconds in which a repair of each is looked for; 0 for none.
    """
    for literal in literals:
        prepared = asked(literal, repair=bool(repair))
        for mutant in sample(literal, prepared, most, seed):
            yield _isolated(prepared, mutant, repair)


def _isolated(prepared: Asked, mutant: Mutant, repair: float) -> Outcome:
    here, there = mp.get_context("fork").Pipe(duplex=False)
    process = mp.get_context("fork").Process(target=_child, args=(there, prepared, mutant, repair))
    process.start()
    there.close()
    try:
        found: dict[str, Any] = here.recv() if here.poll(LONGEST) else {"verdict": "hung"}
    except EOFError:
        found = {"verdict": "crashed"}
    if process.is_alive():
        process.join(1)
        process.kill()
    process.join()
    about: dict[str, Any] = {
        "operator": mutant.operator,
        "at": mutant.line,
        "before": mutant.before,
        "after": mutant.after,
    }
    return Outcome(subject=prepared.literal.name, held=prepared.literal.held, **about, **found)


def _child(there: Any, prepared: Asked, mutant: Mutant, repair: float) -> None:
    np.seterr(all="ignore")
    there.send(judged(prepared, mutant.source, repair=repair))


def judged(prepared: Asked, source: str, *, repair: float = 0.0) -> dict[str, Any]:
    """Return what the judge and the diagnosis say about a source, and its repair."""
    literal = prepared.literal
    try:
        function = literal.compiled(source)
    except Exception:
        return {"verdict": "invalid"}
    run = Run(Subject(function, limits=Limits(call=5.0)), literal.claim, planned=len(prepared.specs))
    worker = run.subject.start() if run.subject is not None else None
    if not isinstance(worker, Worker):
        return {"verdict": "invalid"}
    run.worker = worker
    try:
        judge_all(run, prepared.specs, prepared.ready, lambda *_: None)
    finally:
        if run.worker is not None:
            run.worker.stop()
    checks = {finding.check for _, finding in run.findings}
    if not checks:
        return {"verdict": "equivalent"}
    raised = {case.id for case, finding in run.findings if case is not None and finding.check == "call"}
    if len(raised) * 2 >= len(prepared.specs):
        return {"verdict": "invalid"}
    check = next((c for c in ("structure", "call", "inputs") if c in checks), "gradient")
    mended = repairs.looked(prepared.literal, prepared.other, run, source, repair) if repair else {}
    if check != "gradient":
        return {"verdict": "refuted", "check": check, "named": "fully", **mended}  # the finding itself says it
    started = time.process_time()
    try:
        explanation = causes.find(evidence_of(run.answers), rule_named(literal.claim.rule))
    except Exception as error:
        return {"verdict": "crashed", "said": f"{type(error).__name__}: {error}", **mended}
    seconds = time.process_time() - started
    named = "not" if not explanation.keys else "partly" if explanation.unexplained else "fully"
    told = {"verdict": "refuted", "check": check, "named": named, "keys": explanation.keys, "said": str(explanation)}
    false = bool(explanation.keys) and not _true(prepared, function, explanation)
    if mended.get("repair") == "certified" and explanation.keys:
        mended["agrees"] = not false  # both are held against problems that neither was found on
    return {**told, **mended, "false": false, "seconds": round(seconds, 3)}


def _true(prepared: Asked, function: Any, explanation: causes.Explanation) -> bool:
    """Return whether every cause accounts for what the subject returns for the fresh problems."""
    fresh = []
    for case in prepared.fresh:
        try:
            given = {k: np.asarray(v, dtype=float) for k, v in function(case.problem).items()}
        except Exception:
            continue
        fresh.append(Evidence(case, given))
    return all(cause.holds(fresh) for cause in explanation.causes)
