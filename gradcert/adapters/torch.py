"""PyTorch: an ``nn.Module``, and how its parameters map, becomes a subject.

    @gradcert.claim(rule="bptt", cells=("rnn",), options={"activation": "tanh"})
    @subject(parameters={"weight_ih_l0": "W", "weight_hh_l0": "H", "bias_ih_l0": "b", "bias_hh_l0": zeros("b")})
    def gradients(layer):
        return torch.nn.RNN(layer.inputs, layer.units)

The module runs as its user would run it, on parameters of its own; what it leaves in ``.grad`` is the answer, whether
autograd or the library's own rule put it there, taken back through the maps to the problem's parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gradcert.adapters.mapping import (
    Map,
    MapError,
    Source,
    check,
    computed,
    logarithm,
    logit,
    negated,
    stacked,
    transposed,
    zeros,
)
from gradcert.adapters.objective import check_fits, judged, judged_step, plain, share
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.networks import Problem

try:
    import torch
except ModuleNotFoundError:
    absent = f"PyTorch is not installed; to fix it: {install('torch')}"
    raise ModuleNotFoundError(absent, name="torch") from None

from gradcert.adapters.trainers import trainer
from gradcert.models.modules.asked import ModuleSubject as module
from gradcert.models.reading.pytorch.recorder import default_dtype

__all__ = [
    "computed",
    "logarithm",
    "logit",
    "module",
    "negated",
    "stacked",
    "step_loss",
    "subject",
    "total_loss",
    "trainer",
    "transposed",
    "zeros",
]

FRESH = "modules are built anew for every call: whether one keeps state from sequence to sequence was not looked at"
Call = Callable[[Any, Any, Any], tuple[Any, Any]]  # (module, x, state) -> (output, state); the first state is None
Answer = tuple[float, dict[str, Any], Any]


def of_step(module: Any, x: Any, state: Any) -> tuple[Any, Any]:
    """``output = module(x_t)``, or ``(output, state) = module(x_t, state)`` where it returns a pair."""
    result = module(x) if state is None else module(x, state)
    return result if isinstance(result, tuple) else (result, None)


def of_sequence(module: Any, x: Any, state: Any) -> tuple[Any, Any]:
    """``output = module(x)`` or ``(output, state) = module(x)``, for all steps at once."""
    result = module(x)
    return (result[0] if isinstance(result, tuple) else result), None


CALLS: dict[str, Call] = {"sequence": of_sequence, "step": of_step}


def subject(
    build: Callable[[Any], Any] | None = None,
    *,
    parameters: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]],
    call: str | Call = "sequence",
    per: str = "layer",
    online: bool = False,
    batch_first: bool = False,
    reset: Callable[[Any], object] | None = None,
    fresh: bool = False,
) -> Any:
    """Turn a function that builds a module into a subject; a decorator.

    Parameters
    ----------
    build : layer -> module, where a layer has ``inputs``, ``units`` and ``cell`` with its options; the modules are
        stacked. With ``per="network"``: network -> module. PyTorch's default dtype is the problem's while it runs.
    parameters : name in the module -> name in the problem (``W``, ``H``, ``b``, ...; ``layers.0.W``, ... per network),
        or one of the maps `transposed`, `stacked`, `negated`, `logit`, `logarithm`, `zeros`, `computed`. What reads a
        parameter that the problem lacks is left out. May be a function of the layer (of the network).
    call : ``sequence``: the module takes (T, B, n); ``step``: it is called for every step, with the state that it
        returned, if it returned one; or a function ``(module, x_t, state) -> (output, state)``.
    online : backpropagate the loss of every step at once, for rules that detach the state; wants calls by step.
    batch_first : sequences are (B, T, n).
    reset : called with the module before every sequence, as in training. Modules live from call to call, so that a
        state that survives is found out.
    fresh : build new modules for every call. What survives in a module is then not seen, and the certificate says so.

    Returns
    -------
    A subject: problem -> (loss, gradients, outputs).

    Raises
    ------
    GradcertError : when it is called, if a parameter of either side is not spoken for or has another shape.

    Examples
    --------
    >>> from gradcert.reference.networks import Problem
    >>> from gradcert.reference import Layer, Network, Rnn
    >>> @subject(parameters={"0.weight": "W", "0.bias": "b"})
    ... def linear(layer):
    ...     return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), torch.nn.Tanh())
    >>> network = Network(layers=(Layer(Rnn(recurrent=False), inputs=2, units=1),))
    >>> x, y = np.ones((1, 1, 2)), np.zeros((1, 1, 1))
    >>> zero = {"layers.0.W": np.zeros((1, 2)), "layers.0.b": np.zeros(1)}
    >>> loss, gradients, outputs = linear(Problem(network, zero, x, y + 1))
    >>> loss, gradients["layers.0.W"].tolist(), gradients["layers.0.b"].tolist()
    (0.5, [[-1.0, -1.0]], [-1.0])
    """
    if build is None:
        decorated: Any = functools.partial(subject, parameters=parameters, call=call, per=per, online=online)
        return functools.partial(decorated, batch_first=batch_first, reset=reset, fresh=fresh)
    if isinstance(call, str) and call not in CALLS:
        raise GradcertError(f"call={call!r}", allowed=f"{', '.join(map(repr, CALLS))} or a function")
    if per not in ("layer", "network"):
        raise GradcertError(f"per={per!r}", allowed="'layer', 'network'")
    if online and call == "sequence":
        raise GradcertError("online=True with call='sequence'", allowed="call='step', or a function for one step")
    kept: dict[str, list[Any]] = {}

    @functools.wraps(build)
    def gradients(problem: Problem) -> Answer:
        check_fits(problem, "a torch module", hidden=per == "layer", online=online)
        dtype = getattr(torch, problem.dtype)
        with default_dtype(dtype):
            parts = list(pieces(problem, per))
            key = f"{problem.network.to_dict()} {problem.dtype}"
            modules = kept.get(key) or [build(part) for part, _ in parts]
            if not fresh:
                kept[key] = modules
            if reset is not None:
                for module in modules:
                    reset(module)
            leaves = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in problem.parameters.items()}
            links = [
                put(module, parameters(part) if callable(parameters) else parameters, local(leaves, prefix))
                for module, (part, prefix) in zip(modules, parts, strict=True)
            ]
            loss, outputs = run(problem, modules, call, online=online, batch_first=batch_first)
            pull(links)
        zero = {name: np.zeros(leaf.shape, dtype=problem.inputs.dtype) for name, leaf in leaves.items()}
        found = {name: array(leaf.grad) for name, leaf in leaves.items() if leaf.grad is not None}
        return loss, {**zero, **found}, outputs

    gradients.__gradcert_notes__ = (FRESH,) if fresh else ()  # type: ignore[attr-defined]
    return gradients


def array(tensor: Any) -> Any:
    """Return a tensor as a NumPy array; one of bfloat16, which NumPy has not, in float32."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def pieces(problem: Problem, per: str) -> Iterator[tuple[Any, str]]:
    """Yield what a module is built from, and the prefix of its parameters."""
    if per == "network":
        yield problem.network, ""
        return
    for i, layer in enumerate(problem.network.layers):
        yield layer, f"layers.{i}."


