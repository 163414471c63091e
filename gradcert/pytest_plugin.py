"""The pytest plugin: a subject becomes tests, one per check.

    import gradcert

    test_ostl = gradcert.subject_tests("mypackage.learning:gradients", rule="ostl", cell="snu")

    @gradcert.cases(rule="bptt", cell="rnn", layers=1)
    def test_mine(problem):          # the test is the subject
        return gradients(problem)

Every case of the claim is a test of its own, ``test_ostl[snu/1/squared_error-every/dyadic/0]``, and so are ``controls``
(known-wrong variants fail on these cases) and ``repeat`` (asked again, the subject says the same); a stepwise learner
that claims to be online has ``online/causality``, ``online/memory``, ``online/prefix`` and ``online/reset`` too. A test
stands alone: ``-k``, ``-x``, ``--lf`` and ``pytest-xdist`` work as ever. Failures that are known are listed in a
reviewed file (`gradcert.expected_failures`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from gradcert import __version__
from gradcert.expected_failures import Expected, read, stale

if TYPE_CHECKING:
    from gradcert.certify.certificates import Finding
    from gradcert.certify.claims import Claim
    from gradcert.certify.runs import Prepared, Run

ATTRIBUTE = "__gradcert_checks__"
FIXTURE = "gradcert_check"
PROFILES = ("quick", "default", "thorough")
WHOLE = ("controls", "repeat")  # checks of the subject as a whole
ONLINE = ("online/causality", "online/memory", "online/prefix", "online/reset")  # of one that claims to be online
REPEATED = 3  # cases that `repeat` asks twice


@dataclass(frozen=True, eq=False)
class Checks:
    """A subject and its claim, as given to `subject_tests`."""

    subject: Any
    options: Mapping[str, Any]
    profile: str | None
    seed: int
    python: str | None


@dataclass(eq=False)
class Session:
    """One subject in one process of pytest: its worker, and the cases that were made ready so far."""

    checks: Checks
    profile: str
    claim: Claim | None = None
    failure: str = ""
    subject: Any = None
    worker: Any = None
    specs: dict[str, Any] = field(default_factory=dict)
    prepared: dict[str, Prepared] = field(default_factory=dict)

    def load(self) -> None:
        """Find out what is claimed, from the options or from the subject itself."""
        from gradcert.certify.campaign import claimed, stepwise
        from gradcert.certify.problems import plan
        from gradcert.certify.subjects import Subject, Worker

        self.subject = Subject(self.checks.subject, python=self.checks.python)
        options = dict(self.checks.options)
        declared = claimed(self.checks.subject, None, **options) if _complete(self.checks) else None
        if declared is None:
            started = self.subject.start()
            if not isinstance(started, Worker):
                self.failure = f"{started.reason}\n{started.output}".strip()
                return
            self.worker = started
            declared = claimed(self.checks.subject, started.claim, **options)
        if declared.online and self.worker is None:  # only the subject can tell whether it takes steps
            started = self.subject.start()
            if not isinstance(started, Worker):
                self.failure = f"{started.reason}\n{started.output}".strip()
                return
            self.worker = started
        if self.worker is not None:
            stepwise(self.subject, self.worker, declared)
        self.claim = declared
        self.specs = {spec.id: spec for spec in plan(declared, self.profile)}

    @property
    def ids(self) -> list[str]:
        """The names of all checks, sorted."""
        if self.failure or self.claim is None:
            return ["import"]
        # the known-wrong variants of an unbiased estimator are displacements of its draws, judged with each case
        whole = WHOLE if self.claim.acceptance != "unbiased" else ("repeat",)
        return [*sorted(self.specs), *whole, *(ONLINE if self.claim.online else ())]

    def ready(self, name: str) -> Prepared:
        """Return a case, made ready once."""
        from gradcert.certify.runs import Task, prepare

        assert self.claim is not None
        if name not in self.prepared:
            self.prepared[name] = prepare(Task(self.specs[name], self.claim, self.checks.seed))
        return self.prepared[name]

    def run(self) -> Run:
        """Return a campaign that uses the living worker."""
        from gradcert.certify.runs import Run

        assert self.claim is not None
        return Run(self.subject, self.claim, worker=self.worker, profile=self.profile, planned=len(self.specs))

    def stop(self) -> None:
        """End the subject's process."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


@dataclass(frozen=True, eq=False)
class Check:
    """What the fixture `gradcert_check` gives: one check of one subject."""

    session: Session
    name: str
    say: Callable[[dict[str, Any]], None]

    def run(self) -> None:
        """Do the check; fail the test if it finds something."""
        __tracebackhide__ = True
        session = self.session
        about = {"subject": session.subject.name, "check": self.name}
        if session.failure:
            pytest.fail(session.failure, pytrace=False)
        checks = {"controls": _controls, "repeat": _repeat, **dict.fromkeys(ONLINE, _online)}
        worst, found = checks.get(self.name, _case)(session, self.name)
        self.say({**about, "worst": worst})
        if found:
            pytest.fail("\n\n".join(found), pytrace=False)


