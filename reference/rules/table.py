"""The rule table: every row a rule, every rule a row. Adding a rule is adding a row."""

from __future__ import annotations

from dataclasses import replace

from gradcert.reference.edges import TEMPORAL, Edge
from gradcert.reference.errors import GradcertError
from gradcert.reference.rules.rule import Rule

ALL = TEMPORAL
NONE: frozenset[Edge] = frozenset()
NO_RESET = ALL - {Edge.RESET}
STATE = frozenset({Edge.STATE})
E_PROP = frozenset({Edge.STATE, Edge.ADAPTATION})

_ONE_LAYER = "one layer with memory; or no memory above it"

_ROWS = (
    Rule("bptt", "Backpropagation through time", ALL, ALL, source="Werbos 1990", exact="always"),
    Rule("rtrl", "Real-time recurrent learning", ALL, ALL, source="Williams & Zipser 1989", exact="always"),
    Rule(
        "bptt-detached-reset",
        "BPTT with the reset out of the graph",
        NO_RESET,
        NO_RESET,
        source="snnTorch, SpikingJelly detach_reset",
        exact="cells without a reset",
    ),
    Rule("tbptt", "Truncated BPTT, sliding window", ALL, ALL, window=5, exact="T <= window"),
    Rule("tbptt-chunks", "Truncated BPTT, state detached between chunks", ALL, ALL, chunk=5, exact="T <= chunk"),
    Rule("ostl", "Online spatio-temporal learning", ALL, NONE, source="arXiv 2007.12723", exact=_ONE_LAYER),
    Rule(
        "ostl-random",
        "OSTL with random feedback",
        ALL,
        NONE,
        feedback="random",
        source="arXiv 2007.12723, Eq. 26-27",
        exact="one layer",
    ),
    Rule(
        "osttp",
        "Online spatio-temporal learning with target projection",
        ALL,
        NONE,
        feedback="target",
        source="arXiv 2304.05124",
        exact="the last layer",
    ),
    Rule(
        "e-prop",
        "e-prop, symmetric feedback",
        E_PROP,
        NONE,
        readout=STATE,
        source="Bellec et al. 2020",
        exact="one layer without lateral weights and with the reset out of the graph",
    ),
    Rule(
        "e-prop-random",
        "e-prop, random feedback",
        E_PROP,
        NONE,
        readout=STATE,
        feedback="direct",
        source="Bellec et al. 2020",
        exact="the readout layer",
    ),
    Rule(
        "ottt",
        "Online training through time",
        STATE,
        NONE,
        source="arXiv 2210.04195",
        exact="against BPTT with detached reset: the last layer without lateral weights",
    ),
    Rule("sltt", "Spatial learning through time", NONE, NONE, source="ICCV 2023", exact="T = 1"),
    Rule("rflo", "Random feedback local online learning", STATE, NONE, feedback="direct", source="Murray 2019"),
    Rule("snap-1", "Sparse n-step approximation, n = 1", ALL, NONE, reach=1, source="arXiv 2006.07232"),
    Rule(
        "snap-2",
        "Sparse n-step approximation, n = 2",
        ALL,
        NONE,
        reach=2,
        source="arXiv 2006.07232",
        exact="one layer of dense lateral weights",
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _ROWS}


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
            return replace(rule, **{"name": name if bracket or name != base else f"{base}({steps})", option: steps})
    raise GradcertError(f"the rule {base!r} takes no number of steps", allowed="tbptt, tbptt-chunks, snap")
