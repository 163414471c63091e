"""BrainTrace 0.2.6: ``OSTLRecurrent`` is SnAp-1, not the exact gradient of one recurrent layer.

Its documentation: for "a single recurrent layer whose only cross-unit coupling is the traced ETP recurrent weight, the
two [OSTL and BPTT] coincide to machine precision". Here is such a layer, the library's own ``ValinaRNNCell``. The
oracles are ``jax.grad`` of the unrolled loop, and SnAp-1 in scalar loops: only the diagonal of the Jacobian is kept.
"""

import brainstate
import braintrace
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
brainstate.environ.set(precision=64)
jnp = jax.numpy
T, N_IN, N = 5, 2, 3
rng = np.random.default_rng(0)
xs, ys = rng.standard_normal((T, 1, N_IN)), rng.standard_normal((T, 1, N))

model = braintrace.nn.ValinaRNNCell(N_IN, N, activation="tanh")
learner = braintrace.compile(model, braintrace.OSTLRecurrent, jnp.asarray(xs[0]), batch_size=1)
((key, state),) = learner.param_states.items()
weight = np.asarray(state.value["weight"])  # (inputs + units, units)
step = {"step_fn": lambda x, y: ((learner(x) - y) ** 2).sum() / 2, "reduction": "sum"}
found = np.asarray(learner.etrace_grad(jnp.asarray(xs), jnp.asarray(ys), **step)[key]["weight"])


def loss(w):
    """The same network unrolled."""
    h, total = jnp.zeros((1, N)), 0.0
    for x, y in zip(xs, ys, strict=True):
        h = jnp.tanh(jnp.concatenate([x, h], axis=1) @ w)
        total = total + ((h - y) ** 2).sum() / 2
    return total


def snap_1():
    """SnAp-1: d h_i / d w_ji = (1 - h_i^2) (source_j + w_(N_IN + i)i times its own past)."""
    grad, trace, h = np.zeros_like(weight), np.zeros_like(weight), np.zeros(N)
    for x, y in zip(xs[:, 0], ys[:, 0], strict=True):
        sources = [*x, *h]
        new = [np.tanh(sum(s * weight[j, i] for j, s in enumerate(sources))) for i in range(N)]
        for i in range(N):
            for j, s in enumerate(sources):
                trace[j, i] = (1 - new[i] ** 2) * (s + weight[N_IN + i, i] * trace[j, i])
                grad[j, i] += (new[i] - y[i]) * trace[j, i]
        h = np.array(new)
    return grad


exact = np.asarray(jax.grad(loss)(jnp.asarray(weight)))
size = np.abs(exact).max()
print(f"OSTLRecurrent against jax.grad: {np.abs(found - exact).max() / size:.2f} of the largest entry", end=", ")
print(f"against SnAp-1: {np.abs(found - snap_1()).max() / size:.1g}")
assert np.abs(found - exact).max() > 0.05 * size
# 5 steps of fewer than 40 roundings each, on either side, on sums of absolute values below 100 times the largest entry
assert np.abs(found - snap_1()).max() <= 2 * 5 * 40 * 2.0**-53 * 100 * size
