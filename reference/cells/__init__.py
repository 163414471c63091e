"""Cells: one file each. `CELLS` is the registry; adding a cell is adding a file and a row."""

from gradcert.reference.cells.lif import Lif
from gradcert.reference.cells.rnn import Rnn
from gradcert.reference.cells.snu import Snu
from gradcert.reference.cells.ssnu import Ssnu

CELLS = {cell.name: cell for cell in (Snu, Ssnu, Lif, Rnn)}

__all__ = ["CELLS", "Lif", "Rnn", "Snu", "Ssnu"]
