"""Training loops of JAX, watched; run by an interpreter that has JAX.

python jax_cases.py FOLDER NAME...        prints {NAME: "" or what went wrong} as JSON
"""

import json
import sys
import traceback
import warnings
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import gradcert
from gradcert.reference import GradcertError

sys.path.insert(0, str(Path(__file__).parents[3] / "examples"))
import watch_optax
from read_jax import make, step, zeros

FOLDER = sys.argv[1]
STEPS, BATCH, INPUTS, UNITS = 6, 3, 4, 5
DRAW = np.random.default_rng(0)


def drawn(*shape):
    return DRAW.standard_normal(shape).astype("float32")


def summed(outputs, target):
    return 0.5 * jnp.sum((outputs - target) ** 2)


def gru():
    """A cell of flax, its variables, a batch, and the gradients of a scan over it."""
    cell = nn.GRUCell(features=UNITS)
    x, y, state = drawn(STEPS, BATCH, INPUTS), drawn(STEPS, BATCH, UNITS), jnp.zeros((BATCH, UNITS))
    variables = cell.init(jax.random.key(0), state, x[0])

    def error(variables):
        outputs = jax.lax.scan(lambda s, now: cell.apply(variables, s, now), state, x)[1]
        return summed(outputs, y)

    return cell, variables, x, y, state, jax.grad(error)(variables)


def raised(function):
    try:
        function()
    except GradcertError as error:
        return str(error)
    return "nothing was raised"


def case_compiled():
    """A training under jit, its optimiser a chain: the right one, and one that keeps what the claim cuts."""
    found = watch_optax.main(step)
    assert "3 judged, 3 right" in found.report(), found.report()
    assert [j.step for j in found.judgements] == [0, 10, 20]
    wrong = watch_optax.main(watch_optax.without_stop, count=1)
    (judged,) = wrong.judge()
    where = "layer 0 keeps RESET z' -> v (watch_optax.py:"
    assert judged.cause.startswith(f"the gradients of as-coded and bptt, not of bptt-detached-reset: {where}"), judged
    Path(judged.file).rename(f"{FOLDER}/kept.json")


def case_flax():
    """A cell of flax in a plain loop: right, and twice too large."""
    cell, variables, x, y, state, gradients = gru()
    watching = gradcert.watch(cell, rule="bptt", every=1, loss=summed, state=state, folder=FOLDER)
    assert watching.step(gradients, variables, x, y).verdict == "right"
    twice = jax.tree_util.tree_map(lambda g: 2 * g, gradients)
    judged = watching.step(twice, variables, x, y)
    assert judged.cause == "the claimed gradients times 2: a loss scale that is not taken back", judged.cause


def case_eager():
    """An optimiser outside of jit judges at once, and does what it did; a state of its own is a note."""
    cell, variables, x, y, state, gradients = gru()
    watching = gradcert.watch(cell, every=2, loss=summed, state=state)
    plain = optax.sgd(0.1)
    optimiser = watching.optax(plain)
    held = optimiser.init(variables)
    for k in range(3):
        updates, held = optimiser.update(gradients, held, variables, batch=(x, y))
        assert [j.step for j in watching.judgements] == [0, 2][: 1 + k // 2]
    assert all("bptt" in j.rows for j in watching.judgements)
    assert watching.step(gradients, variables, x, y) is None  # the fourth step, of which every second is judged
    wanted = plain.update(gradients, plain.init(variables), variables)[0]
    same = jax.tree_util.tree_map(lambda a, b: bool((a == b).all()), updates, wanted)
    assert all(jax.tree_util.tree_leaves(same))
    carried = watching.optax(plain)
    carried.update(gradients, carried.init(variables), variables, batch=(x, y), carry=state + 0.5)
    last = watching.judgements[-1]
    assert last.verdict == "unnamed" and last.notes == ("the sequence began from a state that is not zero",)


def decayed(gain):
    """A step whose time constant is in the decay and in the gain, and what a scan over it gives."""

    def leaky(params, state, x):
        d = jax.nn.sigmoid(params["w"])
        state = jnp.tanh(d * state + (1 - gain(d)) * (x @ params["i"]))
        return state, state

    params = {"w": jnp.linspace(-1, 1, UNITS), "i": drawn(INPUTS, UNITS)}
    x, y, state = drawn(STEPS, BATCH, INPUTS), drawn(STEPS, BATCH, UNITS), jnp.zeros((BATCH, UNITS))

    def error(params):
        return summed(jax.lax.scan(lambda s, now: leaky(params, s, now), state, x)[1], y)

    watching = gradcert.watch(leaky, rule="bptt", every=1, loss=summed, state=state, folder=FOLDER)
    return watching.step(jax.grad(error)(params), params, x, y)


def case_cut():
    """A parameter that is cut on one of its paths."""
    assert decayed(lambda d: d).verdict == "right"
    judged = decayed(jax.lax.stop_gradient)
    assert judged.cause.startswith("the claimed gradients, but w is cut at jax_cases.py:"), judged


def case_refused():
    assert "without a loss" in raised(lambda: gradcert.watch(step, rule="bptt"))
    watching = gradcert.watch(step, loss=summed, state=zeros())
    optimiser, params = watching.optax(optax.sgd(0.1)), make()
    held = optimiser.init(params)
    assert "or its batch" in raised(lambda: optimiser.update(params, held, params))
    x, y = drawn(STEPS, 8, 12), drawn(STEPS, 8, 4)
    with warnings.catch_warnings(record=True) as said:  # what cannot be judged stops no training
        warnings.simplefilter("always")
        watching.step({k: params[k] for k in ("rec", "out")}, params, x, y)
    assert "without w" in str(said[0].message)
    assert "without w" in watching.judgements[-1].cause


def main():
    out = {}
    for name in sys.argv[2:]:
        try:
            globals()[f"case_{name}"]()
            out[name] = ""
        except Exception:
            out[name] = traceback.format_exc()
    print(json.dumps(out))


main()
