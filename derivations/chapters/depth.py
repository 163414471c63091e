"""Depth: the residual of OSTL, when it vanishes, and how large it can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.cases import applicable, deep, rules, variants
from gradcert.derivations.chapters.common import combined, compare_gradients, relative
from gradcert.derivations.figures import heat_map
from gradcert.derivations.ledger import Ledger
from gradcert.derivations.majorant import Absolute, majorised
from gradcert.derivations.notation import matrix, sym
from gradcert.derivations.proof import Problem, Result, feedback_symbols, named, problem, run
from gradcert.derivations.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.derivations.symbols import SYMBOLS
from gradcert.reference import RULES, TEMPORAL, Layer, Lif, Network, Rnn, Snu, reverse, rule_named
from gradcert.reference.cells import snu_equations as snu
from gradcert.reference.residual import check_rule, residual, tape_residual
from gradcert.reference.tape import record


def _stack(depth: int, **options: Any) -> Network:
    cell = Snu(transfer="tanh", bias=False, **options)
    return Network(layers=tuple(Layer(cell, inputs=1 if i == 0 else 2, units=2) for i in range(depth)))


def _tape(p: Problem) -> Any:
    return record(named(p.network, Ledger()), p.parameters, p.inputs, numbers=SYMBOLS, initial=p.initial)


def _formula(p: Problem) -> dict[str, Any]:
    """Return R_1 for the lower layer's W as written in mathematics.md 4.3, from the local derivatives of the tape."""
    tape = _tape(p)
    low, high = tape.layers
    steps, n = p.inputs.shape[0], 2

    def jacobian(layer: Any, t: int) -> Any:
        f = {key: value[t, 0] for key, value in layer.factors.items()}
        h = layer.factors[snu.OUTPUT][t - 1, 0]
        weights = layer.p["H"]
        lateral = matrix(weights) * sympy.diag(*h)
        return sympy.diag(*f[snu.TRANSFER]) * (
            lateral + sympy.diag(*(f[snu.STATE][i] + f[snu.RESET][i] * h[i] for i in range(n)))
        )

    delta = p.network.loss.gradient(tape.outputs, p.targets, SYMBOLS)[:, 0]
    w2 = matrix(high.p["W"])
    out = np.zeros((n, 1), dtype=object)
    for row in range(n):
        eps = sympy.zeros(n, 1)
        e = []
        for s in range(steps):
            fresh = sympy.zeros(n, 1)
            fresh[row] = low.factors[snu.TRANSFER][s, 0, row] * low.x[s, 0, 0]
            eps = (jacobian(low, s) * eps if s else sympy.zeros(n, 1)) + fresh
            e.append(sympy.diag(*low.factors[snu.OUTPUT][s, 0]) * eps)
        total = sympy.S.Zero
        for s in range(steps):
            product = sympy.eye(n)
            for t in range(s + 1, steps):
                product = jacobian(high, t) * product
                credit = sympy.diag(*high.factors[snu.OUTPUT][t, 0]) * sympy.Matrix(list(delta[t]))
                lifted = w2.T * sympy.diag(*high.factors[snu.TRANSFER][s, 0]) * product.T * credit
                total += (lifted.T * e[s])[0]
        out[row, 0] = total
    return {"layers.0.W": out}


def _two_layers() -> Result:
    p = problem(_stack(2), steps=3)
    _, exact = run("reverse", p, RULES["bptt"])
    _, online = run("forward", p, RULES["ostl"])
    name = "layers.0.W"
    formula = _formula(p)
    dropped = tape_residual(_tape(p), p.targets, rule=RULES["ostl"], feedback={}).total
    return combined(
        "R for two layers",
        [
            compare_gradients("BPTT - OSTL = formula", {name: exact[name] - online[name]}, formula),
            compare_gradients("reference/residual.py = formula", {name: dropped[name]}, formula),
            compare_gradients(
                "the upper layer is exact",
                {k: exact[k] - online[k] for k in exact if k.startswith("layers.1")},
                {k: 0 * exact[k] for k in exact if k.startswith("layers.1")},
            ),
        ],
    )


