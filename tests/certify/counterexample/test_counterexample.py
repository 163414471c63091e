"""A refuted claim ends in a counterexample that fits on a screen, says where it starts, and can be run again."""

import contextlib
import copy
import functools
import json
import random

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.campaign.campaign import certify
from gradcert.certify.certificates import seal
from gradcert.certify.claims.claim import Claim
from gradcert.certify.counterexample import record, smaller
from gradcert.certify.counterexample.replay import case_of as recomputed
from gradcert.certify.counterexample.replay import read, replay
from gradcert.certify.counterexample.search import failing, shrink
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.certify.report import html
from gradcert.certify.report.counterexample import lines
from gradcert.certify.report.junit import text
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects.answers import Answer
from gradcert.certify.subjects.subject import Subject
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import problem_from_json

PLAIN = {"losses": "squared_error", "when": "every"}


def row(problem, name):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES[name], feedback=problem.feedback)


def judged(subject, rule, cell, **options):
    claim = Claim(rule=rule, cells=cell, **{**PLAIN, "depths": 1, **options})
    return certify(subject, claim=claim)


@pytest.fixture(scope="module")
def detached():
    return judged(lambda problem: row(problem, "bptt-detached-reset"), "bptt", "snu")


def test_a_missing_reset_needs_two_steps_of_one_unit(detached):
    small = detached.counterexample
    assert small["size"] == {"widths": [1, 1], "steps": 2, "batch": 1}
    assert small["complete"]
    assert small["alone"]
    assert small["asked"] < 150
    assert [a["name"] for a in small["arrays"]] == list(detached.cases[0].parameters)
    assert any(not np.all(a["ok"]) for a in small["arrays"])


def test_the_numbers_are_simple_and_no_spike_is_a_tie(detached):
    problem = problem_from_json(json.dumps(detached.counterexample["problem"]))
    assert max(smaller.complexity(float(v)) for p in problem.parameters.values() for v in p.flat) <= 5  # 1/2 at most
    v = 0.0  # by hand: v = leak v (1 - z) + W x + H z + b
    z, cell = 0.0, problem.network.layers[0].cell
    w, h, b = (float(problem.parameters[f"layers.0.{k}"].flat[0]) for k in "WHb")
    for x in problem.inputs.flat:
        v = cell.leak * v * (1 - z) + w * x + h * z + b
        assert v != cell.threshold
        z = float(v >= cell.threshold)


@pytest.mark.long
def test_two_runs_find_the_same(detached):
    again = judged(lambda problem: row(problem, "bptt-detached-reset"), "bptt", "snu")
    assert again.counterexample == detached.counterexample


def test_the_first_wrong_step_is_named(detached):
    first = detached.findings[0].where["first"]
    assert (first["step"], first["of"], first["layer"]) == (2, 4, 0)
    assert "first: the loss of step 2 of 4, layer 0: layers.0." in text(detached.findings[0])


def test_a_truncation_shows_as_soon_as_something_is_out_of_its_window():
    found = judged(lambda problem: row(problem, "tbptt"), "bptt", "rnn")
    steps = (RULES["tbptt"].window or 0) + 2  # the window's steps back, the loss's own, and one beyond
    assert found.findings[0].where["first"]["step"] == found.counterexample["size"]["steps"] == steps - 1


@pytest.mark.long
def test_the_topmost_wrong_layer_is_named():
    def lower(problem):
        right = row(problem, "bptt")
        return {k: v * 2 if k == "layers.0.b" else v for k, v in right.items()}

    first = judged(lower, "bptt", "rnn", depths=2).findings[0].where["first"]
    assert (first["layer"], first["layers"], first["array"]) == (0, [0], "layers.0.b")

    def both(problem):
        return {k: v * 2 for k, v in row(problem, "bptt").items()}

    first = judged(both, "bptt", "rnn", depths=2).findings[0].where["first"]
    assert (first["layer"], first["layers"]) == (1, [0, 1])


@pytest.mark.long
def test_what_is_wrong_in_the_deep_keeps_its_layers():
    small = judged(lambda problem: row(problem, "ostl"), "bptt", "rnn", depths=(1, 2)).counterexample
    assert small["size"] == {"widths": [1, 1, 1], "steps": 2, "batch": 1}


def test_a_class_of_a_cross_entropy_stays_a_class():
    def double(problem):
        return {k: 2 * v for k, v in row(problem, "bptt").items()}

    small = judged(double, "bptt", "rnn", losses="cross_entropy").counterexample
    targets = np.array(small["problem"]["targets"])
    assert (targets.sum(axis=-1) == 1).all()
    assert set(targets.flat) <= {0.0, 1.0}
    assert small["size"]["widths"][1] == 2  # with one class there is no gradient


