"""Faults that must be seen: each is named at the first judgement after its start, and its right twin never is."""

import json
import re
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from scripts.watch_faults.faults import CLAIMS, FAULTS, watched  # noqa: E402
from scripts.watch_faults.trainers import HIDDEN, OUTPUTS, EProp, Net, batch, forward, mean_of_steps, sum_of_steps  # noqa: E402

SINCE, EVERY, TRAINED = 4, 4, 9


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def trained(fault, since=SINCE, steps=SINCE + 1, rule="e-prop", **options):
    net = Net()
    trainer, optimiser = EProp(net, fault=fault, since=since), torch.optim.SGD(net.parameters(), lr=0.05)
    with gradcert.watch(net, rule=rule, every=EVERY, loss=mean_of_steps, **options) as watching:
        for k in range(steps):
            x, y = batch(k)
            trainer.train_sample(x, y)
            watching.step(x, y)
            optimiser.step()
    return watching


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_where_it_begins(fault):
    found = watched(fault, FAULTS[fault].loop, 0, steps=SINCE + 1, since=SINCE, every=EVERY)
    assert found.named and found.alarms == 0, found.sentence


@pytest.mark.long
@pytest.mark.parametrize("loop", CLAIMS)
def test_a_right_twin_is_right(loop):
    found = watched("", loop, 0, steps=TRAINED, since=TRAINED, every=EVERY)
    assert (found.judged, found.alarms, found.at) == (3, 0, None) and found.worst < 1


@pytest.mark.long
def test_no_alarm_on_the_right_twin():
    for seed in range(3):
        torch.manual_seed(seed)
        assert {j.verdict for j in trained(None, steps=101).judgements} == {"right"}


def by_autograd(net, loss, rule=None, claimed=None, steps=1, scale=1.0, zero=True, clip=None, **options):
    """A training loop with autograd; what `loss` is and what the watch is told may differ."""
    with gradcert.watch(net, rule=rule, every=2, loss=claimed, **options) as watching:
        for k in range(steps):
            x, y = batch(k)
            if zero:
                net.zero_grad()
            (scale * loss(forward(net, x), y)).backward()
            watching.step(x, y)
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    return watching


def test_without_a_claim_it_says_which_row_it_is():
    assert by_autograd(Net(), mean_of_steps).judgements[0].rows == ("as-coded", "bptt-detached-reset")
    assert by_autograd(Net(detached=False), mean_of_steps).judgements[0].rows == ("as-coded", "bptt")


@pytest.mark.long
def test_a_missing_detach():
    found = by_autograd(Net(detached=False), mean_of_steps, rule="bptt-detached-reset").judgements[0]
    where = r"layer 0 keeps RESET z' -> v \(trainers\.py:\d+\), which bptt-detached-reset cuts"
    assert re.fullmatch(f"the gradients of as-coded and bptt, not of bptt-detached-reset: {where}", found.cause)


@pytest.mark.long
def test_a_missing_average_is_seen_by_the_loss():
    found = by_autograd(Net(), sum_of_steps, rule="bptt-detached-reset", claimed=mean_of_steps).judgements[0]
    assert found.cause == "the claimed gradients times 10, T: an average is missing"
    taken = by_autograd(Net(), sum_of_steps, rule="bptt-detached-reset").judgements[0]
    assert taken.verdict == "right"
    assert "taken as given" in taken.notes[0]


@pytest.mark.long
def test_gradients_on_top_of_those_of_the_call_before():
    found = by_autograd(Net(), mean_of_steps, rule="bptt-detached-reset", steps=3, zero=False).judgements
    assert [j.verdict for j in found] == ["right", "wrong"]
    assert "on top of what .grad held before" in found[1].cause


