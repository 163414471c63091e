"""``gradcert hardware``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcert.commands.common import FILE, progress, put
from gradcert.commands.complete import names, of
from gradcert.commands.pages import wide

if TYPE_CHECKING:
    from rich.console import Console

    from gradcert.hardware_models import Own

EPILOG = """\b
Examples:
  gradcert hardware                                   the profiles
  gradcert hardware reckon --rule e-prop              formats, proofs, ledger
  gradcert hardware --check                           prove everything
  gradcert hardware --check reckon                    prove one profile
  gradcert hardware --check --attack 2000             search counterexamples
  gradcert hardware --check --steps 100000            compare every form
  gradcert hardware --weight-bits 4..16 --plot w.png  widths and roundings
  gradcert hardware q-format --rule ottt --network mine.npz  your own network

\b
Ledger and sweep run a built-in random task; --network FILE.npz (numpy.savez)
puts yours in its place, as real numbers: W (neurons, inputs), Wo (outputs,
neurons), H (neurons, neurons) where the rule has it, spikes x (steps,
inputs), target (steps, outputs); and, if they are not the profile's, leak,
threshold, readout_leak, adaptation_leak, adaptation_strength.

\b
Formats: sNqF is signed, N bits in all, F of them behind the point, so the
stored n stands for n / 2**F: s8q6 from -2 to 1.984; uNqF is unsigned.

