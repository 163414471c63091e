"""A claim as one self-contained HTML page: the verdict first, no script, nothing from a network."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from gradcert.papers.report.curves import COLOURS, svg
from gradcert.papers.runs import Done
from gradcert.papers.verdicts import INCONCLUSIVE, NOT_SHOWN, SHOWN

TONES = {SHOWN: "certified", NOT_SHOWN: "refuted", INCONCLUSIVE: "inconclusive", "": "plain"}
SIGNS = {SHOWN: "✓", NOT_SHOWN: "✗", INCONCLUSIVE: "?", "": "·"}


def page(done: Done) -> str:
    """Return the page of a claim that was carried out, quick or in full."""
    from markupsafe import Markup

    drawn = [
        {
            "title": figure.title,
            "picture": Markup(svg(figure)),
            "labels": [(f"c{n % COLOURS}", label) for n, label in enumerate(figure.curves)],
        }
        for figure in done.claim.figures(done.results)
    ]
    made: str = (
        environment()
        .get_template("page.html.jinja")
        .render(
            done=done,
            claim=done.claim,
            verdict=tone(done),
            tones=TONES,
            signs=SIGNS,
            figures=drawn,
            tables=done.claim.tables(done.results),
            value=value,
        )
    )
    return made


def tone(done: Done) -> str:
    """Return the verdict whose colour the head has; bands have none."""
    if done.quick and done.claim.bands and done.verdict.word == SHOWN:
        return ""
    return done.verdict.word if done.complete else INCONCLUSIVE


def value(cell: Any) -> str:
    """Return a table's value in few digits.

    Examples
    --------
    >>> value(0.123456), value("ostl"), value(12)
    ('0.1235', 'ostl', '12')
    """
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


@lru_cache(maxsize=1)
def environment() -> Any:
    """Return what the template is rendered in; the style is that of the certificates' page."""
    import jinja2  # late: a run that writes no page has no use for it

    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("gradcert.papers.report", "."), jinja2.PackageLoader("gradcert.certify.report", ".")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
