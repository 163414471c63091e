"""S-TLLR: a causal and an acausal trace, neither of which is asked to be a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.figures import heat_map
from gradcert.derivations.parts.spiking import LEAKS, agree, run_rule, stack, values, written
from gradcert.derivations.proving.common import at_rest, combined, compare_gradients, minus, relative
from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.proof import Problem, Result, feedback_symbols, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Network
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import filtered, s_tllr

LQ, LP, A_POST, A_PRE = sympy.symbols("λ_q λ_p a_post a_pre")
CONSTANTS = {"lq": LQ, "lp": LP, "a_post": A_POST, "a_pre": A_PRE}


def _sums(p: Problem, *, delta: Any = None, first: int = 0) -> dict[str, Any]:
    """Return the published sums; `delta` replaces the credit of the layers."""
    v = values(p)
    credit = v.delta if delta is None else delta

    def eligibility(layer: int, i: int, x: Any, t: int, b: int) -> Any:
        psi = v.psi[layer]
        causal = sum(LP ** (t - k) * x[k] for k in range(t + 1))
        acausal = sum(LQ ** (t - k) * psi[k, b, i] for k in range(t))
        return A_PRE * psi[t, b, i] * causal + A_POST * x[t] * acausal

    def weight(layer: int, index: tuple[int, ...], t: int, b: int) -> Any:
        i, j = index
        return credit[layer][t, b, i] * eligibility(layer, i, v.x[layer][:, b, j], t, b) if t >= first else 0

    def lateral(layer: int, index: tuple[int, ...], t: int, b: int) -> Any:
        i, j = index
        return credit[layer][t, b, i] * eligibility(layer, i, v.before[layer][:, b, j], t, b) if t >= first else 0

    def bias(layer: int, index: tuple[int, ...], t: int, b: int) -> Any:
        return credit[layer][t, b, index[0]] * v.psi[layer][t, b, index[0]] if t >= first else 0

    return written(p, {"W": weight, "H": lateral, "b": bias})


def _rule() -> Result:
    results = []
    for recurrent in (False, True):
        p = stack(recurrent=recurrent)
        found = run_rule(p, s_tllr, **CONSTANTS)
        results.append(agree(f"s-tllr, lateral weights: {recurrent}", found, _sums(p)))
    return combined("S-TLLR", results)


def _late() -> Result:
    p = stack()
    results = []
    for first in (1, 2):
        found = run_rule(p, s_tllr, **CONSTANTS, first_step=first)
        results.append(agree(f"T_l = {first + 1}", found, _sums(p, first=first)))
    return combined("late steps", results)


def _broadcast() -> Result:
    p = stack()
    feedback = feedback_symbols(p.network, RULES["osttp"])  # the same shapes: (n_out, units) for hidden layers
    top = values(p).delta[1]
    hidden = np.matmul(top, feedback["layers.0.B"])
    found = run_rule(p, s_tllr, **CONSTANTS, feedback=feedback)
    return agree("direct feedback", found, _sums(p, delta=(hidden, top)))


def _traces() -> list[Equation]:
    """Compare the code's two filters with their sums, four steps."""
    psi = [sym("ψ", "", str(t + 1)) for t in range(4)]
    x = [sym("x", "", str(t + 1)) for t in range(4)]
    post = s_tllr.postsynaptic(np.array(psi, dtype=object), LQ, "paper")
    pre = filtered(np.array(x, dtype=object), LP)
    out = [Equation(pre[3], sum(LP ** (3 - k) * x[k] for k in range(4)), "causal trace at step 4")]
    out.append(Equation(post[3], sum(LQ ** (3 - k) * psi[k] for k in range(3)), "acausal trace at step 4"))
    out.append(Equation(post[0], 0, "acausal trace at step 1"))
    # every term of the sum gains one factor, and psi^t comes in with one
    out.append(Equation(post[3], LQ * (post[2] + psi[2]), "acausal trace at step 4 from the one at step 3"))
    return out


def _pairs() -> list[Equation]:
    """Add up the update of one synapse by pairs: an input at step k, a slope at step t, a signal at the later one."""
    psi, x, signal = ([sym(n, "", str(t + 1)) for t in range(4)] for n in ("ψ", "x", "L"))
    post = s_tllr.postsynaptic(np.array(psi, dtype=object), LQ, "paper")
    pre = filtered(np.array(x, dtype=object), LP)
    update = sum(signal[t] * (A_PRE * psi[t] * pre[t] + A_POST * x[t] * post[t]) for t in range(4))
    weight = {(k, t): A_PRE * LP ** (t - k) if k <= t else A_POST * LQ ** (k - t) for k in range(4) for t in range(4)}
    return [Equation(update, sum(w * signal[max(p)] * x[p[0]] * psi[p[1]] for p, w in weight.items()), "the pairs")]


