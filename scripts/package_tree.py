"""Link the rooms together as one folder, for tools that look at files rather than at the installed package.

mypy and import-linter (grimp) walk folders: they want ``gradcert/reference/``, where the repository has ``reference/``.
This makes ``TARGET/gradcert/`` with a link to every module of ``gradcert/`` and to every room, and links ``tests/``,
``examples/`` and ``scripts/`` beside it. Links that are right are left alone, so several processes may run it at once.
"""

import contextlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ("tests", "examples", "scripts")


def rooms() -> list[str]:
    """Top-level folders that are import packages, but the face: the same rule as in ``setup.py``."""
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    return sorted(found - {"tests", "build", "dist", "gradcert"})


def wanted() -> dict[str, Path]:
    """What the tree holds: relative name -> where it points."""
    links = {f"gradcert/{path.name}": path for path in (ROOT / "gradcert").iterdir() if path.name != "__pycache__"}
    links |= {f"gradcert/{room}": ROOT / room for room in rooms()}
    return links | {name: ROOT / name for name in BESIDE if (ROOT / name).is_dir()}


def build(target: Path) -> None:
    """Make ``target`` hold the wanted links and no other."""
    links = wanted()
    (target / "gradcert").mkdir(parents=True, exist_ok=True)
    for path in [*target.iterdir(), *(target / "gradcert").iterdir()]:
        if path.is_symlink() and links.get(path.relative_to(target).as_posix()) != Path(os.readlink(path)):
            path.unlink(missing_ok=True)
    for name, points_to in links.items():
        with contextlib.suppress(FileExistsError):
            (target / name).symlink_to(points_to)


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
