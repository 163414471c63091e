"""What a subject is made of, as its process sees it: files by content, packages by version, interpreter, threads.

An audit hook, set before the subject is imported, notes the files that Python opens. Modules are found in
``sys.modules``, shared objects in ``/proc/self/maps``. Files of the standard library and of installed packages are
covered by versions; ours, by the digest of the reference and the version of the suite. Needs nothing but the standard
library.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
LARGE = 256 * 2**20  # bytes; the name and the size stand for a larger file
MOST = 2000  # files
INSTALLED = ("site-packages", "dist-packages")  # folders of packages
CODE = (".py", ".pyc", ".so", ".pyd", ".dylib")
SITE = ("__editable__", "_distutils_hack", "_virtualenv", "sitecustomize")  # of no distribution
_OPENED: dict[str, bool] = {}  # path -> whether it was first opened for writing
_STANDARD = tuple({os.path.join(os.path.realpath(sysconfig.get_path(n)), "") for n in ("stdlib", "platstdlib")})


def watch() -> None:
    """Note from now on which files this process opens."""
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, (str, bytes)):
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR)) if mode is None else "r" not in mode or "+" in mode
            _add(path, writes)
    elif event == "ctypes.dlopen" and isinstance(arguments[0], (str, bytes)):
        _add(arguments[0], False)
    elif event == "subprocess.Popen":  # a helper of the subject's, and what it is told to read
        for word in (arguments[0], *(arguments[1] or ())):
            if isinstance(word, (str, bytes)):
                _add(word, False)


def _add(path: str | bytes, writes: bool) -> None:
    with contextlib.suppress(ValueError, OSError):  # no name of a file: the subject's own call will say so
        _OPENED.setdefault(os.path.abspath(os.fsdecode(path)), writes)


@lru_cache(maxsize=4096)
def own(path: str) -> bool:
    """Return whether a file belongs neither to the standard library, nor to an installed package, nor to gradcert.

    Examples
    --------
    >>> own(os.__file__), own("<string>"), own("/home/somebody/rule.py")
    (False, False, True)
    """
    if not os.path.isabs(path):
        return False
    real = os.path.realpath(path)
    return not ours(path) and not set(INSTALLED) & set(real.split(os.sep))


def ours(path: str) -> bool:
    """Return whether a file belongs to the standard library or to gradcert.

    Examples
    --------
    >>> ours(os.__file__), ours(__file__), ours("/home/somebody/rule.py")
    (True, True, False)
    """
    return os.path.realpath(path).startswith((*_STANDARD, *_ours(len(sys.modules))))


@lru_cache(maxsize=16)
def _ours(_: int) -> tuple[str, ...]:
    """Return the folders of the packages that are loaded, of so many modules: it is asked for thousands of files."""
    rooms = [module for name, module in list(sys.modules.items()) if name == "gradcert" or name.startswith("gradcert.")]
    found = [place for module in rooms for place in getattr(module, "__path__", ())]
    return tuple(os.path.join(os.path.realpath(place), "") for place in found)


def written() -> int:
    """Return the bytes of the files that Python has opened for writing, as far as they are still there."""
    total = 0
    for path in [path for path, writes in _OPENED.items() if writes]:
        with contextlib.suppress(OSError):
            total += 512 * os.stat(path).st_blocks
    return total


def report(name: str, function: Any = None) -> dict[str, Any]:
    """Return what the subject in this process is made of.

    Parameters
    ----------
    name : how it was loaded: ``package.module:attribute`` or ``path/to/file.py:attribute``.
    function : a callable that was not loaded but forked: then the modules that it can reach count, and no other.

    Returns
    -------
    ``interpreter``; ``threads``: settings; ``packages``: distribution -> version; ``files``: name -> SHA-256, modules
    by their names, other files of the subject's folder by their paths in it; ``unseen``: what is not covered.
    """
    modules = dict(sys.modules) if function is None else reachable(function)
    files = {module.__name__: path for module, path in _own(modules)}
    home = _home(name, modules)
    if home is not None and function is None:
        known = set(files.values())
        for path in sorted({*_read(), *_mapped()}):
            inside = path.startswith(os.path.join(home, ""))
            if path not in known and own(path) and (inside or path.endswith(CODE)) and os.path.isfile(path):
                files[os.path.relpath(path, home) if inside else os.path.basename(path)] = path
    unseen = [] if len(files) <= MOST else [f"{len(files) - MOST} of {len(files)} files"]
    out: dict[str, str] = {}
    for key in sorted(files)[:MOST]:
        out[key], whole = digest(files[key])
        unseen += [] if whole else [f"the content of {key}, a file of more than {LARGE // 2**20} MiB"]
    return {
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "packages": packages(modules),
        "files": out,
        "unseen": unseen,
    }


def valid(said: Mapping[str, Any]) -> bool:
    """Return whether something has the form of a report: it came from a stranger's process.

    Examples
    --------
    >>> valid(report("os:getcwd")), valid({"files": {"a": 1}})
    (True, False)
    """
    tables = [said.get(name) for name in ("threads", "packages", "files")]
    texts = [k for t in tables if isinstance(t, Mapping) for pair in t.items() for k in pair]
    unseen = said.get("unseen")
    return (
        set(said) == {"interpreter", "threads", "packages", "files", "unseen"}
        and all(isinstance(t, Mapping) for t in tables)
        and isinstance(unseen, list)
        and all(isinstance(text, str) and len(text) < 1000 for text in (*texts, *unseen, said["interpreter"]))
    )


def digest(path: str) -> tuple[str, bool]:
    """Return the SHA-256 of a file, or of its size where it is too large, and whether it is of the content."""
    total = hashlib.sha256()
    try:
        size = os.path.getsize(path)
        if size > LARGE:
            return hashlib.sha256(f"{size} bytes".encode()).hexdigest(), False
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                total.update(part)
    except OSError as error:
        total.update(str(error.strerror).encode())
    return total.hexdigest(), True


def _own(modules: Mapping[str, ModuleType]) -> Iterator[tuple[ModuleType, str]]:
    """Yield modules whose files are no library's, with their paths."""
    for name, module in modules.items():
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and name == getattr(module, "__name__", "") and name != "__main__":
            path = os.path.abspath(path)
            if own(path) and os.path.isfile(path):
                yield module, path


