"""What may stand beside a weighted sum: the engine computes the equation as it is written, whatever its terms are.

In rationals, so that nothing is rounded: the output is a polynomial, z = a^2, where a float test would have tanh.
"""

from itertools import combinations

import numpy as np
import pytest

from gradcert.models.equations import check, define
from gradcert.properties.numbers import RATIONALS, dual
from gradcert.reference import RULES, forward, reverse
from gradcert.reference.engines import objective, record
from gradcert.reference.networks import Layer, Network

N, STEPS, BATCH = 2, 4, 3
TERMS = (
    *("H @ z_prev", "A @ u", "B @ u_prev", "V @ x_prev", "b", "h*z_prev", "f*u", "k*b", "c"),
    *("- 0.5*z_prev", "leak*u_prev", "g*x"),
)
CHOSEN = [chosen for size in range(4) for chosen in combinations(TERMS, size)]


def made(terms):
    texts = {"u": "U @ x", "a": " + ".join(["W @ x", *terms]).replace("+ -", "-"), "z": "a*a"}
    edges = {f"{s} -> a": "state" for s in ("z", "u") if any(f"*{s}_prev" in term for term in terms)}
    own = ("b", "c", "f", "g", "h", "k")
    return texts, define("own", texts, edges=edges, constants={"leak": 0.75}, parameters=own)


def values(texts, p, inputs):
    """Evaluate the equations as Python reads them, a column per sample."""
    out, late = [], None
    half, leak = RATIONALS.array([0.5, 0.75])
    for x in inputs:
        late = {name: RATIONALS.zeros((N, BATCH)) for name in (*texts, "x")} if late is None else late
        now = {"x": x.T}
        for node, text in texts.items():
            names = {**p, **now, **{f"{k}_prev": v for k, v in late.items()}, "half": half, "leak": leak}
            now[node] = eval(text.replace("0.5", "half"), {}, names)
        out.append(now["z"].T)
        late = now
    return np.array(out)


def columns(parameters):
    return {k.rpartition(".")[2]: v[:, None] if v.ndim == 1 else v for k, v in parameters.items()}


@pytest.mark.parametrize("first", range(8))
def test_every_choice_of_terms_is_what_is_written(first):
    for chosen in CHOSEN[first::8]:
        texts, cell = made(chosen)
        network = Network(layers=(Layer(cell(), inputs=N, units=N),))
        rng = np.random.default_rng(0)

        def drawn(*shape, rng=rng):
            return RATIONALS.array(rng.integers(1, 9, shape) * rng.choice((-1, 1), shape) / 8)

        parameters = {k: drawn(*np.shape(v)) for k, v in network.parameters().items()}
        inputs, targets = drawn(2, STEPS, BATCH, N)
        tape = record(network, parameters, inputs, numbers=RATIONALS)
        assert (tape.outputs == values(texts, columns(parameters), inputs)).all(), chosen
        engines = (reverse,) if "V @ x_prev" in chosen else (reverse, forward)  # forward has no delayed inputs
        one, *others = (
            e.gradients(network, parameters, inputs, targets, rule=RULES["rtrl"], numbers=RATIONALS) for e in engines
        )
        for name, value in parameters.items():
            for other in others:
                assert (one[name] == other[name]).all(), f"{chosen} {name}"
            moved = dict(parameters, **{name: dual.make(value, RATIONALS.array(np.ones(value.shape)))})
            error = values(texts, columns(moved), inputs) - targets
            loss = (error * error).sum() / 2
            assert objective(tape, targets) == getattr(loss, "a", loss), (chosen, name)
            assert one[name].sum() == getattr(loss, "b", 0), (chosen, name)
        check(cell)
