"""The equations that were read are those of a cell written by hand: every rule gives the same gradients on both."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from strangers import HIDDEN, INPUTS, LIBRARY, OUTPUTS, OWN  # noqa: E402

from gradcert.models.reading import read  # noqa: E402
from gradcert.reference import Integrator, Layer, Lif, Lstm, Network, Surrogate, reverse  # noqa: E402
from gradcert.reference.engines import gamma  # noqa: E402
from gradcert.reference.rules import rule_named  # noqa: E402

FAST = Surrogate("fast_sigmoid", slope=10.0)
BETA = float(np.float32(0.9))  # snnTorch keeps beta in a float32 buffer
HID = {"W": "fc_weight", "b": "fc_bias"}
OUT = {"W": "out_weight", "b": "out_bias"}
GATES = {"i": "0_5", "f": "5_10", "g": "10_15", "o": "15_20"}


def lif(**options):
    return Lif(**{"leak": 0.9, "threshold": 1.0, "strict": True, "surrogate": FAST, **options})


def lstm():
    weights = {f"{k}_{g}": f"weight_{w}_{rows}" for g, rows in GATES.items() for k, w in (("W", "ih"), ("H", "hh"))}
    return {**weights, **{f"b_{g}": f"bias_ih_{rows}+bias_hh_{rows}" for g, rows in GATES.items()}}


HAND = {
    "lif": [
        (lif(reset="subtract_after_leak", recurrent=True), {**HID, "H": "rec_weight"}),
        (Integrator(kappa=0.8), OUT),
    ],
    "masked_fill": [(lif(reset="hard", threshold=0.5), HID), (Integrator(kappa=0.0), OUT)],
    "straight-through": [
        (
            lif(reset="subtract_after_leak", recurrent=True, surrogate=Surrogate("sigmoid", scale=4.0)),
            {**HID, "H": "rec_weight"},
        ),
        (Integrator(kappa=0.8), OUT),
    ],
    "hard and soft": [
        (
            lif(reset="subtract_after_leak", recurrent=True, surrogate=Surrogate("sigmoid", scale=4.0)),
            {**HID, "H": "rec_weight"},
        ),
        (Integrator(kappa=0.8), OUT),
    ],
    "snntorch.Leaky zero": [
        (lif(leak=BETA, reset="hard", surrogate=Surrogate("atan", scale=2.0)), HID),
        (Integrator(kappa=0.0), OUT),
    ],
    "snntorch.RLeaky zero": [
        (
            lif(leak=BETA, reset="hard_with_input", recurrent=True, surrogate=Surrogate("atan", scale=2.0)),
            {"W": "fc_weight", "H": "neuron_recurrent_weight", "b": "fc_bias+neuron_recurrent_bias"},
        ),
        (Integrator(kappa=0.0), OUT),
    ],
    "spikingjelly.LIFNode": [
        (
            lif(leak=0.5, reset="hard", gain="one_minus_leak", strict=False, surrogate=Surrogate("sigmoid", scale=4.0)),
            HID,
        ),
        (Integrator(kappa=0.0), OUT),
    ],
    "nn.LSTMCell": [(Lstm(), lstm())],
}


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("name", HAND)
def test_every_rule_gives_the_gradients_of_the_hand_written_cell(name):
    if name in LIBRARY:
        pytest.importorskip(name.partition(".")[0])
    module, x, options = {**OWN, **LIBRARY}[name]()
    made = read(module, x, **options).network()
    layers, width = [], INPUTS
    for cell, _ in HAND[name]:
        units = OUTPUTS if isinstance(cell, Integrator) else HIDDEN
        layers.append(Layer(cell, width, units))
        width = units
    hand = Network(tuple(layers))
    p = made.arrays(dict(module.named_parameters()))
    theirs = {
        f"layers.{i}.{local}": sum(p[f"layers.{i}.{part}"] for part in names.split("+"))
        for i, (_, to) in enumerate(HAND[name])
        for local, names in to.items()
    }
    rng = np.random.default_rng(0)
    inputs = 1.5 * rng.standard_normal((12, 2, INPUTS))
    targets = rng.standard_normal((12, 2, layers[-1].units))
    own = {k: p[k] for k in made.full.shapes()}
    for rule in ("bptt", "ostl", "e-prop", "ottt", "tbptt(3)"):
        got = reverse.gradients(made.full, own, inputs, targets, rule=rule_named(rule))
        want = reverse.gradients(hand, theirs, inputs, targets, rule=rule_named(rule))
        for i, (_, to) in enumerate(HAND[name]):
            for local, names in to.items():
                for part in names.split("+"):
                    mine, other = got[f"layers.{i}.{part}"], want[f"layers.{i}.{local}"]
                    # 12 steps, at most 30 roundings each on a path, and sums of 24 terms; nothing cancels by much
                    assert np.abs(mine - other).max() <= gamma(12 * 30 + 24) * 100 * max(np.abs(other).max(), 1e-6), (
                        rule
                    )
