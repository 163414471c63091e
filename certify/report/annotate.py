"""The verdict as annotations of GitHub Actions, at the line of the subject and at the line of a repair."""

from __future__ import annotations

import ast
import os
import shlex
from pathlib import Path

from gradcert.certify.certificates import CERTIFIED, REFUTED, Certificate
from gradcert.certify.claims import sentence as sentence_of
from gradcert.certify.repair import details, told


def write(certificate: Certificate, folder: Path, top: Path | None = None) -> list[str]:
    """Return workflow commands, a line each; none for what is certified.

    Parameters
    ----------
    folder : what subjects are named from.
    top : what files are named relative to, if not to that.
    """
    if certificate.verdict == CERTIFIED:
        return []
    top = top or folder
    place = located(certificate.subject, folder, top)
    kind = "error" if certificate.verdict == REFUTED else "warning"
    text = "\n".join([certificate.reason, f"claim: {sentence_of(certificate.claim)}", *_said(certificate)])
    out = [command(kind, place, f"gradient {certificate.verdict}: {certificate.subject}", text)]
    for edit in certificate.repair.get("edits", ()):
        if file := _inside(folder / edit["file"], top) or _same(place, edit["file"]):
            said = "\n".join([told(certificate), *details(certificate.repair, certificate.claim)])
            out.append(command("notice", (file, int(edit["line"])), "repair", said))
    return out


def _same(place: tuple[str, int] | None, name: str) -> str | None:
    """Return the file of a subject where an edit is of that: of what lies elsewhere, an edit has the name alone."""
    return place[0] if place is not None and os.path.basename(place[0]) == name else None


def _said(certificate: Certificate) -> list[str]:
    return [f"{finding.check}: {finding.cause or finding.reason}" for finding in certificate.findings[:5]]


def command(kind: str, place: tuple[str, int] | None, title: str, text: str) -> str:
    r"""Return one workflow command.

    Examples
    --------
    >>> command("error", ("src/rule.py", 41), "refuted: a,b", "50 % off\nsecond line")
    '::error file=src/rule.py,line=41,title=refuted%3A a%2Cb::50 %25 off%0Asecond line'
    """
    parts = [] if place is None else [f"file={_property(place[0])}", f"line={place[1]}"]
    return f"::{kind} {','.join([*parts, f'title={_property(title)}'])}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def workspace(folder: Path) -> Path:
    """Return what GitHub names files relative to: the workspace that a folder is in, or the folder itself."""
    top = os.environ.get("GITHUB_WORKSPACE")
    return Path(top).resolve() if top and folder.resolve().is_relative_to(Path(top).resolve()) else folder


def located(subject: str, folder: Path, top: Path | None = None) -> tuple[str, int] | None:
    """Return file and line of a subject; found by reading, nothing is imported.

    Parameters
    ----------
    subject : ``path/file.py:attribute``, ``package.module:attribute`` (looked for in the folder and in its ``src``),
        or a command, of which the first word that is a file is taken.
    folder : what it is named from.
    top : what the file has to be in, and is named relative to, if not the folder.
    """
    top = top or folder
    where, colon, attribute = subject.rpartition(":")
    if not colon or " " in where:
        words = shlex.split(subject) if subject.count("'") % 2 == 0 and subject.count('"') % 2 == 0 else subject.split()
        files = (name for word in words if (folder / word).is_file() and (name := _inside(folder / word, top)))
        return next(((name, 1) for name in files), None)
    if where.endswith(".py"):
        candidates = [folder / where]
    else:
        parts = where.split(".")
        candidates = [top.joinpath(*parts) for top in (folder, folder / "src")]
        candidates = [path for base in candidates for path in (base.with_suffix(".py"), base / "__init__.py")]
    for path in candidates:
        if path.is_file() and (name := _inside(path, top)):
            return name, _line(path, attribute)
    return None


def _inside(path: Path, folder: Path) -> str | None:
    """Return a path relative to a folder, or None for a file that is not in it."""
    name = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))
    return None if name.startswith("..") or not path.is_file() else Path(name).as_posix()


def _line(path: Path, attribute: str) -> int:
    """Return the line where an attribute is defined last; 1 if none is seen."""
    try:
        body: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError, RecursionError):
        return 1
    line = 1
    for part in attribute.split("."):
        found = [node for node in body if part in _names(node)]
        if not found:
            break
        line, body = found[-1].lineno, getattr(found[-1], "body", [])
    return line


def _names(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [getattr(node, "name", ""), *(getattr(target, "id", "") for target in targets)]
