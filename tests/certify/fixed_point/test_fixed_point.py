"""Fixed-point subjects: judged bit for bit, the fault that explains the differences named, failures are findings."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcert.certify.fixed_point.judge import certify_fixed_point, not_told, profile_of, transposed
from gradcert.certify.fixed_point.record import FixedPointCertificate
from gradcert.certify.subjects import Limits
from gradcert.cli import gradcert
from gradcert.hardware_models.agreement.telling import columns_after
from gradcert.hardware_models.agreement.variants import variants
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.description.program import with_lanes
from gradcert.hardware_models.description.random import random_inputs, random_states
from gradcert.hardware_models.subject import causes, judge_answers, steps_of
from gradcert.reference.errors import GradcertError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

SUBJECT = """
import numpy as np
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.description.simulate import Simulator

step = program("{profile}", "{rule}")
simulator = Simulator(step)
NEXT = set(step.next.values())

def learner(inputs, state):
    print("chatter does not reach the protocol")
    simulator.state = {{k: np.array(v) for k, v in state.items()}}
    after = simulator.step({{k: np.array(v) for k, v in inputs.items()}})
    return {{k: after[k] for k in NEXT}}

def partial(inputs, state):
    return {{"v.next": learner(inputs, state)["v.next"]}}

def crooked(inputs, state):
    return {{"v.next": [0.5, 1]}}

def shapeless(inputs, state):
    return {{"v.next": [1]}}

def stranger(inputs, state):
    return {{"potential": [1, 2]}}

def nothing(inputs, state):
    learner(inputs, state)

def raising(inputs, state):
    raise RuntimeError("not today")
