"""The state of a campaign: the subject's process, what it answered, and what was found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradcert.certify.certificates import CaseResult, CheckResult, Finding
from gradcert.certify.claims import Claim
from gradcert.certify.problems import Case, Spec
from gradcert.certify.runs.journal import Journal
from gradcert.certify.runs.prepare import Prepared
from gradcert.certify.runs.steps import Prefix
from gradcert.certify.subjects import Ahead, Answer, Failure, Played, Subject, Worker
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
        found = self.worker.draws(problem, seeds)
        if found and _lost(found[-1]):
            self.worker, self.lost = None, self.lost + 1
        return found

    def play(self, problem: Problem, **options: Any) -> Played | None:
        """Take a stepwise learner through a sequence, in a new process if the last one was lost (`drive.play`)."""
        if not self._alive(None) or self.worker is None:
            return None
        played = self.worker.play(problem, **options)
        if played.failure is not None and played.failure.kind in GONE:
            self.worker, self.lost = None, self.lost + 1
        return played

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
        answer = self.worker.ask(problem, memory=memory, times=times)
        if _lost(answer):
            self.worker, self.lost = None, self.lost + 1
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
            self.lost += 1
            if self.worker is not None:
                self.worker.stop()
                self.worker = None
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