def _code_form() -> Result:
    p = stack()
    code = run_rule(p, s_tllr, **CONSTANTS, acausal="code")
    paper = run_rule(p, s_tllr, **{**CONSTANTS, "a_post": A_POST / LQ})
    return compare_gradients("a_post of the code is a_post / λ_q", code, paper)


def _as_ottt() -> Result:
    results = []
    p = stack(batch=1)
    leaks = {"layers.0.W": LEAKS[0], "layers.1.W": LEAKS[1]}
    _, ottt = run("forward", at_rest(p), RULES["ottt"])
    v = values(p)
    for name, leak in leaks.items():
        found = run_rule(p, s_tllr, lq=LQ, lp=leak, a_post=sympy.S.Zero, a_pre=sympy.S.One)
        results.append(agree(f"{name}: OTTT", found, {name: ottt[name]}))

    def missing(layer: int, index: tuple[int, ...], t: int, b: int) -> Any:
        geometric = sum(LEAKS[layer] ** k for k in range(1, t + 1))
        return v.delta[layer][t, b, index[0]] * v.psi[layer][t, b, index[0]] * geometric

    found = run_rule(p, s_tllr, **CONSTANTS)
    gap = {name: ottt[name] - found[name] for name in ("layers.0.b", "layers.1.b")}
    results.append(agree("biases lack the geometric sum", gap, written(p, {"b": missing})))
    return combined("S-TLLR as OTTT", results)


def _network() -> tuple[Any, ...]:
    network = Network(layers=(Layer(Lif(leak=0.5), inputs=4, units=6), Layer(Lif(leak=0.5), inputs=6, units=2)))
    rng = np.random.default_rng(5)
    return network, network.parameters(seed=2, scale=2.0), (rng.random((20, 1, 4)) < 0.4) * 1.0, rng.random((20, 1, 2))


def _example() -> Example:
    network, w, x, y = _network()
    ottt = reverse.gradients(network, w, x, y, rule=RULES["ottt"])
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt-detached-reset"])
    rows = []
    for a_post in (-1.0, -0.2, 0.0, 0.2):
        found = s_tllr.gradients(network, w, x, y, lp=0.5, a_post=a_post)
        flat, truth = found["layers.1.W"].ravel(), exact["layers.1.W"].ravel()
        cosine = float(flat @ truth / np.linalg.norm(flat) / np.linalg.norm(truth))
        errors = (relative(found, ottt, k) for k in ("layers.0.W", "layers.1.W"))
        rows.append((minus(f"{a_post:g}"), *errors, minus(f"{cosine:.3f}")))
    text = (
        "Two LIF layers, 20 steps, λ_p set to the leak. With a_post = 0 the weights follow OTTT to the last digit; the "
        "acausal term moves them away from any gradient, by as much as one asks of it."
    )
    columns = (
        "weight of the acausal term",
        "lower W against OTTT",
        "upper W against OTTT",
        "upper W: cosine with BPTT, reset detached",
    )
    return Example(text, columns, tuple(rows))


def _figure() -> Figure:
    """Draw |weight| that the pair (spike at k, pseudo-derivative at t) has in the update of step max(k, t)."""
    steps, lp, lq, a_post = 7, 0.8, 0.5, 0.6
    values_ = [[lp ** (t - k) if k <= t else a_post * lq ** (k - t) for t in range(steps)] for k in range(steps)]
    caption = (
        "Weight of an input spike at step k and a pseudo-derivative at step t: causal above the diagonal (k ≤ t), "
    )
    return heat_map(values_, caption + "acausal below it. OTTT has the upper half alone.", rows="k", columns="t")


