"""Step functions of JAX as people write them, and what has to be read of them; run by an interpreter that has JAX.

python cases.py NAME...        prints {NAME: "" or what went wrong} as JSON
"""

import json
import sys
import traceback

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import gradcert
from gradcert.models.reading.network.written import Written
from gradcert.reference import GradcertError, Integrator, Layer, Lif, Network, Rnn, Surrogate, reverse
from gradcert.reference.engines import gamma
from gradcert.reference.rules import rule_named

BATCH, INPUTS, HIDDEN, OUTPUTS = 3, 4, 5, 2
DRAW = np.random.default_rng(0)
FAST = Surrogate("fast_sigmoid", slope=10.0)


def normal(*shape):
    return DRAW.standard_normal(shape).astype("float32")


def weights(**shapes):
    return {name: normal(*shape) / shape[0] ** 0.5 for name, shape in shapes.items()}


X = 1.5 * normal(BATCH, INPUTS)
H, Y = np.zeros((BATCH, HIDDEN), "float32"), np.zeros((BATCH, OUTPUTS), "float32")
CELL = {"w": (INPUTS, HIDDEN), "r": (HIDDEN, HIDDEN), "b": (HIDDEN,)}


@jax.custom_jvp
def spike(v):
    return (v > 0).astype(jnp.float32)


@spike.defjvp
def spike_jvp(primals, tangents):
    return spike(primals[0]), tangents[0] / (1 + 10 * jnp.abs(primals[0])) ** 2


@jax.custom_jvp
def wide(v):
    return (v > 0).astype(v.dtype)


@wide.defjvp
def wide_jvp(primals, tangents):
    return wide(primals[0]), tangents[0] / (1 + 5 * jnp.abs(primals[0])) ** 2


@jax.custom_vjp
def triangle(v, width):
    return jnp.where(v >= 0, 1.0, 0.0)


triangle.defvjp(
    lambda v, width: (triangle(v, width), (v, width)),
    lambda kept, g: (g * jnp.maximum(0.0, 1 - jnp.abs(kept[0] / kept[1])), None),
)


def lif(spike=spike, reset=jax.lax.stop_gradient):
    """Two layers, as one step: recurrent LIF and a leaky readout."""

    def step(params, state, x):
        v, z, y = state
        v = 0.9 * v + x @ params["w"] + z @ params["r"] + params["b"] - reset(z)
        z = spike(v - 1.0)
        y = 0.8 * y + z @ params["out"]
        return (v, z, y), y

    return step


def vanilla(params, h, x):
    h = jnp.tanh(x @ params["w"] + h @ params["r"] + params["b"])
    return h, h


def lines(reading):
    return str(reading).splitlines()


def equal(got, want):
    assert got == want, f"{got}\n  instead of\n{want}"


def refused(*words, take):
    """Assert that something is refused in a sentence with these words."""
    try:
        read = take()
    except GradcertError as error:
        for word in words:
            assert word in str(error), f"{word!r} is not in {error}"
        return
    raise AssertionError(f"read as {read}")


def line_of(function, text):
    """Return file and line of some text in this file, as readings name it."""
    with open(__file__, encoding="utf-8") as file:
        return next(f"cases.py:{k}" for k, line in enumerate(file, 1) if text in line)


def same_as_by_hand(made: Written, params, hand, to):
    """Assert that every rule gives the gradients of a hand-written network: `to` is its parameter -> theirs."""
    with jax.enable_x64(True):
        own = made.arrays(params)
    theirs = {name: own[part] for name, part in to.items()}
    inputs, targets = 1.5 * DRAW.standard_normal((12, 2, INPUTS)), DRAW.standard_normal((12, 2, hand.layers[-1].units))
    for rule in ("bptt", "ostl", "e-prop", "ottt", "tbptt(3)"):
        got = reverse.gradients(made.full, own, inputs, targets, rule=rule_named(rule))
        want = reverse.gradients(hand, theirs, inputs, targets, rule=rule_named(rule))
        for name, part in to.items():
            # as for PyTorch: 12 steps, at most 30 roundings each on a path, sums of 24 terms
            allowed = gamma(12 * 30 + 24) * 100 * max(np.abs(want[name]).max(), 1e-6)
            assert np.abs(got[part] - want[name]).max() <= allowed, (rule, name)


