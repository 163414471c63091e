"""What the letters mean: those that mean the same everywhere, and how the text of a derivation is searched for letters.

A chapter says what its other letters mean (`Derivation.notation`); a test sees to it that none is left undefined.
"""

from __future__ import annotations

import re

from gradcert.derivations.proving.record import Derivation, theorem

#: letter -> meaning, in every chapter unless the chapter says otherwise
COMMON: dict[str, str] = {
    "T": "number of steps",
    "t": "a step, counted from 1; an upper index",
    "s": "a step, no later than t",
    "k": "an index of a sum: a step, an output or a power",
    "i": "a unit of the layer",
    "j": "a unit that feeds it",
    "n": "number of units of a layer",
    "x": "input of a layer",
    "y": "target",
    "z": "output of a layer: a spike, or a graded value",
    "v": "membrane potential, or whatever a layer keeps",
    "o": "output of the network",
    "w": "any parameter",
    "W": "weight from the layer below",
    "H": "lateral weight, from the layer's output one step before",
    "E": "loss",
    "λ": "leak per step",
    "θ": "threshold",
    "ψ": "pseudo-derivative of z by v",
}

# A single letter that stands alone, or with an index or a prime. "a", "A" and "I" are words unless they have one.
LETTER = re.compile(r"(?<![\w.'’°-])([A-Za-zΑ-Ωα-ω])(?=$|[\s_^'’()\[\],.;:=*/²·|<>≤≥→+−-])(?!-\w)")
WORDS = frozenset("aAI")


def letters(text: str) -> set[str]:
    """Return the letters that a text uses as symbols.

    Examples
    --------
    >>> sorted(letters("A trace is a sum of J^t F and a^t"))
    ['F', 'J', 'a', 't']
    """
    found = set()
    for match in LETTER.finditer(text):
        after = text[match.end() : match.end() + 1]
        if match[1] not in WORDS or after in ("_", "^"):
            found.add(match[1])
    return found


def used(derivation: Derivation) -> set[str]:
    """Return the letters of a derivation's statement and of the reasons of its steps."""
    reasons = [s.why for s in derivation.steps if theorem(s) == s.id]
    return set().union(*(letters(text) for text in (*derivation.statement, *reasons)))


def table(derivation: Derivation) -> list[tuple[str, str]]:
    """Return (letter, meaning): what the derivation defines, and of the common letters those that it uses."""
    meanings = {**{k: v for k, v in COMMON.items() if k in used(derivation)}, **derivation.notation}
    return sorted(meanings.items())
