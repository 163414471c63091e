"""docs/howto/lecture.md and figures.md: their commands are run, their formulas, figures and minutes looked up."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.figure_files import drawings
from gradcert.derivations.reading.lesson import lesson, numbered

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "howto"
PAGE = (HOWTO / "lecture.md").read_text(encoding="utf-8")
FIGURES = (HOWTO / "figures.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```console\n\$ gradcert (.*)\n((?:.*\n)+?)```", PAGE)
OSTL = lesson("ostl")


LEFT_OUT = "..."


def flat(line: str) -> str:
    """A line without the frame around it, seconds and the last digits of roundings, which are those of a machine."""
    line = " ".join(re.sub(r"[│╭╮╰╯─]", " ", line).split())
    return re.sub(r"to \d+e-\d+$", "to a rounding", re.sub(r"[\d.]+ s$", "some s", line))


def told(shown: list[str], said: list[str]) -> bool:
    """Whether lines are those that were said, one after the other, and where some are left out there is an ellipsis."""
    if not shown:
        return not said
    if shown[0] == LEFT_OUT:
        return any(told(shown[1:], said[k:]) for k in range(1, len(said) + 1))
    return bool(said) and shown[0] == said[0] and told(shown[1:], said[1:])


def test_what_is_left_out_has_an_ellipsis():
    assert told(["a", LEFT_OUT, "c"], ["a", "b", "c"]) and told(["a", LEFT_OUT], ["a", "b", "c"])
    assert not told(["a", "c"], ["a", "b", "c"]) and not told(["a"], ["a", "b"])
    assert not told(["a", LEFT_OUT, "b"], ["a", "b"])  # nothing is left out there


@pytest.mark.long
@pytest.mark.parametrize(("words", "shown"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_a_command_of_the_lecture_says_what_the_page_shows(words, shown):
    command = [sys.executable, "-m", "gradcert", *shlex.split(words)]
    env = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT / "examples", env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == ("REFUTED" in shown), done.stderr
    lines = [found for line in done.stdout.splitlines() if (found := flat(line))]
    assert told([flat(line) for line in shown.splitlines()], lines), lines


def test_the_plan_is_of_45_minutes_and_names_formulas_by_their_numbers():
    assert sum(int(n) for n in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)) == 45
    named = re.findall(r'ostl\.html#eq-([\w-]+)">\((\d+)\)</a>', PAGE)
    assert len(named) >= 8
    assert all(numbered(OSTL)[name] == int(number) for name, number in named)
    assert numbered(OSTL)["recursion"] == int(re.search(r"understood line \((\d+)\)", PAGE)[1])
    sections = {s.anchor for s in OSTL.sections}
    assert set(re.findall(r'ostl\.html#((?!eq-)[\w-]+)"', PAGE)) <= sections


def test_what_the_pages_say_of_the_chapter_is_in_it():
    assert set(re.findall(r"derivations/figures/([\w-]+)\.svg", PAGE + FIGURES)) <= set(drawings())
    exercises = {b.title.split(".")[0]: b.body for s in OSTL.sections for b in s.blocks if b.kind == "exercise"}
    assert len(exercises) == 6
    assert r"\mathbf{0.144}" in exercises["5"] and "the sum is $0.4$" in exercises["5"]
    formula = re.search(r"```latex\n\\\[\n(.*?)\n\\\]\n```", FIGURES, re.DOTALL)[1]
    named = dict(re.findall(r"\$\$(.+?)\$\$ *\{#([\w-]+)\}", " ".join(OSTL.texts()), re.DOTALL))
    assert formula in {expanded(tex) for tex in named}
    assert len(COMMANDS) == 3
