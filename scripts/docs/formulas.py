"""What Sphinx has to be told: formulas are set by the script of the derivations, docstrings are plain text in part.

The house's docstrings are read in a terminal: a norm is ``|x|``, and what a module says is laid out by hand.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

SENTENCE = 60  # letters


def inline(self: Any, node: Any) -> None:
    """Write a formula in the line."""
    import docutils.nodes

    self.body.append(f'<span class="tex">{escape(node.astext(), quote=False)}</span>')
    raise docutils.nodes.SkipNode


def block(self: Any, node: Any) -> None:
    """Write a formula on a line of its own, with its number where it has one."""
    import docutils.nodes

    number = f'<span class="no">({node["number"]})</span>' if node.get("number") else ""
    tex = escape(node.astext(), quote=False)
    self.body.append(f'<div class="eq"><div class="tex display">{tex}</div>{number}</div>')
    raise docutils.nodes.SkipNode


def plain(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Take bars for bars, and the text of a module as it stands."""
    if what == "module":
        if len(lines) > 2:
            head = [".. code-block:: text", "   :class: said", ""]
            lines[:] = [lines[0], "", *head, *(f"   {line}" for line in lines[2:]), ""]
        lines[0] = lines[0].replace("|", r"\|")
        return
    code = False
    for n, line in enumerate(lines):
        code = line.startswith((">>>", "...")) or (code and bool(line.strip()))
        if not code:
            lines[n] = re.sub(r"(?<![\\`])\|", r"\\|", line)


def fields(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Say what a field is below its name: the house writes ``name : what it is``, where NumPy's form has a type."""
    section = ""
    out: list[str] = []
    for n, line in enumerate(lines):
        if n + 1 < len(lines) and line.strip() and re.fullmatch(r"-{3,}", lines[n + 1].strip()):
            section = line.strip()
        found = re.fullmatch(r"(\*{0,2}\w[\w.]*(?:, \*{0,2}\w[\w.]*)*) : (.+)", line)
        if found and section in ("Parameters", "Attributes", "Raises"):
            out += [found[1], f"    {found[2]}"]
        else:
            out.append(line)
    lines[:] = out


def entries(app: Any, tree: Any, name: str) -> None:
    """Mark what holds a sentence in a table, which a narrow page gives room, and paths, which may be broken."""
    import docutils.nodes

    for entry in tree.findall(docutils.nodes.entry):
        if len(entry.astext()) > SENTENCE:
            entry["classes"].append("sentence")
        for code in entry.findall(docutils.nodes.literal):
            if "/" in code.astext():
                code["classes"].append("path")


def hyphens(app: Any, tree: Any, name: str) -> None:
    """Keep a word that begins with a lone letter and a hyphen, as e-prop, on one line."""
    import docutils.nodes as n

    for text in list(tree.findall(n.Text)):
        words = re.split(r"((?<![\w-])[A-Za-z]-\w+)", text.astext())
        if len(words) > 1 and isinstance(text.parent, (n.paragraph, n.title, n.reference, n.emphasis, n.strong)):
            new = [n.inline("", w, classes=["unbroken"]) if k % 2 else n.Text(w) for k, w in enumerate(words) if w]
            text.parent.replace(text, new)


NOTICE = (
    "<noscript><p><strong>Formulas are set by a script that comes with this page.</strong> Where scripts are switched"
    " off, they stand as they are typed, in LaTeX.</p></noscript>"
)


def noticed(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Say on a page with formulas, once, what it looks like without scripts; a chapter says it itself."""
    body = context.get("body", "")
    if 'class="tex' in body and "<noscript>" not in body:
        context["body"] = body.replace("</h1>", f"</h1>{NOTICE}", 1)


def setup(app: Any) -> dict[str, Any]:
    """Register the renderer."""
    app.connect("autodoc-process-docstring", fields, priority=400)  # before napoleon reads the sections
    app.connect("autodoc-process-docstring", plain)
    app.connect("doctree-resolved", entries)
    app.connect("doctree-resolved", hyphens)
    app.connect("html-page-context", noticed)
    app.add_html_math_renderer("bundled", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
