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
    entry, now : the expected failure that it is listed as, and how many checks that lists in this run.
    covering : returns the expected failure that lists another case of the same subject, or None.
    test : the words of a command that runs it again, where the subject has no name of its own.
    """

    session: Session
    name: str
    say: Callable[[dict[str, Any]], None]
    expected: bool = False
    entry: Expected | None = None
    now: int = 0
    covering: Callable[[str], Expected | None] = lambda _: None
    test: Sequence[str] = ()

    def run(self, given: Mapping[str, Any] | None = None) -> None:
        """Do the check; fail the test if it finds something, and skip it if that decides nothing: the run fails then.

        Parameters
        ----------
        given : the test's own parameters, which the subject is called with.
        """
        from gradcert.reference.errors import GradcertError

        session = self.session.given(given or {})
        session.wanted, session.test = not self.expected, self.test
        checks = {"controls": _controls, "more": self._more, **dict.fromkeys(ONLINE, _online)}
        check = _case if self.name in session.specs else checks.get(self.name, _beside)
        with importing():
            try:
                session.start()
                found = check(session, self.name) if session.idle is None else _idle(session)
            except GradcertError as error:  # such as the maps of an adapter that do not fit
                found = Found(None, (f"usage: {error}",), "usage")
        entries = found.through if self.entry is None else () if self.entry.exact else (self.entry,)
        about: dict[str, Any] = {"subject": session.subject.name, "check": self.name, "profile": session.profile}
        about |= {"planned": len(session.ids), "entries": [entry.name for entry in entries], "now": self.now}
        told = {"worst": found.worst, "kind": found.kind, "causes": list(found.causes)}
        self.say({**about, **told, "undecided": found.undecided})
        if found.said:
            text = "\n\n".join(found.said)
            if found.undecided:
                pytest.skip(text)
            if found.through:
                pytest.xfail("; ".join(dict.fromkeys(entry.sentence for entry in found.through)))
            if self.entry is not None and (other := _unexpected(self.entry, found)):
                pytest.fail(f"{other}\n\n{text}", pytrace=False)
            raise (Refuted if found.causes else pytest.fail.Exception)(text, pytrace=False)

    def _more(self, session: Session, name: str) -> Found:
        """Ask for more cases; what is wrong with those that an entry lists is expected, though no test is theirs."""
        return _beside(session, name, covering=self.covering if self.entry is None else None)


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
        return Found(None, (f"no acceptable draw for {name}: nothing was checked",), "case", undecided=True)
    run = session.ask(name)
    return replace(_told(session, run, _known(session, run)), worst=run.results[-1].worst)


def _known(session: Session, run: Run) -> Mapping[str, str] | None:
    """Return the causes that the subject as a whole has told, where a run fails by what has one."""
    from gradcert.certify.campaign import EXPLAINED

    explicable = run.claim.entrywise and any(check in EXPLAINED for _, _, check in run.failed)
    return session.named() if explicable else None


def _controls(session: Session, _: str) -> Found:
    from gradcert.certify.campaign import control

    assert session.claim is not None
    if (run := session.any_answer()) is None or not run.answers:
        return _nothing(session, run)
    void = control([session.ready(name) for name in session.specs], session.claim)[2]
    said = tuple(f"the checks prove nothing: {reason}" for reason in void)
    return Found(None, said, "controls" if void else "", undecided=bool(void))


def _beside(session: Session, name: str, covering: Callable[[str], Expected | None] | None = None) -> Found:
    """Ask what a campaign asks beside its cases, and tell what that finds: the tests of cases tell the rest.

    Parameters
    ----------
    covering : returns the expected failure that lists a case, where those of cases are looked at.
    """
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
    if not run.findings:
        return Found()
    through = _through(session, run, covering) if covering is not None else ()
    session.wanted = session.wanted and not through
    found = _told(session, run, _known(session, run))
    return replace(found, through=through) if found.causes else found


def _through(session: Session, run: Run, covering: Callable[[str], Expected | None]) -> tuple[Expected, ...]:
    """Return the expected failures that list all cases of a run which are wrong; none where a case is in none of them.

    A case belongs to an entry as the test of a case does: with its cause, that of the subject as a whole where one
    explains all, else that of the entry's cases.
    """
    from gradcert.certify.campaign import explained

    ids = dict.fromkeys(case.id if case is not None else "" for case, _ in run.findings)
    entries = {name: covering(name) for name in ids}
    through: dict[Expected, set[str]] = {}
    for name, entry in entries.items():
        if entry is None:
            return ()
        through.setdefault(entry, set()).add(name)
    for entry, names in through.items():
        part = _part(run, names)
        if entry.cause and not entry.means(
            finding.cause or finding.reason for finding in explained(part, replay="", known=_known(session, part))
        ):
            return ()
    return tuple(through)


def _part(run: Run, names: set[str]) -> Run:
    """Return what a run says of some cases."""
    findings = [pair for pair in run.findings if pair[0] is not None and pair[0].id in names]
    failed = [(case, answer, check) for case, answer, check in run.failed if case.id in names]
    answers = [(case, answer) for case, answer in run.answers if case.id in names]
    results = [result for result in run.results if result.id in names]
    return replace(run, findings=findings, failed=failed, answers=answers, results=results)


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
        return Found(None, ("no acceptable draw for any case: nothing was checked",), "case", undecided=True)
    found = _told(session, run)
    return replace(found, said=(f"no case was answered; the first: {found.said[0]}",))


def _told(session: Session, run: Run, known: Mapping[str, str] | None = None) -> Found:
    from gradcert.certify.campaign import explained
    from gradcert.certify.report import text

    findings: list[Finding] = explained(run, replay=_replay(session), known=known)
    repair = session.repaired(run) if findings else ""
    said = [f"{finding.check}: {text(finding, repair=repair)}" for finding in findings]
    idle = [f"{result.id}: {result.what}" for result in run.checks if result.verdict == "blocked"]
    # as a campaign has it: what it cannot decide, or a limit of its own, is no word about the subject
    undecided = all("limit" in finding.where for finding in findings) if findings else bool(idle)
    if not findings and run.results and run.results[-1].verdict != "passed":
        idle.append("there was no answer to judge")
        undecided = False
    causes = tuple(finding.cause or finding.reason for finding in findings)
    whole = not idle and answered(findings)
    kind = findings[0].check if findings else "call" if idle else ""
    return Found(None, (*said, *idle), kind, causes if whole and not undecided else (), undecided=undecided)


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
