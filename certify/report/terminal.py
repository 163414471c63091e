"""The certificate on a terminal: the verdict first, then why, then the evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gradcert.certify import repair
from gradcert.certify.certificates import CERTIFIED, REFUTED, Certificate, CheckResult, Finding
from gradcert.certify.claims import sentence as sentence_of
from gradcert.certify.diagnosis import sentence
from gradcert.certify.report import circumstances, counterexample, made, terms
from gradcert.certify.report.edges import weakest
from gradcert.certify.report.groups import NOT_RUN, groups, titles
from gradcert.certify.report.junit import where
from gradcert.reference.networks import readable

NARROW = 76  # columns that the table of cases needs
COLOURS = {CERTIFIED: "green", REFUTED: "red"}


def write(certificate: Certificate, console: Console) -> None:
    """Print a certificate."""
    colour = COLOURS.get(certificate.verdict, "yellow")
    head = Text.assemble((certificate.verdict.upper(), f"bold {colour}"), "  ", certificate.reason)
    facts = Table.grid(padding=(0, 2))
    for name, said in (
        ("subject", certificate.subject),
        ("claim", sentence_of(certificate.claim)),
        ("asked", terms.circumstance(certificate)),
    ):
        facts.add_row(Text(name, style="dim"), Text(said, style="dim", overflow="fold"))
    console.print(Panel(Group(head, facts), border_style=colour))
    for finding in certificate.findings:
        console.print(_finding(finding))
        _replay(finding.replay, console)
    if certificate.repair:
        console.print(_repair(certificate))
    if certificate.counterexample is not None:
        console.print(_counterexample(certificate.counterexample, console.width))
        _replay(certificate.counterexample["replay"], console)
    if certificate.cases and any(case.verdict != "blocked" for case in certificate.cases):
        console.print(_groups(certificate, console.width))
        for check in certificate.checks:
            console.print(_check(check))
        for line in circumstances.lines(certificate.circumstances) if certificate.circumstances else ():
            console.print(line, style="dim", markup=False, highlight=False)
        for line in made.lines(certificate):
            console.print(line, style="dim", markup=False, highlight=False)
        console.print(_evidence(certificate), style="dim")
    for note in certificate.notes:
        console.print(f"note: {readable(note)}", style="dim", markup=False, highlight=False)
    for name, text in terms.used(certificate).items():
        console.print(f"{name}: {text}", style="dim italic", markup=False, highlight=False)


def _finding(finding: Finding) -> Group:
    more = finding.cases - 1
    count = f" (and {more} more case{'s' * (more > 1)})" if more > 0 else ""
    parts = [Text.assemble((f"{finding.check}: ", "bold red"), finding.reason)]
    if finding.cause and finding.cause != finding.reason:
        parts.append(Text.assemble(("  cause   ", "bold"), finding.cause))
    if finding.case:
        parts.append(Text(f"  case    {readable(finding.case)}{count}"))
    parts += [Text(f"  where   {line}") for line in where(finding.where)]
    parts += [Text(f"  first   {sentence(finding.where['first'])}")] if "first" in finding.where else []
    return Group(*parts)


def _replay(command: str, console: Console) -> None:
    """Print the command that shows it again, if any: one that is copied line by line is the whole of it."""
    lead, width = "  replay  ", console.width - 2
    lines = [command] if not console.is_terminal else folded(command, width - len(lead))
    for number, line in enumerate(lines if command else ()):
        more = " \\" if number < len(lines) - 1 else ""
        console.print(Text(f"{' ' * len(lead) if number else lead}{line}{more}", style="cyan"), soft_wrap=True)
    console.print()


def folded(command: str, width: int) -> list[str]:
    """Return a command on lines of some width, where its words let it, each but the last to end with a backslash.

    Examples
    --------
    >>> folded("gradcert certify 'a b' --seed 1", 20)
    ['gradcert certify', "'a b' --seed 1"]
    """
    words = re.findall(r"(?:'[^']*'|\"(?:\\.|[^\"])*\"|\\.|[^\s'\"])+", command)
    if " ".join(words) != command:
        return [command]
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _repair(certificate: Certificate) -> Group:
    found = certificate.repair
    head = Text.assemble(("repair: ", "bold green" if found.get("edits") else "bold"), repair.told(certificate))
    return Group(head, *(Text(f"  {more}", style="dim") for more in repair.details(found, certificate.claim)), Text())


def _counterexample(found: Mapping[str, Any], width: int) -> Group:
    head, *rest = counterexample.lines(found, width - 2)
    parts = [Text.assemble(("smallest: ", "bold red"), head), *(Text(f"  {line}") for line in rest)]
    if not found["alone"]:
        parts.append(Text("  a fresh process does not show it: it needs the calls before"))
    return Group(*parts)


def _check(check: CheckResult) -> Text:
    colour = {"passed": "green", "failed": "red"}.get(check.verdict, "yellow")
    return Text.assemble((f"{check.verdict:8}", colour), f"{check.id}: {check.what}")


def _groups(certificate: Certificate, width: int) -> Table | Text:
    """Return the table of cases; where it does not fit, a sentence for each of its rows."""
    names, rows = titles(certificate), groups(certificate)
    if width < NARROW + (len(NOT_RUN) + 2) * (NOT_RUN in names):
        lines = []
        for cell, family, *figures in rows:
            *counts, budget, worst = zip(figures, names[2:], strict=True)
            said = [f"{number} {name}" for number, name in counts] + [
                f"{name} {value}" for value, name in (budget, worst)
            ]
            lines.append(f"{cell} {family}: {', '.join(said)}")
        return Text("\n".join(lines))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(names):
        table.add_column(name, justify="left" if number < 2 else "right")
    colours = {"failed": "red", NOT_RUN: "yellow"}
    for row in rows:
        cells = zip(row, names, strict=True)
        table.add_row(*(Text(cell, style=colours.get(name, "") if cell != "0" else "") for cell, name in cells))
    return table


def _evidence(certificate: Certificate) -> str:
    edges = ", ".join(f"{label} {budgets:.0e}" for label, budgets in weakest(certificate))
    caught = sum(control.refuted > 0 for control in certificate.controls)
    seen = f"edges seen, in budgets: {edges}\n" if edges else ""
    controls = f"controls: {caught} of {len(certificate.controls)} known-wrong variants refuted"
    return f"{seen}{controls}; {certificate.seconds:g} s\nidentity {certificate.identity}"