def _rule_plus_residual(network: Network, steps: int, names: tuple[str, ...] | None = None) -> Result:
    p = problem(network, steps=steps)
    _, exact = run("reverse", p, RULES["bptt"])
    results = []
    for name, rule in rules().items():
        if (names and name not in names) or not applicable(rule, network):
            continue
        try:
            check_rule(network, rule, TEMPORAL)
        except ValueError:
            continue  # the residual of this row is not defined, and the code says so
        feedback = feedback_symbols(network, rule)
        _, found = run("reverse", p, rule)
        dropped = tape_residual(_tape(p), p.targets, rule=rule, feedback=feedback).total
        total = {k: found[k] + dropped[k] for k in found}
        results.append(compare_gradients(f"{network.layers[0].cell.name}: {name} + residual = BPTT", total, exact))
    return combined("rule + residual = BPTT", results)


def _every_row() -> Result:
    labels = ("snu transfer=tanh", "lif reset=hard recurrent=True", "rnn", "leaky_rnn", "alif recurrent=True")
    cells = [cell for label, cell in variants().items() if label.startswith(labels)]
    return combined("every row", [_rule_plus_residual(deep(cell, inputs=1), 3) for cell in cells])


def _zero() -> Result:
    results = []
    upper = Rnn(activation="tanh", recurrent=False)
    stateless = Network(layers=(Layer(Snu(transfer="tanh"), inputs=1, units=2), Layer(upper, inputs=2, units=2)))
    for network, steps in ((stateless, 3), (_stack(1), 3), (_stack(3), 1)):
        p = problem(network, steps=steps)
        dropped = tape_residual(_tape(p), p.targets, rule=RULES["ostl"], feedback={}).total
        results.append(
            compare_gradients(f"{network.depth} layers, T = {steps}", dropped, {k: 0 * v for k, v in dropped.items()})
        )
    return combined("R = 0", results)


def _componentwise() -> Result:
    results = []
    for cell in (Snu(transfer="tanh"), Lif(recurrent=True), Rnn()):
        for name in ("ostl", "ottt", "sltt", "ostl-random"):
            p = problem(deep(cell, inputs=1), steps=3)
            rule = RULES[name]
            feedback = feedback_symbols(p.network, rule)
            plain = tape_residual(_tape(p), p.targets, rule=rule, feedback=feedback).total
            tape = record(named(p.network, Ledger()), p.parameters, p.inputs, numbers=Absolute(), initial=p.initial)
            bound = tape_residual(tape, p.targets, rule=rule, feedback=feedback, absolute=True).total
            results.append(majorised(f"{cell.name}, {name}", dict(plain), dict(bound)))
    return combined("|R| <= R_abs", results)


def _lagrange() -> list[Equation]:
    a, b = sympy.symbols("a1:4"), sympy.symbols("b1:4")
    squares = sum((a[i] * b[j] - a[j] * b[i]) ** 2 for i in range(3) for j in range(i + 1, 3))
    product = sum(x * x for x in a) * sum(x * x for x in b) - sum(x * y for x, y in zip(a, b, strict=True)) ** 2
    na, nb, dot = sympy.symbols("|a| |b| a·b")
    return [
        Equation(product, squares, "|a|²|b|² - (a·b)²"),
        Equation((na + nb) ** 2 - (na**2 + 2 * dot + nb**2), 2 * (na * nb - dot), "(|a|+|b|)² - |a+b|²"),
    ]


def _product_norm() -> list[Equation]:
    a, b = sympy.Matrix(2, 2, sympy.symbols("a11 a12 a21 a22")), sympy.Matrix(2, 2, sympy.symbols("b11 b12 b21 b22"))
    gap = sum(x * x for x in a) * sum(x * x for x in b) - sum(x * x for x in a * b)
    squares = sum((a[i, 0] * b[1, j] - a[i, 1] * b[0, j]) ** 2 for i in range(2) for j in range(2))
    return [Equation(gap, squares, "|A|²|B|² - |AB|²")]


def _online() -> list[Equation]:
    A, x, X, F = sympy.symbols("|A| x |X| |F|")
    return [Equation((A * x + F) - (A * X + F), A * (x - X), "xᵗ minus the bound of |Xᵗ|")]


def _a_priori() -> list[Equation]:
    A, F = sympy.symbols("A F", positive=True)
    power = sym("A", "", "t")
    closed, following = F * (1 - power) / (1 - A), F * (1 - A * power) / (1 - A)
    return [
        Equation(A * closed + F, following, "xᵗ⁺¹ from xᵗ = F(1 - Aᵗ)/(1 - A)"),
        Equation(F / (1 - A) - closed, F * power / (1 - A), "the limit minus xᵗ"),
    ]


