"""Files of a subject that are loaded with another content than they have: nothing is written anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from typing import Any


def install(texts: Mapping[str, str]) -> None:
    """Have files loaded as if they held other texts.

    Parameters
    ----------
    texts : real path -> text.
    """
    usual = SourceFileLoader.get_code

    def code(loader: Any, name: str) -> Any:
        text = texts.get(os.path.realpath(loader.path))
        if text is None:
            return usual(loader, name)
        return compile(text, loader.path, "exec", dont_inherit=True)

    SourceFileLoader.get_code = code  # type: ignore[method-assign, assignment]
