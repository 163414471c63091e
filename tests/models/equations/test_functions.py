"""Cells of one's own with choices, roots, angles, whole numbers and the input itself; names that are wrong."""

import numpy as np
import pytest

from gradcert.models.equations import check, define
from gradcert.properties.numbers.prime_field import PrimeField
from gradcert.reference import RULES, GradcertError, Layer, Network, Rnn, Surrogate, record
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import cell_named

pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")
DRIVE, STATE = {"a": "W @ x + H @ z_prev + b"}, {"v -> v": "state"}
LEAK = {"leak": 0.75}
FUNCTIONS = {
    "abs(a)": np.abs,
    "max(a, 1/4)": lambda a: np.maximum(a, 0.25),
    "min(2*a, 1/8)": lambda a: np.minimum(2 * a, 0.125),
    "where(a < 0, a*a, 3*a)": lambda a: np.where(a < 0, a * a, 3 * a),
    "sqrt(1 + a*a)": lambda a: np.sqrt(1 + a * a),
    "cos(a) + sin(2*a)": lambda a: np.cos(a) + np.sin(2 * a),
}


def cell_with(text):
    return define(
        "with_functions", {**DRIVE, "v": f"leak*v_prev + {text}", "z": "tanh(v)"}, edges=STATE, constants=LEAK
    )


@pytest.mark.parametrize("text", FUNCTIONS)
def test_values_and_derivatives_are_those_of_the_function(text):
    own = cell_with(text)
    assert "v <- a" in check(own)
    network = Network(layers=(Layer(own(), inputs=2, units=3),))
    p, x = network.parameters(seed=3, scale=2.0), np.random.default_rng(0).standard_normal((1, 4, 2))
    tape = record(network, p, x)
    assert (
        tape.layers[0].now["v"] == FUNCTIONS[text](tape.layers[0].now["a"])
    ).all()  # before it is 0, and 0 adds nothing
    y = np.zeros((1, 4, 3))
    mine = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    online = forward.gradients(network, p, x, y, rule=RULES["bptt"])
    a, h = tape.layers[0].now["a"], 1e-6
    slope = (FUNCTIONS[text](a + h) - FUNCTIONS[text](a - h)) / (2 * h)  # no sample is near a seam
    z = tape.outputs
    want = (z * (1 - z * z) * slope).sum(axis=(0, 1))
    # of the quotient: h^2 / 6 times a third derivative, and a few u / h = 1e-10
    assert np.allclose(mine["layers.0.b"], want, rtol=1e-7) and np.allclose(online["layers.0.b"], want, rtol=1e-7)


def test_a_wrong_derivative_of_a_function_is_found(monkeypatch):
    from gradcert.models.equations import expression

    known = dict(expression.known_functions())
    wrong = type("cos", (known["cos"],), {"fdiff": lambda self, argindex=1: known["sin"](*self.args)})  # no minus
    monkeypatch.setattr(expression, "known_functions", lambda: {**known, "cos": wrong})
    with pytest.raises(GradcertError, match="v <- a is not that of the equation"):
        check(cell_with("cos(a)/3"))


def test_several_spikes_a_step():
    equations = {"a": "W @ x + b", "v": "leak*v_prev - threshold*z_prev + a", "z": "max(floor(v/threshold), 0)"}
    window = Surrogate(formula="where(x > 0, height, 0)", height=0.5)
    own = define(
        "multi", equations, edges={**STATE, "z -> v": "reset"}, constants={"leak": 0.5, "threshold": 0.25}, floor=window
    )
    network = Network(layers=(Layer(own(), inputs=1, units=1),))
    assert network.to_dict()["layers"][0]["options"]["floor"] == window.to_dict()
    p = {"layers.0.W": np.array([[1.0]]), "layers.0.b": np.array([0.0])}
    x, y = np.array([[[0.9]], [[0.3]]]), np.zeros((2, 1, 1))
    assert record(network, p, x).outputs.ravel().tolist() == [3.0, 0.0]
    # E = z1^2 / 2, dz1/dv1 = height / threshold
    found = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    assert found["layers.0.b"].tolist() == [3.0 * 0.5 / 0.25]
    flat = define("flat", equations, edges={**STATE, "z -> v": "reset"}, constants={"leak": 0.5, "threshold": 0.25})
    silent = Network(layers=(Layer(flat(), inputs=1, units=1),))
    assert not reverse.gradients(silent, p, x, y, rule=RULES["bptt"])["layers.0.b"].any()


