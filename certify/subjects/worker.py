"""The process that a subject lives in: one JSON line per problem comes in, one JSON line with arrays goes out.

Run as a file, by any interpreter that has NumPy: where gradcert is not installed, its rooms are found through the
``rooms`` mapping on the command line. Nothing that the subject prints can reach the protocol: standard output is moved
away before the subject is imported. Arrays travel as base64 of their bytes; nothing is ever unpickled.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Call = tuple[tuple[Any, ...], dict[str, Any]]  # arguments by place, and by name
PR_SET_THP_DISABLE = 41  # linux/prctl.h


def install_rooms(rooms: Mapping[str, str]) -> None:
    """Make ``gradcert`` and its rooms importable, if they are not."""
    if importlib.util.find_spec("gradcert") is not None:
        return

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> Any:
            if name not in rooms:
                return None
            start = Path(rooms[name]) / "__init__.py"
            return importlib.util.spec_from_file_location(name, start, submodule_search_locations=[rooms[name]])

    sys.meta_path.insert(0, Finder)


def limit_memory(mebibytes: int | None) -> None:
    """Limit the data that this process may hold."""
    if mebibytes is None:
        return
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        limit = mebibytes * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def trace() -> None:
    """Count what Python allocates from now on; have the system count pages one by one, not in huge ones (Linux)."""
    import tracemalloc

    tracemalloc.start(1)
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def load(name: str) -> Any:
    """Return the object called ``package.module:attribute`` or ``path/file.py:attribute``.

    Words after it say how a module, or a step function of JAX, is read: ``file.py:step --params make --example
    x=(8,12)``.
    """
    where, _, attribute = name.rpartition(":")
    attribute, options, words = attribute.partition(" --")
    if options:
        return _told(where, attribute, shlex.split(f"--{words}"))
    found, call = _found(where, attribute)[1:]
    if call is None:
        return found
    from gradcert.certify.subjects.modules import Arguments

    return Arguments(found, *call[0], **call[1])


def _told(where: str, attribute: str, words: list[str]) -> Any:
    """Return a module, or a step function of JAX, as a subject."""
    from gradcert.certify.subjects.modules import told_by, without_jax

    try:
        module, found, call = _found(where, attribute)
    except ModuleNotFoundError as error:
        without_jax(error)
        raise
    return told_by(f"{where}:{attribute}", module, found, call, words)


def _found(where: str, attribute: str) -> tuple[Any, Any, Call | None]:
    """Return a module, run, what is called so in it, and the arguments behind the name, if there are any."""
    if where.endswith(".py"):
        path = Path(where).resolve()
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError(f"there is no file {where}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    else:
        beside()
        module = importlib.import_module(where)
    attribute, call = called(attribute)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part) and (near := _near(part, [k for k, v in vars(found).items() if callable(v)])):
            raise AttributeError(f"{where} has no attribute {part!r}; did you mean {near!r}?")
        found = getattr(found, part)
    return module, found, call


def beside() -> None:
    """Find modules of this folder first, and last those of its ``src``: of a project that is not installed."""
    sys.path.insert(0, os.getcwd())
    if os.path.isdir("src"):
        sys.path.append(os.path.abspath("src"))


def called(attribute: str) -> tuple[str, Call | None]:
    """Tell a name and the arguments behind it apart: ``Model(3, hidden=4)``; None where there are no parentheses."""
    name, parenthesis, rest = attribute.partition("(")
    if not parenthesis or not rest.endswith(")"):
        return attribute, None
    try:
        call: Any = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(call.func, ast.Name) or any(k.arg is None for k in call.keywords):
            raise ValueError
        by_name = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        return name, (tuple(map(ast.literal_eval, call.args)), by_name)
    except (ValueError, SyntaxError, AttributeError):
        raise ValueError(f"the arguments ({rest} are no numbers, texts, tuples or lists") from None


def _near(name: str, known: Iterable[str]) -> str | None:
    import difflib  # not by way of gradcert: whether the subject imports it is the subject's affair

    return next(iter(difflib.get_close_matches(name, [k for k in known if not k.startswith("_")], n=1)), None)


def main() -> None:
    """Serve the subject named on the command line: NAME ROOMS MEMORY, and what else is said there.

    ``traced`` counts what is allocated; ``replaced`` reads files' other contents from the first line; ``by=MODULE`` has
    a module's ``serve`` answer, in place of `serving.serve`.
    """
    name, rooms, memory = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    more = sys.argv[4:]
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    # the folder of this file would shadow modules of the standard library
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    limit_memory(memory)
    install_rooms(rooms)
    from gradcert.certify.subjects import replaced, serving, sources

    sources.watch()
    if "traced" in more:
        trace()
    replaced.install(json.loads(requests.readline()) if "replaced" in more else {})
    by = next((word.partition("=")[2] for word in more if word.startswith("by=")), serving.__name__)
    serve = importlib.import_module(by).serve
    serve(lambda: load(name), requests, replies, lambda: sources.report(name))


if __name__ == "__main__":
    main()
