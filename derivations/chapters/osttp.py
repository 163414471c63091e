"""OSTTP, target projection, random feedback: what is claimed and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import unrolled
from gradcert.derivations.proving.common import acronym, cell_steps, combined, compare_gradients, minus, relative
from gradcert.derivations.proving.notation import code_step, sym
from gradcert.derivations.proving.proof import Problem, Result, feedback_symbols, named, output_symbols, problem
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Network, Snu, draw_feedback
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks.cells import lif


def _problem() -> Problem:
    cell = Snu(transfer="tanh")
    return problem(Network(layers=(Layer(cell, inputs=1, units=2), Layer(cell, inputs=2, units=2))), steps=3)


def _run(p: Problem, rule: str, feedback: dict[str, Any], targets: Any, *, engine: Any = forward) -> dict[str, Any]:
    found: dict[str, Any] = engine.gradients(
        named(p.network, Ledger()),
        p.parameters,
        p.inputs,
        targets,
        rule=RULES[rule],
        numbers=SYMBOLS,
        feedback=feedback,
        initial=p.initial,
    )
    return found


def _split() -> list[Equation]:
    """Return Jv and Jz of the three resets, as printed, and J = Jv + Jz psi."""
    out = []
    lam, th, v, z = sym("λ"), sym("θ"), sym("v", "", "t-1"), sym("z", "", "t-1")
    printed = {
        "hard": (lam * (1 - z), -lam * v),
        "subtract_before_leak": (lam, -lam * th),
        "subtract_after_leak": (lam, -th),
    }
    for reset, (jv, jz) in printed.items():
        options: dict[str, Any] = {"reset_value": 0} if reset == "hard" else {}
        factors = code_step(Lif(reset=reset, bias=False, train=("leak", "threshold"), **options)).factors
        words = reset.replace("_", " ")
        out.append(Equation(factors[lif.STATE], jv, f"J_v, {words}"))
        out.append(Equation(factors[lif.RESET], jz, f"J_z, {words}, without H"))
    return out


def _zero_loss() -> Result:
    p = _problem()
    targets = output_symbols(p.network, *p.inputs.shape[:2])  # y = o: the loss is 0
    grads = _run(p, "osttp", feedback_symbols(p.network, RULES["osttp"]), targets)
    last = {k: g for k, g in grads.items() if k.startswith("layers.1")}
    vanish = compare_gradients("the last layer rests at zero loss", last, {k: 0 * g for k, g in last.items()})
    hidden = {"layers.0.W": grads["layers.0.W"]}
    moves = compare_gradients("the hidden layer", hidden, {k: 0 * g for k, g in hidden.items()})
    failed = () if moves.failed else ("the hidden layer's gradient vanishes at zero loss, and should not",)
    return Result("zero loss", vanish.identities + 1, (*vanish.failed, *failed), vanish.seconds)


def _odd() -> Result:
    p = _problem()
    results = []
    for name in ("osttp", "ostl-random"):
        b = feedback_symbols(p.network, RULES[name])
        plus, minus = _run(p, name, b, p.targets), _run(p, name, {k: -v for k, v in b.items()}, p.targets)
        hidden = [k for k in plus if k.startswith("layers.0")]
        results.append(
            compare_gradients(name, {k: plus[k] + minus[k] for k in hidden}, {k: 0 * plus[k] for k in hidden})
        )
    return combined("odd in B", results)


def _aligned() -> Result:
    p = _problem()
    feedback = {"layers.1.B": p.parameters["layers.1.W"]}
    results = []
    for engine in (forward, reverse):
        plain = _run(p, "ostl", {}, p.targets, engine=engine)
        found = _run(p, "ostl-random", feedback, p.targets, engine=engine)
        results.append(compare_gradients(f"{engine.__name__.split('.')[-1]}: B = W", found, plain))
    return combined("B = W", results)


def _inner() -> list[Equation]:
    """For one hidden vector: the inner product of W^T d and B^T d is d^T (W B^T) d."""
    w, b = (sympy.Matrix(2, 2, [sym(letter, low) for low in ("11", "12", "21", "22")]) for letter in "WB")
    d = sympy.Matrix([sym("d", "1"), sym("d", "2")])
    return [Equation(((w.T * d).T * (b.T * d))[0], (d.T * (w * b.T) * d)[0], "(Wᵀd)·(Bᵀd)")]


def _example() -> Example:
    network = Network(layers=(Layer(Snu(), inputs=3, units=6), Layer(Snu(), inputs=6, units=3)))
    rng = np.random.default_rng(4)
    w, x, y = network.parameters(seed=3, scale=1.5), (rng.random((10, 1, 3)) < 0.5) * 1.0, rng.random((10, 1, 3))
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
    rows = []
    for name in ("ostl", "ostl-random", "osttp"):
        for seed in (0, 1):
            b = draw_feedback(network, RULES[name], seed=seed)
            found = reverse.gradients(network, w, x, y, rule=RULES[name], feedback=b)
            a, e = found["layers.0.W"].ravel(), exact["layers.0.W"].ravel()
            cosine = float(a @ e / np.linalg.norm(a) / np.linalg.norm(e))
            rows.append((acronym(name), str(seed), minus(f"{cosine:.3f}"), relative(found, exact, "layers.1.W")))
    text = "Two SNU layers. With feedback that is not symmetric the cosine with BPTT is a matter of the draw of B."
    return Example(text, ("rule", "seed of B", "lower W: cosine with BPTT", "upper W: error"), tuple(rows))


def _figure() -> Figure:
    return unrolled(Snu(), RULES["osttp"])


DERIVATION = Derivation(
    name="osttp",
    title="OSTTP, target projection and random feedback",
    motivation=(
        "OSTL's learning signal still waits: it runs down the stack of layers after the forward pass, through the "
        "transposed weights. Target projection does away with both. A hidden layer's signal is the target itself, "
        "through a fixed random matrix; it is known before the network has answered.",
        "What is then computed is no gradient of the loss, and it is worth being exact about what remains true.",
    ),
    statement=(
        "For hidden layers OSTTP computes the sum over t of (B y*^t) e^t, with OSTL's exact eligibility; for the "
        "output "
        "layer the exact gradient of OSTL. The hidden update does not vanish at zero loss, is odd in B, and so "
        "averages "
        "to 0 over B and −B. Random feedback with B = W is OSTL. Nothing is claimed about descent: the inner product "
        "with the true signal is d^T W B^T d, whose sign is up to W B^T.",
    ),
    steps=(
        Step(
            "osttp.split",
            "The split Jacobians as printed, for three resets, are what the code returns for the STATE and "
            "RESET edges.",
            premises=("paths.local-lif-reset-hard-recurrent-true-reset-value-v-r",),
            equations=_split,
            code=("reference/networks/cells/lif.py:factors",),
            source="arXiv 2304.05124 Eq. 6, 8-9 (via third-party restatement); mathematics.md 5",
        ),
        *cell_steps(
            "osttp",
            ("osttp",),
            premises=("paths.loss", "osttp.split"),
            source="arXiv 2304.05124 Eq. 11; mathematics.md 5",
        ),
        Step(
            "osttp.zero-loss",
            "Put y = o. The last layer's gradient expands to 0; the hidden layer's does not.",
            premises=("ostl.one-layer",),
            proof=_zero_loss,
            code=("reference/engines/forward.py",),
            source="mathematics.md 5, T68",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "osttp.odd",
            "The hidden gradient for B plus that for −B expands to 0: over any symmetric distribution of B "
            "its mean is 0, and the sign convention is statistically irrelevant, but not after a fixed seed.",
            premises=("osttp.zero-loss",),
            proof=_odd,
            code=("reference/rules/feedback.py",),
            source="mathematics.md 5",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "osttp.aligned",
            "With B = W random feedback is OSTL, identically, by either engine.",
            premises=("ostl.one-layer",),
            proof=_aligned,
            code=("reference/engines/forward.py:Learner", "reference/engines/sweep.py:weights_down"),
            source="arXiv 2007.12723 Eq. 26-27",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "osttp.inner",
            "For one step and one hidden vector, the true signal times the random one is a quadratic form "
            "in the error: positive for every error only if W B^T has a positive definite symmetric part.",
            equations=_inner,
            source="feedback alignment; mathematics.md 5",
            sizes="2 × 2",
        ),
    ),
    example=_example,
    traps=(
        Trap("T57", "A hidden layer given the loss gradient, or the output layer given the projected target."),
        Trap("T58", "The sign of the projection; the target projected before one-hot or softmax scaling."),
        Trap("T59", "The full matrix of a step multiplied into a trace that is one number per weight already."),
        Trap("T68", "A signal that does not vanish at zero loss, compared with one that must."),
        Trap("T133", "One fixed seed hides the sign convention of random feedback."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Network, Snu, draw_feedback
from gradcert.reference.engines import forward

network = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Snu(), inputs=5, units=2)))
w, rule = network.parameters(seed=0, scale=2.0), RULES["osttp"]
x, y = np.random.default_rng(0).random((9, 1, 3)), np.ones((9, 1, 2))
b = draw_feedback(network, rule)
g = forward.gradients(network, w, x, y, rule=rule, feedback=b)
h = forward.gradients(network, w, x, y, rule=rule, feedback={k: -v for k, v in b.items()})
print(abs(g["layers.0.W"] + h["layers.0.W"]).max())
""",
    figures=(_figure,),
    notation={
        "B": "fixed random feedback matrix",
        "d": "error at the output",
        "e": "eligibility",
    },
)
