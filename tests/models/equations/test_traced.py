"""Cells from a function and from SymPy's expressions are the cells from text; what is no equation is refused."""

import numpy as np
import pytest
from rewritten import TRIANGLE
from test_own_cell import different, gradients

from gradcert.certify.campaign.campaign import certify
from gradcert.models.equations import check, define, weighted
from gradcert.models.equations.trace import trace
from gradcert.reference import RULES, GradcertError, Lif, Lstm, Rnn

pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")
RESET = {"v -> v": "state", "z -> v": "reset"}
CONSTANTS = {"leak": 0.5, "threshold": 0.75}


def lif(prev, x, p, h):
    v = p.leak * (prev.v - p["threshold"] * prev.z) + p.W @ x + prev.z @ p.H.T + p.b
    return {"v": v, "z": h(v - p.threshold)}


def lstm(prev, x, p):
    gates = {k: p[f"W_{k}"] @ x + p[f"H_{k}"] @ prev.z + p[f"b_{k}"] for k in "ifgo"}
    i, f, o = (1 / (1 + np.exp(-gates[k])) for k in "ifo")
    g = np.tanh(gates["g"])
    c = f * prev.c + i * g
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "z": o * np.tanh(c)}


def by_sympy():
    import sympy as sp

    leak, threshold, v, v0, z0, b = sp.symbols("leak threshold v v_prev z_prev b")
    return {
        "v": leak * (v0 - threshold * z0) + weighted("W", "x") + weighted("H", "z_prev") + b,
        "z": sp.Function("spike")(v - threshold),
    }


BUILT_IN = Lif(leak=0.5, threshold=0.75, reset="subtract_before_leak", recurrent=True, surrogate=TRIANGLE)


@pytest.mark.parametrize("rule", ["bptt", "ostl", "e-prop", "bptt-detached-reset"])
@pytest.mark.parametrize("source", [lif, by_sympy], ids=["function", "sympy"])
def test_a_lif_is_the_built_in_one(source, rule):
    own = define(
        "traced", source if source is lif else source(), edges=RESET, constants=CONSTANTS, surrogate=TRIANGLE
    )()
    assert different(gradients(own, RULES[rule]), gradients(BUILT_IN, RULES[rule])) == []


def test_functions_and_sums_inside_of_them():
    def rnn(prev, x, p):
        return {"z": np.tanh(p.W @ x + p.H @ prev.z + p.b)}

    own = define("mine", rnn, edges={})
    assert own.recipe.nodes == ("z_in", "z")
    assert check(own)
    assert different(gradients(own(), RULES["bptt"]), gradients(Rnn(), RULES["bptt"])) == []
    edges = {"c -> c": "state"}
    assert "i <- i_in" in check(define("long", lstm, edges=edges))
    mine = gradients(define("long", lstm, edges=edges)(), RULES["bptt"])
    assert sorted(mine) == sorted(gradients(Lstm(), RULES["bptt"]))


def test_the_function_itself_is_run():
    assert check(define("mine", lif, edges=RESET, constants=CONSTANTS))
    calls = []

    def forgetful(prev, x, p):
        calls.append(1)
        return {"z": np.tanh(p.W @ x + p.b) * len(calls)}

    with pytest.raises(GradcertError, match="the traced value of z is not the function's"):
        check(define("odd", forgetful, edges={}))


@pytest.mark.parametrize("c", [0.25, 0.3, 0.1, 0.7, 1 / 3, -1e-5, np.float32(0.3), 2**49 + 1, 123456.7], ids=str)
def test_a_decimal_is_the_float_that_it_is(c):
    def reset(prev, x, p, h):
        v = p.leak * prev.v + p.W @ x + p.b - c * prev.z
        return {"v": v, "z": h(v - p.threshold)}

    def second(prev, x, p, h):
        u = prev.u + 0.15 * (c * prev.v - prev.u) / 3 + c * np.tanh(0.35 * prev.z / p.leak)
        v = np.where(prev.v < c, p.leak * prev.v, 0.45 * prev.v) + p.W @ x - u
        return {"u": u, "v": v, "z": h(v - p.threshold)}

    edges = {**RESET, "v -> u": "state", "u -> u": "state", "z -> u": "adaptation"}
    assert check(define("reset", reset, edges=RESET, constants=CONSTANTS))
    assert check(define("second", second, edges={k: v for k, v in edges.items() if k != "z -> v"}, constants=CONSTANTS))


def test_a_decimal_that_changes_by_its_last_bit_is_found():
    calls = []

    def drifting(prev, x, p):
        calls.append(1)
        return {"z": np.tanh(p.W @ x + p.b) * (0.3 if len(calls) == 1 else np.nextafter(0.3, 1))}

    with pytest.raises(GradcertError, match="the traced value of z is not the function's"):
        check(define("drifting", drifting, edges={}))


def where(prev, x, p):
    return {"z": (prev.z > 0) * 1.0}


def norm(prev, x, p):
    return {"z": np.linalg.norm(p.W @ x) * p.b}


def twice(prev, x, p):
    return {"z": p.W @ (p.V @ x)}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (where, "a product with a comparison"),
        (lambda prev, x, p: {"z": np.arctan(p.W @ x)}, "np.arctan"),
        (lambda prev, x, p: {"z": prev.z if prev.z else p.W @ x}, "a branch on a value"),
        (lambda prev, x, p: {"z": p.W.T @ x}, "this product of matrices"),
        (lambda prev, x, p: {"z": (p.W @ x) ** 0.5}, "the power 0.5"),
        (lambda prev, x, p: {"z": np.ones(3) * prev.z}, "ndarray as a constant"),
        (lambda prev, x, p: {"z": prev.z[0]}, "an index into an array"),
        (lambda prev, x, p: {"z": prev.z * float("inf")}, "the number inf in z"),
        (lambda prev, x, p: {"z": prev.z * 1j}, "1j as a constant"),
        (lambda prev, x, p: p.W @ x, "does not return its nodes"),
        (twice, "name what is multiplied"),
    ],
)
def test_what_is_no_equation_is_refused(step, words):
    with pytest.raises(GradcertError, match=words):
        trace(step)


def test_a_traced_cell_is_certified():
    from gradcert.reference.engines import reverse

    def subject(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES["bptt"])

    cell = f"{__file__}:Traced"
    found = certify(subject, rule="bptt", cells=cell, depths=1, profile="quick")
    assert found.verdict == "certified", found.reason


Traced = define("traced", lif, edges=RESET, constants=CONSTANTS, surrogate=TRIANGLE)
