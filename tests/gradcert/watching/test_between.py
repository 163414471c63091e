"""What happens between two passes of a step, and between two steps: parameters that change, .grad that is emptied."""

import re

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from gradcert.watching.measured.judgement import table  # noqa: E402
from gradcert.watching.page import page  # noqa: E402
from tests.gradcert.watching.loops import SAMPLES, STEPS, Net, judged, mean_square  # noqa: E402


def passed(net, x):
    h, outputs = torch.zeros(SAMPLES, 6), []
    for now in x:
        y, h = net(now, h)
        outputs.append(y)
    return torch.stack(outputs)


def batch():
    return torch.randn(STEPS, SAMPLES, 4), torch.randn(STEPS, SAMPLES, 2)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_a_parameter_that_is_changed_behind_autograd_is_named(tmp_path):
    net, (x, y) = Net(), batch()
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))
    loss = mean_square(passed(net, x), y)
    net.r.weight.data.mul_(0.9)  # no counter of autograd's tells that
    loss.backward()
    with pytest.warns(NotJudged, match="parameters that changed since the module was called: r.weight; "):
        watching.step(y=y)


def test_parameters_that_are_written_to_and_stay_as_they_are_did_not_change(tmp_path):
    def clamped(net):
        with torch.no_grad():
            net.r.weight.clamp_(-9, 9)

    assert judged(tmp_path, loss=mean_square, done=clamped).verdict == "right"


def sharp(net, x, y):
    """Take the gradients at weights that are moved along the gradients, as SAM does."""
    net.zero_grad()
    mean_square(passed(net, x), y).backward()
    moves = [0.1 * p.grad for p in net.parameters()]
    with torch.no_grad():
        for p, move in zip(net.parameters(), moves, strict=True):
            p.add_(move)
    net.zero_grad()
    mean_square(passed(net, x), y).backward()
    return moves


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("loss", [mean_square, None])
@pytest.mark.parametrize("factor", [1, 1.01])
def test_of_two_passes_the_one_after_zero_grad_counts(called, loss, factor, tmp_path):
    net = Net()
    watching = gradcert.watch(net, rule="bptt", every=1, loss=loss, folder=str(tmp_path))
    optimiser = torch.optim.SGD(net.parameters(), 0.1)

    def train(x, y):
        moves = sharp(net, x, y)
        net.o.weight.grad *= factor
        if not called:
            watching.step(y=y)
        with torch.no_grad():
            for p, move in zip(net.parameters(), moves, strict=True):
                p.sub_(move)
        optimiser.step()

    for _ in range(2):
        watching.call(train, *batch()) if called else train(*batch())
    assert [j.verdict for j in watching.judgements] == ["right" if factor == 1 else "wrong"] * 2, watching.report()
    assert "not counted: 1 sequence from before .grad was set to zero" in watching.report()


@pytest.mark.parametrize("lost", [True, False])
def test_micro_batches_are_no_first_pass_of_two(lost, tmp_path):
    """At the same parameters: what zero_grad loses is not left out, and what is kept aside counts."""
    net, y = Net(), batch()[1]
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))
    kept = [torch.zeros_like(p) for p in net.parameters()]
    for _ in range(2):
        net.zero_grad()
        mean_square(passed(net, batch()[0]), y).backward()
        kept = [a + p.grad for a, p in zip(kept, net.parameters(), strict=True)]
    if not lost:
        for p, grad in zip(net.parameters(), kept, strict=True):
            p.grad = grad
    watching.step(y=y)
    (found,) = watching.judgements
    assert found.verdict == ("wrong" if lost else "right"), watching.report()
    assert "not counted" not in watching.report()


