"""Cells: one file each. `CELLS` is the registry; adding a cell is adding a file and a row.

A cell of somebody else is called ``path/to/file.py:attribute``; its file is run where that is asked for (`elsewhere`).
"""

from typing import Any

from gradcert.reference.networks.cells import elsewhere
from gradcert.reference.networks.cells.alif import Alif
from gradcert.reference.networks.cells.elsewhere import KEPT, allow, aside, attribute_of, file_of, place, readable
from gradcert.reference.networks.cells.gru import Gru
from gradcert.reference.networks.cells.integrator import Integrator
from gradcert.reference.networks.cells.leaky_rnn import LeakyRnn
from gradcert.reference.networks.cells.lif import Lif
from gradcert.reference.networks.cells.lstm import Lstm
from gradcert.reference.networks.cells.ltc import Ltc
from gradcert.reference.networks.cells.refractory import Refractory
from gradcert.reference.networks.cells.rnn import Rnn
from gradcert.reference.networks.cells.snu import Snu
from gradcert.reference.networks.cells.ssnu import Ssnu
from gradcert.reference.networks.cells.synaptic import Synaptic
from gradcert.reference.notebook import of_cell

CELLS = {
    cell.name: cell for cell in (Snu, Ssnu, Lif, Refractory, Synaptic, Alif, Ltc, Rnn, LeakyRnn, Lstm, Gru, Integrator)
}

_cell: Any
for _cell in CELLS.values():  # and of what derives from one
    _cell._repr_html_ = of_cell


def cell_named(name: str, *, run: bool = False) -> Any:
    """Return a cell class by its name; `run` says that the file of a cell of somebody else's may be run.

    Examples
    --------
    >>> cell_named("lif") is Lif
    True
    """
    return elsewhere.find(name, CELLS, run=run)


__all__ = [
    "CELLS",
    "Alif",
    "Gru",
    "Integrator",
    "LeakyRnn",
    "Lif",
    "Lstm",
    "Ltc",
    "Refractory",
    "Rnn",
    "Snu",
    "Ssnu",
    "Synaptic",
]
__all__ += ["KEPT", "allow", "aside", "attribute_of", "cell_named", "file_of", "place", "readable"]
