"""docs/claims_of_papers.md and the README's rows, generated from committed results (`python -m gradcert.papers.report`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from gradcert.papers.runs import Done

HEAD = """# The claims of papers, tested

Generated from the committed results in `docs/results/`, do not edit: `python -m gradcert.papers.report` writes this page anew. The
runs themselves: `gradcert claims NAME` (or `all`); pages with learning curves: `gradcert claims --results docs/results --html DIR`.
Each verdict follows, by a function that is tested on synthetic results, from a rule that was written before the run.

"""


def markdown(found: Sequence[Done], files: Sequence[Path]) -> str:
    """Return the page."""
    rows = ["| claim | verdict | runs | CPU s |", "|---|---|---|---|"]
    for d in found:
        name = f"{d.claim.number} {d.claim.title}"
        rows.append(f"| [{name}](#{d.claim.number.lower()}) | {word(d)} | {len(d.results.done)} | {d.seconds:.0f} |")
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(_section(d, f) for d, f in zip(found, files, strict=True))


def word(done: Done) -> str:
    """Return the verdict; there is none before all runs are done."""
    return f"**{done.verdict.word}**" if done.complete else "not run"


def _section(done: Done, file: Path) -> str:
    c = done.claim
    lines = [f'<a id="{c.number.lower()}"></a>', "", f"## {c.number} {c.title}: {word(done).strip('*')}", "", f"> {c.statement}", "",
             c.source + ".", "", f"**Rule.** {c.rule}", ""]  # fmt: skip
    if done.verdict.parts:
        lines += ["| part | verdict | measured |", "|---|---|---|"]
        for p in done.verdict.parts:
            said = (p.verdict or "beside it") + (", control" if p.control else "")
            lines.append(f"| {p.name} | {said} | {p.words.replace('|', '/')} |")
        lines.append("")
    lines += [
        f"- task: {c.task}",
        f"- network: {c.network}",
        f"- budget: {c.budget}",
        f"- seeds: {c.seeds}",
        f"- search: {c.grid}",
    ]
    lines += [f"- published: {p.what}: {p.value} ({p.source})" for p in c.published]
    lines += [f"- not confirmed: {u}" for u in c.unconfirmed]
    if done.results.done:
        lines.append(
            f"- results: `{file.name}`, SHA-256 `{hashlib.sha256(file.read_bytes()).hexdigest()}`; code `{done.code}`"
        )
    lines += [f"- data: {name}, `{sha}`" for name, sha in done.data.items()]
    return "\n".join([*lines, ""])


def table_for_readme(found: Sequence[Done], digest: str) -> str:
    """Return the README's rows, between its marks."""
    rows = ["| claim | verdict |", "|---|---|"]
    rows += [f"| {d.claim.number} {d.claim.title} | {word(d)} |" for d in found if d.complete]
    return "\n".join([*rows, "", f"Generated from `docs/results/` (SHA-256 of its files, in order: `{digest}`)."])
