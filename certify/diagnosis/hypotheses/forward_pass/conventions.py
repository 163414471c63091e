"""Another convention, forward and backward: threshold test, reset, gain, transfer, when the loss counts.

And what stands in the code where the problem says it: constants of the cell, the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.networks import conventions, with_cells, with_convention, with_loss


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield networks with another convention in every layer that has it, or turned round in each (``not strict``)."""
    known = [(c.option, value) for cell in bench.network.cells for c in conventions(cell) for value in c.values]
    for option, value in dict.fromkeys(known):
        yield of_run("convention", f"{option} = {value}", f"{option}={value!r}", _switched(option, value))
    yield of_run("convention", "not strict", "the other threshold test, > for >= or the reverse", _turned)
    yield of_run("convention", "the other reset", "the reset on the other side of the product", _other_side)
    for when in ("every", "last"):
        yield of_run("loss", f"when = {when}", f"a loss at {when} step", _when(when))
    usual: dict[str, float] = {}
    for cell in bench.network.cells:
        other = {name: value for name, value in defaults(cell).items() if getattr(cell, name) != value}
        usual |= {name: value for name, value in other.items() if name not in usual}
    for names in (*((name,) for name in usual), *((tuple(usual),) if len(usual) > 1 else ())):
        said = ", ".join(f"{name} = {usual[name]:g}" for name in names)
        fixed = {name: usual[name] for name in names}
        yield of_run("constant", said, f"{said} in the code, whatever the problem says", partial(_fixed, fixed))
    for kind, words in (("squared_error", "a squared error"), ("cross_entropy", "a cross entropy")):
        for when in ("every", "last"):
            label = f"{words} at {when} step, whatever the problem says"
            yield of_run("loss", f"{kind} of {when}", label, partial(_loss, kind, when))


def defaults(cell: Any) -> dict[str, float]:
    """Return the numbers that a cell has where nobody says others, of those that a problem draws."""
    drawn: Any = cell.constants()
    mine = fields(cell) if is_dataclass(cell) else ()
    return {f.name: f.default for f in mine if f.name in drawn and isinstance(f.default, int | float)}


def _fixed(constants: dict[str, float], bench: Bench) -> Bench | None:
    def change(cell: Any) -> Any:
        mine = {name: value for name, value in constants.items() if name in defaults(cell)}
        return replace(cell, **mine) if mine else cell

    return _changed(bench, change)


def _loss(kind: str, when: str, bench: Bench) -> Bench | None:
    if not bench.network.loss.plain:
        return None
    return bench.again(network=with_loss(bench.network, kind=kind, when=when))


def _changed(bench: Bench, change: Any) -> Bench | None:
    network = with_cells(bench.network, change)
    return bench.again(network=network) if network != bench.network else None


def _switched(option: str, value: Any) -> Any:
    return lambda bench: _changed(bench, lambda cell: with_convention(cell, option, value))


def _turned(bench: Bench) -> Bench | None:
    return _changed(bench, lambda cell: with_convention(cell, "strict", not getattr(cell, "strict", True)))


def _other_side(bench: Bench) -> Bench | None:
    sides = {"before": "after", "after": "before"}
    return _changed(bench, lambda cell: with_convention(cell, "reset", sides.get(getattr(cell, "reset", ""))))


def _when(when: str) -> Any:
    def compute(bench: Bench) -> Bench | None:
        if bench.network.loss.when == when:
            return bench
        return bench.again(network=replace(bench.network, loss=replace(bench.network.loss, when=when)))

    return compute
