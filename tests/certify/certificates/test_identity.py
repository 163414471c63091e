"""Identity, seal, verification and comparison of certificates."""

import json
import sys
from dataclasses import replace

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.campaign.verify import verify
from gradcert.certify.certificates import seal
from gradcert.certify.certificates.certificate import from_dict
from gradcert.certify.certificates.compare import differences, summary
from gradcert.certify.certificates.identity import TIMING, identity, subject_digest
from gradcert.certify.subjects.subject import Limits, Subject
from gradcert.reference import GradcertError

SUBJECT = """
from helper import RULE
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES[RULE])
"""
OPTIONS = {"rule": "ostl", "cells": "snu", "depths": 1, "profile": "quick"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subject")
    (folder / "helper.py").write_text('RULE = "ostl"\n')
    (folder / "subject.py").write_text(SUBJECT)
    return folder


@pytest.fixture(scope="module")
def certificate(home):
    return certify(f"{home}/subject.py:gradients", **OPTIONS)


@pytest.fixture(scope="module")
def data(certificate):
    return seal.write(certificate)


def test_two_runs_are_the_same_bytes_but_for_their_timing(home, data):
    again = seal.write(certify(f"{home}/subject.py:gradients", **OPTIONS))
    records = [json.loads(d) for d in (data, again)]
    assert records[0]["identity"] == records[1]["identity"]
    for record in records:
        for name in TIMING:
            del record[name]
    assert json.dumps(records[0]) == json.dumps(records[1])


def test_what_is_written_is_in_order_and_reads_back(data, certificate):
    assert seal.faults(data) == []
    assert from_dict(json.loads(data)) == from_dict(certificate.to_dict())
    assert seal.write(from_dict(json.loads(data))) == data


def test_an_error_of_any_size_reads_back(certificate):
    """Canonical JSON writes doubles from 2^53 to 1e21 without a point: far off a small budget, an error gets there."""
    for size in (2.0**53, 6.1932569903623e17, 1e21):
        data = seal.write(replace(certificate, seconds=size))
        assert seal.faults(data) == []
        assert seal.read(data)["seconds"] == size


def test_every_changed_byte_is_found(data):
    # every 41st byte, in turn with another bit; 41 is prime, so that no field of the record is favoured
    for number, at in enumerate(range(0, len(data), 41)):
        changed = bytearray(data)
        changed[at] ^= 1 << (number % 8)
        assert seal.faults(bytes(changed)), (at, data[at - 20 : at + 20])


@pytest.mark.parametrize("change", [lambda d: d + b"\n", lambda d: d[:-1], lambda d: d.replace(b",", b", ", 1)])
def test_layout_counts(data, change):
    assert seal.faults(change(data))


def test_the_order_of_options_is_no_difference(home):
    options = {"surrogate": [{"width": 1.0, "scale": 1.0, "name": "triangle"}, "tanh"], "strict": True}
    found = verify(seal.write(certify(f"{home}/subject.py:gradients", options=options, **OPTIONS)), run=True)
    assert found.outcome == "verified", found


def test_verified_by_running_again(data):
    found = verify(data, run=True)
    assert found.outcome == "verified", found
    assert found.exit_code == 0
    assert found.verdict == ("certified", "certified")


@pytest.mark.parametrize(
    "forge",
    [
        lambda c: replace(c, cases=tuple(replace(r, worst=0.0, parameters={}) for r in c.cases), worst=0.0),
        lambda c: replace(c, separated={k: dict.fromkeys(v, 1e12) for k, v in c.separated.items()}),
        lambda c: replace(c, controls=c.controls[1:]),
        lambda c: replace(c, notes=(*c.notes, "trust me")),
    ],
)
def test_a_forged_result_under_a_fresh_seal_does_not_come_out_again(certificate, forge):
    data = seal.write(forge(certificate))
    assert seal.faults(data) == []
    found = verify(data, run=True)
    assert found.outcome == "broken"
    assert found.differences


def test_a_worst_error_that_no_case_has_is_found_under_a_fresh_seal(certificate):
    said = "the worst error is not that of the cases"
    for worst in (certificate.worst / 2, None, float("inf"), float("nan")):
        assert seal.faults(seal.write(replace(certificate, worst=worst))) == [said]
    for worst in (float("inf"), float("nan")):
        cases = (replace(certificate.cases[0], worst=worst), *certificate.cases[1:])
        assert said not in seal.faults(seal.write(replace(certificate, worst=worst, cases=cases)))


def test_another_version_of_gradcert_is_said(certificate):
    told = "made by gradcert 0.0.1; this is "
    for forged in (replace(certificate, suite="0.0.1"), replace(certificate, suite="0.0.1", notes=("other",))):
        data = seal.write(forged)
        found = verify(data)
        assert found.outcome == "intact" and found.reasons[0].startswith("the seal fits the file")
        assert found.reasons[1].startswith(told)
    found = verify(data, run=True)
    assert (found.outcome, found.differences, len(found.reasons)) == ("undecided", (), 1)
    assert found.reasons[0].startswith(told)


def test_a_changed_neighbour_of_the_subject_is_seen(home, data, tmp_path):
    (tmp_path / "subject.py").write_text(SUBJECT)
    digests = []
    for rule in ("ostl", "sltt"):
        (tmp_path / "helper.py").write_text(f'RULE = "{rule}"\n')
        subject = Subject(f"{tmp_path}/subject.py:gradients")
        digests.append(subject_digest(subject, subject.made_of(None)))
    assert digests[0] != digests[1]
    assert digests[0] == json.loads(data)["digests"]["subject"]  # the folder is no part of it


def test_a_changed_subject_is_undecided(certificate, tmp_path):
    name = f"{tmp_path}/subject.py:gradients"
    (tmp_path / "subject.py").write_text(SUBJECT)
    (tmp_path / "helper.py").write_text('RULE = "sltt"\n')
    found = verify(seal.write(replace(certificate, subject=name)), run=True)
    assert found.outcome == "undecided"
    assert found.exit_code == 3
    assert "digests.subject" in found.reasons[0]
    assert found.verdict == ("certified", "refuted")


def test_a_subject_that_is_gone_is_undecided(certificate, tmp_path):
    found = verify(seal.write(replace(certificate, subject=f"{tmp_path}/gone.py:gradients")), run=True)
    assert found.outcome == "undecided"
    assert "gone.py" in found.reasons[0]


def test_the_identity_is_of_what_was_asked(certificate):
    record = certificate.to_dict()
    same = replace(certificate, worst=1.0, seconds=7.0, verdict="inconclusive", notes=("x",)).to_dict()
    assert same["identity"] == record["identity"]
    for other in (
        replace(certificate, seed=1),
        replace(certificate, suite="0"),
        replace(certificate, digests={**certificate.digests, "reference": "0" * 64}),
        replace(certificate, environment={**certificate.environment, "numpy": "0"}),
        replace(certificate, cases=certificate.cases[1:]),
    ):
        assert identity(other.to_dict()) != record["identity"]


def test_a_difference_is_explained(home, certificate, tmp_path):
    (tmp_path / "subject.py").write_text(SUBJECT)
    (tmp_path / "helper.py").write_text('RULE = "bptt-detached-reset"\n')
    other = certify(f"{tmp_path}/subject.py:gradients", **OPTIONS).to_dict()
    before = certificate.to_dict()
    lines = summary(before, other)
    assert "the subject's files changed" in lines
    assert any("cases no longer pass" in line for line in lines)
    assert any(line.startswith("new: it equals ostl without RESET") for line in lines)
    found = {d.where: d for d in differences(before, other)}
    assert found["digests: subject"].asked
    assert not found["verdict"].asked
    assert (found["verdict"].was, found["verdict"].now) == ("certified", "refuted")
    assert differences(before, before) == []


def test_another_subject_of_the_same_files_is_no_other_name(certificate):
    record = certificate.to_dict()
    file, _, attribute = record["subject"].rpartition(":")
    moved = {**record, "subject": f"elsewhere/{file}:{attribute}"}
    other = {**record, "subject": f"{file}:another"}
    assert summary(record, moved) == ["another name for the same subject"]
    assert summary(record, other) == ["another subject, made of the same files"]


def test_what_is_no_certificate(data):
    record = json.loads(data)
    del record["claim"]
    for wrong in (b"", b"[]", b"{", json.dumps(record).encode()):
        with pytest.raises(GradcertError, match="the certificate"):
            seal.read(wrong)
        assert seal.faults(wrong)


def test_arrays_that_do_not_fit_and_a_reason_that_is_missing_are_refused():
    record = certify(lambda problem: {}, rule="bptt", cells="rnn", depths=1, profile="quick").to_dict()
    array = {
        "name": "layers.0.b",
        "given": [1.0, 2.0],
        "reference": [1.0, "inf"],
        "budget": [0.0, 0.0],
        "ok": [True, False],
    }
    shown = {
        "case": "c",
        "check": "gradient",
        "rule": "bptt",
        "asked": 1,
        "complete": True,
        "alone": True,
        "file": "",
        "replay": "",
    }
    size = {"widths": [1, 1], "steps": 1, "batch": 1}
    layer = {"cell": "rnn", "inputs": 1, "units": 1, "options": {}}
    network = {"layers": [layer], "loss": {"kind": "squared_error", "when": "every"}}
    problem = {"network": network, "parameters": {}, "inputs": [[[1.0]]], "targets": [[[0.0]]]}
    shown |= {"was": size, "size": size, "problem": problem}
    assert from_dict({**record, "counterexample": {**shown, "arrays": [array]}})
    for wrong in (
        {"given": [1.0]},
        {"given": [[1.0, 2.0]]},
        {"ok": True},
        {"given": [1.0, [2.0]]},
        {"budget": {"a": 1}},
    ):
        with pytest.raises(GradcertError, match="does not fit"):
            from_dict({**record, "counterexample": {**shown, "arrays": [{**array, **wrong}]}})
    for wrong in ({"looked": False}, {"looked": True}, {"looked": True, "files": [{"file": "a.py"}]}):
        with pytest.raises(GradcertError, match="does not fit"):
            from_dict({**record, "circumstances": {**record["circumstances"], "code": wrong}})


def test_how_a_subject_was_called_is_no_figure(tmp_path):
    """Another interpreter, or time limit, on the command line that shows a finding again."""
    (tmp_path / "wrong.py").write_text(SUBJECT)
    (tmp_path / "helper.py").write_text('RULE = "sltt"\n')
    name = f"{tmp_path}/wrong.py:gradients"
    made = certify(name, python=sys.executable, limits=Limits(call=77.0), **OPTIONS)
    assert made.verdict == "refuted" and "--timeout 77" in made.findings[0].replay
    found = verify(seal.write(made), run=True)
    assert found.outcome == "verified", found


def test_a_subject_that_does_not_start_where_it_is_run_again_is_said(certificate, tmp_path):
    name = f"{tmp_path}/subject.py:gradients"
    (tmp_path / "subject.py").write_text("import no_such_library\n")
    found = verify(seal.write(replace(certificate, subject=name)), run=True)
    assert found.outcome == "undecided"
    assert "the subject cannot be run again: " in found.reasons[0] and "no_such_library" in found.reasons[0]
