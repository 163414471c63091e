"""The user's network as we understand it: cells from equations, graphs of other formats, modules of PyTorch.

`equations/` makes a cell of a forward step that is written once (`define`), `nir/` reads and writes NIR graphs,
`reading/` reads PyTorch modules, `modules/` makes subjects of them.
May import `gradcert.properties` (number systems that check what was understood) and `gradcert.reference`.
"""

import importlib
from typing import Any

_ROOMS = ("equations", "modules", "nir", "reading")


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
