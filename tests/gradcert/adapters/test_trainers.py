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


def ostl(fault):
    return written("ostl", fault)


def osttp(fault):
    return written("osttp", fault)


def etlp(fault):
    return written("etlp", fault)


# style, fault -> the cause that is named; None where it is right
NAMED = {
    (online, None): None,
    (eprop, None): None,
    (ostl, None): None,
    (osttp, None): None,
    (etlp, None): None,
    (eprop, "decay"): "it equals e-prop with the factor of v<-v' = decay of the layer above",  # 0.8, the readout's
    (eprop, "after the reset"): "it equals e-prop with psi taken at the potential after its reset",
    (eprop, "no average"): "(in every case times T)",
    (eprop, "late"): "it equals e-prop with the error of the step before at the outputs",
    (eprop, "accumulated"): "state kept between calls",
    (ostl, "decay"): "layers.0.a_weight, layers.0.a_bias: equals ostl with the factor of v<-v' = 0.8",
    (ostl, "after the reset"): "equals ostl with psi taken at the potential after its reset in the traces",
    (ostl, "late"): "equals ostl with the learning signal of the step before",
    (ostl, "reset left out"): "it equals ostl without RESET, which is e-prop",
    (osttp, "decay"): "equals osttp with the factor of v<-v' = 0.8",
    (osttp, "reset left out"): "equals osttp without RESET",
    (osttp, "late"): "equals osttp with the learning signal of the step before",
    (osttp, "not reset"): "state kept between calls",
    (etlp, "no events"): "it equals etlp with an event at every step",
    (etlp, "events late"): "it equals etlp with events one step late",
    (etlp, "teacher late"): "it equals etlp with targets one step late",
    (etlp, "not reset"): "state kept between calls",
    (online, "no average"): "(in every case times B)",
    (online, "last alone"): "it equals sltt with a loss at last step",
    (online, "whole sequence"): "it equals sltt with STATE, which is bptt-detached-reset",
    (online, "silent"): "layers.0.p_0_weight: zero in every entry; the rest is as claimed",
}


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("make", "fault"), NAMED, ids=lambda v: getattr(v, "__name__", v or "right"))
def test_right_ones_are_certified_and_wrong_ones_named(make, fault):
    if make is online:
        pytest.importorskip("snntorch")
    found = gradcert.certify(make(fault), profile="quick")
    if NAMED[make, fault] is None:
        assert found.verdict == "certified", found.findings
        return
    assert found.verdict == "refuted"
    assert any(NAMED[make, fault] in (finding.cause or "") for finding in found.findings), found.findings


@pytest.mark.long
def test_what_cannot_be_asked_is_one_sentence():
    def nothing(inputs=3, hidden=4, outputs=2):
        return strangers.Two(inputs, hidden, outputs)

    made = trainer(nothing, call=print, rule="ostl")
    with pytest.raises(GradcertError, match=r"nothing returns a Two; allowed: \(network, trainer\)"):
        _ = made.told
    with pytest.raises(TypeError, match=r"trainer\(\) got an unexpected keyword argument 'ruel'.*did you mean 'rule'"):
        trainer(nothing, call=print, ruel="ostl")
    for change, sentence in (
        (
            {"rate": None, "rule": "ostl"},
            r"writes weights directly; to fix it: say its learning rate: trainer\(rate=0.1\)",
        ),
        (
            {"given": None},
            r"a trainer that is given layers.0.B; to fix it: say how it takes them: trainer\(given=...\)",
        ),
    ):
        how = {"rate": 0.125, "given": print, "rule": "osttp", "loss": "squared_error of every", **change}

        def build(inputs=3, hidden=4, outputs=2):
            net = strangers.Two(inputs, hidden, outputs)
            return net, strangers.Written(net)

        with pytest.raises(GradcertError, match=sentence):
            gradcert.certify(trainer(build, call=strangers.Written.learn, **how), profile="quick")
