"""A folder in which nothing can be written: a module is judged there all the same, and no command is named in vain."""

import json

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.certificates import parted

pytest.importorskip("torch", reason="needs PyTorch: the extra torch")
NET = """
import torch

class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)
    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + 9 * v.abs()) ** 2

class Net(torch.nn.Module):
    def __init__(self, inputs=3, units=4):
        super().__init__()
        self.fc, self.units = torch.nn.Linear(inputs, units), units

    def forward(self, x, v=None):
        v = 0.9 * (x.new_zeros(len(x), self.units) if v is None else v) + self.fc(x)
        z = Spike.apply(v - 1.0)
        return z, v - z
"""
WRONG = """
import gradcert

@gradcert.claim(rule="bptt", cells="rnn", depths=1)
def wrong(problem):
    return {name: 0 * array for name, array in problem.parameters.items()}
"""


@pytest.fixture
def shut(tmp_path, monkeypatch):
    """Whoever runs the tests: there is a file where the folder would be."""
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "here" / ".gradcert").touch()
    (tmp_path / "here" / "net.py").write_text(NET)
    (tmp_path / "here" / "plain.py").write_text(WRONG)
    yield tmp_path
    monkeypatch.undo()
    monkeypatch.setattr("tempfile.tempdir", None)


def run(*words):
    return CliRunner().invoke(cli.gradcert, words, prog_name="gradcert")


@pytest.mark.long
def test_a_module_is_judged_and_its_certificate_holds(shut):
    made = run("certify", "net.py:Net", "--profile", "quick", "--certificate", str(shut / "c.json"))
    assert made.exit_code == 0, made.output
    assert "bptt on Net layer0" in " ".join(made.output.split())
    record = json.loads((shut / "c.json").read_text())
    (cell,) = {layer["cell"] for layer in record["claim"]["layers"]}
    assert cell.startswith(".gradcert/cells/Net-") and {parted(case["id"])[0] for case in record["cases"]} == {cell}
    (kept,) = (shut / "temporary").glob("gradcert-*/Net-*.toml")
    assert run("verify", "--no-run", str(shut / "c.json")).exit_code == 0
    kept.unlink()  # it is read anew
    again = run("verify", "--run", str(shut / "c.json"))
    assert again.exit_code == 0, again.output


def test_what_was_put_aside_is_taken_for_what_its_name_says_alone(shut):
    from gradcert.certify.subjects import modules
    from gradcert.reference.networks import KEPT, aside, place

    text = "[layer0]\n"
    name = f".gradcert/cells/Net-{modules.hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    modules.keep({name: text})
    assert KEPT.fullmatch(name) and place(name) == aside(name) and aside(name).read_text() == text
    aside(name).write_text("[layer1]\n")
    assert place(name) != aside(name)


def test_a_replay_of_what_is_not_stored_is_not_named(shut):
    made = run("certify", "plain.py:wrong", "--no-repair", "--markdown", "summary.md")
    assert made.exit_code == 1 and "the counterexample is not stored" in made.stderr
    assert "smallest: " in made.stdout and "gradcert replay" not in made.stdout
    assert "gradcert replay" not in (shut / "here" / "summary.md").read_text()
    (shut / "here" / ".gradcert").unlink()
    assert "gradcert replay --run .gradcert/" in run("certify", "plain.py:wrong", "--no-repair").stdout
