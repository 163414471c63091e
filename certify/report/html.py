"""The certificate as one self-contained HTML page: the verdict first, no script, nothing from a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

from gradcert.certify.certificates import CaseResult, Certificate, parted
from gradcert.certify.claims import Claim, parts_of
from gradcert.certify.claims import sentence as sentence_of
from gradcert.certify.diagnosis import sentence
from gradcert.certify.repair import details, pieces
from gradcert.certify.report import circumstances, counterexample, heatmap, made, populations, terms, unrolled
from gradcert.certify.report.edges import weakest
from gradcert.certify.report.junit import where
from gradcert.reference.networks import readable

WORDS = {"certified": "Certified", "refuted": "Refuted", "inconclusive": "Inconclusive"}


def write(certificate: Certificate) -> str:
    """Return the page."""
    page: str = (
        environment()
        .get_template("report.html.jinja")
        .render(
            c=certificate,
            word=WORDS[certificate.verdict],
            claim=sentence_of(certificate.claim),
            parts=parts_of(_in_order(certificate.claim)),
            asked=terms.circumstance(certificate),
            terms=terms.used(certificate),
            made=made.lines(certificate),
            tiles=_tiles(certificate),
            groups=_groups(certificate),
            steps=_steps(certificate),
            legend=heatmap.legend(),
            markers=unrolled.markers(),
            graphs=_graphs(certificate),
            alignment=_alignment(certificate),
            edges=weakest(certificate),
            commands=_commands(certificate),
            where=where,
            readable=readable,
            sentence=sentence,
            small=_small(certificate),
            repair=pieces(certificate),
            repaired=details(certificate.repair, certificate.claim),
            code=circumstances.code(certificate.circumstances.get("code", {})),
            met=circumstances.table(certificate.circumstances) if certificate.circumstances else [],
        )
    )
    return page


@lru_cache(maxsize=4)
def environment(*packages: str) -> Any:
    """Return what templates are rendered in: everything is escaped, nothing may be undefined.

    Parameters
    ----------
    packages : where templates are looked for before they are here.
    """
    import jinja2  # late: a run that writes no page has no use for it

    templates = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package, ".") for package in (*packages, "gradcert.certify.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["figure"] = figure
    return templates


def figure(value: float | None) -> str:
    """Return a number in the few digits that a reader wants.

    Examples
    --------
    >>> figure(None), figure(float("inf")), figure(0.0), figure(0.02934), figure(3.2e11)
    ('–', '∞', '0', '0.0293', '3·10¹¹')
    """
    if value is None:
        return "–"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    if value != value:
        return "NaN"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{raised}"


def _in_order(claim: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a claim as `Claim` has them, whatever order a file has them in."""
    names = [f.name for f in fields(Claim)]
    return {name: claim[name] for name in (*(n for n in names if n in claim), *(n for n in claim if n not in names))}


def _tiles(certificate: Certificate) -> list[tuple[str, str, str]]:
    counts = certificate.counts
    caught = sum(control.refuted > 0 for control in certificate.controls)
    exact = sum(case.exact for case in certificate.cases)
    return [
        (f"{counts['passed']} / {len(certificate.cases)}", "cases inside their budget", _missed(counts)),
        (figure(certificate.worst), "worst error, in budgets", "1 is the limit"),
        (str(exact), "cases judged to the last bit", "budget zero"),
        (f"{caught} / {len(certificate.controls)}", "known-wrong controls refuted", "all have to be"),
    ]


def _missed(counts: Mapping[str, int]) -> str:
    """Return how many cases were not inside their budget, and why, where some did not run.

    Examples
    --------
    >>> _missed({"passed": 3, "failed": 1, "blocked": 2}), _missed({"passed": 3, "failed": 1, "blocked": 0})
    ('1 failed, 2 did not run', '')
    """
    return f"{counts['failed']} failed, {counts['blocked']} did not run" if counts["blocked"] else ""


def _small(certificate: Certificate) -> dict[str, Any] | None:
    """Return what the page shows of the counterexample."""
    found = certificate.counterexample
    if found is None:
        return None
    return {
        "summary": counterexample.summary(found),
        "given": counterexample.given(found["problem"]),
        "entries": counterexample.differing(found),
        "hidden": counterexample.hidden(found),
        "alone": found["alone"],
        "replay": found["replay"],
    }


