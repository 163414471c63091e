"""The hooks of pytest: options, a test per check, expected failures, the summary; workers of pytest-xdist too."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from gradcert import __version__
from gradcert.expected_failures import PROFILES, Expected, first, read, stale
from gradcert.pytest_plugin import github, table
from gradcert.pytest_plugin.check import Check
from gradcert.pytest_plugin.collected import collected
from gradcert.pytest_plugin.counts import UNDECIDED, counted, outcome_of
from gradcert.pytest_plugin.declare import ATTRIBUTE
from gradcert.pytest_plugin.found import PROPERTY, Refuted, from_text, to_text
from gradcert.pytest_plugin.imports import importing
from gradcert.pytest_plugin.mended import Mended, mended
from gradcert.pytest_plugin.misspelt import at, shorten
from gradcert.pytest_plugin.session import Checks, Session

FIXTURE = "gradcert_check"
REPAIR = "20"  # seconds, as on the command line

SESSIONS = pytest.StashKey[dict[Checks, Session]]()
EXPECTED = pytest.StashKey[tuple[Expected, ...]]()
STALE = pytest.StashKey[set[str]]()
TOLD = pytest.StashKey[list[tuple[Any, dict[str, Any]]]]()  # reports of checks, with what each said
ENTRY = pytest.StashKey[tuple[Expected, int]]()  # that lists a check, and how many it lists in this run; 0: not known
MET = pytest.StashKey[list[Any]]()  # all tests that were collected, whatever takes some away again
WORKER_KEY = "gradcert_stale"
UNFIT = "expected failures that fit no check: "
NOTHING = "ERROR: some checks decided nothing, and neither passed nor failed: the run is inconclusive"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gradcert", "gradient conformance")
    group.addoption("--gradcert-profile", choices=PROFILES, default=None, help="how many cases a claim gets")
    group.addoption("--gradcert-expected", metavar="FILE", default=None, help="reviewed file of expected failures")
    seconds = f"processor time in which an edit of a refuted subject's source is looked for: {REPAIR} s, 0 for none"
    group.addoption("--gradcert-repair", metavar="SECONDS", type=float, default=None, help=seconds)
    badge = "write an SVG badge: how many subjects are certified, in the colour of the worst"
    group.addoption("--gradcert-badge", metavar="FILE", default=None, help=badge)
    parser.addini("gradcert_repair", f"{seconds} (also GRADCERT_REPAIR)", default="")
    parser.addini("gradcert_profile", "how many cases a claim gets: quick, default or thorough", default="default")
    parser.addini("gradcert_expected", "reviewed file of expected failures (TOML)", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Read the file of expected failures, and refuse one that is out of date."""
    config.addinivalue_line("markers", "gradcert: a check of a learning rule's gradients (added by gradcert)")
    config.stash[SESSIONS] = {}
    config.stash[TOLD] = []
    config.stash[MET] = []
    if (badge := config.getoption("--gradcert-badge")) and not hasattr(config, "workerinput"):
        from gradcert.outputs import refusal

        if why := refusal(config.invocation_params.dir / badge):
            raise pytest.UsageError(f"--gradcert-badge {badge} cannot be written: {why}")
    config.pluginmanager.register(Listener(config.stash[TOLD]), "gradcert-listener")
    config.stash[STALE] = set()
    name = config.getoption("--gradcert-expected") or config.getini("gradcert_expected")
    config.stash[EXPECTED] = read(config.rootpath / name) if name else ()
    if _profile(config) not in PROFILES:
        raise pytest.UsageError(f"gradcert_profile = {_profile(config)}; allowed: {', '.join(PROFILES)}")


def _profile(config: pytest.Config) -> str:
    return str(config.getoption("--gradcert-profile") or config.getini("gradcert_profile"))


def _given(config: pytest.Config) -> tuple[str, ...]:
    """Return the option that decides which checks there are, if it was given."""
    given = config.getoption("--gradcert-profile")
    return (f"--gradcert-profile={given}",) if given else ()


def _repair(config: pytest.Config) -> float:
    given = config.getoption("--gradcert-repair")
    said = config.getini("gradcert_repair") or os.environ.get("GRADCERT_REPAIR") or REPAIR
    try:
        seconds = float(said if given is None else given)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise pytest.UsageError(f"gradcert_repair = {said if given is None else given}; allowed: seconds, 0 for none")
    return seconds


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

        session = Session(checks, checks.profile or _profile(config), repair=_repair(config))
        try:
            with importing():
                session.load()
        except GradcertError as error:
            code = metafunc.function.__code__
            place = at(code.co_filename, code.co_firstlineno, config.rootpath)
            raise pytest.Collector.CollectError(f"{place}: {metafunc.definition.name}: {error}") from None
        config.stash[SESSIONS][checks] = session
    ids = session.ids
    metafunc.parametrize(FIXTURE, [(session, name) for name in ids], ids=ids, indirect=True)


