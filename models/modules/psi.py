"""A pseudo-derivative of somebody's own as a formula: its backward is run once, on a symbol.

So a claim about it needs no PyTorch, and says what was taken as given.
"""

from __future__ import annotations

import ast
from typing import Any

import torch

from gradcert.models.modules.own_psi import formula_of
from gradcert.models.reading.spikes import Kind
from gradcert.models.reading.surrogates import Taken
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Surrogate
from gradcert.reference.numbers.recorded import Recorded


def formula(taken: Taken) -> Surrogate:
    """Return the formula that a spike's own backward is.

    Raises
    ------
    UnreadError : where it has none, with what to do.
    """
    return formula_of(taken, lambda x: _backward(taken.kind, x + taken.kind.level if taken.kind.level else x))


class _Saved:
    """What a backward finds in its context: what the forward left there, its input being a symbol."""


def _backward(kind: Kind, x: Any) -> Any:
    assert kind.function is not None
    cls, rest = kind.function
    try:  # what it keeps may be made of its input
        left, probe = _forward(cls, x, rest), x
    except Exception:  # whatever a stranger's code makes of a symbol: of its input itself, then
        probe = torch.tensor([0.25, -0.75], dtype=torch.float64)
        left = _forward(cls, probe, rest)
    context: Any = _Saved()
    for name, value in vars(left).items():
        setattr(context, name, x if value is probe else value)
    saved = tuple(x if value is probe else value for value in getattr(left, "saved_tensors", ()))
    if any(isinstance(value, torch.Tensor) and value.dim() for value in saved):
        raise GradcertError("it keeps something else than its input")
    context.saved_tensors = context.saved_variables = saved
    context.needs_input_grad = (True, *(False for _ in rest))
    result = cls.backward(context, Recorded(ast.Constant(1)))
    return result[0] if isinstance(result, tuple) else result


def _forward(cls: Any, x: Any, rest: tuple[Any, ...]) -> Any:
    """Return what a forward leaves in its context."""
    left = _Saving()
    if cls.setup_context is not torch.autograd.Function.setup_context:
        cls.setup_context(left, (x, *rest), cls.forward(x, *rest))
    else:
        cls.forward(left, x, *rest)
    return left


class _Saving:
    """A context that a forward may leave things in."""

    needs_input_grad = (True,)

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors."""
        self.saved_tensors = tensors

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("mark_", "set_materialize_")):
            return lambda *_: None
        raise AttributeError(name)
