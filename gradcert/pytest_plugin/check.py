"""One check of one subject, as a test runs it: a case, the controls, what is asked beside, or what "online" means."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gradcert.pytest_plugin.imports import importing, shell
from gradcert.pytest_plugin.session import ONLINE, Session

if TYPE_CHECKING:
    from gradcert.certify.certificates import Finding
    from gradcert.certify.runs import Run


@dataclass(frozen=True, eq=False)
class Check:
    """What the fixture `gradcert_check` gives: one check of one subject.

    Attributes
    ----------
    session, name : the subject, and which check.
    say : takes what is to be said of the outcome.
    expected : whether it is to fail; then no repair is looked for.
    entry, of : the pattern of expected failures that it belongs to, and how many checks that lists in every profile.
    test : its id, which runs it again where the subject has no name of its own.
    """

    session: Session
    name: str
    say: Callable[[dict[str, Any]], None]
    expected: bool = False
    entry: str = ""
    of: int = 0
    test: str = ""

    def run(self, given: Mapping[str, Any] | None = None) -> None:
        """Do the check; fail the test if it finds something.

        Parameters
        ----------
        given : the test's own parameters, which the subject is called with.
        """
        __tracebackhide__ = True
        session = self.session.given(given or {})
        session.wanted = not self.expected
        about = {"subject": session.subject.name, "check": self.name, "entry": self.entry, "of": self.of}
        if session.failure:
            pytest.fail(session.failure, pytrace=False)
        checks = {"controls": _controls, **dict.fromkeys(ONLINE, _online)}
        check = _case if self.name in session.specs else checks.get(self.name, _beside)
        session.test = self.test
        with importing():
            worst, found = check(session, self.name)
        self.say({**about, "worst": worst})
        if found:
            pytest.fail("\n\n".join(found), pytrace=False)


def _case(session: Session, name: str) -> tuple[float | None, list[str]]:
    if session.ready(name).case is None:
        return None, [f"no acceptable draw for {name}: nothing was checked"]
    run = session.ask(name)
    idle = [f"{result.id}: {result.what}" for result in run.checks if result.verdict == "blocked"]
    return run.results[-1].worst, _told(session, run) + idle


def _controls(session: Session, _: str) -> tuple[float | None, list[str]]:
    from gradcert.certify.campaign import control

    assert session.claim is not None
    void = control([session.ready(name) for name in session.specs], session.claim)[2]
    return None, [f"the checks prove nothing: {reason}" for reason in void]


def _beside(session: Session, name: str) -> tuple[float | None, list[str]]:
    """Ask what a campaign asks beside its cases, and tell what that finds: the tests of cases tell the rest."""
    from gradcert.certify.campaign import BESIDE

    run = session.whole()
    known = len(run.findings)
    BESIDE[name](run, session.checks.seed)
    session.leave(run)
    run.findings = run.findings[known:]
    return None, _told(session, run) if run.findings else []


def _online(session: Session, name: str) -> tuple[float | None, list[str]]:
    from gradcert.certify.runs import online

    run, check = session.run(), name.partition("/")[2]
    cases = [case for spec in session.specs if (case := session.ready(spec).case) is not None]
    for case in online.chosen(cases, deepest=check == "memory"):
        online.judge(run, check, case, wrong=False)
    session.leave(run)
    idle = [f"{result.id}: {result.what}" for result in run.checks if result.verdict == "blocked"]
    return None, _told(session, run) + idle


def _told(session: Session, run: Run) -> list[str]:
    from gradcert.certify.campaign import again, explained
    from gradcert.certify.report import text

    given = {"subject": session.checks.subject, "told": session.told, "profile": session.profile}
    replay = shlex.join(["pytest", session.test])
    if session.subject.callable is None:  # it can be named: no test is needed
        line = again(session.subject, run.claim, **given, seed=session.checks.seed)
        replay = shell(line, session.subject.name)
    findings: list[Finding] = explained(run, replay=replay)
    blocked = (
        ["there was no answer to judge"] if not findings and run.results and run.results[-1].verdict != "passed" else []
    )
    repair = session.repaired(run) if findings else ""
    return [f"{finding.check}: {text(finding, repair=repair)}" for finding in findings] + blocked
