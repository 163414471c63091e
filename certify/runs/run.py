"""The state of a campaign: the subject's process, what it answered, and what was found so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gradcert.certify.certificates import CaseResult, CheckResult, Finding
from gradcert.certify.claims import Claim
from gradcert.certify.problems import Case, Spec
from gradcert.certify.runs.journal import Journal
from gradcert.certify.runs.prepare import Prepared
from gradcert.certify.runs.steps import Prefix
from gradcert.certify.subjects import Ahead, Answer, Failure, Played, Subject, Worker, longer
from gradcert.reference.networks import Problem

GONE = ("died", "hung", "flooded", "garbled")  # kinds of failure that end the process
LOST = 3  # processes that may be lost before the rest of the campaign is blocked


@dataclass
class Run:
    """What accumulates during a campaign."""

    subject: Subject | None
    claim: Claim
    findings: list[tuple[Case | None, Finding]] = field(default_factory=list)
    results: list[CaseResult] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    answers: list[tuple[Case, Answer]] = field(default_factory=list)
    failed: list[tuple[Case, Answer, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    prepared: list[Prepared] = field(default_factory=list)
    prefixes: dict[str, list[Prefix | None]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)  # errors of prefixes (`gradcert.certify.runs.steps`)
    alone: dict[str, str] = field(default_factory=dict)  # level -> verdict of the case in which it alone is unusual
    seconds: dict[str, float] = field(default_factory=dict)  # of each case, from question to verdict
    lost: int = 0
    worker: Worker | None = None
    ahead: tuple[Case, Ahead] | None = None  # what a process with ordinary threads is being asked (`ordinary`)
    journal: Journal | None = None
    profile: str = "default"
    recalled: int = 0  # answers that came from a journal
    planned: int = 1  # cases, among which an error rate is shared
    calls: int = 0  # that the present process has answered
    most_calls: int = 0  # that one process has answered
    code: dict[str, Any] = field(default_factory=dict)  # of the subject's own, that never ran
    arrays: bool = True  # whether the subject is handed arrays of this machine's memory
    again: bool = False  # whether a problem was asked again after others
    hung: bool = False  # whether an answer did not come in time; then no question gets more than that
    asking: Callable[[str], None] | None = None  # is told what is asked, before each question
    explanation: Any = None  # what the diagnosis found (`gradcert.certify.diagnosis`), if it accounts for everything

    def keep(self, explanation: Any) -> None:
        """Keep what the diagnosis found."""
        self.explanation = explanation

    @property
    def running(self) -> bool:
        """Whether there is a process; any question may end it."""
        return self.worker is not None

    def ask(self, case: Case) -> Answer | None:
        """Have a case solved, in a new process if the last one was lost; None once too many were."""
        return self.solve(case.problem, memory=dict(case.spec.levels).get("memory")) if self._alive(case) else None

    def draw(self, problem: Problem, seeds: list[int]) -> list[Answer] | None:
        """Have a problem solved with many seeds; None once the process is lost."""
        if self.worker is None:
            return None
        self._say(f"{problem.id}, {len(seeds)} draws")
        found = self.worker.draws(problem, seeds)
        if found and _lost(found[-1]):
            self._lose(found[-1].failure)
        return found

    def play(self, problem: Problem, **options: Any) -> Played | None:
        """Take a stepwise learner through a sequence, in a new process if the last one was lost (`drive.play`)."""
        if not self._alive(None) or self.worker is None:
            return None
        self._say(f"{problem.id}, step by step")
        played = self.worker.play(problem, **options)
        if played.failure is not None and played.failure.kind in GONE:
            self._lose(played.failure)
        return played

    def _say(self, what: str) -> None:
        """Say what is asked, and that no more is asked after some answers that never came."""
        if self.asking is not None:
            late = f" (no answer {self.lost} time{'s' * (self.lost > 1)}; after {LOST} nothing more is asked)"
            self.asking(f"{what}{late if self.lost else ''}")

    def _lose(self, failure: Failure | None) -> None:
        """Take down that the process is gone."""
        self.worker, self.lost = None, self.lost + 1
        self.hung = self.hung or (failure is not None and failure.kind == "hung")

    def fresh(self, **options: Any) -> Worker | Failure | None:
        """Start a process beside the one that there is; options as for `Subject.start`. The caller ends it."""
        return self.subject.start(**options) if self.subject is not None else None

    def stop(self) -> None:
        """End the processes that there are."""
        for process in (self.worker, self.ahead[1] if self.ahead is not None else None):
            if process is not None:
                process.stop()
        self.ahead = None

    def _alive(self, case: Case | None) -> bool:
        """Return whether there is a process to ask, after starting one if there may be."""
        if self.worker is None and self.subject is not None and self.lost < LOST:
            started = self.subject.start()
            if not isinstance(started, Worker):
                where = {"output": tail(started.output)}
                self.findings.append((case, Finding("import", case.id if case else "", started.reason, where=where)))
                self.lost = LOST
                return False
            self.worker, self.calls = started, 0
        return self.worker is not None

    def solve(self, problem: Problem, *, memory: str | None = None, times: int = 1) -> Answer | None:
        """Have any problem solved by the process that there is; options as for `Worker.ask`."""
        if self.worker is None:
            return None
        many, steps = f", calls {self.calls + 1} to {self.calls + times}", len(problem.inputs)
        patient = f", {steps} steps, which may take {longer(problem):.3g} times as long"
        self._say(problem.id + (many if times > 1 else patient if longer(problem) > 1 and not self.hung else ""))
        answer = self.worker.ask(problem, memory=memory, times=times, **({"brief": True} if self.hung else {}))
        if _lost(answer):
            self._lose(answer.failure)
        self.calls += times
        self.most_calls = max(self.calls, self.most_calls)
        return answer

    def answered(self, spec: Spec, prepared: Prepared) -> Answer | None:
        """Return the answer to a prepared case: from the journal, or asked and written down there."""
        assert prepared.case is not None
        answer = self.recall(prepared.case)
        if answer is None:
            answer = self.ask(prepared.case)
            if self.journal is not None:
                ran = self.worker.ran() if self.worker is not None and answer is not None else []
                self.journal.add(spec, prepared, answer, ran)
        return answer

    def recall(self, case: Case) -> Answer | None:
        """Return the answer that an interrupted run has had, if it had one."""
        answer = self.journal.answer(case) if self.journal is not None else None
        if answer is not None and _lost(answer):  # the process ended then, and so it does now
            if self.worker is not None:
                self.worker.stop()
            self._lose(answer.failure)
        elif answer is not None and self._alive(case) and self.worker is not None and self.journal is not None:
            self.worker.ran(self.journal.ran[case.id])
        self.recalled += answer is not None
        return answer


def _lost(answer: Answer) -> bool:
    """Return whether the process ended with this answer."""
    return answer.failure is not None and answer.failure.kind in GONE


def tail(text: str) -> list[str]:
    """Return the last lines of an output."""
    return text.strip().splitlines()[-12:]
