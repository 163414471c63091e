"""What a program is made of, as far as its command tells: the program, the files among its words, its own folder.

A program's process cannot be asked what it has loaded, so everything that its folder holds counts: modules that a
script imports, data that it reads. A folder is the script's; without a script, the program's, if it is named by a path;
else the current one. Of a compiled program's folder the shared libraries alone count: what else lies there is as likely
somebody's own. Files that gradcert writes are left out, and so are hidden folders and caches.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gradcert.certify.subjects import sources

MOST, WHOLE = 2000, 256 * 2**20  # files of a folder, and bytes of all of them
CACHES = ("__pycache__",)
COMPILED = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")  # machine code of Linux, Windows, macOS
LIBRARIES = (".so", ".dll", ".dylib")
REPORTS, JOURNAL = (".json", ".jsonl", ".html", ".xml"), b'{"journal": "gradcert-'  # what gradcert writes itself


def report(words: Sequence[str], threads: dict[str, str]) -> dict[str, Any]:
    """Return what a program is made of, in the form of `sources.report`; files by their words, or paths in the folder.

    Parameters
    ----------
    words : of the command.
    threads : settings that it is started with.
    """
    files: dict[str, str] = {}
    program = os.path.abspath(shutil.which(words[0]) or words[0])
    files[words[0] if os.path.basename(words[0]) == words[0] else os.path.basename(program)] = program
    named = [part for word in words[1:] for part in (word, word.partition("=")[2]) if part and os.path.exists(part)]
    scripts = [name for name in named if os.path.isfile(name)]
    files |= {os.path.basename(name): os.path.abspath(name) for name in scripts}
    folders = [Path(name) for name in named if os.path.isdir(name)] + [Path(name).parent for name in scripts]
    if not folders:
        by_path = os.sep in words[0] and os.path.dirname(program) not in os.get_exec_path()
        folders = [Path(program).parent if by_path else Path()]
    compiled = not scripts and _head(program, 4).startswith(COMPILED)
    unseen = []
    for folder in dict.fromkeys(f.resolve() for f in folders):
        found, left = _within(folder, libraries=compiled and str(folder) not in named)
        files |= {path.relative_to(folder).as_posix(): str(path) for path in found}
        unseen += [f"{left} files of the folder {folder.name}, which holds too many"] if left else []
    out = {}
    for name in sorted(files):
        out[name], whole = sources.digest(files[name])
        unseen += [] if whole else [f"the content of {name}, a file of more than {sources.LARGE // 2**20} MiB"]
    where = "reads from its folder, or loads" if compiled else "loads"
    unseen.append(f"what the program {where} from elsewhere, and versions of libraries")
    return {"interpreter": "", "threads": threads, "packages": {}, "files": out, "unseen": unseen}


def _within(folder: Path, *, libraries: bool) -> tuple[list[Path], int]:
    """Return the files of a folder, near ones first, and how many are left out for their number or size."""
    found: list[Path] = []
    size, left = 0, 0
    walked = (p for p in _walk(folder) if not libraries or set(LIBRARIES) & set(p.suffixes))
    for path in sorted(walked, key=lambda p: (len(p.parts), p.as_posix())):
        size += path.stat().st_size
        if len(found) < MOST and size <= WHOLE:
            found.append(path)
        else:
            left += 1
    return found, left


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in CACHES]
        for name in names:
            path = Path(root, name)
            if path.is_file() and not path.is_symlink() and not name.startswith(".") and not _written(path):
                yield path


def _head(path: str, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _written(path: Path) -> bool:
    """Return whether gradcert has written a file: a certificate, a report, vectors, a counterexample, a journal."""
    try:
        with path.open("rb") as file:
            head = file.read(len(JOURNAL))
            return head == JOURNAL or (path.suffix in REPORTS and b"gradcert" in head + file.read(WHOLE))
    except OSError:
        return False
