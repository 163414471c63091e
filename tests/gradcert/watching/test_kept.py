"""A wrong step that was kept is a counterexample: small, computed again from its file alone, never trusted."""

import copy
import json
import math
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert import cli  # noqa: E402
from gradcert.models.reading.pytorch.torch_ import PYTORCH  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402
from gradcert.watching.kept.again import judged  # noqa: E402
from gradcert.watching.kept.pulls import Pull, pull_from, pulls_of  # noqa: E402
from gradcert.watching.kept.stored import read, stored_from  # noqa: E402
from scripts.watch_faults import trainers  # noqa: E402
from scripts.watch_faults.trainers import HIDDEN, INPUTS, OUTPUTS, EProp, Net, batch, forward, mean_of_steps  # noqa: E402

TRAINERS = Path(trainers.__file__)


def first_failure(folder, net, rule="bptt-detached-reset", run=forward, loss=mean_of_steps, **options):
    """Return the file of one step whose gradients are autograd's."""
    with gradcert.watch(net, rule=rule, every=1, folder=str(folder), loss=loss, **options) as watching:
        x, y = batch(0)
        loss(run(net, x), y).backward()
        found = watching.step(x, y)
    assert found.verdict == "wrong"
    return Path(found.file)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    return first_failure(tmp_path_factory.mktemp("kept"), Net(detached=False))


def replay(*words):
    done = CliRunner().invoke(cli.gradcert, ["replay", *map(str, words)], prog_name="gradcert")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_it_is_small_and_says_the_same_from_the_file_alone(file):
    done = replay(file)
    assert done.exit_code == 1 and done.output.startswith("STILL WRONG")
    assert "2 steps of 1 sample, shrunk from 10 steps of 8 samples" in done.output
    assert "the gradients of as-coded and bptt" in done.output and "nothing of yours was run" in done.output
    told = json.loads(replay("--json", file).output)
    assert told["wrong"] and told["judgement"]["parameters"]["fc.weight"]["error"] > 0


def test_the_model_runs_again_where_it_is_given(file):
    done = replay(file, f"{TRAINERS}:Net(False)")
    assert done.exit_code == 1 and "nothing of yours" not in done.output
    mended = replay(file, f"{TRAINERS}:Net")
    assert mended.exit_code == 0 and "the gradients of bptt-detached-reset" in mended.output


@pytest.mark.long
def test_another_model_is_refused(file, tmp_path):
    (tmp_path / "other.py").write_text("import torch\nNet = torch.nn.RNNCell(6, 12)\n")
    done = replay(file, f"{tmp_path}/other.py:Net")
    assert done.exit_code == 2 and "are not those of the step" in " ".join(done.output.split())


@pytest.mark.long
def test_neither_pytorch_nor_the_model_is_needed(file):
    code = f"import sys; sys.modules['torch'] = None; from gradcert import cli; cli.gradcert(['replay', {str(file)!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and done.stdout.startswith("STILL WRONG"), done.stderr


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("fault", ["not reset", "decay"])
def test_gradients_that_a_loop_made_are_kept_as_they_were(tmp_path, fault):
    torch.manual_seed(0)
    net = Net()
    trainer = EProp(net, fault=fault, since=1)
    with gradcert.watch(net, rule="e-prop", every=1, loss=mean_of_steps, folder=str(tmp_path)) as watching:
        for k in range(2):
            trainer.train_sample(*batch(k))
            found = watching.step(*batch(k))
    stored = read(Path(found.file))
    again = judged(stored)
    assert (again.verdict, again.cause) == ("wrong", found.cause)
    assert again.parameters == found.parameters
    assert stored.model["by"] == "loop" and stored.evidence.deltas[0].shape[:2] == (10, 8)
    assert "were not the model's own backward" in replay(found.file, f"{TRAINERS}:Net").output


class Held(torch.nn.Module):
    """Keeps its state; weights go through functions, one is a number for all units."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Linear(HIDDEN, OUTPUTS)
        self.scale, self.leak = torch.nn.Parameter(torch.ones(HIDDEN)), torch.nn.Parameter(torch.tensor(1.0))
        self.v = self.y = None

    def forward(self, x):
        v = torch.tanh(self.scale) * self.fc(x) + (0 if self.v is None else self.leak.sigmoid() * self.v)
        y = self.out(torch.tanh(v)) + (0 if self.y is None else 0.8 * self.y)
        self.v, self.y = v, y
        return y


class Whole(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = torch.nn.RNN(INPUTS, HIDDEN), torch.nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


class Dropped(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = torch.nn.RNNCell(INPUTS, HIDDEN), torch.nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, h):
        h = self.cell(x, h)
        return self.out(torch.nn.functional.dropout(h, 0.5)), h


def stepped(net, x):
    net.v = net.y = None
    return torch.stack([net(x_t) for x_t in x])


def passed(net, x):
    h, out = x.new_zeros(x.shape[1], HIDDEN), []
    for x_t in x:
        y, h = net(x_t, h)
        out.append(y)
    return torch.stack(out)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "run", "options"),
    [(Held, stepped, {}), (Whole, lambda net, x: net(x), {"time": 0}), (Dropped, passed, {})],
)
def test_modules_of_other_styles(tmp_path, kind, run, options):
    torch.manual_seed(0)
    net = kind()
    file = first_failure(tmp_path, net, rule="sltt", run=run, **options)
    stored = read(file)
    assert judged(stored).verdict == "wrong"
    small = stored.evidence.deltas[0].shape[:2]
    assert small == {Held: (2, 1), Whole: (2, 8), Dropped: (10, 8)}[kind]  # the record of Whole has its 8 samples in it
    (tmp_path / "model.py").write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_kept import *\n"
    )
    done = replay(file, f"{tmp_path}/model.py:{kind.__name__}")
    assert done.exit_code == (2 if kind is Dropped else 1), done.output
    assert ("draws random numbers" if kind is Dropped else "the gradients of as-coded") in " ".join(done.output.split())


def paths(value, here=()):
    """Yield every place in a JSON value."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from paths(held, (*here, key))


