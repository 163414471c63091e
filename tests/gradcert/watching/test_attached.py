"""What a watch cannot attach to is a line of its report, and the training goes on as without one."""

from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert.watching.judging import NotJudged  # noqa: E402
from tests.gradcert.watching.loops import SAMPLES, STEPS, Net, judged, mean_square  # noqa: E402


def trained(net, watched=True, **options):
    """Return what a training of two steps leaves in the parameters, and what a watch of it says."""
    torch.manual_seed(0)
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, **options) if watched else None
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(2):
        h, outputs = torch.zeros(SAMPLES, 6), []
        for x in torch.randn(STEPS, SAMPLES, 4):
            y, h = net(x, h)
            outputs.append(y)
        target = torch.randn(STEPS, SAMPLES, 2)
        optimiser.zero_grad()
        mean_square(torch.stack(outputs), target).backward()
        if watching is not None:
            watching.step(y=target)
        optimiser.step()
    return [p.detach().clone() for p in net.parameters()], watching


def made(how):
    torch.manual_seed(1)
    net = Net()
    if how == "scripted":
        return torch.jit.script(net)
    if how.startswith("compiled"):
        torch._dynamo.reset()
        whole = how.endswith("whole")
        if "in place" in how:
            net.compile(backend="eager", fullgraph=whole)
            return net
        return torch.compile(net, backend="eager", fullgraph=whole)
    return torch.nn.DataParallel(net) if how == "parallel" else torch.fx.symbolic_trace(net)


@pytest.mark.filterwarnings("ignore::gradcert.watching.judging.NotJudged")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # PyTorch's own
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("scripted", "a RecursiveScriptModule, on which no hooks can be put"),
        ("compiled", "2 judged, 2 right"),
        ("compiled whole", "2 judged, 2 right"),
        ("compiled in place", "a module that is called inside of what torch.compile compiles"),
        ("compiled in place whole", "a module that is called inside of what torch.compile compiles"),
        ("parallel", "2 judged, 2 right"),
        ("a graph", "2 judged, 2 right"),
    ],
)
def test_a_module_of_another_kind_is_judged_or_refused_and_trains_as_without(how, said, tmp_path):
    alone, _ = trained(made(how), watched=False)
    found, watching = trained(made(how), folder=str(tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(alone, found, strict=True))
    assert said in watching.report(), watching.report()


class NoGradient(torch.autograd.Function):
    """Gives no gradient, as an operation without a backward does, quantised ones for instance."""

    @staticmethod
    def forward(ctx, h):
        return 2 * h

    @staticmethod
    def backward(ctx, g):
        return None


class Ends(Net):
    def forward(self, x, h):
        return self.o(torch.tanh(self.i(x))) + NoGradient.apply(h)[:, :2], torch.tanh(self.r(h))


@pytest.mark.filterwarnings("ignore::gradcert.watching.judging.NotJudged")
def test_a_gradient_that_is_none_ends_no_training(tmp_path):
    trained(Ends(), folder=str(tmp_path))


class Later(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.o = torch.nn.LazyLinear(6), torch.nn.Linear(6, 2)

    def forward(self, x, h):
        h = torch.tanh(self.i(x) + h)
        return self.o(h), h


def test_parameters_that_the_first_call_makes_are_no_traceback_of_a_called_trainer(tmp_path):
    net = Later()
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))

    def train(x, y):
        h, outputs = torch.zeros(SAMPLES, 6), []
        for now in x:
            out, h = net(now, h)
            outputs.append(out)
        net.zero_grad()
        mean_square(torch.stack(outputs), y).backward()
        torch.optim.SGD(net.parameters(), 0.1).step()

    for said in ("parameters that the first call of the module makes: i.weight, i.bias", ""):
        with pytest.warns(NotJudged, match=said) if said else nullcontext():
            watching.call(train, torch.randn(STEPS, SAMPLES, 4), torch.randn(STEPS, SAMPLES, 2))
    assert [j.verdict for j in watching.judgements] == ["not judged", "right"], watching.report()


@dataclass
class State:
    h: torch.Tensor
    spare: tuple = ()


class Records(Net):
    """Takes its state in an object, and gives another one of that class back."""

    def forward(self, x, state):
        y, h = super().forward(x, state.h)
        return y, type(state)(h=h)


class Marked(State):
    def __post_init__(self):
        self.mark = 1


@pytest.mark.parametrize(("kind", "cut"), [(State, False), (Marked, False), (State, True)])
def test_a_state_in_a_dataclass_is_seen(kind, cut, tmp_path):
    def call(net, x, state):
        state = state if isinstance(state, kind) else kind(state)
        y, state = net(x, kind(state.h.detach()) if cut else state)
        assert type(state) is kind and getattr(state, "mark", 1) == 1
        return y, state

    found = judged(tmp_path, net=Records(), call=call, loss=mean_square)
    assert found.verdict == ("wrong" if cut else "right"), found.sentence()


def test_a_state_in_an_object_that_is_not_looked_into_is_said(tmp_path):
    def call(net, x, state):
        return net(x, state if isinstance(state, SimpleNamespace) else SimpleNamespace(h=state))

    with pytest.warns(
        NotJudged, match="called with a SimpleNamespace beside its input: .*named tuples and dataclasses"
    ):
        judged(tmp_path, net=Records(), call=call)


@pytest.mark.parametrize("how", ["grad", "vmap", "other tensors"])
def test_gradients_that_torch_func_takes_are_called_that(how, tmp_path):
    torch.manual_seed(0)
    net, x, y = Net(), torch.randn(STEPS, SAMPLES, 4), torch.randn(STEPS, SAMPLES, 2)
    watching = gradcert.watch(net, rule="bptt", every=1, loss=mean_square, folder=str(tmp_path))

    def loss(own, x, y):
        h, outputs = torch.zeros(x.shape[1], 6), []
        for now in x:
            out, h = torch.func.functional_call(net, own, (now, h))
            outputs.append(out)
        return mean_square(torch.stack(outputs), y)

    own = {name: p.detach().clone() for name, p in net.named_parameters()}
    if how == "grad":
        found = torch.func.grad(loss)(own, x, y)
    elif how == "vmap":
        each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 1, 1))(own, x[:, :, None], y[:, :, None])
        found = {name: g.mean(0) for name, g in each.items()}
    else:
        own = {name: p.requires_grad_() for name, p in own.items()}
        loss(own, x, y).backward()
        found = {name: p.grad for name, p in own.items()}
    for name, p in net.named_parameters():
        p.grad = found[name]
    said = "in the place of its parameters, as torch.func" if how == "other tensors" else "called inside torch.func"
    with pytest.warns(NotJudged, match=said):
        watching.step(y=y)
