"""Judging gradients where they are computed: in somebody's own training loop, at its own size, in its own dtype.

`loop` is the context manager for PyTorch, `jax_loop` the one for JAX, `judging` what they share: `seen` has what hooks
see, `gather` brings it to the reference engine, `measured` holds gradients against it, `causes` names what a wrong one
is instead, `kept` stores the first failure, `page` and `scalars` show what was found.
"""

from __future__ import annotations

import importlib
from typing import Any

from gradcert.models.reading import framework_of, needs_jax, needs_torch
from gradcert.reference.errors import GradcertError

__all__ = ["watch"]


def watch(module: Any, **options: Any) -> Any:
    """Watch the gradients of a PyTorch module, or of a step function of JAX, in a training loop; a context manager.

    Parameters
    ----------
    module : the module, as `gradcert.read` takes it: it takes one step, or (``time``) whole sequences. Of JAX: a step
        function, or a cell of flax, as `gradcert.read` takes it; ``watching.step(gradients, params, x, y)`` judges what
        is about to be applied, ``watching.optax(optimiser)`` is the same inside an optimiser of Optax.
    rule : what the gradients are claimed to be: a row of the rule table, a `gradcert.reference.Rule`, or
        ``"as-coded"``, BPTT with the module's own cuts. Without a claim the question is which row they are.
    every : steps of training between judgements.
    loss : (outputs, target) -> number. With it the loss is judged too; without it the derivative of the user's own loss
        at the module's outputs is taken as given.
    time : of a module that takes whole sequences, the axis of time, or ``"inside"``.
    output : which of the module's results the loss reads, from 0: 1 for ``spk, mem = net(x)`` and a loss of ``mem``.
    feedback : the fixed matrices of a rule that has some.
    state, order : of a step function of JAX, as `gradcert.read` takes them; it needs a `loss`.
    rate : the learning rate of a trainer that writes weights directly (``watching.call``).
    folder : where the first failure is kept.

    Examples
    --------
    >>> import torch
    >>> model, y = torch.nn.RNNCell(3, 4), torch.zeros(2, 4)
    >>> with watch(model, rule="bptt", every=1) as watching:
    ...     state = torch.zeros(2, 4)
    ...     for x in torch.ones(5, 2, 3):
    ...         state = model(x, state)
    ...     loss = ((state - y) ** 2).sum()
    ...     loss.backward()
    ...     judged = watching.step(y=y)
    >>> judged.verdict
    'right'
    """
    if isinstance(module, type):
        made = "the object that the training calls: a module of PyTorch, a step function of JAX or a cell of flax"
        raise GradcertError(f"watch of the class {module.__name__}", allowed=made, do="make one first, and watch that")
    if framework_of(module, (), options) == "jax":
        needs_jax("gradcert.watch of a step function of JAX")
        return importlib.import_module("gradcert.watching.jax_loop").WatchStep(module, **options)
    needs_torch("gradcert.watch")
    if not all(hasattr(module, name) for name in ("named_parameters", "register_forward_hook")):
        kind = type(module).__name__
        raise GradcertError(
            f"watch of an object of type {kind}", allowed="a torch.nn.Module, or a step function of JAX with its loss"
        )
    return importlib.import_module("gradcert.watching.loop").Watch(module, **options)
