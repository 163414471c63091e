"""The record of one step: every operation on tensors in order, with its place in the user's code. Knows no PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ref:
    """An argument that is the result of an earlier node."""

    node: int


@dataclass
class Node:
    """One tensor: given, or computed.

    Attributes
    ----------
    kind : ``x``, ``state``, ``parameter``, ``constant``, ``op``, ``function`` (an autograd.Function), ``item`` (of an
        operation with several results).
    name : of the parameter or state in the module; of the operation.
    op : what computes it; of an item its number.
    args, kwargs : arguments, results of other nodes as `Ref`.
    cut : whether autograd was kept from passing: detach, no_grad, .data.
    shape, floating, value : of the result.
    where : file and line, the innermost that is not PyTorch's.
    single : whether it is a cast to float32, which was taken for one to float64.
    """

    kind: str
    name: str
    op: Any = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    cut: bool = False
    shape: tuple[int, ...] = ()
    floating: bool = True
    value: Any = None
    where: str = ""
    single: bool = False

    def operands(self) -> list[int]:
        """Return the nodes that it is computed from."""
        return [ref.node for ref in refs((self.args, self.kwargs))]


def refs(arguments: Any) -> Iterator[Ref]:
    """Yield every `Ref` in nested tuples, lists and dicts.

    Examples
    --------
    >>> [ref.node for ref in refs((Ref(2), [1.0, Ref(5)], {"alpha": 2}))]
    [2, 5]
    """
    if isinstance(arguments, Ref):
        yield arguments
    elif isinstance(arguments, dict):
        for value in arguments.values():
            yield from refs(value)
    elif isinstance(arguments, (tuple, list)):
        for value in arguments:
            yield from refs(value)


def leads_to(nodes: list[Node], k: int) -> set[int]:
    """Return a node and all that it is computed from."""
    out: set[int] = set()
    todo = [k]
    while todo:
        i = todo.pop()
        if i not in out:
            out.add(i)
            todo += nodes[i].operands()
    return out


def owners(nodes: list[Node], k: int) -> tuple[str, ...]:
    """Return the parameters that a node is made of."""
    return tuple(nodes[i].name for i in sorted(leads_to(nodes, k)) if nodes[i].kind == "parameter")


def owned(nodes: list[Node], k: int) -> dict[str, Any]:
    """Return the parameters that a node is made of, with their values."""
    return {nodes[i].name: nodes[i].value for i in leads_to(nodes, k) if nodes[i].kind == "parameter"}


@dataclass(frozen=True)
class Slot:
    """A state: where it is kept, its value before the first step, the node that reads it, the node of its new value.

    Of a module that takes whole sequences, `held` are the paths in it that the first value is made of. `made` : whether
    the first call makes the state anew, whatever was there.
    """

    name: str
    initial: Any
    node: int
    update: int
    held: tuple[str, ...] = ()
    made: bool = False


@dataclass(frozen=True)
class Step:
    """One recorded step.

    Attributes
    ----------
    nodes : in the order of computation; `x` is the input's.
    outputs : nodes of what the module returns beside its state.
    slots : the states.
    explicit : how many of the states are passed in and returned; the module keeps the others.
    notes : what the recording met and does not say otherwise.
    autocast : lower dtype that the module's own code casts to -> where.
    numbers : parameter that is read as a number of Python -> where.
    """

    nodes: list[Node]
    x: int
    outputs: tuple[int, ...]
    slots: tuple[Slot, ...]
    explicit: int
    notes: tuple[str, ...]
    autocast: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
