"""``docs/howto/fixed-point.md``: its line of the protocol, its tables and what it says of a wrong program are run."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from gradcert.certify.fixed_point.judge import certify_fixed_point
from gradcert.commands.hardware import _ledger, command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "fixed-point.md").read_text(encoding="utf-8")
SOURCE = (ROOT / "examples" / "ottt_fixed_point.c").read_text(encoding="utf-8")
needs_c = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) is installed")


def table(text: str) -> list[list[str]]:
    """Return the cells of the rows of a table in box-drawing characters."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if line.startswith("│")]


def boxes() -> list[list[list[str]]]:
    return [found for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if (found := table(block))]


def compiled(folder: Path, source: str) -> str:
    (folder / "model.c").write_text(source, encoding="utf-8")
    subprocess.run(["cc", "-O1", "-o", str(folder / "model"), str(folder / "model.c")], check=True)
    return str(folder / "model")


def said(*words: str) -> str:
    done = CliRunner().invoke(command, list(words))
    assert done.exit_code == 0, done.output
    return done.output


@needs_c
def test_the_line_of_the_protocol_is_answered_as_the_page_says(tmp_path):
    block = next(b for b in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if '"inputs"' in b)
    asked, answer = re.findall(r"\{.*?\}(?=\n\{\"W\.next|\n\Z)", block, re.DOTALL)
    given = " ".join(asked.split()) + "\n"
    done = subprocess.run([compiled(tmp_path, SOURCE)], input=given, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(answer)


SIGNAL = ("saturate(nearest_even(wo[i] * error, 6), 18)", "saturate((wo[i] * error) >> 6, 18)")
CREDIT = ("saturate(nearest_even(signal * psi[i], 4), 20)", "saturate((signal * psi[i]) >> 4, 20)")
PRODUCT = "nearest_even(credit[i] * trace[j], 4)"
DOWN = (PRODUCT, "((credit[i] * trace[j]) >> 4)")
TO_ZERO = (PRODUCT, "((credit[i] * trace[j] + 7 + (credit[i] * trace[j] < 0)) >> 4)")  # ties toward zero
SILENT = ((r'\"credit\": [%lld, %lld], ",', '",'), ("wo[1], credit[0], credit[1]);", "wo[1]);"))


def changed(*pairs: tuple[str, str]) -> str:
    source = SOURCE
    for old, new in pairs:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


@needs_c
@pytest.mark.long
def test_a_floor_is_seen_or_named_as_the_page_says(tmp_path):
    """In `credit`, `signal` and `W.product` by the states alone; ties in the last of these are named in a note."""

    def judged(*pairs):
        return certify_fixed_point([compiled(tmp_path, changed(*pairs))], "q-format", rule="ottt", steps=200)

    told = judged(SIGNAL)
    assert (told.verdict, told.result.first.name.split("[")[0]) == ("refuted", "credit")
    for pair in (CREDIT, SIGNAL, DOWN):
        assert judged(pair, *SILENT).verdict == "refuted"
    untold = judged(TO_ZERO, *SILENT)
    assert untold.verdict == "certified"
    assert re.search(r"some other rounding of .*W\.product", untold.notes[0])


@pytest.mark.long
def test_the_widths_of_the_page_are_those_of_the_command():
    page = boxes()[0]
    assert len(page) == 5
    assert table(said("--weight-bits", "4..8", "--rule", "ottt")) == page


@pytest.mark.long
def test_the_ledger_of_the_page_is_that_of_the_command():
    written = io.StringIO()
    _ledger("q-format", "ottt", Console(file=written, width=160), {})
    output = written.getvalue()
    title = re.search(r"^Gradient ledger:.*$", PAGE, re.MULTILINE)[0]
    assert title in output
    page = boxes()[1]
    assert [row[0] for row in page] == ["W", "Wo"]
    assert page == [row for row in table(output[output.index(title) :]) if row[0] in ("W", "Wo")]


def test_the_network_of_the_page_is_written_run_and_measured_from_python_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written, measured = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(written, {})
    shown, swept = (line.split()[2:] for line in re.findall(r"^gradcert hardware .*mine\.npz$", PAGE, re.MULTILINE))
    monkeypatch.setattr("gradcert.commands.hardware._prove", lambda *_, **__: 0)
    assert "50 steps of mine.npz" in said(*shown)
    assert "mine.npz: cosine" in said(*(word.replace("4..8", "4") for word in swept))
    with np.load("mine.npz") as held:
        exec(measured, {name: held[name] for name in held.files})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["W", "Wo"]


def test_the_formats_are_told_where_they_are_met():
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "sNqF is signed, N bits in all, F of them behind the point, so the stored n stands for n / 2**F" in text
    low, high = -(2**7) / 2**6, (2**7 - 1) / 2**6
    assert f"s8q6 from {low:.0f} to {high:.3f}" in text
