"""Files of a subject are compiled from what is in them now, or from another content that is given; nothing is written.

Bytecode that Python cached knows a file by the second in which it was written and by its size: an edit of one word by
another of the same length, within a second, would run as what it was before, under the digest of what it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from typing import Any

from gradcert.certify.subjects.sources import own


def install(texts: Mapping[str, str]) -> None:
    """Have the subject's own files compiled anew, some of them as if they held other texts.

    Parameters
    ----------
    texts : real path -> text.
    """
    usual = SourceFileLoader.get_code

    def code(loader: Any, name: str) -> Any:
        text: str | bytes | None = texts.get(os.path.realpath(loader.path))
        if text is None:
            if not own(loader.path):
                return usual(loader, name)
            text = loader.get_data(loader.path)
        return compile(text, loader.path, "exec", dont_inherit=True)

    SourceFileLoader.get_code = code  # type: ignore[method-assign, assignment]