@pytest.mark.parametrize("engine", [reverse, forward])
def test_the_input_itself_is_a_weight_of_one(engine):
    field, rng = PrimeField(), np.random.default_rng(1)
    equations = {"a": "H @ z_prev + b", "v": "leak*v_prev + x + a", "z": "tanh(v)*x"}
    own = define("itself", equations, edges=STATE, constants=LEAK)
    fed = define(
        "fed", {"u": "W @ x", **{k: t.replace("x", "u") for k, t in equations.items()}}, edges=STATE, constants=LEAK
    )
    below, shapes = Layer(Rnn(recurrent=False), inputs=2, units=3), {}
    networks = [Network(layers=(below, Layer(kind(), inputs=3, units=3))) for kind in (own, fed)]
    shapes = networks[1].shapes()
    drawn = {name: field.draw(rng, shape) for name, shape in shapes.items()}
    drawn["layers.1.W"] = field.array(np.eye(3))
    x, y = field.draw(rng, (4, 2, 2)), field.draw(rng, (4, 2, 3))
    rule = RULES["ostl"] if engine is forward else RULES["bptt"]
    mine, theirs = (
        engine.gradients(n, {k: drawn[k] for k in n.shapes()}, x, y, rule=rule, numbers=field) for n in networks
    )
    assert set(mine) == set(theirs) - {"layers.1.W"}
    assert all((mine[name] == theirs[name]).all() for name in mine) and (mine["layers.0.W"] != 0).any()
    with pytest.raises(GradcertError, match="as many inputs as units"):
        Layer(own(), inputs=2, units=3)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({"v": "leek*v_prev + a"}, {}, "leek in the equation of v, which is near to leak"),
        ({"v": "leak*v_prev + a*q"}, {"parameters": ("b",)}, "q in the equation of v"),
        ({"v": "leak*v_prev + H @ w_prev"}, {}, "w_prev"),
        ({"v": "leak*v_prev + H @ w"}, {}, "'w' in the equation of v"),
        ({"v": "leak*v_prev + x_prev + a"}, {}, "x_prev without weights"),
        ({}, {"edges": {}}, "no label for the edge 'v -> v'"),
        ({"z": "spike(v)"}, {}, "in a cell without threshold"),
    ],
)
def test_what_is_wrong_is_named(change, options, says):
    equations = {"a": "W @ x + b", "v": "leak*v_prev + a", "z": "tanh(v)", **change}
    with pytest.raises(GradcertError, match=says):
        define("wrong", equations, **{"edges": STATE, "constants": LEAK, **options})


def test_a_file_of_cells_may_import_its_neighbours(tmp_path):
    (tmp_path / "beside_the_cells.py").write_text("LEAK = 0.625\n")
    (tmp_path / "cells_with_neighbours.py").write_text(
        "from beside_the_cells import LEAK\nfrom gradcert.models.equations import define\n"
        'Mine = define("mine", {"a": "W @ x + b", "z": "leak*z_prev + tanh(a)"}, edges={"z -> z": "state"},\n'
        '              constants={"leak": LEAK})\n'
    )
    assert cell_named(f"{tmp_path / 'cells_with_neighbours.py'}:Mine", run=True)().leak == 0.625


def test_a_step_in_numpy_may_choose():
    def step(prev, x, p):
        a = p.W @ x + p.b
        v = np.where(np.abs(prev.v) < 1, p.leak * prev.v, np.sqrt(np.abs(prev.v))) + a
        return {"v": v, "z": np.minimum(np.maximum(v, -0.5), np.cos(v))}

    own = define("choosing", step, edges=STATE, constants=LEAK)
    assert [equation.rest for equation in own.recipe.equations][-1] == "+ min(max(v, -0.5), cos(v))"
    assert {"v <- v_prev", "z <- v"} <= set(check(own))
