"""The hooks of pytest: options, a test per check, expected failures, the summary; workers of pytest-xdist too."""

from __future__ import annotations

import os
from typing import Any

import pytest

from gradcert import __version__
from gradcert.expected_failures import Expected, read, stale
from gradcert.pytest_plugin.check import Check
from gradcert.pytest_plugin.declare import ATTRIBUTE
from gradcert.pytest_plugin.session import Checks, Session

FIXTURE = "gradcert_check"
PROFILES = ("quick", "default", "thorough")
REPAIR = "20"  # seconds, as on the command line

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
    seconds = "processor time in which an edit of a refuted subject's source is looked for; 0 for none"
    group.addoption("--gradcert-repair", metavar="SECONDS", type=float, default=None, help=seconds)
    parser.addini("gradcert_repair", f"{seconds} (also GRADCERT_REPAIR)", default="")
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


def _repair(config: pytest.Config) -> float:
    given = config.getoption("--gradcert-repair")
    said = config.getini("gradcert_repair") or os.environ.get("GRADCERT_REPAIR") or REPAIR
    try:
        seconds = float(said if given is None else given)
    except ValueError:
        raise pytest.UsageError(f"gradcert_repair = {said}; allowed: seconds") from None
    return max(0.0, seconds)


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
    expected = request.node.get_closest_marker("xfail") is not None  # whoever expects it knows about it
    say = request.node.user_properties.append
    return Check(session, name, lambda record: say(("gradcert", record)), expected=expected)


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
