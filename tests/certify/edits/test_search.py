"""Edits that undo a mistake are found, in the user's own lines, and whatever a candidate does costs that candidate."""

import ast
import importlib.machinery
import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from gradcert.certify.edits import sources
from gradcert.certify.edits.cases import trial
from gradcert.certify.edits.edit import Site
from gradcert.certify.edits.observe import Observed, Scope, numbered
from gradcert.certify.edits.replacing import replacements
from gradcert.certify.edits.runner import DIED, HUNG, Runner
from gradcert.certify.edits.search import Search, _places
from gradcert.certify.edits.sources import NotLookedFor, Sources, found, loader
from gradcert.certify.edits.text import applied
from gradcert.certify.problems import generate, plan
from gradcert.certify.repair.look import _record
from gradcert.certify.repair.record import repair
from gradcert.certify.subjects.worker import load
from scripts.diagnosis.subjects import LITERALS

RNN, LIF = LITERALS[0], LITERALS[1]
MISTAKES = {  # what is wrong, and by which operator it is mended
    "index": (RNN, "(1 - hs[i][t + 1] ** 2)", "(1 - hs[i][t] ** 2)"),
    "accumulation": (LIF, "gb += dv.sum(axis=0)", "gb = dv.sum(axis=0)"),
    "condition": (LIF, "v >= theta", "v > theta"),
    "sign": (LIF, "credit[t] - leak * theta * dv", "credit[t] + leak * theta * dv"),
    "operand": (LIF, "psi(potentials[t] - theta)", "psi(potentials[t] - leak)"),
    "factor added": (LIF, "psi(potentials[t] - theta) * dz", "dz"),
    "term added": (RNN, "(credit + carried[i])", "carried[i]"),
}


def cases(literal, most=4):
    made = (generate(spec, literal.claim) for spec in plan(literal.claim, "quick"))
    return [json.loads(json.dumps(_record(case))) for case in list(made)[:most] if case is not None]


@pytest.fixture(scope="module")
def records():
    return {literal.name: cases(literal) for literal in (RNN, LIF)}


@pytest.fixture(scope="module")
def fresh():
    return {x.name: generate(plan(x.claim, "quick")[-1], x.claim, seed=1) for x in (RNN, LIF)}


@pytest.fixture
def searched(tmp_path, monkeypatch, records):
    """Write a source and search it; yield what is found, and the file."""
    exec_module = importlib.machinery.SourceFileLoader.exec_module
    monkeypatch.setattr(importlib.machinery.SourceFileLoader, "exec_module", exec_module)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("rule", None)

    def search(literal, source, seconds=60.0):  # of the processor, until it is found
        file = tmp_path / "rule.py"
        file.write_text(source)
        name = f"{file}:gradients"
        load(name)
        return Search(loader(name, lambda: load(name)), [trial(r) for r in records[literal.name]], seconds), file

    return search


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("operator", sorted(MISTAKES))
def test_a_mistake_is_undone(searched, fresh, operator):
    literal, right, wrong = MISTAKES[operator]
    assert literal.source.count(right) == 1
    source = literal.source.replace(right, wrong)
    search, file = searched(literal, source)
    hunks = next(search.found())
    assert file.read_text() == source
    assert len(hunks) == 1 and hunks[0]["operator"] == operator
    repaired = literal.compiled(applied(source, hunks[0]))
    case = fresh[literal.name]
    for name, bounds in case.expected.gradients.items():
        assert (np.abs(repaired(case.problem)[name] - bounds.value) <= bounds.budget).all()
    (edit,) = repair(hunks).edits
    assert source.split("\n")[edit["line"] - 1].strip() == edit["before"]


@pytest.mark.long
def test_a_candidate_that_loops_for_ever_is_stopped(searched, monkeypatch):
    monkeypatch.setattr("gradcert.certify.edits.search.LEAST", 0.2)
    lines = ("scale = 0.25", "while scale < 2.0:", "    scale = scale * 2.0")
    source = RNN.source.replace("return grads", "\n    ".join([*lines, "return {k: scale * grads[k] for k in grads}"]))
    search, _ = searched(RNN, source)
    (edit,) = repair(next(search.found())).edits
    assert (edit["before"], edit["after"]) == ("while scale < 2.0:", "while scale < 1.0:")
    assert search.hung >= 1  # 0.0 doubled stays below


def test_a_detach_is_put_back(searched, records):
    torch = pytest.importorskip("torch")
    assert torch.is_grad_enabled()
    literal = next(x for x in LITERALS if x.name == "BPTT, reset detached, autograd")
    records[literal.name] = cases(literal, most=2)
    right = literal.source
    assert right.count(".detach()") == 1
    search, _ = searched(literal, right.replace(".detach()", ""))
    (edit,) = repair(next(search.found())).edits
    assert edit["operator"] == "detach" and ".detach()" in edit["after"]


@pytest.mark.long
def test_two_mistakes_are_undone_by_two_edits(searched):
    source = RNN.source.replace("grads[f'layers.{i}.b'] += da", "grads[f'layers.{i}.b'] = da")
    source = source.replace("(1 - hs[i][t + 1] ** 2)", "(1 + hs[i][t + 1] ** 2)")
    search, _ = searched(RNN, source, seconds=8.0)
    found = repair(next(search.found()))
    assert {e["operator"] for e in found.edits} == {"accumulation", "sign"}
    (text,) = found.texts.values()
    assert ast.unparse(ast.parse(text)) == ast.unparse(ast.parse(RNN.source))


