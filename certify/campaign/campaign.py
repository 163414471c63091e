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
from gradcert.certify.campaign.claimed import claimed, given_rule, matter, stepwise, unspoken, unstarted
from gradcert.certify.campaign.conclude import conclude
from gradcert.certify.campaign.options import check_options
from gradcert.certify.certificates import (
    REFUTED,
    VERSION,
    Certificate,
    environment,
    reference_digest,
    subject_digest,
)
from gradcert.certify.claims import Parts, check_names, patient
from gradcert.certify.counterexample import record as counterexample
from gradcert.certify.names import present_names
from gradcert.certify.problems import plan, profile_named
from gradcert.certify.runs import Journal, Prepared, Run, ordinary, prepare_all
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
    resume: str | Path | None = None,
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
    GradcertError : if there is no claim, or it does not fit together; if the subject does not start: a name or a file
        does not fit, a program never answers, or memory does not suffice for one answer: nothing is judged then.

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
    journal = check_options(
        limits=limits, progress=progress, jobs=jobs, cluster=cluster, python=python, repair=repair, resume=resume
    )
    check_names("certify", parts)
    who = subject if isinstance(subject, Subject) else Subject(subject, python=python, limits=limits)
    first = who.start()
    if not isinstance(first, Worker):
        raise unstarted(first)
    told = first.claim
    try:
        with patient(limits.call):
            wanted = claimed(subject, told, notes=first.notes, run_cells=run_cells, **parts)
        stepwise(who, first, wanted)
        specs = plan(wanted, profile)
    except GradcertError:
        first.stop()
        raise
    run = Run(who, wanted, profile=profile, planned=len(specs))
    digests = {"subject": "", "reference": reference_digest(), **given_rule(wanted)}
    small: dict[str, Any] | None = None
    run.worker, run.arrays = first, not (first.program or first.stepwise)
    run.notes += matter(first.notes, wanted)

    def stage(what: str) -> None:
        """Say what is done now, and from here on each question of it."""
        told_of(len(specs), len(specs), what)
        run.asking = lambda asked: told_of(len(specs), len(specs), f"{what}: {asked}")

    try:
        if journal is not None:
            digests["subject"] = subject_digest(who, who.made_of(first))  # as far as it is imported by now
            asked = {"suite": VERSION, "subject": who.name, "claim": wanted.to_dict(), "seed": seed}
            asked |= {"profile": profile, "digests": digests, "environment": environment()}
            run.journal = Journal(journal, asked)
        done = run.journal.prepared if run.journal is not None else None
        ready = prepare_all(specs, wanted, seed=seed, jobs=jobs, cluster=cluster, done=done)
        judge_all(run, specs, _meanwhile(run, ready), told_of)
        if (silent := unspoken(run)) is not None:
            raise silent
        if run.running:
            for name in beside(wanted, profile):
                stage(f"asked beside the cases: {name}")
                BESIDE[name](run, seed)
            if wanted.entrywise:
                stage(f"{_wrong(run)}: a small counterexample" if run.failed else "")
                small = counterexample.find(run, most=profile_named(profile).questions)
            run.asking = None
        sources = who.made_of(run.worker)
    finally:
        run.stop()
    digests["subject"] = subject_digest(who, sources)
    told_of(len(specs), len(specs), f"{_wrong(run)}: the cause" if run.findings else "controls")
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
    told_of(len(specs), len(specs), "refuted: a repair is looked for")
    found = repaired.look(run, specs, certify, seed=seed, seconds=repair)
    return replace(certificate, repair=found, seconds=round(time.perf_counter() - started, 3))


def _wrong(run: Run) -> str:
    """Return how many problems were answered wrong, for whoever waits for the cause."""
    return f"{len({case.id for case, _ in run.findings if case is not None})} wrong"


def _meanwhile(run: Run, ready: Iterable[Prepared]) -> Iterator[Prepared]:
    """Pass cases on; once the first is answered rightly, ask it of a process with ordinary threads, beside the rest."""
    for number, prepared in enumerate(ready):
        if number == 1 and "threads" in beside(run.claim, run.profile):
            ordinary.begin(run)
        yield prepared
