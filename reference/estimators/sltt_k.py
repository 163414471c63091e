"""SLTT-K: spatial learning through time at K random steps out of T.

Paper: Meng, Xiao, Yan, Wang, Lin & Luo, ICCV 2023; code qymeng94/SLTT.

The equations (mathematics.md 7.3)::

    grad W_l = sum_(t in S) g_l^t (x) z_(l-1)^t           S: K steps out of T, drawn without repetition, once per batch

The loss is still divided by what SLTT divides it by, so the expectation over S is K/T of SLTT's gradient (trap T63);
`unbiased` multiplies by T/K, which the published code does not do.

Dropped: every path through time, and the loss at the other steps.
Cost of a layer of n units: no memory; n^2 operations at K of T steps.
Exact: K = T = 1.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from gradcert.reference.checks import check_rng, check_size
from gradcert.reference.engines import layer_gradients, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators.common import named, same_step
from gradcert.reference.estimators.estimator import Estimator
from gradcert.reference.networks import Network, Parameters, check_plain, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    k: int = 1,
    unbiased: bool = False,
    chosen: Collection[int] | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Array]:
    """Return the SLTT-K gradient of any network.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the reverse engine.
    k : number of steps.
    unbiased : multiply by T / K.
    chosen : the steps themselves, from 0; instead of drawing them.
    rng : draws them.

    Raises
    ------
    GradcertError : if neither steps nor a generator are given, K is not in 1 .. T, or the steps are not some of them.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> gradients(network, network.parameters(), x, y, k=2, rng=np.random.default_rng(0))["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "sltt-k")
    steps = len(inputs)
    if chosen is None:
        check_size("sltt-k with k", k)
        if k > steps:
            raise GradcertError(f"sltt-k with k={k} of {steps} steps", allowed=f"k in 1 .. {steps}")
        chosen = check_rng("sltt-k", rng).choice(steps, size=k, replace=False).tolist()
    chosen = check_chosen(chosen, steps)
    live = numbers.array(np.array([t in chosen for t in range(steps)], dtype=int))
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient(tape.outputs, targets, numbers) * live[:, None, None]
    if unbiased:
        delta = delta * steps / len(chosen)
    return named(network, [layer_gradients(x, a) for x, a in zip(tape.layers, same_step(tape, delta), strict=True)])


def check_chosen(chosen: Collection[int], steps: int) -> list[int]:
    """Return the steps that are backpropagated, or raise unless they are some of those of a sequence, each once.

    Examples
    --------
    >>> check_chosen(np.array([4, 0]), 5)
    [4, 0]
    >>> check_chosen([1, 1], 5)
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: sltt-k with chosen=[1, 1] of 5 steps; allowed: different steps in 0 .. 4
    """
    found = chosen.tolist() if isinstance(chosen, np.ndarray) else list(chosen)
    whole = all(isinstance(t, (int, np.integer)) and not isinstance(t, bool) and 0 <= t < steps for t in found)
    if not found or not whole or len(set(found)) < len(found):
        raise GradcertError(
            f"sltt-k with chosen={found} of {steps} steps", allowed=f"different steps in 0 .. {steps - 1}"
        )
    return [int(t) for t in found]


ESTIMATOR = Estimator(
    "sltt-k",
    "Spatial learning through time at K random steps",
    gradients,
    needs=("rng",),
    source="Meng et al., ICCV 2023",
    exact="T = K = 1; in expectation K/T of SLTT",
    drops="every path through time, and the loss at T - K steps",
    time="n^2 at K of T steps",
    memory="0",
    page=__doc__,
)