\b
Exit status: 0; 1 if a claim or its broken twin is not as it should be;
2 usage; 3 if the solver does not know; 4 internal error."""


def _range(_: click.Context, __: click.Parameter, value: str | None) -> range | None:
    if value is None:
        return None
    low, dots, high = value.partition("..")
    if not all(re.fullmatch("[1-9][0-9]{0,2}", part) for part in ((low, high) if dots else (low,))):
        raise click.BadParameter("give a width such as 8, or a range such as 4..16")
    found = range(int(low), int(high or low) + 1)
    if not found:
        raise click.BadParameter(f"{value} is no width: {low} is larger than {high}")
    return found


def _known() -> list[str]:
    from gradcert.hardware_models import profiles

    return [profile.name for profile in profiles()]


@click.command("hardware", epilog=EPILOG)
@click.argument("profile", required=False, shell_complete=of(_known))
@click.option("--rule", metavar="NAME", shell_complete=names("RULES"), help="Show this rule on the profile.")
@click.option("--check", "checking", is_flag=True, help="Prove every claim, each with its broken twin.")
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(1),
    help="With --check: compare simulator, Fractions, z3 and RTL on N random steps (100000: minutes).",
)
@click.option(
    "--attack",
    metavar="N",
    type=click.IntRange(1),
    help="With --check: try N programs of the declared units against every printed claim (2000: a minute).",
)
@click.option("--weight-bits", metavar="N..M", callback=_range, help="Sweep the width of the weights.")
@click.option("--json", "path", metavar="FILE", type=FILE, help="Write the same as JSON; - for standard output.")
@click.option(
    "--network", metavar="FILE.npz", type=click.Path(dir_okay=False), help="Of ledger and sweep: your own (see below)."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the random task of ledger and sweep, and of random words.",
)
@click.option("--plot", type=click.Path(dir_okay=False), help="With --weight-bits: write a figure.")
def command(
    profile: str | None,
    rule: str | None,
    checking: bool,
    steps: int | None,
    attack: int | None,
    weight_bits: range | None,
    path: str | None,
    plot: str | None,
    network: str | None,
    seed: int,
) -> None:
    """On-chip learning in fixed point: descriptions, proofs, and what the arithmetic does to the gradient."""
    import sys

    from rich.console import Console

    from gradcert.reference.errors import GradcertError
    from gradcert.reference.installing import install

    console = Console(width=wide(160), highlight=False, stderr=path == "-")
    record: dict[str, Any] = {}  # what is shown, as data
    status = 0
    if network is not None and (checking or (profile is None and weight_bits is None)):
        raise click.UsageError("--network is run by the ledger of a PROFILE and by --weight-bits")
    try:
        own = None if network is None else _read(network)
        if checking:
            status = _prove(profile, console, record, attack)
            agreed = steps is None or _agree(profile, rule, steps, console, record)
            status = status if agreed else 1
        elif weight_bits is not None:
            _sweep(weight_bits, rule or "ottt", plot, console, record, seed, own)
        elif profile is None:
            _profiles(console, record)
        else:
            _describe(profile, rule or "e-prop", console, record, seed, own)
        if path is not None:
            put(path, (json.dumps(record, indent=1, default=str) + "\n").encode())
        sys.exit(status)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    except ModuleNotFoundError as error:
        raise click.UsageError(f"{error.name} is not installed; {install('smt,plots,bf16')}") from None


def _read(network: str) -> Own:
    from gradcert import hardware_models

    return hardware_models.read_network(network)


def _profiles(console: Console, record: dict[str, Any]) -> None:
    from rich.table import Table

    from gradcert import hardware_models

    table = Table("profile", "what it is", "from")
    record["profiles"] = [{"name": p.name, "title": p.title, "source": p.source} for p in hardware_models.profiles()]
    for p in record["profiles"]:
        table.add_row(*p.values())
    console.print(table)


def _describe(
    profile: str, rule: str, console: Console, record: dict[str, Any], seed: int = 0, own: Own | None = None
) -> None:
    from rich.table import Table

    from gradcert import hardware_models
    from gradcert.reference.installing import install

    found = hardware_models.describe(profile, rule)
    record["description"] = _plain(found)
    table = Table("intermediate", "axes", "computes", "format", "rounding", "overflow", "random source")
    for row in found.rows:
        cells = (row.name, " ".join(row.axes), row.computes, row.format, row.rounding, row.overflow, row.source)
        table.add_row(*cells)
    console.print(f"[bold]{found.title}[/bold], {rule}\n{found.facts}")
    console.print(table)
    console.print("s8q6: signed, 8 bits, of which 6 are behind the point: stored n stands for n / 2**6; u is unsigned")
    for note in found.notes:
        console.print(f"- {note}")
    _overflows(profile, rule, console, record)
    try:
        _prove(profile, console, record, rule=rule)
    except ModuleNotFoundError as error:
        if error.name != "z3":
            raise
        record["proofs"] = f"not shown: z3 is not installed; {install('smt')}"
        console.print(f"Proofs are {record['proofs']}", markup=False)
    _ledger(profile, rule, console, record, seed, own)


def _overflows(profile: str, rule: str, console: Console, record: dict[str, Any]) -> None:
    """Say which intermediates of this rule's step can overflow at all, where it is fixed point."""
    from gradcert.hardware_models.catalogue import program
    from gradcert.hardware_models.description.ranges import can_overflow

    step = program(profile, rule)
    if step.is_fixed:
        found = record["can_overflow"] = can_overflow(step)
        console.print(
            f"One {rule} step, from any stored values of its registers, by interval arithmetic: overflow is excluded "
            f"everywhere but perhaps in {', '.join(found)}"
            if found else f"One {rule} step, from any stored values of its registers: overflow is excluded everywhere"
        )  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a record, or what consists of some, as JSON has it; numbers that JSON lacks, and all else, as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _ledger(
    profile: str, rule: str, console: Console, record: dict[str, Any], seed: int = 0, own: Own | None = None
) -> None:
    from rich.console import Console as Errors
    from rich.markup import escape
    from rich.table import Table

    from gradcert import hardware_models
    from gradcert.reference.printable import printable

    with progress(Errors(stderr=True)) as bar:
        bar(0, 0, f"the ledger of {rule} on {profile}")
        book = hardware_models.ledger(rule, profile, seed=seed, own=own)
    record["ledger"] = _plain(book)
    if book.flipped_spikes:
        spikes = f"{book.flipped_spikes} (step, neuron) where the chip spikes otherwise than the rule"
    else:
        spikes = "the chip has every spike where the rule has it"
    title = f"Gradient ledger: {book.steps} steps of {escape(printable(book.task))}, {book.spikes} spikes; {spikes}"
    noisy = any(e.noise for e in book.entries)
    columns = [
        ("weights", "left"), ("|BPTT|", "right"), ("|rule|", "right"), ("lost to the rule", "right"),
        ("lost to the arithmetic", "right"), ("at most", "right"), *([("noise of one run", "right")] if noisy else []),
        ("cosine BPTT, rule", "right"), ("cosine BPTT, chip", "right"), ("signs kept", "right"),
    ]  # fmt: skip
    table = Table(title=title, title_justify="left")
    for name, justify in columns:
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for e in book.entries:
        parts = [e.parameter, f"{e.bptt_norm:.3g}", f"{e.rule_norm:.3g}", _share(e.algorithm), _share(e.arithmetic)]
        parts += [_share(e.bound), *([_share(e.noise)] if noisy else [])]
        parts += [f"{e.cosine_rule:.3f}", f"{e.cosine_total:.3f}", _share(e.sign_agreement)]
        table.add_row(*parts)
    console.print(table)
    words = " (mean over random words; one run's draw comes on top)" if noisy else ""
    flips = " Vacuous where a spike flipped." if any(e.bound > VACUOUS for e in book.entries) else ""
    console.print(
        "lost to the rule: |BPTT - rule| / |BPTT|; lost to the arithmetic: |rule - chip| / |rule|, measured, and at "
        f"most, from an enclosure of this run{words}.{flips}"
    )
    if book.stored:
        console.print(book.stored, markup=False)
    if book.close:
        listed = ", ".join(f"({step}, {neuron})" for step, neuron in book.close[:8])
        more = ", ..." if len(book.close) > 8 else ""
        console.print(
            f"Margin certificate: {book.decisions - len(book.close)} of {book.decisions} decisions to spike are "
            f"certified; open at (step, neuron) {listed}{more}, where the float64 run is believed."
        )
    else:
        console.print(f"Margin certificate: all {book.decisions} decisions to spike are certified.")
    over = Table(title="The same over time: lost to the rule / lost to the arithmetic / at most", title_justify="left")
    over.add_column("steps", justify="right")
    names = [e.parameter for e in book.entries]
    for name in names:
        over.add_column(name, justify="right")
    for steps in dict.fromkeys(e.steps for e in book.over_time):
        row = {e.parameter: e for e in book.over_time if e.steps == steps}
        cells = [
            f"{_share(e.algorithm)} / {_share(e.arithmetic)} / {_share(e.bound)}" for e in map(row.get, names) if e
        ]
        over.add_row(str(steps), *cells)
    console.print(over)


