"""The measure as a page: what was explained, by what, in which time, and what was not; those held back apart."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence

from scripts.diagnosis.measure import Outcome

COLUMNS: tuple[str, ...] = ("refuted", "named", "repaired", "named or repaired", "partly", "not named", "false")
COLUMNS += ("missed", "refuted and equal", "crashed", "equivalent", "invalid", "hung")
WIDEST = 60  # characters of a line of code that is shown


def table(outcomes: Sequence[Outcome], *, each: int, seed: int, repair: float, every: int) -> str:
    """Return the page."""
    seen, held = [o for o in outcomes if not o.held], [o for o in outcomes if o.held]
    lines = [
        "# How much of what is wrong is named",
        "",
        f"Written by `make diagnosis`: {len(outcomes)} mutants of {len({o.subject for o in outcomes})} implementations "
        f"(`properties/gallery/literal`), {each} of each at most, operators in turn, seed {seed}. Each is judged "
        "on the cases that everybody gets, and diagnosed. *Held back*: implementations whose mutants nobody looked at "
        "while the diagnosis was written.",
        "",
        "- *named*: a sentence for every gradient that is wrong, true on every case that was judged",
        f"- *repaired*: an edit of the mutant's source, found within {repair:g} s of a processor, certified on all of "
        "these cases and on the whole plan with another seed; looked for where nothing is named, and for one in "
        f"{every} of the others",
        "- *partly*: a sentence for some of the gradients that are wrong; *not named*: for none",
        "- *false*: a sentence that, computed on five fresh problems, does not equal the mutant there",
        "- *missed*: accepted, and wrong on a fresh problem or on the whole plan with another seed; *refuted and "
        "equal*: it answers what the implementation answers, to the last bit; *crashed*: the diagnosis failed, or the "
        "process",
        "- *equivalent*: accepted there too; *invalid*: it does not compile, or raises on most problems; *hung*: it "
        "had to be stopped",
        "",
        *_rows("", {"seen while it was written": seen, "held back": held}),
        "",
        *_times(outcomes),
        "",
        "## By rule",
        "",
        *_rows("rule", _groups(seen, lambda o: o.rule)),
        "",
        *_rows("rule, held back", _groups(held, lambda o: o.rule)),
        "",
        "## By operator",
        "",
        *_rows("operator", _groups(seen, lambda o: o.operator)),
        "",
        *_rows("operator, held back", _groups(held, lambda o: o.operator)),
        "",
        "## By implementation",
        "",
        *_rows("implementation", _groups(seen, lambda o: o.subject)),
        "",
        *_rows("implementation, held back", _groups(held, lambda o: o.subject)),
        "",
        "## Neither named nor repaired",
        "",
        *_left(outcomes),
        "",
        "## False sentences, missed, refuted and equal, crashed",
        "",
        *(_said([o for o in outcomes if o.false or o.equal or o.verdict in ("missed", "crashed")]) or ["None."]),
    ]
    return "\n".join(lines) + "\n"


def _times(outcomes: Sequence[Outcome]) -> list[str]:
    seconds = sorted(o.seconds for o in outcomes if o.seconds)
    searches = sorted(o.search for o in outcomes if o.repair == "certified")
    checked = [o.agrees for o in outcomes if o.agrees is not None]
    lines = ["| seconds of a processor | median | worst |", "|---|---:|---:|"]
    for what, values in (("for a cause", seconds), ("for a repair that was found", searches)):
        lines.append(
            f"| {what} | {statistics.median(values):.1f} | {values[-1]:.0f} |" if values else f"| {what} | | |"
        )
    both = (
        f"Where there are a cause and a repair, the cause holds on fresh problems in {sum(checked)} of {len(checked)}."
    )
    shared = "Mutants of one implementation share what is worked out of the cases; `--cold` shares nothing."
    return [*lines, "", f"{both} {shared}"]


def _groups(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=key):
        groups.setdefault(key(outcome), []).append(outcome)
    return groups


def _rows(what: str, groups: dict[str, list[Outcome]]) -> list[str]:
    lines = [f"| {what} | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    lines += [_line(name, members) for name, members in groups.items()]
    return [*lines, _line("**all**", [o for members in groups.values() for o in members])]


def explained(o: Outcome) -> bool:
    """Return whether there is a true sentence for all that is wrong, or a repair."""
    return (o.named == "fully" and not o.false) or o.repair == "certified"


def _line(name: str, members: Sequence[Outcome]) -> str:
    refuted = [o for o in members if o.verdict == "refuted"]

    def share(number: int) -> str:
        return f"{number} ({100 * number / len(refuted):.0f} %)" if refuted else str(number)

    figures = [
        len(refuted),
        share(sum(o.named == "fully" and not o.false for o in refuted)),
        f"{sum(o.repair == 'certified' for o in refuted)} of {sum(bool(o.repair) for o in refuted)}",
        share(sum(map(explained, refuted))),
        sum(o.named == "partly" for o in refuted),
        sum(o.named == "not" for o in refuted),
        sum(o.false for o in members),
    ]
    figures += [sum(o.verdict == "missed" for o in members), sum(o.equal for o in members)]
    figures += [sum(o.verdict == v for o in members) for v in ("crashed", "equivalent", "invalid", "hung")]
    return f"| {name} | {' | '.join(map(str, figures))} |"


def _left(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what nothing explains, by operator; of what was held back the numbers alone."""
    left = [o for o in outcomes if o.verdict == "refuted" and not explained(o)]
    held = Counter(o.operator for o in left if o.held)
    lines = []
    for operator, members in _groups([o for o in left if not o.held], lambda o: o.operator).items():
        lines += [f"{operator} ({len(members)}):", "", *_said(members), ""]
    if held:
        lines.append(f"Held back: {', '.join(f'{name} ({count})' for name, count in sorted(held.items()))}.")
    return lines or ["Nothing."]


def _said(members: Sequence[Outcome]) -> list[str]:
    return [f"- {o.subject}, line {o.line}: `{_short(o.before)}` became `{_short(o.after)}`: {o.said}" for o in members]


def _short(line: str) -> str:
    return line if len(line) <= WIDEST else line[: WIDEST - 3] + "..."
