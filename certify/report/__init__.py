"""Report writers: each turns a certificate into one form and knows nothing of the others.

`terminal`, `html`, `markdown` (the summary of a step in continuous integration), `junit`, `annotations` (GitHub's) and
`badge`.

A new writer is a file here and an option of `gradcert/commands/common.py`, which calls it; `heatmap`, `unrolled` and
`circumstances` are pieces of the page, `terms` and `groups` are what several say alike.
"""

from gradcert.certify.report import annotations, atlas, badge, html, junit, markdown, terminal
from gradcert.certify.report.counterexample import lines
from gradcert.certify.report.junit import text

__all__ = ["annotations", "atlas", "badge", "html", "junit", "lines", "markdown", "terminal", "text"]
