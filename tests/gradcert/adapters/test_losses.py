"""Every loss that a claim can name, through the adapters; and what they cannot hand over, which refutes nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify import certify
from gradcert.reference import RULES, GradcertError, Layer, Loss, Network, Problem, Rnn, record
from gradcert.reference.engines import credit, reverse
from gradcert.reference.networks import Activity, Local

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")
from gradcert.adapters.mapping import MapError, zeros  # noqa: E402
from gradcert.adapters.torch import step_loss, subject, total_loss  # noqa: E402

ROOT = Path(__file__).parents[3]
JAX = ROOT / ".venv-peers-jax" / "bin" / "python"
MAPS = {"weight_ih": "W", "weight_hh": "H", "bias_ih": "b", "bias_hh": zeros("b")}
SEQUENCE = {f"{name}_l0": source for name, source in MAPS.items()}
STEPS, BATCH = 5, 3
HUBER = "{where(|o - y| < d, (o - y)^2 / 2, d (|o - y| - d / 2)); d=0.5}"
TERMS = (Activity(kind="l1", strength=0.25, time="mean"), Activity(kind="l2", layers=(0, 1), batch="mean"))
LOSSES = {
    "mean": Loss(kind="cross_entropy", when="mean", batch="mean"),
    "sum": Loss(when="sum", outputs="mean"),
    "max": Loss(kind="cross_entropy", when="max"),
    "first": Loss(when="first", level=0.1),
    "bernoulli": Loss(kind="bernoulli", time="mean", batch="mean", outputs="mean"),
    "pooled": Loss(time="pooled"),
    "formula": Loss(kind=HUBER, when="last"),
    "terms": Loss(activity=TERMS),
    "rate": Loss(when="last", activity=(Activity(kind="rate", target=0.5),)),
    "plain": Loss(kind="cross_entropy", time="mean"),
}
U = 2.0**-52
# two sweeps over 5 steps of 2 layers: some hundred roundings, relative to the largest entry
CLOSE = 1000 * U


def problem(loss, *, weighted=False, **more):
    layers = (Layer(Rnn(), inputs=2, units=4), Layer(Rnn(), inputs=4, units=3))
    network, rng = Network(layers=layers, loss=loss), np.random.default_rng(0)
    weights = rng.integers(0, 3, (STEPS, BATCH)) / 2 if weighted else None
    if weighted:
        weights[-1] = 1
    y = rng.integers(0, 2, (STEPS, BATCH, 3)).astype(float)
    given = (network, network.parameters(seed=1), rng.standard_normal((STEPS, BATCH, 2)), y)
    return Problem(*given, weights=weights, **more)


def call(module, x, h):
    h = module(x, h)
    return h, h


WAYS = {
    "sequence": subject(lambda layer: torch.nn.RNN(layer.inputs, layer.units), parameters=SEQUENCE),
    "batch first": subject(
        lambda layer: torch.nn.RNN(layer.inputs, layer.units, batch_first=True), parameters=SEQUENCE, batch_first=True
    ),
    "step": subject(lambda layer: torch.nn.RNNCell(layer.inputs, layer.units), parameters=MAPS, call=call),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_torch_computes_it(name, weighted, way):
    asked = problem(LOSSES[name], weighted=weighted)
    assert_same(asked, WAYS[way](asked), RULES["bptt"])


def assert_same(asked, found, rule):
    given = (asked.network, asked.parameters, asked.inputs, asked.targets)
    loss, gradients, outputs = found
    tape = record(*given[:3], **asked.data)
    assert np.allclose(outputs, tape.outputs, rtol=0, atol=CLOSE)
    assert np.isclose(float(loss), float(credit.objective(tape, asked.targets)), rtol=CLOSE, atol=0)
    expected = reverse.gradients(*given, rule=rule, **asked.data)
    assert set(gradients) == set(expected)
    for key, value in expected.items():
        assert np.abs(gradients[key] - value).max() <= CLOSE * max(1, np.abs(value).max()), key


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["bernoulli", "pooled", "formula", "terms", "plain"])
def test_torch_hands_over_a_step_at_once(name, weighted):
    def forgetful(module, x, h):
        h = module(x, torch.zeros(x.shape[0], module.hidden_size) if h is None else h.detach())
        return h, h

    cells = subject(
        lambda layer: torch.nn.RNNCell(layer.inputs, layer.units), parameters=MAPS, call=forgetful, online=True
    )
    asked = problem(LOSSES[name], weighted=weighted)
    loss, gradients, _ = cells(asked)
    cut = subject(lambda layer: torch.nn.RNNCell(layer.inputs, layer.units), parameters=MAPS, call=forgetful)
    expected = cut(asked)
    assert np.isclose(loss, expected[0], rtol=CLOSE, atol=0)
    assert all(np.abs(gradients[k] - v).max() <= CLOSE * max(1, np.abs(v).max()) for k, v in expected[1].items())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["bernoulli", "pooled", "formula", "plain"])
def test_the_shares_of_the_steps_are_the_loss(name, weighted):
    asked = problem(LOSSES[name], weighted=weighted)
    outputs = torch.tensor(np.random.default_rng(2).standard_normal((STEPS, BATCH, 3)), requires_grad=True)
    targets = torch.tensor(asked.targets)
    total = total_loss(asked, outputs, targets)
    shares = sum(step_loss(asked, t, outputs[t], targets[t]) for t in range(STEPS))
    assert torch.isclose(total, shares, rtol=CLOSE, atol=0)
    one, other = (torch.autograd.grad(value, outputs)[0] for value in (total, shares))
    assert (one - other).abs().max() <= CLOSE * one.abs().max()


def refused(asked, says, **how):
    build = how.pop("build", lambda layer: torch.nn.RNNCell(layer.inputs, layer.units))
    with pytest.raises(MapError, match=says):
        subject(build, parameters=MAPS, call=call, **how)(asked)


def test_what_cannot_be_handed_over_is_a_usage_error():
    asked = problem(Loss())
    begins = np.zeros((STEPS, BATCH), dtype=bool)
    refused(replace(asked, begins=begins), "is given begins")
    refused(replace(asked, feedback={"layers.0.B": np.zeros((3, 4))}), "is given layers.0.B")
    refused(problem(Loss(local=(Local(),))), "hidden layers' own")
    refused(problem(LOSSES["mean"]), "needs other steps", online=True)
    refused(problem(LOSSES["terms"]), "terms about activity", per="network", build=lambda n: torch.nn.RNNCell(2, 4))
    with pytest.raises(MapError, match="needs other steps"):
        step_loss(problem(LOSSES["mean"]), 0, torch.zeros(3, 3), torch.zeros(3, 3))
    with pytest.raises(MapError, match="terms about other"):
        total_loss(problem(LOSSES["terms"]), torch.zeros(5, 3, 3), torch.zeros(5, 3, 3))


SUBJECTS = """
import torch
import gradcert
from gradcert.adapters.torch import subject, zeros

