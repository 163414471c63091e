"""Processes, a cluster, and runs that stop and go on: none of it shows in the certificate."""

import json

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.certificates import seal
from gradcert.certify.certificates.identity import TIMING
from gradcert.certify.claims.claim import Claim
from gradcert.certify.problems.cases.plan import plan
from gradcert.certify.runs import executors
from gradcert.certify.runs.journal import decoded, encoded
from gradcert.certify.runs.prepare import _agreeing, prepare_all, suite
from gradcert.reference import GradcertError

SUBJECT = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    {count}
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["{rule}"])
"""
COUNT = "open('{path}', 'a').write(problem.id + '\\n')"
OPTIONS = {"rule": "ostl", "cells": ("snu", "rnn"), "depths": 1, "profile": "quick"}


@pytest.fixture
def subject(tmp_path):
    def write(rule="ostl", count="pass"):
        path = tmp_path / "subject.py"
        path.write_text(SUBJECT.format(rule=rule, count=count))
        return f"{path}:gradients"

    return write


def result(certificate):
    record = json.loads(seal.write(certificate))
    record["notes"] = [note for note in record["notes"] if not note.startswith("resumed: ")]
    return {name: value for name, value in record.items() if name not in (*TIMING, "resumed")}


@pytest.mark.long
@pytest.mark.parametrize("rule", ["ostl", "sltt"])
def test_processes_change_nothing(subject, rule):
    name = subject(rule)
    assert result(certify(name, jobs=2, **OPTIONS)) == result(certify(name, **OPTIONS))


@pytest.mark.long
def test_a_stopped_run_goes_on(subject, tmp_path):
    calls = tmp_path / "calls"
    name = subject(count=COUNT.format(path=calls))
    whole = result(certify(name, **OPTIONS))
    calls.unlink()

    class Stopped(Exception):
        pass

    def stop(done, total, what):
        if done == 3:
            raise Stopped

    journal = tmp_path / "run.jsonl"
    with pytest.raises(Stopped):
        certify(name, resume=journal, progress=stop, **OPTIONS)
    first = calls.read_text().split()
    assert len(first) == 3
    calls.unlink()
    with journal.open("a") as file:
        file.write('{"id": "torn')  # the line that was being written
    assert result(certify(name, resume=journal, **OPTIONS)) == whole
    again, left = calls.read_text().split(), len(whole["cases"]) - 3
    assert not set(again[:left]) & set(first)  # it begins with what was not answered; then come repeats and prefixes
    calls.unlink()
    assert result(certify(name, resume=journal, **OPTIONS)) == whole  # a finished run, once more
    assert calls.read_text().split() == again[left:]


@pytest.mark.long
def test_failures_are_remembered(subject, tmp_path):
    name = subject(count="import os; os._exit(3) if problem.network.layers[0].cell.name == 'rnn' else None")
    journal = tmp_path / "run.jsonl"
    whole = result(certify(name, **OPTIONS))
    assert whole["verdict"] == "refuted"
    assert result(certify(name, resume=journal, **OPTIONS)) == whole
    assert result(certify(name, resume=journal, **OPTIONS)) == whole


@pytest.mark.parametrize(
    ("change", "words"),
    [({"seed": 1}, "seed"), ({"rule": "bptt"}, "claim.rule"), ({"profile": "default"}, "profile")],
)
def test_a_journal_of_another_run_is_refused(subject, tmp_path, change, words):
    name, journal = subject(), tmp_path / "run.jsonl"
    options = {**OPTIONS, "cells": "rnn"}
    certify(name, resume=journal, **options)
    with pytest.raises(GradcertError, match=f"belongs to another run: {words}"):
        certify(name, resume=journal, **{**options, **change})


def test_a_journal_of_a_changed_subject_is_refused(subject, tmp_path):
    journal = tmp_path / "run.jsonl"
    options = {**OPTIONS, "cells": "rnn"}
    certify(subject(), resume=journal, **options)
    with pytest.raises(GradcertError, match=r"digests\.subject"):
        certify(subject("sltt"), resume=journal, **options)
    journal.write_text("something else\n")
    with pytest.raises(GradcertError, match="is no journal"):
        certify(subject(), resume=journal, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
def test_arrays_survive_the_journal(dtype):
    array = (
        np.array([[0.1, -0.0, np.inf], [1e-308, 3.0, 1.0]]).astype(dtype, casting="unsafe")
        if dtype != "int64"
        else np.arange(6)
    )
    again = decoded(encoded(array))
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_shards_that_disagree_do_not_merge():
    theirs = {**suite(), "environment": {**suite()["environment"], "numpy": "0.0"}}
    assert list(_agreeing(iter([(suite(), "shard")]))) == ["shard"]
    with pytest.raises(GradcertError, match=r"environment\.numpy"):
        list(_agreeing(iter([(suite(), "shard"), (theirs, "other")])))


@pytest.mark.long
def test_a_cluster_of_two_workers_changes_nothing(subject):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'gradcert[cluster]'")
    name = subject("sltt")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, scheduler_port=0, silence_logs=50
    ) as cluster:
        address = cluster.scheduler_address
        assert result(certify(name, cluster=address, **OPTIONS)) == result(certify(name, **OPTIONS))
        claim = Claim(rule="ostl", cells="rnn", depths=1)
        specs = plan(claim, "quick")
        there = [p.case.id for p in prepare_all(specs, claim, seed=0, cluster=address)]
        assert there == [spec.id for spec in specs]
        client = distributed.Client(address, set_as_default=False)
        assert len(client.run(suite)) == 2
        client.close()


def test_no_cluster_is_one_sentence(subject, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'gradcert[cluster]'")
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    with pytest.raises(GradcertError, match="no Dask scheduler answers"):
        certify(subject(), cluster="tcp://127.0.0.1:9", **OPTIONS)
