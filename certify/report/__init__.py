"""Report writers: `terminal`, `html` and `junit` turn a certificate into one form and know nothing of the others.

A new writer is a file here and an option of `gradcert/commands/common.py`, which calls it; `heatmap`, `unrolled` and
`circumstances` are pieces of the page.
"""

from gradcert.certify.report import atlas, html, junit, terminal
from gradcert.certify.report.counterexample import lines
from gradcert.certify.report.junit import text

__all__ = ["atlas", "html", "junit", "lines", "terminal", "text"]
