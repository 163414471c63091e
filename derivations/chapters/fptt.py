"""FPTT and the liquid time-constant neuron."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.figures import unrolled
from gradcert.derivations.notation import code_step, sym
from gradcert.derivations.proof import Result
from gradcert.derivations.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.derivations.symbols import function_pair
from gradcert.reference import RULES, Ltc
from gradcert.reference.networks.cells import ltc
from gradcert.reference.numbers import SIGMOID
from gradcert.reference.procedures import FpttState, Vector, gradient_step, paper_step, parts_of
from gradcert.reference.procedures import code_step as code_form

ALPHA, BETA = sympy.symbols("α β")
W, W1, BAR, PULL = sym("w"), sym("w", "", "t+1"), sym("w̄"), sym("G")


def _vector(value: Any) -> Vector:
    return {"w": np.array([value], dtype=object)}


def _loss_slope(w: Vector) -> Vector:
    """Return grad ell(w), ell undefined."""
    slope = sympy.Function("ℓ'")
    return {k: np.array([slope(v) for v in values], dtype=object) for k, values in w.items()}


def _run(form: str) -> tuple[Any, FpttState]:
    """Run one part of the code's update with a solver that returns a free w; return the objective's gradient there."""
    seen: list[Any] = []

    def solver(weights: Vector, gradient: Any) -> Vector:
        found = _vector(W1)
        seen.append(gradient(found)["w"][0])
        return found

    state = FpttState(_vector(W), _vector(BAR), _vector(PULL))
    if form == "paper":
        out = paper_step(state, _loss_slope, alpha=ALPHA, solver=solver)
    else:
        out = code_form(state, _loss_slope, alpha=ALPHA, beta=BETA, solver=solver)
    return seen[0], out


def _risk() -> list[Equation]:
    ell = sympy.Function("ℓ'")(W1)
    paper = ALPHA / 2 * (W1 - BAR - PULL / (2 * ALPHA)) ** 2
    code = -W1 * PULL + ALPHA / 2 * (W1 - BAR) ** 2
    return [
        Equation(_run("paper")[0], ell + sympy.diff(paper, W1), "paper"),
        Equation(_run("code")[0], ell + sympy.diff(code, W1), "code"),
    ]


def _minimiser() -> list[Equation]:
    slope, out = _run("code")
    ell = sympy.Function("ℓ'")(W1)
    return [Equation(out.pull["w"][0] - ell, -slope, "Λ - ∇ℓ at the new weights")]


def _one_step() -> list[Equation]:
    rate = sympy.Symbol("η")
    state = FpttState(_vector(W), _vector(W), _vector(sympy.S.Zero))
    out = code_form(state, _loss_slope, alpha=ALPHA, beta=BETA, solver=gradient_step(rate))
    return [Equation(out.pull["w"][0], ALPHA * rate * sympy.Function("ℓ'")(W), "Λ after one descent step")]


def _forms() -> list[Equation]:
    paper, paper_out = _run("paper")
    code, code_out = _run("code")
    ell = sympy.Function("ℓ'")(W1)
    half = {BETA: sympy.Rational(1, 2)}
    gap = paper_out.average["w"][0] - code_out.average["w"][0].subs(half)
    return [
        Equation(paper - code, PULL / 2, "gradient of the two objectives"),
        Equation(gap, (code_out.pull["w"][0] - ell) / (2 * ALPHA), "w̄ of the two forms, β = 1/2"),
    ]


def _parts() -> Result:
    failed, count = [], 0
    for steps in range(1, 25):
        for parts in range(1, steps + 1):
            pieces = parts_of(steps, parts)
            count += 1
            longest = max(p.stop - p.start for p in pieces)
            covered = [t for p in pieces for t in range(p.start, p.stop)]
            if longest != -(-steps // parts) or covered != list(range(steps)):
                failed.append(f"T = {steps}, P = {parts}")
    return Result("the longest part has ceil(T/P) steps", count, tuple(failed), 0.0)


def _branches() -> list[Equation]:
    cell = Ltc(bias=False, train=("threshold", "beta"))
    code = code_step(cell)
    drive = sym("I", "a", "t")
    table: dict[Any, Any] = {}
    for node in cell.nodes:
        value = code.nodes[node]
        if f"+{node}" in code.nodes and node != "a":
            value = value.xreplace({sym("I", node, "t"): code.nodes[f"+{node}"]})
        table[sym(node, "", "t")] = value.xreplace(table)
    slope = function_pair(SIGMOID.name)[1]
    gate_k = slope(sympy.expand(sym("ak", "", "t").xreplace(table)))
    gate_r = slope(sympy.expand(sym("ar", "", "t").xreplace(table)))
    wm, wa = sym("Wm_I"), sym("Wa_I")
    a, u, k = (table[sym(s, "", "t")] for s in "auk")
    b_before, z_before = sym("b", "", "t-1"), sym("z", "", "t-1")
    dv = k + (a - u) * gate_k * wm
    db = (b_before - z_before) * gate_r * wa

    def tidy(e: Any) -> Any:
        return e.replace(lambda f: f.is_Function, lambda f: f.func(sympy.expand(f.args[0])))

    found_v = sympy.diff(table[sym("v", "", "t")], drive)
    found_b = sympy.diff(table[sym("b", "", "t")], drive)
    output = code.factors[ltc.OUTPUT].xreplace(table)
    found_z = sympy.diff(table[sym("z", "", "t")], drive)
    return [
        Equation(tidy(found_v), tidy(dv), "dv/dI: drive and gate k"),
        Equation(tidy(found_b), tidy(db), "db/dI: gate r"),
        Equation(tidy(found_z), tidy(output * (dv - sym("β") * db)), "dz/dI: all three branches"),
    ]


def _example() -> Example:
    """One part of a quadratic loss with an exact solver and with one descent step, in exact rationals."""
    from fractions import Fraction as F

    alpha, curvature, centre = F(1, 2), F(3), F(2)

    def gradient(w: Vector) -> Vector:
        return {k: curvature * (v - centre) for k, v in w.items()}

    rows = []
    for form in ("paper", "code"):
        for name in ("exact", "one step"):
            state = FpttState(_vector(F(0)), _vector(F(0)), _vector(F(0)))
            for _ in range(3):
                coefficient, bar, pull = (
                    (F(1, 2) if form == "paper" else F(1)),
                    state.average["w"][0],
                    state.pull["w"][0],
                )
                minimum = (curvature * centre + alpha * bar + coefficient * pull) / (curvature + alpha)
                solver = (lambda w, g, m=minimum: _vector(m)) if name == "exact" else gradient_step(F(1, 10))
                if form == "paper":
                    state = paper_step(state, gradient, alpha=alpha, solver=solver)
                else:
                    state = code_form(state, gradient, alpha=alpha, beta=F(1, 2), solver=solver)
            w = state.weights["w"][0]
            slope = gradient({"w": np.array([w], dtype=object)})["w"][0]
            rows.append((form, name, f"{float(w):.5f}", f"{float(state.pull['w'][0]):.5f}", f"{float(slope):.5f}"))
    text = (
        "Three parts of the loss 3/2 (w - 2)², α = 1/2, by the code of reference/procedures in exact rationals. Only "
        "with the exact solver is Λ the gradient at the new weights."
    )
    return Example(text, ("form", "solver", "w", "G or Λ", "∇ℓ(w)"), tuple(rows))


def _figure() -> Figure:
    return unrolled(Ltc(), RULES["ostl"], steps=2)


DERIVATION = Derivation(
    name="fptt",
    title="FPTT and liquid time constants",
    motivation=(
        "BPTT's memory grows with T. Cut the sequence into P parts, detach the state between them and update "
        "after each: "
        "memory is that of one part, but what one part learns the next may undo. FPTT adds a regulariser that "
        "pulls the "
        "weights towards a running average, and a linear term that stands for the gradients already seen.",
        "There are two published forms, in the paper and in the authors' code. They look alike and differ by a factor "
        "of two in one term. The neuron that made FPTT work on spikes has time constants that depend on input "
        "and state, "
        "so a weight reaches the membrane by three roads at once.",
    ),
    statement=(
        "The paper minimises ℓ(w) + (α/2)|w - w̄ - G/(2α)|², the code ℓ(w) - Λ·w + (α/2)|w - w̄|²; their "
        "gradients differ "
        "by half the linear term. Λ is the gradient at the new weights if and only if the code's objective was "
        "minimised "
        "exactly; then, with β = 1/2, both average alike. Memory is ceil(T/P) steps of activations and three "
        "copies of the "
        "parameters, whatever T.",
    ),
    steps=(
        Step(
            "fptt.risk",
            "The code of both forms is run with an undefined loss; what it hands to its solver is the "
            "gradient of the regularised risk as printed.",
            equations=_risk,
            code=("reference/procedures/fptt.py:paper_step", "reference/procedures/fptt.py:code_step"),
            source="PMLR v139 kag21a; mathematics.md 8.1, 8.2",
            sizes="every weight (elementwise)",
        ),
        Step(
            "fptt.minimiser",
            "Λ misses the gradient at the new weights by exactly the gradient of the objective there: "
            "it is right if and only if the inner problem is solved.",
            premises=("fptt.risk",),
            equations=_minimiser,
            code=("reference/procedures/fptt.py:code_step",),
            source="mathematics.md 8.2, 12.12",
        ),
        Step(
            "fptt.one-step",
            "After one descent step of rate η from w = w̄ and Λ = 0 it is αη times the gradient at the "
            "old weights instead.",
            premises=("fptt.risk",),
            equations=_one_step,
            code=("reference/procedures/fptt.py:gradient_step",),
            source="mathematics.md 8.2, T113",
        ),
        Step(
            "fptt.forms",
            "The two objectives differ by G/2 in their gradients, always. Their averages agree for "
            "β = 1/2 if Λ is the gradient, that is, if the minimum was reached.",
            premises=("fptt.minimiser",),
            equations=_forms,
            code=("reference/procedures/fptt.py",),
            source="mathematics.md 8.1, 8.2, T103",
        ),
        Step(
            "fptt.parts",
            "The longest of P parts of T steps has ceil(T/P) steps, and every step is in one part.",
            proof=_parts,
            code=("reference/procedures/fptt.py:parts_of",),
            source="mathematics.md 8.2, T111",
            sizes="all T <= 24 and P <= T",
        ),
        Step(
            "fptt.branches",
            "The liquid time-constant neuron's step, differentiated by its drive: the drive itself with "
            "factor k, the gate k through a - u, and the gate r through the adaptation and the threshold.",
            premises=("paths.local-ltc",),
            equations=_branches,
            code=("reference/networks/cells/ltc.py:step",),
            source="arXiv 2112.11231; mathematics.md 1.3",
            sizes="one unit",
        ),
    ),
    example=_example,
    traps=(
        Trap("T103", "Inner-product coefficient 1/2 against 1."),
        Trap("T104", "The sign of Λ, or of its update."),
        Trap("T105", "w̄ updated before Λ, or with the old Λ."),
        Trap("T106", "w̄ aliases the live tensor."),
        Trap("T108", "The penalty reduced by a mean instead of a sum."),
        Trap("T109", "The second gradient evaluated at the old weights or from the new state."),
        Trap("T111", "The last part skipped; p + 1/P for (p+1)/P."),
        Trap("T113", "Λ claimed to equal the gradient after one optimiser step."),
    ),
    snippet="""\
from fractions import Fraction
import numpy as np
from gradcert.reference.procedures import code_step, gradient_step, start

def gradient(w):
    return {"w": 3 * (w["w"] - 2)}

state = start({"w": np.array([Fraction(0)], dtype=object)})
state = code_step(state, gradient, alpha=Fraction(1, 2), beta=Fraction(1, 2), solver=gradient_step(Fraction(1, 10)))
print(state.pull["w"], gradient(state.weights)["w"])  # not equal: one step is no minimisation
""",
    figures=(_figure,),
)
