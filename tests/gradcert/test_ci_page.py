"""The workflow in docs/ci.md names options and commands that exist."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from gradcert import cli
from gradcert.reference import CELLS

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "ci.md").read_text(encoding="utf-8")


def test_commands_have_the_options_that_the_page_shows():
    context = None
    for name, rest in re.findall(r"gradcert (certify|verify|diff)((?:[^\n`#|]|\n {10})*)", PAGE):
        command = cli.gradcert.get_command(context, name)
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z]+", rest)) <= known, (name, rest)


def test_the_edges_of_the_table_are_those_that_a_cell_can_have():
    """Every option of a cell that is a choice is tried: an edge stands in the table if some choice has it."""
    head, *rows = re.search(r"(\| cell \|.*?)\n\n", PAGE, re.DOTALL)[1].splitlines()
    columns = [name.strip() for name in head.strip("|").split("|")][1:]
    told = {}
    for row in rows[1:]:
        names, *marks = [part.strip() for part in row.strip("|").split("|")]
        marked = {c for c, mark in zip(columns, marks, strict=True) if mark}
        told |= {name: marked for name in re.findall("`(.*?)`", names)}
    found = {name: [link for c in with_choices(cell) for link in c.links if link.lag] for name, cell in CELLS.items()}
    assert told == {name: {link.edge.name for link in links} for name, links in found.items()}


def with_choices(cell):
    """A cell, and the same with every single choice of its switches."""
    yield (plain := cell())
    for field in fields(cell):
        if isinstance(getattr(plain, field.name), bool):
            yield replace(plain, **{field.name: not getattr(plain, field.name)})


def test_the_workflow_is_well_formed():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (it comes with Dask)")
    (text,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if block.startswith("# .github")]
    workflow = yaml.safe_load(text)
    steps = workflow["jobs"]["gradients"]["steps"]
    assert [step.get("uses", step.get("run", "")).split()[0] for step in steps][:2] == [
        "actions/checkout@v4",
        "actions/setup-python@v5",
    ]
    run = next(step["run"] for step in steps if "pytest tests" in step.get("run", ""))
    assert "\n" not in run.strip()
    from gradcert.pytest_plugin import hooks

    declared = Path(hooks.__file__).read_text(encoding="utf-8")
    for option in re.findall(r"--gradcert-[a-z]+", PAGE):
        assert f'"{option}"' in declared


def test_no_page_and_no_hint_installs_from_an_index_that_has_no_gradcert():
    """Until it is published: hints come from `gradcert.reference.installing`, pages name a checkout or a repository."""
    root = Path(__file__).resolve().parents[2]
    files = [*root.glob("*.md"), *root.glob("docs/*.md"), root / "pyproject.toml"]
    files += [
        path for room in root.glob("*/__init__.py") if room.parent.name != "tests" for path in room.parent.rglob("*.py")
    ]
    assert len(files) > 500
    wrong = re.compile(r"pip install (--\S+ )*['\"]?gradcert(\[[\w,]*\])?['\"]?(\s|$|&)")
    said = [path for path in files if path.name != "installing.py" and wrong.search(path.read_text(encoding="utf-8"))]
    assert said == []
