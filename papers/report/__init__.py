"""What is shown of a claim: curves as SVG (`curves`), a page (`page`), a listing (`listing`), docs/ (`markdown`)."""

from gradcert.papers.report.listing import listing, record_of, written
from gradcert.papers.report.markdown import markdown, table_for_readme
from gradcert.papers.report.page import page

__all__ = ["listing", "markdown", "page", "record_of", "table_for_readme", "written"]