"""


@pytest.fixture
def subject(tmp_path: Path):
    """Return the name of a function of a subject file."""

    def make(function: str, *, profile: str = "reckon", rule: str = "e-prop") -> str:
        path = tmp_path / "subject.py"
        path.write_text(SUBJECT.format(profile=profile, rule=rule))
        return f"{path}:{function}"

    return make


def compiled(name: str, folder: Path) -> str:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc) is installed")
    out = folder / name
    subprocess.run(["cc", "-O1", "-o", str(out), str(EXAMPLES / f"{name}.c")], check=True)
    return str(out)


@pytest.mark.long
def test_the_c_example_is_certified(tmp_path: Path) -> None:
    program_ = compiled("ottt_fixed_point", tmp_path)
    done = CliRunner().invoke(gradcert, ["certify", "--fixed-point", "q-format", "--rule", "ottt", "--", program_])
    assert done.exit_code == 0, done.output
    assert re.search(r"CERTIFIED  14 integers of every step equal, 20\d\d steps", done.output)
    assert certify_fixed_point([program_], "s8q6", steps=30).verdict == "certified"  # the same profile by its format
    wider = certify_fixed_point([program_], "s9q7", steps=40)
    assert wider.verdict == "refuted"  # a description of other widths


def test_the_wrong_c_example_is_refuted_and_its_fault_is_named(tmp_path: Path) -> None:
    words = ["certify", "--fixed-point", "q-format", "--rule", "ottt", "--profile", "quick", "--json", "-", "--"]
    done = CliRunner().invoke(gradcert, [*words, compiled("wrong_ottt_fixed_point", tmp_path)])
    assert done.exit_code == 1
    record = json.loads(done.output)
    assert record["causes"] == ["rounding sense: W.step and Wo.step round down instead of nearest, ties to even"]
    assert record["first"]["expected"] == record["first"]["got"] - 1
    assert 0 < record["wrong"] < record["steps"] and record["replay"].startswith("gradcert certify --fixed-point")


def test_a_python_subject_is_certified_and_may_chatter(subject) -> None:
    found = certify_fixed_point(subject("learner"), "reckon", rule="e-prop", steps=60)
    assert (found.verdict, found.exit_code) == ("certified", 0)


def test_next_states_that_are_not_answered_leave_the_verdict_open(subject) -> None:
    found = certify_fixed_point(subject("partial"), "reckon", rule="e-prop", steps=20)
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert "W.next[0,0]" in found.to_dict()["missing"]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("crooked", "v.next holds 0.5, which is no integer"),
        ("shapeless", "v.next has shape [1] instead of [2]"),
        ("stranger", "an answer called 'potential', which is no intermediate"),
        ("nothing", "it returned None; allowed: a mapping of the next states"),
        ("raising", "it raised RuntimeError: not today"),
    ],
)
def test_what_is_no_answer_is_a_finding(subject, function: str, says: str) -> None:
    found = certify_fixed_point(subject(function), "reckon", rule="e-prop", steps=5)
    assert found.verdict == "refuted" and says in found.reason


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("subject.py:absent", "AttributeError: module 'subject' has no attribute 'absent'"),
        ("subject.py:learned", "did you mean 'learner'?"),
        ("subject.py:NEXT", "TypeError: subject.py:NEXT cannot be called: it is of type set"),
        ("no_such_module:learner", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("broken.py:learner", "SyntaxError"),
        ("ends.py:learner", "SystemExit"),
        ("missing.py:learner", "the subject 'missing.py:learner'"),
    ],
)
def test_a_name_that_does_not_fit_is_a_usage_error_and_no_verdict(
    subject, name: str, says: str, tmp_path: Path, monkeypatch
) -> None:
    subject("learner")
    (tmp_path / "broken.py").write_text("def learner(:")
    (tmp_path / "ends.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(gradcert, ["certify", "--fixed-point", "reckon", "--rule", "e-prop", name])
    assert done.exit_code == 2, done.output
    assert says in done.output and "REFUTED" not in done.output


def test_a_list_that_a_subject_returns_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "lists.py").write_text("def step(inputs, state):\n    return ['importing failed']\n")
    found = certify_fixed_point(f"{tmp_path}/lists.py:step", "q-format", steps=5)
    assert found.verdict == "refuted" and "it returned a list" in found.reason


def test_a_program_that_ends_or_talks_nonsense_is_a_finding() -> None:
    ended = certify_fixed_point([sys.executable, "-c", "pass"], "q-format", steps=5)
    assert ended.verdict == "refuted" and "the process ended" in ended.reason
    nonsense = certify_fixed_point(
        [sys.executable, "-c", "print(input() and 'hello', flush=True)"], "q-format", steps=5
    )
    assert "the answer is not JSON" in nonsense.reason


def test_a_program_that_does_not_flush_is_told_so(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "out = open(1, 'w'); [out.write('{}') for line in open(0)]"]
    silent = certify_fixed_point(words, "q-format", steps=2, limits=Limits(start=0.5))
    assert silent.reason.endswith("s; a program has to flush its output after every line (fflush(stdout) in C)")


@pytest.mark.long
def test_the_rule_that_is_taken_is_said(tmp_path: Path) -> None:
    words = ["certify", "--fixed-point", "q-format", "--profile", "quick"]
    program_ = ["--", sys.executable, "-c", "pass"]
    told = "judged as ottt, as no --rule was given; q-format has ostl, ostl-recurrent"
    assert told in CliRunner().invoke(gradcert, [*words, *program_]).output
    assert "judged as" not in CliRunner().invoke(gradcert, [*words, "--rule", "ottt", *program_]).output


def test_formats_and_options_that_do_not_exist_are_one_clear_error(subject) -> None:
    for bad in ("s8q4", "u8q6", "bfloat16", "no-chip", "8q6"):
        with pytest.raises(GradcertError, match="s8q6"):
            profile_of(bad)
    done = CliRunner().invoke(gradcert, ["certify", "--fixed-point", "reckon", "--html", "x.html", subject("learner")])
    assert done.exit_code == 2 and "--html does not go with --fixed-point" in done.output
    done = CliRunner().invoke(
        gradcert, ["certify", "--fixed-point", "reckon", "--options", "layers=2", subject("learner")]
    )
    assert done.exit_code == 2 and "inputs, neurons, outputs" in done.output


@pytest.mark.parametrize("profile", ["q-format", "reckon", "spinnaker", "brainscales2"])
def test_most_faults_show_within_a_few_steps(profile: str) -> None:
    """Variants that change no answer of 40 steps are faults of registers that nothing overflows, or no faults."""
    step = program(profile, "ottt", inputs=1, neurons=1)
    leaves = steps_of(step, 40, 5)
    expected, _ = columns_after(step, leaves)
    chosen = [v for v in variants(step) if v.kind in ("rounding sense", "wrong order", "sign", "shared random number")]
    seen = [columns_after(v.program, v.leaves(leaves))[0] for v in chosen]
    shows = [any((columns[n] != expected[n]).any() for n in expected) for columns in seen]
    assert sum(shows) > len(chosen) / 2 and {"rounding sense", "sign"} <= {v.kind for v in chosen}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("kind", ["guard missing", "no guard", "one bit narrow", "wrong order", "constant"])
def test_a_fault_is_found_again_by_its_own_name(kind: str) -> None:
    step = program("q-format", "ottt", inputs=1, neurons=1)
    leaves = steps_of(step, 200, 5)
    expected, _ = columns_after(step, leaves)
    for variant in (v for v in variants(step) if v.kind == kind):
        columns, _ = columns_after(variant.program, variant.leaves(leaves))
        answers = {n: columns[n] for n in expected}
        if any((answers[n] != expected[n]).any() for n in expected):
            assert str(variant) in [str(v) for v in causes(step, leaves, answers)]
            break
    else:
        raise AssertionError(f"no {kind} shows")


FLOORED = """
import numpy as np
from gradcert.hardware_models.agreement.variants import variants
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.description.simulate import Simulator