JUNK = (None, -1, 0, 1e308, True, "x", "__import__('os').abort()", [], {}, [[1.0]], math.nan, 2**40, ["z"])


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_stands_in_a_file_ends_in_a_verdict_or_a_sentence(file, seed):
    whole = json.loads(file.read_text())
    draw = random.Random(seed)
    places = [p for p in paths(whole) if 0 < len(p) < 6]
    refused = 0
    for place in draw.sample(places, 40):
        other = copy.deepcopy(whole)
        held = other
        for key in place[:-1]:
            held = held[key]
        held[place[-1]] = draw.choice(JUNK)
        try:
            judged(stored_from(other))
        except GradcertError:
            refused += 1
    assert refused > 10  # what is refused is refused in a sentence; anything else would have been raised here


FORGED = {
    "a name that is code": lambda r: r["networks"]["full"]["cells"][0]["equations"].update(v="__import__('os')"),
    "a call": lambda r: r["networks"]["full"]["cells"][0]["equations"].update(v="open(a)"),
    "a deep expression": lambda r: r["networks"]["full"]["cells"][0]["equations"].update(v="(" * 500 + "a" + ")" * 500),
    "a rule of a file": lambda r: r["claim"].update(rule="mine.py:rule"),
    "many units": lambda r: r["networks"]["full"]["layers"][0].update(units=2**40),
    "a ragged batch": lambda r: r["sequences"][0]["inputs"].append([]),
    "spikes of another size": lambda r: r["sequences"][0].update(spikes=[[[[[1]]]], []]),
    "no spikes": lambda r: r["sequences"][0].update(spikes=[[], []]),
    "an index beyond": lambda r: r["pulls"][0].update(index=[10**6] * 72),
    "a cell's file": lambda r: r["networks"]["full"]["cells"][0].update(name="/tmp/x.py:Cell"),
    "another form": lambda r: r.update(schema="gradcert-watch-1"),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_files_are_refused_in_a_sentence(file, tmp_path, what):
    record = json.loads(file.read_text())
    FORGED[what](record)
    (tmp_path / "forged.json").write_text(json.dumps(record))
    done = replay(tmp_path / "forged.json")
    assert done.exit_code == 2 and "Error" in done.output, done.output


class Functions:
    """Stands for what `pulls_of` asks of a module that was read."""

    def tensors(self, p):
        return {
            "plain": p["w"],
            "turned": -p["w"].T,
            "curved": torch.sigmoid(p["w"]),
            "spread": p["one"].expand(5),
            "mixed": p["w"] @ p["v"],
            "constant": torch.ones(2),
        }

    def arrays(self, p):
        return {k: v.numpy() for k, v in self.tensors(p).items()}

    def pulled(self, gradients, p, *, coded=False):
        return PYTORCH.puller(self.tensors)(p, gradients)


def test_maps_from_a_networks_gradients_to_a_modules_are_autograds():
    torch.manual_seed(0)
    p = {"w": torch.randn(3, 4), "one": torch.tensor(0.3), "v": torch.randn(4, 2)}
    pulls = pulls_of(Functions(), p)
    own = {k: v.double().requires_grad_() for k, v in p.items()}
    found = Functions().tensors(own)
    g = {k: torch.randn(v.shape, dtype=torch.float64) for k, v in found.items()}
    live = [k for k, v in found.items() if v.requires_grad]
    wanted = torch.autograd.grad([found[k] for k in live], list(own.values()), [g[k] for k in live])
    shapes = {k: tuple(v.shape) for k, v in own.items()}
    read_back = [
        pull_from(json.loads(json.dumps(k.to_dict())), {n: v.shape for n, v in g.items()}, shapes) for k in pulls
    ]
    total = {k: np.zeros(s) for k, s in shapes.items()}
    for pull in read_back:
        total[pull.target] += pull(g[pull.source].numpy())
    for name, want in zip(own, wanted, strict=True):  # sums of at most 12 terms: a few roundings
        assert np.abs(total[name] - want.numpy()).max() <= 1e-13 * np.abs(want.numpy()).max()
    forms = {p.source: p.matrix is not None for p in pulls}
    assert forms == {"plain": False, "turned": False, "curved": False, "spread": True, "mixed": True}


def test_a_parameter_that_mixes_too_much_is_a_sentence(monkeypatch):
    from gradcert.watching.kept import pulls

    monkeypatch.setattr(pulls, "MOST", 10)
    p = {"w": torch.randn(3, 4), "one": torch.tensor(0.3), "v": torch.randn(4, 2)}
    with pytest.raises(GradcertError, match="each entry of which is made of many of w"):
        pulls_of(Functions(), p)
    assert Pull("a", "b", (2,), np.asarray(2.0))(np.ones(2)).tolist() == [2, 2]
