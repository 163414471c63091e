"""One check of one subject, as a test runs it: a case, the controls, what is asked beside, or what "online" means."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from gradcert.expected_failures import Expected
from gradcert.pytest_plugin.found import Found, Refuted, answered
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
    entry, of : the expected failure that it is listed as, and how many checks that lists, in every profile and in this.
    test : the words of a command that runs it again, where the subject has no name of its own.
    """

    session: Session
    name: str
    say: Callable[[dict[str, Any]], None]
    expected: bool = False
    entry: Expected | None = None
    of: tuple[int, int] = (0, 0)
    test: Sequence[str] = ()

    def run(self, given: Mapping[str, Any] | None = None) -> None:
        """Do the check; fail the test if it finds something.

        Parameters
        ----------
        given : the test's own parameters, which the subject is called with.
        """
        from gradcert.reference.errors import GradcertError

        session = self.session.given(given or {})
        session.wanted, session.test = not self.expected, self.test
        checks = {"controls": _controls, **dict.fromkeys(ONLINE, _online)}
        check = _case if self.name in session.specs else checks.get(self.name, _beside)
        with importing():
            try:
                session.start()
                found = check(session, self.name) if session.idle is None else _idle(session)
            except GradcertError as error:  # such as the maps of an adapter that do not fit
                found = Found(None, (f"usage: {error}",), "usage")
        entry = self.entry.name if self.entry is not None and not self.entry.exact else ""
        about: dict[str, Any] = {"subject": session.subject.name, "check": self.name, "entry": entry}
        about |= {"of": self.of[0], "now": self.of[1]}
        self.say({**about, "worst": found.worst, "kind": found.kind, "causes": list(found.causes)})
        if found.said:
            text = "\n\n".join(found.said)
            if self.entry is not None and (other := _unexpected(self.entry, found)):
                pytest.fail(f"{other}\n\n{text}", pytrace=False)
            raise (Refuted if found.causes else pytest.fail.Exception)(text, pytrace=False)


def _unexpected(entry: Expected, found: Found) -> str:
    """Return why this is not the failure that an entry expects, or nothing."""
    if not found.causes:
        why = "there is no answer that could be wrong"
    elif not entry.means(found.causes):
        why = f"the words {entry.cause!r} do not stand in its cause"
    else:
        return ""
    return f"not the expected failure, as {why}; expected is: {entry.sentence}"


def _case(session: Session, name: str) -> Found:
    if session.ready(name).case is None:
        said = f"no acceptable draw for {name}: nothing was checked"
        return Found(None, (said,), "case", (said,))
    from gradcert.certify.campaign import EXPLAINED

    run = session.ask(name)
    explicable = run.claim.entrywise and any(check in EXPLAINED for _, _, check in run.failed)
    return replace(_told(session, run, session.named() if explicable else None), worst=run.results[-1].worst)


def _controls(session: Session, _: str) -> Found:
    from gradcert.certify.campaign import control

    assert session.claim is not None
    if (run := session.any_answer()) is None or not run.answers:
        return _nothing(session, run)
    void = control([session.ready(name) for name in session.specs], session.claim)[2]
    said = tuple(f"the checks prove nothing: {reason}" for reason in void)
    return Found(None, said, "controls" if void else "", said)


def _beside(session: Session, name: str) -> Found:
    """Ask what a campaign asks beside its cases, and tell what that finds: the tests of cases tell the rest."""
    from gradcert.certify.campaign import BESIDE

    if (run := session.any_answer()) is None or not run.answers:
        return _nothing(session, run)
    run = session.whole()
    if run.worker is None:  # the last of the cases ended it
        session.start()
        run.worker, run.calls = session.worker, session.calls
        if session.idle is not None:
            return _idle(session)
    known = len(run.findings)
    BESIDE[name](run, session.checks.seed)
    session.leave(run)
    run.findings = run.findings[known:]
    return _told(session, run) if run.findings else Found()


def _online(session: Session, name: str) -> Found:
    from gradcert.certify.runs import online

    if (asked := session.any_answer()) is None or not asked.answers:
        return _nothing(session, asked)
    run, check = session.run(), name.partition("/")[2]
    cases = [case for spec in session.specs if (case := session.ready(spec).case) is not None]
    for case in online.chosen(cases, deepest=check == "memory"):
        online.judge(run, check, case, wrong=False)
    session.leave(run)
    return _told(session, run)


def _idle(session: Session) -> Found:
    """Tell that the subject's process does not start."""
    from gradcert.certify.report import text

    assert session.idle is not None
    finding = replace(session.idle, replay=_replay(session))
    return Found(None, (f"{finding.check}: {text(finding)}",), finding.check)


def _nothing(session: Session, run: Run | None) -> Found:
    """Tell that no case has got an answer, and how the first failed."""
    if run is None:
        said = "no acceptable draw for any case: nothing was checked"
        return Found(None, (said,), "case", (said,))
    found = _told(session, run)
    return replace(found, said=(f"no case was answered; the first: {found.said[0]}",))


def _told(session: Session, run: Run, known: Mapping[str, str] | None = None) -> Found:
    from gradcert.certify.campaign import explained
    from gradcert.certify.report import text

    findings: list[Finding] = explained(run, replay=_replay(session), known=known)
    repair = session.repaired(run) if findings else ""
    said = [f"{finding.check}: {text(finding, repair=repair)}" for finding in findings]
    idle = [f"{result.id}: {result.what}" for result in run.checks if result.verdict == "blocked"]
    if not findings and run.results and run.results[-1].verdict != "passed":
        idle.append("there was no answer to judge")
    causes = tuple(finding.cause or finding.reason for finding in findings)
    whole = not idle and answered(findings)
    kind = findings[0].check if findings else "call" if idle else ""
    return Found(None, (*said, *idle), kind, causes if whole else ())


def _replay(session: Session) -> str:
    """Return the command line that shows it again: the test's own where the subject has no name outside of it."""
    from gradcert.certify.campaign import again

    subject = session.subject
    if subject.callable is not None:
        return shlex.join(session.test)
    given = {"subject": session.checks.subject, "told": session.told, "profile": session.profile}
    if session.claim is None:  # it did not start, and so has told none
        return shell(f"gradcert certify {subject.replay}", subject.name)
    return shell(again(subject, session.claim, **given, seed=session.checks.seed), subject.name)