def test_outputs_are_shrunk_too():
    def late(problem):
        loss, outputs = 0.0, reverse_outputs(problem)
        return loss, row(problem, "bptt"), np.concatenate([0 * outputs[:1], outputs[:-1]])

    small = judged(late, "bptt", "rnn").counterexample
    assert small["check"] == "outputs"
    assert small["size"] == {"widths": [1, 1], "steps": 1, "batch": 1}


def reverse_outputs(problem):
    from gradcert.reference import record

    return record(problem.network, problem.parameters, problem.inputs).outputs


def case_of(cell="snu", family="bounded", **options):
    claim = Claim(rule="bptt", cells=cell, **options)
    return generate(Spec(cell, 1, "squared_error", "every", family), claim)


def test_the_search_asks_no_more_than_it_may():
    case, asked = case_of(), []

    def ask(problem):
        asked.append(problem.id)
        return Answer(row(problem, "bptt-detached-reset"))

    start = [(case, ask(case.problem), "gradient")]
    asked.clear()
    small = shrink(start, ask, most=4)
    assert len(asked) == small.asked == 4
    assert not small.complete
    assert shrink(start, ask, most=0) is None


def test_it_does_not_slip_into_another_mistake():
    """A subject with two mistakes: one that a row explains, and one that only problems of one step show."""
    case = case_of()

    def ask(problem):
        found = row(problem, "bptt-detached-reset")
        return Answer({k: v + (len(problem.inputs) == 1) for k, v in found.items()})

    small = shrink([(case, ask(case.problem), "gradient")], ask, most=200)
    assert len(small.problem.inputs) == 2
    assert failing(case, Answer(row(case.problem, "bptt"))) is None


def test_a_lost_subject_ends_the_search():
    case = case_of()
    small = shrink(
        [(case, Answer(row(case.problem, "bptt-detached-reset")), "gradient")], lambda problem: None, most=50
    )
    assert small.asked == 1
    assert small.problem is case.problem
    assert not small.complete


SECOND_CALL = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
CALLS = []

def gradients(problem):
    CALLS.append(1)
    found = reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])
    return {k: v * (1 + (len(CALLS) > 1)) for k, v in found.items()}
