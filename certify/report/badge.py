"""The verdict as a badge: one small SVG, drawn here, that names rule and verdict."""

from __future__ import annotations

from markupsafe import Markup

from gradcert.certify.certificates import Certificate

COLOURS = {"certified": "#1a7f4b", "refuted": "#c02f3a", "inconclusive": "#9a6700"}  # white on them: 4.8:1 or more
LETTER, PAD, HEIGHT = 6.6, 8, 20  # pixels; the width that text is fitted to, whatever the font


def write(certificate: Certificate) -> str:
    """Return the SVG; its title has subject, verdict and the day."""
    rule = str(certificate.claim["rule"])
    left, right = f"{rule} gradient", certificate.verdict
    day = str(certificate.timing.get("date", ""))[:10]
    title = f"{certificate.subject}: {right}" + (f", {day}" if day else "")
    return draw(left, right, COLOURS[certificate.verdict], title)


def draw(left: str, right: str, colour: str, title: str) -> str:
    """Return a badge of two texts.

    Examples
    --------
    >>> draw("ostl gradient", "certified", "#1a7f4b", "mine.py:f").startswith("<svg")
    True
    """
    a, b = (round(len(text) * LETTER + 2 * PAD) for text in (left, right))
    words = Markup("").join(
        Markup('<text x="{:g}" y="14" textLength="{:.1f}" lengthAdjust="spacingAndGlyphs">{}</text>').format(
            at + width / 2, len(text) * LETTER, text
        )
        for at, width, text in ((0, a, left), (a, b, right))
    )
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" role="img" aria-label="{said}">'
            "<title>{title}</title>"
            '<clipPath id="r"><rect width="{w}" height="{h}" rx="4"/></clipPath>'
            '<g clip-path="url(#r)"><rect width="{a}" height="{h}" fill="#40464f"/>'
            '<rect x="{a}" width="{b}" height="{h}" fill="{colour}"/></g>'
            '<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11">{words}</g>'
            "</svg>\n"
        ).format(w=a + b, h=HEIGHT, a=a, b=b, colour=colour, said=f"{left}: {right}", title=title, words=words)
    )
