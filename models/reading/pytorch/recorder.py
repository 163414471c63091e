"""Operations on real tensors, recorded as they run: no proxies, so that the user's Python just runs.

A `TorchDispatchMode` sees every operation. What it cannot see is seen elsewhere: an autograd.Function, through the
private base class (`f = Spike.apply` may be bound early), is one node; `.data` is found by its storage; a tensor that
is written gets a new node, and other views of the memory go stale; a cut is an operation with an input that requires a
gradient and an output that does not, be it by detach, no_grad or .data.
"""

from __future__ import annotations

import itertools
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch.autograd.function import Function, _SingleLevelFunction
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from gradcert.models.reading.forward import FORWARD
from gradcert.models.reading.record import Node, Ref, leads_to
from gradcert.reference.errors import GradcertError

RANDOM = ("bernoulli", "dropout", "rand", "normal", "uniform", "exponential_", "multinomial", "poisson")
TORCH, HERE = os.path.dirname(torch.__file__), os.path.dirname(os.path.dirname(__file__))
PACKAGES = os.path.dirname(TORCH)  # what is installed there, snnTorch say, is the user's to call
LIBRARIES = tuple({os.path.dirname(os.__file__), os.path.dirname(traceback.__file__)})
SCIENCE = f"{os.sep}numpy{os.sep}"


def where() -> str:
    """Return file and line of the innermost code that is neither PyTorch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((TORCH, HERE, "<")):
            return f"{os.path.basename(name)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@contextmanager
def users_own(x: Any) -> Iterator[None]:
    """Say what the user's own code raises on an example input, in one sentence; what ours raises stays a defect."""
    try:
        yield
    except GradcertError:
        raise
    except Exception as error:
        found = _users_frame(list(traceback.walk_tb(error.__traceback__)))
        if found is None:
            raise
        frame, line = found
        place, said = f"{os.path.basename(frame.f_code.co_filename)}:{line}", str(error).partition("\n")[0]
        raise GradcertError(
            f"the module raises {type(error).__name__} at {place} on an input of shape {tuple(x.shape)}: {said}",
            allowed="an example of what its forward takes, in float64",
            do="give its shape, and the axis of time of a module that takes sequences: --example, --time; in Python,"
            " gradcert.adapters.torch.module(Model, example=(2, 12), time=1)",
        ) from error


def _users_frame(frames: list[tuple[FrameType, int]]) -> tuple[FrameType, int] | None:
    """Return where the user's own code raised; None where ours did.

    An operation of the user's runs in PyTorch below our recorder: what PyTorch raises there is the user's. What any
    other library raises belongs to whoever called it.
    """
    whose = [_whose(frame) for frame, _ in frames]
    users = [k for k, who in enumerate(whose) if who == "user"]
    raised = next((who for who in reversed(whose) if who != "library"), "ours")
    if not users or raised == "ours":
        return None
    return frames[users[-1]]


def _whose(frame: FrameType) -> str:
    name = frame.f_code.co_filename
    if name.startswith(HERE) or frame.f_globals.get("__name__", "").startswith("gradcert."):
        return "ours"
    if name.startswith(TORCH):
        return "torch"
    standard = name.startswith((*LIBRARIES, "<")) and not name.startswith(PACKAGES)
    return "library" if standard or SCIENCE in name else "user"


def doubled_arguments(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return arguments in which single precision is double: libraries write ``.float()``, a reading is in float64."""

    def flip(value: Any) -> Any:
        return torch.float64 if value is torch.float32 else value

    return tuple(flip(a) for a in args), {k: flip(v) for k, v in (kwargs or {}).items()}


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make a dtype PyTorch's default for a while: what is made without one is in it."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class InDouble(TorchDispatchMode):
    """A mode in which a tensor that is made without a dtype is double: a state of zeros, a decay of 0.9."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._defaults: list[torch.dtype] = []

    def __enter__(self) -> Any:
        """Change what PyTorch makes tensors of."""
        self._defaults.append(torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)
        return super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *raised: Any) -> None:
        """Change it back."""
        torch.set_default_dtype(self._defaults.pop())
        super().__exit__(*raised)  # type: ignore[no-untyped-call]


