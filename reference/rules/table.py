"""The rule table: every row a rule, every rule a row. Adding a rule is adding a row to a file of `rows`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.rules.changed import changed, edge_sets
from gradcert.reference.rules.rows import ROWS
from gradcert.reference.rules.rule import Rule

RULES: dict[str, Rule] = {rule.name: rule for rule in ROWS}
WHOLE = "[1-9][0-9]{0,3}"  # steps: one spelling for one number
COUNTED = ("tbptt", "tbptt-chunks", "snap")  # what a number of steps belongs to
ANY = re.compile(r"(?P<row>[a-z-]+?)(?:\((?P<steps>[^()]*)\)|-(?P<reach>-?\d+))")
NUMBERED = re.compile(rf"(?P<row>[a-z0-9-]+)\((?P<steps>{WHOLE})\)")
REACH = re.compile(rf"snap-(?P<steps>{WHOLE})")


def rule_named(name: str, *, steps: int | None = None) -> Rule:
    """Return a row of the table.

    Parameters
    ----------
    name : such as ``ostl``; ``tbptt(3)``, ``tbptt-chunks(4)`` and ``snap-3`` give the number themselves. A row with
        changes, ``ostl - reset``, or edge sets, ``edges(own state, above none)`` (`gradcert.reference.rules.changed`).
    steps : replaces the window, chunk or reach of the row.

    Raises
    ------
    GradcertError : if there is no such row. A name is read as a whole: ``tbptt( 3 )`` is none.

    Examples
    --------
    >>> rule_named("tbptt(3)").window
    3
    >>> rule_named("snap-4").reach
    4
    >>> rule_named("tbptt-chunks(20) - reset").chunk
    20
    """
    if not isinstance(name, str):
        raise GradcertError(f"a rule called {name!r}", allowed=", ".join(RULES))
    if (sets := edge_sets(name)) is not None:
        return sets
    if starts := [name.index(sign) for sign in (" - ", " + ") if sign in name]:
        return changed(rule_named(name[: min(starts)], steps=steps), name[min(starts) :])
    base, numbered = name, NUMBERED.fullmatch(name)
    if numbered:
        base, steps = numbered["row"], int(numbered["steps"])
    elif name not in RULES and (reach := REACH.fullmatch(name)):
        base, steps = "snap-1", int(reach["steps"])
    if base not in RULES:
        if (found := ANY.fullmatch(name)) and found["row"] in COUNTED:
            steps_said = found["steps"] if found["steps"] is not None else found["reach"]
            raise GradcertError(
                f"{steps_said or 'nothing'} for the steps of the rule {name!r}",
                allowed="a whole number from 1 to 9999, as in tbptt(3), tbptt-chunks(20), snap-3",
            )
        allowed = f"{', '.join(RULES)}, with a number of steps as in tbptt(3) and snap-3, changes as in ostl - reset"
        raise GradcertError(f"the rule {name!r} is unknown", allowed=allowed)
    rule = RULES[base]
    if steps is None:
        return rule
    for option in ("window", "chunk", "reach"):
        if getattr(rule, option) is not None:
            changes: dict[str, Any] = {option: steps}
            return replace(rule, name=name if numbered or name != base else f"{base}({steps})", **changes)
    raise GradcertError(f"the rule {base!r} takes no number of steps", allowed="tbptt, tbptt-chunks, snap")
