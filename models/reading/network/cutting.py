"""Cells some of whose nodes are cut off, or whose links are named anew: the values stay, what goes back does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradcert.models.reading.populations import Path
from gradcert.reference.errors import GradcertError


def cut_and_uncut(paths: Iterable[Path], what: str) -> GradcertError:
    """Return the error of what is read in two ways, of which the user's code cuts one."""
    places = dict.fromkeys(place for path in paths for place in path.cuts)
    return GradcertError(
        f"{what} both cut, at {' and '.join(places)}, and uncut",
        allowed="one of them",
        do="cut it wherever it is read, or nowhere; or judge it where it runs: gradcert.watch",
    )


def without(cell: Any, targets: tuple[str, ...]) -> Any:
    """Return a cell in which nothing leads into some nodes."""
    links = tuple(link for link in cell.links if link.target not in targets)
    uses = tuple(use for use in cell.uses if use.target not in targets)
    kept = {*links, *uses}

    def factors(self: Any, *given: Any) -> dict[Any, Any]:
        return {key: factor for key, factor in type(cell).factors(self, *given).items() if key in kept}

    body = {"links": property(lambda self: links), "uses": property(lambda self: uses), "factors": factors}
    made = type(f"{cell.name}_cut", (type(cell),), body)
    return made(**{name: getattr(cell, name) for name in cell.__dataclass_fields__})


def relabelled(cell: Any, labels: Mapping[Any, Any]) -> Any:
    """Return a cell some of whose links have other labels; what it computes is not asked for again."""
    links = tuple(labels.get(link, link) for link in cell.links)
    made = type(f"{cell.name}_relabelled", (type(cell),), {"links": property(lambda self: links)})
    return made(**{name: getattr(cell, name) for name in cell.__dataclass_fields__})