def _case(session: Session, name: str) -> tuple[float | None, list[str]]:
    from gradcert.certify.campaign import judge

    case = session.ready(name).case
    if case is None:
        return None, [f"no acceptable draw for {name}: nothing was checked"]
    run = session.run()
    answer = run.ask(case)
    judge(run, case, answer)
    session.worker = run.worker
    idle = [f"{result.id}: {result.what}" for result in run.checks if result.verdict == "blocked"]
    return run.results[-1].worst, _told(session, run) + idle


def _controls(session: Session, _: str) -> tuple[float | None, list[str]]:
    from gradcert.certify.campaign import control

    assert session.claim is not None
    void = control([session.ready(name) for name in session.specs], session.claim)[2]
    return None, [f"the checks prove nothing: {reason}" for reason in void]


def _repeat(session: Session, _: str) -> tuple[float | None, list[str]]:
    from gradcert.certify.judging import repeat

    run = session.run()
    cases = [case for name in sorted(session.specs)[:REPEATED] if (case := session.ready(name).case) is not None]
    firsts = [(case, run.ask(case)) for case in cases]
    for number, (case, first) in enumerate(reversed(firsts)):
        second = run.ask(case) if first is not None and first.failure is None else None
        if first is None or first.failure is not None or second is None:
            continue  # the case's own test says so
        when = "at once" if number == 0 else "after other problems"
        found, _note = repeat.check(case, first, second, session.subject, when=when)
        if run.claim.acceptance == "unbiased" and second.failure is None:
            found = []  # randomness beside the seed is its own affair
        run.findings += [(case, finding) for finding in found]
    session.worker = run.worker
    return None, _told(session, run)


def _online(session: Session, name: str) -> tuple[float | None, list[str]]:
    from gradcert.certify.runs import online

    run, check = session.run(), name.partition("/")[2]
    cases = [case for spec in session.specs if (case := session.ready(spec).case) is not None]
    for case in online.chosen(cases, deepest=check == "memory"):
        online.judge(run, check, case, wrong=False)
    session.worker = run.worker
    idle = [f"{result.id}: {result.what}" for result in run.checks if result.verdict == "blocked"]
    return None, _told(session, run) + idle


def _told(session: Session, run: Run) -> list[str]:
    from gradcert.certify.campaign import explained
    from gradcert.certify.report import text

    findings: list[Finding] = explained(
        run, replay=f"gradcert certify --seed {session.checks.seed} {session.subject.replay}"
    )
    blocked = (
        ["there was no answer to judge"] if not findings and run.results and run.results[-1].verdict != "passed" else []
    )
    return [f"{finding.check}: {text(finding)}" for finding in findings] + blocked


def _complete(checks: Checks) -> bool:
    from gradcert.certify.claims import claim_of

    given = {name for name, value in checks.options.items() if value is not None}
    return {"rule", "cell"} <= given or "claim" in given or claim_of(checks.subject) is not None


def subject_tests(
    subject: Any,
    *,
    rule: str | None = None,
    cell: Any = None,
    layers: Any = None,
    dtype: str | None = None,
    options: Mapping[str, Any] | None = None,
    online: bool | None = None,
    claim: Claim | None = None,
    profile: str | None = None,
    seed: int = 0,
    python: str | None = None,
) -> Callable[..., None]:
    """Return a test function that is run once for every check of a subject; assign it to a name that begins with test.

    Parameters
    ----------
    subject, rule, cell, layers, dtype, options, online, claim, seed, python : as for ``gradcert.certify``.
    profile : instead of the one on the command line.

    Examples
    --------
    >>> test_ostl = subject_tests("mypackage.learning:gradients", rule="ostl", cell="snu")
    >>> test_ostl.__name__
    'test_subject'
    """
    claimed = {"rule": rule, "cell": cell, "layers": layers, "dtype": dtype, "options": options, "claim": claim}
    claimed["online"] = online

    def test_subject(gradcert_check: Check) -> None:
        __tracebackhide__ = True
        gradcert_check.run()

    setattr(test_subject, ATTRIBUTE, Checks(subject, claimed, profile, seed, python))
    return test_subject


