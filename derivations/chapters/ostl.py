"""Online spatio-temporal learning, from first principles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.derivations.algebra.symbols import function_pair
from gradcert.derivations.figures import unrolled
from gradcert.derivations.parts import pieces
from gradcert.derivations.proving.cases import variants
from gradcert.derivations.proving.common import cell_steps, combined, compare_gradients, one_layer, relative, tensor
from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.proof import Problem, Result, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, TEMPORAL, Layer, Network, Rnn, Snu, Ssnu, rule_named
from gradcert.reference.engines import Learner, across, record, reverse
from gradcert.reference.engines import Step as EngineStep
from gradcert.reference.networks.cells import snu_equations
from gradcert.reference.numbers import spike


def two_steps(cell: Any) -> tuple[Problem, EngineStep, EngineStep, Learner]:
    """Run the forward engine two steps on the symbols of one layer of two units; return both linearised steps."""
    p = problem(one_layer(cell), steps=2)
    return p, *pieces.two_steps(p, opaque=False)


def _spiking(cell: Any) -> tuple[Any, Any]:
    """Return (g', h') of an SNU as undefined functions."""
    name = spike(cell.surrogate, strict=cell.strict).name if isinstance(cell, Snu) else cell.output
    return function_pair(cell.transfer)[1], function_pair(name)[1]


def _pieces(cell: Any) -> dict[str, Any]:
    p, before, now, _ = two_steps(cell)
    g, h = _spiking(cell)
    lam, th = p.parameters["layers.0.leak"], p.parameters["layers.0.threshold"]
    v, z, a = before.now["v"][0], before.now["z"][0], now.now["a"][0]
    slopes = [h(v[i] - th[i]) for i in range(2)]
    weights = p.parameters.get("layers.0.H", np.zeros((2, 2), dtype=int))
    return {
        "g": [g(a[i]) for i in range(2)],
        "h": slopes,
        "H": weights,
        "lam": lam,
        "v": v,
        "z": z,
        "steps": (before, now),
    }


def _jacobian(cell: Any) -> list[Equation]:
    q = _pieces(cell)
    before, now = q["steps"]
    code = across(before, now, TEMPORAL, "v")["v"]
    out = []
    for i in range(2):
        for j in range(2):
            own = q["lam"][i] * (1 - q["z"][j]) - q["lam"][i] * q["v"][j] * q["h"][j] if i == j else 0
            expected = q["g"][i] * (q["H"][i, j] * q["h"][j] + own)
            found = code.value[0, i, j] if code.kind == "matrix" else (code.value[0, i] if i == j else 0)
            out.append(Equation(found, expected, str(sym("J", f"{i + 1}{j + 1}"))))
    return out


def _threshold() -> list[Equation]:
    cell = Snu(transfer="tanh", train=("leak", "threshold"))
    q = _pieces(cell)
    before, now = q["steps"]
    code = across(before, now, TEMPORAL, "z")["v"].value
    direct = before.factors[snu_equations.THRESHOLD][0]
    out = []
    for i in range(2):
        for j in range(2):
            own = q["lam"][i] * q["v"][j] * q["h"][j] if i == j else 0
            expected = q["g"][i] * (-q["H"][i, j] * q["h"][j] + own)
            out.append(Equation(code[0, i, j] * direct[j], expected, f"F_θ, entry {i + 1}{j + 1}"))
    return out


def _one_layer() -> Result:
    results = []
    for label, cell in variants().items():
        p = problem(one_layer(cell, inputs=1), steps=2 if len(cell.nodes) > 8 else 3)
        _, online = run("forward", p, rule_named("ostl"))
        _, exact = run("reverse", p, rule_named("bptt"))
        results.append(compare_gradients(f"{label}: OSTL = BPTT on one layer", online, exact))
    head = Network(
        layers=(Layer(Snu(transfer="tanh"), inputs=1, units=2), Layer(Rnn(recurrent=False), inputs=2, units=1))
    )
    p = problem(head, steps=3)
    results.append(
        compare_gradients(
            "under a stateless head", run("forward", p, rule_named("ostl"))[1], run("reverse", p, rule_named("bptt"))[1]
        )
    )
    return combined("one layer", results)


def _storage() -> Result:
    """Check what the forward engine stores: one number per synapse without H, one per synapse and unit with it."""
    failed, count = [], 0
    for cell, form in (
        (Snu(recurrent=False, bias=False), "rows"),
        (Snu(bias=False), "full"),
        (Ssnu(recurrent=False, bias=False), "rows"),
    ):
        _, _, _, learner = two_steps(cell)
        tangent = learner.traces[0][0, "W", 0]["v"]
        count += 1
        size = {"rows": (1, 2, 2), "full": (1, 2, 2, 2)}[form]
        if tangent.form != form or tangent.array.shape != size:
            failed.append(f"{cell.name}: stored as {tangent.form} {tangent.array.shape}")
    return Result("size of the trace", count, tuple(failed), 0.0)


def networks() -> list[tuple[str, Network, dict[str, Any]]]:
    """Return the worked networks: what each is called, itself, its weights.

    Seed 180 is the first from 0 at which every unit of the first two fires at 10 % to 90 % of the steps: an upper layer
    that is silent has no lateral gradient to be exact in.
    """
    out = []
    for label, sizes, scale in (("1", (4, 3), 1.0), ("2", (4, 6, 3), 1.0), ("2, weights times 1.5", (4, 6, 3), 1.5)):
        cell = Snu(transfer="tanh", threshold=0.5)
        network = Network(layers=tuple(Layer(cell, inputs=a, units=b) for a, b in pairwise(sizes)))
        out.append((label, network, network.parameters(seed=180, scale=scale)))
    return out


def sequence(seed: int = 2) -> tuple[Any, Any]:
    """Return inputs and targets of the worked networks: 20 steps of random bits, and random numbers."""
    rng = np.random.default_rng(seed)
    return (rng.random((20, 1, 4)) < 0.5).astype(float), rng.random((20, 1, 3))


def firing(network: Network, weights: dict[str, Any]) -> list[float]:
    """Return the share of the steps at which each unit of a network fires, layer after layer."""
    tape = record(network, weights, sequence()[0])
    return [float(share) for layer in tape.layers for share in layer.now["z"].mean(axis=(0, 1))]


def _example() -> Example:
    x, y = sequence()
    rows, rates = [], []
    for label, network, w in networks():
        rates += firing(network, w)
        exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
        online = reverse.gradients(network, w, x, y, rule=RULES["ostl"])
        rows += [
            (label, tensor(name, network.depth), f"{np.linalg.norm(exact[name]):.4f}", relative(online, exact, name))
            for name in exact
        ]
    text = (
        "SNUs that spike, with lateral weights and biases, tanh, λ = 0.8, θ = 0.5; 4 inputs and 3 units, or 4 inputs, "
        "6 units and 3 units; random weights (seed 180), 20 steps of random bits, random targets (seed 2). "
        "Each unit fires at "
        f"{100 * min(rates):.0f} % of the steps at least and {100 * max(rates):.0f} % at most. With one layer OSTL is "
        "BPTT to the last digits. With two, the upper layer stays exact and the lower one does not: what is missing "
        "there is the residual."
    )
    return Example(text, ("layers", "parameter", "norm of BPTT", "relative difference of OSTL"), tuple(rows))


def _figure() -> Figure:
    return unrolled(Snu(), RULES["ostl"])


DERIVATION = Derivation(
    name="ostl",
    title="OSTL from first principles",
    motivation=(
        "RTRL is exact and online, but it drags the derivative of the whole network's state along. OSTL makes one "
        "observation: inside one layer time matters, and between layers of the same step it does not. So split the "
        "gradient. What happens through time inside the layer goes into an eligibility e, which is carried forwards. "
        "What happens through space above the layer, at this very step, goes into a learning signal L, which is "
        "computed by one backward pass through the stack and then forgotten.",
        "The price is every path that goes up first and then through time in a layer above. The chapter on depth "
        "counts "
        "those; here we derive the two factors and see that with one layer there is nothing to count.",
    ),
    statement=(
        "For a layer with recurrence confined to itself, let ε^t = dv^t/dw and e^t = dz^t/dw be the total "
        "derivatives "
        "inside the layer. Then ε^t = J^t ε^(t−1) + F^t + (explicit path of z^(t−1)), e^t = h' ε^t + (explicit), "
        "and the sum over t of L^t e^t is exactly the gradient if the layer is the only one with memory. For the SNU "
        "J_ij = g'(a_i)[H_ij h'_j + [i=j](λ(1 − z_j) − λ v_j h'_j)], all primes but the first at t−1.",
    ),
    steps=(
        Step(
            "ostl.jacobian",
            "The one-step Jacobian that the engine composes from its edges is the one that others restate of the "
            "paper. H_ij h'_j is the RECURRENT edge, λ(1 − z) the STATE edge, and −λ v h' the RESET edge: the "
            "derivative of the reset, easily forgotten because it is small. Every h' is taken at t−1, and g' at t "
            "multiplies all of it.",
            premises=("paths.local-snu-transfer-tanh", "paths.width"),
            equations=lambda: _jacobian(Snu(transfer="tanh", train=("leak", "threshold"))),
            code=("reference/engines/step.py:across",),
            source="arXiv 2007.12723 Eq. 17 (via third-party restatement); mathematics.md 4.1",
            sizes="n = 2, entry by entry; every n by paths.width",
        ),
        Step(
            "ostl.jacobian-ssnu",
            "For the sSNU the output is graded and h' is its true derivative; the formula is the same, because the "
            "pseudo-derivative was an independent function all along.",
            premises=("ostl.jacobian", "paths.local-ssnu-transfer-tanh"),
            equations=lambda: _jacobian(Ssnu(transfer="tanh", train=("leak", "threshold"))),
            code=("reference/networks/cells/ssnu.py",),
            source="mathematics.md 1.4",
            sizes="n = 2",
        ),
        Step(
            "ostl.jacobian-feedforward",
            "Without H the Jacobian is diagonal. The temporal recursion stays, and so does the reset term: 'without H' "
            "means that nothing couples different units, not that nothing is remembered.",
            premises=("ostl.jacobian",),
            equations=lambda: _jacobian(Snu(transfer="tanh", recurrent=False, train=("leak", "threshold"))),
            code=("reference/engines/step.py:across",),
            source="mathematics.md 4.2",
            sizes="n = 2",
        ),
        Step(
            "ostl.threshold",
            "A threshold acts on the output directly, z = h(v − θ), so it has two extra terms. One is the "
            "explicit part "
            "of e, −h' at t. The other enters the recursion: θ moves z^(t−1), and z^(t−1) moves v^t through H and "
            "through the reset. The engine calls it the explicit path of a derived node.",
            premises=("ostl.jacobian",),
            equations=_threshold,
            code=("reference/engines/step.py:across", "reference/engines/structure.py:basis"),
            source="arXiv 2007.12723 Eq. 18-19; mathematics.md 4.1",
            sizes="n = 2",
        ),
        *cell_steps(
            "ostl",
            ("ostl", "ostl-random"),
            premises=("paths.loss", "ostl.jacobian", "ostl.threshold"),
            source="arXiv 2007.12723 Eq. 26-27, and 24, not seen (perhaps the learning signal); mathematics.md 4.1",
        ),
        Step(
            "ostl.one-layer",
            "With one layer the edges that OSTL drops do not exist, so it equals BPTT: the forward engine's OSTL minus "
            "the reverse engine's BPTT expands to 0 for every cell, and for a layer under a head without memory.",
            premises=("ostl.jacobian", "paths.sum"),
            proof=_one_layer,
            code=("reference/engines/forward.py:Learner",),
            source="mathematics.md 12.1",
            sizes="n = 2, T = 3 (T = 2 for cells of many gates)",
        ),
        Step(
            "ostl.storage",
            "In the feed-forward case each unit depends on its own weights alone, and the trace collapses from one "
            "number per synapse and unit to one per synapse. The engine finds this from the structure: it stores rows.",
            premises=("ostl.jacobian-feedforward",),
            proof=_storage,
            code=("reference/engines/tangent.py:Tangent",),
            source="mathematics.md 4.2, 4.5",
            sizes="n = 2",
        ),
    ),
    example=_example,
    traps=(
        Trap(
            "T01",
            "ψ of step t inside J where step t−1 belongs. It needs distinct states to show, "
            "and three steps for lateral weights (two for those of the input).",
        ),
        Trap("T02", "ψ of step t−1 in e^t = ψ ε^t."),
        Trap(
            "T05",
            "The reset-derivative term −λ v ψ dropped: .04 to .55 on other networks, unseen by a loose tolerance.",
        ),
        Trap("T06", "The gate (1 − z) dropped from the leak."),
        Trap("T08", "g' applied to the immediate term and not to the recursion; the identity as g hides it."),
        Trap(
            "T09",
            "The lateral path left out of the trace, though H is in the forward pass: .06 to .82 on other networks.",
        ),
        Trap("T23", "'Without H' read as 'without recursion'."),
        Trap("T27", "The threshold's path through z^(t−1) missing: .09 to .88 on other networks."),
        Trap("T28", "The threshold's direct term in e, −ψ, missing."),
        Trap("T29", "The threshold's sign: a bias that is added inside h is minus the threshold."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Learner, Network, Snu
from gradcert.reference.engines import reverse

network = Network(layers=(Layer(Snu(), inputs=3, units=4),))
parameters = network.parameters(seed=0, scale=2.0)
x, y = np.random.default_rng(0).random((8, 1, 3)), np.zeros((8, 1, 4))
learner = Learner(network, parameters, rule=RULES["ostl"], steps=8, batch=1)
for t in range(8):
    learner.step(x[t], y[t])  # online: nothing of the past is stored but the eligibility
exact = reverse.gradients(network, parameters, x, y, rule=RULES["bptt"])
print({name: abs(g - exact[name]).max() for name, g in learner.gradients().items()})
""",
    figures=(_figure,),
    notation={
        "F": "immediate derivative of the state, all earlier values held fixed",
        "ε": "state eligibility: derivative of the state by the weight",
        "J": "one-step Jacobian of the layer's state, dv^t/dv^(t−1)",
        "L": "learning signal: derivative of the loss by z through paths of the same step",
        "a": "argument of g: drive plus what is left of the state",
        "e": "eligibility, derivative of z by a parameter inside the layer",
        "g": "activation of the state; g' its derivative",
        "h": "output function; h' its (pseudo-)derivative",
    },
)