VACUOUS = 1e3


def _share(x: float) -> str:
    """A ratio as a percentage that a person can read; nothing where there is nothing to divide by."""
    if x != x:
        return "-"
    if x > VACUOUS:
        return "vacuous"
    if x >= 10:
        return f"{x:.3g} times"
    if 0 < x < 5e-5:
        return f"{x:.0e}"
    return f"{100 * x:.3g} %"


MARKS = {"proved": "[green]✓[/green]", "refuted": "[red]✗[/red]", "unknown": "[yellow]?[/yellow]"}


def _prove(
    profile: str | None,
    console: Console,
    record: dict[str, Any],
    attack: int | None = None,
    rule: str | None = None,
) -> int:
    """Print every claim; 0 if all are proved and none broken, 1 if one is refuted or broken, 3 if one is unknown."""
    from rich.table import Table

    from gradcert import hardware_models

    heads = ("", "", "profile", "claim", "proof", "broken twin", "cvc5", "seconds", "detail")
    table = Table(*heads, *([] if attack is None else ["attacked"]))
    total, outcomes, named = 0.0, dict.fromkeys(MARKS, 0), []
    record["claims"] = []
    for proof in _heard(hardware_models.check(profile)):
        outcome, words = proof.outcome, []
        if attack is not None:
            search = hardware_models.attack(proof, draws=attack)
            words = [f"{search.tried} tried"]
            if search.broken:
                outcome, words = "refuted", [f"[red]broken[/red]: {search.broken}"]
            elif search.reached is not None:
                words = [f"{search.tried} tried, {search.reached:.0%} of the bound"]
        outcomes[outcome] += 1
        total += proof.seconds
        if outcome != "proved":
            named.append(f"{outcome}: {proof.profile}, proof {proof.number}: {proof.claim}")
        second = "" if proof.second == "not asked" else proof.second
        cells = (str(proof.number), proof.profile, proof.claim, proof.verdict, proof.twin, second)
        record["claims"].append({**_plain(proof), "outcome": outcome, "attacked": words})
        table.add_row(MARKS[outcome], *cells, f"{proof.seconds:.2f}", proof.detail, *words)
    console.print(table)
    counted = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items() if n)
    console.print(f"{table.row_count} claims, {total:.1f} s: {counted}; {'not all hold' if named else 'all hold'}")
    for line in named:
        console.print(line)
    from gradcert.hardware_models.proofs.reasons import not_asked

    left = Table("proof", "profile", "what is not asked", "why", title="Not asked", title_justify="left")
    for item in not_asked(profile, rule):
        left.add_row(str(item.number), item.profile, item.what, item.why)
    if left.row_count:
        console.print(left)
    return 1 if outcomes["refuted"] else 3 if outcomes["unknown"] else 0


