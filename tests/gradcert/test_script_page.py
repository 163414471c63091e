"""docs/howto/script.md: every script is run as it is shown, and as it was before anything was added to it."""

import contextlib
import io
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "script.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
INSTEAD = re.compile(r"^( *)watching\.call\(([\w.]+), (.*)\)  # added.*$")
NUMBERS = re.compile(r"-?\d+\.\d+(e-?\d+)?")


def ran(source):
    """What a script prints, and its network afterwards."""
    said, names = io.StringIO(), {"__name__": "script"}
    with contextlib.redirect_stdout(said):
        exec(compile(source, "script.py", "exec"), names)
    return said.getvalue(), names["net"]


def before(source):
    """The script as it was."""
    lines = (INSTEAD.sub(r"\1\2(\3)", line) for line in source.splitlines())
    return "\n".join(line for line in lines if "# added" not in line)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("source", "shown"), BLOCKS, ids=["functional", "hidden", "trainer"])
def test_a_script_says_what_it_computes_and_trains_as_before(source, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source.count("# added") < 10
    assert "gradcert" not in before(source)
    said, net = ran(source)
    assert NUMBERS.sub("#", said) == NUMBERS.sub("#", shown)
    for mine, theirs in zip(net.parameters(), ran(before(source))[1].parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_there_are_three_and_the_added_lines_are_all_that_names_the_tool():
    assert len(BLOCKS) == 3
    for source, _ in BLOCKS:
        assert all("# added" in line for line in source.splitlines() if re.search("gradcert|watching", line))
