"""The commands around a certificate: certify's writers, verify, diff; help and exit codes."""

import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.certificates.identity import seal

SUBJECT = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

@gradcert.claim(rule="ostl", cells="snu", depths=1)
def gradients(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["{rule}"])
"""


def run(*arguments):
    return CliRunner().invoke(cli.gradcert, [str(a) for a in arguments], prog_name="gradcert")


@pytest.fixture
def certified(tmp_path):
    def write(rule="ostl", name="certificate.json", *more):
        (tmp_path / "subject.py").write_text(SUBJECT.format(rule=rule))
        path = tmp_path / name
        done = run("certify", f"{tmp_path}/subject.py:gradients", "--profile", "quick", "--certificate", path, *more)
        assert done.exit_code in (0, 1), done.output
        return path

    return write


def test_every_writer_at_once(certified, tmp_path):
    files = {form: tmp_path / f"report.{form}" for form in ("json", "junit", "html")}
    path = certified(
        "sltt", "certificate.json", *(word for form, file in files.items() for word in (f"--{form}", file))
    )
    record = json.loads(path.read_bytes())
    assert record["verdict"] == "refuted"
    assert json.loads(files["json"].read_text())["identity"] == record["identity"]
    assert record["identity"] in files["html"].read_text()
    ElementTree.parse(files["junit"])


def test_standard_output_holds_one_report(tmp_path, certified):
    certified()
    name = f"{tmp_path}/subject.py:gradients"
    done = run("certify", name, "--profile", "quick", "--certificate", "-")
    assert json.loads(done.stdout_bytes)["verdict"] == "certified"
    assert run("certify", name, "--profile", "quick", "--certificate", "-", "--html", "-").exit_code == 2


def test_verify(certified):
    path = certified()
    done = run("verify", path)
    assert done.exit_code == 3, done.output  # intact, and nothing was run
    assert done.stdout.startswith("INTACT")
    assert f"with --run it would run:\n    {path.parent}/subject.py:gradients" in done.stdout
    done = run("verify", path, "--run")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("VERIFIED")
    assert f"runs {path.parent}/subject.py:gradients" in done.stderr
    assert "every figure but date and seconds came out again" in done.output
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    done = run("verify", path, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["outcome"] == "broken"
    assert run("verify", path.parent / "nothing.json").exit_code == 2


FORGED = {
    "it says certified, with cases that failed": {"verdict": "certified"},
    "the seal does not fit": {"reason": "something else"},
    "the identity does not fit": {"seed": 7},
}


@pytest.mark.parametrize("says", FORGED)
def test_what_was_changed_is_not_passed_on(certified, tmp_path, says):
    path = certified("sltt")
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **FORGED[says]}))
    shown = run("show", path)
    assert shown.exit_code == 1 and shown.stdout.startswith("NOT AS IT WAS WRITTEN: ") and says in shown.stdout
    again = tmp_path / "again"
    for form in ("--certificate", "--json", "--junit", "--html", "--markdown", "--badge"):
        for where in (again, "-"):
            done = run("show", path, form, where)
            assert done.exit_code == 1 and says in done.stderr and not done.stdout and not again.exists(), form
            assert len(done.stderr.splitlines()) == 1 and "Usage" not in done.stderr
    assert run("show", path, "--github").exit_code == 1
    assert says in run("verify", path).output
    done = run("diff", path, path)
    assert done.exit_code == 1 and says in done.stderr


def test_what_was_only_laid_out_anew_can_be_written_as_it_was(certified, tmp_path):
    path = certified()
    data = path.read_bytes()
    path.write_text(json.dumps(json.loads(data), indent=1))
    done = run("verify", path)
    assert done.exit_code == 1 and "laid out anew; gradcert show FILE --certificate NEW" in done.output
    assert run("show", path, "--certificate", tmp_path / "again.json").exit_code == 0
    assert (tmp_path / "again.json").read_bytes() == data


def test_a_claim_that_does_not_fit_is_one_sentence(tmp_path):
    """Where the subject is loaded, too: no frame of gradcert stands before it."""
    path = tmp_path / "bad.py"
    claim = """rule="bptt", cells="rnn", acceptance="aligned", within={"cosine": 0.9}"""
    path.write_text(f"import gradcert\n@gradcert.claim({claim})\ndef f(problem):\n    return {{}}\n")
    for more in ((), ("--rule", "bptt", "--cells", "rnn")):
        done = run("certify", f"{path}:f", *more)
        said = done.output.partition("Error: ")[2]
        assert done.exit_code == 2 and said.startswith(
            "an aligned claim with limits cosine; allowed: cosine, signs and"
        )
        assert "importing" not in said and "File" not in said and "run it by itself" not in said


def test_verify_after_the_subject_changed(certified):
    path = certified()
    certified("sltt", "other.json")  # the same file now holds another subject
    done = run("verify", path, "--run")
    assert done.exit_code == 3
    assert "digests.subject" in done.output
    assert "verdict: certified, now refuted" in done.output
    assert run("verify", path, "--no-run").exit_code == 0


def test_diff(certified):
    before = certified()
    after = certified("bptt-detached-reset", "after.json")
    done = run("diff", before, after)
    assert done.exit_code == 1
    assert done.output.startswith("different: certified, now refuted")
    assert "the subject's files changed" in done.output
    assert "new: it equals ostl without RESET" in done.output
    assert run("diff", before, before).output.startswith("the same: certified")
    record = json.loads(run("diff", before, after, "--json").stdout)
    assert record["verdict"] == ["certified", "refuted"]
    assert any(entry["asked"] for entry in record["differences"])
    (before.parent / "nothing.json").write_text("{}")
    assert run("diff", before, before.parent / "nothing.json").exit_code == 2


@pytest.mark.long
def test_jobs_and_resume(certified, tmp_path):
    plain = json.loads(certified().read_bytes())
    other = json.loads(certified("ostl", "other.json", "--jobs", 2, "--resume", tmp_path / "run.jsonl").read_bytes())
    for record in (plain, other):
        del record["seconds"], record["seal"], record["timing"]
    assert "resumed" not in other  # a journal was begun, nothing was read from one
    assert plain == other
    assert (tmp_path / "run.jsonl").read_text().count("\n") == 1 + len(plain["cases"])
    done = run(
        "certify",
        f"{tmp_path}/subject.py:gradients",
        "--profile",
        "quick",
        "--seed",
        1,
        "--resume",
        tmp_path / "run.jsonl",
    )
    assert done.exit_code == 2
    assert "belongs to another run: seed" in " ".join(done.output.split())


def test_a_journal_is_no_difference(certified, tmp_path):
    """Answers that were read from a journal are the same answers: diff says so, and calls nothing different."""
    before = certified()
    record = json.loads(before.read_bytes())
    record |= {
        "resumed": 2,
        "notes": [*record["notes"], "resumed: 2 of 4 answers were read from a journal, which is ..."],
    }
    (tmp_path / "after.json").write_text(json.dumps({**record, "seal": seal(record)}))
    done = run("diff", before, tmp_path / "after.json")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("the same: certified\n")
    assert "answers that were read from a journal: none, now 2; no other outcome" in done.stdout
    record["worst"] = record["cases"][0]["worst"] = 0.5
    (tmp_path / "after.json").write_text(json.dumps(record))
    assert run("diff", before, tmp_path / "after.json").stdout.startswith("different: both certified\n")


def test_what_is_no_certificate_is_said_with_its_name(certified, tmp_path):
    right = certified()
    record = json.loads(right.read_bytes())
    for name, data, said in (
        ("wide.json", right.read_bytes().decode().encode("utf-16"), "wide.json is in UTF-16; allowed: a certificate"),
        ("null.json", b"null", "null.json begins with 'null'; allowed: a certificate"),
        ("none.json", b"", "none.json is empty; allowed: a certificate"),
        (
            "fine.json",
            json.dumps(record | {"verdict": "fine"}).encode(),
            'fine.json does not fit: at verdict, it is "fine"; allowed: certified, refuted, inconclusive',
        ),
    ):
        (tmp_path / name).write_bytes(data)
        for words in (("show", tmp_path / name), ("diff", right, tmp_path / name), ("diff", tmp_path / name, right)):
            done = run(*words)
            assert done.exit_code == 2 and said in " ".join(done.stderr.split()), (words, done.stderr)
    for text, said in (
        ("null", "it is null"),
        ("[1]", "it is a list"),
        ("{}", "it has no subject and no counterexample"),
    ):
        (tmp_path / "no.json").write_text(text)
        done = run("replay", tmp_path / "no.json")
        assert done.exit_code == 2 and f"no.json holds no counterexample: {said}" in " ".join(done.stderr.split())


@pytest.mark.parametrize("name", ["certify", "verify", "diff", "vectors", "check", "atlas"])
def test_help_has_examples_and_exit_codes(name):
    done = run(name, "--help")
    assert done.exit_code == 0
    assert "  gradcert " in done.output.partition("Example")[2]
    assert "Exit status" in done.output
    assert max(map(len, done.output.splitlines())) <= 90
