"""An input that a module takes, where nobody said one: of one step, or else a sequence, with its axis of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gradcert.models.modules.build import inputs
from gradcert.models.modules.errors import UnreadError
from gradcert.reference.errors import GradcertError

Made = TypeVar("Made")
SIZES = 4  # that an input may have
SHAPES = {None: (2,), 0: (5, 2), 1: (2, 5)}  # by the axis of time, without the size
# what only says that the module takes something else, or that nothing is repeated along an axis
ELSEWHERE = (
    "the module raises ",
    "on x of (",
    "no loop over time",
    "does the same for one step",
    "takes the example for a sequence",
    "loops over time itself",
)


def tried(
    module: Any,
    read: Callable[[tuple[int, ...], int | None], Made],
    time: int | None = None,
    *,
    known: bool = False,
) -> tuple[Made, tuple[int, ...], int | None]:
    """Read a module on inputs that it may take, as one that takes a step, or else a sequence.

    Parameters
    ----------
    read : reads it, given the shape of an example and the axis of time, None for a module of one step.
    time : the axis of time, where it was said; `known` : it was found before, None too.

    Returns
    -------
    What was read, on an example of which shape, along which axis of time.

    Raises
    ------
    GradcertError : if none can be read: why the first cannot whose sentence does not say that it is no such input.
    """
    sizes = inputs(module)
    if not sizes:
        raise UnreadError("no example input", do="say its shape, with the batch first: example=(32, 700)")
    errors: list[GradcertError] = []
    times = (None, 0, 1) if time is None and not known else (time,)
    for axis, size in ((t, n) for t in times for n in sizes[:SIZES]):
        shape = (*SHAPES[axis], size)
        try:
            return read(shape, axis), shape, axis
        except GradcertError as error:
            errors.append(error)
        except Exception as error:  # whatever a stranger's code raises
            said = f"{type(error).__name__}: {str(error)[:200]}"
            errors.append(UnreadError(f"reading {type(module).__name__} on x of {shape} raised {said}"))
    raise next((e for e in errors if not any(words in str(e) for words in ELSEWHERE)), errors[0])
