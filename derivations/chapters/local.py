"""DECOLLE and TESS: a loss for every layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.elementary import loss_value
from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import unrolled
from gradcert.derivations.parts.spiking import agree, run_rule, stack, tape_of, values, written
from gradcert.derivations.proving.cases import deep
from gradcert.derivations.proving.common import at_rest, cell_steps, combined, minus, relative
from gradcert.derivations.proving.proof import Problem, Result, feedback_symbols, named, problem, prove, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Network, Snu, draw_feedback
from gradcert.reference.engines import forward, local_credit, reverse
from gradcert.reference.estimators import tess
from gradcert.reference.networks import with_loss

LQ, LP, A_POST, A_PRE = sympy.symbols("λ_q λ_p a_post a_pre")
CONSTANTS = {"lq": LQ, "lp": LP, "a_post": A_POST, "a_pre": A_PRE}


def _credit() -> list[Equation]:
    """Compare the code's credit of a local loss with SymPy's derivative of the loss at the readout of z."""
    out = []
    for kind in ("squared_error", "cross_entropy"):
        p = problem(with_loss(deep(Lif(), inputs=1), kind=kind), steps=1)
        tape, g = tape_of(p), feedback_symbols(p.network, RULES["decolle"])["layers.0.B"]
        z, y = tape.layers[0].now["z"], p.targets
        found, readout = local_credit(0, y, g, tape), np.matmul(z, g.T)
        value = loss_value(p.network.loss, readout, y)
        out += [
            Equation(found[i], sympy.diff(value, z[i]), f"{kind.replace('_', ' ')}: credit of z_{i[2] + 1}")
            for i in np.ndindex(z.shape)
        ]
    return out


def _reductions() -> Result:
    """Prove the row where the loss is a mean, or counts the last step alone."""
    results = []
    for options in ({"time": "mean"}, {"when": "last"}, {"batch": "mean", "time": "mean"}):
        p = problem(with_loss(deep(Lif(recurrent=True), inputs=1), **options), steps=3, batch=2)
        for engine in ("reverse", "forward"):
            found = prove(p, RULES["decolle"], engine)
            results.append(Result(f"{options}", found.identities, found.failed, found.seconds))
    return combined("reductions", results)


def _isolated() -> Result:
    """Look for symbols of other layers in a layer's gradient."""
    p = problem(deep(Snu(transfer="tanh"), inputs=1), steps=3)
    failed, count = [], 0
    for engine in ("reverse", "forward"):
        _, grads = run(engine, p, RULES["decolle"], opaque=False)
        for name, g in grads.items():
            own = name.split(".")[1]
            for e in g.flat:
                count += 1
                for s in sorted(map(str, sympy.sympify(e).free_symbols)):
                    # the upper layer sees the lower one as its input; the lower one sees nothing of the upper
                    weights = s.split("[")[0] in (f"{w}{1 - int(own)}" for w in ("W", "H", "b"))
                    above = own == "0" and s.startswith(("z1^", "v1^", "a1^"))
                    if weights or above:
                        failed.append(f"{engine} engine: {name} depends on {s}")
    return Result("no symbol of another layer's loss", count, tuple(failed), 0.0)


def _last_layer() -> Result:
    cell = Lif(train=("leak",))
    p = problem(Network(layers=(Layer(cell, inputs=1, units=2), Layer(cell, inputs=2, units=2))), steps=3)
    _, found = run("forward", p, RULES["decolle"])
    _, exact = run("reverse", p, RULES["bptt-detached-reset"])
    return agree("the last layer", found, {k: g for k, g in exact.items() if k.startswith("layers.1")})


def _basis() -> list[Equation]:
    """Compare the signs of the square waves with exact values of the sine."""
    out = []
    for n_out, units in ((3, 4), (4, 5), (2, 6)):
        found = tess.basis(n_out, units)
        for k, j in np.ndindex(n_out, units):
            wave = sympy.sin(2 * sympy.pi * (k + 1) * sympy.Rational(2 * j + 1, 2 * units))
            out.append(Equation(sympy.Integer(int(found[k, j])), sympy.sign(wave), f"S_{k + 1}{j + 1}, {units} units"))
    return out


def _readout(p: Problem) -> Any:
    units = p.network.layers[0].units
    signs = tess.basis(p.targets.shape[2], units)
    return np.vectorize(lambda s: sympy.Rational(int(s), units), otypes=[object])(signs)


