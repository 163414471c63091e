"""What a loop's own detach makes of a row: chunks are named with their length, a cut in one layer with its line."""

import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from pathlib import Path  # noqa: E402

import gradcert  # noqa: E402
from gradcert.reference.networks import Edge  # noqa: E402
from gradcert.reference.rules import Rule, rule_named  # noqa: E402
from gradcert.watching import loop  # noqa: E402
from gradcert.watching.causes.chunks import chunked, followed, in_chunks  # noqa: E402
from gradcert.watching.causes.named import _changed, cause  # noqa: E402
from gradcert.watching.kept.again import judged  # noqa: E402
from gradcert.watching.kept.stored import read  # noqa: E402
from gradcert.watching.measured.verdict import measured  # noqa: E402
from scripts.watch_faults.trainers import HIDDEN, INPUTS, OUTPUTS, Net, Spike, batch, mean_of_steps  # noqa: E402


def detached(state):
    return tuple(part.detach() for part in state)


def judgements(net, chunk=None, steps=1, quiet=(), folder=".gradcert", **options):
    """What is found in a loop that cuts every state between chunks; batches in `quiet` make no spikes."""
    with gradcert.watch(net, every=1, loss=mean_of_steps, folder=str(folder), **options) as watching:
        for k in range(steps):
            x, y = batch(k)
            net.zero_grad()
            state, outputs = None, []
            for t, x_t in enumerate(x * (0 if k in quiet else 1)):
                if chunk and t and t % chunk == 0:
                    state = detached(state)
                out, state = net(x_t, state)
                outputs.append(out)
            mean_of_steps(torch.stack(outputs), y).backward()
            watching.step(x, y)
    return watching


@pytest.fixture
def evidence(monkeypatch):
    """What is known of a step of a net, and the allowance of a claim's parameters."""
    torch.manual_seed(0)
    seen = []
    gathered = loop.gathered
    monkeypatch.setattr(loop, "gathered", lambda *given: seen.append(gathered(*given)) or seen[-1])
    judgements(Net(), rule="bptt-detached-reset")
    return seen[0], lambda rule: measured(seen[0], rule, seen[0].gradients(rule), "float32", {})


def said(evidence, rule, given):
    found, allowed = evidence
    return cause(replace(found, given=given), rule, found.gradients(rule), allowed(rule))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("detach", "name"), [(True, "tbptt-chunks(4) - reset"), (False, "tbptt-chunks(4)")])
def test_a_truncated_loop_is_named_with_its_length(detach, name):
    torch.manual_seed(0)
    watching = judgements(Net(detached=detach), chunk=4)
    assert watching.judgements[0].rows == (name,) and watching.report().startswith("1 judged, 1 named\nstep 0: the ")
    torch.manual_seed(0)
    assert judgements(Net(detached=detach), chunk=4, rule=name).judgements[0].verdict == "right"


@pytest.mark.long
@pytest.mark.parametrize("at_once", [True, False])
def test_backward_for_every_chunk(at_once):
    """One step of training for all chunks is truncated BPTT; one for each is BPTT from a state that is not zero."""
    torch.manual_seed(0)
    net, (x, y), state = Net(), batch(0), None
    rule = "tbptt-chunks(5) - reset" if at_once else "bptt-detached-reset"
    with gradcert.watch(net, every=1, rule=rule) as watching:
        for part in x.split(5):
            outputs = []
            for x_t in part:
                out, state = net(x_t, state)
                outputs.append(out)
            mean_of_steps(torch.stack(outputs), y).backward()
            state = detached(state)
            if not at_once:
                watching.step(x, y)
                net.zero_grad()
        found = [watching.step(x, y)] if at_once else watching.judgements
    assert [j.verdict for j in found] == ["right"] * (1 if at_once else 2)
    assert ["began from a state" in " ".join(j.notes) for j in found] == [False, True][: len(found)]


@pytest.mark.long
def test_it_is_named_against_a_claim(tmp_path):
    torch.manual_seed(0)
    found = judgements(Net(), chunk=7, rule="bptt-detached-reset", folder=tmp_path).judgements[0]
    assert found.cause == "the gradients of tbptt-chunks(7) - reset, not of bptt-detached-reset"
    assert judged(read(Path(found.file))).cause == found.cause


@pytest.mark.long
def test_a_batch_without_a_spike_does_not_decide_what_the_next_one_may_be_off():
    torch.manual_seed(0)
    net = Net()
    torch.nn.init.zeros_(net.fc.bias)
    first, second = judgements(net, chunk=4, steps=2, quiet=(0,)).judgements
    assert first.parameters["rec.weight"].allowed == 0 < second.parameters["rec.weight"].allowed
    assert second.rows == ("tbptt-chunks(4) - reset",)


