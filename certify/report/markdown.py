"""The certificate as Markdown, for the summary of a step in continuous integration."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradcert.certify.certificates import Certificate
from gradcert.certify.claims import sentence as sentence_of
from gradcert.certify.repair import details, pieces
from gradcert.certify.report import circumstances, made, terms
from gradcert.certify.report.groups import groups, titles
from gradcert.certify.report.junit import where
from gradcert.reference.networks import readable

MARKS = {"certified": "✅", "refuted": "❌", "inconclusive": "❔"}
MOST = 10  # findings


def write(certificate: Certificate) -> str:
    """Return a section: the verdict, why, and the evidence; every text of the subject is quoted."""
    head = f"### {MARKS[certificate.verdict]} {certificate.verdict}: {code(certificate.subject)}"
    out = [head, "", escaped(certificate.reason), "", f"Claim: {escaped(sentence_of(certificate.claim))}"]
    out += [""] if certificate.findings else []
    for finding in certificate.findings[:MOST]:
        out.append(f"- **{escaped(finding.check)}**: {escaped(finding.cause or finding.reason)}")
        out += [f"  - {code(line)}" for line in where(finding.where)]
        out += [f"  - case {code(readable(finding.case))}"] if finding.case else []
        out += [f"  - replay {code(finding.replay)}"] if finding.replay else []
    if len(certificate.findings) > MOST:
        out.append(f"- and {len(certificate.findings) - MOST} more")
    if repair := pieces(certificate):
        out += ["", " ".join(["Repair:", *(code(text) if is_code else escaped(text) for text, is_code in repair)])]
        out += ["", *(f"- {escaped(line)}" for line in details(certificate.repair, certificate.claim))]
    if certificate.counterexample is not None:
        replay = certificate.counterexample["replay"]
        out += ["", f"Smallest counterexample: {code(replay)}"] if replay else []
    if rows := groups(certificate):
        names = ("cell, layers", *titles(certificate)[1:])
        out += ["", *table(names, [(code(row[0]), *row[1:]) for row in rows])]
    caught = sum(control.refuted > 0 for control in certificate.controls)
    out += ["", f"Controls: {caught} of {len(certificate.controls)} known-wrong variants refuted."]
    if certificate.circumstances:
        out += ["", "<details><summary>Circumstances, terms, notes</summary>", ""]
        out += [f"- {escaped(line)}" for line in circumstances.lines(certificate.circumstances)]
    else:
        out += ["", "<details><summary>Terms, notes</summary>", ""]
    out += [f"- {escaped(line)}" for line in made.lines(certificate)]
    out += [f"- {escaped(readable(note))}" for note in certificate.notes]
    out += [f"- *{name}*: {text}" for name, text in terms.used(certificate).items()]
    out += ["", "</details>", "", f"{terms.circumstance(certificate)}, {certificate.seconds:.3g} s, "
            f"identity {code(certificate.identity)}", ""]  # fmt: skip
    return "\n".join(out)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; all columns but the first two are numbers."""
    lines = [titles, [":--" if k < 2 else "--:" for k in range(len(titles))], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def escaped(text: str) -> str:
    r"""Return text in which nothing is Markdown or HTML.

    Examples
    --------
    >>> escaped("a|b <b> *c* #1")
    'a\\|b &lt;b> \\*c\\* \\#1'
    """
    return re.sub(r"([\\`*_{}\[\]()#|~!])", r"\\\1", " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;"))


def code(text: str) -> str:
    """Return text as a code span, whatever is in it.

    Examples
    --------
    >>> code("a"), code("a`b")
    ('`a`', '`` a`b ``')
    """
    line = " ".join(text.split()).replace("|", "\u2502")  # a bar would end the field of a table, even in code
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (max(map(len, re.findall("`+", line))) + 1)
    return f"{fence} {line} {fence}"
