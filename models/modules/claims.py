"""What a module claims, as its reading says it: cells as data, a stack of layers or a graph, the rule that it cuts to.

Where every size of the network is an argument of its own, problems have any size; else the claim fixes small ones that
the module can be built at, or its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from gradcert.models.modules.build import Build, example
from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.parameters import parts
from gradcert.models.modules.psi import formula
from gradcert.models.modules.spelled import (
    LARGEST,
    SMALL,
    Read,
    Told,
    alike,
    at_sizes,
    check_begin,
    is_stack,
    spelled,
)
from gradcert.models.modules.states import first_state
from gradcert.models.modules.training import asks, draws, put
from gradcert.models.modules.trying import tried
from gradcert.models.reading.forward import forward_alone
from gradcert.models.reading.network.graphs import as_graph
from gradcert.models.reading.pytorch.check import rows_by_cuts
from gradcert.models.reading.pytorch.held import peek, slots, unhooked
from gradcert.models.reading.pytorch.reader import ReadModule, recorded, rounded
from gradcert.reference.errors import GradcertError

# what a module that takes whole sequences returns of its steps -> of what the loss of the claim is
WHEN = {"the last step": "last", "the sum over steps": "sum", "the mean over steps": "mean",
        "the maximum over steps": "max"}  # fmt: skip
FURTHER = (1, 17)  # units more than its own, at which it is read again


@dataclass(frozen=True)
class How:
    """How a module is read.

    Attributes
    ----------
    example : shape of an input of one step with the batch first. `time` : the axis of time of one that takes sequences.
    state : module -> the state before the first step, for as many samples as the example has.
    builtin : whether the claim is about gradcert's own cells, all layers alike, as algorithms that are no row want it.
    found : whether `time` was found by trying, where None is a module of one step.
    trains : whether it is read in train(), as code that asks for that runs; else in eval().
    """

    example: tuple[int, ...] | None = None
    state: Callable[[Any], Any] | None = None
    time: int | None = None
    builtin: bool = False
    found: bool = False
    trains: bool = False


def read(
    build: Build,
    how: How,
    sizes: Mapping[str, int] | None = None,
    inputs: int | None = None,
    *,
    graph: bool = False,
) -> Read:
    """Read the forward pass of a module, at some size.

    Parameters
    ----------
    sizes, inputs : arguments of the class, and the size of the example, where they are others.
    graph : write it as a graph, also where it is a stack.

    Raises
    ------
    GradcertError : for what cannot be read, or written as a network.
    """
    module = unhooked(put(build(sizes), trains=how.trains))  # its own backward is judged, not read
    shape = how.example
    if inputs is not None and shape is not None:
        shape = (*shape[:-1], inputs)
    with forward_alone():
        reading = _tried(module, how)[0] if shape is None else _as_told(module, shape, how)
        made = as_graph(reading) if graph else reading.unchecked()
    own = {name: p.detach().double() for name, p in module.named_parameters()}
    return Read(reading, made, parts(made, {name: p.numpy() for name, p in own.items()}), own)


def _as_told(module: Any, shape: tuple[int, ...], how: How) -> ReadModule:
    x = example(shape)
    return recorded(module, x, None if how.time is not None else _state(module, x, how), how.time)


def _state(module: Any, x: Any, how: How) -> Any:
    return first_state(module, x) if how.state is None else how.state(module)


def settled(build: Build, how: How) -> How:
    """Return how a module is read at every size: along the axis of time that it is read along at its own.

    At others a sequence may be what it takes for a step: two samples of two numbers, say. Code that asks whether it
    trains is read as it trains, unless it draws random numbers then.

    Raises
    ------
    GradcertError : for what cannot be read along any axis.
    """
    if asks(build()):
        try:
            trained = _settled(build, replace(how, trains=True))
            if not draws(read(build, trained).reading):
                return trained
        except Exception:  # whatever a module raises that is read as it trains: it is read in eval, and that is said
            pass
    return _settled(build, how)


def _settled(build: Build, how: How) -> How:
    if how.example is not None or how.time is not None:
        return how
    with forward_alone():
        return _tried(unhooked(put(build(), trains=how.trains)), how)[1]


def _tried(module: Any, how: How) -> tuple[ReadModule, How]:
    """Read a module on an input that it takes, by trying: as what can be written as a network."""

    def read_as(shape: tuple[int, ...], time: int | None) -> ReadModule:
        reading = _as_told(module, shape, replace(how, time=time))
        reading.unchecked()
        return reading

    try:
        reading, _, time = tried(module, read_as, how.time, known=how.found)
        return reading, replace(how, time=time, found=True)
    except GradcertError as error:
        if "loops over time itself" not in str(error):
            raise
        raise UnreadError(
            f"{type(module).__name__}, which loops over time itself",
            allowed="a module of one step, or of sequences (time, batch, ...) or (batch, time, ...)",
            do="judge it where it runs: gradcert.watch; or make its step a module of its own",
        ) from None


def told(build: Build, how: How) -> Told:
    """Read a module and return what it claims.

    Raises
    ------
    GradcertError : for what cannot be read or claimed.
    """
    base = read(build, how)
    if base.written.full.graph is None and not is_stack(base):
        base = read(build, how, graph=True)
    with forward_alone():
        rows = rows_by_cuts(base.written)
    _check(base)
    controls, small, free = _controls(build, how, base)
    distinct = all(controls) and len(set(controls)) == len(controls)
    why = "with one unit a layer it is another" if distinct else "not each is a whole-number argument of its own"
    graph = base.written.full.graph is not None
    if not _alike_elsewhere(build, how, controls, base, small, free=free):
        free, why = False, "its code has numbers, or branches, that are others at other sizes"
        if max(base.sizes) <= LARGEST:  # then those that it was asked for
            small, controls = base.sizes, (None,) * len(controls)
    if not free and small != base.sizes:
        base, _ = _read_at(build, how, controls, small, graph=graph)
    found = spelled(base, build.name, rows, () if free else small, formula, builtin=how.builtin)
    spec = found.spec
    collects = base.reading.collects
    if collects and collects[0].endswith("over the number of steps"):
        raise UnreadError(
            f"{build.name}, which returns {collects[0]}: of what is no plain sum of every step's, or is read elsewhere",
            allowed="a sum that begins with 0, over the number of steps; or a mean of what every step gives",
            do="return the sum, and divide in the loss; or judge it where it runs: gradcert.watch",
        )
    if collects and collects[0] in WHEN:
        spec["when"] = [WHEN[collects[0]]]
    sizes = ", ".join(map(str, small))
    notes = [] if free else [f"{build.name} is judged at sizes {sizes} alone: {why}"]
    if _fixed_batch(build, base):
        spec["B"] = base.reading.batch
        notes.append(f"{build.name} is judged with {base.reading.batch} samples: it holds states for so many")
    elif not _any_batch(build, how, base):
        spec["B"] = base.reading.batch
        notes.append(f"{build.name} is judged with {base.reading.batch} samples: its code says another thing of others")
    notes += ["its dropout is off: it is judged as it is in eval()"] if _random(build) else []
    if any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in build().modules()):
        notes.append("its batch normalisation is that of eval(), by what it keeps: training with it was not looked at")
    if places := asks(build()):
        mode = "train(), with dropout and batch normalisation in eval()" if how.trains else "eval(), and not in train()"
        notes.append(f"{' and '.join(places)}: the code asks whether it trains; it is judged in {mode}")
    notes += rounded(base.reading.step)
    return replace(found, controls=controls, notes=(*found.notes, *notes))


def _check(base: Read) -> None:
    """Raise for what a problem cannot give a module."""
    check_begin(base)
    if base.reading.way.whole == "inside":
        raise UnreadError("a module that loops over one input", do="judge it where it runs: gradcert.watch")


def _fixed_batch(build: Build, base: Read) -> bool:
    """Return whether a new module holds states for a number of samples."""
    held = slots(build())
    values = [peek(held[s.name]) for s in base.reading.step.slots[base.reading.step.explicit :] if s.name in held]
    return any(isinstance(v, torch.Tensor) and v.dim() > 1 and len(v) == base.reading.batch > 1 for v in values)


def _any_batch(build: Build, how: How, base: Read) -> bool:
    """Return whether a module says the same of another number of samples, as far as one example more tells."""
    if base.reading.way.time is not None:  # of a sequence, whose step is read of as many samples
        return True
    samples, *rest = base.reading.step.nodes[base.reading.step.x].shape
    more = (samples + 1, *rest)
    try:
        there = read(build, replace(how, example=more), graph=base.written.full.graph is not None)
    except Exception:  # a module of one number of samples, which its own check is for
        return True
    return alike(there, base, build.name, formula)


def _random(build: Build) -> bool:
    kinds = ("Dropout", "AlphaDropout", "Dropout1d", "Dropout2d", "RNNBase")
    return any(type(m).__name__ in kinds and getattr(m, "p", 0) for m in build().modules())


def _controls(build: Build, how: How, base: Read) -> tuple[tuple[str | None, ...], tuple[int, ...], bool]:
    """Return the argument that every size of the network is, small sizes, and whether it can be built at any."""
    own = base.sizes
    controls: list[str | None] = [None] * len(own)
    for name, value in build.sizes.items():
        found = _sizes_at(build, how, {name: value + 1}, own, name)
        for i, size in enumerate(found or ()):
            if size == own[i] + 1 == value + 1:
                controls[i] = name
    turns: dict[str, int] = {}
    for i, control in enumerate(controls):
        if control is not None:
            turns.setdefault(control, SMALL[i % len(SMALL)])

    def built(wanted: Mapping[str, int]) -> bool:
        sizes = tuple(n if c is None else wanted[c] for n, c in zip(own, controls, strict=True))
        return _sizes_at(build, how, wanted, own, *turns) == sizes

    if not built(turns):
        controls, turns = [None] * len(own), {}
    distinct = all(controls) and len(set(controls)) == len(controls)
    free = distinct and built(dict.fromkeys(turns, 1))  # the smallest that cases have
    small = tuple(n if c is None else turns[c] for n, c in zip(own, controls, strict=True))
    if max(small) > LARGEST:
        raise UnreadError(
            f"{build.name} at sizes {', '.join(map(str, small))}",
            allowed=f"sizes that are arguments, or up to {LARGEST}",
            do="make them arguments of the class; or judge it where it runs: gradcert.watch",
        )
    return tuple(controls), small, free


def _sizes_at(
    build: Build, how: How, sizes: Mapping[str, int], own: tuple[int, ...], *names: str
) -> tuple[int, ...] | None:
    """Return the sizes of the network at other arguments; None where it cannot be built or read there."""
    for inputs in (None, *(sizes[name] for name in names)) if how.example is not None else (None,):
        try:
            found = read(build, how, sizes, inputs).sizes
        except Exception:  # a size that the module does not take
            continue
        if len(found) == len(own):
            return found
    return None


def at(build: Build, how: How, said: Told, sizes: tuple[int, ...]) -> tuple[Read, dict[str, int]]:
    """Read a module at the sizes of a problem; return the arguments too.

    Raises
    ------
    UnreadError : if it cannot be built at them.
    """
    found, values = _read_at(build, how, said.controls, sizes, graph="network" in said.spec)
    return at_sizes(found, said, build.name, sizes), values


def _alike_elsewhere(
    build: Build, how: How, controls: tuple[str | None, ...], base: Read, small: tuple[int, ...], *, free: bool
) -> bool:
    """Return whether a module says the same at other sizes: at small ones, and where sizes are free at two larger ones.

    Every size is another there than its own: what is made of one size may be the same where that one is.
    """
    own = base.sizes
    elsewhere = [tuple(n if c is None else n + more for n, c in zip(own, controls, strict=True)) for more in FURTHER]
    for sizes in (*(elsewhere if free else ()), *((small,) if small != own else ())):
        try:
            there, _ = _read_at(build, how, controls, sizes, graph=base.written.full.graph is not None)
        except Exception:  # a size that the module does not take
            return False
        if not alike(there, base, build.name, formula):
            return False
    return True


def _read_at(
    build: Build, how: How, controls: tuple[str | None, ...], sizes: tuple[int, ...], *, graph: bool
) -> tuple[Read, dict[str, int]]:
    values = {c: n for c, n in zip(controls, sizes, strict=True) if c is not None}
    return read(build, how, values, sizes[0] if controls[0] is not None else None, graph=graph), values