def _home(name: str, modules: Mapping[str, ModuleType]) -> str | None:
    """Return the folder of a subject: of its file, or of its package."""
    where = name.rpartition(":")[0]
    if where.endswith(".py"):
        return os.path.dirname(os.path.abspath(where))
    module = modules.get(where.partition(".")[0])
    places: list[str] = [*getattr(module, "__path__", ()), *filter(None, [getattr(module, "__file__", None)])]
    if not places:
        return None
    return os.path.abspath(places[0]) if os.path.isdir(places[0]) else os.path.dirname(os.path.abspath(places[0]))


def _read() -> Iterator[str]:
    """Yield the files that were opened for reading; the source in place of what it was compiled to."""
    for path, writes in list(_OPENED.items()):
        if not writes:
            source = path
            if path.endswith(".pyc"):
                with contextlib.suppress(ValueError):
                    source = importlib.util.source_from_cache(path)
            yield source if os.path.exists(source) else path


def _mapped() -> Iterator[str]:
    """Yield the files that are mapped into this process."""
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            parts = line.rstrip("\n").split(maxsplit=5)
            if len(parts) == 6 and parts[5].startswith("/"):
                yield parts[5]


def packages(modules: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version of the installed packages among modules."""
    from importlib import metadata

    tops = set()
    for name in modules:
        top = name.partition(".")[0]
        path = getattr(sys.modules.get(top), "__file__", None) or ""
        installed = set(INSTALLED) & set(str(path).split(os.sep)) and not top.startswith(SITE)
        if installed or top == "gradcert":
            tops.add(top)
    out, left = {}, set()
    for top in tops:
        try:
            found = metadata.distribution(top)
            out[found.name] = found.version
        except (metadata.PackageNotFoundError, ValueError):
            left.add(top)
    if left:
        owners = metadata.packages_distributions()
        for top in left:
            for name in owners.get(top, ()):
                out[name] = metadata.version(name)
    return dict(sorted(out.items()))


def reachable(function: Any) -> dict[str, ModuleType]:
    """Return the modules that a callable's own module refers to, and so on through modules that are no library's."""
    found: dict[str, ModuleType] = {}
    waiting = [getattr(function, "__module__", None) or type(function).__module__]
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name) if isinstance(name, str) else None
        if module is None or name in found:
            continue
        found[name] = module
        if own(os.path.abspath(getattr(module, "__file__", None) or os.__file__)):
            for value in list(vars(module).values()):
                waiting.append(value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None))
    return found
