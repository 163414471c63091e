"""A derivation in the terminal: step by step, with check marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcert.derivations import glossary
from gradcert.derivations.chapters import chapter
from gradcert.derivations.checker import checked, raised
from gradcert.derivations.generalised import GENERALISED
from gradcert.derivations.kept import Verdict
from gradcert.derivations.proving.record import Derivation, Equation, Step, theorem
from gradcert.derivations.reading.citations import DOCS, citations, targets
from gradcert.derivations.reading.tex import parts

SHOWN = 3  # equations of a step; the pages have all
MARKS = {"proved": ("✓", "green"), "definition": ("≝", "cyan"), "failed": ("✗", "bold red")}


def plain(expression: Any) -> str:
    """Return an expression on one line, in the notation of the pages.

    Examples
    --------
    >>> import sympy
    >>> plain(sympy.Symbol("v0^1[0,0]") ** 2 * sympy.Symbol("leak0[0]"))
    'λ₁·v₁⁽²⁾²'
    """
    import sympy
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]
        def _print_Symbol(self, expr: Any) -> str:
            base, low, up = parts(str(expr))
            if str(expr).startswith("<"):
                return str(expr)[1:-1].split("|")[0]
            low = f"_{low}" if low[:1].isalpha() else low
            low = low.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
            if all(c in "0123456789+-=()tT" for c in up):
                return base + low + up.translate(str.maketrans("0123456789+-=()tT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵗᵀ"))
            return f"{base}{low}^({up})"

    found = Printer().doprint(sympy.sympify(expression))
    for name, letter in (("**2", "²"), ("**", "^"), ("*", "·"), ("sigma", "σ"), ("phi", "φ")):
        found = str(found).replace(name, letter)
    return str(found)


def cited(text: str, style: str = "") -> Text:
    """Return text whose citations lead to the pages of `docs/`, in terminals that know links."""
    out = Text(text, style=style)
    for c in citations(text):
        if target := targets().get((c.page, c.anchor)):
            out.stylize(f"link {DOCS.as_uri()}/{target}", c.start, c.end)
    return out


def render(derivation: Derivation, console: Console, *, pause: Callable[[], None] | None = None) -> bool:
    """Print a derivation, with each step's verdict (verified now, or from the cache); return whether all hold.

    Parameters
    ----------
    derivation, console : what and where.
    pause : called after every step (``--slow``).
    """
    console.rule(f"[bold]{derivation.title}")
    for paragraph in derivation.motivation:
        console.print(Padding(Text(paragraph), (0, 0, 1, 0)))
    console.print("[bold]Statement")
    for paragraph in derivation.statement:
        console.print(Padding(Text(paragraph), (0, 0, 1, 2)))
    console.print("[bold]Symbols")
    for letter, meaning in glossary.table(derivation):
        console.print(Padding(Text(f"{letter}  {meaning}"), (0, 0, 0, 2)))
    console.print()
    good = True
    for step in derivation.steps:
        verdict = checked(step)
        good = good and verdict.status != "failed"
        _step(step, verdict, console)
        if pause:
            pause()
    good = _example(derivation, console) and good
    console.print("[bold]What goes wrong in practice")
    for trap in derivation.traps:
        console.print(Padding(cited(f"{trap.id}  {trap.text}"), (0, 0, 0, 2)))
    if names := GENERALISED.get(derivation.name):
        console.print("\n[bold]For every size, checked by Coq[/bold] (gradcert theorems)")
        console.print(Padding(Text(", ".join(names)), (0, 0, 0, 2)))
    console.print("\n[bold]Try it")
    console.print(Padding(Text(derivation.snippet), (0, 0, 0, 2)))
    return good


def _example(derivation: Derivation, console: Console) -> bool:
    """Make and print the worked example; return whether the engine's code got through it."""
    console.print("\n[bold]An example, made by the engine just now")
    try:
        example = derivation.example()
    except Exception as error:
        console.print(
            Padding(Text(f"✗ {derivation.name}: the example failed: {raised(error)}", style="red"), (0, 0, 1, 2))
        )
        return False
    console.print(Padding(Text(example.text), (0, 0, 1, 2)))
    table = Table(*example.columns, box=None, pad_edge=False, header_style="bold")
    for row in example.rows:
        table.add_row(*row)
    console.print(Padding(table, (0, 0, 1, 2)))
    return True


def shown(step: Step) -> Sequence[Equation]:
    """Return the identities of a step; none where building them raises, which its verdict has said already."""
    try:
        return step.equations() if step.equations else ()
    except Exception:
        return ()


def _step(step: Step, verdict: Verdict, console: Console) -> None:
    mark, style = MARKS[verdict.status]
    head = Text.assemble((f"{mark} ", style), (step.id, "bold"), f"  {verdict.identities} identities")
    console.print(head + Text(f", {step.sizes}" if step.sizes else ""))
    console.print(Padding(Text(step.why), (0, 0, 0, 2)))
    equations = shown(step)
    for e in equations[:SHOWN]:
        console.print(Padding(Text(f"{e.label}:" if e.label else "", style="dim"), (0, 0, 0, 4)))
        console.print(Padding(Text(plain(e.left), style="cyan"), (0, 0, 0, 6)))
        console.print(Padding(Text(f"= {plain(e.right)}", style="cyan"), (0, 0, 0, 6)))
    if len(equations) > SHOWN:
        console.print(Padding(Text(f"and {len(equations) - SHOWN} more", style="dim"), (0, 0, 0, 4)))
    where = "; ".join(x for x in (", ".join(step.code), step.source) if x)
    if step.premises:
        where += f"; rests on {', '.join(step.premises)}"
    if where:
        console.print(Padding(cited(where, "dim"), (0, 0, 1, 2)))
    for sentence in verdict.failed[:10]:
        console.print(Padding(Text(sentence, style="red"), (0, 0, 0, 4)))


def contents(chapters: Mapping[str, str], console: Console) -> None:
    """Print the table of contents."""
    table = Table("derivation", "title", box=None, pad_edge=False, header_style="bold")
    for name, title in chapters.items():
        table.add_row(name, title)
    console.print(table)


def verdicts(found: Mapping[str, list[Verdict]], console: Console) -> None:
    """Print the table of a check, a row per theorem: its sizes, steps, identities and seconds; then what failed."""
    columns = ("theorem", "sizes", "steps", "identities", "seconds", "cached")
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for name, steps in found.items():
        by_id = {v.step: v for v in steps}
        if set(by_id) == {name}:  # it cannot even be imported: there are no steps, and what was raised stands below
            continue
        rows: dict[str, list[tuple[Step, Verdict]]] = {}
        for step in chapter(name).steps:
            if step.id in by_id:
                rows.setdefault(theorem(step), []).append((step, by_id[step.id]))
        for row, members in rows.items():
            failed = any(v.status == "failed" for _, v in members)
            mark, style = MARKS["failed" if failed else members[0][1].status]
            table.add_row(
                Text(f"{mark} {row}", style=style),
                members[0][0].sizes,
                str(len(members)),
                str(sum(v.identities for _, v in members)),
                f"{sum(v.seconds for _, v in members):.1f}",
                str(sum(v.cached for _, v in members)),
            )
    console.print(table)
    for steps in found.values():
        for v in steps:
            if v.status == "failed":
                console.print(Text(f"{v.step} failed: {'; '.join(v.failed[:3])}", style="red"))