def test_two_constants_that_are_one_number_in_some_problems_are_two_names(searched):
    """A leak and a threshold that are alike where it is looked first: both may be what is missing."""
    source = "def gradients(p):\n    leak, theta = p['leak'], p['theta']\n    return leak * theta * 3\n"

    class One:
        problem = generate(plan(RNN.claim, "quick")[0], RNN.claim).problem

        def __init__(self, leak, theta):
            self.given = {"leak": leak, "theta": theta}

        def answered(self, subject):
            return subject(self.given)

    search, _ = searched(RNN, source)
    search.trials = [One(0.5, 0.5), One(0.25, 0.25), One(0.5, 0.75), One(0.75, 1.0)]
    sources = search.load({})
    numbered(sources)
    (place,) = _places(sources, search._observed(sources, Runner(60.0, ())))
    assert {"leak", "theta"} <= set(place.scope.atoms)


def test_what_is_right_when_it_is_loaded_again_is_left(searched):
    search, _ = searched(RNN, RNN.source)
    with pytest.raises(NotLookedFor, match="right on the cases that failed"):
        next(search.found())


def test_what_cannot_be_loaded_twice_is_said(searched):
    once = "import sys\nassert 'once' not in sys.modules, 'a second time'\nsys.modules['once'] = sys\n"
    try:
        search, _ = searched(RNN, RNN.source.replace("import numpy", f"{once}import numpy", 1))
        with pytest.raises(NotLookedFor, match="it raised AssertionError: a second time"):
            next(search.found())
    finally:
        sys.modules.pop("once", None)


def test_a_source_that_does_not_parse_is_said(tmp_path):
    (tmp_path / "odd.py").write_text("x = 1\n")
    name = f"{tmp_path}/odd.py:x"
    assert load(name) == 1
    with pytest.raises(NotLookedFor, match=r"odd\.py does not parse \(SyntaxError\)"):
        found(name, lambda: load(name), {str(tmp_path.resolve() / "odd.py"): "x = ("})


def _for_ever(_):
    while True:
        pass


def _swallows(_):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def _all_memory(_):
    return len(bytearray(2**33))


def _ends(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_whatever_a_candidate_does_costs_that_candidate(monkeypatch):
    monkeypatch.setattr("gradcert.certify.edits.runner.SLACK", 0.5)
    jobs = [_for_ever, _all_memory, _ends, lambda _: sys.exit(3), _swallows, lambda _: 7]
    started = time.process_time()
    outcomes = [outcome for _, outcome in Runner(0.1).run(jobs, lambda job: job(None))]
    assert outcomes[0] == HUNG and outcomes[1]["raised"].startswith("MemoryError")
    assert outcomes[2:] == [DIED, {"raised": "SystemExit: 3"}, HUNG, 7]
    assert time.process_time() - started < 1


def test_what_a_projects_tests_import_is_looked_at(tmp_path, monkeypatch):
    """A folder of tests beside a package, as docs/ci.md advises; of a large project its neighbours alone."""
    for name in ("tests", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "rules.py").write_text("def f(problem):\n    return 0.5 * problem\n")
    (tmp_path / "tests" / "asked.py").write_text("from mine import rules\nf = rules.f\n")
    name = f"{tmp_path}/tests/asked.py:f"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    loaded = load(name)
    imported = [(n, sys.modules.pop(n)) for n in ("mine", "mine.rules")]
    for module in imported:
        monkeypatch.setitem(sys.modules, *module)

    def files():
        return [os.path.basename(file.path) for file in found(name, lambda: loaded, {}).files]

    assert files() == ["asked.py"]  # a folder that is no project's
    (tmp_path / "pyproject.toml").touch()
    assert files() == ["asked.py", "__init__.py", "rules.py"]
    (tmp_path / "mine" / "rules.py").write_text("\n" * 5000)
    assert files() == ["asked.py"]
    (tmp_path / "mine" / "rules.py").write_text("")
    monkeypatch.setattr(sources, "FILES", 2)
    assert files() == ["asked.py"]


def test_a_file_is_loaded_from_what_stands_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "other.py"
    file.write_text("value = 1\n")
    sources = found(f"{file}:value", lambda: load(f"{file}:value"), {}) if load(f"{file}:value") else None
    assert isinstance(sources, Sources) and [f.path for f in sources.files] == [str(file.resolve())]


@pytest.mark.parametrize(
    ("branch", "ran", "edited"), [("x = 1", False, True), ("forget(x)", False, False), ("forget(x)", True, True)]
)
def test_a_condition_is_edited_where_no_branch_that_never_ran_does_more_than_compute(branch, ran, edited):
    statement = ast.parse(f"if a < b and c:\n    {branch}").body[0]
    seen = Observed()
    if ran:
        call = next(n for n in ast.walk(statement.body[0]) if isinstance(n, ast.Call))
        call.number = 1
        seen.kinds[1] = ()
    site = Site(statement.test, statement, "test", None, (statement,))
    assert bool(list(replacements(site, Scope(), seen))) == edited
