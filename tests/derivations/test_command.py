"""``gradcert derive``: contents, one derivation, the table of a check and its exit status, the site."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gradcert import derivations
from gradcert.commands import derive
from gradcert.commands.derive import command
from gradcert.derivations import checker
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.kept import Verdict
from gradcert.derivations.proving.notation import code_step
from gradcert.derivations.reading import terminal
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.terminal import cited
from gradcert.reference import Lif
from gradcert.reference.networks.cells import lif


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


def test_an_example_that_raises_gives_status_1_and_the_rest_is_shown(monkeypatch):
    d = chapter("fptt")
    broken = replace(d, steps=d.steps[:1], example=lambda: 1 / 0)
    monkeypatch.setattr("gradcert.derivations.chapters.chapter", lambda name: broken)
    result = run("fptt")
    assert result.exit_code == 1, result.exception
    said = " ".join(result.output.split())
    assert "✗ fptt: the example failed: ZeroDivisionError: division by zero (raised in test_command.py" in said
    assert "Try it" in said


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


@pytest.fixture
def one_row(monkeypatch):
    """The derivation of OTTT, cut down to one cell and two steps: the command is as it is, and fast."""
    whole = chapter("ottt")
    wanted = ("ottt.trace", "ottt.rows-lif-reset-none-recurrent-true")
    small = replace(whole, steps=tuple(replace(s, premises=()) for s in whole.steps if s.id in wanted))
    for module in (checker, terminal):
        monkeypatch.setattr(module, "chapter", lambda name: small)


def test_check_gives_status_0_where_all_is_proved(one_row):
    result = run("ottt", "--check", "--jobs", "1")
    assert result.exit_code == 0
    assert "all proved" in result.output


def test_check_says_how_far_it_is_where_there_is_no_terminal_and_goes_on_where_it_was(one_row, monkeypatch):
    monkeypatch.setattr(derive, "EVERY", 0.0)
    first = run("ottt", "--check", "--jobs", "1")
    head, *lines = first.stderr.splitlines()
    assert head == "proving 2 steps; what is proved already is kept"
    assert re.fullmatch(r"1 of 2 steps, \d+ s: ottt\.trace", lines[0])
    assert lines[1].startswith("2 of 2 steps, ")
    assert "proving" not in first.stdout
    again = run("ottt", "--check", "--jobs", "1")
    assert (again.exit_code, again.stderr) == (0, "all is proved already\n")
    assert "all proved" in again.stdout


def test_a_broken_jacobian_gives_status_1_and_names_cell_rule_and_edge(one_row, monkeypatch):
    """Leave the leak out of the cell's own Jacobian, and let the command find it."""
    whole = Lif.factors

    def broken(self, n, p, prev, now):
        return {**whole(self, n, p, prev, now), lif.STATE: 0 * p["leak"]}

    monkeypatch.setattr(Lif, "factors", broken)
    result = run("ottt", "--check", "--jobs", "1")
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "2 failed" in said
    assert "ottt.rows-lif-reset-none-recurrent-true failed: reverse engine, ottt" in said
    assert "lif: dv/dv (edge STATE): the code returns 0, the derivative of its step is" in said


HARD = "lif-reset-hard-recurrent-true-reset-value-v-r"


@pytest.fixture
def hard_reset(monkeypatch):
    """Three steps about the neuron with a hard reset: its derivatives, and the rows of two chapters."""
    whole = chapter("paths")
    wanted = (f"paths.local-{HARD}", f"paths.breaks-{HARD}")
    small = replace(whole, steps=tuple(replace(s, premises=()) for s in whole.steps if s.id in wanted))
    for place in ("chapters.chapter", "checker.chapter", "reading.terminal.chapter"):
        monkeypatch.setattr(f"gradcert.derivations.{place}", lambda name: small)
    code_step.cache_clear()
    yield
    code_step.cache_clear()


def without_reset_value(self, n, p, prev, now):
    """The derivative of the reset as it is where a neuron is reset to 0."""
    found = factors_of_lif(self, n, p, prev, now)
    return {**found, lif.RESET: -p["leak"] * prev["v"]}


def division_by_zero(self, n, p, prev, now):
    return {**factors_of_lif(self, n, p, prev, now), lif.RESET: 1 / 0}


factors_of_lif = Lif.factors


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (without_reset_value, "lif: dv/dz (edge RESET): the code returns"),
        (division_by_zero, "ZeroDivisionError: division by zero (raised in test_command.py"),
    ],
)
@pytest.mark.parametrize("arguments", [("paths", "--check", "--jobs", "1"), ("paths",)])
def test_a_wrong_derivative_and_a_raised_error_fail_their_step(hard_reset, monkeypatch, wrong, words, arguments):
    monkeypatch.setattr(Lif, "factors", wrong)
    result = run(*arguments)
    assert result.exit_code == 1, result.exception
    said = " ".join(result.output.split())
    assert f"✗ paths.local-{HARD}" in said or f"paths.local-{HARD} failed" in said
    assert words in said


