"""``gradcert derive``: contents, one derivation, the table of a check and its exit status, the site."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from gradcert import derivations
from gradcert.commands.derive import command
from gradcert.derivations import checker
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.checker import Verdict


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def verdicts(status: str) -> dict[str, list[Verdict]]:
    failed = ("x = y",) if status == "failed" else ()
    return {n: [Verdict(s.id, status, 7, failed, 0.5) for s in chapter(n).steps] for n in ("paths", "ostl")}


def run(*arguments: str, **options):
    return CliRunner().invoke(command, list(arguments), **options)


def test_without_a_name_it_lists_the_derivations():
    result = run()
    assert result.exit_code == 0
    assert all(name in result.output and title in result.output for name, title in CHAPTERS.items())


def test_slow_waits_after_every_step():
    result = run("fptt", "--slow", input="\n" * 20)
    assert result.exit_code == 0
    assert "✓ fptt.risk" in result.output
    assert "✗" not in result.output


def test_a_step_that_fails_gives_status_1(monkeypatch):
    d = chapter("fptt")
    bad = replace(d, steps=(replace(d.steps[0], equations=list), *d.steps[1:]))
    monkeypatch.setattr("gradcert.derivations.chapters.chapter", lambda name: bad)
    result = run("fptt")
    assert result.exit_code == 1
    assert "✗ fptt.risk" in result.output
    assert "no identity and no proof" in result.output


@pytest.mark.parametrize(("status", "code"), [("proved", 0), ("failed", 1)])
def test_check_prints_a_row_per_theorem(monkeypatch, status, code):
    monkeypatch.setattr(checker, "check", lambda names, **options: verdicts(status))
    result = run("--check")
    assert result.exit_code == code
    row = next(line for line in result.output.splitlines() if "ostl.rows" in line)
    cells = sum(s.id.startswith("ostl.rows-") for s in chapter("ostl").steps)
    assert "every T by induction" in row
    assert [w for w in row.split() if w.isdigit()][-3:-1] == [str(cells), str(7 * cells)]
    assert ("ostl.jacobian failed: x = y" in result.output) is (status == "failed")


def test_html_says_where_the_pages_are(monkeypatch, tmp_path):
    monkeypatch.setattr(derivations, "write_html", lambda folder, jobs: [folder / "index.html"])
    result = run("--html", str(tmp_path / "site"))
    assert result.exit_code == 0
    assert "index.html" in result.output.replace("\n", "")


def test_an_unknown_name_is_one_sentence():
    result = run("osttl")
    assert result.exit_code == 2
    assert "the derivation 'osttl' is unknown" in result.output
