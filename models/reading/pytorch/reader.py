"""Reading a module: every step of it in order; and what a reading can be asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from gradcert.models.reading.assemble import assembled
from gradcert.models.reading.network.graphs import as_graph
from gradcert.models.reading.network.written import Written, is_stack, written
from gradcert.models.reading.page import fragment
from gradcert.models.reading.pytorch.capture import Way, capture
from gradcert.models.reading.pytorch.check import check_gradients, check_outputs, collected_by, rows_of
from gradcert.models.reading.pytorch.fold import averaged, fold
from gradcert.models.reading.pytorch.lower import TorchLowering
from gradcert.models.reading.pytorch.recorder import RANDOM, users_own
from gradcert.models.reading.pytorch.refused import refuse_loop
from gradcert.models.reading.pytorch.torch_ import PYTORCH
from gradcert.models.reading.pytorch.whole import refuse_drawn, refuse_numbers
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.record import Step
from gradcert.reference.errors import GradcertError


class ReadModule(Reading):
    """A module as it was read, which can be shown in a notebook and written as networks of the vocabulary."""

    def _repr_html_(self) -> str:
        return fragment(self)

    def network(self, output: int = 0) -> Written:
        """Return the module as networks of the vocabulary.

        Parameters
        ----------
        output : which of the module's outputs the loss reads, from 0.

        Raises
        ------
        GradcertError : for what the vocabulary does not have, and if the network's gradient is not the module's own.
        """
        made = self.unchecked(output)
        return replace(made, rows=rows_of(*check_gradients(made, output)))

    def unchecked(self, output: int = 0) -> Written:
        """Return the same without a look at the module's own gradients."""
        return written(self, output) if is_stack(self, output) else as_graph(self, output)


def read_module(module: Any, x: Any, state: Any = None, time: int | str | None = None) -> ReadModule:
    """Read a module from one step on an example input (`gradcert.models.reading.read`)."""
    made = recorded(module, x, state, time)
    with users_own(x):
        notes, rows = _checked(made)
    return replace(made, notes=(*made.step.notes, *notes), rows=rows)


def read_network(module: Any, x: Any, state: Any = None, time: int | str | None = None, output: int = 0) -> Written:
    """Read a module as networks of the vocabulary: its gradients are compared, the rows that they are not looked for.

    Raises
    ------
    GradcertError : as `read_module` and `ReadModule.network`.
    """
    reading = recorded(module, x, state, time)
    with users_own(x):
        try:
            made = reading.unchecked(output)
        except GradcertError as error:
            check_outputs(reading)
            raise unwritten(reading.title, error) from None
        check_gradients(made, output)
    return made


def unwritten(title: str, error: GradcertError) -> GradcertError:
    """Return why a module is no network, as the refusal of whoever needs one."""
    do = error.do or "gradcert read shows what was read; take this out of the module, or judge the part below it"
    return GradcertError(f"{title} cannot be written as a network: {error.given}", allowed=error.allowed, do=do)


def recorded(module: Any, x: Any, state: Any = None, time: int | str | None = None) -> ReadModule:
    """Return the reading of a module before anything is compared with the module itself."""
    if not isinstance(x, torch.Tensor):
        raise GradcertError(
            f"an example input that is a {type(x).__name__}", allowed="a tensor (batch, ...), such as torch.zeros(2, 3)"
        )
    with users_own(x):
        step, way = capture(module, x, state) if time is None else fold(module, x, time)
        if time is None:
            refuse_numbers(step.nodes, step.x)
            refuse_loop(module, x, step)
        x = way.one_step(x)
        made = _made(step, module, x, state, way)
        plain = averaged(step, made.collects)
        return made if plain is None else _made(plain, module, x, state, way)


def _made(step: Step, module: Any, x: Any, state: Any, way: Way) -> ReadModule:
    made = assembled(ReadModule, TorchLowering(step, PYTORCH), module, x, state, way)
    if way.whole is None:
        return made
    try:
        return replace(made, collects=collected_by(made))
    except GradcertError:
        refuse_drawn(step.nodes)
        raise


def rounded(step: Step) -> list[str]:
    """Return what has to be said of casts to float32, which are no casts in a run in single precision."""
    places = dict.fromkeys(node.where for node in step.nodes if node.single)
    return [
        f"the cast to float32 at {place} is taken for one to float64: in single precision it changes nothing, and what"
        " it rounds in double precision is not looked at"
        for place in places
    ]


def _checked(reading: ReadModule) -> tuple[list[str], tuple[str, ...] | None]:
    """Raise unless the record is the module; return what has to be said beside it, and the rows that it is."""
    drawn = dict.fromkeys(n.where for n in reading.step.nodes if any(word in n.name for word in RANDOM))
    notes = [f"draws random numbers at {', '.join(drawn)}: what is drawn is part of a run"] if drawn else []
    notes += [
        f"autocast at {place} computes part of the module in {dtype}: it was read, and compared, in float64"
        for dtype, place in reading.step.autocast.items()
    ]
    notes += rounded(reading.step)
    try:
        return notes, reading.network().rows
    except GradcertError as error:
        check_outputs(reading)
        if "gradient of" in str(error) or "backward" in str(error):
            raise
        notes.append(f"not written as a network: {error}")
    return notes, None
