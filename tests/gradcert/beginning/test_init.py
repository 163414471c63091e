"""gradcert init: what it finds in a project, what it writes, what it leaves alone."""

import ast
import datetime
import json
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.beginning import begin, look
from gradcert.beginning.libraries import NUMPY, PIECES, source
from gradcert.certify.claims import from_dict
from gradcert.expected_failures import read
from gradcert.reference import installing

RULES = """
import gradcert

@gradcert.claim(rule="ostl", cells="snu")
def declared(problem): return helper(problem)

def helper(problem): return {}
"""
PLAIN = '''
import torch.nn
from snntorch import Leaky

def eprop(problem):
    """For an LSTM."""
    return {"layers.0.W": 1}

def many(problem, other): return {}

class Learner:
    def start(self, start): ...
    def step(self, x, y): ...
    def gradients(self): ...

net = torch.nn.GRU(1, 2)
'''


@pytest.fixture
def project(tmp_path):
    (tmp_path / "rules.py").write_text(RULES)
    (tmp_path / "pack" / "inner").mkdir(parents=True)
    for folder in ("pack", "pack/inner"):
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "pack" / "inner" / "plain.py").write_text(PLAIN)
    (tmp_path / "broken.py").write_text("def f(problem: return")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "other.py").write_text(RULES)
    (tmp_path / "env2").mkdir()
    (tmp_path / "env2" / "pyvenv.cfg").touch()
    (tmp_path / "env2" / "other.py").write_text(RULES)
    return tmp_path


def test_what_is_found(project):
    seen = look(project)
    told = {found.subject: (found.claims, found.stepwise) for found in seen.found}
    assert told == {
        "rules.py:declared": (True, False),  # and not its helper
        "pack.inner.plain:eprop": (False, False),
        "pack.inner.plain:Learner": (False, True),
    }
    assert seen.libraries == ("torch", "snntorch")
    assert seen.layers == (("snntorch", "Leaky"), ("torch", "GRU"))


