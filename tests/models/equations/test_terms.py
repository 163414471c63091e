"""What may stand beside a weighted sum: the engine computes the equation as it is written, whatever its terms are."""

from itertools import combinations

import numpy as np
import pytest

from gradcert.models.equations import check, define
from gradcert.reference import RULES, forward, reverse
from gradcert.reference.engines import objective, run
from gradcert.reference.networks import Layer, Network, Problem

N, STEPS, BATCH, STEP = 2, 4, 3, 1e-5
TERMS = (
    *("H @ z_prev", "A @ u", "B @ u_prev", "V @ x_prev", "b", "h*z_prev", "f*u", "k*b", "c"),
    *("- 0.5*z_prev", "leak*u_prev", "g*x"),
)
CHOSEN = [chosen for size in range(4) for chosen in combinations(TERMS, size)]


def made(terms):
    texts = {"u": "U @ x", "a": " + ".join(["W @ x", *terms]).replace("+ -", "-"), "z": "tanh(a)"}
    edges = {f"{s} -> a": "state" for s in ("z", "u") if any(f"*{s}_prev" in term for term in terms)}
    own = ("b", "c", "f", "g", "h", "k")
    return texts, define("own", texts, edges=edges, constants={"leak": 0.75}, parameters=own)


def values(texts, p, inputs):
    """Evaluate the equations as Python reads them, a column per sample."""
    out, late = [], None
    for x in inputs:
        late = {name: np.zeros((N, BATCH)) for name in (*texts, "x")} if late is None else late
        now = {"x": x.T}
        for node, text in texts.items():
            names = {**p, **now, **{f"{k}_prev": v for k, v in late.items()}, "tanh": np.tanh, "leak": 0.75}
            now[node] = eval(text, {}, names)
        out.append(now["z"].T)
        late = now
    return np.array(out)


@pytest.mark.parametrize("first", range(8))
def test_every_choice_of_terms_is_what_is_written(first):
    for chosen in CHOSEN[first::8]:
        texts, cell = made(chosen)
        network = Network(layers=(Layer(cell(), inputs=N, units=N),))
        rng = np.random.default_rng(0)
        parameters = {k: rng.standard_normal(np.shape(v)) for k, v in network.parameters().items()}
        inputs, targets = rng.standard_normal((2, STEPS, BATCH, N))
        given = {k.rpartition(".")[2]: v[:, None] if v.ndim == 1 else v for k, v in parameters.items()}
        found = run(Problem(network, parameters, inputs, targets)).outputs
        np.testing.assert_allclose(found, values(texts, given, inputs), rtol=1e-12, atol=1e-14, err_msg=str(chosen))
        engines = (reverse,) if "V @ x_prev" in chosen else (reverse, forward)  # forward has no delayed inputs
        one, *others = (e.gradients(network, parameters, inputs, targets, rule=RULES["rtrl"]) for e in engines)
        for name, value in parameters.items():
            for other in others:
                np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=1e-12, err_msg=f"{chosen} {name}")
            up, down = (dict(parameters, **{name: value + sign * STEP}) for sign in (1, -1))
            losses = [objective(run(Problem(network, q, inputs, targets)), targets) for q in (up, down)]
            # the difference is off by some STEP^2 of a third derivative, and 1e-16 / STEP of rounding
            numeric = (losses[0] - losses[1]) / (2 * STEP)
            assert one[name].sum() == pytest.approx(numeric, rel=1e-6, abs=1e-6), (chosen, name)
        check(cell)
