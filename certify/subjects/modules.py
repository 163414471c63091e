"""Subjects that are modules of PyTorch, or step functions of JAX, become callables that take a problem.

Only what has loaded PyTorch, or JAX, can be one. What a module claims comes with its cells as data, which the judge
keeps in files; nothing of a subject is run there.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.networks import KEPT, aside

Call = tuple[tuple[Any, ...], dict[str, Any]]  # arguments by place, and by name
MODULE = ("--example", "--state", "--time")  # what is said behind the name of a module
STEP = ("--params", "--example", "--state", "--order")  # and of a step function of JAX
MOST = 1 << 20  # bytes of a file of cells


def adapted(found: Any) -> Any:
    """Return a subject for what is a module, makes one, or is a factory with its arguments; else what was given."""
    if _is_step(found):
        from gradcert.models.modules.errors import UnreadError

        raise UnreadError(
            f"{_title(found)}, a step function of JAX, and no example input",
            do='pass its shape, with the batch first: --example "x=(32,700)", and --params, --state as gradcert read',
        )
    torch = sys.modules.get("torch")
    if torch is None or not _is_module(found, torch):
        if isinstance(found, Arguments):
            from gradcert.models.modules.errors import UnreadError

            given = ", ".join([*map(repr, found.args), *(f"{k}={v!r}" for k, v in found.keywords.items())])
            raise UnreadError(
                f"the arguments ({given}) behind a subject that makes no torch.nn.Module",
                allowed="a class of modules, or a function that makes one, with its arguments",
                do="leave them out, where it takes a problem itself; else give what it makes a name of its own",
            )
        return found
    from gradcert.models.modules import ModuleSubject

    return ModuleSubject(found)


def _is_module(found: Any, torch: Any) -> bool:
    base = found.func if isinstance(found, functools.partial) else found
    if isinstance(found, torch.nn.Module) or (inspect.isclass(base) and issubclass(base, torch.nn.Module)):
        return True
    if not inspect.isfunction(base) or hasattr(base, "__gradcert_claim__"):
        return False
    if isinstance(found, Arguments):
        return True
    # a subject takes a problem; what can be called with nothing makes something
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes = inspect.signature(base).parameters.values()
    needed = [p for p in takes if p.default is p.empty and (p.kind in kinds or p.kind is p.VAR_POSITIONAL)]
    return not isinstance(found, functools.partial) and not needed


def _title(found: Any) -> str:
    return str(getattr(found, "__name__", type(found).__name__))


def _is_step(found: Any) -> bool:
    """Return whether something is a module of flax, or a function of several things in a file that imports JAX."""
    base = found.func if isinstance(found, functools.partial) else found
    if "jax" not in sys.modules:
        return False
    kinds = (base if inspect.isclass(base) else type(base)).__mro__
    if any(kind.__module__.partition(".")[0] == "flax" for kind in kinds):
        return True
    if not inspect.isfunction(base) or isinstance(found, functools.partial):
        return False
    if any(hasattr(base, f"__gradcert_{name}__") for name in ("claim", "notes")):
        return False
    takes = inspect.signature(base).parameters.values()
    needed = [p for p in takes if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    file = sys.modules.get(base.__module__)
    return len(needed) > 1 and any(getattr(v, "__name__", "") in ("jax", "jax.numpy") for v in vars(file).values())


def without_jax(error: ModuleNotFoundError) -> None:
    """Raise for a file of JAX that an interpreter without JAX was asked to run."""
    if (error.name or "").partition(".")[0] in ("jax", "flax"):
        from gradcert.models.modules.errors import UnreadError

        raise UnreadError(
            f"{error.name} is not installed in {sys.executable}, and a step function of JAX is run there",
            do=f"{install('jax')}; or say another interpreter, which has it: --python PATH",
        ) from None


def told_by(name: str, file: Any, found: Any, call: Call | None, words: Sequence[str]) -> Any:
    """Return a module, or a step function of JAX, as a subject, with what is said behind its name.

    Parameters
    ----------
    file : the module of Python that it is in. `call` : the arguments of a class or a factory.
    words : ``--params NAME --example x=(8,12) --state NAME --order ...``.

    Raises
    ------
    UnreadError : for what is neither, or cannot be read as one.
    """
    from gradcert.models.modules.errors import UnreadError, unread
    from gradcert.models.modules.named import arguments_of, is_step

    said = dict(zip(words[::2], words[1::2], strict=False))
    made = found if call is None else Arguments(found, *call[0], **call[1])
    torch = sys.modules.get("torch")
    module = torch is not None and "--params" not in said and _is_module(made, torch)
    allowed = MODULE if module else STEP
    if len(words) % 2 or not set(said) <= set(allowed):
        raise UnreadError(f"{' '.join(words)} behind {name}", allowed=f"{', '.join(allowed)}, each with a value")
    if module:
        return _module_told(made, file, said)
    if not is_step(file, found, said.get("--params")):
        raise UnreadError(
            f"{' '.join(words)} for {name}, which is no module and no step function of JAX",
            allowed="a torch.nn.Module, what makes one, or a function (params, state, x) -> (state, y) of JAX",
        )
    if "jax" not in sys.modules:
        without_jax(ModuleNotFoundError(name="jax"))
    from gradcert.models.modules.step_claims import Given
    from gradcert.models.modules.steps import StepSubject

    def given() -> Given:
        told = [said.get(option) for option in ("--params", "--example", "--state")]
        with unread():
            step, params, x, state = arguments_of(name, file, found, call, *told)
        return Given(step, params, x, state, said.get("--order"))

    return StepSubject.later(found, given)


def _module_told(made: Any, file: Any, said: Mapping[str, str]) -> Any:
    """Return a module as a subject, with the shape of an example, its state or its axis of time."""
    from gradcert.models.modules import ModuleSubject
    from gradcert.models.modules.errors import unread
    from gradcert.models.modules.named import shapes_of, state_of

    with unread():
        example = shapes_of(said["--example"].removeprefix("x="), "--example")[0] if "--example" in said else None
        state, time = state_of(file, said.get("--state")), said.get("--time")
    return ModuleSubject(made, example=example, state=state, time=int(time) if time in ("0", "1") else time)


class Arguments(functools.partial):  # type: ignore[type-arg]
    """A class or a factory with its arguments, as somebody wrote them: ``FILE.py:Model(3, 4)``."""


def keep(cells: Any) -> None:
    """Write the cells that a subject's process told, under the names that their content gives them, or aside.

    Raises
    ------
    GradcertError : for names or content that are none of ours.
    """
    if not isinstance(cells, Mapping):
        raise GradcertError(f"cells in a {type(cells).__name__}", allowed="names of files and their text")
    for name, text in cells.items():
        match = KEPT.fullmatch(str(name))
        data = text.encode() if isinstance(text, str) else b""
        if match is None or len(data) > MOST or hashlib.sha256(data).hexdigest()[:12] != match["digest"]:
            raise GradcertError(f"the cells {str(name)[:80]!r} of a subject", allowed="a file named by its content")
        try:
            _write(Path(str(name)), data)
        except OSError as error:
            try:
                _write(aside(str(name)), data)
            except OSError:
                raise GradcertError(
                    f"{name}, the cells that were read, cannot be written: {error.strerror}",
                    do="run it in another folder, or set TMPDIR to one that can be written",
                ) from None


def _write(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
