"""The measure as a page: by operator and by implementation, those that were held back apart."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from scripts.diagnosis.measure import Outcome

COLUMNS: tuple[str, ...] = ("refuted", "named", "repaired", "named or repaired", "partly", "not named", "false")
COLUMNS += ("equivalent", "invalid", "hung", "crashed")


def table(outcomes: Sequence[Outcome], *, each: int, seed: int) -> str:
    """Return the page."""
    seconds = sorted(o.seconds for o in outcomes if o.seconds) or [0.0]
    searches = sorted(o.search for o in outcomes if o.repair == "certified") or [0.0]
    checked = [o.agrees for o in outcomes if o.agrees is not None]
    return "\n".join(
        [
            "# How much of what is wrong is named",
            "",
            "Written by `make diagnosis`: mutants of the literal implementations (`properties/gallery/literal`), "
            f"{each} of each, operators in turn, seed {seed}. All are judged on the cases that everybody gets. "
            "*Named*: a cause for every gradient that is wrong. *Partly*: for some. *False*: a cause, computed on "
            "five fresh problems, does not equal the mutant there. *Repaired*: an edit of the mutant's source was "
            "found that is certified, on all of these cases and on the whole plan with another seed. *Equivalent*: "
            "the judge accepts it.",
            "",
            "Of a processor, a diagnosis took "
            f"{statistics.median(seconds):.1f} s in the median, {seconds[-1]:.0f} s at most; the search for a repair "
            f"{statistics.median(searches):.1f} s in the median and {searches[-1]:.0f} s at most, where it found one. "
            f"Where there are a cause and a repair, both hold on fresh problems in {sum(checked)} of {len(checked)}.",
            "",
            *_rows("implementation", outcomes, lambda o: f"{o.subject}{' (held back)' if o.held else ''}"),
            "",
            *_rows("rule", outcomes, lambda o: f"{o.rule}{' (held back)' if o.held else ''}"),
            "",
            *_rows("operator", [o for o in outcomes if not o.held], lambda o: o.operator),
            "",
            *_rows("operator, held back", [o for o in outcomes if o.held], lambda o: o.operator),
            "",
        ]
    )


def _rows(what: str, outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> list[str]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    lines = [f"| {what} | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    lines += [_line(name, members) for name, members in groups.items()]
    return [*lines, _line("**all**", outcomes)]


def _line(name: str, members: Sequence[Outcome]) -> str:
    refuted = [o for o in members if o.verdict == "refuted"]

    def count(**wanted: object) -> int:
        return sum(all(getattr(o, k) == v for k, v in wanted.items()) for o in members)

    named = count(verdict="refuted", named="fully", false=False)
    share = f" ({100 * named / len(refuted):.0f} %)" if refuted else ""
    mended = count(verdict="refuted", repair="certified")
    either = sum((o.named == "fully" and not o.false) or o.repair == "certified" for o in refuted)
    of = f" ({100 * either / len(refuted):.0f} %)" if refuted else ""
    figures = [
        len(refuted),
        f"{named}{share}",
        mended,
        f"{either}{of}",
        count(named="partly"),
        count(named="not"),
        count(false=True),
    ]
    figures += [count(verdict=v) for v in ("equivalent", "invalid", "hung", "crashed")]
    return f"| {name} | {' | '.join(map(str, figures))} |"