def case_lif():
    params = weights(**CELL, out=(HIDDEN, OUTPUTS))
    reading = gradcert.read(lif(), params, X, (H, H, Y))
    place = line_of(lif, "- reset(z)")
    equal(
        lines(reading),
        [
            "layer 0 (5 units)",
            "  a = w.T @ x + r.T @ z' + b",
            "  v = a + 0.9 * v' - cut[z']",
            "  z = spike(v - 1)   psi fast_sigmoid(slope=10.0), fires at > 0",
            "    z' -> a  RECURRENT through r.T kept",
            "    v' -> v  STATE kept",
            f"    z' -> v  RESET cut ({place})",
            "layer 1 (2 units)",
            "  a = out.T @ z[0]",
            "  z = a + 0.8 * z'   (output)",
            "    z' -> z  STATE kept",
            "backward: bptt-detached-reset, by these cuts",
        ],
    )
    equal(reading.to_dict()["module"], "step")
    assert "<h1>step</h1>" in _page(reading)
    cell = Lif(leak=0.9, threshold=1.0, strict=True, surrogate=FAST, reset="subtract_after_leak", recurrent=True)
    hand = Network((Layer(cell, INPUTS, HIDDEN), Layer(Integrator(kappa=0.8, bias=False), HIDDEN, OUTPUTS)))
    to = {"layers.0.W": "layers.0.w_T", "layers.0.H": "layers.0.r_T", "layers.0.b": "layers.0.b"}
    same_as_by_hand(reading.network(), params, hand, to | {"layers.1.W": "layers.1.out_T"})


def _page(reading):
    from gradcert.models.reading.page import page

    return page(reading)


def case_planted():
    """A stop_gradient that is missing and a surrogate of another width are seen for what they are."""
    params = weights(**CELL, out=(HIDDEN, OUTPUTS))
    text = str(gradcert.read(lif(spike=wide, reset=lambda z: z), params, X, (H, H, Y)))
    assert "    z' -> v  RESET kept" in text and text.endswith("backward: bptt"), text
    assert "psi fast_sigmoid(slope=5.0)" in text, text


def case_compute():
    """The gradient of a rule is the reference engine's of a hand-written network, nested like the parameters."""
    with jax.enable_x64(True):
        params = {"cell": {k: jnp.asarray(v, "float64") for k, v in weights(**CELL).items()}, "gain": 2}
        state = jnp.zeros((BATCH, HIDDEN))
        xs, ys = DRAW.standard_normal((7, BATCH, INPUTS)), DRAW.standard_normal((7, BATCH, HIDDEN))

        def step(p, h, x):
            h = jnp.tanh(p["gain"] * (x @ p["cell"]["w"] + h @ p["cell"]["r"] + p["cell"]["b"]))
            return h, h

        def loss(outputs, target):
            return ((outputs - target) ** 2).sum() / 2

        mine = gradcert.compute(step, params, (xs, ys), rule="rflo", loss=loss, state=state)
    own = {k: np.asarray(v) for k, v in params["cell"].items()}
    hand = Network((Layer(Rnn(activation="tanh"), INPUTS, HIDDEN),))
    to = {"layers.0.W": "w", "layers.0.H": "r", "layers.0.b": "b"}
    doubled = {name: 2 * own[part].T for name, part in to.items()}
    want = reverse.gradients(hand, doubled, xs, ys, rule=rule_named("rflo"))
    equal(mine["gain"], 2)
    for name, part in to.items():
        # 7 steps, at most 20 roundings each on a path, sums of 21 terms
        allowed = gamma(7 * 20 + 21) * 100 * np.abs(want[name]).max() * 2
        assert np.abs(np.asarray(mine["cell"][part]).T - 2 * want[name]).max() <= allowed, name