def _windowed() -> list[Equation]:
    a, b, x, f, g, r = sympy.symbols("|A2| |A1| x |F1| |F2| |A2A1|")
    online = a * (b * x + f) + g
    block = r * x + a * f + g
    return [Equation(online - block, (a * b - r) * x, "two steps of the online bound minus one block of two")]


def _descent() -> list[Equation]:
    h, b = sympy.symbols("|h| b")
    gh = sympy.Symbol("(g-h)·h")
    return [Equation((gh + h**2) - h * (h - b), gh + b * h, "g·h - |h|(|h| - b), with g·h = (g-h)·h + |h|²")]


def _network() -> tuple[Network, dict[str, Any], Any, Any]:
    network = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Snu(), inputs=5, units=3)))
    rng = np.random.default_rng(4)
    return network, network.parameters(seed=3, scale=1.5), (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))


def _example() -> Example:
    network, w, x, y = _network()
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
    rows = []
    for name in ("ostl", "ottt", "e-prop", "sltt"):
        rule = rule_named(name)
        found = reverse.gradients(network, w, x, y, rule=rule)
        dropped = residual(network, w, x, y, rule=rule)
        shares = ", ".join(f"layer {m} {kind} {share:+.0%}" for (m, kind), share in dropped.shares().items())
        total = {k: found[k] + dropped.total[k] for k in found}
        rows.append((name, relative(found, exact, "layers.0.W"), relative(total, exact, "layers.0.W"), shares))
    text = (
        "Two SNU layers of 5 and 3 units, 8 steps. The residual is a sum of its own, never a difference of gradients."
    )
    columns = ("rule", "rule against BPTT (lower W)", "rule + residual against BPTT", "what drops it")
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
    from gradcert.reference.reverse import credit_below, layer_gradients, sweep

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
        "step s, moves there through time to t > s, and only then reaches the loss. Papers call what is left out R and "
        "report that it is small. How small, on your network, with your weights? That question has an answer.",
        "First R is written down and identified with what the code computes. Then it is bounded, in four ways that "
        "trade knowledge for tightness: from the weights alone, online, over windows, and entry by entry. Last, "
        "a bound "
        "below the length of the estimate is turned into a certificate: the estimate is a descent direction.",
    ),
    statement=(
        "For two layers R_1 = sum over s and t > s of [W_2^T diag(g'_2^s) (J_2^t ... J_2^(s+1))^T (h'_2^t δ^t)] "
        ". e_1^s, "
        "and OSTL + R = BPTT. For any rule of the table, rule + residual = BPTT, at any depth. R = 0 for one "
        "layer, for "
        "upper layers without memory, and for T = 1.",
        "|R_ij| is at most the same path sum with absolute values. With x^t = |A^t| x^(t-1) + |F^t| the norm of the "
        "residual is at most the sum of |e^t| x^(t-1) + |e'^t F^t|; longer windows are never worse where one divides "
        "the other; with constants A < 1 the state is at most F/(1 - A). If the bound b is below |h|, then -h "
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
            proof=_two_layers,
            code=("reference/residual.py", "reference/reverse.py"),
            source="arXiv 2007.12723; mathematics.md 4.3",
            sizes="1 -> 2 -> 2, T = 3",
        ),
        Step(
            "depth.three-layers",
            "For k layers nothing new happens: a path is kept until its first dropped edge and "
            "dropped from there on, wherever that edge lies. Shown for three layers, OSTL and SLTT.",
            premises=("depth.two-layers",),
            proof=lambda: _rule_plus_residual(_stack(3), 3, ("ostl", "sltt")),
            code=("reference/residual.py:Walk",),
            source="mathematics.md 4.3",
            sizes="1 -> 2 -> 2 -> 2, T = 3",
        ),
        Step(
            "depth.every-row",
            "The same holds for every row of the table, replaced feedback included: what the rule "
            "computes plus what the residual engine says that it drops is BPTT.",
            premises=("depth.two-layers",),
            proof=_every_row,
            code=("reference/residual.py:tape_residual",),
            source="mathematics.md 0.4",
            sizes="1 -> 2 -> 2, T = 3; SNU, LIF, ALIF, vanilla and leaky RNN",
        ),
        Step(
            "depth.zero",
            "R vanishes where there is nothing to leave out: one layer, upper layers without memory, or a single step.",
            premises=("depth.two-layers",),
            proof=_zero,
            code=("reference/residual.py",),
            source="mathematics.md 4.3",
            sizes="T = 3, and three layers with T = 1",
        ),
        Step(
            "depth.componentwise",
            "R is a sum of products. With every factor replaced by its absolute value and every "
            "difference by a sum, no coefficient gets smaller; so by the triangle inequality |R| <= R_abs, for every "
            "real value. The code of both is run, and the coefficients are compared monomial by monomial.",
            premises=("depth.every-row",),
            proof=_componentwise,
            code=("reference/bounds/componentwise.py", "reference/residual.py:magnitudes"),
            source="triangle inequality",
            sizes="1 -> 2 -> 2, T = 3",
        ),
        Step(
            "depth.cauchy-schwarz",
            "Lagrange's identity: the gap in the Cauchy-Schwarz inequality is a sum of squares, "
            "hence not negative. From a·b <= |a||b| follows the triangle inequality for the Euclidean norm.",
            equations=_lagrange,
            source="Lagrange's identity",
            sizes="three components",
        ),
        Step(
            "depth.product-norm",
            "The same for matrices: |AB| <= |A||B| in the Frobenius norm, the gap being a sum of "
            "squares. The spectral norm, which the code uses, is submultiplicative by definition (a supremum of "
            "quotients) and never larger.",
            premises=("depth.cauchy-schwarz",),
            equations=_product_norm,
            code=("reference/bounds/norms.py:spectral",),
            source="",
            sizes="2 x 2",
        ),
        Step(
            "depth.online",
            "Let X^t = A^t X^(t-1) + F^t and x^t = |A^t| x^(t-1) + |F^t| with x^0 = |X^0| = 0. The "
            "triangle inequality gives |X^t| <= |A||X| + |F|, and x^t exceeds that by |A| times what x^(t-1) exceeds "
            "|X^(t-1)| by: if x was a bound before the step, it is one after it.",
            premises=("depth.product-norm", "depth.every-row"),
            equations=_online,
            code=("reference/bounds/online.py", "reference/bounds/recursion.py:Recursion"),
            source="",
            sizes="every T",
        ),
        Step(
            "depth.windowed",
            "Over a block of two steps the bound may use |A^2 A^1| in place of |A^2||A^1|. The "
            "difference is (|A^2||A^1| - |A^2 A^1|) x, and that is not negative.",
            premises=("depth.online",),
            equations=_windowed,
            code=("reference/bounds/windowed.py",),
            source="",
            sizes="blocks of two, hence w | w'",
        ),
        Step(
            "depth.a-priori",
            "If |A| <= A < 1 and |F| <= F for every input, then x^t <= F(1 - A^t)/(1 - A): it holds "
            "at t = 0, one step of the recursion keeps the form, and the limit F/(1 - A) is larger still.",
            premises=("depth.online",),
            equations=_a_priori,
            code=("reference/bounds/a_priori.py",),
            source="geometric series",
            sizes="every T",
        ),
        Step(
            "depth.descent",
            "Let h be the estimate, g the gradient and |g - h| <= b. By Cauchy-Schwarz "
            "(g-h)·h >= -b|h|, so g·h >= |h|(|h| - b): if b < |h|, the loss falls along -h at first order.",
            premises=("depth.cauchy-schwarz", "depth.online"),
            equations=_descent,
            code=("reference/bounds/descent.py:descent",),
            source="",
            sizes="every size",
        ),
    ),
    example=_example,
    traps=(
        Trap(
            "T60",
            "Upper-layer temporal credit kept by accident, because the state was not detached, and the result "
            "sold as OSTL. The omitted part measures .03 to .45: a loose tolerance hides it.",
        ),
        Trap("T59", "The full n x n Jacobian multiplied into a trace that was already collapsed to two indices."),
        Trap("T61", "A leaky readout treated as having no memory."),
        Trap("T127", "A claim about many layers tested on one."),
        Trap("T128", "Cosine similarity only: rules that are off by 90 % still point within a few degrees."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Network, Snu
from gradcert.reference.residual import residual

network = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Snu(), inputs=5, units=3)))
rng = np.random.default_rng(4)
x, y = (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))
dropped = residual(network, network.parameters(seed=3, scale=1.5), x, y, rule=RULES["ostl"])
print(dropped.shares())  # which edge of which layer the missing gradient is due to
""",
    figures=(_figure,),
)
