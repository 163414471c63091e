"""Mutants of a Verilog design, and the share of them that a comparison kills: the harness's own quality measure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gradcert.reference.errors import GradcertError

# (what is broken, pattern, replacement): one occurrence is changed per mutant
FAULTS: tuple[tuple[str, str, str], ...] = (
    ("rounding sense", r"\(d_(\w+) >= v_", r"(d_\1 > v_"),
    ("zero rule dropped", r" && \(f_\w+ != \d+'sd0\)", ""),
    ("logical shift for arithmetic", r">>> (\d+)", r">> \1"),
    ("shift by one more", r">>> 15", ">>> 16"),
    ("sum for difference", r"(= v_\w+) - (v_\w+;)", r"\1 + \2"),
    ("difference for sum", r"(= v_\w+) \+ (v_\w+;)", r"\1 - \2"),
    ("saturation dropped", r"= \((r_\w+) > [^;]*: (r_\w+\[\d+:0\]);", r"= \2;"),
    ("threshold strict", r">= \((v_threshold|v_zero|v_v_zero)", r"> (\1"),
    ("comparison sense", r" >= v_(\w+_word)\)", r" > v_\1)"),
    ("spike ignored", r"\* v_(z|x|spike)(\w*);", r"* 2'sd0;"),
)
# what any design has, whoever wrote it
ANY_DESIGN: tuple[tuple[str, str, str], ...] = (
    ("comparison strict", r"(?<![<>])>=(?=\s*\w)", ">"),
    ("comparison not strict", r"(?<=[\w)\]] )>(?=\s*\w)", ">="),
    ("guard dropped", r" & \(\|\w+\)", ""),
    ("reset value", r"(<=\s*\d+'[dh])0+;", r"\g<1>1;"),
    ("sum for product", r"(?<=[\w)\]]) \* (?=\w)", " + "),
    ("difference for sum", r"(?<=[\w)\]]) \+ (?=[\w({])", " - "),
    ("sum for difference", r"(?<=[\w)\]]) - (?=[\w({])", " + "),
    ("logical shift", r">>>", ">>"),
    ("constant one off", r"'d([1-9]\d*)\b", r"'d1\1"),
    ("branches swapped", r"\? ([\w']+) : ([\w'\[\]:]+)", r"? \2 : \1"),
)


@dataclass(frozen=True)
class Mutant:
    """A changed source: which fault, on which line, and the text."""

    fault: str
    line: int
    text: str


def mutants(source: str, *, per_fault: int = 2, faults: tuple[tuple[str, str, str], ...] = FAULTS) -> Iterator[Mutant]:
    """Yield mutants of a source, at most `per_fault` for each kind of fault, spread over its occurrences.

    Examples
    --------
    >>> [m.fault for m in mutants("assign y = v_a - v_b;")]
    ['sum for difference']
    """
    for fault, pattern, replacement in faults:
        found = list(re.finditer(pattern, source))
        stride = max(1, len(found) // per_fault)
        for hit in found[::stride][:per_fault]:
            text = source[: hit.start()] + hit.expand(replacement) + source[hit.end() :]
            yield Mutant(fault, source.count("\n", 0, hit.start()) + 1, text)


@dataclass(frozen=True)
class Score:
    """Mutants made and killed; survivors are listed for a proof of equivalence or a better test."""

    made: int
    killed: int
    survivors: tuple[Mutant, ...]

    @property
    def share(self) -> float:
        """Killed share."""
        return self.killed / self.made


def score(
    source: str,
    survives: Callable[[str], bool],
    *,
    per_fault: int = 2,
    faults: tuple[tuple[str, str, str], ...] = FAULTS,
) -> Score:
    """Score a comparison: `survives(text)` says whether a mutant passes it unnoticed."""
    made = list(mutants(source, per_fault=per_fault, faults=faults))
    if not made:
        raise GradcertError(
            "no mutant could be made of this source", do="add a fault that occurs in it to mutants.FAULTS"
        )
    left = tuple(m for m in made if survives(m.text))
    return Score(len(made), len(made) - len(left), left)
