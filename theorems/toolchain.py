"""Coq, OCaml and the folder that they work in: every file is compiled once for its content and that of its imports."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gradcert.reference import GradcertError

ROOM = Path(__file__).parent
SOURCES = ROOM / "coq"
DRIVER = ROOM / "tie" / "driver.ml"
PACKAGES = ("coq", "libcoq-mathcomp-analysis", "libcoq-flocq", "libzarith-ocaml-dev", "ocaml", "ocaml-findlib")
COQ = ("-q", "-noglob", "-Q", ".", "Gradcert", "-w", "-notation-overridden,-ambiguous-paths")
# A run of Coq lasts seconds: collecting its garbage less often saves a quarter of them, for 5 % more memory.
ENVIRONMENT = {"OCAMLRUNPARAM": "o=400"}
RUNNING: set[subprocess.Popen[str]] = set()


class CoqError(GradcertError):
    """A file that Coq does not accept."""


def missing() -> list[str]:
    """Return the programs that are needed and not installed."""
    return [program for program in ("coqc", "ocamlfind") if shutil.which(program) is None]


def need() -> None:
    """Raise unless Coq and OCaml are installed.

    Raises
    ------
    GradcertError : with what to install.
    """
    if lacking := missing():
        raise GradcertError(
            f"{' and '.join(lacking)} not found: the theorems cannot be checked",
            do=f"make theorems as root, or: apt-get install {' '.join(PACKAGES)}",
        )


def default_folder() -> Path:
    """Return where compiled files are kept: ``build/theorems`` in a checkout, the user's cache elsewhere."""
    root = ROOM.parent
    checkout = (root / "pyproject.toml").is_file()
    return root / "build" / "theorems" if checkout else Path.home() / ".cache" / "gradcert" / "theorems"


def imports(text: str) -> list[str]:
    """Return the files of this room that a source imports.

    Examples
    --------
    >>> imports("From Gradcert Require Import Graph Tape.")
    ['Graph', 'Tape']
    """
    lines = re.findall(r"From Gradcert Require (?:Import|Export)?\s*([\w\s]+)\.", text)
    return [name for line in lines for name in line.split()]


def sources() -> dict[str, str]:
    """Return name -> text of every Coq source, each after those that it imports."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.v"))}
    ordered: dict[str, str] = {}

    def place(name: str) -> None:
        for needed in imports(texts[name]):
            if needed not in ordered:
                place(needed)
        ordered.setdefault(name, texts[name])

    for name in texts:
        place(name)
    return ordered


@dataclass(frozen=True)
class Workshop:
    """A folder in which one set of sources is compiled.

    Attributes
    ----------
    folder : named after the content of all sources and the version of Coq, so that nothing in it is ever stale.
    """

    folder: Path

    def coq(self, file: str, text: str | None = None) -> str:
        """Compile ``file.v`` (of the given text) and return what Coq prints; files that are compiled are left alone."""
        path = self.folder / f"{file}.v"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        command, environment = ["coqc", *COQ, path.name], {**ENVIRONMENT, **os.environ}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True) as child:
            RUNNING.add(child)
            said, errors = child.communicate()
            RUNNING.discard(child)
        if child.returncode:
            (self.folder / f"{file}.vo").unlink(missing_ok=True)  # of a run that was ended, a part
            raise CoqError(f"Coq does not accept {file}.v: {_first_error(errors)}")
        return said

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against other processes that would compile the same in it."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def compiled(self, file: str) -> bool:
        """Return whether a file has been compiled here."""
        return (self.folder / f"{file}.vo").is_file()


def _first_error(text: str) -> str:
    return " ".join(text[text.find("Error:") :].split())[:400] if "Error:" in text else text.strip()[:400]


def digest(texts: Iterable[str]) -> str:
    """Return a name for a content; the version of Coq is part of it."""
    version = subprocess.run(["coqc", "--version"], capture_output=True, text=True, check=True).stdout
    return hashlib.blake2b("\0".join([version, *texts]).encode(), digest_size=8).hexdigest()


def compile_sources(
    changes: Mapping[str, str] | None = None, *, folder: Path | None = None, only: str = ""
) -> Workshop:
    """Compile all sources, or take what was compiled of the same content before.

    Parameters
    ----------
    changes : other texts for some files (the mutants); what does not depend on them is taken from the compiled sources.
    folder : where compiled files are kept; `default_folder` where None.
    only : compile no more than this file needs, itself included.

    Raises
    ------
    CoqError : naming the file that Coq does not accept.
    GradcertError : if Coq is not installed.
    """
    need()
    texts = {**sources(), **(changes or {})}
    if only:
        texts = {name: text for name, text in texts.items() if _touched(only, texts, {name})}
    workshop = Workshop((folder or default_folder()) / digest(texts.values()))
    workshop.folder.mkdir(parents=True, exist_ok=True)
    with workshop.alone():
        wanted = [name for name in texts if not workshop.compiled(name)]
        if changes and (same := [name for name in wanted if not _touched(name, texts, set(changes))]):
            lender = compile_sources(folder=folder)
            for name in same:
                _borrow(lender, workshop, name)
            wanted = [name for name in wanted if name not in same]
        _compile(workshop, {name: texts[name] for name in wanted})
    return workshop


def _compile(workshop: Workshop, texts: Mapping[str, str]) -> None:
    """Compile files given in an order that respects their imports, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        running: dict[str, Future[str]] = {}

        def one(name: str) -> str:
            for needed in imports(texts[name]):
                if needed in running:
                    running[needed].result()
            return workshop.coq(name, texts[name])

        try:
            for name in texts:
                running[name] = pool.submit(one, name)
            failed = [job.exception() for job in running.values() if job.exception()]
        except KeyboardInterrupt:  # nothing is waited for, whoever else was told
            pool.shutdown(wait=False, cancel_futures=True)
            for child in tuple(RUNNING):
                child.kill()
            raise
    if failed:
        raise next(error for error in failed if error)


def _touched(name: str, texts: Mapping[str, str], changed: set[str]) -> bool:
    return name in changed or any(_touched(needed, texts, changed) for needed in imports(texts[name]))


def _borrow(lender: Workshop, workshop: Workshop, name: str) -> None:
    for path in lender.folder.glob(f"{name}.*"):
        if not (target := workshop.folder / path.name).exists():
            shutil.copy2(path, target)
