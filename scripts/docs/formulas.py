"""A renderer of formulas for Sphinx: TeX in a span, set by the script that sets those of the derivations."""

from __future__ import annotations

from html import escape
from typing import Any


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


def setup(app: Any) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("bundled", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
