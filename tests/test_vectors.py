"""The released golden vectors: each set is what it says, the engine gives its values, and readers judge answers."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.campaign import vectors
from gradcert.certify.claims import Claim
from scripts import vectors as released

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "vectors"
HOME = {"PATH": f"{os.environ['PATH']}:{Path.home() / '.cargo' / 'bin'}"}
LANGUAGES = {  # program -> what is done with a reader before, and how it is run
    "node": ([], ["node", "{source}.mjs"]),
    "gcc": (["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", "{out}", "{source}.c", "-lm"], ["{out}"]),
    "rustc": (["rustc", "-O", "-D", "warnings", "-o", "{out}", "{source}.rs"], ["{out}"]),
    "julia": ([], ["julia", "{source}.jl"]),
}


def lines(name, folder=FOLDER):
    return [json.loads(line) for line in (folder / name / "vectors.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_folder_is_what_the_script_lists():
    assert {path.parent.name for path in FOLDER.glob("*/vectors.json")} == set(released.SETS)
    assert (FOLDER / "vector.schema.json").read_bytes() == released.SCHEMA.read_bytes()
    assert released.table() in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 2 * 2**20


@pytest.mark.parametrize("name", released.SETS)
def test_a_vector_says_what_it_is_about(name):
    head = json.loads((FOLDER / name / "vectors.json").read_text(encoding="utf-8"))
    said = lines(name)
    assert len(said) == head["vectors"]
    for line in said:
        assert line["defects"] == sorted({head["notes"][flag]["defect"] for flag in line["flags"]})
        assert line["catches"], line["id"]  # a vector that no known-wrong program leaves shows nothing


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", released.SETS)
def test_a_set_is_what_is_written_today(name, tmp_path):  # else: make vectors. Numbers are the next test's
    vectors.write(tmp_path / name, Claim(**released.SETS[name]), profile="quick")
    heads = [json.loads((folder / name / "vectors.json").read_text(encoding="utf-8")) for folder in (tmp_path, FOLDER)]
    for key in ("claim", "notes", "vectors"):
        assert heads[0][key] == heads[1][key]
    assert heads[0]["digests"]["reference"] == heads[1]["digests"]["reference"]
    for now, then in zip(lines(name, tmp_path), lines(name), strict=True):
        assert now["facts"]["met"] == then["facts"]["met"]
        assert all(now[key] == then[key] for key in ("id", "flags", "defects", "catches"))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", released.SETS)
def test_the_values_are_those_of_the_engine(name, tmp_path):
    from gradcert.reference.engines import reverse

    _, _, prepared = vectors.read(FOLDER / name)  # the digest, the schema, and the controls on it
    with (tmp_path / "answers.jsonl").open("w") as file:
        for case in (entry.case for entry in prepared):
            p = case.problem
            found = reverse.gradients(
                p.network, p.parameters, p.inputs, p.targets, rule=case.rule, feedback=p.feedback, numbers=p.numbers
            )
            gradients = {k: v.tolist() for k, v in found.items()}
            file.write(json.dumps({"id": case.id, "gradients": gradients}) + "\n")
    done = CliRunner().invoke(cli.gradcert, ["check", str(FOLDER / name), str(tmp_path / "answers.jsonl")])
    assert done.exit_code == 0, done.output


def answered(name, path, change=lambda k, gradients: gradients):
    """Write the expected gradients as answers, each changed by a function; None leaves one out."""
    with path.open("w") as file:
        for k, line in enumerate(lines(name)):
            given = change(k, {n: e["value"] for n, e in line["expected"]["gradients"].items()})
            if given is not None:
                file.write(json.dumps({"gradients": given, "id": line["id"], "note": 'a "quoted" word, [1'}) + "\n")


def spoiled(k, gradients):
    """The second vector has an entry that is off, the third a short array, the fourth no answer."""
    first, rest = next(iter(gradients.items())), dict(list(gradients.items())[1:])
    if k == 1:
        return {first[0]: [[first[1][0][0] + 1.0, *first[1][0][1:]], *first[1][1:]], **rest}
    if k == 2:
        return {first[0]: first[1][1:], **rest}
    return None if k == 3 else gradients


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("program", LANGUAGES)
def test_a_reader_judges(program, tmp_path):
    if shutil.which(program, path=HOME["PATH"]) is None:
        pytest.skip(f"{program} is not on this machine: its reader was not run")
    before, command = ([word.format(source=FOLDER / "readers" / "reader", out=tmp_path / "reader") for word in words]
                       for words in LANGUAGES[program])  # fmt: skip
    env = {**os.environ, **HOME}
    if before:
        subprocess.run(before, check=True, env=env)
    right, wrong = tmp_path / "right.jsonl", tmp_path / "wrong.jsonl"
    for name in ("ostl-snu", "bptt-lstm"):
        answered(name, right)
        answered(name, wrong, spoiled)
        file, ids = str(FOLDER / name / "vectors.jsonl"), [line["id"] for line in lines(name)]
        done = subprocess.run([*command, file, right], check=False, env=env, capture_output=True, text=True)
        assert (done.returncode, done.stdout.splitlines()) == (0, [f"{i}: ok" for i in ids])
        done = subprocess.run([*command, file, wrong], check=False, env=env, capture_output=True, text=True)
        said = ["ok", "1 outside", "1 outside", "no answer", *["ok"] * (len(ids) - 4)]
        assert (done.returncode, done.stdout.splitlines()) == (1, [f"{i}: {s}" for i, s in zip(ids, said, strict=True)])
    assert subprocess.run(command, check=False, env=env, capture_output=True).returncode == 2
    for line in ("not json", '{"id": "a", "gradients": {"W": [[1.0,', '{"id": "a', "[1, 2", '{"id": 1} x'):
        wrong.write_text(f"{line}\n")
        done = subprocess.run([*command, file, wrong], check=False, env=env, capture_output=True, text=True)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), (line, done)
    for line in ("null", "{}", '{"id": 5}'):  # JSON, and no answer to any vector
        wrong.write_text(f"{line}\n")
        assert subprocess.run([*command, file, wrong], check=False, env=env, capture_output=True).returncode == 1, line
