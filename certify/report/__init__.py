"""Report writers: each turns a certificate into one form and knows nothing of the others.

`terminal`, `html`, `markdown` (the summary of a step in continuous integration), `junit`, `annotate` (for GitHub's) and
`badge`.

A new writer is a file here and an option of `gradcert/commands/common.py`, which calls it; `heatmap`, `unrolled` and
`circumstances` are pieces of the page, `panel` draws a `Curve`, `terms` and `groups` are what several say alike.
"""

from gradcert.certify.report import annotate, atlas, badge, html, junit, markdown, panel, terminal
from gradcert.certify.report.counterexample import lines
from gradcert.certify.report.curves import COLOURS, DASHES, MARKS, Curve
from gradcert.certify.report.junit import text

__all__ = [
    "COLOURS",
    "DASHES",
    "MARKS",
    "Curve",
    "annotate",
    "atlas",
    "badge",
    "html",
    "junit",
    "lines",
    "markdown",
    "panel",
    "terminal",
    "text",
]
