"""Golden vectors: written, answered by a program that knows nothing of us, judged."""

import json

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.campaign import vectors
from gradcert.certify.claims.claim import Claim
from gradcert.reference import RULES, GradcertError
from gradcert.reference.engines import reverse
from gradcert.reference.networks import problem_from_json


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    claim = Claim(rule="ostl", cells="snu", options={"surrogate": "triangle"})
    assert vectors.write(folder, claim, profile="quick") == 8
    return folder


@pytest.fixture
def answered(folder, tmp_path):
    def write(rule="ostl", change=lambda answer, number: answer):
        lines = []
        for number, line in enumerate((folder / "vectors.jsonl").read_text().splitlines()):
            problem = problem_from_json(json.dumps(json.loads(line)["problem"]))
            given = (problem.network, problem.parameters, problem.inputs, problem.targets)
            found = reverse.gradients(*given, rule=RULES[rule])
            answer = {"id": problem.id, "gradients": {name: value.tolist() for name, value in found.items()}}
            lines.append(change(answer, number))
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines if line))
        return path

    return write


def run(*arguments):
    return CliRunner().invoke(cli.gradcert, [str(a) for a in arguments], prog_name="gradcert")


def test_right_answers_are_certified(folder, answered):
    certificate = vectors.check(folder, answered())
    assert certificate.verdict == "certified"
    assert certificate.counts == {"passed": 8, "failed": 0, "blocked": 0}
    assert all(control.refuted for control in certificate.controls)


def test_answers_without_ids_are_taken_in_order(folder, answered):
    def nameless(answer, number):
        return {"gradients": answer["gradients"]}

    assert vectors.check(folder, answered(change=nameless)).verdict == "certified"
    path = answered(change=nameless)
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert vectors.check(folder, path).verdict == "refuted"


def test_the_problems_alone_are_those_of_the_vectors(folder):
    ours = [json.loads(line) for line in (folder / "problems.jsonl").read_text().splitlines()]
    assert ours == [json.loads(line)["problem"] for line in (folder / "vectors.jsonl").read_text().splitlines()]


def test_wrong_answers_are_refuted_and_explained(folder, answered):
    done = run("check", folder, answered("bptt-detached-reset"))
    assert done.exit_code == 1, done.output
    assert "without RESET" in done.output
    assert f"gradcert check {folder}" in done.output.replace("\n", "")


def test_a_missing_answer_is_inconclusive(folder, answered):
    done = run("check", folder, answered(change=lambda answer, number: answer if number else None))
    assert done.exit_code == 3
    assert "1 of 8 cases did not run" in " ".join(done.output.split())


def test_one_wrong_bit_is_seen(folder, answered):
    exact = [json.loads(line) for line in (folder / "vectors.jsonl").read_text().splitlines()]
    number = next(n for n, v in enumerate(exact) if "exact" in v["flags"])

    def change(answer, n):
        if n == number:
            row = answer["gradients"]["layers.0.b"]
            row[0] += 2.0**-52 * max(abs(row[0]), 1.0)
        return answer

    certificate = vectors.check(folder, answered(change=change))
    assert [c.id for c in certificate.cases if c.verdict == "failed"] == [exact[number]["id"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answer, number: {**answer, "id": "another"}, "a second time"),
        (lambda answer, number: {**answer, "id": f"{number}"}, "belong to no vector"),
        (lambda answer, number: answer if number else {"gradients": {}}, "has no id"),
    ],
)
def test_answers_that_are_none(folder, answered, change, words):
    done = run("check", folder, answered(change=change))
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_flags_are_explained_and_true(folder):
    head, _, prepared = vectors.read(folder)
    records = [json.loads(line) for line in (folder / "vectors.jsonl").read_text().splitlines()]
    used = {flag for record in records for flag in record["flags"]}
    assert set(head["notes"]) == used
    assert {"exact", "bounded", "tie", "deep", "last", "sees own RESET"} <= used
    for record, p in zip(records, prepared, strict=True):
        exact = all(
            not any(map(any, [b["budget"]] if not isinstance(b["budget"][0], list) else b["budget"]))
            for b in record["expected"]["gradients"].values()
        )
        assert exact == ("exact" in record["flags"])
        assert p.case.rule.name == "ostl"


def test_vectors_are_the_cases_of_a_run(folder):
    from gradcert.certify.problems.cases.generate import generate
    from gradcert.certify.problems.cases.plan import plan

    _, claim, prepared = vectors.read(folder)
    spec = plan(claim, "quick")[0]
    case = generate(spec, claim, seed=0)
    again = prepared[0].case
    assert again.problem.to_json() == case.problem.to_json()
    for name, bounds in case.expected.gradients.items():
        assert again.expected.gradients[name].value.tobytes() == bounds.value.tobytes()
        assert again.expected.gradients[name].budget.tobytes() == bounds.budget.tobytes()
    assert dict(again.separates) == dict(case.separates)


def test_changed_vectors_are_refused(folder, answered, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("vectors.json", "vectors.jsonl"):
        (copy / name).write_bytes((folder / name).read_bytes())
    data = (copy / "vectors.jsonl").read_bytes()
    (copy / "vectors.jsonl").write_bytes(data.replace(b"0.5", b"0.25", 1))
    with pytest.raises(GradcertError, match="was changed"):
        vectors.check(copy, answered())
    with pytest.raises(GradcertError, match="holds no vectors"):
        vectors.read(tmp_path)


def test_the_command_writes_them(tmp_path):
    done = run(
        "vectors", "--rule", "bptt", "--cells", "rnn", "--depths", "1", "--profile", "quick", "-o", tmp_path / "v"
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "v" / "vectors.jsonl").read_text().count("\n") == int(done.output.split()[0])
    assert run("vectors", "--rule", "nothing", "--cells", "rnn", "-o", tmp_path).exit_code == 2
