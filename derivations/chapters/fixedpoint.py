"""Fixed point: how rounding errors move through a trace, and how large they get."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import heat_map
from gradcert.derivations.proving.common import RAISED
from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.proof import Result, named, problem
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, TEMPORAL, Layer, Lif, Network, Snu
from gradcert.reference.engines import Learner, across

LEAK = sympy.Symbol("λ")
STEPS = 4


def _trace(steps: int, extra: list[Any] | None = None) -> Any:
    """Return OTTT's presynaptic trace after some steps as the engine computes it; `extra` is added to the inputs."""
    cell = Lif(leak=LEAK, threshold=sympy.Symbol("θ"), bias=False)
    p = problem(Network(layers=(Layer(cell, inputs=1, units=1),)), steps=steps)
    learner = Learner(
        named(p.network, Ledger()),
        p.parameters,
        rule=RULES["ottt"],
        steps=steps,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    for t in range(steps):
        x = p.inputs[t] if extra is None else p.inputs[t] + extra[t]
        learner.step(x, p.targets[t])
    return learner.traces[0][0, "W", 0]["v"].array[0, 0]


def _moves() -> list[Equation]:
    """Show that rounding a trace at every step is the same as adding the rounding errors to its inputs."""
    delta = [sym("δ", "", str(t + 1)) for t in range(STEPS)]
    rounded: Any = sympy.S.Zero
    for t in range(STEPS):
        rounded = LEAK * rounded + sympy.Symbol(f"x[{t},0,0]") + delta[t]
    error = sum(LEAK ** (STEPS - 1 - t) * delta[t] for t in range(STEPS))
    return [
        Equation(_trace(STEPS, delta), rounded, "the engine, errors added to its input"),
        Equation(rounded - _trace(STEPS), error, "rounded trace minus the engine's"),
    ]


def _geometric() -> list[Equation]:
    u, power = sym("u"), sym("λ", "", "t")
    bound, following = u / 2 * (1 - power) / (1 - LEAK), u / 2 * (1 - LEAK * power) / (1 - LEAK)
    return [
        Equation(LEAK * bound + u / 2, following, "one more step"),
        Equation(u / 2 / (1 - LEAK) - bound, u / 2 * power / (1 - LEAK), "the limit minus the bound at t"),
    ]


def _leak() -> list[Equation]:
    gap, trace, rounded, x, delta = (
        sym("Δ"),
        sym("x̂", "", "t-1"),
        sym("q", "", "t-1"),
        sym("x", "", "t"),
        sym("δ", "", "t"),
    )
    now = (LEAK + gap) * rounded + x + delta
    error = rounded - trace
    return [Equation(now - (LEAK * trace + x), (LEAK + gap) * error + gap * trace + delta, "qᵗ − x̂ᵗ")]


def _width() -> list[Equation]:
    top, power = sym("X"), sym("λ", "", "t")
    held = top * (1 - power) / (1 - LEAK)
    return [Equation(LEAK * held + top, top * (1 - LEAK * power) / (1 - LEAK), "one more step at full input")]


def _dead_zone() -> Result:
    """Enumerate: rounding to nearest, the decay of a value alone stops where (1 - λ)|q| <= 1/2, q in units."""
    failed, count = [], 0
    for shift in range(1, 7):
        leak = 1 - Fraction(1, 2**shift)
        for q in range(-200, 201):
            count += 1
            exact = leak * q
            moved = int((exact + Fraction(1, 2)) // 1)  # to nearest, ties upwards
            # q stays iff leak q + 1/2 is in [q, q + 1): the half at the tie belongs to the upper side
            stays = -Fraction(1, 2) < (1 - leak) * q <= Fraction(1, 2)
            if (moved == q) != stays:
                failed.append(f"λ = 1 - 2^-{shift}, q = {q}")
    return Result("dead zone of a decaying value", count, tuple(failed), 0.0)


def _stochastic() -> list[Equation]:
    """Return the mean and the variance of stochastic rounding of k + f, 0 <= f < 1: up with probability f."""
    f, k = sym("f"), sym("k")
    mean = (1 - f) * k + f * (k + 1)
    variance = (1 - f) * (k - (k + f)) ** 2 + f * (k + 1 - (k + f)) ** 2
    return [
        Equation(mean, k + f, "mean"),
        Equation(variance, f * (1 - f), "variance"),
        Equation(sympy.Rational(1, 4) - variance, (f - sympy.Rational(1, 2)) ** 2, "1/4 minus the variance"),
    ]


def _jacobian() -> list[Equation]:
    """Round OSTL's trace after every step of the engine; J is the engine's own one-step Jacobian."""
    d = [sym("δ", "", str(t)) for t in (1, 2, 3)]
    p = problem(Network(layers=(Layer(Snu(bias=False, transfer="tanh"), inputs=1, units=1),)), steps=3)
    traces, jacobians = [], []
    for rounded in (False, True):
        options: dict[str, Any] = {
            "rule": RULES["ostl"],
            "steps": 3,
            "batch": 1,
            "numbers": SYMBOLS,
            "initial": p.initial,
        }
        learner = Learner(named(p.network, Ledger()), p.parameters, **options)
        for t in range(3):
            last = learner.before[0] if t else None
            learner.step(p.inputs[t], p.targets[t])
            if last is not None and not rounded:
                jacobians.append(sympy.sympify(across(last, learner.before[0], TEMPORAL, "v")["v"].value.flat[0]))
            trace = learner.traces[0][0, "W", 0]
            if rounded:
                trace["v"] = replace(trace["v"], array=trace["v"].array + d[t])
        traces.append(trace["v"].array.flat[0])
    j2, j3 = jacobians
    return [Equation(traces[1] - traces[0], j3 * j2 * d[0] + j3 * d[1] + d[2], "error at step 3")]


def _gradient() -> list[Equation]:
    """Combine the trace's error with that of the learning signal."""
    signal, trace, es, et = sym("L"), sym("e"), sym("δ", "L"), sym("δ", "e")
    return [Equation((signal + es) * (trace + et) - signal * trace, signal * et + es * trace + es * et, "product")]


def _run(shift: int, bits: int, steps: int, rng: Any) -> tuple[Fraction, Fraction]:
    leak, unit = 1 - Fraction(1, 2**shift), Fraction(1, 2**bits)
    exact, rounded, worst = Fraction(0), Fraction(0), Fraction(0)
    for x in rng.integers(0, 2, steps):
        exact = leak * exact + int(x)
        value = (leak * rounded + int(x)) / unit
        rounded = int((value + Fraction(1, 2)) // 1) * unit
        worst = max(worst, abs(rounded - exact))
    return worst, unit / 2 / (1 - leak)


def _example() -> Example:
    rows = []
    for shift in (1, 3, 5):
        for bits in (4, 8):
            worst, bound = _run(shift, bits, 400, np.random.default_rng(shift))
            rows.append(
                (
                    f"1 − 2⁻{str(shift).translate(RAISED)}",
                    str(bits),
                    f"{float(worst):.5f}",
                    f"{float(bound):.5f}",
                    f"{float(worst / bound):.2f}",
                )
            )
    text = "A presynaptic trace of 400 random spikes in exact rationals, rounded to nearest at every step."
    return Example(text, ("λ", "fraction bits", "largest error", "bound u/(2(1 − λ))", "ratio"), tuple(rows))


def _figure() -> Figure:
    values = [
        [float(_run(s, b, 200, np.random.default_rng(0))[0]) ** 0.5 for b in (3, 4, 5, 6, 7)] for s in (1, 2, 3, 4, 5)
    ]
    caption = "Square root of the largest error in 200 steps. Rows: λ = 1 − 2⁻¹ to 1 − 2⁻⁵; columns: 3 to 7 bits."
    return heat_map(values, caption, rows="λ", columns="bits")


DERIVATION = Derivation(
    name="fixedpoint",
    title="Fixed point: rounding in a trace",
    motivation=(
        "A chip holds the eligibility in a few bits and rounds it at every step. Does the error grow? A trace is a "
        "linear recursion, so a rounding error is one more input: it is forgotten at the rate at which the trace "
        "forgets, and the sum of all of them is a geometric series.",
        "The other things that go wrong are not errors of size but of kind: a leak that cannot be represented, a value "
        "that no longer decays because its decrement rounds to nothing, a register that is one bit too short.",
    ),
    statement=(
        "With rounding to nearest in units of u the error of x̂ = λ x̂ + x is at most u(1 − λ^t)/(2(1 − λ)) < "
        "u/(2(1 − λ)). "
        "With a leak off by Δ the error obeys e = (λ + Δ) e + Δ x̂ + δ. For |x| ≤ X the trace needs X/(1 − λ). "
        "Rounded to "
        "nearest, a value of q units stops decaying where (1 − λ)|q| is at most about 1/2. Stochastic rounding has no "
        "bias and a variance of at most u²/4 per step.",
    ),
    steps=(
        Step(
            "fixedpoint.input",
            "Rounding a trace after every step gives what the engine computes from inputs with the "
            "rounding errors added: the error itself is the trace of the errors.",
            premises=("ottt.trace",),
            equations=_moves,
            code=("reference/engines/forward.py:Learner",),
            source="mathematics.md 7.1",
            sizes="T = 4",
        ),
        Step(
            "fixedpoint.bound",
            "Each δ is at most u/2. The geometric bound holds at t = 0, is kept by one step, and "
            "stays below its limit.",
            premises=("fixedpoint.input", "depth.a-priori"),
            equations=_geometric,
            source="geometric series",
            sizes="every T",
        ),
        Step(
            "fixedpoint.leak",
            "A leak that is rounded as well feeds the trace itself into its error, with factor Δ: this "
            "part does not shrink with u.",
            premises=("fixedpoint.input",),
            equations=_leak,
            source="",
            sizes="one step",
        ),
        Step(
            "fixedpoint.width",
            "If every input is at most X, the trace is at most X(1 − λ^t)/(1 − λ): the integer bits follow.",
            premises=("fixedpoint.bound",),
            equations=_width,
            source="",
            sizes="every T",
        ),
        Step(
            "fixedpoint.dead-zone",
            "With rounding to nearest, ties upwards, a value without input stays put exactly if "
            "−1/2 < (1 − λ) q ≤ 1/2: enumerated.",
            proof=_dead_zone,
            source="",
            sizes="λ = 1 − 2^(−k), k ≤ 6; |q| ≤ 200",
        ),
        Step(
            "fixedpoint.stochastic",
            "Rounding up with probability equal to the fraction is unbiased, and its variance is "
            "at most 1/4 of a unit squared.",
            equations=_stochastic,
            source="",
        ),
        Step(
            "fixedpoint.jacobian",
            "The engine's trace for OSTL, rounded after every step: the error carries products of Jacobians in "
            "place of powers of λ, and the bounds of the chapter on depth apply to them word for word.",
            premises=("fixedpoint.input", "depth.online"),
            equations=_jacobian,
            code=("reference/engines/step.py:across",),
            source="mathematics.md 0.3",
            sizes="SNU, one unit, T = 3",
        ),
        Step(
            "fixedpoint.gradient",
            "The update multiplies a rounded signal with a rounded trace; the two errors enter crosswise.",
            premises=("fixedpoint.bound",),
            equations=_gradient,
            source="",
        ),
    ),
    example=_example,
    traps=(
        Trap("T13", "The order of operations: λ(x̂ + x) rounds something else, and is wrong before it is rounded."),
        Trap("T122", "Gradient scale lost under low precision; rounding noise judged as error, or as agreement."),
        Trap("T36", "Clamped values given non-zero gradients outside the clamp: saturation is a clamp."),
    ),
    snippet="""\
from fractions import Fraction

leak, unit, exact, rounded = Fraction(7, 8), Fraction(1, 16), Fraction(0), Fraction(0)
for x in (1, 0, 1, 1, 0, 0, 1, 0):
    exact = leak * exact + x
    rounded = round((leak * rounded + x) / unit) * unit
print(abs(rounded - exact) <= unit / 2 / (1 - leak))
""",
    figures=(_figure,),
    notation={
        "X": "bound on the inputs",
        "e": "error of the trace",
        "q": "rounded value, in units",
        "u": "unit of the fixed-point format",
        "Δ": "error of the leak",
        "δ": "rounding error of a step",
    },
)
