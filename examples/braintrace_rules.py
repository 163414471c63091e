"""BrainTrace's online learning rules, each against the row of the rule table that its documentation describes.

The library traces a model written in JAX and accumulates the gradient of its rule step by step. Needs an environment of
its own (``make peers``)::

    gradcert certify examples/braintrace_rules.py:snap --python .venv-peers-jax/bin/python

* `e_prop` and `d_rtrl` claim e-prop: the trace decays with a unit's own leak, nothing passes through lateral weights;
* `ostl` claims OSTL for one recurrent layer, where ``OSTLRecurrent`` is documented to be exact, and is refuted: it
  keeps the diagonal of the Jacobian, which is SnAp-1 (`ostl_is_snap_1`);
* `snap` claims what SnAp with ``n=2`` is on dense lateral weights: everything inside a layer, nothing above;
* `ostl_feedforward` claims the same-time gradient for ``OSTLFeedforward``, whose decay of 1e-6 is "negligible, not
  zero"; `ostl_feedforward_zero` sets it to 0;
* `uoro` claims that the mean of UORO over its draws is BPTT, which its documentation says of one recurrent layer.
"""

import functools
import warnings
from dataclasses import replace

import brainstate
import braintrace
import jax
import jax.numpy as jnp
import numpy as np

import gradcert
from gradcert.reference.networks import problem_from_json

brainstate.environ.set(precision=64)
jax.config.update("jax_enable_x64", True)
# "widened to all-to-all": SnAp says that on dense lateral weights it is RTRL, which is what is claimed
warnings.filterwarnings("ignore", message="The SnAp-n position analysis")


class Leaky(brainstate.nn.Module):
    """A leaky layer, h = (1 - rate) h + rate tanh(W x + H h + b); rate 1 is the vanilla cell."""

    def __init__(self, layer, w, h, b):
        super().__init__()
        self.rate, self.units = getattr(layer.cell, "rate", None), layer.units
        self.into = braintrace.nn.Linear(layer.inputs, layer.units, w_init=w.T, b_init=b)
        self.lateral = braintrace.nn.Linear(layer.units, layer.units, w_init=h.T, b_init=None)

    def init_state(self, batch_size=None, **_):
        """Start from zero."""
        self.h = brainstate.HiddenState(jnp.zeros((batch_size, self.units)))

    def update(self, x):
        """One step."""
        new = jnp.tanh(self.into(x) + self.lateral(self.h.value))
        self.h.value = new if self.rate is None else (1 - self.rate) * self.h.value + self.rate * new
        return self.h.value


class Stack(brainstate.nn.Module):
    """Layers on top of each other."""

    def __init__(self, problem):
        super().__init__()
        self.layers = [
            Leaky(layer, *(jnp.asarray(problem.parameters[f"layers.{i}.{name}"]) for name in "WHb"))
            for i, layer in enumerate(problem.network.layers)
        ]

    def update(self, x):
        """One step."""
        for layer in self.layers:
            x = layer(x)
        return x


def solve(problem, algorithm, **options):
    """Return loss, gradients and outputs; the library's own driver runs the sequence."""
    loss, (steps, batch, _) = problem.network.loss, problem.inputs.shape
    xs, ys = jnp.asarray(problem.inputs), jnp.asarray(problem.targets)
    network = Stack(problem)
    learner = braintrace.compile(network, algorithm, xs[0], batch_size=batch, **options)

    def step(x, y):
        output = learner(x)
        if loss.kind == "squared_error":
            return ((output - y) ** 2).sum() / 2, output
        return -(y * jax.nn.log_softmax(output)).sum(), output

    counted = jnp.ones(steps) if loss.when == "every" else jnp.zeros(steps).at[-1].set(1.0)
    grads, value, outputs = learner.etrace_grad(
        xs, ys, step_fn=step, mask=counted, reduction="sum", has_aux=True, return_value=True, loss_output="scalar"
    )
    out = {}
    for (_, i, which, _), g in grads.items():
        out[f"layers.{i}.{'W' if which == 'into' else 'H'}"] = np.asarray(g["weight"]).T
        if which == "into":
            out[f"layers.{i}.b"] = np.asarray(g["bias"])
    return float(value), out, np.asarray(outputs)


@functools.lru_cache(maxsize=2)
def compiled(line):
    """UORO on one problem, traced once: a function of the key of its draws."""
    problem = problem_from_json(line)
    steps, batch, _ = problem.inputs.shape
    xs, ys, network = jnp.asarray(problem.inputs), jnp.asarray(problem.targets), Stack(problem)
    learner = braintrace.compile(network, braintrace.UORO, xs[0], batch_size=batch, projection_key=jax.random.key(0))

    def step(x, y):
        output = learner(x)
        return ((output - y) ** 2).sum() / 2, output

    @brainstate.transform.jit
    def gradients(key):
        learner.projection_key = key
        learner.reset_state(batch_size=batch)
        for layer in network.layers:
            layer.h.value = jnp.zeros_like(layer.h.value)
        options = {"step_fn": step, "mask": jnp.ones(steps), "reduction": "sum", "has_aux": True}
        grads, _ = learner.etrace_grad(xs, ys, loss_output="scalar", **options)
        return {which: g for (_, _, which, _), g in grads.items()}

    return gradients


def claim(rule, cells, **options):
    """The claim: tanh everywhere."""
    return gradcert.claim(rule=rule, cells=cells, options={"activation": "tanh"}, **options)


@claim("e-prop", ("leaky_rnn",))
def e_prop(problem):
    """EProp, with the exact learning signal and without a filter of the readout."""
    return solve(problem, braintrace.EProp)


@claim("e-prop", ("leaky_rnn",))
def d_rtrl(problem):
    """Diagonal RTRL."""
    return solve(problem, braintrace.D_RTRL)


@claim("ostl", ("rnn",), depths=(1,))
def ostl(problem):
    """OSTLRecurrent, one layer, lateral weights traced by the library."""
    return solve(problem, braintrace.OSTLRecurrent)


@claim("ostl", ("rnn", "leaky_rnn"))
def snap(problem):
    """SnAp-2 on dense lateral weights."""
    return solve(problem, braintrace.SnAp, n=2)


@claim("snap-1", ("rnn",), depths=(1,))
def ostl_is_snap_1(problem):
    """OSTLRecurrent, against SnAp-1."""
    return solve(problem, braintrace.OSTLRecurrent)


@claim("snap-1", ("rnn", "leaky_rnn"))
def snap_1(problem):
    """SnAp-1."""
    return solve(problem, braintrace.SnAp, n=1)


@claim("bptt", ("rnn",), depths=(1,), acceptance="unbiased", losses="squared_error", when="every")
def uoro(problem):
    """UORO, one layer: one draw for every seed."""
    found = compiled(replace(problem, seed=None, id="").to_json())(jax.random.key(problem.seed))
    weights = {"layers.0.W": found["into"]["weight"].T, "layers.0.H": found["lateral"]["weight"].T}
    return {k: np.asarray(v) for k, v in {**weights, "layers.0.b": found["into"]["bias"]}.items()}


@claim("sltt", ("rnn",))
def ostl_feedforward(problem):
    """OSTLFeedforward as it is."""
    return solve(problem, braintrace.OSTLFeedforward)


@claim("sltt", ("rnn",))
def ostl_feedforward_zero(problem):
    """OSTLFeedforward with decay 0."""
    return solve(problem, braintrace.OSTLFeedforward, decay_or_rank=0.0)
