"""JAX: a function of parameters and inputs, and how its parameters map, becomes a subject.

    @gradcert.claim(rule="bptt", cells=("rnn",), options={"activation": "tanh"})
    @subject(parameters={"kernel": transposed("W"), "recurrent": transposed("H"), "bias": "b"}, call="step")
    def gradients(layer):
        def step(p, x, h):
            h = jnp.tanh(x @ p["kernel"] + h @ p["recurrent"] + p["bias"])
            return h, h
        return step

JAX computes in float32 until it is told otherwise; the subject runs under ``jax.enable_x64`` where the problem is in
float64, so that no array exists before the switch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcert.adapters.mapping import MapError, check, computed, logarithm, logit, negated, stacked, transposed, zeros
from gradcert.adapters.objective import check_fits, judged, plain
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.networks import Problem

try:
    import jax
    import jax.numpy as jnp
except ModuleNotFoundError:
    absent = f"JAX is not installed; to fix it: {install('jax')}"
    raise ModuleNotFoundError(absent, name="jax") from None

from gradcert.models.modules.steps import StepSubject as step

__all__ = [
    "computed",
    "logarithm",
    "logit",
    "negated",
    "stacked",
    "step",
    "subject",
    "total_loss",
    "transposed",
    "zeros",
]

Answer = tuple[Any, dict[str, Any], Any]
FRESH = "functions are built anew for every call: whether one keeps state from call to call was not looked at"


def subject(
    build: Callable[[Any], Any] | None = None,
    *,
    parameters: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]],
    call: str = "sequence",
    initial: Callable[[Any, int], Any] | None = None,
    jit: bool = True,
    fresh: bool = False,
) -> Any:
    """Turn a function that builds a layer's function into a subject; a decorator.

    Parameters
    ----------
    build : layer -> function, where a layer has ``inputs``, ``units`` and ``cell`` with its options; the functions are
        stacked.
    parameters : the function's parameters, made of the problem's (``W``, ``H``, ``b``, ...) by a name or a map
        (`gradcert.adapters.mapping`). A name with slashes, ``dense/kernel``, makes nested dicts.
    call : ``sequence``: ``f(p, x) -> outputs``, (T, B, n) to (T, B, units); ``step``:
        ``f(p, x_t, state) -> (output, state)``, scanned.
    initial : (layer, batch) -> first state; zeros (batch, units) if it is left out.
    jit : compile the gradient, once per network.
    fresh : build and compile for every call. Otherwise functions live from call to call, as in training, so that a
        state that one keeps is found out; what survives in one is not seen with it, and the certificate says so.

    Returns
    -------
    A subject: problem -> (loss, gradients, outputs).

    Raises
    ------
    GradcertError : when it is called, if a parameter of the problem is not spoken for.

    Examples
    --------
    >>> from gradcert.reference import Layer, Network, Rnn
    >>> @subject(parameters={"kernel": transposed("W"), "bias": "b"})
    ... def linear(layer):
    ...     return lambda p, x: jnp.tanh(x @ p["kernel"] + p["bias"])
    >>> network = Network(layers=(Layer(Rnn(recurrent=False), inputs=2, units=1),))
    >>> x, y = np.ones((1, 1, 2)), np.ones((1, 1, 1))
    >>> zero = {"layers.0.W": np.zeros((1, 2)), "layers.0.b": np.zeros(1)}
    >>> loss, gradients, outputs = linear(Problem(network, zero, x, y))
    >>> float(loss), gradients["layers.0.W"].tolist(), gradients["layers.0.b"].tolist()
    (0.5, [[-1.0, -1.0]], [-1.0])
    """
    if build is None:
        return functools.partial(subject, parameters=parameters, call=call, initial=initial, jit=jit, fresh=fresh)
    if call not in ("sequence", "step"):
        raise GradcertError(f"call={call!r}", allowed="'sequence', 'step'")

    kept: dict[str, Any] = {}

    @functools.wraps(build)
    def gradients(problem: Problem) -> Answer:
        check_fits(problem, "a JAX module")  # of every problem: what is kept was checked for the first one alone
        with jax.enable_x64(problem.dtype == "float64"):
            key = f"{problem.network.to_dict()} {problem.dtype} {plain(problem)}"
            derivative = kept.get(key) or _derivative(build, problem, parameters, call, initial, jit=jit)
            if not fresh:
                kept[key] = derivative
            arrays = {k: jnp.asarray(v, dtype=problem.dtype) for k, v in problem.parameters.items()}
            x, y = (jnp.asarray(v, dtype=problem.dtype) for v in (problem.inputs, problem.targets))
            if plain(problem):
                (value, outputs), found = derivative(arrays, x, y)
            else:
                left, pull = jax.vjp(lambda p: derivative(p, x), arrays)
                value, credits = judged(problem, [np.asarray(z) for z in left])
                pairs = zip(left, credits, strict=True)
                credit = [jnp.zeros_like(z) if c is None else jnp.asarray(c, dtype=z.dtype) for z, c in pairs]
                (found,), outputs = pull(credit), left[-1]
        return np.asarray(value), {k: np.asarray(v) for k, v in found.items()}, np.asarray(outputs)

    gradients.__gradcert_notes__ = (FRESH,) if fresh else ()  # type: ignore[attr-defined]
    return gradients


def _derivative(build: Any, problem: Problem, parameters: Any, call: str, initial: Any, *, jit: bool) -> Any:
    """Return ``(parameters, inputs, targets) -> ((loss, outputs), gradients)`` of every problem of this network.

    For a loss that JAX is not left to differentiate: ``(parameters, inputs) -> outputs``, of all layers.
    """
    layers = [(layer, build(layer)) for layer in problem.network.layers]

    def left(p: Mapping[str, Any], x: Any) -> list[Any]:
        out = []
        for i, (layer, function) in enumerate(layers):
            prefix = f"layers.{i}."
            own = {k.removeprefix(prefix): v for k, v in p.items() if k.startswith(prefix)}
            maps = parameters(layer) if callable(parameters) else parameters
            q = nested({k: m(own) for k, m in check(maps, own).items()})
            x = function(q, x) if call == "sequence" else scanned(function, q, x, layer, initial)
            out.append(x)
        return out

    if not plain(problem):
        return jax.jit(left) if jit else left

    def loss(p: Mapping[str, Any], x: Any, y: Any) -> tuple[Any, Any]:
        outputs = left(p, x)[-1]
        return total_loss(problem, outputs, y), outputs

    differentiated = jax.value_and_grad(loss, has_aux=True)
    return jax.jit(differentiated) if jit else differentiated


def scanned(function: Any, p: Any, x: Any, layer: Any, initial: Callable[[Any, int], Any] | None) -> Any:
    """Return the outputs of a step function, scanned over time."""
    first = initial(layer, x.shape[1]) if initial else jnp.zeros((x.shape[1], layer.units), dtype=x.dtype)

    def body(state: Any, x_t: Any) -> tuple[Any, Any]:
        output, state = function(p, x_t, state)
        return state, output

    return jax.lax.scan(body, first, x)[1]


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dicts within dicts for names with slashes.

    Examples
    --------
    >>> nested({"dense/kernel": 1, "bias": 2})
    {'dense': {'kernel': 1}, 'bias': 2}
    """
    out: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split("/")
        inner = out
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return out


def total_loss(problem: Problem, outputs: Any, targets: Any) -> Any:
    """Return the loss of the problem's network (`gradcert.reference.networks.Loss`); both arrays are (T, B, n).

    Raises
    ------
    MapError : for another than squared error or cross entropy of every step or the last, which `subject` takes.
    """
    if not plain(problem):
        raise MapError("JAX's loss of outputs that is no short one", allowed="of every step or the last, unweighted")
    loss, (steps, batch, _) = problem.network.loss, targets.shape
    if loss.when == "last":
        outputs, targets = outputs[-1:], targets[-1:]
    if loss.kind == "squared_error":
        total = ((outputs - targets) ** 2).sum() / 2
    else:
        total = -(targets * jax.nn.log_softmax(outputs)).sum()
    divisor = loss.divisor(steps, batch)
    return total if divisor == 1 else total / divisor
