"""Reading a model of PyTorch or JAX as it is: one step is recorded, and becomes equations, labelled edges, a network.

The rooms `pytorch` and `jaxpr` record a step and turn operations into terms; what is the same for both lies here:
`lowering`, `choose` (what gets an equation), `populations` and `labels` (what the layers and edges are), `naming`. The
room `network` makes a network of the vocabulary. PyTorch and JAX are extras: they are imported when something is read.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

_HOME = {"Reading": "reading", "ReadModule": "pytorch.reader", "Written": "network.written"}

NOTHING: Mapping[str, Any] = {}

__all__ = ["ReadModule", "Reading", "Written", "compute", "framework_of", "needs_jax", "needs_torch", "read"]


def read(model: Any, *given: Any, **options: Any) -> Any:
    """Read a model: states, equations, spikes, labelled edges, and what the model's own code cuts.

    ``read(module, x, state=None, *, time=None)`` reads PyTorch, ``read(step, params, x, state=None, *, order=None)`` a
    step function or a module of JAX.

    Parameters
    ----------
    model : a ``torch.nn.Module`` that takes one time step: ``module(x)`` where it keeps its state, or
        ``module(x, state)`` (or ``module(x, *state)``) where it returns it, its tensors last; or one that takes whole
        sequences (`time`). It is copied, not changed. Of JAX: a function ``step(params, state, x) -> (state, y)``, in
        this order or another (`order`), or a cell or layer of flax.
    params : of a step function, nested in any way; None where it has none. Of a flax module: what ``init`` returned; a
        module of ``flax.nnx`` has its own, and is given None.
    x : an example input of one step, (batch, ...), or of a sequence.
    state : the state of the first step, nested as the model takes it; by default the module makes it.
    time : of a PyTorch module that takes a whole sequence and begins it anew in every call, the axis of time in x, 0 or
        1; ``"inside"`` if it loops over one input.
    order : of a step function whose arguments or results are in an order that is not found out, such as
        ``"params, x, state -> y, state"``.

    Returns
    -------
    A `Reading`: shown as text by ``print``, as a page in a notebook; ``to_dict()`` is its JSON form.

    Raises
    ------
    GradcertError : for what cannot be read, with the operation, its line, and what to do; without PyTorch or JAX.

    Examples
    --------
    >>> import torch
    >>> print(read(torch.nn.RNNCell(3, 4), torch.zeros(2, 3)))
    layer 0 (4 units)
      a = weight_hh @ z' + weight_ih @ x + bias_hh + bias_ih
      z = tanh(a)   (output)
        z' -> a  RECURRENT through weight_hh kept
    backward: bptt = bptt-detached-reset = ostl
    """
    if framework_of(model, given, options) == "jax":
        step = _bound("read", JAX_TAKES, given, options, ("order",))
        needs_jax("gradcert.read of a step function of JAX")
        return importlib.import_module("gradcert.models.reading.jaxpr.reader").read_step(model, **step)
    module = _bound("read", TORCH_TAKES, given, options, ("time",))
    needs_torch("gradcert.read")
    return importlib.import_module("gradcert.models.reading.pytorch.reader").read_module(model, **module)


def compute(model: Any, *given: Any, **options: Any) -> Any:
    """Return the reference gradient of a rule for a model and a batch: what somebody needs who writes one.

    ``compute(module, batch, ...)`` for PyTorch, ``compute(step, params, batch, ...)`` for JAX.

    Parameters
    ----------
    model, params : as for `read`; parameters are read, nothing is changed.
    batch : inputs and target. Inputs are those of all steps, (time, batch, ...), for a model that takes one step, and
        what the module takes for one that takes sequences.
    rule : a row of the rule table, or ``"as-coded"``: BPTT with the model's own cuts, which its own gradient is.
    loss : (outputs, target) -> number, on what the model returns: the outputs of all steps in one tensor,
        (time, batch, ...), for a model that takes one step.
    state, time, order : as for `read`.
    output : which of several outputs the loss reads, from 0.
    feedback : the fixed matrices of a rule that has some (`gradcert.reference.draw_feedback`).

    Returns
    -------
    For PyTorch parameter's name -> tensor, for JAX arrays nested as `params` are; in float64, computed around the
    spikes that the model has in its own dtype.

    Raises
    ------
    GradcertError : for what cannot be read, or written as a network of the vocabulary.

    Examples
    --------
    >>> import torch
    >>> x, y = torch.ones(5, 2, 3), torch.zeros(5, 2, 4)
    >>> loss = lambda outputs, target: ((outputs - target) ** 2).sum() / 2
    >>> compute(torch.nn.RNNCell(3, 4), (x, y), rule="rflo", loss=loss)["weight_ih"].shape
    torch.Size([4, 3])
    """
    if framework_of(model, given, options) == "jax":
        step = _bound("compute", ("params", "batch"), given, options, (*COMPUTING, "order"))
        needs_jax("gradcert.compute of a step function of JAX")
        return importlib.import_module("gradcert.models.reading.jaxpr.computing").compute(model, **step)
    module = _bound("compute", ("batch",), given, options, (*COMPUTING, "time"))
    needs_torch("gradcert.compute")
    return importlib.import_module("gradcert.models.reading.pytorch.computing").compute(model, **module)


TORCH_TAKES, JAX_TAKES = ("x", "state"), ("params", "x", "state")
COMPUTING = ("rule", "loss", "state", "output", "feedback")
MAY = ("state",)  # by place, and may be left out


def _bound(
    what: str, names: tuple[str, ...], given: tuple[Any, ...], options: dict[str, Any], more: tuple[str, ...]
) -> dict[str, Any]:
    """Return arguments by name.

    Parameters
    ----------
    names : of those by place. `more` : of the others.
    """
    if unknown := sorted({*options} - {*names, *more}):
        raise GradcertError(f"{what} with {', '.join(unknown)}", allowed=", ".join((*names, *more)))
    needed = [*names, *(["loss"] if what == "compute" else [])]
    missing = [k for k in needed if k not in (*names[: len(given)], *options, *MAY)]
    if missing and len(given) <= len(names):
        raise GradcertError(
            f"{what} without {' and '.join(missing)}",
            allowed=f"{what}(model, {', '.join(k for k in needed if k not in MAY)})",
        )
    twice = sorted({*names[: len(given)]} & {*options})
    if len(given) > len(names) or twice:
        raise GradcertError(
            f"{what} with {len(given)} arguments{' and ' * bool(twice)}{', '.join(twice)}",
            allowed=f"{what}(model, {', '.join(names)})",
        )
    return dict(zip(names, given, strict=False)) | options


def framework_of(model: Any, given: tuple[Any, ...] = (), options: Mapping[str, Any] = NOTHING) -> str:
    """Return ``torch`` or ``jax``: which of them a model is written in.

    A module says it by its class; a plain function is a step function of JAX, for modules of PyTorch are objects.
    """
    bases = {base.__module__.partition(".")[0] for base in type(model).__mro__ if base is not object}
    arrays = {type(part).__module__.partition(".")[0] for part in (*given, *dict(options).values())}
    if "torch" in bases | arrays or not callable(model) or isinstance(model, type):
        return "torch"
    functions = {"flax", "jax", "jaxlib", "equinox", "functools", "builtins"}
    said = {"params", "order"} & {*options} or len(given) > 2
    return "jax" if functions & bases or "jaxlib" in arrays or said else "torch"


def needs_jax(what: str) -> None:
    """Raise unless JAX is installed, and SymPy, which reads equations."""
    for name in ("jax", "sympy"):
        if importlib.util.find_spec(name) is None:
            raise GradcertError(f"{what} without {'JAX' if name == 'jax' else 'SymPy'}", do=install("jax"))


def needs_torch(what: str) -> None:
    """Raise unless PyTorch is installed."""
    if importlib.util.find_spec("torch") is None:
        raise GradcertError(f"{what} without PyTorch", do=install("torch"))


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
