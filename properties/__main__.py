"""``python -m gradcert.properties``: holds the reference engines, or a subject of yours, to the laws."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gradcert.properties.laws import LAWS
from gradcert.properties.profiles import PROFILES
from gradcert.properties.runner import BROKEN, DOES_NOT_APPLY, Report, hold
from gradcert.properties.subject import Subject
from gradcert.properties.suite import reference_subjects
from gradcert.reference import RULES, GradcertError


def load(where: str) -> Any:
    """Return ``package.module:attribute`` or ``path/to/file.py:attribute``."""
    place, _, attribute = where.rpartition(":")
    if not place:
        raise GradcertError(f"the subject {where!r}", allowed="package.module:attribute or path/to/file.py:attribute")
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        if spec is None or spec.loader is None:
            raise GradcertError(f"the file {place!r} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(Path(place).resolve().parent))
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    return getattr(module, attribute)


@click.command()
@click.option("--profile", type=click.Choice(tuple(PROFILES)), default="ci", show_default=True)
@click.option("--law", "laws", multiple=True, type=click.Choice(tuple(LAWS)), help="Only these laws.")
@click.option("--rule", "rules", multiple=True, type=click.Choice(tuple(RULES)), help="Only these rules.")
@click.option("--subject", help="package.module:attribute or file.py:attribute; needs one --rule.")
@click.option("--cells", multiple=True, help="Cells that the subject supports.")
@click.option("--family", type=click.Choice(("exact", "bounded")), default="exact", show_default=True)
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), default=Path(".gradcert-properties"), show_default=True
)
@click.option("-v", "--verbose", is_flag=True, help="One line per law and subject.")
def main(
    profile: str,
    laws: tuple[str, ...],
    rules: tuple[str, ...],
    subject: str | None,
    cells: tuple[str, ...],
    family: str,
    keep: Path,
    verbose: bool,
) -> None:
    """Hold the reference engines, or SUBJECT, to the laws; failing examples are kept and replayed."""
    started = time.monotonic()
    reports: list[Report] = []
    for each in _subjects(rules, subject, cells, family):
        for name in laws or tuple(LAWS):
            report = hold(each, LAWS[name], profile=PROFILES[profile], keep=keep)
            if report.verdict == DOES_NOT_APPLY:
                continue
            reports.append(report)
            if verbose or report.verdict == BROKEN:
                click.echo(str(report))
    summarise(reports, keep, time.monotonic() - started)
    sys.exit(1 if any(r.verdict == BROKEN for r in reports) else 0 if any(r.examples for r in reports) else 3)


def _subjects(rules: tuple[str, ...], where: str | None, cells: tuple[str, ...], family: str) -> Iterator[Subject]:
    if where is None:
        yield from reference_subjects(rules)
        return
    found = load(where)
    if isinstance(found, Subject):
        yield found
        return
    if len(rules) != 1:
        raise click.UsageError("--subject needs one --rule: the rule that it claims to compute")
    limits = {"cells_from": cells} if cells else {}
    yield Subject(where, RULES[rules[0]], found, family=family, limits=limits)


def summarise(reports: list[Report], keep: Path, seconds: float) -> None:
    """Print what was run, what was found, and how much of it was not trivial."""
    verdicts = Counter(r.verdict for r in reports)
    edges: Counter[str] = Counter()
    for r in reports:
        edges.update({e.value: n for e, n in r.edges.items()})
    examples, telling = sum(r.examples for r in reports), sum(r.telling for r in reports)
    click.echo(f"{len(reports)} pairs of law and subject: " + ", ".join(f"{n} {v}" for v, n in verdicts.items()))
    click.echo(
        f"{examples} examples, {telling} of them non-trivial; decided by an edge: {dict(edges)}; {seconds:.1f} s"
    )
    for name in sorted({name for r in reports for name in r.extremes}):
        figures = [(r.extremes[name], r.subject) for r in reports if name in r.extremes]
        figure, who = min(figures) if name.endswith("least") else max(figures)
        click.echo(f"{name}: {figure:.6g}, by {who}")
    if verdicts[BROKEN]:
        click.echo(f"failing examples are in {keep}, and are replayed first next time")


if __name__ == "__main__":
    main()
