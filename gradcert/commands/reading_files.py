"""The files that ``gradcert read`` writes: cells, a claim, a graph of NIR."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def check_names(cells: str | None) -> None:
    """Raise for a file of cells that is neither data nor Python, before anything is read."""
    from gradcert.reference.errors import GradcertError

    if cells is not None and not cells.endswith((".toml", ".py")):
        raise GradcertError(f"--write-cells {cells}", allowed="a file .toml or .py")


def write(
    name: str, reading: Any, example: tuple[int, ...], *, cells: str | None, claim: str | None, nir: str | None
) -> None:
    """Write what was asked for.

    Parameters
    ----------
    name : of the module, as it stands on the command line.
    reading : of it (`gradcert.models.reading.read`). `example` : the shape of its input.
    cells, claim, nir : files. A claim without a file for its cells has one beside it, claim_cells.toml.

    Raises
    ------
    GradcertError : for what these files cannot say, or one that cannot be written.
    """
    from gradcert.commands.modules import found_named
    from gradcert.models.equations import files
    from gradcert.models.modules import ModuleSubject, writing
    from gradcert.reference.errors import GradcertError

    comment = f"Read from {name} by gradcert."
    if cells is not None or claim is not None:
        given = example if reading.way.whole is not None or len(example) != 2 else None
        found, how = found_named(name), {"example": given, "time": reading.way.whole}
        try:
            told = ModuleSubject(found, **how).told
        except GradcertError:
            if reading.state is None:
                raise
            told = ModuleSubject(found, **how, state=lambda _: reading.state).told  # at its own size alone
        where = cells or f"{Path(str(claim)).with_suffix('')}_cells.toml"
        if told.records:
            as_python = where.endswith(".py")
            text = writing.python(told.records, comment) if as_python else files.written(told.records, (comment,))
            writing.save(where, text)
        elif cells is not None:
            raise GradcertError(f"cells of {name}, all of which gradcert has", do="--write-claim names them")
        if claim is not None:
            beside = os.path.relpath(where, Path(claim).parent)
            writing.save(claim, writing.claim(told.spec, dict.fromkeys(told.cells, beside), comment))
    if nir is not None:
        made = writing.nir(reading.unchecked(), dict(reading.module.named_parameters()))
        import nir as graphs

        try:
            graphs.write(nir, made.graph)
        except OSError as error:
            raise GradcertError(f"{nir}: {error.strerror}") from None