@pytest.fixture
def not_importable(monkeypatch):
    """One chapter whose file raises when it is imported, and one cheap step of another that rests on it."""
    small = chapter("fptt")
    small = replace(small, steps=(replace(small.steps[0], premises=("paths.sum",)),))

    def built(name):
        if name == "paths":
            raise KeyError("planted")
        return small

    for place in ("chapters.chapter", "checker.chapter", "reading.terminal.chapter"):
        monkeypatch.setattr(f"gradcert.derivations.{place}", built)


def test_a_derivation_that_cannot_be_imported_fails_by_name_and_the_others_are_checked(not_importable):
    result = run("fptt", "--check", "--jobs", "1")
    assert result.exit_code == 1, result.exception
    said = " ".join(result.output.split())
    assert "paths failed: KeyError: 'planted' (raised in test_command.py" in said
    assert "✓ fptt.risk" in said
    assert said.endswith("1 failed")


def test_a_derivation_that_cannot_be_imported_is_named_where_it_is_read(not_importable, tmp_path):
    result = run("paths")
    assert result.exit_code == 1
    assert "✗ paths failed: KeyError: 'planted'" in " ".join(result.output.split())
    result = run("--html", str(tmp_path / "site"), "--jobs", "1")
    assert result.exit_code == 2
    assert "the derivation 'paths' has no page: KeyError: 'planted'" in " ".join(result.output.split())


def test_html_says_where_the_pages_are(monkeypatch, tmp_path):
    monkeypatch.setattr(derivations, "write_html", lambda folder, jobs, listen: [folder / "index.html"])
    result = run("--html", str(tmp_path / "site"))
    assert result.exit_code == 0
    assert "index.html" in result.output.replace("\n", "")


@pytest.fixture
def only_fptt(monkeypatch):
    """One chapter of one step, so that a site is written and proved in a moment."""
    small = chapter("fptt")
    small = replace(small, steps=small.steps[:2])
    monkeypatch.setattr("gradcert.derivations.chapters.CHAPTERS", {"fptt": "FPTT"})
    rooms = ("chapters", "checker", "reading.terminal", "reading.site", "reading.figure_files")
    for place in (f"{room}.chapter" for room in rooms):
        monkeypatch.setattr(f"gradcert.derivations.{place}", lambda name: small)
    for place in ("checker.CHAPTERS", "reading.site.CHAPTERS", "reading.figure_files.CHAPTERS"):
        monkeypatch.setattr(f"gradcert.derivations.{place}", {"fptt": "FPTT"})
    # the rest of the chapter's page speaks of steps that this one has not
    plain = "gradcert.derivations.reading.site.names"
    monkeypatch.setattr(plain, lambda: [])
    return small


def test_html_can_be_read_before_it_is_proved_and_a_second_run_proves_nothing(only_fptt, tmp_path, monkeypatch):
    folder, said = tmp_path / "site", []

    def listen(sentence):
        said.append(sentence)
        if sentence.startswith("1 of 2"):  # the first verdict is there, and the pages are already
            page = (folder / "fptt.html").read_text(encoding="utf-8")
            assert "2 steps,\n<span" in page
            assert "Not proved in this build:\n<code>gradcert derive fptt --check</code> proves it." in page
            assert "0 identities" not in page
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        derivations.write_html(folder, jobs=1, listen=listen)
    assert said[0] == "writing the pages; 0 of 2 steps are proved already"
    assert "can be read now; proving 2 steps" in said[1]
    said.clear()
    derivations.write_html(folder, jobs=1, listen=said.append)
    assert said[0] == "writing the pages; 1 of 2 steps are proved already"
    assert said[-1] == "1 of 1: fptt.updates proved"
    page = (folder / "fptt.html").read_text(encoding="utf-8")
    assert "all proved" in page
    assert "in this build" not in page
    said.clear()
    derivations.write_html(folder, jobs=1, listen=said.append)
    assert said == ["writing the pages; 2 of 2 steps are proved already"]


def test_an_unknown_name_is_one_sentence():
    result = run("osttl")
    assert result.exit_code == 2
    assert "the derivation 'osttl' is unknown" in result.output


def test_a_citation_leads_to_its_page():
    text = cited("mathematics.md 4.3; T45 and more")
    links = {text.plain[s.start : s.end]: str(s.style) for s in text.spans}
    assert links == {
        "mathematics.md 4.3": f"link {DOCS.as_uri()}/mathematics/04-ostl.md#4.3",
        "T45": f"link {DOCS.as_uri()}/mathematics/14-traps.md#T45",
    }