@pytest.fixture
def gradcert_check(request: pytest.FixtureRequest) -> Check:
    """One check of one subject."""
    session, name = request.param
    expected = request.node.get_closest_marker("xfail") is not None  # whoever expects it knows about it
    say = request.node.user_properties.append
    entry, now = request.node.stash.get(ENTRY, (None, 0))
    test, entries = request.node.nodeid, request.config.stash[EXPECTED]
    return Check(
        session,
        name,
        lambda record: say((PROPERTY, to_text(record))),
        expected=expected,
        entry=entry,
        now=now,
        covering=lambda case: first(entries, (_sibling(test, name, case), session.subject.name, case)),
        test=("pytest", *_given(request.config), test),
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Say what does not fit in a test file in a sentence."""
    report = yield
    call = getattr(report, "call", None)
    if not collector.config.getoption("fulltrace", False) and call is not None and call.excinfo is not None:
        shorten(report, call.excinfo.value, getattr(collector, "path", None), collector.config.rootpath)
    return report


def pytest_itemcollected(item: pytest.Item) -> None:
    """Remember a test."""
    item.config.stash[MET].append(item)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark checks, and those that are expected to fail; an entry that fits no check is an error."""
    entries = config.stash[EXPECTED]
    met: list[Any] = config.stash[MET] or [*items]
    here = [item for item in met if FIXTURE in getattr(getattr(item, "callspec", None), "params", ())]
    if entries:
        known = collected(config, met, here)
        everywhere = _asked(here, PROFILES)
        listed = ((entry, known.covers(entry)) for check in _asked(here) if (entry := first(entries, check)))
        now = Counter(entry for entry, whole in listed if whole)
    for item in here:
        item.add_marker("gradcert")
        if entry := first(entries, (item.nodeid, *_named(item))):
            strict = entry.exact and entry.due(item.callspec.params[FIXTURE][0].profile)
            item.add_marker(pytest.mark.xfail(reason=entry.sentence, strict=strict, raises=Refuted))
            item.stash[ENTRY] = (entry, now[entry])
    if entries and (unfit := stale(entries, everywhere, config.rootpath, known.covers)):
        if not hasattr(config, "workeroutput"):
            raise pytest.UsageError(UNFIT + "; ".join(unfit))
        config.workeroutput[WORKER_KEY] = unfit  # a worker of xdist cannot stop the run: it runs nothing, and tells
        items.clear()


def _named(item: Any) -> tuple[str, str]:
    """Return the subject and the check of a test."""
    session, name = item.callspec.params[FIXTURE]
    return session.subject.name, name


def _asked(items: list[Any], profiles: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """Return (test, subject, check) of tests, and of what profiles would ask beside them: without any, their own."""
    names: dict[Session, set[str]] = {}
    out: dict[tuple[str, str, str], None] = {}
    for item in items:
        session, name = item.callspec.params[FIXTURE]
        if session not in names:
            names[session] = {other for profile in profiles or [session.profile] for other in session.ids_of(profile)}
        out |= {(_sibling(item.nodeid, name, other), session.subject.name, other): None for other in names[session]}
    return list(out)


def _sibling(test: str, name: str, other: str) -> str:
    """Return the test of another check, where a test is that of the check called name."""
    function, bracket, parameters = test.partition("[")
    return f"{function}{bracket}{parameters.replace(name, other, 1)}"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over from a worker of pytest-xdist which expected failures fit no check."""
    node.config.stash[STALE] |= set(getattr(node, "workeroutput", {}).get(WORKER_KEY, ()))


class Listener:
    """Keeps what checks said, in every process that hears their reports."""

    def __init__(self, told: list[tuple[Any, dict[str, Any]]]) -> None:
        self.told = told

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep a report with what its check said."""
        if report.when == "call":
            said = getattr(report, "user_properties", ())
            self.told += [(report, from_text(text)) for name, text in said if name == PROPERTY]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End as a usage error where an expected failure fits no check; write the badge.

    A run in which an expected failure is gone, or a check decided nothing, fails: it is not what it would have to be.
    """
    config = session.config
    if hasattr(config, "workerinput"):
        return
    if config.stash[STALE]:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    elif session.exitstatus == pytest.ExitCode.OK and (any(one.due for one in _mended(config)) or _undecided(config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if badge := config.getoption("--gradcert-badge"):
        whole = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        told = config.stash[TOLD]
        text = table.badge(counted(told), _profile(config), whole)
        (config.invocation_params.dir / badge).write_text(text, encoding="utf-8")


def _mended(config: pytest.Config) -> list[Mended]:
    told, entries = config.stash[TOLD], config.stash[EXPECTED]
    return mended(told, entries)


def _undecided(config: pytest.Config) -> int:
    """Return how many checks decided nothing."""
    return sum(outcome_of(report, record) == UNDECIDED for report, record in config.stash[TOLD])


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the subjects' processes."""
    for session in config.stash.get(SESSIONS, {}).values():
        session.stop()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say for every subject how its checks went, and how much of the budget was used; on GitHub, at its line too."""
    config = terminalreporter.config
    if hasattr(config, "workerinput"):  # a worker of xdist has a summary too, which nobody sees, and heard a part
        return
    if unfit := config.stash[STALE]:
        terminalreporter.write_line(f"ERROR: {UNFIT}{'; '.join(sorted(unfit))}", red=True)
    if not config.stash[TOLD]:
        return
    terminalreporter.section("gradcert")
    gone = _mended(config)
    for one in gone:
        terminalreporter.write_line(one.line, red=bool(one.due))
    rows = counted(config.stash[TOLD])
    for row in rows:
        terminalreporter.write_line(f"{row.subject}: {row.text}")
        for line in row.known:
            terminalreporter.write_line(f"  {line}")
        for why, number in row.undecided.items():
            terminalreporter.write_line(f"  {number} {UNDECIDED}: {why}", yellow=True)
    if _undecided(config):
        terminalreporter.write_line(NOTHING, red=True)
    if config.option.verbose > 0:
        for line in ["", *table.lines(rows)]:
            terminalreporter.write_line(line)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in [*github.lines_of(rows, config.rootpath), *github.gone(gone, config.rootpath)]:
            terminalreporter.write_line(line)
        github.summarise(rows, gone)