def _tess() -> Result:
    results = []
    for recurrent in (False, True):
        p = stack(recurrent=recurrent)
        v, s = values(p), _readout(p)
        z = v.x[1]
        local = np.empty(z.shape, dtype=object)
        for t, b, i in np.ndindex(z.shape):
            error = [sum(s[k, j] * z[t, b, j] for j in range(2)) - p.targets[t, b, k] for k in range(2)]
            local[t, b, i] = sum(s[k, i] * error[k] for k in range(2))
        credit = (local, v.delta[1])

        def entry(layer: int, i: int, x: Any, t: int, b: int, *, v: Any = v, m: Any = credit) -> Any:
            psi = v.psi[layer]
            causal = sum(LP ** (t - k) * x[k] for k in range(t + 1))
            acausal = sum(LQ ** (t - k) * psi[k, b, i] for k in range(t))
            return m[layer][t, b, i] * (A_PRE * psi[t, b, i] * causal + A_POST * acausal * x[t])

        def weight(layer: int, index: tuple[int, ...], t: int, b: int, *, v: Any = v, f: Any = entry) -> Any:
            return f(layer, index[0], v.x[layer][:, b, index[1]], t, b)

        def lateral(layer: int, index: tuple[int, ...], t: int, b: int, *, v: Any = v, f: Any = entry) -> Any:
            return f(layer, index[0], v.before[layer][:, b, index[1]], t, b)

        def bias(layer: int, index: tuple[int, ...], t: int, b: int, *, v: Any = v, m: Any = credit) -> Any:
            return m[layer][t, b, index[0]] * v.psi[layer][t, b, index[0]]

        found = run_rule(p, tess, **CONSTANTS)
        sums = written(p, {"W": weight, "H": lateral, "b": bias})
        results.append(agree(f"TESS, lateral weights: {recurrent}", found, sums))
    return combined("TESS", results)


def _tess_as_decolle() -> Result:
    """Compare TESS without its acausal term with DECOLLE, the square waves being its readout."""
    leak = sympy.Symbol("λ")
    p = stack(leaks=(leak, leak))
    found = run_rule(p, tess, lq=LQ, lp=leak, a_post=sympy.S.Zero, a_pre=sympy.S.One)
    q = at_rest(p)
    decolle = forward.gradients(
        named(q.network, Ledger()),
        q.parameters,
        q.inputs,
        q.targets,
        rule=RULES["decolle"],
        numbers=SYMBOLS,
        feedback={"layers.0.B": _readout(p)},
        initial=q.initial,
    )
    return agree("weights", found, {k: g for k, g in decolle.items() if k.endswith("W")})


def _example() -> Example:
    network = Network(layers=(Layer(Lif(leak=0.7), inputs=4, units=8), Layer(Lif(leak=0.7), inputs=8, units=2)))
    rng = np.random.default_rng(6)
    w, x, y = network.parameters(seed=2, scale=2.0), (rng.random((20, 1, 4)) < 0.4) * 1.0, rng.random((20, 1, 2))
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt-detached-reset"])
    rows = []
    for seed in (0, 1, 2):
        b = draw_feedback(network, RULES["decolle"], seed=seed)
        found = reverse.gradients(network, w, x, y, rule=RULES["decolle"], feedback=b)
        rows.append((f"DECOLLE, G drawn with seed {seed}", *_against(found, exact)))
    rows.append(("TESS, square waves", *_against(tess.gradients(network, w, x, y, lp=0.7, a_post=0.0), exact)))
    text = (
        "Two LIF layers, 20 steps, against BPTT of the network's one loss with the reset detached. The last layer is "
        "exact; the hidden layer follows a loss of its own, whose direction is a matter of the readout that was drawn."
    )
    return Example(text, ("rule", "lower W: cosine", "upper W: error"), tuple(rows))


def _against(found: Any, exact: Any) -> tuple[str, str]:
    a, b = found["layers.0.W"].ravel(), exact["layers.0.W"].ravel()
    return minus(f"{float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)):.3f}"), relative(found, exact, "layers.1.W")


def _figure() -> Figure:
    return unrolled(Lif(recurrent=True), RULES["decolle"])


