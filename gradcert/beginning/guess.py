"""A claim guessed from words: the rule and the cell that a name, a docstring or a file speaks of."""

from __future__ import annotations

import re

# longer names first: "snap-1" is no "snap", and "bptt" stands in "tbptt"
RULES = (
    ("e-prop", r"e_?-?prop"), ("osttp", r"osttp"), ("ostl", r"ostl"), ("ottt", r"ottt"), ("sltt", r"sltt"),
    ("decolle", r"decolle"), ("rflo", r"rflo"), ("snap-1", r"snap"), ("rtrl", r"rtrl"), ("bptt", r"bptt"),
)  # fmt: skip
CELLS = (
    ("ssnu", r"ssnu"), ("snu", r"snu"), ("alif", r"alif"), ("lif", r"lif|leaky"), ("lstm", r"lstm"), ("gru", r"gru"),
    ("ltc", r"ltc"), ("rnn", r"rnn"),
)  # fmt: skip
# in a name or a docstring it is the reset that is detached, of a cell that has one
DETACHED = ("bptt-detached-reset", r"detached(?:_reset)?")
WITHOUT_RESET = ("rnn", "lstm", "gru")
SPIKING = {"e-prop": "alif", "ostl": "snu", "osttp": "snu"}
SPIKING |= dict.fromkeys(("ottt", "sltt", "decolle", DETACHED[0]), "lif")


def guess(*texts: str) -> tuple[str, str, str]:
    """Return (rule, cell, why): the first text that names a rule counts before the next; so for the cell.

    Examples
    --------
    >>> guess("eprop_gradients", "for an LSTM")
    ('e-prop', 'lstm', "the words 'eprop', 'lstm'")
    >>> guess("detached_lif"), guess("detached_rnn")[0]
    (('bptt-detached-reset', 'lif', "the words 'detached', 'lif'"), 'bptt')
    >>> guess("gradients")
    ('bptt', 'rnn', 'nothing: no rule and no cell is named')
    """
    cell, too = _first(CELLS, texts)
    rules = RULES if cell in WITHOUT_RESET else (*RULES[:-1], DETACHED, RULES[-1])
    rule, said = _first(rules, texts)
    words = [repr(word) for word in (said, too) if word]
    why = f"the word{'s' if len(words) > 1 else ''} {', '.join(words)}" if words else ""
    return rule or "bptt", cell or SPIKING.get(rule, "rnn"), why or "nothing: no rule and no cell is named"


def _first(known: tuple[tuple[str, str], ...], texts: tuple[str, ...]) -> tuple[str, str]:
    for text in texts:
        for name, pattern in known:
            if found := re.search(rf"(?<![a-z])({pattern})(?![a-z])", text.lower()):
                return name, found[0]
    return "", ""
