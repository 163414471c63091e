"""Both adapters hand modules numbers of 16 bits in their own arithmetic."""

import numpy as np
import pytest

from gradcert.reference.networks import Layer, Network, Problem, Rnn

NETWORK = Network(layers=(Layer(Rnn(recurrent=False), inputs=2, units=1),))
ONES = {"layers.0.W": np.full((1, 2), 0.1), "layers.0.b": np.zeros(1)}


def problem(dtype):
    held = "float32" if dtype == "bfloat16" else dtype
    parameters = {name: value.astype(held) for name, value in ONES.items()}
    return Problem(NETWORK, parameters, np.ones((1, 1, 2), held), np.ones((1, 1, 1), held), format=dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("call", ["sequence", "step"])
def test_a_torch_module_computes_in_the_claimed_format(dtype, call):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")
    from gradcert.adapters.torch import subject

    seen = []

    class Seen(torch.nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.linear = torch.nn.Linear(layer.inputs, layer.units)

        def forward(self, x, state=None):
            seen.append(x.dtype)
            out = torch.tanh(self.linear(x))
            return (out, state) if call == "step" else out

    made = subject(Seen, parameters={"linear.weight": "W", "linear.bias": "b"}, call=call)
    _, gradients, outputs = made(problem(dtype))
    assert set(seen) == {getattr(torch, dtype)}
    assert gradients["layers.0.W"].dtype.kind == outputs.dtype.kind == "f"
    wide = made(problem("float64"))[1]["layers.0.W"]
    np.testing.assert_allclose(gradients["layers.0.W"], wide, rtol=10 * 2.0**-8)  # 8 digits, fewer than ten roundings


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_jax_function_does_too(dtype):
    jnp = pytest.importorskip("jax.numpy", reason="needs jax: pip install 'gradcert[jax]'")
    from gradcert.adapters.jax import subject

    seen = []

    def linear(layer):
        def function(p, x):
            seen.append(str(x.dtype))
            return jnp.tanh(x @ p["kernel"].T + p["bias"])

        return function

    subject(linear, parameters={"kernel": "W", "bias": "b"})(problem(dtype))
    assert set(seen) == {dtype}
