"""Write docs/claims_of_papers.md and the rows of the README anew from the committed results."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gradcert.papers.claims import CLAIMS
from gradcert.papers.report.markdown import markdown, table_for_readme
from gradcert.papers.runs import Done, Store, concluded

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
BEGIN, END = "<!-- claims of papers: generated -->\n", "\n<!-- end -->"


def found(folder: Path) -> list[tuple[Done, Path]]:
    """Return every claim as far as it was run: in full, or else quick."""
    out = []
    for claim in CLAIMS.values():
        for quick in (False, True):
            path = folder / f"{claim.name}{'-quick' if quick else ''}.jsonl"
            done = concluded(claim, Store(path), quick=quick)
            if done.complete or not claim.quick or quick:
                break
        out.append((done, path))
    return out


def written(folder: Path = RESULTS) -> tuple[str, str]:
    """Return the page, and the README's part."""
    every = found(folder)
    digest = hashlib.sha256(b"".join(path.read_bytes() for _, path in every if path.exists())).hexdigest()
    claims = [done for done, _ in every]
    return markdown(claims, [path for _, path in every]), table_for_readme(claims, digest)


def with_rows(readme: str, rows: str) -> str:
    """Return the README with its part replaced."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + rows + END + rest.split(END, 1)[1]


if __name__ == "__main__":
    page, rows = written()
    (ROOT / "docs" / "claims_of_papers.md").write_text(page, encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(with_rows(readme.read_text(encoding="utf-8"), rows), encoding="utf-8")