def test_a_trainer_that_puts_new_parameters_in_place_is_judged(tmp_path):
    net = Net()
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))

    def train(x, y):
        net.zero_grad()
        mean_square(passed(net, x), y).backward()
        for part in (net.i, net.r, net.o):
            part.weight = torch.nn.Parameter((part.weight - 0.1 * part.weight.grad).detach())

    watching.call(train, *batch())
    assert [j.verdict for j in watching.judgements] == ["right"], watching.report()


def test_a_loss_about_two_passes_is_not_called_accumulated(tmp_path):
    net, (x, y) = Net(), batch()
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))
    one, other = passed(net, x), passed(net, x + 0.1)
    (mean_square(one, y) + mean_square(other, one.detach())).backward()
    with pytest.warns(NotJudged, match="a step of 2 sequences in 1 backward pass, of which one target is known"):
        watching.step(y=y)


def remembering(net, zero, mean):
    old = {}

    def step(x, y):
        if zero:
            net.zero_grad()
        mean_square(passed(net, x), y).backward()
        for name, p in net.named_parameters():
            if zero:
                before = old.get(name, torch.zeros_like(p))
                old[name] = p.grad = 0.5 * before + (0.5 if mean else 1) * p.grad

    return step


@pytest.mark.parametrize(
    ("zero", "mean", "said"),
    [
        (
            True,
            False,
            r"the claimed gradients plus 0\.5 times the gradients of the step before, which \.grad did not hold",
        ),
        (True, True, r"the claimed gradients times 0\.5 plus 0\.5 times the gradients of the step before"),
        (False, False, r"on top of what \.grad held before: it is not set to zero"),
    ],
)
def test_gradients_of_the_step_before_are_not_blamed_on_a_zero_grad_that_is_there(zero, mean, said, tmp_path):
    net = Net()
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))
    step = remembering(net, zero, mean)
    for _ in range(3):
        x, y = batch()
        step(x, y)
        watching.step(y=y)
    assert watching.judgements[-1].verdict == "wrong"
    assert re.search(said, watching.judgements[-1].cause), watching.report()


@pytest.mark.parametrize(
    ("zero", "said"),
    [(True, r"\.grad is set to zero before its backward pass"), (False, r"what \.grad held is written over")],
)
def test_gradients_that_are_lost_between_two_passes_are_not_blamed_on_a_zero_grad_that_is_not_there(
    zero, said, tmp_path
):
    first = {}

    def after(net, number):
        for name, p in net.named_parameters():
            if number == 0:
                first[name] = p.grad.clone()
                p.grad = None if zero else p.grad
            elif not zero:
                p.grad -= first[name]

    found = judged(tmp_path, loss=lambda out, y: mean_square(out, y) / 2, passes=2, share=2, after=after)
    assert re.search(f"of the last of 2 sequences alone: {said}", found.cause), found.sentence()


@pytest.mark.parametrize("name", ["i.weight", "i.bias", "r.weight", "o.weight"])
def test_a_factor_that_the_report_says_is_seen_is_seen(name, tmp_path):
    found = judged(tmp_path, loss=mean_square)
    assert found.verdict == "right" and set(found.seen) == {n for n, _ in Net().named_parameters()}
    most = max(found.seen.values())
    assert f"was seen from 1 ± {most:.2g} on in" in table([found])
    assert f"1 ± {most:.2g}" in page([found], {"Model": "Net"})

    def scaled(factor):
        def after(net, _):
            dict(net.named_parameters())[name].grad *= factor

        return judged(tmp_path, loss=mean_square, after=after).verdict

    for side in (1, -1):
        assert scaled(1 + 1.01 * side * found.seen[name]) == "wrong"
    assert scaled(1 + found.seen[name] / 3) == "right"


def test_hooks_on_parameters_are_named_where_the_verdict_is_right(tmp_path):
    net = Net()
    net.i.bias.register_hook(lambda g: g * (1 + 1e-7))
    found = judged(tmp_path, net=net, loss=mean_square)
    assert (found.verdict, found.notes) == ("right", ("there are hooks on i.bias: what they leave is what is judged",))