def case_single_precision():
    """In float32, a reference around the spikes that the function has in float32."""
    params = weights(**CELL, out=(HIDDEN, OUTPUTS))
    xs, ys = 1.5 * normal(9, BATCH, INPUTS), normal(9, BATCH, OUTPUTS)
    step, state = lif(), (jnp.zeros_like(H), jnp.zeros_like(H), jnp.zeros_like(Y))

    def loss(outputs, target):
        return ((outputs - target) ** 2).mean()

    def total(p):
        return loss(jax.lax.scan(lambda s, x: step(p, s, x), state, xs)[1], ys)

    theirs = jax.grad(total)(params)
    mine = gradcert.compute(step, params, (xs, ys), rule="as-coded", loss=loss, state=state)
    unit = 2.0**-24
    for name, want in theirs.items():
        # as above in single precision: 9 steps, 30 roundings, sums of 45 terms
        allowed = (9 * 30 + 45) * unit * 100 * float(np.abs(want).max())
        assert np.abs(np.asarray(mine[name]) - np.asarray(want)).max() <= allowed, name
    assert all(g.dtype == np.float64 for g in mine.values())


def case_vanilla():
    params = weights(**CELL)
    reading = gradcert.read(vanilla, params, X, H)
    equal(lines(reading)[1:3], ["  a = w.T @ x + r.T @ z' + b", "  z = tanh(a)   (output)"])
    to = {"layers.0.W": "layers.0.w_T", "layers.0.H": "layers.0.r_T", "layers.0.b": "layers.0.b"}
    hand = Network((Layer(Rnn(activation="tanh"), INPUTS, HIDDEN),))
    same_as_by_hand(reading.network(), params, hand, to)


def case_mapped():
    """A function of one sample, mapped over a batch."""
    single = jax.vmap(lambda p, h, x: (jnp.tanh(p["w"].T @ x + p["r"].T @ h + p["b"]),) * 2, in_axes=(None, 0, 0))
    reading = gradcert.read(single, weights(**CELL), X, H)
    equal(lines(reading)[1:3], ["  a = w.T @ x + r.T @ z' + b", "  z = tanh(a)   (output)"])


def case_custom_vjp():
    """Two states, a hard reset by where, a custom_vjp whose width is another argument; x before the state."""

    def step(params, x, state):
        v, z, s = state
        s = 0.8 * s + x @ params["w"] + z @ params["r"]
        v = jnp.where(z > 0, 0.0, 0.9 * v) + 0.1 * s
        z = triangle(v - 0.3, 0.5)
        return z, (v, z, s)

    got = lines(gradcert.read(step, weights(w=CELL["w"], r=CELL["r"]), X, (H, H, H)))
    place = line_of(step, "jnp.where(z > 0, 0.0, 0.9 * v)")
    equal(
        got[1:],
        [
            "  a = w.T @ x + r.T @ z'",
            "  c = a + 0.8 * c'",
            "  v = (1 - cut[z']) * (0.9 * v') + 0.1 * c",
            "  z = spike(v - 0.3)   psi triangle(scale=1.0, width=0.5), fires at >= 0   (output)",
            "    z' -> a  RECURRENT through r.T kept",
            "    c' -> c  STATE kept",
            f"    z' -> v  RESET cut ({place})",
            "    v' -> v  STATE kept",
            "backward: bptt-detached-reset, by these cuts",
        ],
    )


def case_straight_through():
    def step(params, state, x):
        v, z = state
        v = 0.9 * v + x @ params["w"] + z @ params["r"]
        soft = jax.nn.sigmoid(4 * (v - 1))
        z = soft + jax.lax.stop_gradient((v > 1) - soft)
        return (v, z), z

    text = str(gradcert.read(step, weights(w=CELL["w"], r=CELL["r"]), X, (H, H)))
    assert "  z = spike(v - 1)   psi sigmoid(scale=4.0), fires at > 0   (output)" in text, text


