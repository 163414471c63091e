"""What the SpikingJelly examples share: a problem's layers as linear maps and nodes with the same weights."""

from spikingjelly.activation_based import layer, surrogate

SURROGATES = {
    "sigmoid": surrogate.Sigmoid,
    "atan": surrogate.ATan,
    "piecewise_quadratic": surrogate.PiecewiseQuadratic,
    "soft_sign": surrogate.SoftSign,
}


def modules(problem, parameters, node, **options):
    """A linear map and a `node` for each layer; tau = 1 / (1 - leak), so leak 0 is out of reach (tau > 1)."""
    stack = []
    for i, description in enumerate(problem.network.layers):
        cell, bias = description.cell, parameters.get(f"layers.{i}.b")
        linear = layer.Linear(description.inputs, description.units, bias=bias is not None)
        linear.weight, linear.bias = parameters[f"layers.{i}.W"], bias
        psi = SURROGATES[cell.surrogate.name](dict(cell.surrogate.scales)["scale"])
        stack += [
            linear,
            node(1 / (1 - cell.leak), v_threshold=float(cell.threshold), surrogate_function=psi, **options),
        ]
    return stack
