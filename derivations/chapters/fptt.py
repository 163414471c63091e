"""FPTT and the liquid time-constant neuron."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import SYMBOLS, function_pair
from gradcert.derivations.figures import unrolled
from gradcert.derivations.proving.common import at_rest, combined, compare_gradients, one_layer
from gradcert.derivations.proving.notation import code_step, sym
from gradcert.derivations.proving.proof import Problem, Result, problem
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Ltc, Rnn
from gradcert.reference.engines import record, reverse
from gradcert.reference.networks.cells import ltc
from gradcert.reference.numbers import SIGMOID, spike
from gradcert.reference.procedures import FpttState, Vector, fptt, gradient_step, paper_step, parts_of
from gradcert.reference.procedures import code_step as code_form

STRENGTH, BETA = sympy.symbols("μ β")
#: weights of the two gates in the code -> gate and what it sees by them, as the page calls these
GATES = {"Wm_I": "k,a", "Wm_u": "k,u", "Wa_I": "γ,a", "Wa_b": "γ,b"}
W, W1, BAR, PULL, LINEAR = sym("w", "r"), sym("w", "r+1"), sym("w̄", "r"), sym("G", "r"), sym("Λ", "r")
SLOPE = sympy.Function("∇ℓ_r")


def _vector(value: Any) -> Vector:
    return {"w": np.array([value], dtype=object)}


def _loss_slope(w: Vector) -> Vector:
    """Return grad ell(w), ell undefined."""
    return {k: np.array([SLOPE(v) for v in values], dtype=object) for k, values in w.items()}


def _run(form: str, pull: Any = None) -> tuple[Any, FpttState]:
    """Run one part of the code's update with a solver that returns a free w; return the objective's gradient there.

    The linear term is G in the form of the paper and Λ in that of the code, unless told.
    """
    seen: list[Any] = []

    def solver(weights: Vector, gradient: Any) -> Vector:
        found = _vector(W1)
        seen.append(gradient(found)["w"][0])
        return found

    pull = pull or (PULL if form == "paper" else LINEAR)
    state = FpttState(_vector(W), _vector(BAR), _vector(pull))
    if form == "paper":
        out = paper_step(state, _loss_slope, alpha=STRENGTH, solver=solver)
    else:
        out = code_form(state, _loss_slope, alpha=STRENGTH, beta=BETA, solver=solver)
    return seen[0], out


def _risk() -> list[Equation]:
    ell = SLOPE(W1)
    paper = STRENGTH / 2 * (W1 - BAR - PULL / (2 * STRENGTH)) ** 2
    code = -W1 * LINEAR + STRENGTH / 2 * (W1 - BAR) ** 2
    return [
        Equation(_run("paper")[0], ell + sympy.diff(paper, W1), "paper"),
        Equation(_run("code")[0], ell + sympy.diff(code, W1), "code"),
    ]


def _minimiser() -> list[Equation]:
    slope, out = _run("code")
    ell = SLOPE(W1)
    return [Equation(out.pull["w"][0] - ell, -slope, "Λ − ∇ℓ at the new weights")]


def _one_step() -> list[Equation]:
    rate = sympy.Symbol("η")
    state = FpttState(_vector(W), _vector(W), _vector(sympy.S.Zero))
    out = code_form(state, _loss_slope, alpha=STRENGTH, beta=BETA, solver=gradient_step(rate))
    return [Equation(out.pull["w"][0], STRENGTH * rate * SLOPE(W), "Λ after one descent step")]


def _updates() -> list[Equation]:
    """Compare what the code carries to the next part with the printed updates, both forms."""
    ell, lam = SLOPE(W1), LINEAR - STRENGTH * (W1 - BAR)
    paper, code = _run("paper")[1], _run("code")[1]
    return [
        Equation(paper.pull["w"][0], ell, "paper: G at the next part"),
        Equation(paper.average["w"][0], (BAR + W1) / 2 - ell / (2 * STRENGTH), "paper: w̄ at the next part"),
        Equation(code.pull["w"][0], lam, "code: Λ at the next part"),
        Equation(
            code.average["w"][0], (1 - BETA) * BAR + BETA * W1 - BETA / STRENGTH * lam, "code: w̄ at the next part"
        ),
    ]


def _forms() -> list[Equation]:
    paper, paper_out = _run("paper")
    code, code_out = _run("code", PULL)
    ell = SLOPE(W1)
    gap = paper_out.average["w"][0] - code_out.average["w"][0]
    # at a stationary point of the code's objective Λ = ∇ℓ + μ(w - w̄) before the update, and ∇ℓ after it
    stationary = {PULL: ell + STRENGTH * (W1 - BAR)}
    return [
        Equation(paper - code, PULL / 2, "gradients of the two objectives where Λ = G, their difference"),
        Equation(
            gap,
            (sympy.Rational(1, 2) - BETA) * (W1 - BAR) - ell / (2 * STRENGTH) + BETA / STRENGTH * code_out.pull["w"][0],
            "w̄ of the paper minus w̄ of the code",
        ),
        Equation(
            sympy.sympify(gap).xreplace(stationary),
            (sympy.Rational(1, 2) - BETA) * (W1 - BAR - ell / STRENGTH),
            "the same where Λ = ∇ℓ",
        ),
    ]


def _part(p: Problem, span: slice, held: Any) -> Any:
    """Return the gradient of one part from a given state, by the reverse engine: weights -> gradient."""

    def gradient(w: Vector) -> Vector:
        return reverse.gradients(
            p.network, w, p.inputs[span], p.targets[span], rule=RULES["bptt"], numbers=SYMBOLS, initial=held
        )

    return gradient


def _whole() -> Result:
    """Run `fptt` itself, two parts of an RNN from one step of descent each, against both updates written out."""
    rate = sympy.Symbol("η")
    p = at_rest(problem(one_layer(Rnn(bias=False), inputs=1, units=1), steps=3))
    results = []
    for form in ("paper", "code"):
        w, bar, pull = dict(p.parameters), dict(p.parameters), {k: 0 * v for k, v in p.parameters.items()}
        held: Any = {}
        for span in (slice(0, 2), slice(2, 3)):
            gradient = _part(p, span, held)
            share = sympy.Rational(1, 2) if form == "paper" else 1
            g, entering = gradient(w), w
            w = {k: w[k] - rate * (g[k] + STRENGTH * (w[k] - bar[k]) - share * pull[k]) for k in w}
            if form == "paper":
                pull = gradient(w)
                bar = {k: (bar[k] + w[k]) / 2 - pull[k] / (2 * STRENGTH) for k in w}
            else:
                pull = {k: pull[k] - STRENGTH * (w[k] - bar[k]) for k in w}
                bar = {k: (1 - BETA) * bar[k] + BETA * w[k] - BETA / STRENGTH * pull[k] for k in w}
            # the state that goes on is that of the pass before the update
            z = record(p.network, entering, p.inputs[span], numbers=SYMBOLS, initial=held).outputs[-1]
            held = {"layers.0.z": z}
        options: dict[str, Any] = {"parts": 2, "alpha": STRENGTH, "beta": BETA, "rate": rate, "form": form}
        found = fptt(p.network, p.parameters, p.inputs, p.targets, numbers=SYMBOLS, finish=False, **options)
        for name, mine, code in (("w", w, found.weights), ("w̄", bar, found.average), ("G or Λ", pull, found.pull)):
            results.append(compare_gradients(f"{form}: {name}", code, mine))
        last = fptt(p.network, p.parameters, p.inputs, p.targets, numbers=SYMBOLS, **options)
        results.append(compare_gradients(f"{form}: w at the end is w̄", last.weights, bar))
    return combined("two parts", results)


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


def _weight(name: str, units: str = "") -> Any:
    """Return a weight of a gate as the page calls it, from which unit to which."""
    return sym("W", units, GATES[name])


def _branches() -> list[Equation]:
    cell = Ltc(bias=False, train=("threshold", "beta"))
    code = code_step(cell)
    drive = sym("I", "a", "t")
    table: dict[Any, Any] = {}
    for node in cell.nodes:
        value = code.nodes[node]
        if f"+{node}" in code.nodes and node != "a":
            value = value.xreplace({sym("I", node, "t"): code.nodes[f"+{node}"]})
        table[sym(node, "", "t")] = value.xreplace({sym(name): _weight(name) for name in GATES}).xreplace(table)
    slope = function_pair(SIGMOID.name)[1]
    gate_k = slope(sympy.expand(sym("ak", "", "t").xreplace(table)))
    gate_r = slope(sympy.expand(sym("ar", "", "t").xreplace(table)))
    wm, wa = _weight("Wm_I"), _weight("Wa_I")
    a, u, k = (table[sym(s, "", "t")] for s in "auk")
    b_before, z_before = sym("b", "", "t-1"), sym("z", "", "t-1")
    dv = k + (a - u) * gate_k * wm
    db = (b_before - z_before) * gate_r * wa

    def tidy(e: Any) -> Any:
        """Return it with what stands in functions multiplied out, and the drive as the page calls it."""
        named = e.xreplace({drive: sym("a", "", "t")})
        return named.replace(lambda f: f.is_Function, lambda f: f.func(sympy.expand(f.args[0])))

    found_v = sympy.diff(table[sym("v", "", "t")], drive)
    found_b = sympy.diff(table[sym("b", "", "t")], drive)
    output = code.factors[ltc.OUTPUT].xreplace(table)
    found_z = sympy.diff(table[sym("z", "", "t")], drive)
    return [
        Equation(tidy(found_v), tidy(dv), "dv/da: drive and gate k"),
        Equation(tidy(found_b), tidy(db), "db/da: gate γ"),
        Equation(tidy(found_z), tidy(output * (dv - sym("β") * db)), "dz/da: all three roads"),
    ]


def _others() -> list[Equation]:
    """Differentiate the step of two liquid units by the drive of one, for the other: both gates see both drives."""
    cell = Ltc(bias=False, train=("threshold", "beta"))
    made = {name: np.array([[_weight(name, f"{i}{j}") for j in (1, 2)] for i in (1, 2)]) for name in GATES}
    a, v, z, b = (np.array([sym(s, str(i), t) for i in (1, 2)]) for s, t in (("a", "t"), *((s, "t-1") for s in "vzb")))

    def drive(node: str, **given: Any) -> Any:
        if node == "a":
            return a
        state = ("Wm_u", given["q"]) if node == "ak" else ("Wa_b", given["b"])
        return made["Wm_I" if node == "ak" else "Wa_I"] @ given["a"] + made[state[0]] @ state[1]

    p = {"threshold": np.array([sym("θ")] * 2), "beta": np.array([sym("β")] * 2)}
    now = cell.step(SYMBOLS, p, drive, {"v": v, "z": z, "b": b})
    slope = function_pair(SIGMOID.name)[1]
    u = (1 - z[1]) * v[1]
    dv = (a[1] - u) * slope(now["ak"][1]) * made["Wm_I"][1, 0]
    db = (b[1] - z[1]) * slope(now["ar"][1]) * made["Wa_I"][1, 0]
    psi = function_pair(spike(cell.surrogate, strict=cell.strict).name)[1]
    dz = psi(now["v"][1] - sym("θ") - sym("β") * now["b"][1]) * (dv - sym("β") * db)

    def tidy(e: Any) -> Any:
        return e.replace(lambda f: f.is_Function, lambda f: f.func(sympy.expand(f.args[0])))

    return [
        Equation(tidy(sympy.diff(now[node][1], a[0])), tidy(wanted), f"d{node}₂/da₁")
        for node, wanted in (("v", dv), ("b", db), ("z", dz))
    ]


def _printed(value: Any, places: int = 5) -> str:
    """Round a rational to a number of decimals, halves away from 0; a float in between may lie on the other side."""
    whole = int(abs(value) * 10**places + Fraction(1, 2))
    return f"{'−' if value < 0 else ''}{whole // 10**places}.{whole % 10**places:0{places}d}"


def _example() -> Example:
    """One part of a quadratic loss with an exact solver and with one descent step, in exact rationals."""
    alpha, curvature, centre = Fraction(1, 2), Fraction(3), Fraction(2)

    def gradient(w: Vector) -> Vector:
        return {k: curvature * (v - centre) for k, v in w.items()}

    rows = []
    for form in ("paper", "code"):
        for name in ("exact", "one step"):
            state = FpttState(_vector(Fraction(0)), _vector(Fraction(0)), _vector(Fraction(0)))
            for _ in range(3):
                coefficient, bar, pull = (
                    (Fraction(1, 2) if form == "paper" else Fraction(1)),
                    state.average["w"][0],
                    state.pull["w"][0],
                )
                minimum = (curvature * centre + alpha * bar + coefficient * pull) / (curvature + alpha)
                solver = (lambda w, g, m=minimum: _vector(m)) if name == "exact" else gradient_step(Fraction(1, 10))
                if form == "paper":
                    state = paper_step(state, gradient, alpha=alpha, solver=solver)
                else:
                    state = code_form(state, gradient, alpha=alpha, beta=Fraction(1, 2), solver=solver)
            w = state.weights["w"][0]
            slope = gradient({"w": np.array([w], dtype=object)})["w"][0]
            values = (w, state.average["w"][0], state.pull["w"][0], slope)
            rows.append((form, name, *(_printed(v) for v in values)))
    text = (
        "Three parts of the loss 1.5·(w − 2)², from w = 0, with μ = ½ and, in the form of the code, β = ½, by this "
        "project's code in exact fractions. One step: of descent, at the learning rate 1/10. What stands here is after "
        "the third part. Only with the exact solver is Λ the gradient at the new weights."
    )
    return Example(text, ("form", "solver", "w", "w̄", "G or Λ", "∇ℓ(w)"), tuple(rows))


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
        "of two in one term. The neuron with which FPTT was brought to spikes has time constants that depend on input "
        "and state, "
        "so a weight reaches the membrane by three roads at once.",
    ),
    statement=(
        "The paper minimises ℓ(w) + (μ/2)|w − w̄ − G/(2μ)|², where G is the gradient of the part before at the weights "
        "with which this one begins, and goes on with G' = ∇ℓ(w') and w̄' = (w̄ + w')/2 − G'/(2μ). The code minimises "
        "ℓ(w) − Λ·w + (μ/2)|w − w̄|² and goes on with Λ' = Λ − μ(w' − w̄), w̄' = (1 − β)w̄ + βw' − (β/μ)Λ'. The "
        "gradients of the two objectives differ by half the linear term. Λ' is the gradient at the new weights if and "
        "only if these are a stationary point of the code's objective, which a minimum is and a saddle is too; then "
        "both average alike, whatever the weights, exactly for β = 1/2. Memory is ceil(T/P) steps of activations and "
        "three copies of the parameters, whatever T.",
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
            "fptt.updates",
            "What goes on to the next part: G and the running average of the paper, Λ and the running average of the "
            "code, the code's own results against the printed updates, for every μ and β.",
            premises=("fptt.risk",),
            equations=_updates,
            code=("reference/procedures/fptt.py:paper_step", "reference/procedures/fptt.py:code_step"),
            source="PMLR v139 kag21a; mathematics.md 8.1, 8.2, T104, T105",
            sizes="every weight (elementwise)",
        ),
        Step(
            "fptt.minimiser",
            "Λ misses the gradient at the new weights by exactly the gradient of the objective there: "
            "it is right if and only if the new weights are a stationary point. Whether that is a minimum it does "
            "not say.",
            premises=("fptt.risk",),
            equations=_minimiser,
            code=("reference/procedures/fptt.py:code_step",),
            source="mathematics.md 8.2, 12.12",
        ),
        Step(
            "fptt.one-step",
            "After one descent step of rate η from w = w̄ and Λ = 0 it is μη times the gradient at the "
            "old weights instead.",
            premises=("fptt.risk",),
            equations=_one_step,
            code=("reference/procedures/fptt.py:gradient_step",),
            source="mathematics.md 8.2, T113",
        ),
        Step(
            "fptt.forms",
            "The two objectives differ by G/2 in their gradients, always. What their averages differ by, for every β; "
            "where Λ is the gradient it is (1/2 − β)(w − w̄ − ∇ℓ/μ), which vanishes for all weights at β = 1/2 alone.",
            premises=("fptt.minimiser", "fptt.updates"),
            equations=_forms,
            code=("reference/procedures/fptt.py:paper_step", "reference/procedures/fptt.py:code_step"),
            source="mathematics.md 8.1, 8.2, T103",
        ),
        Step(
            "fptt.parts",
            "The longest of P parts of T steps has ceil(T/P) steps, and every step is in one part.",
            proof=_parts,
            code=("reference/procedures/fptt.py:parts_of",),
            source="mathematics.md 8.2, T111",
            sizes="all T ≤ 24 and P ≤ T",
        ),
        Step(
            "fptt.sequence",
            "The procedure itself, both forms, two parts with one step of descent each: weights, averages, G and Λ "
            "against the updates written out, the gradient of a part by the reverse engine from the state that the "
            "part before left with the weights before its update.",
            premises=("fptt.updates", "fptt.parts"),
            proof=_whole,
            code=("reference/procedures/fptt.py:fptt", "reference/procedures/fptt.py:last_state"),
            source="mathematics.md 8, T109, T110, T111",
            sizes="vanilla RNN, one unit, T = 3, P = 2",
        ),
        Step(
            "fptt.branches",
            "The liquid time-constant neuron's step, differentiated by its drive: the drive itself with "
            "factor k, the gate k through a − u, and the gate γ through the adaptation and the threshold.",
            premises=("paths.local-ltc",),
            equations=_branches,
            code=("reference/networks/cells/ltc.py:step",),
            source="arXiv 2112.11231; mathematics.md 1.3",
            sizes="one unit",
        ),
        Step(
            "fptt.others",
            "The same step of two units, differentiated by the drive of one of them: at the other the two gates alone "
            "see it, k through a − u, and γ through the adaptation and the threshold.",
            premises=("fptt.branches",),
            equations=_others,
            code=("reference/networks/cells/ltc.py:step",),
            source="arXiv 2112.11231; mathematics.md 1.3",
            sizes="two units",
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
        Trap("T111", "The last part skipped; p + 1/P for (p+1)/P, where p counts parts from 0."),
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
    notation={
        "G": "gradient of the part before, at the weights with which the part begins (paper)",
        "P": "number of parts",
        "W": "weights of a gate; above, the gate and what it sees by them",
        "a": "drive of the liquid neuron",
        "k": "gate of the membrane: inverse time constant",
        "u": "membrane potential after the reset",
        "w": "weights (w̄: their running average; a prime: at the next part)",
        "Λ": "linear term of the code",
        "μ": "strength of the regulariser",
        "β": "share of the new weights in the code's average",
        "η": "learning rate",
        "γ": "gate of the adaptation",
        "ℓ": "loss of a part",
    },
)
