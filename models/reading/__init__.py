"""Reading a PyTorch module as it is: one step is recorded, and becomes equations, labelled edges, cuts, a network.

`capture` records a step (`recorder`, `held`), `lower` turns operations into terms, `choose` says what gets an equation,
`populations` and `labels` what the layers and edges are, `network` makes a network of the vocabulary. PyTorch is an
extra: it is imported when something is read.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

_HOME = {"Reading": "reading", "ReadModule": "reader", "Written": "network"}

__all__ = ["ReadModule", "Reading", "Written", "compute", "needs_torch", "read"]


def read(module: Any, x: Any, state: Any = None, *, time: int | str | None = None) -> Any:
    """Read a PyTorch module: states, equations, spikes, labelled edges, and what the module's own code cuts.

    Parameters
    ----------
    module : a ``torch.nn.Module`` that takes one time step: ``module(x)`` where it keeps its state, or
        ``module(x, state)`` (or ``module(x, *state)``) where it returns it, its tensors last; or one that takes whole
        sequences (`time`). It is copied, not changed.
    x : an example input of one step, (batch, ...), or of a sequence.
    state : the state of the first step, nested as the module takes it; by default the module makes it.
    time : of a module that takes a whole sequence and begins it anew in every call, the axis of time in x, 0 or 1;
        ``"inside"`` if it loops over one input.

    Returns
    -------
    A `Reading`: shown as text by ``print``, as a page in a notebook; ``to_dict()`` is its JSON form.

    Raises
    ------
    GradcertError : for what cannot be read, with the operation, its line, and what to do; without PyTorch.

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
    needs_torch("gradcert.read")
    return importlib.import_module("gradcert.models.reading.reader").read_module(module, x, state, time)


def compute(module: Any, batch: tuple[Any, Any], **options: Any) -> Any:
    """Return the reference gradient of a rule for a PyTorch module and a batch: what somebody needs who writes one.

    Parameters
    ----------
    module : as for `read`; its parameters are read, nothing of it is changed.
    batch : inputs and target. Inputs are those of all steps, (time, batch, ...), for a module that takes one step, and
        what the module takes for one that takes sequences.
    rule : a row of the rule table, or ``"as-coded"``: BPTT with the module's own cuts, which its ``backward`` gives.
    loss : (outputs, target) -> number, on what the module returns: the outputs of all steps in one tensor,
        (time, batch, ...), for a module that takes one step.
    state, time : as for `read`.
    output : which of several outputs the loss reads, from 0.
    feedback : the fixed matrices of a rule that has some (`gradcert.reference.draw_feedback`).

    Returns
    -------
    Parameter's name -> tensor in float64, computed around the spikes that the module has in its own dtype.

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
    needs_torch("gradcert.compute")
    return importlib.import_module("gradcert.models.reading.computing").compute(module, batch, **options)


def needs_torch(what: str) -> None:
    """Raise unless PyTorch is installed."""
    if importlib.util.find_spec("torch") is None:
        raise GradcertError(f"{what} without PyTorch", do=install("torch"))


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
