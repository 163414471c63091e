"""The PyTorch adapter: modules of many shapes against derived budgets, and each way of getting it wrong."""

from functools import cache

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims.claim import Claim
from gradcert.certify.judging.verdict import judge_all
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.reference import GradcertError

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")
from gradcert.adapters.torch import FRESH, logit, negated, stacked, subject, transposed, zeros  # noqa: E402

RNN = {"weight_ih_l0": "W", "weight_hh_l0": "H", "bias_ih_l0": "b", "bias_hh_l0": zeros("b")}
CLAIMS = {
    "rnn": Claim(rule="bptt", cells="rnn", options={"activation": "tanh"}),
    "lstm": Claim(rule="bptt", cells="lstm", options={"peepholes": False}),
    "ssnu": Claim(rule="bptt", cells="ssnu", options={"train": ("leak", "threshold"), "transfer": "tanh"}),
    "sltt": Claim(rule="sltt", cells="lif", options={"reset": "none", "surrogate": "sigmoid"}),
}


@cache
def case(claim, depth=2, when="every", loss="squared_error"):
    made = CLAIMS[claim]
    found = generate(Spec(made.cells[0], depth, loss, when, "bounded"), made)
    assert found is not None
    return found


def worst(function, what):
    """The largest error of the gradients in units of the budget, which is derived for every entry."""
    _, gradients, outputs = function(what.problem)
    assert outputs.shape == what.problem.targets.shape
    return max(v.worst for v in judge_all(gradients, what.expected.gradients).values())


def test_a_whole_sequence():
    @subject(parameters=RNN)
    def rnn(layer):
        return torch.nn.RNN(layer.inputs, layer.units)

    for when in ("every", "last"):
        for loss in ("squared_error", "cross_entropy"):
            assert worst(rnn, case("rnn", when=when, loss=loss)) <= 1


def test_batch_first():
    def build(layer):
        return torch.nn.RNN(layer.inputs, layer.units, batch_first=True)

    assert worst(subject(build, parameters=RNN, batch_first=True), case("rnn")) <= 1
    assert worst(subject(build, parameters=RNN), case("rnn")) > 1


def test_step_by_step_with_a_state():
    cell = {name.removesuffix("_l0"): source for name, source in RNN.items()}

    def call(module, x, h):
        h = module(x, h)
        return h, h

    @subject(parameters=cell, call=call)
    def rnn(layer):
        return torch.nn.RNNCell(layer.inputs, layer.units)

    assert worst(rnn, case("rnn")) <= 1


@pytest.mark.parametrize(("gates", "right"), [("ifgo", True), ("figo", False)])
def test_gates_in_one_matrix(gates, right):
    w, h, b = (stacked(*(f"{kind}_{gate}" for gate in gates)) for kind in "WHb")
    maps = {"weight_ih_l0": w, "weight_hh_l0": h, "bias_ih_l0": b, "bias_hh_l0": zeros(b)}

    @subject(parameters=maps)
    def lstm(layer):
        return torch.nn.LSTM(layer.inputs, layer.units)

    assert (worst(lstm, case("lstm")) <= 1) is right


class Reparametrised(torch.nn.Module):
    """An sSNU as somebody else would write it: (in, out) weights, [x, z] in one, a bias in h, a sigmoid leak."""

    def __init__(self, inputs, units):
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.zeros(inputs + units, units))
        self.shift = torch.nn.Parameter(torch.zeros(units))
        self.offset = torch.nn.Parameter(torch.zeros(units))
        self.raw_leak = torch.nn.Parameter(torch.zeros(units))

    def forward(self, x, state=None):
        v, z = state or (0.0, torch.zeros(len(x), self.shift.numel()))
        drive = torch.cat([x, z], dim=1) @ self.kernel + self.shift
        v = torch.tanh(drive + torch.sigmoid(self.raw_leak) * v * (1 - z))
        z = torch.sigmoid(v + self.offset)
        return z, (v, z)


KERNEL = {
    "kernel": transposed(stacked("W", "H", axis=1)),
    "shift": "b",
    "offset": negated("threshold"),
    "raw_leak": logit("leak"),
}


@pytest.mark.parametrize(
    ("wrong", "right"), [({}, True), ({"offset": "threshold"}, False), ({"raw_leak": "leak"}, False)]
)
def test_transposed_joined_negated_and_reparametrised(wrong, right):
    @subject(parameters={**KERNEL, **wrong}, call="step")
    def ssnu(layer):
        return Reparametrised(layer.inputs, layer.units)

    assert (worst(ssnu, case("ssnu")) <= 1) is right


class Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, credit):
        s = torch.sigmoid(4 * ctx.saved_tensors[0])
        return credit * 4 * s * (1 - s)


class Online(torch.nn.Module):
    """A LIF layer that detaches its state; the state stays inside until `clear`."""

    def __init__(self, layer):
        super().__init__()
        self.linear = torch.nn.Linear(layer.inputs, layer.units)
        self.leak, self.threshold, self.v = layer.cell.leak, layer.cell.threshold, None

    def forward(self, x):
        before = 0.0 if self.v is None else self.v.detach()
        self.v = self.leak * before + self.linear(x)
        return Fire.apply(self.v - self.threshold)

    def clear(self):
        self.v = None


LINEAR = {"linear.weight": "W", "linear.bias": "b"}