step = program("q-format", "ottt")
wrong = next(v.program for v in variants(step) if v.place == "credit" and v.says.startswith("rounds down"))

def learner(inputs, state, program=wrong):
    simulator = Simulator(program)
    simulator.state = {k: np.array(v) for k, v in state.items()}
    after = simulator.step({k: np.array(v) for k, v in inputs.items()})
    return {k: after[k] for k in set(step.next.values())}

def right(inputs, state):
    return learner(inputs, state, step)
"""


@pytest.mark.long
def test_a_floor_in_the_learning_signal_shows_in_the_states_alone(tmp_path: Path) -> None:
    path = tmp_path / "subject.py"
    path.write_text(FLOORED)
    found = certify_fixed_point(f"{path}:learner", "q-format", rule="ottt", steps=200)
    assert found.verdict == "refuted", found.reason
    assert "rounding sense: credit rounds down instead of nearest, ties to even" in found.causes
    good = certify_fixed_point(f"{path}:right", "q-format", rule="ottt", steps=200)
    assert good.verdict == "certified", good.reason
    assert "some other rounding of " in good.notes[0]  # ties of the learning signal are rarer than these steps
    assert "signal" in good.notes[0]


TWICE = FLOORED.replace(
    "def right(",
    """
def nearest_even(x, bits):
    floor, rest, half = x >> bits, x & ((1 << bits) - 1), 1 << (bits - 1)
    return floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))

def twice(inputs, state):
    given = {k: np.array(v) for k, v in state.items()}
    simulator = Simulator(step)
    simulator.state = dict(given)
    after = simulator.step({k: np.array(v) for k, v in inputs.items()})
    out = {k: after[k] for k in set(step.next.values())}
    for name in ("W", "Wo"):
        moved = np.clip(nearest_even(nearest_even(after[name + ".product"], 4), 10), -512, 511)
        out[name + ".next"] = np.clip(given[name] - moved, -128, 127)
    return out

def unlimited(inputs, state):
    simulator = Simulator(step)
    simulator.state = {k: np.array(v) for k, v in state.items()}
    after = simulator.step({k: np.array(v) for k, v in inputs.items()})
    sum_ = after["v.kept"] if "v.kept" in after else after["v.leaked"]
    return {k: after[k] for k in set(step.next.values())} | {"v.next": sum_ + after["drive.in"]}

