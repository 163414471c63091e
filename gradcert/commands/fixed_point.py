"""``gradcert certify --fixed-point``: a fixed-point implementation, bit for bit against its description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gradcert.commands.common import named, put

if TYPE_CHECKING:
    from gradcert.certify.fixed_point import FixedPointCertificate
    from gradcert.certify.subjects import Limits

DEFAULT = "ottt"  # the rule where none is given
COLOURS = {"certified": "green", "refuted": "red", "inconclusive": "yellow"}


def run(
    subject: tuple[str, ...],
    fmt: str,
    rule: str | None,
    options: tuple[str, ...],
    thoroughness: str,
    seed: int,
    limits: Limits,
    python: str | None,
    path: str | None,
    others: dict[str, Any],
) -> int:
    """Judge, print or write, and return the exit status; `others` are options that do not go with it."""
    import json

    from gradcert.certify.fixed_point import STEPS, certify_fixed_point, profile_of
    from gradcert.reference.errors import GradcertError

    for option, value in others.items():
        if value:
            raise click.UsageError(f"{option} does not go with --fixed-point")
    try:
        certificate = certify_fixed_point(
            subject if len(subject) > 1 else subject[0],
            fmt,
            rule=rule or DEFAULT,
            sizes=named(options),
            steps=STEPS[thoroughness],
            seed=seed,
            limits=limits,
            python=python,
        )
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if path is not None:
        put(path, (json.dumps(certificate.to_dict(), indent=2) + "\n").encode())
    if path != "-":
        _print(certificate)
        if rule is None and not subject[0].endswith(".toml"):  # a design's file names its own
            rules = ", ".join(profile_of(fmt).rules)
            click.echo(f"  note: judged as {DEFAULT}, as no --rule was given; {fmt} has {rules}")
    return certificate.exit_code


def _print(certificate: FixedPointCertificate) -> None:
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.text import Text

    console = Console(highlight=False)
    colour = COLOURS[certificate.verdict]
    sizes = ", ".join(f"{n} {name if n > 1 else name[:-1]}" for name, n in certificate.sizes.items())
    what = f"{certificate.rule} on {certificate.profile}" + (f", {sizes}" if sizes else "")
    head = Text.assemble((certificate.verdict.upper(), f"bold {colour}"), "  ", certificate.reason)
    lines = Text(f"subject  {certificate.subject}\nclaim    {what}, bit for bit", style="dim")
    console.print(Panel(Group(head, lines), border_style=colour))
    result = certificate.result
    if result is not None and result.first is not None:
        _causes(certificate, console)
        worst = sorted(result.differences.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{name} on {count}" for name, count in worst[:6]) + (", ..." if len(worst) > 6 else "")
        console.print(Text.assemble(("  differs  ", "bold"), f"{shown} of {result.steps} steps"))
    if result is not None and result.overflows:
        names = ", ".join(sorted(result.overflows))
        console.print(f"  overflows that the steps exercised: {names}", style="dim", markup=False)
    for note in certificate.notes:
        console.print(f"  note: {note}", style="dim", markup=False)
    if certificate.verdict != "certified":
        console.print(f"  replay   {certificate.replay}", style="cyan", markup=False, soft_wrap=True)


def _causes(certificate: FixedPointCertificate, console: Any) -> None:
    from rich.text import Text

    result = certificate.result
    assert result is not None
    for number, cause in enumerate(certificate.causes):
        console.print(Text.assemble(("  or       " if number else "  cause    ", "" if number else "bold"), cause))
    console.print(f"  {'         ' if certificate.causes else ''}{_explained(certificate)}", style="dim", markup=False)


def _explained(certificate: FixedPointCertificate) -> str:
    """Return one sentence on what a cause rests on, or why none is named."""
    result = certificate.result
    assert result is not None
    searched = f"{result.searched} more random steps were searched"
    if len(certificate.causes) > 1:
        found = f"{searched}, and none tells them apart" if result.searched else "no more steps were asked"
        return f"one of these: each alone reproduces every answer on every step; {found}"
    if certificate.causes:
        return "this alone reproduces every answer on every step"
    if result.unproved:
        return (
            f"no cause is named: {result.wrong} wrong step{'s' * (result.wrong > 1)} may be explained by chance, and "
            f"{searched} for another"
        )
    if result.tried:
        return f"of {result.tried} single faults of the description that were tried, none explains every answer"
    return "no cause was looked for"
