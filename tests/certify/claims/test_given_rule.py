"""A rule that somebody defined: claimed by its file, computed on floats and on balls, never run without leave."""

import textwrap

import pytest

from gradcert.certify.campaign import certify, verify
from gradcert.certify.certificates import seal
from gradcert.certify.claims import Claim, files_of, from_dict
from gradcert.reference import GradcertError
from gradcert.reference.published import read_rule

RULE = '''
import numpy as np
from gradcert.reference import RULES
from gradcert.reference.engines import arriving, run, tape_gradients


def filtered(problem, *, kappa=0.5):
    """e-prop whose error is filtered forwards in time, s^t = kappa s^(t-1) + delta^t, before it is fed back."""
    tape = run(problem)
    delta = arriving(tape, problem.targets)[problem.network.depth - 1]
    keep, s, out = problem.numbers.array(kappa), 0 * delta[0], []
    for d in delta:
        s = keep * s + d
        out.append(s)
    rule = RULES["e-prop"]
    return tape_gradients(tape, problem.targets, rule=rule, feedback=problem.feedback, delta=np.array(out))


def floats(problem):
    return {name: np.logaddexp(value, 0) for name, value in problem.parameters.items()}


def less(problem):
    return {}


def raises(problem):
    return problem.parameters["none"]


def several(problem, other):
    return {}
'''
CLAIM = {"cells": "rnn", "depths": 1, "losses": "squared_error", "when": "every", "profile": "quick"}
CLAIM["options"] = {"activation": "identity", "recurrent": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("rules")
    (made / "mine.py").write_text(textwrap.dedent(RULE))
    return made


def by_hand(kappa):
    """Return the gradient of one linear layer whose error is filtered: it has no memory but s."""

    def gradients(problem):
        W, b = problem.parameters["layers.0.W"], problem.parameters["layers.0.b"]
        s, gW, gb = 0.0, 0 * W, 0 * b
        for x, y in zip(problem.inputs, problem.targets, strict=True):
            s = kappa * s + (x @ W.T + b - y)
            gW, gb = gW + s.T @ x, gb + s.sum(0)
        return {"layers.0.W": gW, "layers.0.b": gb}

    return gradients


def test_code_is_held_against_its_definition(folder):
    rule = f"{folder}/mine.py:filtered"
    right = certify(by_hand(0.5), rule=rule, **CLAIM)
    assert right.verdict == "certified" and f"agree with {rule} within their budgets" in right.reason
    assert any("is code that was given" in note for note in right.notes) and right.digests["rule"]
    for kappa, cause in ((0.25, "with kappa = 0.25 in the place of 0.5"), (0.0, "it equals ")):
        wrong = certify(by_hand(kappa), rule=rule, **CLAIM)
        assert wrong.verdict == "refuted" and cause in wrong.reason, wrong.reason
    other = certify(by_hand(0.25), rule=rule, settings={"kappa": 0.25}, **CLAIM)
    assert other.verdict == "certified"
    assert certify(by_hand(0.25), rule=f"{rule}(kappa=0.25)", **CLAIM).verdict == "certified"


def test_it_travels_to_other_processes_and_comes_out_again(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "code.py").write_text(
        "import gradcert\nfrom mine import filtered\n"
        "@gradcert.claim(rule='mine.py:filtered', cells='rnn', depths=1, losses='squared_error', when='every')\n"
        "def gradients(problem):\n    return filtered(problem)\n"
    )
    with pytest.raises(GradcertError, match=r"the rule 'mine.py:filtered' is code in a file, and nobody has said"):
        certify("code.py:gradients", profile="quick")
    made = certify("code.py:gradients", profile="quick", run_cells=True, jobs=2)
    assert made.verdict == "certified"
    assert verify(seal.write(made), run=True).outcome == "verified"
    assert files_of(made.claim) == ["mine.py"]


def test_data_runs_nothing(folder, tmp_path):
    (tmp_path / "canary.py").write_text("import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n")
    spec = {**Claim(rule="bptt", cells="rnn").to_dict(), "rule": f"{tmp_path}/canary.py:rule"}
    with pytest.raises(GradcertError, match="nobody has said that it may be run"):
        from_dict(spec)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(GradcertError, match="is no function"):
        from_dict(spec, run=True)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "is no function"),
        ("several", r"with the arguments \(problem, other\); allowed: a problem, and behind \* settings"),
        ("filtered(kapa=1.0)", "the setting 'kapa' of .*; allowed: kappa"),
        ("filtered(kappa=word)", "with kappa='word'; allowed: a number"),
        ("less", "whose gradient does not fit the parameters: layers.0.W, layers.0.b"),
        ("floats", "cannot be computed on Balls.*; to fix it: use problem.numbers"),
    ],
)
def test_what_is_no_definition_is_one_sentence(folder, name, said):
    with pytest.raises(GradcertError, match=said):
        certify(by_hand(0.5), rule=f"{folder}/mine.py:{name}", **CLAIM)


def test_what_is_not_there(tmp_path):
    with pytest.raises(GradcertError, match="there is no file"):
        read_rule(f"{tmp_path}/none.py:rule", run=True)


def test_what_no_case_tells_apart_is_said_and_settings_are_controls(folder):
    made = certify(by_hand(0.0), rule=f"{folder}/mine.py:filtered", settings={"kappa": 1e-300}, **CLAIM)
    assert made.verdict == "certified"
    (note,) = [note for note in made.notes if note.startswith("no case tells ")]
    assert "sltt" in note or "bptt" in note, note
    told = certify(by_hand(0.5), rule=f"{folder}/mine.py:filtered", **CLAIM)
    assert not any(note.startswith("no case tells ") for note in told.notes)
    refuted = {control.name: control.refuted for control in told.controls}
    assert refuted["kappa = 0.25 in the place of 0.5"] and refuted["kappa = 1 in the place of 0.5"]


def test_a_definition_that_raises_is_told_where(folder):
    with pytest.raises(GradcertError, match=r"raised KeyError: 'none' \(mine.py:\d+\)"):
        certify(by_hand(0.5), rule=f"{folder}/mine.py:raises", **CLAIM)
