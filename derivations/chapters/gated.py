"""The generic form; LSTM and GRU."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import function_pair
from gradcert.derivations.figures import unrolled
from gradcert.derivations.proving.common import acronym, combined, compare_gradients, one_layer, relative
from gradcert.derivations.proving.induction import entry
from gradcert.derivations.proving.notation import code_step, sym
from gradcert.derivations.proving.proof import Problem, Result, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, TEMPORAL, Gru, Layer, Lstm, Network, Snu
from gradcert.reference.engines import ONE, across, applied, basis, immediate, reverse, within
from gradcert.reference.numbers import SIGMOID, TANH

SIGMA, SIGMA_ = function_pair(SIGMOID.name)
PHI, PHI_ = function_pair(TANH.name)
_S = sympy.Symbol("s")


def _composed(cell: Any, target: str) -> Any:
    """Return a node of a cell in terms of its drives and of the step before."""
    nodes = code_step(cell).nodes
    expression = nodes[target]
    for node in reversed(cell.nodes):
        expression = expression.xreplace({sym(node, "", "t"): nodes[node]})
    return expression


def _moving(cell: Any, target: str) -> tuple[Any, dict[str, Any]]:
    """Return d(node)/ds where every drive I_k moves by F_k s, and the state before by its derivative."""
    drives = {k.target: sym("I", k.target, "t") for k in cell.links if k.source == "x"}
    forces = {k: sym("F", k) for k in drives}
    table = {d: d + _S * forces[k] for k, d in drives.items()}
    table[sym("c", "", "t-1")] = sym("c", "", "t-1") + _S * sym("ε", "", "t-1")
    return sympy.diff(_composed(cell, target).xreplace(table), _S).subs(_S, 0), forces


def _lstm() -> list[Equation]:
    """Compare the total derivative of c and z with the three-term form.

    The lateral weights act through the drives: F_k = U_k e + (immediate), e = dz^(t-1)/dw.
    """
    cell = Lstm(bias=False)
    a = {k: sym("I", f"a{k}", "t") for k in "ifgo"}
    i, f, o, g = SIGMA(a["i"]), SIGMA(a["f"]), SIGMA(a["o"]), PHI(a["g"])
    before, eps, e = sym("c", "", "t-1"), sym("ε", "", "t-1"), sym("e", "", "t-1")
    u, imm = {k: sym("U", k) for k in "ifgo"}, {k: sym("m", k) for k in "ifgo"}
    swap = {sym("F", f"a{k}"): u[k] * e + imm[k] for k in "ifgo"}
    dc, _ = _moving(cell, "c")
    dz, _ = _moving(cell, "z")
    c = f * before + i * g
    j_cc = f
    j_cz = before * SIGMA_(a["f"]) * u["f"] + g * SIGMA_(a["i"]) * u["i"] + i * PHI_(a["g"]) * u["g"]
    f_c = before * SIGMA_(a["f"]) * imm["f"] + g * SIGMA_(a["i"]) * imm["i"] + i * PHI_(a["g"]) * imm["g"]
    j_zc, j_zz = o * PHI_(sympy.expand(c)), PHI(sympy.expand(c)) * SIGMA_(a["o"]) * u["o"]
    f_z = PHI(sympy.expand(c)) * SIGMA_(a["o"]) * imm["o"]
    eps_now = j_cc * eps + j_cz * e + f_c
    return [
        Equation(dc.xreplace(swap), eps_now, "ε = dc/dw"),
        Equation(dz.xreplace(swap), j_zc * eps_now + j_zz * e + f_z, "e = dz/dw"),
        Equation(dz.xreplace(swap) - (j_zc * eps_now + f_z), j_zz * e, "what the two-term form misses"),
    ]


def _carried() -> Result:
    found = {
        "lstm": (basis(Lstm(), TEMPORAL), (("c", "z"), ())),
        "lstm without lateral weights": (basis(Lstm(recurrent=False), TEMPORAL), (("c",), ())),
        "gru": (basis(Gru(), TEMPORAL), (("z",), ())),
        "snu": (basis(Snu(), TEMPORAL), (("v",), ("z",))),
    }
    failed = tuple(f"{name}: {a}, not {b}" for name, (a, b) in found.items() if a != b)
    return Result("what a trace carries", len(found), failed, 0.0)


def _gru_steps(reset: str) -> tuple[Problem, Any, Any, Any]:
    from gradcert.derivations.chapters.ostl import two_steps

    return two_steps(Gru(reset=reset))


def _gru(reset: str) -> list[Equation]:
    p, before, now, _ = _gru_steps(reset)
    code = across(before, now, TEMPORAL, "z")["z"].value[0]
    h = before.now["z"][0]
    weights = {k: p.parameters[f"layers.0.H_{k}"] for k in "run"}
    r, u, n = (now.now[k][0] for k in ("r", "u", "n"))
    ar, au, an, q = (now.now[k][0] for k in ("ar", "au", "an", "q"))
    out = []
    for i in range(2):
        arg = an[i] + r[i] * q[i] if reset == "after" else an[i]
        k = (1 - u[i]) * PHI_(sympy.expand(arg))
        for j in range(2):
            same = 1 if i == j else 0
            term = same * u[i] + (h[i] - n[i]) * SIGMA_(au[i]) * weights["u"][i, j]
            if reset == "after":
                term += k * (r[i] * weights["n"][i, j] + q[i] * SIGMA_(ar[i]) * weights["r"][i, j])
            else:
                inner = [r[m] * (1 if m == j else 0) + h[m] * SIGMA_(ar[m]) * weights["r"][m, j] for m in range(2)]
                term += k * sum(weights["n"][i, m] * inner[m] for m in range(2))
            out.append(Equation(code[i, j], term, str(sym("J", f"{i + 1}{j + 1}"))))
    return out


def _dense() -> list[Equation]:
    """Compare the immediate derivatives of H_n and H_r in the reset-before form with their dense pattern."""
    p, before, now, _ = _gru_steps("before")

    h = before.now["z"][0]
    r, u, ar, an, inner = (now.now[k][0] for k in ("r", "u", "ar", "an", "q"))
    un = p.parameters["layers.0.H_n"]
    links = tuple(k for k in now.layer.cell.links if k.source != "x" and k.lag == 0)
    out = []
    for name, node, tangent in immediate(now):
        if name not in ("H_n", "H_r"):
            continue
        reached = applied(within(now, links, {node: ONE})["z"], tangent)
        for q, i, j in np.ndindex(2, 2, 2):
            k = (1 - u[q]) * PHI_(sympy.expand(an[q]))
            if name == "H_n":
                expected = k * r[j] * h[j] if q == i else 0
            else:
                expected = k * un[q, i] * h[i] * SIGMA_(ar[i]) * h[j]
            # q_j names r_j h_j in the code (paths.local-gru-reset-before)
            found = sympy.sympify(entry(reached, 0, q, i, j)).xreplace({s: r[m] * h[m] for m, s in enumerate(inner)})
            out.append(Equation(found, expected, f"d{sym('z', str(q + 1))}/d{sym('H', f'{name[-1]}{i + 1}{j + 1}')}"))
    return out


def _biases() -> Result:
    results, failed = [], []
    for reset in Gru.conventions[0].values:
        p = problem(one_layer(Gru(reset=reset), inputs=1), steps=2)
        _, grads = run("reverse", p, RULES["bptt"])
        same = compare_gradients(
            f"reset {reset}: b_n and c_n", {"b_n": grads["layers.0.b_n"]}, {"b_n": grads["layers.0.c_n"]}
        )
        if reset == "before":
            results.append(same)
        elif same.proved:
            failed.append("reset after: the gradients of b_n and c_n coincide, and should not")
    total = combined("biases of the candidate", results)
    return Result(total.claim, total.identities + 1, (*total.failed, *failed), total.seconds)


def _example() -> Example:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 1, 3)), rng.standard_normal((12, 1, 4))
    rows = []
    cells: dict[str, Any] = {
        "LSTM": Lstm(),
        "GRU, reset after": Gru(reset="after"),
        "GRU, reset before": Gru(reset="before"),
    }
    for label, cell in cells.items():
        network = Network(layers=(Layer(cell, inputs=3, units=4),))
        w = network.parameters(seed=1)
        exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
        for rule in ("ostl", "snap-1", "e-prop"):
            found = reverse.gradients(network, w, x, y, rule=RULES[rule])
            gate, letter = ("n", "Hₙ") if cell.name == "gru" else ("o", "Hₒ")
            rows.append((label, acronym(rule), letter, relative(found, exact, f"layers.0.H_{gate}")))
    text = "One layer of 4 units, 12 steps. OSTL with the state (c, z) is exact; SnAp-1 and e-prop are not."
    return Example(text, ("cell", "rule", "parameter", "relative difference from BPTT"), tuple(rows))


def _figure() -> Figure:
    return unrolled(Gru(reset="before"), RULES["e-prop"], steps=2)


DERIVATION = Derivation(
    name="gated",
    title="Gated cells: LSTM and GRU",
    motivation=(
        "OSTL is published with a generic form: a state s, an output z, and a recursion of two terms for ε = ds/dw "
        "and e = dz/dw. Put an LSTM into it, s = c and z = h, and the result is wrong by 2 to 37 percent. Nothing is "
        "wrong with the mathematics; the form assumes that z^t depends on the past through s^t alone, and an LSTM's "
        "output gate looks at z^(t−1) directly.",
        "A GRU has no such trouble, since its output is its state, but it comes in two forms that differ in where the "
        "reset gate multiplies, and in one of them a single weight reaches every unit at once.",
    ),
    statement=(
        "With s = c and z = h of an LSTM: ε^t = J_cc ε^(t−1) + J_cz e^(t−1) + F_c and e^t = J_zc ε^t + J_zz e^(t−1) + "
        "F_z, where J_zz = diag(tanh(c) o'(.)) U_o; the two-term form misses exactly J_zz e^(t−1). A GRU's Jacobian is "
        "J_after or J_before of mathematics.md 1.5. In the reset-before form the reset gate's weights have a dense "
        "immediate derivative, and the two candidate biases have equal gradients.",
    ),
    steps=(
        Step(
            "gated.lstm",
            "One unit of an LSTM, moved in the direction of a weight: the code's step, differentiated, is "
            "the three-term form. The last identity subtracts the two-term form and shows what is left: the path from "
            "z^(t−1) through the output gate to z^t, which passes beside c.",
            premises=("paths.local-lstm",),
            equations=_lstm,
            code=("reference/networks/cells/lstm.py:step",),
            source="mathematics.md 4.4",
            sizes="one unit; more units by paths.rows-lstm",
        ),
        Step(
            "gated.carried",
            "The engine decides from the links which nodes a trace has to carry: c and z for an LSTM, "
            "c alone without lateral weights, z for a GRU, and v for an SNU, whose z is a function of v within "
            "the step.",
            premises=("gated.lstm",),
            proof=_carried,
            code=("reference/engines/structure.py:basis",),
            source="mathematics.md 4.4",
        ),
        Step(
            "gated.gru-after",
            "The Jacobian of the GRU whose reset gate multiplies after the product (PyTorch, cuDNN).",
            premises=("paths.local-gru-reset-after",),
            equations=lambda: _gru("after"),
            code=("reference/engines/step.py:across", "reference/networks/cells/gru.py"),
            source="mathematics.md 1.5",
            sizes="n = 2",
        ),
        Step(
            "gated.gru-before",
            "And of the one whose reset gate multiplies before it (TensorFlow, ONNX): the reset "
            "gate now sits inside the matrix product.",
            premises=("paths.local-gru-reset-before",),
            equations=lambda: _gru("before"),
            code=("reference/engines/step.py:across", "reference/networks/cells/gru.py"),
            source="mathematics.md 1.5",
            sizes="n = 2",
        ),
        Step(
            "gated.dense",
            "In the reset-before form H_n's immediate derivative carries r_j, not r_i, and that of H_r "
            "reaches unit q through H_n[q, i]: every unit at once. Any rule that stores one unit per parameter has "
            "already left something out.",
            premises=("gated.gru-before",),
            equations=_dense,
            code=("reference/engines/step.py:immediate", "reference/engines/step.py:within"),
            source="mathematics.md 1.5",
            sizes="n = 2",
        ),
        Step(
            "gated.biases",
            "Reset before: b_n and c_n enter as a sum, so their gradients are one expression. Reset "
            "after: c_n is multiplied by r, and they are not.",
            premises=("gated.gru-after", "gated.gru-before"),
            proof=_biases,
            code=("reference/networks/cells/gru.py",),
            source="mathematics.md 12.13",
            sizes="n = 2, T = 2",
        ),
    ),
    example=_example,
    traps=(
        Trap(
            "T95", "Gate order: i,f,g,o or i,f,c,o or i,j,f,o or i,o,f,c. One widely used header states the wrong one."
        ),
        Trap("T96", "Reset-before taken for reset-after: errors of .2 to 2.5 per block."),
        Trap("T97", "The update gate and 1 minus it swapped."),
        Trap("T98", "The LSTM trace without the output-gate term: .02 to .37."),
        Trap("T99", "The output gate's peephole reads the old c; i and f read the new one."),
        Trap("T101", "r_i in place of r_j in the immediate derivative of the candidate's weights."),
        Trap("T102", "The candidate's second bias treated as redundant."),
        Trap("T25", "Per-parameter rows although a parameter reaches several units immediately."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Gru, Layer, Network
from gradcert.reference.engines import reverse

network = Network(layers=(Layer(Gru(reset="after"), inputs=3, units=4),))
w = network.parameters(seed=0)
x, y = np.random.default_rng(0).random((6, 1, 3)), np.zeros((6, 1, 4))
g = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
print(abs(g["layers.0.b_n"] - g["layers.0.c_n"]).max())  # 0 with reset="before"
""",
    figures=(_figure,),
    notation={
        "F": "immediate derivative",
        "J": "one-step Jacobian; J_cz that of c by z, and so on",
        "U": "lateral weight of a gate",
        "c": "cell state of an LSTM",
        "ε": "eligibility of the cell state: derivative of c by a parameter",
        "e": "derivative of z by a parameter",
        "h": "output; the same as z",
        "o": "output gate",
        "q": "a unit (q_j: the reset output r_j z_j)",
        "r": "reset gate of a GRU (r_i of unit i)",
        "s": "the state in OSTL's generic form",
        "b": "bias (b_n, c_n: the two of a GRU's candidate)",
        "H": "lateral weight (H_n, H_r: of a GRU's candidate and reset gate)",
    },
)