"""


def test_a_fresh_process_is_asked_in_the_end(tmp_path):
    (tmp_path / "subject.py").write_text(SECOND_CALL)
    who = Subject(f"{tmp_path}/subject.py:gradients")
    case, claim = case_of("rnn"), Claim(rule="bptt", cells="rnn")
    run = Run(who, claim, worker=who.start())
    run.solve(case.problem)
    run.failed.append((case, run.solve(case.problem), "gradient"))
    found = record.find(run, most=20)
    run.worker.stop()
    assert found is not None
    assert not found["alone"]


FILE = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def row(problem, name):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES[name])

@gradcert.claim(rule="bptt", cells="snu", depths=1, losses="squared_error", when="every")
def wrong(problem):
    return row(problem, "bptt-detached-reset")

def right(problem):
    return row(problem, "bptt")

def gone(problem):
    raise RuntimeError("out of luck")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "subject.py").write_text(FILE)
    return lambda *words: CliRunner().invoke(cli.gradcert, words, prog_name="gradcert")


def test_the_replay_command_replays(run, tmp_path):
    done = run("certify", "subject.py:wrong", "--json", "certificate.json")
    assert done.exit_code == 1, done.output
    done = run("certify", "subject.py:wrong")
    lines = [line.strip() for line in done.output.splitlines()]
    [command] = [line.removeprefix("replay  gradcert ") for line in lines if "replay --run .gradcert/" in line]
    again = run(*command.split())
    assert again.exit_code == 1
    wrong = [line for line in lines if line.startswith("layers.") and line.endswith("wrong")]
    assert wrong
    assert [line for line in wrong if line not in again.output] == []
    assert run("replay", "--run", "certificate.json").output == again.output
    shown = run("replay", "certificate.json")  # nothing that a file names runs unasked
    assert shown.exit_code == 2
    assert shown.output.endswith("nothing was run; with --run, certificate.json runs:\n  subject.py:wrong\n")
    assert [line for line in wrong if line not in shown.output] == []  # but what was stored is shown
    assert json.loads(run("replay", "certificate.json", "--json").output)["wrong"] is None
    assert run(*command.split(), "subject.py:right").exit_code == 0
    gone = run(*command.split(), "subject.py:gone")
    assert gone.exit_code == 1
    assert "it raised RuntimeError: out of luck" in gone.output
    assert run("replay", "subject.py").exit_code == 2
    assert run(*command.split(), "nothing.py:gradients").exit_code == 2


@pytest.mark.long
def test_replay_computes_the_reference_anew(run, tmp_path):
    assert run("certify", "subject.py:wrong").exit_code == 1
    [path] = (tmp_path / ".gradcert").glob("*.json")
    found = json.loads(path.read_text())
    for array in found["counterexample"]["arrays"]:
        array["reference"] = array["given"]  # a file that says the subject is right
    path.write_text(json.dumps(found))
    assert replay(path, subject="subject.py:wrong").findings


def test_every_number_is_shown(detached):
    small = detached.counterexample
    page, said = html.write(detached), "\n".join(lines(small))
    for array in small["arrays"]:
        for value in np.ravel(array["reference"]):
            number = repr(float(value)).removesuffix(".0")
            assert f"<code>{number}</code>" in page
            assert number in said
    assert small["replay"] in page
    assert "The smallest counterexample found" in page


def test_a_certified_claim_has_none():
    assert judged(lambda problem: row(problem, "bptt"), "bptt", "rnn").counterexample is None


def test_whole_floats_of_a_cell_come_back_as_floats(tmp_path):
    """Canonical JSON writes 1.0 as 1, and some libraries ask what a threshold is."""
    (tmp_path / "asks.py").write_text(
        "from gradcert.reference import RULES, reverse\n"
        "def gradients(p):\n"
        "    cell = p.network.layers[0].cell\n"
        "    numbers = (cell.threshold, cell.leak, cell.rest, *(v for _, v in cell.surrogate.scales))\n"
        "    assert all(isinstance(v, float) for v in numbers) and cell.recurrent is False\n"
        "    g = reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES['bptt'])\n"
        "    return {k: 2 * v for k, v in g.items()}\n"
    )
    options = {"recurrent": False, "train": (), "threshold": 1.0, "leak": 0.5}
    options["surrogate"] = {"name": "triangle", "scale": 1.0}
    found = certify(f"{tmp_path}/asks.py:gradients", rule="bptt", cells="lif", depths=1, options=options)
    path = tmp_path / "certificate.json"
    path.write_bytes(seal.write(found))
    assert b'"threshold":1' in path.read_bytes()
    again = replay(path, run=True)
    assert [finding.check for finding in again.findings] == ["gradient"]


def test_of_a_long_sequence_not_every_length_is_asked_for():
    class Long:
        inputs = np.zeros((150, 1, 1))

        def part(self, steps):
            return steps.stop - steps.start

    asked = list(smaller.steps(Long()))
    assert asked[:4] == [1, 1, 2, 2] and asked[-1] == 149 and len(asked) < 90


@pytest.fixture
def stored(detached, tmp_path):
    return json.loads(record.store(detached, folder=tmp_path).read_text())


def replayed(whole, path):
    path.write_text(json.dumps(whole))
    return CliRunner().invoke(cli.gradcert, ["replay", str(path)])


@pytest.mark.parametrize("part", ["given", "reference", "budget", "ok"])
@pytest.mark.parametrize("value", [[], [[]], True, 0.0])
def test_arrays_of_a_file_that_do_not_fit_are_refused(stored, tmp_path, part, value):
    stored["counterexample"]["arrays"][0][part] = value
    done = replayed(stored, tmp_path / "x.json")
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit)
    assert "does not fit" in done.output


def test_a_pseudo_derivative_without_a_name_and_one_that_is_a_leak(stored, tmp_path):
    options = stored["counterexample"]["problem"]["network"]["layers"][0]["options"]
    options["surrogate"] = {"scale": 1.0}
    assert isinstance(replayed(stored, tmp_path / "x.json").exception, SystemExit)
    options |= {"surrogate": {"name": "atan"}, "leak": {"name": "atan"}}
    replayed(stored, tmp_path / "x.json")
    with pytest.raises(GradcertError, match="allowed: a number"):
        recomputed(read(tmp_path / "x.json"))


def places(value, at=()):
    """Every place of nested lists and mappings."""
    yield at
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*at, key))


STRANGE = (
    None,
    True,
    -1,
    3,
    1e308,
    "",
    "x",
    [],
    [[]],
    [[[]]],
    [1],
    {},
    {"a": 1},
    {"name": "atan"},
    10**30,
    float("nan"),
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long)])
def test_no_change_of_one_field_is_an_error_of_ours(stored, tmp_path, seed):
    draw = random.Random(seed)
    for at in draw.choices([at for at in places(stored) if at], k=100):
        whole = copy.deepcopy(stored)
        *way, key = at
        home = functools.reduce(lambda held, k: held[k], way, whole)
        if draw.random() < 0.2:
            del home[key]
        else:
            home[key] = draw.choice(STRANGE)
        done = replayed(whole, tmp_path / "x.json")
        assert isinstance(done.exception, SystemExit) and done.exit_code == 2, (at, done.output, done.exc_info)
        with contextlib.suppress(GradcertError):
            recomputed(read(tmp_path / "x.json"))