def _heard(records: Iterable[Any]) -> Iterator[Any]:
    """Pass records on as they come, and say how many there were."""
    from rich.console import Console

    with progress(Console(stderr=True)) as bar:
        for number, record in enumerate(records, start=1):
            bar(number, 0, str(record.profile))
            yield record


def _agree(profile: str | None, rule: str | None, steps: int, console: Console, record: dict[str, Any]) -> bool:
    from rich.table import Table

    from gradcert import hardware_models

    table = Table("", "profile", "rule", "steps", "= Fractions", "= z3", "= RTL", "seconds")
    good = True
    for found in _heard(hardware_models.agreements(profile, rule=rule, steps=steps)):
        good = good and found.holds
        forms = dict(found.forms)
        fractions, rtl = forms.pop("Fractions"), forms.pop("RTL")
        solver = {name: said for name, said in forms.items() if said != "not offered"}
        wrong = [f"{name}: {said}" for name, said in solver.items() if said != "equal"]
        z3 = "; ".join(wrong) or f"equal ({', '.join(solver)})"
        mark = "[green]✓[/green]" if found.holds else "[red]✗[/red]"
        record.setdefault("agreements", []).append(_plain(found))
        table.add_row(mark, found.profile, found.rule, str(found.steps), fractions, z3, rtl, f"{found.seconds:.1f}")
    console.print(table)
    console.print(
        "Independent steps from random states, every intermediate compared with the NumPy simulator; "
        + ("all equal" if good else "not all equal")
    )
    return good


def _sweep(
    widths: range,
    rule: str,
    plot: str | None,
    console: Console,
    record: dict[str, Any],
    seed: int = 0,
    own: Own | None = None,
) -> None:
    from rich.console import Console as Errors
    from rich.markup import escape
    from rich.table import Table

    from gradcert import hardware_models
    from gradcert.reference.printable import printable

    with progress(Errors(stderr=True)) as bar:
        figure = Path(plot) if plot else None
        points = hardware_models.sweep(weight_bits=widths, rule=rule, plot=figure, seed=seed, own=own, progress=bar)
    record["task"] = hardware_models.BUILT_IN if own is None else own.name
    record["points"] = _plain(points)
    roundings = list(dict.fromkeys(p.rounding for p in points))
    title = f"{rule}, plain Q-format, {escape(printable(record['task']))}: cosine with the real-valued rule / "
    title += "relative error of the gradient / loss after training (before)"
    table = Table(title=title, title_justify="left")
    table.add_column("weight bits", justify="right")
    for name in roundings:
        table.add_column(name, justify="right")
    for bits in dict.fromkeys(p.weight_bits for p in points):
        row = [
            f"{p.cosine:.3f} / {p.error:.2g} / {p.last_loss:.2g} ({p.first_loss:.2g})"
            for p in points
            if p.weight_bits == bits
        ]
        table.add_row(str(bits), *row)
    console.print(table)
