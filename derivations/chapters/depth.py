"""Depth: the residual of OSTL, when it vanishes, and how large it can be."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.derivations.figures import heat_map
from gradcert.derivations.parts import inequalities, residuals
from gradcert.derivations.proving.common import acronym, minus, relative
from gradcert.derivations.proving.record import Derivation, Example, Figure, Step, Trap
from gradcert.reference import RULES, TEMPORAL, Layer, Network, Snu, rule_named
from gradcert.reference.engines import credit_below, layer_gradients, record, residual, reverse, sweep


def _network(seed: int = 15) -> tuple[Network, dict[str, Any], Any, Any]:
    """Return the worked network, its weights, inputs and targets.

    Seed 15 is the first from 0 at which in both layers half of the units or more fire at two of the 8 steps or more: a
    residual that is measured above a silent layer is that of a network that no spike leaves.
    """
    network = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Snu(), inputs=5, units=3)))
    rng = np.random.default_rng(4)
    return network, network.parameters(seed=seed, scale=2.0), (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))


def _example() -> Example:
    network, w, x, y = _network()
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
    rows = []
    for name in ("ostl", "ottt", "e-prop", "sltt"):
        rule = rule_named(name)
        found = reverse.gradients(network, w, x, y, rule=rule)
        dropped = residual(network, w, x, y, rule=rule)
        shares = ", ".join(
            f"{kind.upper()} {('below', 'above')[m]} {minus(f'{100 * share:+.0f}')} %"
            for (m, kind), share in dropped.shares(["layers.0.W"]).items()
            if round(100 * share)
        )
        total = {k: found[k] + dropped.total[k] for k in found}
        rows.append((acronym(name), relative(found, exact, "layers.0.W"), relative(total, exact, "layers.0.W"), shares))
    low, high = (", ".join(str(int(n)) for n in q.now["z"].sum(axis=(0, 1))) for q in record(network, w, x).layers)
    text = (
        "Two SNU layers of 5 and 3 units, 8 steps; seed 15 for the weights, 4 for inputs and targets. "
        f"The units of the lower layer fire at {low} of the steps, those of the upper one at {high}. Everything is "
        "about the lower W. The residual is a sum of its own, never a difference of gradients."
    )
    columns = ("rule", "rule against BPTT", "rule + residual against BPTT", "what drops it")
    return Example(text, columns, tuple(rows))


def _figure() -> Figure:
    """Draw |contribution to R_1| of credit made at t that meets the eligibility of step s."""
    network, w, x, y = _network()
    steps = len(x)
    low = record(network, w, x).layers[0]
    values = [[0.0] * steps for _ in range(steps)]
    name = "layers.0.W"
    for s in range(steps):
        for t in range(s + 1, steps):
            values[s][t] = _pair(network, w, x, y, s, t, low, name)
    caption = "Two SNU layers: |contribution| to the residual of the lower W, of credit at t reaching the output at s."
    return heat_map(values, caption, rows="s", columns="t")


def _pair(network: Network, w: Any, x: Any, y: Any, s: int, t: int, low: Any, name: str) -> float:
    tape = record(network, w, x)
    delta = network.loss.gradient(tape.outputs, y, tape.numbers)
    only_t = np.zeros_like(delta)
    only_t[t] = delta[t]
    down = credit_below(tape.layers[1], sweep(tape.layers[1], only_t, TEMPORAL), tape.layers[1].p)
    only_s = np.zeros_like(down)
    only_s[s] = down[s]
    grads = layer_gradients(low, sweep(low, only_s, TEMPORAL))
    return float(np.linalg.norm(grads[name.split(".")[2]]))


DERIVATION = Derivation(
    name="depth",
    title="Depth: the residual and its bounds",
    motivation=(
        "OSTL is exact for one layer. With two it leaves something out: a path that goes up into the second layer at "
        "step s, moves there through time to t > s, and only then reaches the loss. What is left out is called R "
        "and is said to be small. How small, on your network, with your weights? That question has an answer.",
        "First R is written down and identified with what the code computes. Then it is bounded, in four ways that "
        "trade knowledge for tightness: from the weights alone, online, over windows, and entry by entry. Last, "
        "a bound "
        "below the length of the estimate is turned into a certificate: the estimate is a descent direction.",
    ),
    statement=(
        "For two layers R_1 = sum over s and t > s of [W_2^T diag(g'_2^s) (J_2^t … J_2^(s+1))^T (h'_2^t δ^t)] "
        ". e_1^s, "
        "and OSTL + R = BPTT. For any rule of the table, rule + residual = BPTT, at any depth. R = 0 for one "
        "layer, for "
        "upper layers without memory, and for T = 1.",
        "|R_ij| is at most the same path sum with absolute values. With x^t = |A^t| x^(t−1) + |F^t| the norm of the "
        "residual is at most the sum of |e^t| x^(t−1) + |e'^t F^t|; longer windows are never worse where one divides "
        "the other; with constants A < 1 the state is at most F/(1 − A). If the bound b is below |h|, then −h "
        "descends.",
    ),
    steps=(
        Step(
            "depth.two-layers",
            "BPTT minus OSTL for the lower layer, both computed by the engines, is the formula: "
            "credit made at t, pulled back through the upper layer's time to s, then down through W_2 and into the "
            "eligibility of step s. The residual engine, which never subtracts two gradients, gives the same, and the "
            "upper layer's own gradient is exact.",
            premises=("ostl.jacobian", "ostl.one-layer", "paths.sum"),
            proof=residuals.two_layers,
            code=("reference/engines/residual.py", "reference/engines/reverse.py"),
            source="arXiv 2007.12723; mathematics.md 4.3",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "depth.late",
            "The credit of the upper state at a step is that of the step's own loss plus the late credit, what comes "
            "back through the state of the next step: at every step, against the sweep of the engine. Sent down "
            "through W_2, the whole gives BPTT's gradient of the lower layer, all its parameters, and the late credit "
            "alone gives R: paths are sorted by the step at which they leave the lower layer.",
            premises=("ostl.jacobian", "paths.reverse", "depth.two-layers"),
            proof=residuals.late_credit,
            code=("reference/engines/sweep.py:sweep", "reference/engines/residual.py:tape_residual"),
            source="mathematics.md 0.3, 4.3",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "depth.three-layers",
            "For k layers nothing new happens: a path is kept until its first dropped edge and "
            "dropped from there on, wherever that edge lies. Shown for three layers, OSTL and SLTT.",
            premises=("depth.two-layers",),
            proof=lambda: residuals.rule_plus_residual(residuals.stack(3), 3, ("ostl", "sltt")),
            code=("reference/engines/residual.py:Walk",),
            source="mathematics.md 4.3",
            sizes="1 → 2 → 2 → 2, T = 3",
        ),
        Step(
            "depth.every-row",
            "The same holds for every row of the table, replaced feedback included: what the rule "
            "computes plus what the residual engine says that it drops is BPTT.",
            premises=("depth.two-layers",),
            proof=residuals.every_row,
            code=("reference/engines/residual.py:tape_residual",),
            source="mathematics.md 0.4",
            sizes="1 → 2 → 2, T = 3; SNU, LIF, ALIF, vanilla and leaky RNN",
        ),
        Step(
            "depth.zero",
            "R vanishes where there is nothing to leave out: one layer, upper layers without memory, or a single step.",
            premises=("depth.two-layers",),
            proof=residuals.zero,
            code=("reference/engines/residual.py",),
            source="mathematics.md 4.3",
            sizes="T = 3, and three layers with T = 1",
        ),
        Step(
            "depth.componentwise",
            "R is a sum of products. With every factor replaced by its absolute value and every "
            "difference by a sum, no coefficient gets smaller; so by the triangle inequality |R| ≤ R_abs, for every "
            "real value. The code of both is run, and the coefficients are compared monomial by monomial.",
            premises=("depth.every-row",),
            proof=residuals.componentwise,
            code=("reference/engines/residual.py:tape_residual", "reference/engines/residual.py:magnitudes"),
            source="triangle inequality",
            sizes="1 → 2 → 2, T = 3",
        ),
        Step(
            "depth.cauchy-schwarz",
            "Lagrange's identity: the gap in the Cauchy-Schwarz inequality is a sum of squares, "
            "hence not negative. From a·b ≤ |a||b| follows the triangle inequality for the Euclidean norm.",
            equations=inequalities.lagrange,
            source="Lagrange's identity",
            sizes="three components",
        ),
        Step(
            "depth.product-norm",
            "The same for matrices: |AB| ≤ |A||B| in the Frobenius norm, the gap being a sum of "
            "squares. The spectral norm, which the code uses, is submultiplicative by definition (a supremum of "
            "quotients) and never larger. That the code's number is one, rounded outward, is not proved here.",
            premises=("depth.cauchy-schwarz",),
            equations=inequalities.product_norm,
            source="",
            sizes="2 × 2",
        ),
        Step(
            "depth.online",
            "Let X^t = A^t X^(t−1) + F^t and x^t = |A^t| x^(t−1) + |F^t| with x^0 = |X^0| = 0. The "
            "triangle inequality gives |X^t| ≤ |A||X| + |F|, and x^t exceeds that by |A| times what x^(t−1) exceeds "
            "|X^(t−1)| by: if x was a bound before the step, it is one after it. This and what "
            "follows are inequalities alone; that the code computes them is the chapter on bounds.",
            premises=("depth.product-norm", "depth.every-row"),
            equations=inequalities.online,
            source="",
            sizes="every T",
        ),
        Step(
            "depth.windowed",
            "Over a block of two steps the bound may use |A⁽²⁾A⁽¹⁾| in place of |A⁽²⁾||A⁽¹⁾|. The "
            "difference is (|A⁽²⁾||A⁽¹⁾| − |A⁽²⁾A⁽¹⁾|) x, and that is not negative.",
            premises=("depth.online",),
            equations=inequalities.windowed,
            source="",
            sizes="blocks of two, hence w | w'",
        ),
        Step(
            "depth.a-priori",
            "If |A| ≤ A < 1 and |F| ≤ F for every input, then x^t ≤ F(1 − A^t)/(1 − A): it holds "
            "at t = 0, one step of the recursion keeps the form, and the limit F/(1 − A) is larger still.",
            premises=("depth.online",),
            equations=inequalities.a_priori,
            source="geometric series",
            sizes="every T",
        ),
        Step(
            "depth.descent",
            "Let h be the estimate, g the gradient and |g − h| ≤ b. By Cauchy-Schwarz "
            "(g−h)·h ≥ −b|h|, so g·h ≥ |h|(|h| − b): if b < |h|, the loss falls along −h at first order.",
            premises=("depth.cauchy-schwarz", "depth.online"),
            equations=inequalities.descent,
            source="",
            sizes="every size",
        ),
    ),
    example=_example,
    traps=(
        Trap(
            "T60",
            "Upper-layer temporal credit kept by accident, because the state was not detached, and the result "
            "sold as OSTL. The omitted part measures .03 to .6, and over 1 in other draws: a loose tolerance may "
            "hide it.",
        ),
        Trap("T59", "The full n x n Jacobian multiplied into a trace that was already collapsed to two indices."),
        Trap("T61", "A leaky readout treated as having no memory."),
        Trap("T127", "A claim about many layers tested on one."),
        Trap("T128", "Cosine similarity only: rules that are off by 90 % still point within a few degrees."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Network, Snu
from gradcert.reference.engines import residual

network = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Snu(), inputs=5, units=3)))
rng = np.random.default_rng(4)
w, x, y = network.parameters(seed=15, scale=2.0), (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))
dropped = residual(network, w, x, y, rule=RULES["ostl"])
print(dropped.shares())  # which edge of which layer the missing gradient is due to
""",
    figures=(_figure,),
    notation={
        "A": "one-step Jacobian of the states that an error lives in",
        "B": "in |AB|: another matrix",
        "F": "what a parameter does to that state at the step itself",
        "J": "one-step Jacobian of a layer's state",
        "R": "residual: what a rule leaves out of the gradient",
        "X": "derivative of that state by a parameter",
        "a": "in a·b: a vector",
        "b": "bound on the error of the estimate (in a·b: a vector)",
        "e": "eligibility of a layer; in the bounds the row that takes the state to the error",
        "g": "gradient (g' in R: derivative of the state's activation)",
        "h": "estimate (h' in R: derivative of the output function)",
        "δ": "derivative of the loss by the output",
    },
)
