"""A PyTorch module named on the command line: found, built, and given an example input."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from gradcert.models.modules.named import arguments, built, shapes_of
from gradcert.reference.errors import GradcertError

ALLOWED = "FILE.py:Model, FILE.py:Model(3, 4), or FILE.py:name of a module or of a function that returns one"


def module_named(name: str) -> Any:
    """Return the module called ``FILE.py:Model``, built if it is a class or a function.

    Raises
    ------
    GradcertError : if there is none, it cannot be built, or it is no torch.nn.Module.
    """
    return module_from(name, *named(name)[1:])


def named(name: str) -> tuple[Any, Any, str | None]:
    """Return the file of ``FILE.py:Model(3, 4)``, run, what is called so in it, and ``(3, 4)``, None without."""
    match = re.fullmatch(r"(?P<where>.+?):(?P<attribute>[A-Za-z_][\w.]*)(?P<call>\(.*\))?", name)
    if match is None:
        raise GradcertError(f"the module {name!r}", allowed=ALLOWED)
    file = found = _loaded(match["where"])
    for part in match["attribute"].split("."):
        if not hasattr(found, part):
            raise GradcertError(f"{match['where']} has no {match['attribute']}", allowed=ALLOWED)
        found = getattr(found, part)
    return file, found, match["call"]


def module_from(name: str, found: Any, call: str | None) -> Any:
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
    return functools.partial(found, *arguments(call)) if call else found


def _loaded(where: str) -> Any:
    try:
        if not where.endswith(".py"):
            sys.path.insert(0, ".")
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
    except Exception as error:  # whatever a stranger's file raises
        raise GradcertError(f"running {where} raised {type(error).__name__}: {error}", do="run it by itself") from None
    return module


def example_of(module: Any, given: str | None) -> tuple[Any, str]:
    """Return an example input of one step, and what has to be said about it.

    Parameters
    ----------
    given : such as ``x=(32,700)``; without it the size is that of the first layer which says its inputs.
    """
    from gradcert.models.modules import example, inputs

    if given is not None:
        (shape,) = shapes_of(given.removeprefix("x="), "--example")[:1]
        return example(shape), ""
    if not (sizes := inputs(module)):
        raise GradcertError("no example input", do='pass its shape, with the batch first: --example "x=(32,700)"')
    return example((2, sizes[0])), f"no --example was given: x=(2, {sizes[0]}), which is what {_whose(module)} takes"


def _whose(module: Any) -> str:
    names = (n for n, p in module.named_modules() if hasattr(p, "in_features") or hasattr(p, "input_size"))
    return next(names, "") or "the module"


def state_of(given: str | None) -> Any:
    """Return zeros of the shapes of a state, a tuple where there are several."""
    import torch

    if given is None:
        return None
    zeros = tuple(torch.zeros(*shape) for shape in shapes_of(given, "--state"))
    return zeros if len(zeros) > 1 else zeros[0]
