"""A PyTorch module named on the command line: found, built, and given an example input."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from gradcert.models.modules.named import Call, built, shapes_of
from gradcert.reference.errors import GradcertError

ALLOWED = "FILE.py:Model, FILE.py:Model(3, 4), or FILE.py:name of a module or of a function that returns one"


def module_named(name: str) -> Any:
    """Return the module called ``FILE.py:Model``, built if it is a class or a function.

    Raises
    ------
    GradcertError : if there is none, it cannot be built, or it is no torch.nn.Module.
    """
    return module_from(name, *named(name)[1:])


def named(name: str) -> tuple[Any, Any, Call | None]:
    """Return the file of ``FILE.py:Model(3, 4)``, run, what is called so in it, and its arguments, None without."""
    from gradcert.certify.subjects.worker import called  # which a subject's process reads names with

    match = re.fullmatch(r"(?P<where>.+?):(?P<attribute>[A-Za-z_][\w.]*)(?P<call>\(.*\))?", name)
    if match is None:
        raise GradcertError(f"the module {name!r}", allowed=ALLOWED)
    try:
        _, call = called(f"{match['attribute']}{match['call'] or ''}")
    except ValueError as error:
        raise GradcertError(str(error), allowed="Model(3, hidden=4)") from None
    file = found = _loaded(match["where"])
    for part in match["attribute"].split("."):
        if not hasattr(found, part):
            raise GradcertError(f"{match['where']} has no {match['attribute']}", allowed=ALLOWED)
        found = getattr(found, part)
    return file, found, call


def module_from(name: str, found: Any, call: Call | None) -> Any:
    """Return a PyTorch module, built if it is a class or a function."""
    from gradcert.models.reading import needs_torch

    needs_torch("reading a module")
    import torch

    if not isinstance(found, torch.nn.Module):
        found = built(name, found, call)
    if not isinstance(found, torch.nn.Module):
        raise GradcertError(f"{name} is a {type(found).__name__}", allowed=ALLOWED)
    return found


def found_named(name: str) -> Any:
    """Return what is called ``FILE.py:Model``, with its arguments as a partial where there are some."""
    _, found, call = named(name)
    return functools.partial(found, *call[0], **call[1]) if call else found


def _loaded(where: str) -> Any:
    from gradcert.certify.subjects import check_source
    from gradcert.certify.subjects.worker import beside

    try:
        if not where.endswith(".py"):
            check_source(f"the module {where}", where, ALLOWED)
            beside()
            return importlib.import_module(where)
        path = Path(where).resolve()
        if not path.is_file():
            raise GradcertError(f"there is no file {where}", allowed=ALLOWED)
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    except GradcertError:
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's file raises
        raise GradcertError(f"running {where} raised {type(error).__name__}: {error}", do="run it by itself") from None
    return module


def read_named(module: Any, given: str | None, state: Any, time: str | None) -> tuple[Any, tuple[int, ...], str]:
    """Return what a module is read as, the shape of the example, and what has to be said about that.

    Parameters
    ----------
    given : such as ``x=(32,700)``; without it sizes are tried: those of the first layer which says its inputs, and of
        weights; of one step, or else, with no state, of a sequence.
    time : ``0`` or ``1``, the axis of time, or ``inside``.
    """
    from gradcert.models.modules import example
    from gradcert.models.modules.build import inputs
    from gradcert.models.modules.trying import SHAPES, tried
    from gradcert.models.reading import read

    axis: Any = int(time) if time in ("0", "1") else time
    if given is not None:
        (shape,) = shapes_of(given.removeprefix("x="), "--example")[:1]
        return read(module, example(shape), state, time=axis), shape, ""
    if not inputs(module):
        raise GradcertError("no example input", do='pass its shape, with the batch first: --example "x=(32,700)"')
    if time is None and state is None:
        reading, shape, axis = tried(module, lambda shape, axis: read(module, example(shape), time=axis))
    else:
        shape = (*SHAPES.get(axis, SHAPES[None]), inputs(module)[0])
        reading = read(module, example(shape), state, time=axis)
    said = f"no --example was given: x={shape}, {shape[-1]} being what {_whose(module, shape[-1])} takes"
    found = f"; it takes whole sequences: --time {axis}" if axis is not None and time is None else ""
    return reading, shape, said + found


def _whose(module: Any, size: int) -> str:
    """Return the first layer that takes inputs of a size."""
    said = {n: getattr(p, "in_features", None) or getattr(p, "input_size", None) for n, p in module.named_modules()}
    return next((n for n, inputs in said.items() if n and inputs == size), "") or "the module"