DERIVATION = Derivation(
    name="stllr",
    title="S-TLLR: causal and acausal traces",
    motivation=(
        "Synapses in the brain strengthen when the input comes before the spike and weaken when it comes after. A "
        "gradient knows the first half alone: what arrives after the spike cannot have caused it. S-TLLR takes OTTT's "
        "trace for the causal half, adds a second filter for the other, and multiplies both with a learning signal "
        "that is backpropagated within the step.",
        "So its trace is the derivative of nothing, and there is no row of the table for it. What can "
        "be proved is that the code computes the published sum, term by term, and where that sum meets a gradient.",
    ),
    statement=(
        "e_ij^t = a_pre ψ_i^t (sum over k ≤ t of λ_p^(t−k) x_j^k) + a_post x_j^t (sum over k < t of λ_q^(t−k) ψ_i^k), "
        "and the update is the sum over t ≥ T_l of δ_i^t e_ij^t; for lateral weights x_j^t is z_j^(t−1); the bias has "
        "ψ alone. The published code leaves out one factor λ_q, which makes its a_post another constant. With "
        "a_post = 0, a_pre = 1 and λ_p = λ the weights follow OTTT, the biases do not.",
    ),
    steps=(
        Step(
            "stllr.traces",
            "The two filters of the code are the sums. The acausal one does not contain ψ of its own step: the pair "
            "(x^t, ψ^t) belongs to the causal half. One multiplication per step moves either on.",
            equations=_traces,
            code=("reference/estimators/s_tllr.py:postsynaptic", "reference/estimators/common.py:filtered"),
            source="arXiv 2306.15220; mathematics.md 10",
            sizes="four steps",
        ),
        Step(
            "stllr.pairs",
            "Multiplied out, the update is a sum over pairs of an input and a slope. A pair weighs a_pre λ_p^age where "
            "the input is not the later one and a_post λ_q^age where it is, and meets the signal of the later step.",
            premises=("stllr.traces",),
            equations=_pairs,
            code=("reference/estimators/s_tllr.py:postsynaptic", "reference/estimators/common.py:filtered"),
            source="arXiv 2306.15220",
            sizes="four steps",
        ),
        Step(
            "stllr.rule",
            "The code of the rule, run on two layers of LIF units, minus the sum over steps and samples written out as "
            "printed, expands to 0: weights, lateral weights and biases of both layers, with δ of the lower layer by "
            "the chain rule within the step. Pseudo-derivatives, inputs, weights and the four constants are free.",
            premises=("stllr.traces", "paths.loss"),
            proof=_rule,
            code=("reference/estimators/s_tllr.py:gradients", "reference/estimators/s_tllr.py:layer_update"),
            source="arXiv 2306.15220; mathematics.md 10",
            sizes="2 → 2 → 2, T = 3, two samples, with and without lateral weights",
        ),
        Step(
            "stllr.late",
            "Steps before T_l contribute nothing to the update, but their spikes stay in both traces.",
            premises=("stllr.rule",),
            proof=_late,
            code=("reference/estimators/s_tllr.py:gradients",),
            source="mathematics.md 10",
            sizes="2 → 2 → 2, T = 3, T_l = 2, 3",
        ),
        Step(
            "stllr.feedback",
            "With direct feedback the credit of the hidden layer is the output's error through its fixed matrix.",
            premises=("stllr.rule",),
            proof=_broadcast,
            code=("reference/estimators/common.py:projected_credit",),
            source="mathematics.md 10",
            sizes="2 → 2 → 2, T = 3",
        ),
        Step(
            "stllr.code",
            "The published code keeps the sum of λ_q^(t−1−k) ψ^k. Run in this form, the rule equals the paper's with "
            "a_post / λ_q in place of a_post: a default of −.2 acts as −.4.",
            premises=("stllr.rule",),
            proof=_code_form,
            code=("reference/estimators/s_tllr.py:postsynaptic",),
            source="mathematics.md 10, 12.7, T74",
            sizes="2 → 2 → 2, T = 3",
        ),
        Step(
            "stllr.ottt",
            "Without the acausal term and with λ_p the leak of the layer, the weights' update is the forward engine's "
            "OTTT. The biases lack λ + … + λ^t at step t: ψ alone is SLTT's trace, not OTTT's.",
            premises=("stllr.rule", "ottt.trace"),
            proof=_as_ottt,
            code=("reference/estimators/s_tllr.py", "reference/engines/forward.py:Learner"),
            source="mathematics.md 12.7",
            sizes="2 → 2 → 2, T = 3",
        ),
    ),
    example=_example,
    traps=(
        Trap("T74", "The acausal trace includes the current ψ, or lacks one λ_q: a_post is then another number."),
        Trap("T75", "The order of the parameters changed: the code's list is [λ_q, λ_p, a_post, a_pre]."),
        Trap("T30", "The bias updated with ψ alone beside weights that have a trace: error .45 against OTTT."),
        Trap("T10", "The lateral trace driven by z^t instead of z^(t−1)."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Lif, Network
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import s_tllr

network = Network(layers=(Layer(Lif(leak=0.5), inputs=3, units=5), Layer(Lif(leak=0.5), inputs=5, units=2)))
w = network.parameters(seed=0, scale=2.0)
x, y = np.random.default_rng(0).random((9, 1, 3)), np.ones((9, 1, 2))
found = s_tllr.gradients(network, w, x, y, lp=0.5, a_post=0.0)
ottt = reverse.gradients(network, w, x, y, rule=RULES["ottt"])
print({name: abs(found[name] - ottt[name]).max() for name in ottt})  # the weights agree, the biases do not
""",
    figures=(_figure,),
    notation={
        "a": "a_pre, a_post: weights of the two traces",
        "e": "eligibility of a synapse",
        "δ": "derivative of the loss by z through paths of the same step",
        "λ": "leak per step (λ_p, λ_q: of the two traces)",
    },
)
