"""Families for each alternative of a claim; one that cannot be drawn is replaced, and the note says so."""

from dataclasses import dataclass

import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.problems import Spec, generate, plan
from gradcert.certify.problems.cases import generate as module
from gradcert.certify.problems.cases import scale
from gradcert.certify.problems.cases.draw import latency
from gradcert.reference import RULES, Edge, Link, Surrogate
from gradcert.reference.engines import reverse
from gradcert.reference.networks.cells.elsewhere import FOUND
from gradcert.reference.numbers import spike


@pytest.mark.parametrize("transfer", [["relu", "tanh"], ["tanh", "relu"]])
def test_each_alternative_has_its_own_families(transfer):
    claim = Claim(rule="ostl", cells="snu", depths=1, options={"transfer": transfer})
    cases = [generate(spec, claim) for spec in plan(claim) if spec.family in ("dyadic", "bounded")]
    assert None not in cases
    assert len({case.id for case in cases}) == len(cases) == 8
    seen = {(case.spec.family, case.spec.instead, case.problem.network.layers[0].cell.transfer) for case in cases}
    both = {("bounded", "", "relu"), ("bounded", "", "tanh")}
    assert seen == {("dyadic", "", "relu"), ("bounded", "dyadic", "tanh"), *both}


def test_the_note_says_so():
    def subject(problem):
        return reverse.gradients(
            problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["ostl"]
        )

    claim = Claim(rule="ostl", cells="snu", depths=1, losses="squared_error", options={"transfer": ["relu", "tanh"]})
    found = certify(subject, claim=claim)
    assert found.verdict == "certified", found.reason
    name = "snu/1/squared_error-last/dyadic/0"
    assert f"{name} is a bounded case, because no dyadic one can be drawn" in found.notes
    assert {c.id: c.family for c in found.cases}[name] == "bounded"


@pytest.mark.parametrize("cell", ["snu", "lif", "alif"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_pseudo_derivative_that_is_not_dyadic(cell, dtype):
    triangle = {"name": "triangle", "scale": 0.3, "width": 1.0}
    claim = Claim(rule="ostl", cells=cell, dtype=dtype, depths=2, options={"surrogate": triangle})
    for spec in plan(claim, "quick"):
        assert generate(spec, claim) is not None, spec.id


def test_what_is_never_drawn_is_replaced(monkeypatch):
    claim = Claim(rule="ostl", cells="snu", depths=1)
    for made, spec in (
        (generate, Spec("snu", 1, "squared_error", "every", "dyadic")),
        (scale.generate, Spec("snu", 1, "squared_error", "every", "scale", 0)),
    ):
        monkeypatch.setattr(module, "_spikes", lambda tape: ([0.5], 0))  # no draw ever has a tie
        monkeypatch.setattr(scale, "envelope", lambda *_: None)
        case = made(spec, claim)
        assert (case.spec.family, case.spec.instead, case.id) == ("bounded", spec.family, spec.id)


TRIANGLE = Surrogate("triangle")


@dataclass(frozen=True)
class Stork:
    """A neuron as stork has it: the input reaches a synaptic current a step late, and that the potential."""

    name = "late.py:Stork"
    leak: float = 0.9
    threshold: float = 1.0
    surrogate: Surrogate = TRIANGLE
    nodes = ("i", "v", "z")
    links = (
        Link("i", "x", lag=1, edge=Edge.STATE, weight="W"),
        Link("v", "i", lag=1, edge=Edge.STATE),
        Link("v", "v", lag=1, edge=Edge.STATE),
        Link("v", "z", lag=1, edge=Edge.RESET),
        Link("z", "v"),
    )
    uses = ()
    trained = ()

    def constants(self):
        return {"leak": self.leak, "threshold": self.threshold}

    def step(self, n, p, drive, prev):
        v = p["leak"] * prev["v"] + prev["i"] - p["threshold"] * prev["z"]
        return {"i": drive("i"), "v": v, "z": n.apply(spike(self.surrogate), v - p["threshold"])}

    def factors(self, n, p, prev, now):
        psi = n.slope(spike(self.surrogate), now["v"] - p["threshold"])
        return dict(zip(self.links[1:], (1, p["leak"], -p["threshold"], psi), strict=True))


def test_neurons_whose_input_is_late_get_longer_sequences(monkeypatch):
    monkeypatch.setitem(FOUND, Stork.name, Stork)
    claim = Claim(rule="bptt", cells=Stork.name, dtype="float32", losses="squared_error", when="last")
    specs = plan(claim, "quick")
    assert {latency(claim, spec) for spec in specs} == {2, 4}
    for spec in specs:
        case = generate(spec, claim)
        assert len(case.problem.inputs) >= 6 + latency(claim, spec)
        assert not case.spec.instead
    monkeypatch.setattr(module, "latency", lambda claim, spec: 0)  # as it was: a spike comes too late to matter
    assert generate(specs[-1], claim) is None
