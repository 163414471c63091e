"""Traces with one line done otherwise (`properties/gallery`), in a loop: each is named as what it is."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from benchmarks import in_the_loop  # noqa: E402
from benchmarks.gradcheck import CELLS, KEEPS, problem_of  # noqa: E402
from gradcert.properties.gallery import WRONG  # noqa: E402
from gradcert.properties.gallery.literal import snu  # noqa: E402
from gradcert.reference import Layer, Network  # noqa: E402
from gradcert.reference.networks import Problem  # noqa: E402

CLAIM = "the claimed gradients with "
NEWER = f"{CLAIM}the pseudo-derivative of step t, not t - 1, in the recursion of the traces"
OLDER = f"{CLAIM}the pseudo-derivative of step t - 1, not t, in the learning signal"
TRANSPOSED = f"{CLAIM}the recurrent weights transposed in the recursion of the traces"
BEFORE = f"{CLAIM}traces read before they are updated"
MIXED = f"{CLAIM}the batch averaged before the product of learning signal and trace"
CARRIED = f"{CLAIM}the traces of the sequence before: not reset"
HALF = "the claimed gradients divided by 2, the batch size"
SINGLE = "the claimed gradients in float32 arithmetic, where the parameters are in float64"
SAID = {
    "T01_slope_too_new": (NEWER, NEWER),
    "T02_slope_too_old": (OLDER, OLDER),
    "T03_lateral_transposed": (TRANSPOSED, TRANSPOSED),
    "T05_reset_term_dropped": (
        "the claimed gradients without the edge z' -> c",
        "the gradients of bptt-detached-reset, not of ostl",
    ),
    "T06_gate_dropped": (
        f"{CLAIM}the derivative of c by c' taken at z' = 0",
        f"{CLAIM}the derivative of v by v' taken at z' = 0",
    ),
    "T09_lateral_path_dropped": (
        "the gradients of e-prop and ottt, not of ostl",
        "the claimed gradients without the recurrent edges",
    ),
    "T12_read_before_update": (BEFORE, BEFORE),
    "T21_carried_over": (CARRIED, CARRIED),
    "T26_batch_summed_early": (MIXED, MIXED),
    "T62_one_over_batch": (HALF, HALF),
    "T122_float32_inside": (SINGLE, SINGLE),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snu._KEPT.clear()


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("cell", ["ssnu", "snu"])
@pytest.mark.parametrize("name", SAID)
def test_a_mistake_of_the_gallery_is_named(name, cell):
    judged = in_the_loop.judged(problem_of(CELLS[cell], 5, 9), WRONG[name].gradients, calls=1 + (name in KEEPS))
    assert judged.cause == SAID[name][cell == "snu"]


class Two(torch.nn.Module):
    """Two layers, and what a problem calls their parameters."""

    def __init__(self, problem):
        super().__init__()
        self.lower, self.upper = (in_the_loop.Own(layer.units, 0.25, 1.0, True) for layer in problem.network.layers)
        self.double()
        with torch.no_grad():
            for name, p in self.named().items():
                p.copy_(torch.from_numpy(problem.parameters[name]))

    def named(self):
        return {
            name.replace("layers.0", f"layers.{k}"): p
            for k, part in enumerate((self.lower, self.upper))
            for name, p in in_the_loop.named(part).items()
        }

    def forward(self, x, state):
        below, above = state
        z, below = self.lower(x, below)
        z, above = self.upper(z, above)
        return z, (below, above)


def stack(module, x):
    zero = torch.zeros_like(x[0])
    state, outputs = ((zero, zero), (zero, zero)), []
    for now in x:
        z, state = module(now, state)
        outputs.append(z)
    return torch.stack(outputs)


@pytest.mark.parametrize("fault", ["", "T01", "T12"])
def test_in_every_layer_of_a_stack(fault):
    """The lower layer's learning signal comes through the upper one of the same step, which no trace has touched."""
    network = Network(layers=tuple(Layer(CELLS["ssnu"], inputs=4, units=4) for _ in range(2)))
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((7, 2, 4)), rng.standard_normal((7, 2, 4))
    problem = Problem(network, network.parameters(seed=3), x, y)
    module = Two(problem)
    with gradcert.watch(module, rule="ostl", every=1, loss=in_the_loop.loss_of) as watching:
        stack(module, torch.from_numpy(x))
        for name, g in snu.gradients(problem, fault=fault).items():
            module.named()[name].grad = torch.from_numpy(g)
        judged = watching.step(y=torch.from_numpy(y))
    assert judged.cause == {"": "", "T01": NEWER, "T12": BEFORE}[fault] and (judged.verdict == "right") == (not fault)
