"""Proofs about the residual: what it is for two layers, that rule + residual = BPTT, when it vanishes, its majorant."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.parts.majorant import Absolute, majorised
from gradcert.derivations.proving.cases import applicable, deep, rules, variants
from gradcert.derivations.proving.common import combined, compare_gradients
from gradcert.derivations.proving.notation import matrix
from gradcert.derivations.proving.proof import Problem, Result, feedback_symbols, named, problem, run
from gradcert.reference import RULES, TEMPORAL, Layer, Lif, Network, Rnn, Snu
from gradcert.reference.engines import check_rule, credit_below, layer_gradients, record, sweep, tape_residual
from gradcert.reference.networks.cells import snu_equations as snu


def stack(depth: int, **options: Any) -> Network:
    """Return a stack of SNU layers of 2 units under 1 input."""
    cell = Snu(transfer="tanh", bias=False, **options)
    return Network(layers=tuple(Layer(cell, inputs=1 if i == 0 else 2, units=2) for i in range(depth)))


def symbolic_tape(p: Problem) -> Any:
    """Return the recorded forward pass of a problem, on names."""
    return record(named(p.network, Ledger()), p.parameters, p.inputs, numbers=SYMBOLS, initial=p.initial)


def jacobian(layer: Any, t: int) -> Any:
    """Return how the state of two SNUs answers to that of one step ago, from the tape's local derivatives."""
    f = {key: value[t, 0] for key, value in layer.factors.items()}
    h = layer.factors[snu.OUTPUT][t - 1, 0]
    lateral = matrix(layer.p["H"]) * sympy.diag(*h)
    own = sympy.diag(*(f[snu.STATE][i] + f[snu.RESET][i] * h[i] for i in range(2)))
    return sympy.diag(*f[snu.TRANSFER]) * (lateral + own)


def two_layer_formula(p: Problem) -> dict[str, Any]:
    """Return R_1 for the lower layer's W as written in mathematics.md 4.3, from the local derivatives of the tape."""
    tape = symbolic_tape(p)
    low, high = tape.layers
    steps, n = p.inputs.shape[0], 2

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


def late_credit() -> Result:
    """Compare the credit of the upper state with that of its own step plus the late credit, and what comes of both."""
    p = problem(stack(2), steps=3)
    tape = symbolic_tape(p)
    low, high = tape.layers
    delta = p.network.loss.gradient(tape.outputs, p.targets, SYMBOLS)
    steps, n = p.inputs.shape[0], 2
    credit = [sympy.diag(*high.factors[snu.OUTPUT][t, 0]) * sympy.Matrix(list(delta[t, 0])) for t in range(steps)]
    late = [sympy.zeros(n, 1)] * steps
    for t in reversed(range(1, steps)):
        late[t - 1] = jacobian(high, t).T * (credit[t] + late[t])

    def drive(columns: list[Any]) -> Any:
        """Return a credit of the state at every step as one of the drive, (time, 1, units)."""
        out = np.zeros((steps, 1, n), dtype=object)
        for t, column in enumerate(columns):
            out[t, 0] = list(sympy.diag(*high.factors[snu.TRANSFER][t, 0]) * column)
        return out

    whole, within = (sweep(high, delta, kept)["a"] for kept in (TEMPORAL, frozenset()))
    down = credit_below(high, {"a": drive(late)}, high.p)
    met = layer_gradients(low, sweep(low, down, TEMPORAL))
    _, exact = run("reverse", p, RULES["bptt"])
    below = layer_gradients(low, sweep(low, credit_below(high, {"a": whole}, high.p), TEMPORAL))
    dropped = tape_residual(tape, p.targets, rule=RULES["ostl"], feedback={}).total
    return combined(
        "late credit",
        [
            compare_gradients("credit within the step", {"a": within}, {"a": drive(credit)}),
            compare_gradients(
                "credit = its step's + late",
                {"a": whole},
                {"a": drive([c + r for c, r in zip(credit, late, strict=True)])},
            ),
            compare_gradients(
                "credit sent down, met by the lower layer, is BPTT's gradient",
                {k: exact[f"layers.0.{k}"] for k in below},
                below,
            ),
            compare_gradients("late credit sent down is R", {k: dropped[f"layers.0.{k}"] for k in met}, met),
            compare_gradients("and R by its formula", {"W": met["W"]}, {"W": two_layer_formula(p)["layers.0.W"]}),
        ],
    )


