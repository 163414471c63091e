"""The rule table: every row a rule, every rule a row. Adding a rule is adding a row to a file of `rows`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.rules.rows import ROWS
from gradcert.reference.rules.rule import Rule

RULES: dict[str, Rule] = {rule.name: rule for rule in ROWS}


def rule_named(name: str, *, steps: int | None = None) -> Rule:
    """Return a row of the table.

    Parameters
    ----------
    name : such as ``ostl``; ``tbptt(3)``, ``tbptt-chunks(4)`` and ``snap-3`` give the number themselves.
    steps : replaces the window, chunk or reach of the row.

    Raises
    ------
    GradcertError : if there is no such row.

    Examples
    --------
    >>> rule_named("tbptt(3)").window
    3
    >>> rule_named("snap-4").reach
    4
    """
    base, bracket, argument = name.partition("(")
    if bracket and argument.rstrip(")").isdigit():
        steps = int(argument.rstrip(")"))
    elif name not in RULES and name.startswith("snap-") and name[5:].isdigit():
        base, steps = "snap-1", int(name[5:])
    if base not in RULES:
        raise GradcertError(f"the rule {name!r} is unknown", allowed=", ".join(RULES))
    rule = RULES[base]
    if steps is None:
        return rule
    for option in ("window", "chunk", "reach"):
        if getattr(rule, option) is not None:
            changes: dict[str, Any] = {option: steps}
            return replace(rule, name=name if bracket or name != base else f"{base}({steps})", **changes)
    raise GradcertError(f"the rule {base!r} takes no number of steps", allowed="tbptt, tbptt-chunks, snap")
