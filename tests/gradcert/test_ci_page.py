"""The workflow in docs/ci.md names options and commands that exist."""

import re
from pathlib import Path

import pytest

from gradcert import cli

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "ci.md").read_text(encoding="utf-8")


def test_commands_have_the_options_that_the_page_shows():
    context = None
    for name, rest in re.findall(r"gradcert (certify|verify|diff)((?:[^\n`#|]|\n {10})*)", PAGE):
        command = cli.gradcert.get_command(context, name)
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z]+", rest)) <= known, (name, rest)


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
