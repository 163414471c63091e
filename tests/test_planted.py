"""The list of planted bugs: complete, in place, and each with a test and a step that exist."""

import re
import tomllib
from dataclasses import replace

import pytest

from gradcert.derivations.chapters import CHAPTERS, chapter
from scripts.mutation import planted

ROOT = planted.ROOT
BUGS = planted.bugs()
STEPS = {step.id: step for name in CHAPTERS for step in chapter(name).steps}


def test_there_is_a_bug_in_every_file_of_the_reference():
    assert sorted({bug.file for bug in BUGS}) == planted.files()


def test_every_bug_is_in_place_and_has_a_killer():
    for bug in BUGS:
        assert (ROOT / bug.file).read_text().count(bug.old) == 1, bug
        assert bug.old != bug.new
        path, _, name = bug.test.partition("::")
        function = name.partition("[")[0].rpartition("::")[2]
        assert re.search(rf"(?m)^ *def {re.escape(function)}\(", (ROOT / path).read_text()), bug.test
        assert not bug.derive or bug.derive in STEPS, bug


def test_every_bug_has_been_seen_to_be_killed():
    assert [(bug.file, bug.new) for bug in BUGS if not bug.killed] == []


def test_what_a_derivation_claims_to_be_about_is_broken_under_it():
    """For every file that a step lists, a bug in it makes a step fail; files of rows alone are data."""
    listed = {entry.partition(":")[0] for step in STEPS.values() for entry in step.code}
    modules = {entry for entry in listed if entry.startswith("reference/") and entry.endswith(".py")}
    assert modules - {bug.file for bug in BUGS if bug.derive} == set()


def test_the_page_is_made_from_the_list():
    page = (ROOT / planted.PAGE).read_text()
    assert planted.with_section(page) == page


def test_a_page_keeps_what_stands_around_the_section():
    page = "# Page\n\ntext\n\n## Planted bugs\n\nold\n\n## More\n\nend\n"
    made = planted.with_section(page)
    assert made.startswith("# Page\n\ntext\n\n## Planted bugs\n\n")
    assert made.endswith("\n## More\n\nend\n")
    assert "\nold\n" not in made
    assert planted.with_section(made) == made


def test_a_bug_is_put_in_and_taken_out_again(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    with planted.planted(planted.Bug("a.py", "1", "2", ""), tmp_path):
        assert (tmp_path / "a.py").read_text() == "x = 2\n"
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    with (
        pytest.raises(SystemExit, match="occurs 0 times"),
        planted.planted(planted.Bug("a.py", "3", "2", ""), tmp_path),
    ):
        pass


def test_what_killed_a_bug_is_written_into_the_list():
    text = (ROOT / planted.LIST).read_text()
    made = planted._noted(text, BUGS[3], 'tests/a.py::test_b[c-"d"]', True)
    assert made.count('test = "tests/a.py::test_b[c-\\"d\\"]"') == 1
    assert replace(BUGS[3], test='tests/a.py::test_b[c-"d"]', killed=True) in [
        planted.Bug(**entry) for entry in tomllib.loads(made)["bug"]
    ]
    assert planted._noted(made, BUGS[4], "", False).count("killed = false") == 1 + text.count("killed = false")