class Double(InDouble):  # type: ignore[no-untyped-call]
    """Runs code that casts to float32 in float64."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation."""
        args, kwargs = doubled_arguments(args, kwargs)
        return func(*args, **kwargs)


def _cells(t: Any) -> set[int]:
    """Return the memory cells of a tensor, as offsets into its storage."""
    steps = [[i * stride for i in range(size)] for size, stride in zip(t.shape, t.stride(), strict=True)]
    return {t.storage_offset() + sum(index) for index in itertools.product(*steps)}


class Recorder(InDouble):  # type: ignore[no-untyped-call]
    """Records what runs inside.

    Attributes
    ----------
    nodes : what was recorded. `known` : id of a tensor that may be met -> kind and name of its node.
    depends : the nodes that depend on the input or on a state.
    autocast : dtype that the module's own code casts to by `torch.autocast` -> where.
    numbers : parameter that is read as a number of Python -> where.
    """

    def __init__(self, known: dict[int, tuple[str, str]]) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.known = known
        self.notes: list[str] = []
        self.depends: set[int] = set()
        self.paused = False
        self.autocast: dict[str, str] = {}
        self.numbers: dict[str, str] = {}
        self._patches: dict[int, list[tuple[str, int, tuple[int, ...], int]]] = {}
        self._of: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []  # an id is a tensor's own only while the tensor lives
        self._stale: dict[int, str] = {}
        self._by_storage: dict[int, list[int]] = {}
        self._pending: list[tuple[int, torch.Tensor, bool]] = []

    def add(self, node: Node, value: torch.Tensor) -> int:
        """Add a node whose value is a tensor."""
        index = self._append(node)
        node.shape, node.floating, node.value = tuple(value.shape), value.is_floating_point(), value
        self._of[id(value)] = index
        self._stale.pop(id(value), None)
        self._alive.append(value)
        self._by_storage.setdefault(value.untyped_storage()._cdata, []).append(index)
        return index

    def _append(self, node: Node) -> int:
        self.nodes.append(node)
        index = len(self.nodes) - 1
        node.where = node.where or where()
        if node.kind in ("x", "state") or any(k in self.depends for k in node.operands()):
            self.depends.add(index)
        return index

    def node_of(self, value: torch.Tensor) -> int:
        """Return the node of a tensor, a new one where it was not computed here."""
        if self._patches.get(id(value)):
            return self._patched(value)
        if id(value) in self._stale:
            raise GradcertError(
                f"a tensor is read at {where()} after another view of its memory was written by "
                f"{self._stale[id(value)]}",
                do="write the step without updates in place",
            )
        if id(value) in self._of:
            return self._of[id(value)]
        for index in reversed(self._by_storage.get(value.untyped_storage()._cdata, [])):
            seen = self.nodes[index].value
            if (seen.shape, seen.stride(), seen.storage_offset()) == (
                value.shape,
                value.stride(),
                value.storage_offset(),
            ):
                detach = torch.ops.aten.detach.default
                return self.add(Node("op", ".data", detach, (Ref(index),), cut=True), value)
        kind, name = self.known.get(id(value), ("constant", f"const{len(self.nodes)}"))
        return self.add(Node(kind, name), value)

    def _patch(self, view: int, written: int) -> None:
        """Remember that a part of a tensor, `out[t] = ...`, was written: the whole has it when it is read next."""
        node = self.nodes[view]
        if node.name not in ("select", "slice") or len(node.args) < 3 or not isinstance(node.args[0], Ref):
            return
        if node.name == "slice" and len(node.args) > 4 and node.args[4] != 1:
            return
        base = self.nodes[node.args[0].node].value
        if self._of.get(id(base)) != node.args[0].node:
            return
        self._patches.setdefault(id(base), []).append((node.name, node.args[1], node.args[2:4], written))
        self._stale.pop(id(base), None)

    def _apart(self, func: Any, args: Any) -> bool:
        """Return whether a part is taken that none of the parts is that were written and not read yet."""
        patches = self._patches.get(id(args[0])) if args else None
        if not patches or func.overloadpacket.__name__ != "select":
            return False
        _, dim, place = args
        return all(name == "select" and d == dim and at[0] != place for name, d, at, _ in patches)

    def _patched(self, value: torch.Tensor) -> int:
        """Return the node of a tensor whose parts were written since it was read: they side by side, or one by one."""
        patches = self._patches.pop(id(value))
        places = {(where_ + value.shape[dim]) % value.shape[dim]: k for _, dim, (where_, *_), k in patches}
        dims = {dim % value.dim() for _, dim, _, _ in patches}
        place = self.nodes[patches[-1][3]].where
        if {name for name, *_ in patches} == {"select"} and len(dims) == 1:
            (dim,) = dims
            if len(places) == value.shape[dim]:
                parts = [Ref(places[k]) for k in range(value.shape[dim])]
                return self.add(Node("op", "stack", torch.ops.aten.stack.default, (parts, dim), where=place), value)
        last = self._of[id(value)]
        for name, dim, at, k in patches:
            op = getattr(torch.ops.aten, f"{name}_scatter").default
            node = Node("op", f"{name}_scatter", op, (Ref(last), Ref(k), dim, *at), where=place)
            last = self.add(node, value)
        return last

    def _refs(self, arguments: Any) -> Any:
        return tree_map(lambda v: Ref(self.node_of(v)) if isinstance(v, torch.Tensor) else v, arguments)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation and record it."""
        asked = (kwargs or {}).get("dtype")
        args, kwargs = doubled_arguments(args, kwargs)
        if self.paused:
            return func(*args, **kwargs)
        own, named = self._refs(args[1:] if self._apart(func, args) else args), self._refs(kwargs)
        own = (Ref(self._of[id(args[0])]), *own) if self._apart(func, args) else own
        needs = any(isinstance(a, torch.Tensor) and a.requires_grad for a in tree_flatten((args, kwargs))[0])
        out = func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if func is torch.ops.aten._local_scalar_dense.default:
            if own[0].node in self.depends:
                raise GradcertError(
                    f"the step branches at {where()} on a value that depends on its input or state",
                    do="write it without if and .item(), with torch.where or a product",
                )
            for k in leads_to(self.nodes, own[0].node) if args[0].is_floating_point() else ():
                if self.nodes[k].kind == "parameter":
                    self.numbers.setdefault(self.nodes[k].name, where())
            return out
        self._write(func, args, name)
        if isinstance(out, torch.Tensor):
            node = Node("op", name, func, own, named)
            if name == "copy_" and args[0].shape == args[1].shape and args[0].dtype == args[1].dtype:
                node = Node("op", "clone", torch.ops.aten.clone.default, (own[1],))  # what was there before is gone
            node.single = name == "_to_copy" and asked is torch.float32 and args[0].dtype is torch.float64
            index = self.add(node, out)
            self._pending.append((index, out, needs))
            if name == "copy_":
                self._patch(own[0].node, index)
        elif isinstance(out, (tuple, list)):
            self._several(Node("op", name, func, own, named), name, out, needs)
        return out

    def _write(self, func: Any, args: Any, name: str) -> None:
        """Let other views of what an operation writes go stale."""
        for value, argument in zip(args, func._schema.arguments, strict=False):
            info = argument.alias_info
            if not (info and info.is_write and isinstance(value, torch.Tensor)):
                continue
            for index in self._by_storage.get(value.untyped_storage()._cdata, []):
                seen = self.nodes[index].value
                if seen is not value and _cells(seen) & _cells(value):
                    self._stale[id(seen)] = f"{name} ({where()})"

    def _several(self, node: Node, name: str, parts: Any, needs: bool) -> None:
        index = self._append(node)
        for k, part in enumerate(parts):
            if isinstance(part, torch.Tensor):
                self._pending.append((self.add(Node("item", name, k, (Ref(index),)), part), part, needs))

    def function(self, cls: Any, args: Any, out: Any) -> None:
        """Record an autograd.Function as one node."""
        outs = out if isinstance(out, tuple) else (out,)
        if any(o is a for o in outs for a in args):
            raise GradcertError(f"{cls.__name__} at {where()} returns its own input", do="return a copy of it")
        needs = any(isinstance(a, torch.Tensor) and a.requires_grad for a in args)
        node = Node("function", cls.__name__, cls, self._refs(args))
        if isinstance(out, tuple):
            self._several(node, cls.__name__, out, needs)
        else:
            self._pending.append((self.add(node, out), out, needs))

    def settle(self) -> None:
        """Read off which operations cut: known only once autograd has marked the results."""
        for index, out, needs in self._pending:
            node = self.nodes[index]
            if out._backward_hooks and not FORWARD.get():
                raise GradcertError(
                    f"a hook on the result of {node.name} at {node.where} changes what comes back", do="take it away"
                )
            floating = out.is_floating_point() or node.name == "_to_copy"  # a comparison cuts by what it is
            node.cut = needs and floating and not out.requires_grad
        self._pending = []


@contextmanager
def autocast_seen_by(recorder: Recorder) -> Iterator[None]:
    """Let a recorder note where the module's own code changes the dtype: in float64 nothing of it is seen.

    `torch.autocast.__enter__` is replaced for a while; a test per version holds that it is called.
    """
    before: Any = torch.autocast.__enter__

    def enter(self: Any) -> Any:
        if self._enabled and self.fast_dtype not in (torch.float32, torch.float64):
            recorder.autocast.setdefault(str(self.fast_dtype).removeprefix("torch."), where())
        return before(self)

    changed: Any = torch.autocast
    changed.__enter__ = enter
    try:
        yield
    finally:
        changed.__enter__ = before


class _Context:
    """What the forward of an autograd.Function is given, where its backward is not asked for."""

    needs_input_grad: tuple[bool, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("save_for_", "mark_", "set_materialize_")):
            return lambda *_: None
        raise AttributeError(name)


def _spikes(cls: Any, args: tuple[Any, ...], out: Any) -> bool:
    """Return whether what leaves a Function is spikes, one of each unit; a pooling of spikes is of other units.

    Where nothing spikes, or everything does, other numbers are tried: a product with a state of zeros is 0 too.
    """
    alike = [isinstance(a, torch.Tensor) and isinstance(out, torch.Tensor) and a.shape == out.shape for a in args]
    if not any(alike) or not ((out == 0) | (out == 1)).all():
        return False
    if out.any() and not out.all():
        return True
    numbers = torch.linspace(-3.1, 2.7, out.numel() + 1, dtype=out.dtype)[1:].reshape(out.shape)
    others = [numbers.to(a.dtype) if same and a.is_floating_point() else a for a, same in zip(args, alike, strict=True)]
    try:
        with torch.no_grad():
            found = _inlined(cls, tuple(others))
    except Exception:  # whatever a stranger's code raises: it takes no such numbers
        return True
    return bool(((found == 0) | (found == 1)).all())


def _inlined(cls: Any, args: tuple[Any, ...]) -> Any:
    """Return what a Function's forward does, as operations."""
    given = _Context()
    given.needs_input_grad = tuple(isinstance(a, torch.Tensor) and a.requires_grad for a in args)
    apart = cls.setup_context is not Function.setup_context
    return cls.forward(*args) if apart else cls.forward(given, *args)


@contextmanager
def functions_seen_by(recorder: Recorder) -> Iterator[None]:
    """Route every autograd.Function through a recorder.

    `_SingleLevelFunction` is PyTorch's own business; a test per version holds that it is called (tests/models/reading).
    """

    def apply(cls: Any, *args: Any) -> Any:
        recorder.paused = True
        try:
            out = super(_SingleLevelFunction, cls).apply(*args)
            inline = FORWARD.get() and not _spikes(cls, args, out)
        finally:
            recorder.paused = False
        if inline:
            return _inlined(cls, args)
        recorder.function(cls, args, out)
        return out

    hidden: Any = _SingleLevelFunction
    hidden.apply = classmethod(apply)
    try:
        yield
    finally:
        del hidden.apply
