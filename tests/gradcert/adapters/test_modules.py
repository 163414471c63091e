"""Modules go through whole campaigns: certified, refuted with their cause, and nothing of them runs in the judge."""

import functools
import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
STRANGE = Path(__file__).parents[2] / "models" / "modules"
sys.path.insert(0, str(STRANGE))
import strange  # noqa: E402

import gradcert  # noqa: E402
from gradcert.adapters.torch import module  # noqa: E402
from gradcert.certify.subjects.modules import Arguments, adapted, keep  # noqa: E402
from gradcert.certify.subjects.worker import called, load  # noqa: E402
from gradcert.models.modules import ModuleSubject, UnreadError  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.long
def test_by_name_in_a_process_of_its_own():
    shutil.copy(STRANGE / "strange.py", "mine.py")
    with open("mine.py", "a") as file:
        file.write("\n\nimport os\nopen('who', 'a').write(f'{os.getpid()} ')\n")
    found = gradcert.certify("mine.py:Rnn(3, 2)", profile="quick")
    assert found.verdict == "refuted"
    assert "it equals bptt with 1 - z in the place of 1 - z z in dz/da" in found.findings[0].cause
    assert found.claim["sizes"] == [3, 4, 4]
    assert any("judged at sizes 3, 4, 4 alone" in note for note in found.notes)
    assert "'mine.py:Rnn(3, 2)'" in found.findings[0].replay
    assert str(os.getpid()) not in Path("who").read_text().split()
    assert all(Path(layer["cell"].partition(":")[0]).is_file() for layer in found.claim["layers"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("found", "parts", "cause"),
    [
        (strange.Lif, {}, None),
        (strange.Lif, {"rule": "e-prop"}, "it equals e-prop with RECURRENT"),
        (strange.Forgets, {"rule": "bptt-detached-reset"}, "with RESET, which is bptt"),
        (strange.Hooked, {}, "layers.0.rec_weight: equals bptt-detached-reset divided by 2"),
        (strange.OwnPsi, {"options": {"surrogate": "triangle"}}, ""),  # it is in no table, so nobody can name it
    ],
    ids=["right", "another rule", "no detach", "a hook", "another pseudo-derivative"],
)
def test_verdict_and_cause(found, parts, cause):
    made = gradcert.certify(module(found), profile="quick", **parts)
    assert made.verdict == ("certified" if cause is None else "refuted")
    assert cause is None or cause in made.findings[0].cause


@pytest.mark.long
def test_what_cannot_be_read_is_one_sentence():
    for found, sentence in ((strange.Branch, "the step branches at strange.py:"), (strange.Tied, "several places")):
        with pytest.raises(GradcertError, match=sentence) as caught:
            gradcert.certify(module(found), profile="quick")
        assert "Traceback" not in str(caught.value)


def test_of_cuts_that_are_no_row_a_rule_is_wanted():
    cut = r"no row of the table: z' -> z \(STATE\) of layer 0 at strange\.py:\d+; kept: z' -> z \(STATE\) of layer 1"
    with pytest.raises(GradcertError, match=f"{cut}; to fix it: say what it computes: --rule"):
        gradcert.certify(module(strange.Unnamed), profile="quick")


def test_what_is_no_module_stays_what_it_is():
    def gradients(problem):
        return {}

    def of_anything(*problems):
        return {}

    for subject in (gradients, of_anything, functools.partial(gradients, problem=3), print, gradcert.Claim):
        assert adapted(subject) is subject
    for subject in (strange.Lif, strange.factory, torch.nn.RNNCell(3, 4), functools.partial(strange.Lif, 3)):
        assert isinstance(adapted(subject), ModuleSubject)


def test_arguments_of_a_name():
    assert called("Net(3, (4, 'a'))") == ("Net", ((3, (4, "a")), {}))
    assert called("Net(3, hidden=4)") == ("Net", ((3,), {"hidden": 4}))
    assert called("a.Net()") == ("a.Net", ((), {}))
    assert called("a.Net") == ("a.Net", None)
    with pytest.raises(ValueError, match="are no numbers, texts, tuples or lists"):
        called("Net(open('x'))")
    for wrong in ("Net(**{'a': 1})", "Net(3).eval()", "Net(*(1, 2))"):
        with pytest.raises(ValueError, match="are no numbers"):
            called(wrong)
    found = load(f"{STRANGE / 'strange.py'}:Lif(3, 5)")
    assert isinstance(found, Arguments)
    assert found().fc.out_features == 5
    assert load(f"{STRANGE / 'strange.py'}:Lif(3, hidden=7)")().fc.out_features == 7


def test_what_is_said_behind_the_name_of_a_module(tmp_path):
    images = load(f"{STRANGE / 'strange.py'}:Grouped --example x=(2,1,3,3)")
    assert images.told.spec["network"]["inputs"] == [{"name": "x", "size": 9}]
    given = load(f"{STRANGE / 'strange.py'}:Rms(5, outputs=3) --state (2,8),(2,8),(2,3) --example x=(2,5)")
    assert [p["units"] for p in given.told.spec["network"]["populations"]] == [8, 3]
    path = tmp_path / "sequences.py"
    path.write_text("import torch\n\ndef net():\n    return torch.nn.RNN(3, 4, batch_first=True)\n")
    sequences = load(f"{path}:net --time 1 --example x=(2,6,3)")
    assert sequences.told.spec["rule"] == "bptt"
    with pytest.raises(UnreadError, match="allowed: --example, --state, --time, each with a value"):
        load(f"{STRANGE / 'strange.py'}:Lif --order x")
    with pytest.raises(UnreadError, match="shapes such as"):
        load(f"{STRANGE / 'strange.py'}:Lif --example x=5")


def test_cells_that_a_subject_tells_are_named_by_their_content():
    text = "[a]\n"
    name = f".gradcert/cells/Net-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    keep({name: text})
    assert Path(name).read_text() == text
    for cells in ({name: text + " "}, {f"../{name}": text}, {"/tmp/x.toml": text}, {name: 3}, ["x"]):
        with pytest.raises(GradcertError, match=r"of a subject|cells in a list"):
            keep(cells)