def right(""",
)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fault_that_fits_one_wrong_step_by_chance_is_not_named(tmp_path: Path, seed: int) -> None:
    """Two roundings in a row are no single fault; on the one step that shows, other faults of one place fit."""
    path = tmp_path / "subject.py"
    path.write_text(TWICE)
    found = certify_fixed_point(f"{path}:twice", "q-format", rule="ottt", steps=200, seed=seed)
    assert found.verdict == "refuted" and found.causes == ()
    assert found.result is not None and found.result.steps > 200
    done = CliRunner().invoke(
        gradcert,
        ["certify", "--fixed-point", "q-format", "--rule", "ottt", "--profile", "quick", "--seed", str(seed),
         f"{path}:twice"],
    )  # fmt: skip
    words = " ".join(done.output.split())
    assert "cause" not in words.partition("REFUTED")[2]
    assert re.search(r"of \d+ single faults of the description that were tried, none explains every answer", words)


@pytest.mark.long
def test_the_fault_that_is_named_has_explained_several_wrong_steps(tmp_path: Path) -> None:
    path = tmp_path / "subject.py"
    path.write_text(TWICE)
    found = certify_fixed_point(f"{path}:learner", "q-format", rule="ottt", steps=200)
    assert found.causes == ("rounding sense: credit rounds down instead of nearest, ties to even",)
    assert found.result is not None and found.result.wrong >= 8


@pytest.mark.long
def test_a_value_that_is_not_limited_is_named(tmp_path: Path) -> None:
    path = tmp_path / "subject.py"
    path.write_text(TWICE)
    found = certify_fixed_point(f"{path}:unlimited", "q-format", rule="ottt", steps=2000)
    assert found.causes == ("no guard: v.next does not saturate: what is beyond s16q10 stays as it is",)


def test_the_replay_line_is_the_run_that_was_shown() -> None:
    shown = {"subject": "a.py:f", "profile": "s8q6", "rule": "ottt", "sizes": {"neurons": 3}, "seed": 4}
    quick = FixedPointCertificate("refuted", "", **shown, steps=215, asked=200)
    assert (
        quick.replay
        == "gradcert certify --fixed-point s8q6 --rule ottt --options neurons=3 --profile quick --seed 4 a.py:f"
    )
    assert "--profile" not in FixedPointCertificate("refuted", "", **shown, steps=300, asked=2000).replay


def drawn(step, steps: int, seed: int):
    wide = with_lanes(step, steps)
    return {**random_inputs(wide, 1, seed)[0], **random_states(wide, seed)}


def test_a_matrix_that_is_answered_transposed_is_named() -> None:
    step = program("q-format", "ottt")
    leaves = drawn(step, 30, 2)
    right, _ = columns_after(step, leaves)
    turned = {f"W.next[{i},{j}]": right[f"W.next[{j},{i}]"] for i in range(2) for j in range(2)}
    result = judge_answers(step, leaves, turned, search=False)
    assert transposed(step, leaves, turned, result) == (
        "W.next is answered transposed: the axes of W.next are post pre",
    )
    turned["W.next[0,0]"] = turned["W.next[0,0]"] + 1
    assert transposed(step, leaves, turned, judge_answers(step, leaves, turned, search=False)) == ()


def test_a_note_names_comparisons_and_overflows_that_no_step_told_apart() -> None:
    step = program("q-format", "ottt", inputs=1, neurons=1)
    leaves = drawn(step, 2, 0)
    leaves = {name: column * 0 for name, column in leaves.items()}  # nothing is equal, nothing overflows
    right, _ = columns_after(step, leaves)
    notes = not_told(step, leaves, judge_answers(step, leaves, right))
    assert any("> and >= in z.next" in note for note in notes)
    assert any(re.search("wrapping were not told apart in .*W.next, Wo.next:", note) for note in notes)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("guard missing", "W.next and Wo.next"),  # one routine that stores weights
        ("rounding sense", "v.leaked and xh.leaked"),
        ("comparison", "psi.above1 and psi.above2 and psi.above3 and psi.above4"),
        ("another constant", "threshold"),
    ],
)
def test_a_fault_of_a_routine_or_constant_that_serves_several_places_is_a_variant(kind: str, place: str) -> None:
    step = program("q-format", "ottt", inputs=1, neurons=1)
    assert place in {v.place for v in variants(step) if v.kind == kind}


def test_a_constant_that_two_nodes_share_is_wrong_in_both() -> None:
    step = program("q-format", "e-prop", inputs=1, neurons=1)
    places = {v.place for v in variants(step) if v.kind == "another constant"}
    assert any(place.count(" and ") == 1 and "o." in place and "zbar." in place for place in places), places
