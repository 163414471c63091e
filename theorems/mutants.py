"""Definitions that are wrong, one change each: Coq has to reject the file whose theorem the change makes false."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradcert.reference import GradcertError
from gradcert.theorems.toolchain import CoqError, compile_sources, sources


@dataclass(frozen=True)
class Mutant:
    """One change to one definition.

    Attributes
    ----------
    name : what goes wrong.
    file, old, new : the change; `old` occurs once in the file.
    rejects : the file that must not compile.
    """

    name: str
    file: str
    old: str
    new: str
    rejects: str


MUTANTS = (
    Mutant(
        "the reverse sweep forgets what the loss charges a node itself",
        "Graph",
        "let c := gate keep (site v) (add (credit v) (hd zero p)) in\n      c :: adjoints",
        "let c := gate keep (site v) (hd zero p) in\n      c :: adjoints",
        "Tape",
    ),
    Mutant(
        "immediate derivatives are one node late in the forward sweep",
        "Graph",
        "let t := traces keep past (tl F) in",
        "let t := traces keep past F in",
        "Tape",
    ),
    Mutant(
        "the residual has the wrong sign for what the rule alone has",
        "Graph",
        "else (if rule l then opp x else zero).",
        "else (if rule l then opp (opp x) else zero).",
        "Tape",
    ),
    Mutant(
        "a trace moves with the Jacobian of the step before",
        "Layer",
        "if t is t'.+1 then J t *m trace J F t' + F t else F 0%N.",
        "if t is t'.+1 then J t' *m trace J F t' + F t else F 0%N.",
        "Layer",
    ),
    Mutant(
        "one normaliser of UORO is not inverted",
        "Unbiased",
        "(r0 x h')^-1 *: right_factor h'",
        "r0 x h' *: right_factor h'",
        "Unbiased",
    ),
    Mutant(
        "underflow of a product is left out",
        "Budget",
        "+ low a * low b + eta\n",
        "+ low a * low b\n",
        "Budget",
    ),
)


def outcome(mutant: Mutant, *, folder: Path | None = None) -> str:
    """Return what Coq says to a mutant: the sentence of its refusal, or an empty string if it accepts it.

    Raises
    ------
    GradcertError : if the change no longer applies to the source.
    """
    text = sources()[mutant.file]
    if text.count(mutant.old) != 1:
        raise GradcertError(f"the mutant {mutant.name!r} does not apply to {mutant.file}.v once")
    try:
        compile_sources({mutant.file: text.replace(mutant.old, mutant.new)}, folder=folder, only=mutant.rejects)
    except CoqError as error:
        return str(error)
    return ""
