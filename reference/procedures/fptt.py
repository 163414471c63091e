"""Forward propagation through time (FPTT), in the form of the paper and in that of the official code, which differ.

Papers: Kag & Saligrama, ICML 2021 (code anilkagak2/FPTT); spiking FPTT, Yin, Corradi & Bohte, arXiv 2112.11231.

The sequence is cut into P parts. ell_t is the loss of part t from a detached incoming state; its gradient is plain BPTT
inside the part. A running average wbar and one more vector per parameter pull the weights towards consensus
(mathematics.md 8)::

    paper  minimise  ell_t(w) + (al/2) |w - wbar_t - (1/(2 al)) G_t|^2              G_t = grad ell_(t-1)(w_t)
           wbar_(t+1) = (wbar_t + w_(t+1))/2 - (1/(2 al)) G_(t+1)                   G_(t+1) = grad ell_t(w_(t+1))
    code   minimise  ell_t(w) - <w, Lam_t> + (al/2) |w - wbar_t|^2
           Lam_(t+1)  = Lam_t - al (w_(t+1) - wbar_t)                               first, with the old wbar
           wbar_(t+1) = (1 - be) wbar_t + be w_(t+1) - (be/al) Lam_(t+1)            with the new Lam

"Minimise" is one step of plain gradient descent, unless another solver is given. The regulariser pulls with
al (w - wbar) - G/2 in the paper's form and with al (w - wbar) - Lam in the code's: coefficient 1/2 against 1. Lam_(t+1)
is grad ell_t(w_(t+1)) if and only if w_(t+1) is a stationary point of the objective, as a minimum is; after one descent
step of the rate eta from w = wbar, Lam = 0 it is al eta grad ell_t(w_t), of the gradient at the old weights.

The second gradient of the paper's form is taken at the new weights from the same incoming state (trap T109). The state
that enters the next part is that of the first forward pass, with the weights before the update. Penalties are sums over
all entries, not means (trap T108). At the end w <- wbar and Lam <- 0; the caller's next sequence starts anew.

Dropped: everything between parts; the regulariser stands for it.
Cost: T/P steps of activations, three copies of the parameters; BPTT's time, twice in the paper's form.
Exact: never by design; the descent of one part from w = wbar, G = 0 is BPTT's, before the last averaging.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from gradcert.reference.checks import check_number
from gradcert.reference.engines import Tape, lasting, record, tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import (
    Network,
    Parameters,
    check_forwards,
    check_no_mixing,
    check_plain,
    check_problem,
)
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import RULES, Rule

Vector = dict[str, Array]
Gradient = Callable[[Vector], Vector]
Solver = Callable[[Vector, Gradient], Vector]  # solver(weights, gradient of the objective) -> new weights


@dataclass(frozen=True)
class FpttState:
    """What is carried from part to part.

    Attributes
    ----------
    weights : w.
    average : wbar.
    pull : G, the gradient of the part before at the weights of now (paper), or Lam (code).
    """

    weights: Vector
    average: Vector
    pull: Vector


def start(parameters: Parameters) -> FpttState:
    """Return the state before the first part: wbar = w (a copy), G = Lam = 0."""
    weights = {name: value.copy() for name, value in parameters.items()}
    return FpttState(weights, {k: v.copy() for k, v in weights.items()}, {k: 0 * v for k, v in weights.items()})


def gradient_step(rate: Any) -> Solver:
    """Return the solver that takes one step of plain gradient descent.

    Examples
    --------
    >>> import numpy as np
    >>> gradient_step(0.5)({"w": np.array([2.0])}, lambda w: {"w": 3 * w["w"]})
    {'w': array([-1.])}
    """

    def solve(weights: Vector, gradient: Gradient) -> Vector:
        g = gradient(weights)
        return {name: value - rate * g[name] for name, value in weights.items()}

    return solve


def paper_step(state: FpttState, gradient: Gradient, *, alpha: Any, solver: Solver) -> FpttState:
    """Return the state after one part, in the form of the paper; `gradient` is that of ell_t."""

    def objective(w: Vector) -> Vector:
        g = gradient(w)
        return {k: g[k] + alpha * (w[k] - state.average[k]) - state.pull[k] / 2 for k in w}

    weights = solver(state.weights, objective)
    pull = gradient(weights)
    average = {k: (state.average[k] + weights[k]) / 2 - pull[k] / (2 * alpha) for k in weights}
    return FpttState(weights, average, pull)


def code_step(state: FpttState, gradient: Gradient, *, alpha: Any, beta: Any, solver: Solver) -> FpttState:
    """Return the state after one part, in the form of the official code."""

    def objective(w: Vector) -> Vector:
        g = gradient(w)
        return {k: g[k] - state.pull[k] + alpha * (w[k] - state.average[k]) for k in w}

    weights = solver(state.weights, objective)
    pull = {k: state.pull[k] - alpha * (weights[k] - state.average[k]) for k in weights}
    average = {k: (1 - beta) * state.average[k] + beta * weights[k] - beta * pull[k] / alpha for k in weights}
    return FpttState(weights, average, pull)


def parts_of(steps: int, parts: int) -> list[slice]:
    """Return P slices of T steps, as equal as can be, the longer ones first.

    Examples
    --------
    >>> parts_of(5, 2)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    if parts < 1:
        raise GradcertError(f"fptt with parts={parts}", allowed="1 or more parts of the sequence")
    if not parts <= steps:
        raise GradcertError(f"{parts} parts of {steps} steps", allowed=f"1 .. {steps} parts")
    short, more = divmod(steps, parts)
    ends = [sum(short + (p < more) for p in range(q)) for q in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def mixed_targets(targets: Array, oracle: Array, part: int, parts: int) -> Array:
    """Return the targets of part p = 0 .. P-1 of a task with a loss at the end: (p+1)/P y + (1 - (p+1)/P) oracle.

    The cross-entropy is linear in the target, so that its value for the mixture is the mixture of the published loss,
    ``(p+1)/P CE + (1 - (p+1)/P) sum(-oracle log p)``.
    """
    return (targets * (part + 1) + oracle * (parts - part - 1)) / parts


def fptt(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    parts: int,
    alpha: Any,
    rate: Any = None,
    solver: Solver | None = None,
    form: str = "paper",
    beta: Any = 0.5,
    frozen: Collection[str] = (),
    oracle: Array | None = None,
    rule: Rule = RULES["bptt"],
    numbers: Numbers = FLOAT64,
    finish: bool = True,
    watch: Callable[[Vector], None] | None = None,
) -> FpttState:
    """Return weights, average and pull after one sequence.

    Parameters
    ----------
    network, parameters, inputs, targets, numbers : as for the engines; the loss is that of each part.
    parts : P.
    alpha, beta : of the regulariser; beta of the code's average (the paper's form has 1/2).
    rate, solver : learning rate of plain gradient descent, or another solver; one of the two.
    form : ``paper`` or ``code``.
    frozen : names of parameters that are neither trained nor pulled towards the average.
    oracle : (time, batch, n_out), mixed into the targets of all parts but the last (`mixed_targets`).
    rule : how the gradient of a part is computed.
    finish : whether w <- wbar and G, Lam <- 0 at the end.
    watch : is handed the gradient of ell_t at w_t, for every part in turn.

    Raises
    ------
    GradcertError : if the options do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> x, y = np.ones((6, 1, 2)), np.zeros((6, 1, 3))
    >>> fptt(network, network.parameters(), x, y, parts=2, alpha=0.5, rate=0.1).weights["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    check_plain(network.loss, "FPTT")
    check_no_mixing(network, "FPTT")
    check_forwards(network, "FPTT")
    if form not in ("paper", "code"):
        raise GradcertError(f"form={form!r}", allowed="'paper' or 'code'")
    if (rate is None) == (solver is None):
        raise GradcertError("fptt with both or neither of rate and solver", allowed="one of them")
    if oracle is not None and network.loss.kind != "cross_entropy":
        raise GradcertError(f"an oracle with the loss {network.loss.kind!r}", allowed="cross_entropy")
    for name, value in (("alpha", alpha), ("beta", beta), *([] if rate is None else [("rate", rate)])):
        check_number(name, value)
    alpha, beta = numbers.array(alpha)[()], numbers.array(beta)[()]
    solve = gradient_step(numbers.array(rate)[()]) if solver is None else solver
    fixed = {name: value for name, value in parameters.items() if name in frozen}
    state = start({name: value for name, value in parameters.items() if name not in frozen})
    initial: Mapping[str, Array] = {}
    for p, span in enumerate(parts_of(len(inputs), parts)):
        y = targets[span] if oracle is None else mixed_targets(targets[span], oracle[span], p, parts)
        gradient = _gradient_of_part(network, fixed, inputs[span], y, rule, numbers, initial)
        entering = state.weights
        if watch is not None:
            watch(gradient(entering))
        if form == "paper":
            state = paper_step(state, gradient, alpha=alpha, solver=solve)
        else:
            state = code_step(state, gradient, alpha=alpha, beta=beta, solver=solve)
        initial = last_state(record(network, {**entering, **fixed}, inputs[span], numbers=numbers, initial=initial))
    if finish:
        state = start(state.average)
    return replace(state, weights={**state.weights, **fixed})


def _gradient_of_part(
    network: Network,
    fixed: Vector,
    inputs: Array,
    targets: Array,
    rule: Rule,
    numbers: Numbers,
    initial: Mapping[str, Array],
) -> Gradient:
    def gradient(weights: Vector) -> Vector:
        tape = record(network, {**weights, **fixed}, inputs, numbers=numbers, initial=initial)
        found = tape_gradients(tape, targets, rule=rule, feedback={})
        return {name: found[name] for name in weights}

    return gradient


def last_state(tape: Tape) -> dict[str, Array]:
    """Return the nodes at the last step, as the initial values of what follows, detached."""
    layers = [(i, layer.layer, layer.now) for i, layer in enumerate(tape.layers)]
    return {layer.full_name(i, k): now[k][-1].copy() for i, layer, now in layers for k in lasting(layer)}