def case_lstm():
    """Gates of one matrix, on input and state side by side; a state of two parts."""

    def step(params, state, x):
        c, h = state
        i, f, g, o = jnp.split(jnp.concatenate([x, h], axis=-1) @ params["k"] + params["b"], 4, axis=-1)
        c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (c, h), h

    text = str(gradcert.read(step, weights(k=(INPUTS + HIDDEN, 4 * HIDDEN), b=(4 * HIDDEN,)), X, (H, H)))
    assert "k[0:4][:, 0:5].T @ x + k[4:9][:, 0:5].T @ z' + b[0:5]" in text, text
    assert "  z = sigmoid(a_4) * tanh(c)   (output)" in text, text
    assert text.endswith("backward: bptt = bptt-detached-reset = ostl"), text


def case_normalised():
    def step(params, h, x):
        a = x @ params["w"] + h @ params["r"]
        mean = jnp.mean(a, axis=-1, keepdims=True)
        h = jnp.tanh((a - mean) / jnp.sqrt(jnp.var(a, axis=-1, keepdims=True) + 1e-5) * params["b"])
        return h, h

    text = str(gradcert.read(step, weights(**CELL), X, H))
    assert "  z = tanh((a - a_2) / sqrt(a_3 + 1e-05) * b)   (output)" in text, text
    assert text.endswith("backward: bptt = bptt-detached-reset = ostl"), text


def case_flax_gru():
    cell = nn.GRUCell(features=HIDDEN)
    kernels = {f"i{g}": {"kernel": normal(INPUTS, HIDDEN), "bias": normal(HIDDEN)} for g in "rzn"}
    kernels |= {f"h{g}": {"kernel": normal(HIDDEN, HIDDEN)} for g in "rz"}
    kernels["hn"] = {"kernel": normal(HIDDEN, HIDDEN), "bias": normal(HIDDEN)}
    reading = gradcert.read(cell, {"params": kernels}, X)
    equal(
        lines(reading)[1:6],
        [
            "  a = iz.kernel.T @ x + hz.kernel.T @ z' + iz.bias",
            "  a_2 = in.kernel.T @ x + in.bias",
            "  a_3 = ir.kernel.T @ x + hr.kernel.T @ z' + ir.bias",
            "  a_4 = hn.kernel.T @ z' + hn.bias",
            "  z = (1 - sigmoid(a)) * tanh(a_2 + sigmoid(a_3) * a_4) + sigmoid(a) * z'   (output)",
        ],
    )
    equal(lines(reading)[-1], "backward: bptt = bptt-detached-reset = ostl")


def case_nnx_gru():
    cell = nnx.GRUCell(INPUTS, HIDDEN, rngs=nnx.Rngs(0))
    text = str(gradcert.read(cell, None, X))
    assert "dense_i.kernel[:, 5:10].T @ x + dense_h.kernel[:, 5:10].T @ z'" in text, text
    assert text.endswith("backward: bptt = bptt-detached-reset = ostl"), text


def case_orders():
    """Orders are said, or taken by convention, which is said."""
    params = weights(**CELL)

    def turned(params, x, h):
        h = jnp.tanh(x @ params["w"] + h @ params["r"] + params["b"])
        return 2 * h, h

    reading = gradcert.read(turned, params, X, H, order="params, x, state -> y, state")
    equal(reading.to_dict()["notes"], [])
    equal(lines(reading)[2:4], ["  c = tanh(a)", "  z = 2 * c   (output)"])
    square = weights(w=CELL["r"], r=CELL["r"], b=CELL["b"])
    notes = gradcert.read(lambda p, one, other: turned(p, other, one), square, H + 1, H).to_dict()["notes"]
    equal(
        notes,
        [
            "the state was taken to come before x, as in JAX's scan: order= says",
            "the first of the results was taken for the state, as in JAX's scan: order= says",
        ],
    )
    refused("order='params -> y'", take=lambda: gradcert.read(vanilla, params, X, H, order="params -> y"))


