"""Data is never code, and never trusted: certificates, counterexamples, journals, vectors, answers, claims."""

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.campaign import certify, vectors, verify
from gradcert.certify.certificates import Finding, seal, sha256
from gradcert.certify.claims import Claim, from_dict
from gradcert.certify.counterexample import replay
from gradcert.reference import RULES, GradcertError
from gradcert.reference.engines import reverse
from gradcert.reference.networks import problem_from_json

CLAIM = Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every")
CANARY = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\ndef gradients(problem): return {}\n"
SUBJECT = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["{}"])
"""


def gradients(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


def run(*words):
    return CliRunner().invoke(cli.gradcert, [str(w) for w in words], prog_name="gradcert")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A right subject, its certificate, a wrong one's counterexample, and vectors with their answers."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "subject.py").write_text(SUBJECT.format("bptt"))
    (folder / "wrong.py").write_text(SUBJECT.format("sltt"))
    (folder / "cert.json").write_bytes(
        seal.write(certify(f"{folder}/subject.py:gradients", claim=CLAIM, profile="quick"))
    )
    (folder / "wrong.json").write_bytes(seal.write(certify(f"{folder}/wrong.py:gradients", claim=CLAIM)))
    vectors.write(folder / "vectors", CLAIM, profile="quick")
    lines = []
    for line in (folder / "vectors" / "problems.jsonl").read_text().splitlines():
        found = gradients(problem_from_json(line))
        lines.append(json.dumps({"id": json.loads(line)["id"], "gradients": {k: v.tolist() for k, v in found.items()}}))
    (folder / "answers.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def canary(tmp_path):
    (tmp_path / "canary.py").write_text(CANARY)
    yield tmp_path
    assert not (tmp_path / "ran").exists(), "what a file names has run"


def pointed(path, canary, *, subject=False):
    """The document of a file with every cell, or the subject, pointing at the canary; sealed if it was."""
    record = json.loads(path.read_bytes())
    if subject:
        record["subject"] = f"{canary}/canary.py:gradients"
    else:
        record["claim"]["cells"] = [f"{canary}/canary.py:Cell"]
        if record.get("counterexample"):
            record["counterexample"]["problem"]["network"]["layers"][0]["cell"] = f"{canary}/canary.py:Cell"
    out = canary / path.name
    from gradcert.certify.certificates.identity import canonical, identity

    record["identity"] = identity(record)
    record["seal"] = seal.seal(record)
    out.write_bytes(canonical(record))
    return out


@pytest.mark.long
@pytest.mark.parametrize("subject", [True, False])
def test_nothing_that_a_file_names_runs_unasked(folder, canary, subject):
    certificate, wrong = (pointed(folder / name, canary, subject=subject) for name in ("cert.json", "wrong.json"))
    done = run("verify", certificate)
    assert done.exit_code == 3 and f"{canary}/canary.py" in done.output and done.output.startswith("INTACT")
    assert verify(certificate.read_bytes()).outcome == "intact"
    assert run("verify", certificate, "--no-run").exit_code == 0
    done = run("replay", wrong)
    assert done.exit_code == 2 and f"{canary}/canary.py" in done.output
    with pytest.raises(GradcertError, match="run"):
        replay(wrong)
    if not subject:
        done = run("replay", wrong, f"{folder}/subject.py:gradients")  # the user's own subject, a stranger's cell
        assert done.exit_code == 2 and f"{canary}/canary.py" in done.output
        with pytest.raises(GradcertError, match="nobody has said"):
            from_dict(json.loads(wrong.read_bytes())["claim"])
        with pytest.raises(GradcertError, match="nobody has said"):
            problem_from_json(json.dumps(json.loads(wrong.read_bytes())["counterexample"]["problem"]))
    assert run("diff", certificate, wrong).exit_code == 1


def test_vectors_do_not_name_what_runs(folder, canary):
    line = json.loads((folder / "vectors" / "vectors.jsonl").read_text().splitlines()[0])
    line["problem"]["network"]["layers"][0]["cell"] = f"{canary}/canary.py:Cell"
    head = json.loads((folder / "vectors" / "vectors.json").read_text())
    data = json.dumps(line) + "\n"
    head["digests"]["vectors"] = sha256(data.encode())
    for claim in (head["claim"], {**head["claim"], "cells": [f"{canary}/canary.py:Cell"]}):
        (canary / "vectors.json").write_text(json.dumps({**head, "claim": claim}))
        (canary / "vectors.jsonl").write_text(data)
        done = run("check", canary, folder / "answers.jsonl")
        assert done.exit_code == 2 and "nobody has said that it may be run" in " ".join(done.output.split())


def test_a_subjects_own_claim_names_its_own_file_alone(folder, canary):
    told = "import gradcert\n@gradcert.claim(rule='bptt', cells='rnn')\ndef gradients(problem): return {}\n"
    told += f"c = gradients.__gradcert_claim__\nobject.__setattr__(c, 'cells', ({str(canary / 'canary.py:Cell')!r},))\n"
    (canary / "told.py").write_text(told)
    with pytest.raises(GradcertError, match="nobody has said that it may be run"):
        certify(f"{canary}/told.py:gradients", profile="quick")


FORGED = {
    "counts": lambda r: r["counts"].update(passed=99),
    "suite": lambda r: r.update(suite="9.9.9"),
    "a case": lambda r: r["cases"][0].update(budget=1.0),
    "a note": lambda r: r["notes"].append("all is well"),
    "the reason": lambda r: r.update(reason="1000 cases agree"),
}


@pytest.mark.parametrize("what", FORGED)
def test_verify_compares_what_it_prints(folder, what):
    from gradcert.certify.certificates.identity import canonical, identity

    record = json.loads((folder / "cert.json").read_bytes())
    FORGED[what](record)
    record["identity"] = identity(record)
    record["seal"] = seal.seal(record)
    found = verify(canonical(record), run=True)
    if what == "suite":  # the figures are right, and it says what is not the same
        assert found.outcome == "verified" and "not the same: suite" in found.reasons[0]
    else:
        assert found.outcome == "broken", found


def journaled(folder, tmp_path, name):
    path = tmp_path / f"{name}.jsonl"
    certify(f"{folder}/{name}.py:gradients", claim=CLAIM, profile="quick", resume=path)
    return path


def test_answers_of_another_subject_do_not_fit_a_journal(folder, tmp_path):
    right, wrong = (journaled(folder, tmp_path, name) for name in ("subject", "wrong"))
    header = wrong.read_text().splitlines()[0]
    wrong.write_text("\n".join([header, *right.read_text().splitlines()[1:], ""]))
    with pytest.raises(GradcertError, match=r"line 2 of .* is not what this run wrote"):
        certify(f"{folder}/wrong.py:gradients", claim=CLAIM, profile="quick", resume=wrong)


@pytest.mark.parametrize("change", [lambda s: s.replace('"sound":true', '"sound":false'), lambda s: s[:-20] + s[-19:]])
def test_a_changed_line_of_a_journal_is_refused(folder, tmp_path, change):
    path = journaled(folder, tmp_path, "subject")
    header, first, *rest = path.read_text().splitlines()
    assert change(first) != first
    path.write_text("\n".join([header, change(first), *rest, ""]))
    with pytest.raises(GradcertError, match="line 2 of"):
        certify(f"{folder}/subject.py:gradients", claim=CLAIM, profile="quick", resume=path)


@pytest.mark.parametrize("spec", [[None], 3, {"cell": "rnn"}, {"nothing": 1}, "rnn"])
def test_a_sealed_line_of_no_case_is_refused(folder, tmp_path, spec):
    """A seal is no signature: whoever writes a journal anew can seal what he likes."""
    path = journaled(folder, tmp_path, "subject")
    header, first, *_ = path.read_text().splitlines()
    entry = {k: v for k, v in json.loads(first).items() if k != "seal"} | {"spec": spec, "case": None, "answer": None}
    refused(folder, path, header, entry)


@pytest.mark.parametrize(
    "ran", [None, 3, [3], [["arc", "a.py"]], [["end", 3, 1]], [["arc", "a.py", 1, "2"]], [[[], ""]]]
)
def test_a_sealed_line_with_other_lines_of_a_subject_is_refused(folder, tmp_path, ran):
    path = journaled(folder, tmp_path, "subject")
    header, first, *_ = path.read_text().splitlines()
    refused(folder, path, header, {k: v for k, v in json.loads(first).items() if k != "seal"} | {"ran": ran})


def refused(folder, path, header, entry):
    sealed = sha256(f"{sha256(header.encode())}\n{json.dumps(entry, sort_keys=True)}".encode())
    path.write_text("\n".join([header, json.dumps({**entry, "seal": sealed}), ""]))
    with pytest.raises(GradcertError, match=r"line 2 of .* does not fit"):
        certify(f"{folder}/subject.py:gradients", claim=CLAIM, profile="quick", resume=path)


def test_a_resumed_run_says_so(folder, tmp_path):
    path = journaled(folder, tmp_path, "subject")
    again = certify(f"{folder}/subject.py:gradients", claim=CLAIM, profile="quick", resume=path)
    assert again.resumed == len(again.cases) and any(note.startswith("resumed: ") for note in again.notes)
    found = verify(seal.write(again), run=True)
    assert found.outcome == "verified" and "were read from a journal then" in found.reasons[1]
    assert "resumed" not in json.loads((folder / "cert.json").read_bytes())


def test_no_claim_is_invented_for_a_name_that_is_wrong(folder):
    done = run("certify", f"{folder}/subject.py:gradient")
    assert done.exit_code == 2 and "has no attribute 'gradient'" in " ".join(done.output.split())
    assert "bptt" not in done.output and "rnn" not in done.output


@pytest.mark.parametrize("name", ["tbptt( 3 )", "tbptt(-1)", "tbptt(1e9)", "tbptt(3);x"])
def test_names_are_read_whole_from_everywhere(folder, name):
    subject = f"{folder}/subject.py:gradients"
    done = run("certify", subject, "--rule", name, "--cells", "rnn")
    refused = r"is unknown|the steps of the rule '"
    assert done.exit_code == 2 and re.search(refused, " ".join(done.output.split()))
    assert run("vectors", "--rule", name, "--cells", "rnn", "-o", folder / "never").exit_code == 2
    with pytest.raises(GradcertError, match=refused):
        from_dict({"rule": name, "cells": ["rnn"]})
    assert (
        run("certify", subject, "--rule", "bptt", "--cells", "rnn", "--options", "a=1", "--options", "a=2").exit_code
        == 2
    )


ESCAPES = "\x1b]0;t\x07\x1b[2J\x00\u2028\u202e"


def test_what_a_subject_says_is_shown_and_not_obeyed(folder, tmp_path):
    (tmp_path / "loud.py").write_text(f"def gradients(problem): raise RuntimeError({ESCAPES!r} + 'x' * 10**7)\n")
    html, json_, junit = (tmp_path / name for name in ("r.html", "r.json", "r.xml"))
    words = ("--rule", "bptt", "--cells", "rnn", "--depths", 1, "--profile", "quick", "--html", html, "--json", json_)
    done = run("certify", f"{tmp_path}/loud.py:gradients", *words, "--junit", junit)
    assert done.exit_code == 1
    pages = [done.output, html.read_text(), json_.read_text(), junit.read_text()]
    for page in pages:
        assert "\\\\x1b" in page.replace("\\x1b", "\\\\x1b") and len(page) < 500_000
        assert not [c for c in page if not c.isprintable() and c not in "\n\t\r"]


def test_a_finding_is_made_printable_wherever_it_comes_from():
    found = replace(Finding("call", "", ESCAPES, where={"output": [ESCAPES]}), cause=ESCAPES)
    assert (found.reason + found.cause + found.where["output"][0]).isprintable()


def test_options_that_the_readout_does_not_have():
    with pytest.raises(GradcertError, match="readout_options: 'colour'"):
        from_dict({"rule": "bptt", "cells": ["rnn"], "readout": "rnn", "readout_options": {"colour": 1}})
    with pytest.raises(GradcertError, match="readout_options without a readout"):  # of a readout that is not there
        from_dict({"rule": "bptt", "cells": ["rnn"], "readout_options": {"bias": True}})