def test_chunks_have_the_names_of_rules():
    row = in_chunks(rule_named("bptt-detached-reset"), 3)
    assert row.own == rule_named(row.name).own and row.chunk == rule_named(row.name).chunk == 3


def test_a_factor_of_nothing_is_an_edge_that_is_cut(evidence):
    found, _ = evidence
    bptt = rule_named("bptt")
    for edge, layer in ((Edge.STATE, 0), (Edge.STATE, None), (Edge.RECURRENT, None)):

        def cut(number, link, edge=edge, layer=layer):
            return link.edge is edge and layer in (None, number)

        which = f"{edge.value} edges" + (f" of layer {layer}" if layer is not None else "")
        assert (
            said(evidence, "bptt", followed(found, "bptt", bptt, cut)) == f"the claimed gradients without the {which}"
        )


@pytest.mark.long
def test_a_factor_is_a_decay_only_where_it_is_one(evidence):
    found, _ = evidence

    def with_state_times(share):
        def scaled(_, factors):
            return {k: f * share if getattr(k, "edge", None) is Edge.STATE else f for k, f in factors.items()}

        return found.gradients("bptt", lambda run, delta: _changed(run, delta, "bptt", found, scaled))

    assert said(evidence, "bptt", with_state_times(0.7)).endswith(
        "with the state edges times 0.7: another decay than the forward pass has"
    )
    noise = np.random.default_rng(0)
    for share in (-0.3, -1e-6, 1e-6):
        given = {k: v * noise.uniform(0.999, 1.001, v.shape) for k, v in with_state_times(share).items()}
        assert "decay" not in said(evidence, "bptt", given)
    assert "most like the claimed gradients without the state edges" in said(evidence, "bptt", given)


def test_a_cut_that_is_not_one_is_nobodys(evidence):
    found, _ = evidence
    assert all(name not in ("bptt", "as-coded") for name in (part.name for part in chunked(found)))
    names = [part.name for part in chunked(found)]
    assert len(names) == len(set(names)) == 2 * 9  # BPTT with and without the reset, the second is the module's own


class Layer(torch.nn.Module):
    def __init__(self, inputs, attached):
        super().__init__()
        self.fc, self.attached = torch.nn.Linear(inputs, HIDDEN), attached

    def forward(self, x, v, z):
        v = 0.9 * v + 1.5 * self.fc(x) - (z if self.attached else z.detach())
        return v, Spike.apply(v - 1.0)


class Two(torch.nn.Module):
    """Two layers; the reset of one of them is not detached."""

    def __init__(self, attached):
        super().__init__()
        self.one, self.two = Layer(INPUTS, 0 in attached), Layer(HIDDEN, 1 in attached)
        self.out = torch.nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x, state=None):
        v, z, u, s = state if state is not None else (x.new_zeros(len(x), HIDDEN),) * 4
        v, z = self.one(x, v, z)
        u, s = self.two(z, u, s)
        return self.out(s), (v, z, u, s)


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("layer", [1, 0])
def test_a_missing_detach_in_one_of_two_layers_is_said_with_its_line(tmp_path, layer):
    torch.manual_seed(0)
    found = judgements(Two({layer}), rule="bptt-detached-reset", folder=tmp_path).judgements[0]
    line = rf"layer {layer} keeps RESET z' -> v \(test_cuts\.py:\d+\), which bptt-detached-reset cuts"
    assert re.fullmatch(f"the gradients of as-coded, not of bptt-detached-reset: {line}", found.cause)
    again = judged(read(Path(found.file)))
    assert (again.cause, "wrong" in again.sentence()) == (found.cause, False)


BELOW, OWN = " in the gradients of the layers below", " in the gradients of that layer"
STATE = frozenset({Edge.STATE})


def keeps(layer, name, where=""):
    return f"layer {layer} keeps STATE v' -> v, which {name} cuts{where}"


def cuts(layer, name, where=""):
    return f"layer {layer} cuts RESET z' -> v, which {name} keeps{where}"


def whole(name, steps):
    return f"credit goes over the whole sequence, which {name} cuts every {steps} steps"


