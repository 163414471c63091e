"""The line that installs what is missing, true for where this gradcert came from."""

from __future__ import annotations

import json
from importlib import metadata
from urllib.parse import unquote, urlsplit


def install(extra: str = "") -> str:
    """Return the line that installs gradcert with an extra from where this one came from.

    Parameters
    ----------
    extra : a name of ``[project.optional-dependencies]``, several with commas, or "" for none.

    Returns
    -------
    ``pip install 'gradcert[EXTRA]'`` where the package came from an index. Where its metadata tell of a folder, a
    file or a repository (PEP 610), that is named: there is nothing else to be had.

    Examples
    --------
    >>> install("torch").startswith("pip install") and "[torch]" in install("torch")
    True
    """
    return line(_origin(), extra)


def line(origin: dict[str, object], extra: str) -> str:
    """Return the line for what ``direct_url.json`` says.

    Examples
    --------
    >>> line({}, "nir")
    "pip install 'gradcert[nir]'"
    >>> line({"url": "file:///home/me/gradcert", "dir_info": {"editable": True}}, "nir")
    "pip install -e '/home/me/gradcert[nir]'"
    >>> line({"url": "https://example.org/gradcert", "vcs_info": {"vcs": "git"}}, "")
    "pip install 'gradcert @ git+https://example.org/gradcert'"
    """
    brackets = f"[{extra}]" if extra else ""
    url, folder, repository = str(origin.get("url", "")), origin.get("dir_info"), origin.get("vcs_info")
    if isinstance(folder, dict):
        editable = "-e " if folder.get("editable") else ""
        return f"pip install {editable}'{unquote(urlsplit(url).path)}{brackets}'"
    if isinstance(repository, dict):
        url = f"{repository.get('vcs', 'git')}+{url}"
    return f"pip install 'gradcert{brackets} @ {url}'" if url else f"pip install 'gradcert{brackets}'"


def _origin() -> dict[str, object]:
    try:
        told = json.loads(metadata.distribution("gradcert").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
