"""UORO and KF-RTRL: unbiased, by enumerating every sign."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import unrolled
from gradcert.derivations.parts import normalisers
from gradcert.derivations.proving.common import acronym, at_rest, combined, compare_gradients, minus, number, one_layer
from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.proof import Problem, Result, named, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Loss, Network, Rnn
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import kf_rtrl, state_size, uoro

NORMALISERS = (sympy.Symbol("r₀", positive=True), sympy.Symbol("r₁", positive=True))


def _estimate(p: Problem, method: Any, signs: Any) -> dict[str, Any]:
    found: dict[str, Any] = method.gradients(
        named(p.network, Ledger()),
        p.parameters,
        p.inputs,
        p.targets,
        numbers=SYMBOLS,
        signs=signs,
        normalisers=NORMALISERS,
    )
    return found


def _all_signs(p: Problem, method: Any) -> Any:
    steps = p.inputs.shape[0]
    shape = (steps, 1, state_size(p.network)) if method is uoro else (1, steps, 1, 2)
    for values in product((1, -1), repeat=int(np.prod(shape))):
        yield np.array(values).reshape(shape)


def _unbiased(p: Problem, method: Any, claim: str) -> Result:
    total: dict[str, Any] = {}
    count = 0
    for signs in _all_signs(p, method):
        count += 1
        for k, g in _estimate(p, method, signs).items():
            total[k] = total[k] + g if k in total else g
    _, exact = run("reverse", p, RULES["bptt"])
    mean = {
        k: np.array([sympy.sympify(e) / count for e in g.flat], dtype=object).reshape(g.shape) for k, g in total.items()
    }
    return compare_gradients(f"{claim}: mean over {count} draws", mean, exact)


def _uoro() -> Result:
    chain = Network(layers=(Layer(Rnn(bias=False), inputs=1, units=1), Layer(Rnn(bias=False), inputs=1, units=1)))
    cases = {
        "rnn, n = 2": one_layer(Rnn(), inputs=1),
        "lif, n = 1": one_layer(Lif(recurrent=True), inputs=1, units=1),
        "two layers": chain,
    }
    return combined("UORO", [_unbiased(at_rest(problem(n, steps=2)), uoro, name) for name, n in cases.items()])


def _kf() -> Result:
    cases = {
        "rnn, n = 2, T = 2": (one_layer(Rnn(), inputs=1), 2),
        "rnn, n = 1, T = 3": (one_layer(Rnn(), inputs=1, units=1), 3),
    }
    return combined(
        "KF-RTRL", [_unbiased(at_rest(problem(n, steps=t)), kf_rtrl, name) for name, (n, t) in cases.items()]
    )


def _published() -> Result:
    results = [
        normalisers.published(uoro, normalisers.uoro_draw, (2, 1, 2), units=2),
        normalisers.published(kf_rtrl, normalisers.kf_draw, (1, 2, 1, 2), units=2),
    ]
    return combined("published normalisers", results)


def _antithetic() -> Result:
    p = at_rest(problem(one_layer(Rnn(), inputs=1), steps=2))
    results = []
    for signs in _all_signs(p, uoro):
        results.append(compare_gradients("ν and -ν", _estimate(p, uoro, signs), _estimate(p, uoro, -signs)))
    return combined("antithetic pairs", results)


def _one_unit() -> Problem:
    network = Network(layers=(Layer(Rnn(bias=False), inputs=1, units=1),), loss=Loss(when="last"))
    return at_rest(problem(network, steps=2))


def _error() -> list[Equation]:
    """Return what one draw is off by, for one unit, two steps and a loss at the end."""
    p = _one_unit()
    _, exact = run("reverse", p, RULES["bptt"])
    slope = {t: sympy.Symbol(f"<dz/da|z0^{t}[0,0]>") for t in range(2)}
    jacobian = slope[1] * p.parameters["layers.0.H"][0, 0]
    d = {t: slope[t] * p.inputs[t, 0, 0] for t in range(2)}
    q = sympy.Symbol("z0^1[0,0]") - p.targets[1, 0, 0]
    out = []
    for signs in _all_signs(p, uoro):
        found = _estimate(p, uoro, signs)["layers.0.W"][0, 0]
        noise = int(np.prod(signs))
        expected = noise * q * (NORMALISERS[0] * jacobian * d[1] + d[0] / NORMALISERS[0])
        drawn = ", ".join(minus(str(int(s))) for s in signs.ravel())
        label = f"estimate − gradient, ν = ({drawn})"
        out.append(Equation(found - exact["layers.0.W"][0, 0], expected, label))
    return out


def _variance() -> list[Equation]:
    r0, j1, d1, d2, q = NORMALISERS[0], sym("J"), sym("D", "1"), sym("D", "2"), sym("q")
    error = q * (r0 * j1 * d2 + d1 / r0)
    variance = ((error) ** 2 + (-error) ** 2) / 2
    best = q**2 * ((r0 * j1 * d2 - d1 / r0) ** 2 + 4 * j1 * d1 * d2)
    return [Equation(variance, best, "variance")]


def _bias() -> list[Equation]:
    x = sympy.Symbol("ν")
    p = _one_unit()
    mean_square = sympy.integrate(x**2 / 2, (x, -1, 1))
    same = [_estimate(p, uoro, np.array([[[s]], [[s]]]))["layers.0.W"][0, 0] for s in (1, -1)]
    error = _error()[0].right
    _, exact = run("reverse", p, RULES["bptt"])
    return [
        Equation(mean_square, sympy.Rational(1, 3), "E[ν²], ν uniform on [−1, 1]"),
        Equation((same[0] + same[1]) / 2 - exact["layers.0.W"][0, 0], error, "bias if one ν serves both steps"),
    ]


def _example() -> Example:
    network = Network(layers=(Layer(Rnn(), inputs=1, units=2),))
    rng = np.random.default_rng(0)
    w = network.parameters(seed=0)
    rows = []
    for steps in (2, 3, 4):
        x, y = rng.standard_normal((steps, 1, 1)), rng.standard_normal((steps, 1, 2))
        exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])["layers.0.H"]
        for name, method in (("uoro", uoro), ("kf-rtrl", kf_rtrl)):
            shape = (steps, 1, 2) if method is uoro else (1, steps, 1, 2)
            draws = [
                method.gradients(network, w, x, y, signs=np.array(s).reshape(shape))["layers.0.H"]
                for s in product((1, -1), repeat=int(np.prod(shape)))
            ]
            mean = np.mean(draws, axis=0)
            deviation = np.sqrt(np.mean([((d - exact) ** 2).sum() for d in draws])) / np.linalg.norm(exact)
            off = np.linalg.norm(mean - exact) / np.linalg.norm(exact)
            rows.append((acronym(name), str(steps), str(len(draws)), number(float(off)), f"{deviation:.3f}"))
    text = "Two units; every sign sequence is enumerated, with the papers' normalisers. The mean is the gradient."
    return Example(text, ("rule", "T", "draws", "mean against BPTT", "relative standard deviation"), tuple(rows))


def _figure() -> Figure:
    return unrolled(Rnn(), RULES["rtrl"])


DERIVATION = Derivation(
    name="unbiased",
    title="UORO and KF-RTRL: unbiased by enumeration",
    motivation=(
        "RTRL's influence matrix M is too large to keep. Keep a random matrix of low rank whose mean is M: then every "
        "single update is wrong, and all of them together are right. The trick is one line: a vector ν of independent "
        "signs has E[ν ν^T] = I, so a sum of outer products can be written as the mean of an outer product of sums.",
        "Unbiasedness is usually tested by sampling, with a z-score and a shrug. At small size there is no need to "
        "sample: there are only so many signs, and the mean over all of them is a polynomial identity.",
    ),
    statement=(
        "The mean of the UORO estimate over all sign sequences is the RTRL gradient, for all weights and inputs "
        "and for "
        "all positive normalisers r_0, r_1 that do not depend on the signs; so is that of KF-RTRL on one layer. The "
        "estimate is even in ν. For one unit and two steps a draw is off by ±q(r_0 J D_2 + D_1/r_0).",
    ),
    steps=(
        Step(
            "unbiased.uoro",
            "The code of UORO is run once for every sequence of signs, on symbols, and the mean minus "
            "BPTT expands to 0; r_0 and r_1 are free symbols.",
            premises=("paths.sum",),
            proof=_uoro,
            code=("reference/estimators/uoro.py",),
            source="arXiv 1702.05043; mathematics.md 3",
            sizes="T = 2; n = 2, LIF n = 1, two layers of 1",
        ),
        Step(
            "unbiased.kf-rtrl",
            "The same for the Kronecker-factored estimate, whose two signs per step are scalars.",
            premises=("paths.sum",),
            proof=_kf,
            code=("reference/estimators/kf_rtrl.py",),
            source="Mujika et al. 2018; mathematics.md 3",
            sizes="n = 2, T = 2; n = 1, T = 3",
        ),
        Step(
            "unbiased.normalisers",
            "Any positive normalisers leave the mean as it is, so the mean cannot tell which were used. One draw can: "
            "with the code's own, a draw of either estimator is the published recursion with r_0 = √(|B|/|JA|), "
            "r_1 = √(|νD|/|ν|) and p_1 = √(|JA|/|u|), p_2 = √(|φ'|/|a|), written out with matrices. A root is a "
            "symbol of its own, the same for the same polynomial.",
            premises=("unbiased.uoro", "unbiased.kf-rtrl"),
            proof=_published,
            code=(
                "reference/estimators/uoro.py:normaliser",
                "reference/estimators/uoro.py:_norm",
                "reference/estimators/kf_rtrl.py:_norm",
            ),
            source="arXiv 1702.05043; Mujika et al. 2018; mathematics.md 3",
            sizes="vanilla RNN, n = 2, T = 2, one draw each",
        ),
        Step(
            "unbiased.antithetic",
            "Negating all noise leaves the estimate as it is, identically: a pair ν, −ν is one draw and not two.",
            premises=("unbiased.uoro",),
            proof=_antithetic,
            code=("reference/estimators/uoro.py",),
            source="mathematics.md 3, T89",
            sizes="n = 2, T = 2",
        ),
        Step(
            "unbiased.error",
            "For one unit, two steps and a loss at the end, the error of a draw is the sign ν1 ν2 times "
            "a fixed number.",
            premises=("unbiased.uoro",),
            equations=_error,
            code=("reference/estimators/uoro.py",),
            source="mathematics.md 3",
            sizes="n = 1, T = 2, all four draws",
        ),
        Step(
            "unbiased.variance",
            "So the variance is its square. Completing the square shows the best r_0, "
            "√(D_1/(J D_2)): that is what |B|/|JA| aims at.",
            premises=("unbiased.error",),
            equations=_variance,
            source="arXiv 1902.02405; mathematics.md 3",
        ),
        Step(
            "unbiased.bias",
            "Uniform noise has E[ν²] = 1/3, a third of the new term. One ν for both steps makes "
            "ν1 ν2 = 1, and the error of a draw becomes a bias.",
            premises=("unbiased.error",),
            equations=_bias,
            code=("reference/estimators/uoro.py",),
            source="mathematics.md 3, T84, T85",
            sizes="n = 1, T = 2",
        ),
    ),
    example=_example,
    traps=(
        Trap("T84", "Noise uniform on an interval: bias .67 measured."),
        Trap("T85", "Noise reused across steps (bias 2.5 measured) or shared between samples."),
        Trap("T86", "r_0 applied to one factor only, or not inverted."),
        Trap("T87", "No guard when JA = 0 at the first step."),
        Trap("T88", "Fixed non-zero initial factors."),
        Trap("T89", "Antithetic pairs counted as two draws."),
        Trap("T90", "KF-RTRL's signs drawn per entry instead of per step."),
        Trap("T131", "Unbiased estimators tested with a fixed tolerance and too few draws."),
    ),
    snippet="""\
from itertools import product
import numpy as np
from gradcert.reference import RULES, Layer, Network, Rnn
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import uoro

network = Network(layers=(Layer(Rnn(), inputs=1, units=2),))
w, x, y = network.parameters(seed=0), np.ones((2, 1, 1)), np.zeros((2, 1, 2))
draws = [np.array(s).reshape(2, 1, 2) for s in product((1, -1), repeat=4)]
mean = sum(uoro.gradients(network, w, x, y, signs=s)["layers.0.H"] for s in draws) / len(draws)
print(mean - reverse.gradients(network, w, x, y, rule=RULES["bptt"])["layers.0.H"])
""",
    figures=(_figure,),
    notation={
        "A": "random column that stands for the state's side of the influence matrix",
        "B": "random row that stands for the parameters' side",
        "D": "immediate derivative of the state (D_1, D_2: at steps 1 and 2)",
        "J": "one-step Jacobian of the state",
        "a": "what the drive's weights multiply",
        "q": "derivative of the loss by the state",
        "r": "r_0, r_1: normalisers",
        "u": "random row of KF-RTRL",
        "ν": "vector of independent signs",
        "φ": "activation; φ' its derivative",
        "p": "p_1, p_2: normalisers of KF-RTRL",
    },
)
