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
    from gradcert.derivations.kept import Verdict

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
    listen: Callable[[Verdict | None, int, int], None] | None = None,
) -> dict[str, list[Verdict]]:
    """Verify derivations and all that they rest on; verdicts are cached by the content of the code.

    Parameters
    ----------
    names : which; all where None.
    jobs : number of processes.
    cache : folder of verdicts; ``~/.cache/gradcert/derivations`` where None.
    listen : called with every verdict as it arrives, how many have, and how many will; at first with None, 0 and the
        latter.

    Returns
    -------
    Derivation -> verdicts; a verdict whose status is ``failed`` says why.
    """
    _need_sympy()
    from gradcert.derivations import checker

    return checker.check(names, jobs=jobs, cache=cache, listen=listen)


def write_html(
    folder: Path,
    *,
    jobs: int = 2,
    cache: Path | None = None,
    listen: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write the static site, then prove what is not proved yet, and fill in the marks; return the paths of its pages.

    The pages can be read before anything is proved: what no verdict is known of is marked "?". Verdicts are kept as
    they come, so that a run that is stopped goes on where it was.

    Parameters
    ----------
    folder : made where it is missing.
    jobs : number of processes.
    cache : folder of verdicts; ``~/.cache/gradcert/derivations`` where None.
    listen : called with a sentence of progress.

    Raises
    ------
    GradcertError : if a derivation cannot be imported; steps that fail are marked on their pages.
    """
    _need_sympy()
    from gradcert.derivations import checker
    from gradcert.derivations.chapters import CHAPTERS, chapter
    from gradcert.derivations.reading.site import write_site

    say = listen or (lambda sentence: None)
    for name in CHAPTERS:
        try:
            chapter(name)
        except Exception as error:
            raise GradcertError(
                f"the derivation {name!r} has no page: {checker.raised(error)}", do="mend its code"
            ) from None
    folder = Path(folder)
    held = checker.held(cache=cache)
    steps = sum(len(chapter(name).steps) for name in CHAPTERS)
    missing = steps - sum(len(found) for found in held.values())
    say(f"writing the pages; {steps - missing} of {steps} steps are proved already")
    pages = write_site(folder, held)
    if not missing:
        return pages
    say(f"{folder / 'index.html'} can be read now; proving {missing} steps")

    def arrived(verdict: Verdict | None, done: int, of: int) -> None:
        if verdict is not None:
            say(f"{done} of {of}: {verdict.step} {verdict.status}")

    return write_site(folder, checker.check(jobs=jobs, cache=cache, listen=arrived))
