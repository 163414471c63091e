"""Report writers, one per file: each turns a certificate into one form and knows nothing of the others."""

from gradcert.certify.report import atlas, html, junit, terminal
from gradcert.certify.report.counterexample import lines
from gradcert.certify.report.junit import text

__all__ = ["atlas", "html", "junit", "lines", "terminal", "text"]