@pytest.mark.long
def test_gradients_on_top_of_those_that_were_clipped():
    """By a norm that few of the last gradients' entries survive as they were; one that is far out clips nothing."""
    for limit, said in (
        (1e-4, "as clipping to a norm of 0.0001 leaves it: it is not"),
        (1e9, "held before: it is not"),
    ):
        options = {"rule": "bptt-detached-reset", "steps": 3, "zero": False, "clip": limit}
        found = by_autograd(Net(), mean_of_steps, **options).judgements
        assert [j.verdict for j in found] == ["right", "wrong"] and said in found[1].cause, found[1].cause


@pytest.mark.long
def test_a_loss_scale_that_is_not_taken_back_and_one_that_overflows():
    found = by_autograd(Net(), mean_of_steps, "bptt-detached-reset", mean_of_steps, scale=2.0**16).judgements[0]
    assert found.cause == "the claimed gradients times 65536: a loss scale that is not taken back"
    found = by_autograd(Net(), mean_of_steps, "bptt-detached-reset", mean_of_steps, scale=float("inf")).judgements[0]
    assert found.cause.startswith("not finite: fc.weight")


@pytest.mark.long
def test_a_layer_that_gets_nothing():
    class Silent(Net):
        def forward(self, x, state=None):
            y, (v, z, _) = super().forward(x, state)
            if state is None:
                state = (None, None, x.new_zeros(len(x), OUTPUTS))
            y = 0.8 * state[2] + self.out(z.detach())
            return y, (v, z, y)

    found = by_autograd(Silent(), mean_of_steps, rule="bptt-detached-reset").judgements[0]
    assert re.search(
        r"layer 1 cuts z\[0\] -> a within the step \(test_watch\.py:\d+\), which .* keeps; no", found.cause
    )
    assert found.cause.endswith("; no gradient comes to fc.weight, fc.bias, rec.weight")
    assert found.parameters["fc.weight"].cosine is None


def test_a_trainer_that_owns_its_optimiser():
    class Trainer:
        """Class labels, its own Adam, a step at every sample."""

        def __init__(self, net):
            self.net, self.optimiser = net, torch.optim.Adam(net.parameters(), lr=1e-3)

        def train_sample(self, data, target):
            self.optimiser.zero_grad()
            loss = mean_of_steps(forward(self.net, data), target)
            loss.backward()
            self.optimiser.step()
            return loss.item()

    torch.manual_seed(1)
    alone, watched = Trainer(Net()), Trainer(Net())
    watched.net.load_state_dict(alone.net.state_dict())
    with gradcert.watch(watched.net, rule="bptt-detached-reset", every=2, loss=mean_of_steps) as watching:
        for k in range(3):
            x, y = batch(k)
            assert watching.call(watched.train_sample, x, y) == alone.train_sample(x, y)
    assert [j.verdict for j in watching.judgements] == ["right", "right"]
    for mine, other in zip(watched.net.parameters(), alone.net.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("limit", [1e-3, 5e-3])
def test_gradients_that_were_clipped(limit):
    torch.manual_seed(0)
    net, (x, y) = Net(), batch(0)
    with gradcert.watch(net, rule="bptt-detached-reset", every=1) as watching:
        (10 * mean_of_steps(forward(net, x), y)).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), limit)
        found = watching.step().cause
    assert found.endswith(f", as if clipped to a norm of {limit:g}: judge before clipping"), found


@pytest.mark.filterwarnings("ignore::gradcert.watching.judging.NotJudged")
def test_a_batch_as_one_tuple_is_no_target():
    trainer = Fitting()
    with gradcert.watch(trainer.net, every=1, loss=torch.nn.functional.cross_entropy) as watching:
        watching.call(lambda b: trainer.applied(mean_of_steps(forward(trainer.net, b[0]), b[1])), batch(0))
    assert "does not take the target, a tuple of 2" in watching.judgements[0].cause
    assert "y=batch[1]" in watching.judgements[0].cause