@pytest.mark.long(keep=3)
@pytest.mark.parametrize(
    ("rule", "differs"),
    [
        ("e-prop", [keeps(1, "e-prop", BELOW)]),
        ("ostl", [cuts(0, "ostl"), keeps(1, "ostl", BELOW), cuts(1, "ostl", OWN)]),
        ("sltt", [keeps(0, "sltt"), keeps(1, "sltt")]),
        ("bptt", [cuts(0, "bptt"), cuts(1, "bptt")]),
        ("bptt-detached-reset", []),
        ("tbptt-chunks(4) - reset", [whole("tbptt-chunks(4) - reset", 4)]),
        ("tbptt-chunks(4)", [cuts(0, "tbptt-chunks(4)"), cuts(1, "tbptt-chunks(4)"), whole("tbptt-chunks(4)", 4)]),
        (
            "tbptt(3) - reset",
            ["credit goes further back than tbptt(3) - reset has it, paths of at most 3 steps"],
        ),
        ("edges(own state, above none)", [keeps(1, "edges(own state, above none)", BELOW)]),
        (Rule("mine", "t", own=STATE, upper=STATE, chunk=3), [whole("mine", 3)]),
        (Rule("mine", "t", own=STATE, upper=frozenset(), chunk=3), [keeps(1, "mine", BELOW), whole("mine", 3)]),
    ],
)
def test_the_edges_that_differ_are_named_and_no_others(rule, differs, tmp_path):
    torch.manual_seed(0)
    found = judgements(Two(()), rule=rule, folder=tmp_path).judgements[0]
    said = re.sub(r" \(test_cuts\.py:\d+\)", "", found.cause.partition(": ")[2])
    assert sorted(filter(None, said.split("; "))) == sorted(differs)
    assert found.verdict == ("wrong" if differs else "right")


def test_in_chunks_of_another_length_than_the_claimed_one(tmp_path):
    torch.manual_seed(0)
    rule = "tbptt-chunks(4) - reset"
    found = judgements(Two({0}), chunk=3, rule=rule, folder=tmp_path).judgements[0]
    head = f"the gradients of as-coded in chunks of 3 steps, not of {rule}: layer 0 keeps RESET z' -> v (test_cuts.py:"
    assert found.cause.startswith(head)
    assert found.cause.endswith(f"), which {rule} cuts; credit is cut every 3 steps, which {rule} cuts every 4 steps")


@pytest.mark.long
def test_in_a_truncated_loop_too(tmp_path):
    torch.manual_seed(0)
    found = judgements(Two({0}), chunk=4, rule="bptt-detached-reset", folder=tmp_path).judgements[0]
    said = "the gradients of as-coded in chunks of 4 steps, not of bptt-detached-reset: layer 0 keeps RESET z' -> v"
    assert found.cause.startswith(said)


@pytest.mark.long
def test_without_a_claim_nothing_is_wrong():
    torch.manual_seed(0)
    net = Net()
    with gradcert.watch(net, every=1, loss=mean_of_steps) as watching:
        x, y = batch(0)
        outputs, state = [], None
        for x_t in x:
            out, state = net(x_t, state)
            outputs.append(out)
        (10 * mean_of_steps(torch.stack(outputs), y)).backward()
        watching.step(x, y)
    report = watching.report()
    assert report.startswith("1 judged, 1 named\nstep 0: the gradients of ") and "times 10" in report
    assert "wrong" not in report and report.count("  differs") == 5


class Gated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = torch.nn.LSTMCell(5, 6), torch.nn.Linear(6, 3)

    def forward(self, x, state=None):
        h, c = self.cell(x, state)
        return self.out(h), (h, c)


@pytest.mark.parametrize(
    ("which", "named"), [((0,), "state z"), ((1,), "state c"), ((), ""), ((0, 1), "tbptt-chunks(4)")]
)
def test_one_state_of_two_that_is_detached_at_one_step_is_named(which, named):
    torch.manual_seed(0)
    net = Gated()
    x, y = torch.randn(8, 6, 5), torch.randint(3, (6,))
    loss = lambda outputs, target: torch.nn.functional.cross_entropy(outputs.mean(0), target)  # noqa: E731
    with gradcert.watch(net, every=1, rule="bptt", loss=loss) as watching:
        state, outputs = None, []
        for t, now in enumerate(x):
            if t == 4:
                state = tuple(part.detach() if k in which else part for k, part in enumerate(state))
            out, state = net(now, state)
            outputs.append(out)
        loss(torch.stack(outputs), y).backward()
        found = watching.step(x, y)
    assert found.verdict == ("wrong" if which else "right") and named in found.cause
    alone = "of layer 0 alone detached before step 4, counted from 0: no credit goes back through it"
    assert len(which) != 1 or alone in found.cause