MAPS = {"weight_ih_l0": "W", "weight_hh_l0": "H", "bias_ih_l0": "b", "bias_hh_l0": zeros("b")}
CLAIM = {"rule": "bptt", "cells": "rnn", "options": {"activation": "tanh"}}

def made(**more):
    @gradcert.claim(**CLAIM, **more)
    @subject(parameters=MAPS)
    def rnn(layer):
        return torch.nn.RNN(layer.inputs, layer.units)
    return rnn

right = made(loss="cross_entropy of mean, mean over batch", depths=1)
begun = made(begins=True, depths=1)

class Read(torch.nn.Module):
    def __init__(self, inputs=3, units=4):
        super().__init__()
        self.cell = torch.nn.RNNCell(inputs, units)
    def forward(self, x, h):
        h = self.cell(x, h)
        return h, h
"""


@pytest.mark.long
def test_by_the_command_line(tmp_path):
    (tmp_path / "subjects.py").write_text(SUBJECTS)
    quick = ("--profile", "quick", "--no-repair")

    def run(name, *words):
        return CliRunner().invoke(cli.gradcert, ["certify", f"{tmp_path}/subjects.py:{name}", *words, *quick])

    assert run("right").exit_code == 0
    for words in (("begun",), ("Read", "--activity", "l2:strength=0.5")):
        done = run(*words)
        assert done.exit_code == 2 and "that is given" in done.output, done.output
        assert "REFUTED" not in done.output and "File " not in done.output


@pytest.mark.long(keep=1)
@pytest.mark.skipif(not JAX.is_file(), reason="needs JAX in .venv-peers-jax: make peers")
@pytest.mark.parametrize(
    "loss", ["cross_entropy of mean, mean over batch", "bernoulli of every, mean over outputs", HUBER + " of last"]
)
def test_jax_computes_it(tmp_path, loss):
    path = tmp_path / "in_jax.py"
    path.write_text(JAX_SUBJECT)
    claimed = {"rule": "bptt", "cells": "rnn", "depths": 2, "options": {"activation": "tanh"}, "python": str(JAX)}
    done = certify(f"{path}:gradients", profile="quick", loss=loss, **claimed)
    assert done.verdict == "certified", done.reason
    with pytest.raises(GradcertError, match="is given begins"):
        certify(f"{path}:gradients", profile="quick", begins=True, **claimed)


JAX_SUBJECT = """
import jax.numpy as jnp
from gradcert.adapters.jax import subject, transposed

MAPS = {"kernel": transposed("W"), "recurrent": transposed("H"), "bias": "b"}

@subject(parameters=MAPS, call="step")
def gradients(layer):
    def step(p, x, h):
        h = jnp.tanh(x @ p["kernel"] + h @ p["recurrent"] + p["bias"])
        return h, h
    return step
"""