class Fitting:
    """Owns the loop over its batches; every step of time has an optimiser's step of its own where that is asked for."""

    def __init__(self, online=False):
        torch.manual_seed(1)
        self.net, self.online, self.losses = Net(), online, []
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=1e-3)

    def applied(self, loss):
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.losses.append(loss.item())

    def fit(self):
        for k in torch.randperm(5).tolist():  # the global generator is the training's
            x, y = batch(k)
            state = None
            for now in x if self.online else ():
                out, state = self.net(now, state and tuple(part.detach() for part in state))
                self.applied((out**2).mean())
            if not self.online:
                self.applied(mean_of_steps(forward(self.net, x), y))
        return self.losses


@pytest.mark.parametrize("online", [False, True])
@pytest.mark.parametrize("loss", [None, mean_of_steps])
@pytest.mark.filterwarnings("ignore::gradcert.watching.judging.NotJudged")
def test_a_call_of_a_whole_loop_trains_as_without_a_watch(online, loss):
    alone, watched = Fitting(online), Fitting(online)
    torch.manual_seed(2)
    for _ in range(2):
        alone.fit()
    torch.manual_seed(2)
    with gradcert.watch(watched.net, rule="bptt-detached-reset", every=1, loss=loss) as watching:
        for _ in range(2):
            watching.call(watched.fit)
    assert watched.losses == alone.losses
    for mine, other in zip(watched.net.parameters(), alone.net.parameters(), strict=True):
        assert torch.equal(mine, other)
    found = watching.judgements[0]
    if online:
        assert "several optimiser steps within one sequence" in found.cause
    elif loss is None:
        assert found.verdict == "right" and any(
            "took 5 optimiser steps, and the first is judged" in n for n in found.notes
        )
    else:
        assert "5 optimiser steps, of whose first batch the target is not known" in found.cause


@pytest.mark.long
def test_what_went_before_a_judged_call_is_known():
    net = Net()
    trainer = EProp(net, fault="not reset", since=1)
    with gradcert.watch(net, rule="e-prop", every=2, loss=mean_of_steps) as watching:
        for k in range(3):
            watching.call(trainer.train_sample, *batch(k))
    assert watching.judgements[-1].cause.endswith("traces of layer 0 of the 2 sequences before: not reset")


@pytest.mark.long
def test_a_trainer_that_writes_weights():
    class Writer(EProp):
        def train_sample(self, data, target):
            super().train_sample(data, target)
            with torch.no_grad():
                for p in self.net.parameters():
                    p -= self.rate * p.grad
                    p.grad = None

    for fault, verdict in ((None, "right"), ("decay", "wrong")):
        torch.manual_seed(0)
        net = Net()
        with gradcert.watch(net, rule="e-prop", every=1, loss=mean_of_steps, rate=0.05) as watching:
            watching.call(Writer(net, fault=fault).train_sample, *batch(0))
        assert watching.judgements[0].verdict == verdict
    with gradcert.watch(net, rule="e-prop", every=1, loss=mean_of_steps) as watching:
        with pytest.warns(NotJudged, match=r"writes weights directly; to fix it: say its learning rate"):
            watching.call(Writer(net).train_sample, *batch(0))


def test_the_first_failure_is_kept_and_all_is_json(tmp_path):
    watching = trained("late", steps=TRAINED)
    first = next(j for j in watching.judgements if j.verdict == "wrong")
    kept = json.loads((tmp_path / first.file).read_text())
    assert kept["judgement"]["step"] == SINCE
    assert kept["equations"][0]["v"] == "a + v_prev * 0.9 - z_prev"
    assert [bool(j.file) for j in watching.judgements] == [False, True, False]
    watching.json(str(tmp_path / "all.json"))
    assert json.loads((tmp_path / "all.json").read_text())["judgements"][1]["verdict"] == "wrong"


