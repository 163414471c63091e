"""The drawings of the derivations as files beside their pages, and the links to them."""

from __future__ import annotations

from pathlib import Path

from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.checker import graph
from gradcert.derivations.figures import dependencies
from gradcert.derivations.reading.lesson import lesson, names
from gradcert.derivations.reading.pictures import PICTURES, picture
from gradcert.derivations.reading.standalone import standalone

FOLDER, GRAPH = "figures", "dependencies"


def drawings() -> dict[str, str]:
    """Return name -> drawing, as it stands on a page, of all that the chapters and their contents show."""
    rests = dependencies(graph([chapter(name) for name in CHAPTERS]), {n: lesson(n).title for n in names()}).svg
    return {name: picture(name) for name in PICTURES} | {GRAPH: rests}


def write(folder: Path, svgs: dict[str, str]) -> list[Path]:
    """Write every drawing as a file of its own into a folder of figures; return their paths."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, svg in svgs.items():
        paths.append(place / f"{name}.svg")
        paths[-1].write_text(standalone(svg), encoding="utf-8")
    return paths


def links(name: str, *, png: bool) -> str:
    """Return the links to the files of a drawing, for below it.

    Examples
    --------
    >>> links("snu", png=False)
    '<span class="files">This figure: <a href="figures/snu.svg" download>SVG</a></span>'
    """
    kinds = ("SVG", "PNG") if png else ("SVG",)
    files = " ".join(f'<a href="{FOLDER}/{name}.{kind.lower()}" download>{kind}</a>' for kind in kinds)
    return f'<span class="files">This figure: {files}</span>'