def _groups(certificate: Certificate) -> list[dict[str, Any]]:
    """Return a heat map for every cell and depth: parameters x cases."""
    groups: dict[str, list[CaseResult]] = {}
    for case in certificate.cases:
        if case.parameters:
            cell, depth, *_ = parted(case.id)
            groups.setdefault(f"{readable(cell)}, {depth} layer{'s' if depth != '1' else ''}", []).append(case)
    out = []
    for name, cases in groups.items():
        names = sorted({n for case in cases for n in case.parameters})
        rows = {n: [heatmap.Cell(_worst(case.parameters.get(n)), _title(n, case)) for case in cases] for n in names}
        labels = [str(k + 1) for k in range(len(cases))]
        picture = heatmap.draw(rows, labels, caption=f"errors of {name}", axis="case")
        out.append({"name": name, "picture": picture, "cases": cases})
    return out


def _worst(entry: Mapping[str, float] | None) -> float | None:
    return entry["worst"] if entry is not None else None


def _title(name: str, case: CaseResult) -> str:
    entry = case.parameters.get(name)
    if entry is None:
        return f"{name}, {readable(case.id)}: not there"
    return f"{name}, {readable(case.id)}: worst {figure(entry['worst'])} budgets, {figure(entry['error'])} of the norm"


def _steps(certificate: Certificate) -> list[dict[str, Any]]:
    """Return a heat map for every case that was asked step by step."""
    out = []
    for record in certificate.figures.get("steps", ()):
        rows = {}
        for name, entries in sorted(record["parameters"].items()):
            rows[name] = [
                heatmap.Cell(_worst(e), f"{name}, first {t} steps: {figure(e['worst']) if e else 'no'} budgets")
                for t, e in enumerate(entries, start=1)
            ]
        length = max(map(len, rows.values()), default=0)
        labels = [str(t) for t in range(1, length + 1)]
        picture = heatmap.draw(rows, labels, caption=f"errors by time step of {record['case']}", axis="first t steps")
        first = next((t + 1 for t in range(length) if any((row[t].ratio or 0) > 1 for row in rows.values())), None)
        out.append({"case": record["case"], "picture": picture, "first": first})
    return out


def _graphs(certificate: Certificate) -> list[dict[str, Any]]:
    out = []
    for record in certificate.figures.get("graph", ()):
        layers = record["layers"]
        own = [[p["name"] for p in record.get("populations", ()) if p["layer"] == k] for k in range(len(layers))]
        panels = [
            {
                "title": f"parameters of {', '.join(own[k]) or f'layer {k}'}",
                "picture": populations.draw(record, k) if own[k] else unrolled.draw(layers, k),
                "text": _sentence(layers, k, own),
            }
            for k in range(len(layers))
        ]
        states = {unrolled.status(e) for layer in layers for e in [*layer["own"], *layer["upper"]]}
        legend = [(s, text) for s, text in unrolled.STATES.items() if s in states]
        out.append({"group": record["group"], "found": record["found"], "panels": panels, "legend": legend})
    return out


def _sentence(layers: list[Mapping[str, Any]], target: int, own: list[list[str]]) -> str:
    """Return in words what the drawing of one layer shows."""
    parts = []
    for number, layer in enumerate(layers[target:], start=target):
        edges = layer["own"] if number == target else layer["upper"]
        for state, word in (("missing", "missing"), ("extra", "extra")):
            names = [e["edge"] for e in edges if unrolled.status(e) == state]
            if names:
                where = ", ".join(own[number]) or f"layer {number}"
                parts.append(f"{word} in {where}: {', '.join(names)}")
    return "; ".join(parts)


def _alignment(certificate: Certificate) -> list[dict[str, Any]]:
    """Return a table for every cell and depth; rules that are one and the same there share a row."""
    out = []
    for record in certificate.figures.get("alignment", ()):
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in sorted((r for r in record["rules"] if r["error"] is not None), key=lambda r: r["error"]):
            key = (row["cosine"], row["error"], row["ratio"], row["drawn"])
            merged = rows.setdefault(key, {**row, "rules": [], "bar": max(0.0, row["cosine"] or 0.0) * 100})
            merged["rules"].append((row["rule"], row["rule"] == certificate.claim["rule"]))
        table = list(rows.values())
        nearest = table[0]["error"] if table else None
        for entry in table:
            entry["nearest"] = entry["error"] == nearest
        out.append({"group": record["group"], "cases": record["cases"], "rows": table})
    return out


def _commands(certificate: Certificate) -> list[tuple[str, str]]:
    options = f"--seed {certificate.seed} --profile {certificate.profile}"
    subject = certificate.subject if ":" in certificate.subject else f"-- {certificate.subject}"
    claim = "--claim certificate.json"
    return [
        ("Run it again", f"gradcert certify {options} {claim} --certificate again.json {subject}"),
        ("Verify the certificate", "gradcert verify certificate.json"),
        ("See what changed since", "gradcert diff certificate.json again.json"),
    ]