def cases(*, subject: Any = None, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Decorate a test: its parameter ``problem`` makes it the subject; with ``subject=`` given, its body is not run.

    Parameters
    ----------
    subject : another subject than the decorated function, or None.
    options : as for `subject_tests`.

    Examples
    --------
    >>> @cases(rule="bptt", cell="rnn")
    ... def test_mine(problem):
    ...     return {}
    >>> test_mine.__name__
    'test_mine'
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        test = subject_tests(function if subject is None else subject, **options)
        test.__name__, test.__qualname__, test.__doc__ = function.__name__, function.__qualname__, function.__doc__
        test.__module__ = function.__module__
        return test

    return decorate


# --- hooks ------------------------------------------------------------------------------------------------------------

SESSIONS = pytest.StashKey[dict[Checks, Session]]()
EXPECTED = pytest.StashKey[tuple[Expected, ...]]()
GENERATED = pytest.StashKey[set[str]]()
STALE = pytest.StashKey[set[str]]()
WORKER_KEY = "gradcert_stale"
UNFIT = "expected failures that fit no check: "


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gradcert", "gradient conformance")
    group.addoption("--gradcert-profile", choices=PROFILES, default=None, help="how many cases a claim gets")
    group.addoption("--gradcert-expected", metavar="FILE", default=None, help="reviewed file of expected failures")
    parser.addini("gradcert_profile", "how many cases a claim gets: quick, default or thorough", default="default")
    parser.addini("gradcert_expected", "reviewed file of expected failures (TOML)", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Read the file of expected failures, and refuse one that is out of date."""
    config.addinivalue_line("markers", "gradcert: a check of a learning rule's gradients (added by gradcert)")
    config.stash[SESSIONS] = {}
    config.stash[GENERATED] = set()
    config.stash[STALE] = set()
    name = config.getoption("--gradcert-expected") or config.getini("gradcert_expected")
    config.stash[EXPECTED] = read(config.rootpath / name) if name else ()
    if _profile(config) not in PROFILES:
        raise pytest.UsageError(f"gradcert_profile = {_profile(config)}; allowed: {', '.join(PROFILES)}")


def _profile(config: pytest.Config) -> str:
    return str(config.getoption("--gradcert-profile") or config.getini("gradcert_profile"))


def pytest_report_header(config: pytest.Config) -> str:
    """Say which profile is used, and how many failures are expected."""
    known = len(config.stash[EXPECTED])
    return f"gradcert: {__version__}, profile {_profile(config)}" + (f", {known} expected failures" if known else "")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test function one parameter per check."""
    checks = getattr(metafunc.function, ATTRIBUTE, None)
    if checks is None:
        return
    config = metafunc.config
    session = config.stash[SESSIONS].get(checks)
    if session is None:
        from gradcert.reference.errors import GradcertError

        session = Session(checks, checks.profile or _profile(config))
        try:
            session.load()
        except GradcertError as error:
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: {error}") from None
        config.stash[SESSIONS][checks] = session
    ids = session.ids
    metafunc.parametrize(FIXTURE, [(session, name) for name in ids], ids=ids, indirect=True)
    config.stash[GENERATED] |= {f"{metafunc.definition.nodeid}[{name}]" for name in ids}


@pytest.fixture
def gradcert_check(request: pytest.FixtureRequest) -> Check:
    """One check of one subject."""
    session, name = request.param
    return Check(session, name, lambda record: request.node.user_properties.append(("gradcert", record)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark checks, and those that are expected to fail; an entry that fits no check is an error."""
    expected = {entry.id: entry for entry in config.stash[EXPECTED]}
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker("gradcert")
        if entry := expected.get(item.nodeid):
            failed: Any = pytest.fail.Exception  # nothing else is excused
            item.add_marker(pytest.mark.xfail(reason=entry.sentence, strict=True, raises=failed))
    files = {item.nodeid.partition("::")[0] for item in items}
    whole = files if not any("::" in str(argument) for argument in config.args) else set()
    if gone := stale(expected.values(), config.stash[GENERATED], whole, config.rootpath):
        if not hasattr(config, "workeroutput"):
            raise pytest.UsageError(UNFIT + "; ".join(gone))
        config.workeroutput[WORKER_KEY] = gone  # a worker of xdist cannot stop the run: it runs nothing, and tells
        items.clear()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over from a worker of pytest-xdist which expected failures fit no check."""
    node.config.stash[STALE] |= set(getattr(node, "workeroutput", {}).get(WORKER_KEY, ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End as a usage error where a worker found an expected failure that fits no check."""
    if session.config.stash[STALE]:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the subjects' processes."""
    for session in config.stash.get(SESSIONS, {}).values():
        session.stop()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say for every subject how its checks went, and how much of the budget was used."""
    if gone := terminalreporter.config.stash[STALE]:
        terminalreporter.write_line(f"ERROR: {UNFIT}{'; '.join(sorted(gone))}", red=True)
    rows: dict[str, dict[str, Any]] = {}
    for outcome in ("passed", "failed", "xfailed", "xpassed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, record in getattr(report, "user_properties", ()):
                if name == "gradcert":
                    row = rows.setdefault(record["subject"], {"worst": None})
                    row[outcome] = row.get(outcome, 0) + 1
                    if record["worst"] is not None:
                        row["worst"] = max(record["worst"], row["worst"] or 0.0)
    if not rows:
        return
    terminalreporter.section("gradcert")
    for subject in sorted(rows):
        row = rows[subject]
        counts = ", ".join(f"{row[name]} {name}" for name in ("passed", "failed", "xfailed", "xpassed") if name in row)
        worst = "" if row["worst"] is None else f"; worst error {row['worst']:.2g} of the budget"
        terminalreporter.write_line(f"{subject}: {counts}{worst}")
