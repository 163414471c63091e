"""The list of planted bugs: every file has one, each is where the list says (`scripts.mutation.planted_hardware`)."""

from __future__ import annotations

from pathlib import Path

from scripts.mutation.planted_hardware import PAGE, ROOT, TESTS, bugs


def test_every_file_of_descriptions_and_proofs_has_a_bug_that_can_be_planted() -> None:
    files = {b.file for b in bugs()}
    for folder in ("description", "proofs"):
        for path in Path(ROOT, "hardware_models", folder).glob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            assert path.name == "__init__.py" or name in files, f"{name}: plant a bug"
    for bug in bugs():
        assert (ROOT / bug.file).read_text().count(bug.before) == 1, bug
        where, _, test = bug.killed.partition("::")
        assert f"def {test.partition('[')[0]}(" in (ROOT / TESTS / where).read_text(), bug
        assert f"| `{bug.file}` | {bug.what} | `{bug.killed}` |" in PAGE.read_text(), "run --page"
