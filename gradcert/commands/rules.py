"""``gradcert rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from gradcert.reference.networks import Edge
    from gradcert.reference.rules import Rule

EPILOG = """\b
Examples:
  gradcert rules          the table
  gradcert rules ostl     one row, and the theorems about it

\b
STATE: a state variable to itself.     RESET: a spike to its membrane potential.
RECURRENT: through lateral weights.    ADAPTATION: a spike to its own threshold.
A rule that keeps all edges everywhere, with symmetric feedback, is exact."""

FEEDBACK = {
    "symmetric": "through the transposed weights",
    "random": "layer by layer, through fixed matrices in the place of the weights",
    "direct": "from the drive of the last layer, through one fixed matrix per layer",
    "target": "the target, through one fixed matrix per layer",
    "local": "from a loss of the layer's own, through a fixed readout",
}


@click.command("rules", epilog=EPILOG)
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show the rule table: which edges a rule keeps, and where its learning signal comes from.

    NAME is a row, such as ostl, snap-3 or tbptt(4): its edges, its feedback, what it leaves out, and the theorems that
    Coq has checked about it for every size.
    """
    import sys

    from rich.console import Console

    from gradcert.reference.errors import GradcertError
    from gradcert.reference.rules import rule_named

    wide = None if sys.stdout.isatty() else 200
    console = Console(width=wide, highlight=False)
    if name is None:
        table(console)
        return
    try:
        rule = rule_named(name)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    one(rule, console)


def kept(edges: frozenset[Edge]) -> str:
    """Return a set of edges in words."""
    from gradcert.reference.networks import TEMPORAL, Edge

    if edges == TEMPORAL:
        return "all"
    if edges == TEMPORAL - {Edge.RESET}:
        return "all but RESET"
    return ", ".join(edge.name for edge in Edge if edge in edges) or "none"


def above(rule: Rule) -> str:
    """Return the edges kept in the layers above, in words."""
    if rule.feedback == "target":
        return "-"
    return f"{kept(rule.upper)}; readout: {kept(rule.readout)}" if rule.readout else kept(rule.upper)


def cut(rule: Rule) -> str:
    """Return what else restricts paths, in words."""
    cuts = {"window": "steps back", "chunk": "steps a chunk", "reach": "steps of reach"}
    return ", ".join(f"{getattr(rule, k)} {text}" for k, text in cuts.items() if getattr(rule, k) is not None)


def table(console: Console) -> None:
    """Print the rule table."""
    from rich.table import Table

    from gradcert.reference.rules import RULES

    columns = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("rule", "own layer", "layers above", "feedback", "cut", "exact", "source"):
        columns.add_column(column, overflow="fold")
    for rule in RULES.values():
        columns.add_row(rule.name, kept(rule.own), above(rule), rule.feedback, cut(rule), rule.exact, rule.source)
    console.print(columns)


def one(rule: Rule, console: Console) -> None:
    """Print one row, and the theorems about it: those about every row last."""
    from rich.table import Table

    from gradcert.theorems.catalogue import EVERY, about

    console.print(f"[bold]{rule.name}[/bold]  {rule.title} ({rule.source})")
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("own layer", kept(rule.own))
    facts.add_row("layers above", above(rule))
    facts.add_row("feedback", f"{rule.feedback}: {FEEDBACK[rule.feedback]}")
    if cut(rule):
        facts.add_row("cut", cut(rule))
    facts.add_row("leaves out", rule.drops)
    facts.add_row("exact", rule.exact)
    facts.add_row("cost of a step", f"time {rule.time}, memory {rule.memory}")
    console.print(facts)
    console.print("\n[bold]Theorems, for every size[/bold] (docs/theorems.md)")
    listed = Table(box=None, pad_edge=False, show_header=False)
    for theorem in sorted(about(rule), key=lambda t: EVERY in t.about):
        listed.add_row(theorem.name, theorem.says)
    console.print(listed)
