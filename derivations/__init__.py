"""Derivations: the learning rules as executable mathematics.

One derivation per file in `chapters`: SymPy runs the engines of `gradcert.reference` on symbols and proves that the
code computes the row of the rule table that it names. May import `gradcert.reference`; needs the extra `derivations`.

The four functions below are what the command line is made of; each imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

if TYPE_CHECKING:
    from gradcert.derivations.checker import Verdict

__all__ = ["check", "list_derivations", "render_terminal", "write_html"]


def _need_sympy() -> None:
    if find_spec("sympy") is None:
        raise GradcertError("SymPy is not installed", do=install("derivations"))


def list_derivations() -> dict[str, str]:
    """Return name -> title of every derivation, in reading order.

    Examples
    --------
    >>> list_derivations()["ostl"]
    'OSTL from first principles'
    """
    _need_sympy()
    from gradcert.derivations.chapters import CHAPTERS

    return dict(CHAPTERS)


def render_terminal(name: str, *, console: Any = None, pause: Callable[[], None] | None = None) -> bool:
    """Print a derivation in the terminal, verifying step by step; return whether every step holds.

    Parameters
    ----------
    name : of the derivation.
    console : a rich console; standard output where None.
    pause : called after every step.

    Raises
    ------
    GradcertError : for an unknown name, or without SymPy.
    """
    _need_sympy()
    from rich.console import Console

    from gradcert.derivations.chapters import CHAPTERS, chapter
    from gradcert.derivations.checker import raised
    from gradcert.derivations.reading.terminal import render

    console = console or Console(highlight=False)
    try:
        derivation = chapter(name)
    except Exception as error:
        if name not in CHAPTERS:
            raise
        console.print(f"✗ {name} failed: {raised(error)}", style="red", markup=False)
        return False
    return render(derivation, console, pause=pause)


def check(
    names: Iterable[str] | None = None,
    *,
    jobs: int = 2,
    cache: Path | None = None,
    listen: Callable[[Verdict], None] | None = None,
) -> dict[str, list[Verdict]]:
    """Verify derivations and all that they rest on; verdicts are cached by the content of the code.

    Parameters
    ----------
    names : which; all where None.
    jobs : number of processes.
    cache : folder of verdicts; ``~/.cache/gradcert/derivations`` where None.
    listen : called with every verdict as it arrives.

    Returns
    -------
    Derivation -> verdicts; a verdict whose status is ``failed`` says why.
    """
    _need_sympy()
    from gradcert.derivations import checker

    return checker.check(names, jobs=jobs, cache=cache, listen=listen)


def write_html(folder: Path, *, jobs: int = 2, cache: Path | None = None) -> list[Path]:
    """Check everything and write the static site; return the paths of its pages.

    Raises
    ------
    GradcertError : if a derivation cannot be imported; steps that fail are marked on their pages.
    """
    found = check(jobs=jobs, cache=cache)
    for name, verdicts in found.items():
        if [v.step for v in verdicts] == [name]:
            raise GradcertError(f"the derivation {name!r} has no page: {verdicts[0].failed[0]}", do="mend its code")
    from gradcert.derivations.reading.site import write_site

    return write_site(Path(folder), found)