def test_what_is_written_and_what_is_left_alone(project):
    workflow = project / ".github" / "workflows" / "gradients.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("mine")
    done = begin(project)
    assert workflow.read_text() == "mine" and done.kept == (".github/workflows/gradients.yml",)
    assert done.guessed["pack.inner.plain:eprop"] == ("e-prop", "lstm", "the words 'eprop', 'lstm'")
    assert "online = true" in (project / "tests/claims/pack_inner_plain_learner.toml").read_text()
    tests = (project / "tests/test_gradients.py").read_text()
    assert 'subject_tests("rules.py:declared")' in tests
    assert 'claim="tests/claims/pack_inner_plain_eprop.toml"' in tests
    assert 'test_gru = example(gradcert.subject_tests("tests/gradient_subjects.py:gru"))' in tests
    # a second time nothing is written, and nothing is found twice
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    again = begin(project)
    assert again.written == () and again.untold == ()
    assert before == {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    # what is new is said
    (project / "more.py").write_text("def sltt(problem): return {}")
    assert begin(project).untold == (
        'test_more_sltt = gradcert.subject_tests("more.py:sltt", claim="tests/claims/more_sltt.toml")',
    )


def test_a_claim_shows_the_option_of_lateral_weights(tmp_path):
    """Whether there are any is a convention of the cell, and decides which parameters a subject is given."""
    for cell in ("lif", "rnn"):
        (tmp_path / f"{cell}.py").write_text(f"def bptt_{cell}(problem): return {{}}")
    begin(tmp_path)
    for cell, usual in (("lif", False), ("rnn", True)):
        text = (tmp_path / f"tests/claims/{cell}_bptt_{cell}.toml").read_text()
        plain = tomllib.loads(text)
        other = tomllib.loads(text.replace("# [options]", "[options]").replace("# recurrent", "recurrent"))
        assert "options" not in plain and other.pop("options") == {"recurrent": not usual} and other == plain
        assert ("no lateral weights (layers.0.H)" in text) != usual
        assert from_dict({**plain, "options": {"recurrent": not usual}}).options == {"recurrent": not usual}


LOOPED = """
import torch
from spikes import neurons
from mine import GRU

def made(rule):
    def gradients(problem):
        return {"layers.0.W": neurons.RNN()}
    return gradients

for rule in ("bptt", "sltt"):
    globals()[rule] = made(rule)
"""


def test_nothing_is_said_to_lack_that_is_not_there(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "gradient_subjects.py").write_text(LOOPED)
    assert look(tmp_path).layers == ()  # the project's own RNN is none of PyTorch's
    (tmp_path / "tests" / "test_gradients.py").write_text("import gradcert\n")
    assert begin(tmp_path).untold == ()
    (tmp_path / "net.py").write_text("from torch import nn\nnet = nn.RNN(2, 3)\n")
    assert look(tmp_path).layers == (("torch", "RNN"),)
    assert begin(tmp_path).untold == ()  # the file of subjects is kept, and has none of it
    said = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output
    assert "lacks" not in said and "what a loop makes is not seen" in said


@pytest.mark.parametrize(
    ("origin", "there"),
    [
        ({}, True),
        ({"url": "https://example.org/gradcert", "vcs_info": {"vcs": "git"}}, True),
        ({"url": "https://example.org/gradcert-0.2.0-py3-none-any.whl", "archive_info": {}}, True),
        ({"url": "file:///tmp/gradcert-0.2.0-py3-none-any.whl", "archive_info": {}}, False),
        ({"url": "file:///tmp/gradcert", "vcs_info": {"vcs": "git"}}, False),
        ({"url": "file:///tmp/gradcert", "dir_info": {}}, False),
        ({"url": "file:///tmp/gradcert", "dir_info": {"editable": True}}, False),
    ],
)
def test_the_workflow_installs_nothing_of_this_machine(tmp_path, monkeypatch, origin, there):
    monkeypatch.setattr(installing, "_origin", lambda: origin)
    said = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output
    text = (tmp_path / ".github/workflows/gradients.yml").read_text()
    assert ("GRADCERT_REPOSITORY }}" not in text) == there and "file:" not in text and "/tmp" not in text
    assert ("edit     .github/workflows/gradients.yml" not in said) == there


def test_the_file_of_expected_failures_is_read_as_it_is_and_filled_in(tmp_path):
    begin(tmp_path)
    path = tmp_path / "tests" / "expected_failures.toml"
    assert read(path) == ()
    _, _, entry = path.read_text().partition("#\n")
    path.write_text(entry.replace("# ", ""))
    (one,) = read(path, today=datetime.date(2026, 1, 1))
    assert one.name == "tests/test_gradients.py::test_NAME[*]"


def test_a_claim_that_was_written_can_be_read(project):
    from gradcert.certify.claims.parts import read_claim

    done = begin(project)
    for _, _, claim in done.tests:
        if claim:
            assert read_claim(project / claim)


def test_what_it_says(project, snapshot, monkeypatch):
    monkeypatch.setattr(installing, "_origin", dict)
    done = CliRunner().invoke(cli.gradcert, ["init", str(project)], prog_name="gradcert")
    assert done.exit_code == 0
    assert done.output == snapshot


def test_as_json(project):
    done = CliRunner().invoke(cli.gradcert, ["init", str(project), "--json"], prog_name="gradcert")
    record = json.loads(done.output)
    (project / "tests" / "gradient_subjects.py").unlink()  # what was written is found too
    assert record["libraries"] == ["torch", "snntorch"]
    assert {entry["subject"] for entry in record["found"]} == {entry.subject for entry in look(project).found}


def test_the_workflow_is_one(project):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (it comes with Dask)")
    (project / "pyproject.toml").touch()
    begin(project)
    steps = yaml.safe_load((project / ".github/workflows/gradients.yml").read_text())["jobs"]["gradients"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert any("gradcert" in run and "pytest" in run for run in runs) and "pip install ." in runs
    assert runs[-1].startswith("pytest tests/test_gradients.py")


def test_an_empty_project_gets_a_subject_that_holds(tmp_path, monkeypatch):
    import gradcert

    begin(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert gradcert.certify("tests/gradient_subjects.py:gradients", profile="quick").verdict == "certified"


def test_no_test_is_green_over_the_example(tmp_path):
    begin(tmp_path)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--gradcert-profile", "quick"]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "passed" not in found.stdout and "skipped" in found.stdout, found.stdout
    tests = tmp_path / "tests" / "test_gradients.py"
    tests.write_text(tests.read_text().replace("example(gradcert", "(gradcert"))
    found = subprocess.run([*words, "-k", "controls"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in found.stdout, found.stdout


@pytest.mark.long
@pytest.mark.parametrize("layer", PIECES)
def test_a_library_gets_a_subject_that_holds(layer, tmp_path):
    import gradcert

    pytest.importorskip("torch", reason="needs PyTorch: the extra torch")
    pytest.importorskip(layer[0], reason=f"needs {layer[0]}: the extra peers")
    (tmp_path / "subjects.py").write_text(source([PIECES[layer]]))
    made = gradcert.certify(f"{tmp_path / 'subjects.py'}:{PIECES[layer].name}", profile="quick")
    assert made.verdict == "certified", made.reason


def test_all_pieces_together_are_one_file():
    tree = ast.parse(source([*PIECES.values(), NUMPY]))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(names) == len(set(names)) == len(PIECES) + 1
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert len(imports) == len(set(imports))


NEAR = """
import torch
from torch import nn

class Layer(nn.Module):
    def forward(self, x, state): return x, state

class Net(nn.Module):
    def forward(self, x):
        return [now for now in x] if len(x) else [y for y in x] or self.loop(x)

class Whole(nn.Module):
    def forward(self, x):
        for now in x:
            y = now
        return y

class Last(Whole):
    def forward(self, x): return x

def eprop(neuron, p, x, y): return {}
def by_autograd(x, W, leak=0.9): return torch.autograd.grad((x @ W).sum(), [W])
def train(net, data): net(data).backward()
def helper(x): return x
"""


def test_what_is_near_to_a_subject_is_named_with_what_to_do(tmp_path):
    (tmp_path / "train.py").write_text(NEAR)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(NEAR)
    seen = [(n.name, n.takes) for n in look(tmp_path).near]
    modules = [(f"train.py:{name}", "") for name in ("Layer", "Net", "Whole", "Last")]
    assert seen == [*modules, ("train.py:eprop", "neuron, p, x, y"), ("train.py:by_autograd", "x, W, leak=0.9")]
    said = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output
    assert "0 subjects, torch" in said and "0 subjects found: what stands there is gradcert's own example" in said
    assert "gradcert certify train.py:Whole " in said and "gradcert.watch(net)" in said
    tests = (tmp_path / "tests/test_gradients.py").read_text()
    assert '# test_train_net = gradcert.subject_tests("train.py:Net")\n' in tests
    ast.parse(tests.replace("# test_", "test_"))
    written = (tmp_path / "tests/gradient_subjects.py").read_text()
    assert "# from train import by_autograd" in written and "# def eprop_of(problem):" in written
    ast.parse(written)
    again = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output
    assert "0 subjects" in again  # and gradcert's example is none of the project's


def test_the_workflow_installs_what_is_used_and_never_the_project_for_gradcert(tmp_path):
    (tmp_path / "train.py").write_text(NEAR)
    begin(tmp_path)
    text = (tmp_path / ".github/workflows/gradients.yml").read_text()
    assert "- run: pip install torch\n" in text
    if "GRADCERT_REPOSITORY }}" in text:  # a gradcert that came from a folder
        assert text.index("vars.GRADCERT_REPOSITORY == ''") < text.index("repository: ${{")


THEIR_TESTS = """
import gradcert
from gradcert import cases as asked

@asked(rule="bptt", cells="rnn")
def test_mine(problem):
    return {}

for name in ("ottt", "sltt"):
    globals()[f"test_{name}"] = gradcert.subject_tests(f"mine.subjects:{name}_lif", rule=name, cells="lif")
test_other = gradcert.subject_tests("other:bptt", rule="bptt", cells="rnn")
"""


@pytest.fixture
def with_tests(tmp_path):
    for name in ("mine", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    subjects = "def ottt_lif(problem): return {}\ndef sltt_lif(problem): return {}\n"
    (tmp_path / "mine" / "subjects.py").write_text("import torch\nnet = torch.nn.RNN(1, 2)\n" + subjects)
    (tmp_path / "other.py").write_text("def bptt(problem): return {}\ndef never_asked(problem): return {}\n")
    (tmp_path / "tests" / "test_rules.py").write_text(THEIR_TESTS)
    return tmp_path


def test_beside_tests_of_their_own_no_example_is_written(with_tests):
    before = {path: path.read_bytes() for path in with_tests.rglob("*") if path.is_file()}
    done = CliRunner().invoke(cli.gradcert, ["init", str(with_tests)], prog_name="gradcert").output.splitlines()
    assert "         tests/test_rules.py, line 5: tests, 3 calls of gradcert.subject_tests or gradcert.cases" in done
    assert "         mine.subjects:ottt_lif, line 3: your tests name it, or its module" in done
    assert ", 4 subjects, torch" in done[0]  # a test is none
    wrote = ["tests/claims/other_never_asked.toml", "tests/expected_failures.toml", ".github/workflows/gradients.yml"]
    assert [line.split()[1] for line in done if line.startswith("wrote ")] == wrote
    for name in ("tests/test_gradients.py", "tests/gradient_subjects.py"):
        assert f"left     {name}: not written, as you have tests of your own" in done
        assert not (with_tests / name).exists()
    (lacks,) = [line for line in done if line.startswith("lacks ")]
    assert 'subject_tests("other.py:never_asked", claim="tests/claims/other_never_asked.toml")' in lacks
    said = "\n".join(done)
    assert "next     pytest tests/test_rules.py" in said and "example" not in said
    assert "pytest tests/test_rules.py -n auto" in (with_tests / ".github/workflows/gradients.yml").read_text()
    assert all(path.read_bytes() == text for path, text in before.items())
    record = CliRunner().invoke(cli.gradcert, ["init", "--json", str(with_tests)], prog_name="gradcert").output
    assert json.loads(record)["own_tests"] == [{"file": "tests/test_rules.py", "line": 5, "calls": 3}]


def test_tests_of_their_own_may_have_the_name_that_init_gives(with_tests):
    (with_tests / "tests" / "test_rules.py").rename(with_tests / "tests" / "test_gradients.py")
    (with_tests / "pyproject.toml").write_text('[tool.pytest.ini_options]\ngradcert_expected = "known.toml"\n')
    done = begin(with_tests)
    assert done.kept == ("tests/test_gradients.py",) and done.left == ("tests/gradient_subjects.py",)
    assert "tests/expected_failures.toml" not in done.written  # the settings name another file
    assert "--gradcert-expected" not in (with_tests / ".github/workflows/gradients.yml").read_text()


def test_functions_of_other_packages_that_are_called_so_are_no_tests(tmp_path):
    (tmp_path / "test_cases.py").write_text(
        "import mine\nfrom mine import cases\nfor case in cases(rule=1): mine.cases(case)\n"
    )
    assert look(tmp_path).asking == ()
    assert "tests/test_gradients.py" in begin(tmp_path).written


HELPERS = """
def _layers(problem):
    return problem.network.layers

def detached_lif(problem):
    return {name: 0 for name in _layers(problem)}

class _Inner:
    def start(self, start): ...
    def step(self, x, y): ...
    def gradients(self): ...
"""


def test_private_names_are_no_subjects_and_a_detached_reset_is_guessed(tmp_path):
    (tmp_path / "variants.py").write_text(HELPERS)
    assert [found.subject for found in look(tmp_path).own] == ["variants.py:detached_lif"]
    assert begin(tmp_path).guessed["variants.py:detached_lif"][:2] == ("bptt-detached-reset", "lif")


SUBJECT = """
import gradcert

@gradcert.claim(rule="bptt", cells="rnn", depths=1)
def mine(problem):
    return {name: 0 * array for name, array in problem.parameters.items()}
"""


def packaged(folder, place):
    """Write a package into a folder of a project that is not installed."""
    (folder / place / "spikenet").mkdir(parents=True)
    (folder / place / "spikenet" / "__init__.py").touch()
    (folder / place / "spikenet" / "model.py").write_text(SUBJECT)


@pytest.mark.parametrize(("place", "said"), [("src", ""), ("lib/python", "PYTHONPATH=lib/python ")])
def test_what_is_suggested_and_written_runs_where_nothing_is_installed(tmp_path, place, said):
    packaged(tmp_path, place)
    lines = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output.splitlines()
    certify = next(line.strip() for line in lines if "gradcert certify" in line)
    assert certify == f"{said}gradcert certify spikenet.model:mine"
    tests = next(line for line in lines if line.startswith("next ")).removeprefix("next").strip()
    assert tests == f"{said}pytest tests/test_gradients.py"
    assert f"          {tests} -n auto" in (tmp_path / ".github/workflows/gradients.yml").read_text()
    alone = f"cd {tmp_path} && unset PYTHONPATH && PATH={sys.prefix}/bin:$PATH &&"
    judged = f"{alone} {certify} --profile quick --no-repair"
    assert subprocess.run(judged, shell=True, capture_output=True, check=False).returncode == 1  # refuted, and so found
    found = subprocess.run(
        f"{alone} {tests} --gradcert-profile quick -p no:cacheprovider -k controls",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in found.stdout, found.stdout


def test_nothing_is_said_of_files_that_were_not_written(tmp_path):
    """Where tests are there already, no comment is in them and none of theirs is skipped; a workflow lacks its step."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_gradients.py").write_text("def test_mine(): pass\n")
    workflow = tmp_path / ".github" / "workflows" / "gradients.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("- run: pytest tests/test_other.py\n")
    (tmp_path / "train.py").write_text(NEAR)
    said = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output
    assert "a comment there" not in said and "skipped" not in said and "gradcert certify train.py:Whole\n" in said
    assert "put your code into tests/gradient_subjects.py, then its tests into tests/test_gradients.py" in said
    assert "lacks    .github/workflows/gradients.yml: a step that runs  pytest tests/test_gradients.py\n" in said
    workflow.write_text("- run: pytest\n")  # all of them
    assert begin(tmp_path).unrun == ""


def test_notebooks_are_said_not_to_be_read(tmp_path):
    (tmp_path / "nbp").mkdir()
    (tmp_path / "nbp" / "train.ipynb").write_text("{}")
    said = CliRunner().invoke(cli.gradcert, ["init", str(tmp_path)], prog_name="gradcert").output
    assert "found    0 Python files" in said
    assert "nbp/train.ipynb: notebooks are not read: put the module into a file .py, or call gradcert.certify" in said
    for command in ("read", "certify"):
        done = CliRunner().invoke(cli.gradcert, [command, "nbp/train.ipynb:Net"], prog_name="gradcert")
        assert done.exit_code == 2 and "notebooks are not read" in done.output and "a file .py" in done.output