def test_bad_input_is_one_sentence():
    net = Net()
    with pytest.raises(GradcertError, match="the rule 'bptx' is unknown"):
        gradcert.watch(net, rule="bptx")
    with pytest.raises(GradcertError, match="every"):
        gradcert.watch(net, every=0)
    for given, said in (
        ({"rule": 5}, "watch with rule=5; allowed: a row of the rule table by its name"),
        ({"loss": "cross_entropy"}, "watch with loss='cross_entropy'; allowed: a function"),
        ({"output": "z"}, "watch with output='z'; allowed: which result"),
        ({"feedback": [1]}, r"watch with feedback=\[1\]; allowed: a mapping"),
    ):
        with pytest.raises(GradcertError, match=said):
            gradcert.watch(net, **given)
    with pytest.raises(GradcertError, match=r"watch of the class Net; .*; to fix it: make one first"):
        gradcert.watch(Net)
    with pytest.raises(GradcertError, match="watch of an object of type int"):
        gradcert.watch(3)
    with gradcert.watch(net, rule="bptt", every=1) as watching:
        with pytest.warns(NotJudged, match="the module was not called"):
            watching.step()
    with gradcert.watch(net, rule="bptt", every=1) as watching:
        with torch.no_grad():
            forward(net, batch(0)[0])
        with pytest.warns(NotJudged, match=r"no parameter has a gradient; to fix it: say step\(\) after"):
            watching.step()
    with gradcert.watch(net, rule="bptt", every=1, loss=mean_of_steps) as watching:
        forward(net, batch(0)[0])
        with pytest.warns(NotJudged, match=r"a loss without a target; to fix it: step\(x, y\)"):
            watching.step()


def test_compute_is_the_gradient_that_autograd_has():
    net = Net()
    x, y = batch(0)
    found = gradcert.compute(net, (x, y), rule="bptt-detached-reset", loss=mean_of_steps)
    mean_of_steps(forward(net, x), y).backward()
    for name, p in net.named_parameters():
        assert (found[name] - p.grad).abs().max() <= 1e-5 * p.grad.abs().max()  # float32 over ten steps
    other = gradcert.compute(net, (x, y), rule="ottt", loss=mean_of_steps)
    assert (other["rec.weight"] - found["rec.weight"]).abs().max() > 1e-2 * found["rec.weight"].abs().max()


@pytest.mark.long
def test_a_large_pass_is_computed_in_parts_and_kept_nowhere(monkeypatch):
    from gradcert.watching import gather

    seen = []
    gathered = gather.gathered

    def noted(*given):
        seen.append(gathered(*given))
        return seen[-1]

    monkeypatch.setattr("gradcert.watching.loop.gathered", noted)
    monkeypatch.setattr(gather, "MOST", 10 * 3 * (2 * HIDDEN + HIDDEN + 2 * OUTPUTS))  # three samples, of eight
    found = by_autograd(Net(), sum_of_steps, rule="bptt-detached-reset", claimed=mean_of_steps).judgements[0]
    assert found.cause == "the claimed gradients times 10, T: an average is missing"
    assert [d.shape[1] for d in seen[0].deltas] == [3, 3, 2]
    assert all(run.light and not {"full", "as_cut"} & set(run._kept) for run in seen[0].runs)
    monkeypatch.setattr(gather, "MOST", 2**24)
    whole = by_autograd(Net(), mean_of_steps, rule="bptt-detached-reset", claimed=mean_of_steps)
    assert whole.judgements[0].verdict == "right" and len(seen[1].runs) == 1
    both = [seen[1].gradients("bptt"), in_parts(seen[1], 3).gradients("bptt")]
    for name, value in both[0].items():  # sums over samples in another order, in float64
        assert abs(both[1][name] - value).max() <= 1e-12 * abs(value).max()


def in_parts(evidence, each):
    """The same evidence in parts of the batch."""
    run, delta = evidence.runs[0], evidence.deltas[0]
    parts = run.parts(run.size * each // delta.shape[1])
    return replace(
        evidence, runs=tuple(run.part(p, light=True) for p in parts), deltas=tuple(delta[:, p] for p in parts)
    )
