"""What a derivation is: steps with reasons, premises, identities and proofs, and everything a reader wants around them.

Only data: the checker (`checker`) decides, the readers (`reading`) show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcert.derivations.proving.proof import Result


@dataclass(frozen=True)
class Equation:
    """An identity of two SymPy expressions; where it comes from code, the code's expression is the left-hand side.

    Attributes
    ----------
    left, right : SymPy expressions.
    label : words in front of it, or empty.
    """

    left: Any
    right: Any
    label: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    id : unique, ``<derivation>.<name>``.
    why : one sentence or two: what happens and why it may.
    premises : ids of the steps that it rests on, of this derivation or of another.
    equations : builds the identities; they are expanded and have to vanish. None where the step is a proof by `proof`.
    proof : runs a proof about the engines' code. None where the step is an identity.
    definition : the equations define their left-hand side, a bare symbol or function, and there is nothing to prove.
    code : what of the engine it is about, ``reference/engines/step.py:across``.
    source : equation or section of the paper; a section or equality of docs/mathematics, cited by number.
    sizes : the sizes that it is proved at, or ``every``.
    """

    id: str
    why: str
    premises: tuple[str, ...] = ()
    equations: Callable[[], Sequence[Equation]] | None = None
    proof: Callable[[], Result] | None = None
    definition: bool = False
    code: tuple[str, ...] = ()
    source: str = ""
    sizes: str = ""


def theorem(step: Step) -> str:
    """Return the name under which a step is counted: steps that say the same cell by cell are one theorem.

    Examples
    --------
    >>> theorem(Step("ostl.rows-lif-reset-hard", "why")), theorem(Step("ostl.jacobian", "why"))
    ('ostl.rows', 'ostl.jacobian')
    """
    match = re.match(r"(.*\.(?:local|breaks|rows))-", step.id)
    return match[1] if match else step.id


@dataclass(frozen=True)
class Example:
    """A worked numeric example, made by the engine when it is read.

    Attributes
    ----------
    text : what was run and what to look at.
    columns, rows : a table of strings.
    """

    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A figure: SVG without colours of its own (it uses the page's), and a caption."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Trap:
    """Something that goes wrong in practice: its number in mathematics.md 14, and what one sees."""

    id: str
    text: str


@dataclass(frozen=True)
class Derivation:
    """One derivation.

    Attributes
    ----------
    name, title : identifier and title.
    motivation, statement : paragraphs.
    steps : in reading order.
    example, figures : made when they are read.
    traps : what goes wrong in practice.
    snippet : Python to paste, which shows the theorem at work.
    notation : letter -> meaning, beyond those that mean the same in every chapter (`glossary.COMMON`).
    """

    name: str
    title: str
    motivation: tuple[str, ...]
    statement: tuple[str, ...]
    steps: tuple[Step, ...]
    example: Callable[[], Example]
    traps: tuple[Trap, ...]
    snippet: str
    figures: tuple[Callable[[], Figure], ...] = field(default=())
    notation: Mapping[str, str] = field(default_factory=dict)
