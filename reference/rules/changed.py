"""Rows with changes, and edge sets of one's own: ``ostl - reset``, ``ottt + recurrent own``, ``edges(own state)``.

A change takes an edge out of a row, or puts one in: in the parameter's own layer and in the layers above where nothing
is said, or in one of the two places. What changes nothing is refused: whoever writes it thinks of another row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import TEMPORAL, Edge
from gradcert.reference.rules.rule import FEEDBACKS, Rule

EDGES = {edge.name.lower(): edge for edge in Edge if edge in TEMPORAL}
PLACES = ("own", "above")
CHANGE = re.compile(r" (?P<sign>[-+]) (?P<edge>[a-z]+)(?: (?P<place>own|above))?")
NUMBER = re.compile(r"[1-9][0-9]{0,5}")
SETS = re.compile(r"edges\((?P<parts>[^()]*)\)")
READOUT = "readout"
CUTS = ("window", "chunk", "reach")  # whole numbers of steps: `Rule`
CHANGES = "' - EDGE', ' + EDGE', each with own or above after it where it is one of them; EDGE is one of " + ", ".join(
    EDGES
)


def changed(row: Rule, changes: str) -> Rule:
    """Return a row with changes, ``" - reset"``.

    Raises
    ------
    GradcertError : for words that are no changes, or that change nothing.

    Examples
    --------
    >>> from gradcert.reference.rules import RULES
    >>> changed(RULES["ostl"], " - reset").own == TEMPORAL - {Edge.RESET}
    True
    """
    position, rule, said = 0, row, dict[tuple[str, str], str]()
    while position < len(changes):
        found = CHANGE.match(changes, position)
        if found is None or found["edge"] not in EDGES:
            what = f"changes {changes!r}" if found is None else f"the edge {found['edge']!r} in a change"
            raise GradcertError(
                f"{what} of {row.name}",
                allowed=", ".join(EDGES) if found else CHANGES,
            )
        for place in (found["place"],) if found["place"] else PLACES:
            if said.setdefault((found["edge"], place), found["sign"]) != found["sign"]:
                raise GradcertError(
                    f"{row.name + changes!r}, which takes {found['edge']} out of a place and puts it in again",
                    do="say of every edge and place once what becomes of it",
                )
        rule = _one(rule, found["sign"] == "+", EDGES[found["edge"]], found["place"], found[0].strip())
        position = found.end()
    title = f"{row.title}, {changes.strip()}"
    return replace(rule, name=row.name + changes, title=title, exact="", drops="", time="", memory="")


def _one(rule: Rule, added: bool, edge: Edge, place: str | None, text: str) -> Rule:
    """Return a row with one change."""
    own, upper, readout = rule.own, rule.upper, rule.readout
    if place != "above":
        own = own | {edge} if added else own - {edge}
    if place != "own":
        upper = upper | {edge} if added else upper - {edge}
        readout = readout if added else readout - {edge}
    if (own, upper, readout) == (rule.own, rule.upper, rule.readout):
        where = f" {place}" if place else ""
        has = "already keeps" if added else "keeps no"
        raise GradcertError(f"{rule.name} with the change {text!r}: it {has} {edge.name}{where}", do="leave it out")
    return replace(rule, own=own, upper=upper, readout=readout)


def edge_sets(text: str) -> Rule | None:
    """Return a row of edge sets, ``edges(own state reset, above state, feedback direct)``; None for other names.

    Raises
    ------
    GradcertError : for words that are none of it.

    Examples
    --------
    >>> sorted(edge_sets("edges(own state reset, above state)").own)
    [<Edge.RESET: 'reset'>, <Edge.STATE: 'state'>]
    """
    found = SETS.fullmatch(text)
    if found is None:
        return None
    parts: dict[str, list[str]] = {}
    for part in found["parts"].split(", "):
        what, *words = part.split(" ")
        fits = {*PLACES, READOUT, "feedback", *CUTS}
        good = words and set(words) <= (set(FEEDBACKS) if what == "feedback" else {*EDGES, "none"})
        if what in CUTS:
            good = len(words) == 1 and NUMBER.fullmatch(words[0]) is not None
        if what not in fits or what in parts or not good or len(set(words)) < len(words):
            raise GradcertError(
                f"edge sets {text!r}",
                allowed="edges(own EDGE EDGE, above EDGE, readout EDGE, feedback WORD), each once, none for no edge;"
                f" EDGE is one of {', '.join(EDGES)}; WORD one of {', '.join(FEEDBACKS)}; and window N, chunk N or"
                " reach N, steps",
            )
        parts[what] = words
    sets = {k: frozenset(EDGES[w] for w in parts.get(k, ()) if w != "none") for k in (*PLACES, READOUT)}
    feedback = parts.get("feedback", ["symmetric"])[0]
    cuts: dict[str, Any] = {what: int(parts[what][0]) for what in CUTS if what in parts}
    title = "Edge sets of one's own"
    return Rule(text, title, sets["own"], sets["above"], readout=sets[READOUT], feedback=feedback, **cuts)


def rule_text(given: Mapping[str, Any] | Rule) -> str:
    """Return the name of a rule that is written as a table: of a row and changes, of edge sets, or of rows by layer.

    A `Rule` is named by its edge sets.

    Raises
    ------
    GradcertError : for other keys, or values that are no names.

    Examples
    --------
    >>> rule_text({"own": ["STATE", "RESET"], "above": []})
    'edges(own state reset, above none)'
    >>> rule_text({"row": "tbptt-chunks(20)", "without": ["RESET"]})
    'tbptt-chunks(20) - reset'
    >>> from gradcert.reference.rules import RULES
    >>> rule_text(RULES["sltt"])
    'edges(own none, above none)'
    """
    given = _table(given) if isinstance(given, Rule) else given
    table = ("row", "without", "with", *PLACES, READOUT, "feedback", *CUTS, "layers")
    wrong = [k for k in given if k not in table or (k in CUTS and "own" not in given)]
    kinds = [k for k in ("row", "own", "layers") if k in given]
    if wrong or len(kinds) != 1:
        allowed = f"{', '.join(table)}: one of row, own, layers"
        raise GradcertError(f"a rule with {', '.join(given) or 'nothing'}", allowed=allowed)
    if "layers" in given:
        return " then ".join(part if isinstance(part, str) else rule_text(part) for part in given["layers"])
    if "row" in given:
        signs = [("-", e) for e in _names(given, "without")] + [("+", e) for e in _names(given, "with")]
        return str(given["row"]) + "".join(f" {sign} {edge}" for sign, edge in signs)
    sets = [f"{k} {' '.join(_names(given, k)) or 'none'}" for k in (*PLACES, READOUT) if k in given]
    sets += [f"{k} {given[k]}" for k in ("feedback", *CUTS) if k in given]
    return f"edges({', '.join(sets)})"


def _table(rule: Rule) -> dict[str, Any]:
    """Return a rule as a table of its edge sets; what is as usual is left out."""
    named = {"own": rule.own, "above": rule.upper, READOUT: rule.readout}
    sets: dict[str, Any] = {k: [n for n, e in EDGES.items() if e in edges] for k, edges in named.items()}
    more = {"feedback": rule.feedback, **{k: getattr(rule, k) for k in CUTS}}
    usual: dict[str, Any] = {READOUT: [], "feedback": "symmetric", **dict.fromkeys(CUTS)}
    return {k: v for k, v in {**sets, **more}.items() if k not in usual or v != usual[k]}


def _names(given: Mapping[str, Any], key: str) -> list[str]:
    names = given.get(key, [])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise GradcertError(f"{key}={names!r} of a rule", allowed=f"a list of {', '.join(e.upper() for e in EDGES)}")
    return [n.lower() for n in names]
