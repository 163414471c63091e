"""Trainers that own everything are judged as they are: right in one version, and each wrong one is named."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
import strange_trainers as strangers  # noqa: E402

import gradcert  # noqa: E402
from gradcert.adapters.torch import trainer  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def eprop(fault):
    def build(inputs=6, hidden=12, outputs=3):
        net = strangers.Recurrent(inputs, hidden, outputs)
        return net, strangers.Eprop(net, fault)

    loss = "cross_entropy of every, mean over time and batch"
    return trainer(build, call=strangers.Eprop.train_sample, labels=True, rule="e-prop", loss=loss)


def written(method, fault):
    def build(inputs=6, hidden=12, outputs=3):
        net = strangers.Two(inputs, hidden, outputs)
        return net, strangers.Written(net, method, fault=fault)

    def given(trainer, arrays):
        for name, value in arrays.items():
            setattr(trainer, "B" if name.endswith("B") else "events", value)

    loss = "squared_error of every"
    return trainer(build, call=strangers.Written.learn, rate=0.125, given=given, rule=method, loss=loss)


def online(fault):
    def build(inputs=6, hidden=12, outputs=3):
        net = strangers.snn(inputs, hidden, outputs)
        return net, strangers.Online(net, fault)

    loss = "cross_entropy of every, mean over batch"
    return trainer(build, call=strangers.Online.fit, labels=True, rule="sltt", loss=loss)


if __name__ == "__main__":
    import time
    for name, make, faults in (
        ("eprop", eprop, (None, "decay", "after the reset", "no average", "late", "accumulated")),
        ("ostl", lambda f: written("ostl", f), (None, "decay", "after the reset", "late", "sign", "reset left out")),
        ("osttp", lambda f: written("osttp", f), (None, "decay","not projected")),
        ("etlp", lambda f: written("etlp", f), (None, "decay",)),
        ("online", online, (None, "no average", "last alone", "whole sequence", "silent", "graph kept")),
    ):
        for fault in faults:
            t = time.process_time()
            try:
                c = gradcert.certify(make(fault), profile="quick")
                print(name, fault, c.verdict, "|", "; ".join(dict.fromkeys((f.cause or f.reason)[:160] for f in c.findings)), "%.1f" % (time.process_time() - t), flush=True)
            except Exception as e:
                print(name, fault, "EXC", type(e).__name__, str(e)[:400], flush=True)