def local(leaves: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the parameters below a prefix."""
    return {name.removeprefix(prefix): leaf for name, leaf in leaves.items() if name.startswith(prefix)}


Links = list[tuple[Any, Any]]  # a module's parameter, and the same value as a function of the problem's parameters


def put(module: Any, maps: Mapping[str, Source], p: Mapping[str, Any]) -> Links:
    """Give a module its parameters, in place, so that whatever refers to them already goes on doing so."""
    own = dict(module.named_parameters())
    chosen: dict[str, Map] = check(maps, p, frozenset(own))
    links = []
    for name, source in chosen.items():
        value = source(p)
        if value.shape != own[name].shape and value.numel() == own[name].numel() == 1:
            value = value.reshape(own[name].shape)  # a scalar and one unit
        if value.shape != own[name].shape:
            raise MapError(
                f"{name} has shape {tuple(own[name].shape)} and is given {tuple(value.shape)}",
                do="transpose or stack it: gradcert.adapters.mapping",
            )
        own[name].data = value.detach().clone()
        own[name].grad = None
        links.append((own[name], value))
    return links


def pull(links: list[Links]) -> None:
    """Take what the modules' parameters hold in ``.grad`` back through the maps to the problem's parameters."""
    for own, value in (pair for part in links for pair in part):
        if own.grad is not None and value.requires_grad:
            value.backward(own.grad, retain_graph=True)


def run(
    problem: Problem, modules: list[Any], call: str | Call, *, online: bool, batch_first: bool
) -> tuple[float, Any]:
    """Return loss and outputs; the gradients are left where the modules put them."""
    inputs, targets = (torch.tensor(v, dtype=getattr(torch, problem.dtype)) for v in (problem.inputs, problem.targets))
    if call == "sequence":
        x, left = inputs.transpose(0, 1) if batch_first else inputs, []
        for module in modules:
            x, _ = of_sequence(module, x, None)
            left.append(x.transpose(0, 1) if batch_first else x)
        loss = total_loss(problem, left[-1], targets) if plain(problem) else _whole(problem, left)
        loss.backward()
        return loss.item(), array(left[-1].detach())
    take = CALLS[call] if isinstance(call, str) else call
    states: list[Any] = [None] * len(modules)
    steps: list[list[Any]] = [[] for _ in modules]
    loss = torch.zeros(())
    for t, x in enumerate(inputs):
        for i, module in enumerate(modules):
            x, states[i] = take(module, x, states[i])
            steps[i].append(x)
        if not plain(problem) and not online:
            continue
        added = step_loss(problem, t, x, targets[t]) if plain(problem) else _at_step(problem, t, [s[-1] for s in steps])
        if online:
            if added.requires_grad:
                added.backward()
            added = added.detach()
            for layer in steps:
                layer[-1] = layer[-1].detach()
        loss = loss + added
    left = [torch.stack(layer) for layer in steps]
    if not plain(problem):
        loss = _whole(problem, left)
    if not online:
        loss.backward()
    return loss.item(), array(left[-1].detach())


def _with_credit(value: Any, outputs: list[Any], credits: list[Any]) -> Any:
    """Return a number with these gradients by the outputs, whatever its library would have made of it."""
    total = torch.tensor(float(value), dtype=outputs[-1].dtype)
    for output, credit in zip(outputs, credits, strict=True):
        if credit is not None and output.requires_grad:
            total = total + ((output - output.detach()) * torch.tensor(credit, dtype=output.dtype)).sum()
    return total


def _whole(problem: Problem, left: list[Any]) -> Any:
    """Return the loss of what left all layers, (T, B, n) each."""
    value, credits = judged(problem, [array(x.detach()) for x in left])
    return _with_credit(value, left, credits)


def _at_step(problem: Problem, t: int, left: list[Any]) -> Any:
    """Return a number with the gradients that the loss has at one step; its value is that of the whole, later."""
    return _with_credit(0.0, left, judged_step(problem, t, [array(x.detach()) for x in left]))


def step_loss(problem: Problem, t: int, output: Any, target: Any) -> Any:
    """Return the share of step `t` in the problem's loss, which is their sum (`gradcert.reference.networks.Loss`).

    Raises
    ------
    MapError : for a loss that is no sum over steps of what the outputs say.
    """
    loss, (steps, batch, _) = problem.network.loss, problem.inputs.shape
    if loss.when == "last" and t < steps - 1:
        return output.sum() * 0
    if not plain(problem):
        _check_outputs_alone(problem)
        if not loss.stepwise:
            raise MapError("the share of a step, which needs other steps", do="total_loss, of all of them")
        found = array(output.detach())
        return _with_credit(share(problem, t, found), [output], judged_step(problem, t, [found]))
    if loss.kind == "squared_error":
        total = ((output - target) ** 2).sum() / 2
    else:
        total = -(target * output.log_softmax(-1)).sum()
    divisor = loss.divisor(steps, batch)
    return total if divisor == 1 else total / divisor


def total_loss(problem: Problem, outputs: Any, targets: Any) -> Any:
    """Return the loss of all steps; outputs and targets are (T, B, n).

    Raises
    ------
    MapError : for a loss that says something of other than the outputs.
    """
    if not plain(problem):
        _check_outputs_alone(problem)
        return _whole(problem, [outputs])
    return sum(step_loss(problem, t, o, y) for t, (o, y) in enumerate(zip(outputs, targets, strict=True)))


def _check_outputs_alone(problem: Problem) -> None:
    if problem.network.loss.activity or problem.network.loss.local:
        raise MapError("the loss of outputs, where it has terms about other than them", allowed="a loss of outputs")