def case_refused():
    """What cannot be read is one sentence with the operation, its line, and what to do."""
    params = weights(**CELL)

    def read(step):
        return lambda: gradcert.read(step, params, X, H)

    def scanned(p, h, x):
        h = jax.lax.scan(lambda h, _: (jnp.tanh(h @ p["r"] + x @ p["w"]), None), h, None, length=3)[0]
        return h, h

    def conditional(p, h, x):
        h = jax.lax.cond(h.sum() > 0, lambda h: h * 2, lambda h: h, x @ p["w"])
        return h, h

    def endless(p, h, x):
        h = jax.lax.while_loop(lambda h: h.sum() < 3, lambda h: h + 1, x @ p["w"])
        return h, h

    def branching(p, h, x):
        if h.sum() > 0:
            h = h * 2
        return h + x @ p["w"], h

    def half(p, h, x):
        h = (h + x @ p["w"]).astype(jnp.bfloat16).astype(x.dtype)
        return h, h

    def random(p, h, x):
        h = jnp.tanh(h + x @ p["w"]) * jax.random.bernoulli(jax.random.key(0), 0.5, h.shape)
        return h, h

    turns = []

    def counting(p, h, x):
        turns.append(0)
        h = jnp.tanh(h * (0.9 if len(turns) % 2 else 0.5) + x @ p["w"])
        return h, h

    def shrinking(p, h, x):
        return h[:, :2], h[:, :3]

    def broken(p, h, x):
        return h @ p["r"] @ p["r"].T @ p["w"], h

    def at(text):
        return line_of(None, text)

    refused("scan", at("lax.scan(lambda h, _: (jnp.tanh("), "the body of the scan", take=read(scanned))
    refused("cond", at("lax.cond(h.sum() > 0"), "jnp.where", take=read(conditional))
    refused("while_loop", at("lax.while_loop(lambda h: h.sum()"), take=read(endless))
    refused("branches", at("if h.sum() > 0:"), "jnp.where", take=read(branching))
    refused("bfloat16", at(".astype(jnp.bfloat16).astype"), "x.dtype", take=read(half))
    refused("random numbers", at("jax.random.bernoulli(jax.random.key"), take=read(random))
    refused("counting is another function the second time", "a counter", take=read(counting))
    refused("no state like the one that went in", "order=", take=read(shrinking))
    refused("order=", "dot_general", take=read(broken))
    refused("example x of shape (4,)", "jax.vmap", take=lambda: gradcert.read(vanilla, params, X[0], H[0]))
    refused("a part that is int32", take=lambda: gradcert.read(vanilla, params, X, jnp.zeros((3, 5), "int32")))
    jnp_float32 = jnp.float32
    assert jnp_float32 is jax.numpy.float32 and not jax.config.jax_enable_x64


def case_no_network():
    """What has no network of the vocabulary is read all the same, and a note says why."""

    @jax.custom_jvp
    def halved(v):
        return v

    halved.defjvp(lambda primals, tangents: (primals[0], 0.5 * tangents[0]))

    def step(params, h, x):
        h = jnp.tanh(halved(h @ params["r"]) + x @ params["w"] + params["b"])
        return h, h

    (note,) = gradcert.read(step, weights(**CELL), X, H).to_dict()["notes"]
    assert note.startswith("not written as a network: function halved at cases.py"), note


def case_rectified():
    """jax.nn.relu is read as it is; at 0 itself maximum(x, 0) differs, and a note says so."""

    def step(params, h, x):
        h = jax.nn.relu(x @ params["w"] + h @ params["r"] + params["b"])
        return h, jnp.maximum(h - 1, 0)

    reading = gradcert.read(step, weights(**CELL), X, H, order="params, state, x -> state, y")
    (note,) = reading.to_dict()["notes"]
    assert note.startswith("where x is 0, maximum(x, 0) passes back half in JAX"), note
    equal(lines(reading)[2:4], ["  c = relu(a)", "  z = relu(c - 1)   (output)"])


def main(names):
    out = {}
    for name in names:
        try:
            globals()[f"case_{name}"]()
            out[name] = ""
        except Exception:
            out[name] = traceback.format_exc()
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1:] or [name.removeprefix("case_") for name in list(globals()) if name.startswith("case_")])
