"""`gradcert read`: text, JSON, a page; what is wrong with the model or the words is one sentence."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcert import cli

pytest.importorskip("torch")
EXAMPLES = Path(__file__).parents[2] / "examples"
LIF = f"{EXAMPLES / 'read_lif.py'}:Model"
OUTER = """
import torch
net = torch.nn.GRUCell(3, 2)

def make(n, m):
    return torch.nn.Linear(n, m)

class Sequence(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.RNN(3, 2)

    def forward(self, x):
        return self.rnn(x)[0]

broken = 3
"""


def run(*words):
    return CliRunner().invoke(cli.gradcert, ["read", *map(str, words)], prog_name="gradcert")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "of_mine.py"
    path.write_text(OUTER)
    return path


def test_text():
    done = run(LIF)
    assert done.exit_code == 0, done.output
    assert "note: no --example was given: x=(2, 12), 12 being what fc takes" in done.stderr
    assert done.stdout.splitlines()[:4] == [
        "layer 0 (32 units)",
        "  a = fc.weight @ x + rec.weight @ z' + fc.bias",
        "  v = a + v' * 0.9 - cut[z']",
        "  z = spike(v - 1)   psi fast_sigmoid(slope=10.0), fires at > 0",
    ]
    assert "    z' -> v  RESET cut (read_lif.py:37)" in done.stdout


def test_json():
    record = json.loads(run(LIF, "--example", "x=(4,12)", "--json").stdout)
    assert [layer["units"] for layer in record["layers"]] == [32, 4]
    assert record["layers"][0]["edges"][2] == {
        "source": "z'",
        "target": "v",
        "label": "reset",
        "how": "cut",
        "cut_at": ["read_lif.py:37"],
    }
    assert record["notes"] == []


def test_page(tmp_path):
    done = run(LIF, "--html", tmp_path / "page.html")
    assert (done.exit_code, done.stdout) == (0, "")
    page = (tmp_path / "page.html").read_text()
    assert "<span class='cut' title='read_lif.py:37'><i>z</i>&prime;</span>" in page
    assert "out.weight&#8202;<i>z</i><sub>0</sub>" in page
    assert "http" not in page


def test_an_instance_a_function_and_a_sequence(file):
    assert "weight_hh[0:2] @ z'" in run(f"{file}:net").stdout
    assert run(f"{file}:make(3, 2)").stdout.splitlines()[0] == "layer 0 (2 units)"
    assert "returns every step of z[0]" in run(f"{file}:Sequence", "--time", "0", "--example", "(4,2,3)").stdout


LOOPS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.rec, self.out = nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h, outs = torch.zeros(x.shape[{batch}], 4), []
        for x_t in x.unbind({time}):
            h = torch.tanh(self.fc(x_t) + self.rec(h))
            outs.append(self.out(h))
        return torch.stack(outs)
"""


@pytest.mark.parametrize("time", [0, 1])
def test_the_axis_of_time_is_found(tmp_path, time):
    """A loop over axis 0 also runs on (batch, inputs), whose samples it takes for steps: a vector broadcasts."""
    path = tmp_path / f"loops_{time}.py"
    path.write_text(LOOPS.format(time=time, batch=1 - time))
    done = run(f"{path}:Net")
    assert done.exit_code == 0, done.output
    shape = (5, 2, 6) if time == 0 else (2, 5, 6)
    says = f"no --example was given: x={shape}, 6 being what fc takes; it takes whole sequences: --time {time}"
    assert says in done.stderr
    assert "  z = tanh(a)" in done.stdout and "returns every step of z[1]" in done.stdout
    told = run(f"{path}:Net", "--time", time, "--example", f"x={shape}".replace(" ", ""))
    assert told.stdout == done.stdout
    if time == 0:
        refused = run(f"{path}:Net", "--example", "x=(2,6)")
        assert refused.exit_code == 2 and "it loops over time itself" in refused.output


def test_what_is_wrong_is_said(file):
    for words, says in (
        ((f"{file}:absent",), "has no absent"),
        ((f"{file}:make",), "building make() raised TypeError"),
        ((f"{file}:make(3, n)",), "the arguments (3, n)"),
        ((f"{file}:broken",), "building broken() raised TypeError"),
        (("nowhere.py:Model",), "there is no file nowhere.py"),
        (("Model",), "the module 'Model'; allowed: FILE.py:Model"),
        ((f"{file}:net", "--example", "x=3"), "--example '3'; allowed: shapes"),
        ((f"{file}:net", "--html", "/nowhere/page.html"), "/nowhere/page.html"),
    ):
        done = run(*words)
        assert done.exit_code == 2, done.output
        assert says in done.output
        assert "Traceback" not in done.output


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("command", ["read", "certify"])
def test_an_example_that_is_too_large_is_one_sentence(tmp_path, command):
    path = tmp_path / "large.py"
    path.write_text(
        "import torch\n\nclass Model(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.cell = torch.nn.RNNCell(9, 4)\n    def forward(self, x, h):\n        h = self.cell(x, h)\n"
        "        return h, h\n"
    )
    for words in (("--example", "x=(99999999999,9)"), ("--state", "(99999999999,4)", "--example", "x=(2,9)")):
        done = CliRunner().invoke(cli.gradcert, [command, f"{path}:Model", *words])
        assert done.exit_code == 2, done.output
        assert "bytes; allowed: at most 67108864 numbers, 512 MiB" in " ".join(done.output.split()), done.output


def test_a_module_in_src_is_found_where_nothing_is_installed(tmp_path, monkeypatch):
    (tmp_path / "src" / "far_away").mkdir(parents=True)
    (tmp_path / "src" / "far_away" / "__init__.py").touch()
    shutil.copy(EXAMPLES / "read_lif.py", tmp_path / "src" / "far_away" / "model.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    done = run("far_away.model:Model")
    assert done.exit_code == 0, done.output
