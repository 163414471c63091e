"""The bounds of `reference/bounds`: what is proved about their code, and for which sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.derivations.figures import heat_map
from gradcert.derivations.parts import certificate, pieces, recursions
from gradcert.derivations.proving.common import acronym, number
from gradcert.derivations.proving.record import Derivation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Network, Snu
from gradcert.reference.bounds import Online, a_priori, componentwise, tightness, windowed
from gradcert.reference.engines import record, residual

#: the rows of the figure
LEAKS = (0.3, 0.6, 0.9)


def _problem(leak: float = 0.8, seed: int = 4) -> tuple[Any, ...]:
    """Return the worked network at a leak, its weights, inputs and targets.

    Seed 4 is the first from 0 at which, at .8 and at each of `LEAKS`, in both layers half of the units or more fire at
    two of the 6 steps or more: above a silent layer there is little that a norm can lose.
    """
    network = Network(layers=(Layer(Snu(leak=leak), inputs=3, units=4), Layer(Snu(leak=leak), inputs=4, units=3)))
    rng = np.random.default_rng(4)
    w = network.parameters(seed=seed, scale=2.0)
    return network, w, (rng.random((6, 1, 3)) < 0.5) * 1.0, rng.random((6, 1, 3))


def _found(leak: float, name: str = "ostl", seed: int = 4) -> Mapping[str, float]:
    """Return bound / true error of the lower W, by kind of bound."""
    network, w, x, y = _problem(leak, seed)
    rule, key = RULES[name], "layers.0.W"
    error = residual(network, w, x, y, rule=rule).total
    online = Online(network, w, rule=rule, steps=len(x), batch=1)
    for t in range(len(x)):
        online.step(x[t], y[t])
    loss = float(np.sqrt((y * y).sum(axis=2)).max()) + 3**0.5
    found = {
        "a priori": a_priori(network, w, rule=rule, steps=len(x), batch=1, input_bound=1.0, loss_gradient_bound=loss),
        "online": online.bound(),
        "windowed, w = 2": windowed(network, w, x, y, rule=rule, window=2),
        "windowed, w = 4": windowed(network, w, x, y, rule=rule, window=4),
        "windowed, w = T": windowed(network, w, x, y, rule=rule, window=len(x)),
        "componentwise": componentwise(network, w, x, y, rule=rule),
    }
    return {label: tightness(bound, error)[key] for label, bound in found.items()}


def _example() -> Example:
    columns = {name: _found(0.8, name) for name in ("ostl", "ottt", "sltt")}
    rows = [(label, *(number(columns[n][label], 3) for n in columns)) for label in columns["ostl"]]
    low, high = (", ".join(str(int(n)) for n in q.now["z"].sum(axis=(0, 1))) for q in record(*_problem()[:3]).layers)
    text = (
        "Two SNU layers of 4 and 3 units, leak .8, 6 steps; seed 4 for the weights, and for inputs and targets. "
        f"The units of the lower layer fire at {low} of the steps, those of the upper one at {high}. The bound on the "
        "error of the lower W over the true error, 1 being perfect. From a priori to w = T, what a bound knows grows "
        "from row to row, and so does what it is worth; the componentwise bound has no place in that order."
    )
    return Example(text, ("bound", *map(acronym, columns)), tuple(rows))


def _figure() -> Figure:
    """Draw the logarithm of bound over error."""
    found = [_found(leak) for leak in LEAKS]
    values = [[float(np.log10(v)) for v in by_bound.values()] for by_bound in found]
    caption = (
        "log10 of bound over true error, OSTL, lower W. Rows: leak .3, .6, .9; columns: the bounds in the order of the "
        "table below, at its weights; at each leak the units fire as often as there. That the a-priori bound grows "
        "with the leak is so in other draws of the weights as well; for the other bounds it depends on the draw."
    )
    return heat_map(values, caption, rows="leak", columns="bound")


DERIVATION = Derivation(
    name="bounds",
    title="The bounds: system, recursion and certificate",
    motivation=(
        "The chapter on depth shows why the residual can be bounded. This one is about the code that does it, and it "
        "should hold for layers of any width, so there is little to be gained from two units and free weights. "
        "Instead the code is run on matrices without entries: symbols that do not commute. It adds and multiplies "
        "them, never looks inside, and what comes out is an identity of matrices of any size.",
        "Where the code takes a norm, it gets a symbol |A|. The two facts about norms, |A + B| ≤ |A| + |B| and "
        "|AB| ≤ |A||B|, are the only inequalities that are used; all the rest is bookkeeping, and bookkeeping can be "
        "checked.",
        "That covers the system, its recursion and its windows, for every width. It does not cover the float code "
        "around them: what the system is told of a layer is proved at one and two units; the norms, the outward "
        "rounding, the intervals of the a-priori bound and the class that takes steps are compared with exact numbers "
        "by tests, and are not proved here.",
    ),
    statement=(
        "The system that the code assembles from kept and dropped Jacobians computes, at every step, the gradient of "
        "truth minus what the rule contributes: symmetric, random, direct, target and local feedback, and windows. "
        "The recursion of the online bound is the triangle inequality and |AB| ≤ |A||B| applied to every monomial "
        "of it. The windowed bound is its statement, and turns into the online bound, or into a narrower window that "
        "divides it, when norms of products become products of norms. The a-priori bound is the online bound with "
        "every norm at its largest. If h is the estimate, h·g is at least the sum of |h_p|(|h_p| − b_p).",
    ),
    steps=(
        Step(
            "bounds.system",
            "The code builds X^t = A^t X^(t−1) + F^t and an error row from what it is told of each layer. Iterated, "
            "the row is credit times the true sensitivity minus what the rule has, both written out layer by layer: "
            "for every kind of feedback, for a window of two, and for a parameter that acts through the output of "
            "the step before. No commutation is used, so the blocks may be matrices of any size. A chunk is a step "
            "with Jk = 0. With skip connections a layer's output is read by several later ones, each through blocks of "
            "its own. Not part of this proof is SnAp-n, whose projection is another one for every row of a "
            "weight.",
            premises=("depth.every-row",),
            proof=recursions.assembled,
            code=("reference/bounds/system.py:assemble",),
            source="mathematics.md 4.3",
            sizes="every width; 1 to 3 layers, T = 3 (three layers: T = 2), and with skip connections 3 and 4 layers, "
            "T = 2 and 1",
        ),
        Step(
            "bounds.pieces",
            "What the system is told of a layer is float code, and symbols cannot run through it. But no path of one "
            "step meets a local derivative or a weight twice, so every entry of the one-step Jacobian is linear in "
            "each of them, and known everywhere once it is known where all are 0 or 1. There floats are exact: the "
            "code is run at every such point and compared with the forward engine's operators, which are symbols.",
            premises=("bounds.system", "ostl.jacobian"),
            proof=pieces.every_jacobian,
            code=("reference/bounds/pieces.py:LayerPieces", "reference/engines/step.py:across"),
            source="a polynomial linear in each variable",
            sizes="every cell with one unit; SNU, sSNU, LIF, vanilla and leaky RNN with two",
        ),
        Step(
            "bounds.online",
            "The bound that the recursion returns is, term by term, what the triangle inequality and |AB| ≤ |A||B| "
            "make of the exact error: every monomial with its factors replaced by their norms, and no other.",
            premises=("bounds.system", "depth.product-norm"),
            equations=recursions.online,
            code=("reference/bounds/recursion.py:Recursion",),
            source="reference/bounds/online.py, statement",
            sizes="every width; two components, T = 1, 2, 3",
        ),
        Step(
            "bounds.induction",
            "One step of the code from arbitrary x and b: with x a bound of |X| before the step it is one after it, "
            "and b grows by a bound on the error of the step. With bounds.online for the first steps this holds for "
            "every T.",
            premises=("bounds.online", "depth.online"),
            equations=recursions.induction,
            code=("reference/bounds/recursion.py:Recursion",),
            source="reference/bounds/online.py, proof",
            sizes="every width, every T; two components",
        ),
        Step(
            "bounds.windowed",
            "With a window the code multiplies Jacobians before it takes a norm. What it returns is the statement "
            "written out with products of matrices, a last block that is shorter included.",
            premises=("bounds.online", "depth.windowed"),
            equations=recursions.windowed,
            code=("reference/bounds/recursion.py:Recursion",),
            source="reference/bounds/windowed.py, statement",
            sizes="every width; two components, (T, w) = (3, 2), (4, 2), (5, 2), (3, 3)",
        ),
        Step(
            "bounds.order",
            "No coefficient of the windowed bound is negative, so a larger norm cannot make it smaller. Replace "
            "every norm of a product by the product of norms, which is never smaller, and the online bound appears; "
            "replace it by products over the blocks of a window that divides it, and that window's bound does.",
            premises=("bounds.windowed",),
            proof=recursions.order,
            code=("reference/bounds/recursion.py:Recursion",),
            source="reference/bounds/windowed.py, order",
            sizes="every width; w = 2, 3, 4 against 1 (two components), 4 against 2 (one)",
        ),
        Step(
            "bounds.a-priori",
            "In the online bound every norm is replaced by a constant that bounds it at every step. That is the sum of "
            "c S_t f + d over t, S_t the sum of the powers of N below t − 1: the statement of the a-priori bound.",
            premises=("bounds.induction",),
            equations=recursions.series,
            code=("reference/bounds/recursion.py:Recursion",),
            source="reference/bounds/a_priori.py, statement",
            sizes="two components, T = 2, 3, 4",
        ),
        Step(
            "bounds.geometric",
            "(I − N) S_t = I − N^(t−1) holds for S = 0 and is kept by S → I + N S, for matrices of any size. So if "
            "all powers of N vanish in the limit the error per step stays below c (I − N)^(−1) f + d for ever; N is "
            "triangular, and that means that the bound on every one-step Jacobian is below 1. Hypothesis, not "
            "theorem: a network whose Jacobians are not contractive has an a-priori bound that grows with T.",
            premises=("bounds.a-priori", "depth.a-priori"),
            proof=recursions.geometric,
            source="geometric series of matrices",
            sizes="every width, every T",
        ),
        Step(
            "bounds.descent",
            "Several tensors together: h·g exceeds the margin by two terms that Cauchy-Schwarz makes non-negative, "
            "the margin is positive if |h| > b because the sum of |h_p| b_p is at most |h| b, and |g| ≤ |h| + b "
            "bounds the cosine. Hypotheses: |g_p − h_p| ≤ b_p for every tensor, and gradients are those of the "
            "pseudo-derivatives.",
            premises=("depth.descent", "depth.cauchy-schwarz"),
            equations=recursions.descent,
            source="reference/bounds/descent.py, statement",
            sizes="two tensors, every size",
        ),
        Step(
            "bounds.descent-code",
            "The code of the certificate is float code, and is compared with the statement in exact arithmetic at "
            "points: tensors whose norms are whole numbers. Its margin and its cosine are never above those of the "
            "statement, and fall short by less than 1e-9 of them. This is no proof for all values.",
            premises=("bounds.descent",),
            proof=certificate.at_points,
            code=("reference/bounds/descent.py:descent",),
            source="reference/bounds/descent.py, statement",
            sizes="one and two tensors, 64 points",
        ),
    ),
    example=_example,
    traps=(
        Trap("T128", "A small angle taken for a small error. The certificate bounds both, and says which."),
        Trap("T60", "The bound measured against a truth that keeps other edges than the network's reference does."),
        Trap("T127", "A bound for two layers assumed for three: every further layer adds dropped paths below it."),
        Trap("T122", "Float norms rounded to nearest: a bound has to be rounded outward, norm by norm."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Network, Snu
from gradcert.reference.bounds import Online, windowed

network = Network(layers=(Layer(Snu(), inputs=3, units=4), Layer(Snu(), inputs=4, units=3)))
w = network.parameters(seed=4, scale=2.0)
rng = np.random.default_rng(4)
x, y = (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))
online = Online(network, w, rule=RULES["ostl"], steps=8, batch=1)
for t in range(8):
    online.step(x[t], y[t])
wider = [windowed(network, w, x, y, rule=RULES["ostl"], window=k).layer(0) for k in (1, 2, 4, 8)]
print(online.bound().layer(0), wider)
""",
    figures=(_figure,),
    notation={
        "A": "one-step Jacobian of the system's state; also any matrix",
        "B": "in |AB|: another matrix",
        "F": "what a parameter does to the state at the step itself",
        "I": "identity matrix",
        "N": "matrix of constants that bound the norms of the blocks of A at every step",
        "S": "sum of the powers of N below t − 1",
        "X": "derivative of the system's state by a parameter",
        "b": "bound: of the recursion on the error so far, of the certificate on |g − h| (b_p for tensor p)",
        "c": "constants that bound the norms of the error row",
        "d": "constant that bounds what passes beside the state",
        "f": "constants that bound the norms of F",
        "g": "gradient (g_p of tensor p)",
        "h": "estimate (h_p of tensor p)",
        "x": "bound on the norms of the blocks of X",
        "w": "length of a window",
    },
)