DERIVATION = Derivation(
    name="local",
    title="DECOLLE and TESS: a loss for every layer",
    motivation=(
        "Credit that has to come down from the output needs the weights above, their transposes, and a pass in the "
        "other direction. DECOLLE asks for none of it: every layer gets a readout of its own, fixed and random, and is "
        "trained to solve the task from there. Nothing passes between layers but spikes.",
        "Then 'the gradient of the network' is no longer what is computed, and comparing with BPTT proves little. But "
        "each layer does have a loss, and the gradient of that is well defined: the proof is about as many losses as "
        "there are layers. TESS puts square waves in the place of random readouts and S-TLLR's two traces in the place "
        "of the one.",
    ),
    statement=(
        "With r_l^t = G_l z_l^t the credit of a hidden layer is G_l^T dE/dr_l^t, and the update of layer l is the "
        "derivative of E(r_l, y) with the STATE edge alone kept inside the layer and every path through other layers "
        "cut. No weight of another layer occurs in it, nor any state of the layers above. The last layer is exact, "
        "without lateral weights, against BPTT with detached reset. TESS without its acausal term and with λ_p = λ is "
        "DECOLLE with G = S, for the weights.",
    ),
    steps=(
        Step(
            "local.credit",
            "What reaches z is the derivative of the loss at the readout of z: the error at the readout, back "
            "through the same fixed matrix. For both losses, differentiated by SymPy.",
            premises=("paths.loss",),
            equations=_credit,
            code=("reference/engines/credit.py:local_credit",),
            source="nmi-lab/decolle-public; mathematics.md 10",
            sizes="2 units, 2 outputs",
        ),
        *cell_steps(
            "local",
            ("decolle",),
            premises=("paths.sum", "local.credit"),
            source="Kaiser et al. 2020; mathematics.md 10",
        ),
        Step(
            "local.reductions",
            "The same where the loss is a mean over time or samples, or counts the last step alone: a local loss is "
            "reduced as the network's loss is.",
            premises=("local.credit",),
            proof=_reductions,
            code=("reference/engines/forward.py:Learner", "reference/engines/reverse.py:tape_gradients"),
            source="mathematics.md 14.4, T62",
            sizes="1 → 2 → 2, T = 3, two samples",
        ),
        Step(
            "local.isolated",
            "The gradients of both engines are expressions in symbols, so one can look: no weight of another layer "
            "occurs in a layer's gradient, and nothing of the upper layer occurs in the lower one's.",
            premises=("local.credit",),
            proof=_isolated,
            code=("reference/engines/reverse.py:tape_gradients", "reference/engines/forward.py:Learner"),
            source="mathematics.md 10, T78",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "local.last-layer",
            "The network's output is the last layer's own readout: there DECOLLE is BPTT with detached reset.",
            premises=("ottt.last-layer",),
            proof=_last_layer,
            code=("reference/rules/rows/decolle.py",),
            source="mathematics.md 12.4",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "local.basis",
            "TESS's readout is a table of signs of sines. The code computes them with whole numbers; SymPy knows the "
            "sines of rational multiples of π exactly, zeros included.",
            equations=_basis,
            code=("reference/estimators/tess.py:basis",),
            source="arXiv 2502.01837; mathematics.md 10",
            sizes="3 × 4, 4 × 5 and 2 × 6",
        ),
        Step(
            "local.tess",
            "TESS's code minus its equation, the local error through S and both traces written out as sums.",
            premises=("local.basis", "stllr.rule"),
            proof=_tess,
            code=("reference/estimators/tess.py:gradients",),
            source="arXiv 2502.01837; mathematics.md 10",
            sizes="2 → 2 → 2, T = 3, two samples, with and without lateral weights",
        ),
        Step(
            "local.tess-decolle",
            "Without the acausal term, with λ_p the leak and the square waves for G, TESS's weights are the forward "
            "engine's DECOLLE: two files of code, one rule.",
            premises=("local.tess",),
            proof=_tess_as_decolle,
            code=("reference/estimators/tess.py", "reference/engines/forward.py:Learner"),
            source="mathematics.md 10",
            sizes="2 → 2 → 2, T = 3",
        ),
    ),
    example=_example,
    traps=(
        Trap("T78", "The refractory path kept differentiable, or the gradient leaking into the layer below."),
        Trap("T79", "An in-place detach that detaches the returned spike too: the local gradient is then 0."),
        Trap("T62", "The local losses summed where the network's loss is a mean, or the reverse."),
        Trap("T68", "Compared with BPTT as if the hidden layers had the network's loss."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Lif, Network, draw_feedback
from gradcert.reference.engines import forward

network = Network(layers=(Layer(Lif(leak=0.7), inputs=3, units=5), Layer(Lif(leak=0.7), inputs=5, units=2)))
w, rule = network.parameters(seed=0, scale=2.0), RULES["decolle"]
x, y = np.random.default_rng(0).random((9, 1, 3)), np.ones((9, 1, 2))
g = draw_feedback(network, rule)
found = forward.gradients(network, w, x, y, rule=rule, feedback=g)
moved = {**w, "layers.1.W": 3 * w["layers.1.W"]}
again = forward.gradients(network, moved, x, y, rule=rule, feedback=g)
print(abs(found["layers.0.W"] - again["layers.0.W"]).max())  # 0: the layer above does not matter
""",
    figures=(_figure,),
    notation={
        "E": "loss, of the layer's readout",
        "G": "fixed random readout of a layer, (outputs, units)",
        "S": "square waves that TESS reads out with",
        "a": "a_post, a_pre: weights of the two traces",
        "l": "number of a layer",
        "r": "readout of a layer",
        "π": "the circle constant",
    },
)