@pytest.mark.parametrize("online", [True, False])
def test_a_rule_that_detaches_its_state(online):
    lif = subject(Online, parameters=LINEAR, call="step", online=online)
    assert worst(lif, case("sltt")) <= 1


def test_modules_are_kept_and_reset():
    built = []

    def build(layer):
        built.append(layer)
        return Online(layer)

    lif = subject(build, parameters=LINEAR, call="step", online=True, reset=Online.clear)
    assert [worst(lif, case("sltt")) <= 1 for _ in range(3)] == [True] * 3
    assert len(built) == 2  # one for each layer, once

    for forgetful in ({"reset": lambda module: None}, {}):
        kept = subject(build, parameters=LINEAR, call="step", online=True, **forgetful)
        assert worst(kept, case("sltt")) <= 1
        _, _, again = kept(case("sltt").problem)
        _, _, fresh = lif(case("sltt").problem)
        assert (again != fresh).any()


LEAKS = """
import torch
import gradcert
from gradcert.adapters.torch import subject

class Leaks(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.rnn = torch.nn.RNN(layer.inputs, layer.units)
        self.before = None

    def forward(self, x):
        if self.before is None or self.before.shape[0] != x.shape[1]:
            self.before = torch.zeros(x.shape[1], self.rnn.hidden_size)
        z, h = self.rnn(x, self.before[None])
        self.before = h[0].detach()
        return z

MAPS = {"rnn.weight_ih_l0": FIRST, "rnn.weight_hh_l0": SECOND, "rnn.bias_ih_l0": "b"}

@gradcert.claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", options={"activation": "tanh"})
@subject(parameters={**MAPS, "rnn.bias_hh_l0": gradcert.adapters.torch.zeros("b")}, OPTIONS)
def gradients(layer):
    return Leaks(layer)
"""


def written(folder, *, options, first='"W"', second='"H"'):
    text = LEAKS.replace("OPTIONS", options).replace("FIRST", first).replace("SECOND", second)
    (folder / "leaks.py").write_text(text)
    return f"{folder}/leaks.py:gradients"


@pytest.mark.long
def test_state_that_leaks_between_batches_is_found_or_not_looked_at(tmp_path):
    found = certify(written(tmp_path, options=""), profile="quick")
    assert found.verdict == "refuted"
    assert "state kept between calls" in {f.cause for f in found.findings}
    unseen = certify(written(tmp_path, options="fresh=True"), profile="quick")
    assert unseen.verdict == "certified", unseen.reason
    assert FRESH in unseen.notes


def test_maps_that_do_not_fit_are_a_usage_error_before_the_first_case_is_judged(tmp_path):
    name = written(tmp_path, options="", first='"H"', second='"W"')
    with pytest.raises(GradcertError, match=r"rnn.weight_ih_l0 has shape \(4, 3\) and is given \(4, 4\)"):
        certify(name, profile="quick")


def test_a_whole_network():
    def names(network):
        return {
            f"{i}.linear.{k}": f"layers.{i}.{n}"
            for i in range(network.depth)
            for k, n in (("weight", "W"), ("bias", "b"))
        }

    @subject(parameters=names, call="step", per="network", online=True)
    def lif(network):
        return torch.nn.Sequential(*map(Online, network.layers))

    assert worst(lif, case("sltt")) <= 1


def test_what_the_graph_never_reaches_is_zero():
    @subject(parameters={"weight": "W", "free": "H", "bias": "b"})
    def linear(layer):
        module = torch.nn.Linear(layer.inputs, layer.units)
        module.free = torch.nn.Parameter(torch.zeros(layer.units, layer.units))
        return module

    _, gradients, _ = linear(case("rnn", 1).problem)
    assert not gradients["layers.0.H"].any()
    assert gradients["layers.0.W"].any()


def test_a_shape_that_does_not_fit_is_said():
    @subject(parameters={"weight": transposed("W"), "bias": "b"})
    def linear(layer):
        return torch.nn.Linear(layer.inputs, layer.units)

    narrow = generate(
        Spec("rnn", 1, "squared_error", "every", "bounded"),
        Claim(rule="bptt", cells="rnn", options={"recurrent": False, "activation": "tanh"}),
    )
    with pytest.raises(GradcertError, match=r"weight has shape \(4, 3\) and is given \(3, 4\)"):
        linear(narrow.problem)


@pytest.mark.parametrize(
    "options", [{"call": "steps"}, {"per": "cell"}, {"online": True}, {"online": True, "call": "sequence"}]
)
def test_options_are_checked_before_anything_runs(options):
    with pytest.raises(GradcertError, match="allowed"):
        subject(lambda layer: None, parameters={}, **options)


def test_the_default_dtype_is_given_back():
    before = torch.get_default_dtype()
    test_step_by_step_with_a_state()

    @subject(parameters={})
    def broken(layer):
        assert torch.get_default_dtype() == torch.float64
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        broken(case("rnn").problem)
    assert torch.get_default_dtype() == before


def test_inputs_are_copied():
    @subject(parameters={"weight": "W", "bias": "b"}, call=lambda module, x, _: (module(x.clone()), x.zero_()))
    def overwritten(layer):
        return torch.nn.Linear(layer.inputs, layer.units)

    what = generate(
        Spec("rnn", 1, "squared_error", "every", "bounded"),
        Claim(rule="bptt", cells="rnn", options={"recurrent": False, "activation": "tanh"}),
    )
    before = what.problem.inputs.copy()
    overwritten(what.problem)
    assert np.array_equal(before, what.problem.inputs)
