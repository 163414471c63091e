"""A campaign: generate the cases of a claim, have them solved, judge, repeat, control, diagnose, and certify."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from gradcert.certify.campaign import repaired
from gradcert.certify.campaign.again import again
from gradcert.certify.campaign.asked import Progress, judge_all
from gradcert.certify.campaign.beside import BESIDE, beside
from gradcert.certify.campaign.claimed import claimed, given_rule, stepwise
from gradcert.certify.campaign.conclude import conclude
from gradcert.certify.certificates import (
    REFUTED,
    VERSION,
    CaseResult,
    Certificate,
    Finding,
    environment,
    reference_digest,
    subject_digest,
)
from gradcert.certify.claims import Parts, check_names
from gradcert.certify.counterexample import record as counterexample
from gradcert.certify.names import present_names
from gradcert.certify.problems import plan, profile_named
from gradcert.certify.runs import Journal, Prepared, Run, ordinary, prepare_all, tail
from gradcert.certify.subjects import Limits, Subject, Worker
from gradcert.reference.checks import check_seed
from gradcert.reference.errors import GradcertError


@present_names
def certify(
    subject: Any,
    *,
    profile: str = "default",
    seed: int = 0,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    progress: Progress | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    resume: Path | None = None,
    run_cells: bool = False,
    repair: float = 0.0,
    **parts: Unpack[Parts],
) -> Certificate:
    """Judge a subject against what it claims.

    Parameters
    ----------
    subject : a callable that takes a `Problem` and returns a dict of gradients, ``(loss, gradients)`` or
        ``(loss, gradients, outputs)``; or its name, ``package.module:attribute`` or ``path/to/file.py:attribute``;
        or a stepwise learner (`gradcert.certify.subjects.learner`), or the words of a command, for a program in any
        language; or a `gradcert.certify.subjects.Subject`.
    profile : ``quick``, ``default`` or ``thorough``.
    seed : decides every case.
    python : another interpreter for a named subject.
    limits : seconds and memory.
    progress : called with (done, total, what).
    jobs : processes that prepare cases; the outcome does not depend on it.
    cluster : address of a Dask scheduler whose workers prepare cases instead.
    resume : a file in which the run writes down what it has done, and from which a stopped run goes on.
    run_cells : whether the judge may run the files of cells that the subject's own claim names, other than the
        subject's own file and what `cells` names.
    repair : seconds in which an edit of a refuted subject's source is looked for that makes it right; 0 for none.
    parts : the claim, or what replaces parts of that which the subject was decorated with: the fields of `Claim` by
        name, ``within`` for its limits, ``loss`` in words, and ``claim`` for all of it, a `Claim`, a mapping or the
        name of a file (`gradcert.certify.claims.Parts`).

    Returns
    -------
    A `Certificate`.

    Raises
    ------
    GradcertError : if there is no claim, or it does not fit together.

    Examples
    --------
    >>> from gradcert.reference import RULES
    >>> from gradcert.reference.engines import reverse
    >>> def gradients(problem):
    ...     given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    ...     return reverse.gradients(*given, rule=RULES["ostl"])
    >>> certify(gradients, rule="ostl", cells="snu", depths=1, profile="quick").verdict
    'certified'
    """
    started, told_of = time.perf_counter(), progress or (lambda *_: None)
    seed = check_seed(seed)
    if not 0 <= repair < float("inf"):
        raise GradcertError(f"repair={repair!r}", allowed="a number of seconds", do="repair=0 looks for none")
    check_names("certify", parts)
    who = subject if isinstance(subject, Subject) else Subject(subject, python=python, limits=limits)
    first = who.start()
    told = first.claim if isinstance(first, Worker) else None
    if not isinstance(first, Worker) and first.kind == "usage":
        raise GradcertError(first.reason)
    try:
        wanted = claimed(
            subject,
            told,
            failure=None if isinstance(first, Worker) else first,
            run_cells=run_cells,
            **parts,
        )
        if isinstance(first, Worker):
            stepwise(who, first, wanted)
        specs = plan(wanted, profile)
    except GradcertError:
        if isinstance(first, Worker):
            first.stop()
        raise
    run = Run(who, wanted, profile=profile, planned=len(specs))
    digests = {"subject": "", "reference": reference_digest(), **given_rule(wanted)}
    sources: dict[str, Any] = {}
    small: dict[str, Any] | None = None
    if isinstance(first, Worker):
        run.worker, run.arrays = first, not (first.program or first.stepwise)
        run.notes += first.notes
        try:
            if resume is not None:
                digests["subject"] = subject_digest(who, who.made_of(first))  # as far as it is imported by now
                asked = {"suite": VERSION, "subject": who.name, "claim": wanted.to_dict(), "seed": seed}
                asked |= {"profile": profile, "digests": digests, "environment": environment()}
                run.journal = Journal(resume, asked)
            done = run.journal.prepared if run.journal is not None else None
            ready = prepare_all(specs, wanted, seed=seed, jobs=jobs, cluster=cluster, done=done)
            judge_all(run, specs, _meanwhile(run, ready), told_of)
            if run.running:
                for name in beside(wanted, profile):
                    told_of(len(specs), len(specs), f"asked beside the cases: {name}")
                    BESIDE[name](run, seed)
                if wanted.entrywise:
                    told_of(len(specs), len(specs), "a small counterexample" if run.failed else "")
                    small = counterexample.find(run, most=profile_named(profile).questions)
            sources = who.made_of(run.worker)
        finally:
            run.stop()
    else:
        run.findings.append((None, Finding("import", "", first.reason, where={"output": tail(first.output)})))
        run.results += [CaseResult(s.id, s.family, False, "blocked", None, 0.0) for s in specs]
    digests["subject"] = subject_digest(who, sources)
    told_of(len(specs), len(specs), "controls" if not run.findings else "the cause")
    certificate = conclude(
        run,
        subject=who.name,
        replay=again(who, wanted, subject=subject, told=told, profile=profile, seed=seed),
        digests=digests,
        sources=sources,
        steps=run.steps,
        counterexample=small,
        seed=seed,
        profile=profile,
        started=started,
    )
    if not repair or certificate.verdict != REFUTED:
        return certificate
    told_of(len(specs), len(specs), "a repair")
    found = repaired.look(run, specs, certify, seed=seed, seconds=repair)
    return replace(certificate, repair=found, seconds=round(time.perf_counter() - started, 3))


def _meanwhile(run: Run, ready: Iterable[Prepared]) -> Iterator[Prepared]:
    """Pass cases on; once the first is answered rightly, ask it of a process with ordinary threads, beside the rest."""
    for number, prepared in enumerate(ready):
        if number == 1 and "threads" in beside(run.claim, run.profile):
            ordinary.begin(run)
        yield prepared
