"""The loss of a problem for modules whose own library differentiates everything but that: its value, and its gradient.

Whatever a claim may say of a loss (`gradcert.reference.networks.Loss`) is here, weights of steps and terms about
activity included. What an adapter cannot hand to a module it refuses before anything of the module is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcert.adapters.mapping import MapError
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem, check_no_graph
from gradcert.reference.numbers import Array

INSTEAD = "write the subject as a function of the problem; or claim what the adapter can hand over"


def check_fits(problem: Problem, who: str, *, hidden: bool = True, online: bool = False) -> None:
    """Raise unless an adapter can ask a module about a problem.

    Parameters
    ----------
    who : what it adapts.
    hidden : whether it sees what leaves the hidden layers.
    online : whether it hands over the credit of every step at once.

    Raises
    ------
    MapError : which ends as a usage error: nothing of the subject was run.
    """
    try:
        check_no_graph(problem.network, who)
    except GradcertError as error:
        raise MapError(error.given, allowed=error.allowed, do=error.do or INSTEAD) from None
    loss = problem.network.loss
    beside = [name for name in problem.data if name != "weights"]
    beside += [*problem.feedback, *problem.drawn]
    if beside:
        raise MapError(f"{who} that is given {', '.join(beside)}", allowed="inputs, targets and weights", do=INSTEAD)
    if loss.local:
        raise MapError(f"{who} with losses of hidden layers' own", allowed="a loss of the outputs", do=INSTEAD)
    if loss.activity and not hidden:
        raise MapError(f"{who} with terms about activity", allowed="one module a layer", do="per='layer'")
    if online and not loss.stepwise:
        raise MapError(
            f"{who}, online, with a loss of which a step needs other steps",
            allowed="a loss of every step or of the last",
            do="online=False",
        )


def plain(problem: Problem) -> bool:
    """Return whether a loss is so simple that the library is left to differentiate it."""
    return problem.network.loss.plain and problem.weights is None


def judged(problem: Problem, outputs: Sequence[Array]) -> tuple[Any, list[Any]]:
    """Return the loss of the outputs of all layers, and its gradient by each, None where it is about none.

    Parameters
    ----------
    outputs : (time, batch, units) of each layer, the last one the network's.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Loss, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=1, units=1),), loss=Loss(when="mean"))
    >>> problem = Problem(network, network.parameters(), np.zeros((2, 1, 1)), np.zeros((2, 1, 1)))
    >>> value, (credit,) = judged(problem, [np.array([[[1.0]], [[3.0]]])])
    >>> float(value), credit.ravel().tolist()
    (2.0, [1.0, 1.0])
    """
    loss, numbers, weights, targets = problem.network.loss, problem.numbers, problem.weights, problem.targets
    last = outputs[-1]
    if last.shape != targets.shape:
        raise MapError(f"outputs of shape {last.shape}", allowed=f"that of the targets, {targets.shape}")
    given = (last, targets, numbers)
    value = loss.value(*given) if weights is None else loss.weighted(*given, weights)
    for term in loss.activity:
        for i in term.numbers_of(len(outputs)):
            value = value + term.value(outputs[i], numbers, weights)

    def of_term(term: Any, output: Array) -> Any:
        return term.gradient(output, numbers, weights)

    return value, _terms(problem, outputs, of_term, loss.gradient(*given, weights))


def _terms(problem: Problem, outputs: Sequence[Array], gradient: Callable[[Any, Array], Any], last: Any) -> list[Any]:
    """Return gradients by the outputs of all layers: of the loss by the last ones, and of the terms about activity."""
    credits: list[Any] = [None] * (len(outputs) - 1) + [last]
    for term in problem.network.loss.activity:
        for i in term.numbers_of(len(outputs)):
            mine = gradient(term, outputs[i])
            credits[i] = mine if credits[i] is None else credits[i] + mine
    return credits


def judged_step(problem: Problem, t: int, outputs: Sequence[Array]) -> list[Any]:
    """Return the gradient of a loss that needs no other step by the outputs of all layers at one, (batch, units) each.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Loss, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=1, units=1),), loss=Loss(outputs="mean"))
    >>> problem = Problem(network, network.parameters(), np.zeros((2, 1, 1)), np.zeros((2, 1, 1)))
    >>> judged_step(problem, 0, [np.array([[3.0]])])
    [array([[3.]])]
    """
    loss, numbers, weights, steps = problem.network.loss, problem.numbers, problem.weights, len(problem.targets)
    error = loss.error(outputs[-1], problem.targets[t], numbers)

    def of_term(term: Any, output: Array) -> Any:
        return term.at_step(output, t, steps, numbers, weights)

    return _terms(problem, outputs, of_term, loss.at_step(error, t, steps, weights))


def share(problem: Problem, t: int, output: Array) -> Any:
    """Return what one step adds to a loss of the outputs that needs no other step."""
    loss, numbers = problem.network.loss, problem.numbers
    terms = loss.terms(output, problem.targets[t], numbers)[:, None]
    found = loss.at_step(terms, t, len(problem.targets), problem.weights)
    return 0.0 if found is None else found.sum() / (output.shape[-1] if loss.outputs == "mean" else 1)
