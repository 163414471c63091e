"""Labels of what keeps spikes: a register hands a spike on, a trace filters it; and which labels are conventions."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from strangers import BATCH, HIDDEN, INPUTS, OUTPUTS, fire, zeros  # noqa: E402
from torch import nn  # noqa: E402

from gradcert.certify.campaign.claimed import CONVENTION, matter  # noqa: E402
from gradcert.certify.claims import Claim  # noqa: E402
from gradcert.models.modules import ModuleSubject  # noqa: E402
from gradcert.models.reading import read  # noqa: E402
from gradcert.reference.networks import Edge  # noqa: E402

X = 1.5 * torch.ones(BATCH, INPUTS)


class Base(nn.Module):
    def __init__(self, inputs=INPUTS, hidden=HIDDEN, outputs=OUTPUTS):
        super().__init__()
        self.fc, self.rec = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, outputs)


class Late(Base):
    """The spikes of the last two steps take from the potential."""

    def forward(self, x, state):
        v, one, two = state
        v = 0.9 * v + self.fc(x) - 0.5 * one - two
        z = fire(v - 1.0, 10.0)
        return self.out(z), (v, two, z)


class Refractory(Base):
    def forward(self, x, state):
        v, one, two = state
        v = 0.9 * v + self.fc(x)
        z = fire(v - 1.0, 10.0) * (1 - one - two)
        return self.out(z), (v, z, one)


class Threshold(Base):
    """The spike of two steps ago raises the threshold."""

    def forward(self, x, state):
        v, one, two = state
        v = 0.9 * v + self.fc(x)
        z = fire(v - (1.0 + 0.5 * two), 10.0)
        return self.out(z), (v, z, one)


class Axon(Base):
    """Lateral weights three steps late, in a shift register whose newest entry is the reset, kept."""

    def forward(self, x, state):
        v, first, second, last = state
        v = 0.9 * v + self.fc(x) + self.rec(first.detach()) - last
        z = fire(v - 1.0, 10.0)
        return self.out(z), (v, second, last, z)


class Trace(Base):
    """Spikes filtered into what takes from the potential."""

    def forward(self, x, state):
        v, c, z = state
        c = 0.8 * c + z
        v = 0.9 * v + self.fc(x) - 0.5 * c
        z = fire(v - 1.0, 10.0)
        return self.out(z), (v, c, z)


def labels(kind, states=3):
    record = read(kind(), X, zeros(*[HIDDEN] * states)).to_dict()
    assert record["backward"] is not None, record["notes"]
    return [e for layer in record["layers"] for e in layer["edges"] if e["label"] != "space"], record["backward"]


@pytest.mark.parametrize("kind", [Late, Refractory])
def test_a_register_that_a_potential_or_a_spike_reads_hands_the_reset_on(kind):
    edges, rows = labels(kind)
    assert {e["label"] for e in edges if e["source"].strip("'") != "v"} == {"reset"}
    assert "e-prop" not in rows and "bptt-detached-reset" not in rows and "bptt" in rows


def test_a_register_that_a_threshold_reads_is_an_adaptation():
    edges, rows = labels(Threshold)
    assert {e["label"] for e in edges if e["source"].strip("'") != "v"} == {"adaptation"}
    assert "e-prop" in rows


def test_a_shift_register_that_is_read_twice_says_that_its_label_is_a_convention():
    edges, rows = labels(Axon, 4)
    (first,) = [e for e in edges if e["source"] == "z'"]
    assert first["label"] == "reset" and "not the potential alone" in first["by_convention"]
    assert "e-prop" not in rows
    assert {e["label"] for e in edges if "through" in e or e["target"] == "c_2"} == {"recurrent"}


def test_a_trace_that_decays_stays_an_adaptation_by_convention():
    edges, rows = labels(Trace)
    (spike,) = [e for e in edges if e["source"] == "z'"]
    assert (spike["label"], spike["could_be"]) == ("adaptation", ["reset", "state"])
    assert "e-prop" in rows


def test_a_claim_says_the_convention_that_its_rule_rests_on():
    subject = ModuleSubject(Trace, example=(BATCH, INPUTS), state=zeros(*[HIDDEN] * 3))
    (note,) = [note for note in subject.told.notes if CONVENTION.match(note)]
    assert "z' -> c of layer 0 is ADAPTATION (or RESET, or STATE): a spike to a state that acts on" in note
    kept = {
        rule: matter([note, "another"], Claim(rule, "snu"))
        for rule in ("e-prop", "bptt-detached-reset", "bptt", "sltt")
    }
    assert kept == {
        "e-prop": [note, "another"],
        "bptt-detached-reset": [note, "another"],
        "bptt": ["another"],
        "sltt": ["another"],
    }


def test_every_label_that_a_convention_may_be_is_an_edge():
    from gradcert.models.reading.labels import OTHERWISE

    assert {name.upper() for others in OTHERWISE.values() for name in others} <= set(Edge.__members__)