def two_layers() -> Result:
    """Compare BPTT - OSTL, the residual engine and the formula."""
    p = problem(stack(2), steps=3)
    _, exact = run("reverse", p, RULES["bptt"])
    _, online = run("forward", p, RULES["ostl"])
    name = "layers.0.W"
    formula = two_layer_formula(p)
    dropped = tape_residual(symbolic_tape(p), p.targets, rule=RULES["ostl"], feedback={}).total
    return combined(
        "R for two layers",
        [
            compare_gradients("BPTT - OSTL = formula", {name: exact[name] - online[name]}, formula),
            compare_gradients("reference/engines/residual.py = formula", {name: dropped[name]}, formula),
            compare_gradients(
                "the upper layer is exact",
                {k: exact[k] - online[k] for k in exact if k.startswith("layers.1")},
                {k: 0 * exact[k] for k in exact if k.startswith("layers.1")},
            ),
        ],
    )


def rule_plus_residual(network: Network, steps: int, names: tuple[str, ...] | None = None) -> Result:
    """Compare what rows compute plus what the residual engine says that they drop with BPTT."""
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
        dropped = tape_residual(symbolic_tape(p), p.targets, rule=rule, feedback=feedback).total
        total = {k: found[k] + dropped[k] for k in found}
        results.append(compare_gradients(f"{network.layers[0].cell.name}: {name} + residual = BPTT", total, exact))
    return combined("rule + residual = BPTT", results)


def every_row() -> Result:
    """Run `rule_plus_residual` on five cells."""
    labels = ("snu transfer=tanh", "lif reset=hard recurrent=True", "rnn", "leaky_rnn", "alif recurrent=True")
    cells = [cell for label, cell in variants().items() if label.startswith(labels)]
    return combined("every row", [rule_plus_residual(deep(cell, inputs=1), 3) for cell in cells])


def zero() -> Result:
    """Show that R = 0 without memory above, for one layer and for one step."""
    results = []
    upper = Rnn(activation="tanh", recurrent=False)
    stateless = Network(layers=(Layer(Snu(transfer="tanh"), inputs=1, units=2), Layer(upper, inputs=2, units=2)))
    for network, steps in ((stateless, 3), (stack(1), 3), (stack(3), 1)):
        p = problem(network, steps=steps)
        dropped = tape_residual(symbolic_tape(p), p.targets, rule=RULES["ostl"], feedback={}).total
        results.append(
            compare_gradients(f"{network.depth} layers, T = {steps}", dropped, {k: 0 * v for k, v in dropped.items()})
        )
    return combined("R = 0", results)


def componentwise() -> Result:
    """Compare the coefficients of the residual with those of its bound, monomial by monomial."""
    results = []
    for cell in (Snu(transfer="tanh"), Lif(recurrent=True), Rnn()):
        for name in ("ostl", "ottt", "sltt", "ostl-random"):
            p = problem(deep(cell, inputs=1), steps=3)
            rule = RULES[name]
            feedback = feedback_symbols(p.network, rule)
            plain = tape_residual(symbolic_tape(p), p.targets, rule=rule, feedback=feedback).total
            tape = record(named(p.network, Ledger()), p.parameters, p.inputs, numbers=Absolute(), initial=p.initial)
            bound = tape_residual(tape, p.targets, rule=rule, feedback=feedback, absolute=True).total
            results.append(majorised(f"{cell.name}, {name}", dict(plain), dict(bound)))
    return combined("|R| <= R_abs", results)
