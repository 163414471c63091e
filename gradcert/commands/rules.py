"""``gradcert rules``."""

from __future__ import annotations

import click

EPILOG = """\b
Example:
  gradcert rules

\b
STATE: a state variable to itself.     RESET: a spike to its membrane potential.
RECURRENT: through lateral weights.    ADAPTATION: a spike to its own threshold.
A rule that keeps all edges everywhere, with symmetric feedback, is exact."""


@click.command("rules", epilog=EPILOG)
def command() -> None:
    """Show the rule table: which edges a rule keeps, and where its learning signal comes from."""
    import sys

    from rich.console import Console
    from rich.table import Table

    from gradcert.reference.networks import TEMPORAL, Edge
    from gradcert.reference.rules import RULES

    def kept(edges: frozenset[Edge]) -> str:
        if edges == TEMPORAL:
            return "all"
        if edges == TEMPORAL - {Edge.RESET}:
            return "all but RESET"
        return ", ".join(edge.name for edge in Edge if edge in edges) or "none"

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("rule", "own layer", "layers above", "feedback", "cut", "exact", "source"):
        table.add_column(column, overflow="fold")
    for rule in RULES.values():
        above = kept(rule.upper)
        if rule.readout:
            above = f"{above}; readout: {kept(rule.readout)}"
        if rule.feedback == "target":
            above = "-"
        cuts = {"window": "steps back", "chunk": "steps a chunk", "reach": "steps of reach"}
        cut = ", ".join(f"{getattr(rule, k)} {text}" for k, text in cuts.items() if getattr(rule, k) is not None)
        table.add_row(rule.name, kept(rule.own), above, rule.feedback, cut, rule.exact, rule.source)
    wide = None if sys.stdout.isatty() else 200
    Console(width=wide, highlight=False).print(table)
