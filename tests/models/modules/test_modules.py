"""Modules as subjects: what they claim, at which sizes, and that their own gradients are the reference's."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "reading")]
import strange  # noqa: E402
import strangers  # noqa: E402

from gradcert.certify.campaign import certify  # noqa: E402
from gradcert.certify.claims import from_dict  # noqa: E402
from gradcert.certify.judging import acceptance  # noqa: E402
from gradcert.certify.problems import plan  # noqa: E402
from gradcert.certify.runs import Task, prepare  # noqa: E402
from gradcert.certify.subjects import Answer  # noqa: E402
from gradcert.certify.subjects.modules import keep  # noqa: E402
from gradcert.models.modules import ModuleSubject, UnreadError  # noqa: E402
from gradcert.reference import GradcertError  # noqa: E402

ALL = {**strangers.OWN, **strangers.LIBRARY}
# what a claim cannot say, or no independent parameters can be given to, and why
NOT = {
    "snntorch tutorial, constant input": "loops over one input",
    "spikingjelly.QIFNode": "states that do not begin with zeros: layers.0.v",
}
NO_ROW = ("no_grad and .data", "snntorch.Leaky subtract, no delay")
CHOSEN = (
    "lif", "alif", "where", "loop inside", "in place", "straight-through", "hard and soft", "counter", "current",
    "concatenated", "skip",
    "feedback", "populations", "trained leak and threshold", "nn.LSTM", "LSTM over sequences",
    "snntorch.Leaky subtract",
    "snntorch max pooling", "snntorch.RLeaky zero", "snntorch.Leaky trained", "snntorch.Synaptic", "snntorch tutorial",
    "spikingjelly.LIFNode detached", "spikingjelly.ParametricLIFNode", "convolution", "max pooling",
    "layer normalisation", *NO_ROW, *NOT,
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def wrong(subject, index=0, **changed):
    """What is wrong with the answer of a subject to one generated problem, under its own claim."""
    told = subject.told
    keep(told.cells)
    claim = from_dict({**told.spec, **changed})
    spec = plan(claim, "quick")[index]
    case = prepare(Task(spec, claim, 0)).case
    answer = subject(case.problem)
    loss, gradients, outputs = answer if isinstance(answer, tuple) else (None, answer, None)
    found = Answer(gradients=gradients, loss=None if loss is None else np.array(loss), outputs=outputs)
    return acceptance.first_wrong(case, found, claim)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_module_that_nobody_wrote_for_this_computes_what_it_claims(name):
    if name in strangers.LIBRARY:
        pytest.importorskip(name.partition(".")[0].partition(" ")[0])
    module, x, options = ALL[name]()
    time = options.get("time")
    given = tuple(x.shape) if x.dim() != 2 or time == "inside" else None
    subject = ModuleSubject(module, example=given, time=time)
    if name in NOT:
        with pytest.raises(UnreadError, match=NOT[name]):
            _ = subject.told
        return
    assert bool(subject.told.spec["rule"]) == (name not in NO_ROW)
    rule = {} if subject.told.spec["rule"] else {"rule": "bptt"}
    assert bool(wrong(subject, **rule)) == (name in NO_ROW)  # which cut what BPTT keeps


@pytest.mark.long
def test_every_size_is_an_argument():
    subject = ModuleSubject(strange.Lif)
    assert subject.told.controls == ("inputs", "hidden", "outputs")
    assert "sizes" not in subject.told.spec
    assert subject.told.spec["rule"] == "bptt-detached-reset"
    assert subject.told.spec["layers"][1] == {
        "cell": "integrator", "options": {"kappa": 0.8, "gain": "one", "bias": True}
    }  # fmt: skip
    assert not wrong(subject)
    assert not wrong(subject, dtype="float32")


@pytest.mark.long
def test_one_argument_for_two_sizes_fixes_small_ones_and_says_so():
    subject = ModuleSubject(functools.partial(strange.Right, 50, 70))
    assert subject.told.spec["sizes"] == [3, 4, 4]
    assert "judged at sizes 3, 4, 4 alone" in subject.told.notes[0]
    assert not wrong(subject)


def test_a_module_without_arguments_is_judged_at_its_own_size():
    subject = ModuleSubject(strange.factory)
    assert subject.told.spec["sizes"] == [3, 4]
    assert not wrong(subject)


def test_a_wrong_backward_is_none_of_the_reading():
    assert ModuleSubject(strange.Rnn).told.spec["rule"] == "bptt"  # with arguments that were tried
    assert "gradient of" in wrong(ModuleSubject(strange.Rnn))[0].reason


@pytest.mark.long
def test_a_hook_is_judged_not_refused():
    found = wrong(ModuleSubject(strange.Hooked))[0].reason
    assert found.startswith("the gradient of layers.0.rec_weight is wrong")


class HookedPart(torch.nn.Module):
    """A recurrent layer with a backward hook on its weights that is left on."""

    def __init__(self, inputs=3, units=4):
        super().__init__()
        self.a, self.r = torch.nn.Linear(inputs, units), torch.nn.Linear(units, units)
        self.r.register_full_backward_hook(lambda part, its, back: (its[0] * 0.5,) if its[0] is not None else None)

    def forward(self, x, h):
        h = torch.tanh(self.a(x) + self.r(h))
        return h, h


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # in the first step, whose state is fixed
def test_a_hook_of_a_part_is_judged_and_its_state_found():
    found = wrong(ModuleSubject(HookedPart))[0].reason
    assert found.startswith("the gradient of layers.0.")


def test_a_number_of_every_channel_is_one_parameter():
    subject = ModuleSubject(strange.Channels, example=(2, 1, 3, 3))
    first = subject.told.spec["network"]["populations"][0]
    assert sorted(first["shared"]) == ["conv_bias[3]", "leak[3]"]
    assert not wrong(subject)
    hooked = ModuleSubject(functools.partial(strange.Channels, mean=True), example=(2, 1, 3, 3))
    assert "conv_bias is wrong" in wrong(hooked)[0].reason


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_number_that_is_made_of_a_size_fixes_the_sizes(dtype):
    """The same equations at all sizes would have other numbers than the module, which is right."""
    subject = ModuleSubject(strange.Sized)
    assert subject.told.spec["sizes"] == [12, 8, 4]  # those that it was asked for
    assert "its code has numbers, or branches, that are others at other sizes" in " ".join(subject.told.notes)
    assert not wrong(subject, dtype=dtype)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (5, 4, 3)])
def test_a_size_that_happens_to_be_one_that_is_tried(sizes):
    subject = ModuleSubject(functools.partial(strange.Coincident, *sizes))
    assert subject.told.spec["sizes"] == list(sizes)


def test_what_cuts_a_parameter_is_no_row():
    subject = ModuleSubject(strange.CutsItsThreshold)
    assert subject.told.spec["rule"] == ""
    assert wrong(subject, rule="bptt") and wrong(subject, rule="bptt-detached-reset")


@pytest.mark.long(keep=1)
def test_layer_normalisation_of_what_other_populations_give():
    assert not wrong(ModuleSubject(strange.NormalisedSpikes))


def test_a_number_that_is_made_of_the_samples_fixes_them():
    subject = ModuleSubject(strange.PerSample)
    assert subject.told.spec["B"] == 2 and "samples: its code says another thing" in subject.told.notes[-1]
    assert not wrong(subject)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(
    "built",
    [strange.Normalised, functools.partial(strange.Normalised, by_hand=True), strange.Inhibited, strange.Rms],
    ids=["LayerNorm", "by hand", "sum", "root mean square"],
)
def test_a_mean_over_units_is_a_weight_that_nobody_trains(built):
    subject = ModuleSubject(built)
    first = subject.told.spec["network"]["populations"][0]
    assert {s["kind"] for s in first["synapses"].values()} == {"mean"}
    assert not wrong(subject)


@pytest.mark.long
def test_a_wrong_gradient_beside_a_mean_is_seen():
    found = wrong(ModuleSubject(functools.partial(strange.Normalised, wrong=True)))
    assert "norm_weight is wrong" in found[0].reason


def test_an_rms_norm_without_an_eps_is_another_function_in_every_format():
    with pytest.raises(GradcertError, match=r"without an eps of its own.*RMSNorm\(n, eps=1e-6\)"):
        _ = ModuleSubject(strange.RmsNorm).told


@pytest.mark.parametrize("threshold", [0.3, 6.0, -0.25])
def test_a_spike_with_its_threshold_inside(threshold):
    subject = ModuleSubject(functools.partial(strange.ThresholdInside, threshold))
    told, level = subject.told, f"{threshold:g}"
    assert f"threshold = {threshold}" in next(iter(told.cells.values()))
    formula = f"where(abs(x + {level} - {level}) > 0.5, 0, 1) * (1 + 0.1 * (x + {level} - {level}))"
    assert told.spec["options"]["surrogate"]["formula"] == formula
    assert not told.spec["options"]["strict"]
    assert not wrong(subject)
    halved = ModuleSubject(functools.partial(strange.ThresholdInside, threshold, wrong=True))
    assert "fc_weight" in wrong(halved)[0].reason


@pytest.mark.parametrize("layer", [torch.nn.PReLU, torch.nn.LeakyReLU])
def test_the_slope_below_0_is_that_at_0(layer):
    from gradcert.models.reading import read

    module = torch.nn.Sequential(torch.nn.Linear(3, 2), layer()).double()
    written = read(module, torch.randn(2, 3).double()).network()
    x = torch.zeros(1, requires_grad=True)
    layer()(x).sum().backward()
    assert x.grad.item() > 0  # in PyTorch
    assert "relu_off_at_zero(a) - " in written.equations[0]["z"]
    assert "* relu(-a)" in written.equations[0]["z"]


def test_a_reading_whose_spikes_are_elsewhere_is_refused(monkeypatch):
    from gradcert.models.reading import read
    from gradcert.models.reading.pytorch import functions

    monkeypatch.setattr(functions, "jump_of", lambda values: (0.0, True))
    with pytest.raises(GradcertError, match="a spike that the equations read do not have"):
        read(strange.ThresholdInside(0.3).double(), torch.randn(2, 5).double()).network()


IMAGES = {
    "lines": ("Lines", (2, 2, 8)),
    "channels apart": ("Apart", (2, 2, 4, 4)),
    "groups": ("Grouped", (2, 1, 3, 3)),
    "instances": ("Instances", (2, 1, 3, 3)),
    "adaptive": ("Adaptive", (2, 1, 4, 4)),
    "pixels": ("Pixels", (2, 1, 4, 4)),
    "windows that overlap": ("Overlapping", (2, 1, 4, 4)),
    "attention": ("Attention", (2, 1, 3, 3)),
    "gates of a convolution": ("ConvLstm", (2, 1, 3, 3)),
}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(("name", "example"), IMAGES.values(), ids=IMAGES)
def test_convolutions_normalisations_and_poolings_of_images(name, example):
    subject = ModuleSubject(getattr(strange, name), example=example)
    assert subject.told.spec["rule"] == "bptt"
    assert not wrong(subject)
    off = ModuleSubject(functools.partial(getattr(strange, name), wrong=True), example=example)
    assert "conv_weight" in wrong(off)[0].reason


@pytest.mark.parametrize(("pool", "what"), [("border", "divides by another number"), ("uneven", "different sizes")])
def test_poolings_whose_windows_differ_are_refused(pool, what):
    with pytest.raises(GradcertError, match=what):
        _ = ModuleSubject(functools.partial(strange.Pixels, pool=pool), example=(2, 1, 5, 5)).told


def test_one_unit_that_inhibits_all():
    subject = ModuleSubject(functools.partial(strange.Inhibitor, 5, 4))
    kinds = [s["kind"] for c in subject.told.spec["network"]["connections"] for s in c.get("synapses", ())]
    assert {"repeat", "avgpool"} <= set(kinds)
    assert not wrong(subject)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("built", [strange.StoresItsReset, strange.MovingThreshold], ids=["stored", "threshold"])
def test_a_mean_of_spikes_and_one_in_a_threshold(built):
    subject = ModuleSubject(built)
    assert subject.told.spec["rule"] == "bptt-detached-reset"
    assert not wrong(subject)
    assert wrong(subject, rule="bptt")


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(
    "built",
    [functools.partial(strange.Rms, read="cat"), strange.Rate],
    ids=["beside the units", "that leaves the step"],
)
def test_a_mean_over_units_is_one_number_where_it_is_read_as_one(built):
    subject = ModuleSubject(built)
    assert not wrong(subject)


def test_a_mean_that_comes_back_within_the_step_is_refused():
    with pytest.raises(GradcertError, match="a cycle within one step"):
        _ = ModuleSubject(functools.partial(strange.Rms, read="mm")).told


@pytest.mark.long
def test_a_missing_detach_under_the_rule_that_has_it():
    subject = ModuleSubject(strange.Forgets)
    assert subject.told.spec["rule"] == "bptt"
    assert not wrong(subject)
    assert wrong(subject, rule="bptt-detached-reset")


@pytest.mark.long
def test_a_pseudo_derivative_of_ones_own_is_a_formula_in_the_claim():
    subject = ModuleSubject(strange.OwnPsi)
    options = subject.told.spec["options"]
    assert options["surrogate"]["given"] == "strange.py:Own"
    assert "exp(" in options["surrogate"]["formula"]
    assert not wrong(subject)
    assert wrong(subject, options={**options, "surrogate": "atan"})


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (strange.Large, "Large at sizes 784, 10; allowed: sizes that are arguments, or up to 100"),
        (strange.Tied, "a.weight is used at several places"),
        (strange.Branch, "the step branches at strange.py:"),
        (strange.needs, r"building needs\(name=5\) raised ValueError: 5; to fix it: say its arguments"),
        (functools.partial(strange.Lif, 1, 2, 3, 4, 5, 6), "the arguments of Lif: too many positional arguments"),
        (strange.three, "three returns a int; allowed: a torch.nn.Module"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(found, sentence):
    with pytest.raises(UnreadError, match=sentence):
        _ = ModuleSubject(found).told


@pytest.mark.long
def test_no_row():
    assert ModuleSubject(strange.Unnamed).told.spec["rule"] == ""


class OnOnePath(torch.nn.Module):
    """A trained decay and threshold at two places each, detached at one of them, below a function or above it."""

    def __init__(self, inputs=3, units=4, decay="", threshold=False):
        super().__init__()
        self.fc, self.tau = torch.nn.Linear(inputs, units), torch.nn.Parameter(torch.randn(units))
        self.th, self.decay, self.threshold = torch.nn.Parameter(torch.ones(units)), decay, threshold

    def forward(self, x, state=None):
        v, z = state if state is not None else (x.new_zeros(len(x), len(self.th)),) * 2
        a = torch.sigmoid(self.tau)
        b = {"": a, "above": a.detach(), "below": torch.sigmoid(self.tau.detach())}[self.decay]
        th = self.th.detach() if self.threshold else self.th
        v = a * v + (1 - b) * self.fc(x) - th * z.detach()
        z = strangers.fire(v - self.th, 10.0)
        return z, (v, z)


@pytest.mark.parametrize(
    ("cut", "parameter"),
    [({}, None), ({"decay": "above"}, "leak"), ({"decay": "below"}, "leak"), ({"threshold": True}, "threshold")],
)
def test_a_parameter_that_is_detached_on_one_path_is_one_parameter_and_refuted(cut, parameter):
    subject = ModuleSubject(functools.partial(OnOnePath, **cut))
    found = wrong(subject, rule="bptt-detached-reset")
    assert not found if parameter is None else parameter in str(found)
    assert {part.name.rpartition(".")[2] for part in subject.read((3, 4))[0].parts} >= {"leak", "threshold"}


class TrainedThreshold(torch.nn.Module):
    """A potential in units of a threshold that is trained, and detached in the reset."""

    def __init__(self, inputs=3, units=4):
        super().__init__()
        self.fc, self.th = torch.nn.Linear(inputs, units, bias=False), torch.nn.Parameter(torch.rand(units) + 0.3)

    def forward(self, x, state):
        v, z = state
        v = 0.9 * v + self.fc(x) - z * self.th.detach()
        z = strangers.fire(v / self.th - 1, 10.0)
        return z, (v, z)


def test_a_cause_says_what_the_user_calls_a_parameter_that_the_claim_names_otherwise():
    found = certify(functools.partial(TrainedThreshold, 3, 4), profile="quick")
    said = "layers.0.leak of the claim is th in the code, at test_modules.py:"
    assert any(note.startswith(said) for note in found.notes)
    assert f"v<-leak 0; {said}" in found.reason


def test_a_name_that_is_the_users_is_not_said_again():
    notes = ModuleSubject(functools.partial(OnOnePath)).told.notes
    assert any("layers.0.leak of the claim is made of tau in the code" in note for note in notes)
    assert not any("fc.weight" in note for note in notes)
