"""An atlas on a terminal, as plots, and as one HTML page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from gradcert.certify.report.html import figure
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

NAMES = {"depth": "layers", "steps": "time steps", "leak": "leak", "recurrence": "factor on lateral weights"}
MEASURES = {"cosine": "cosine", "error": "relative error", "ratio": "ratio of norms"}
SHOWN = ("bptt", "bptt-detached-reset", "ostl", "e-prop", "ottt", "sltt")  # curves; the tables hold every rule


def axes(record: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the points of every axis, in order."""
    out: dict[str, list[Mapping[str, Any]]] = {}
    for point in record["points"]:
        if point["axis"] != "base":
            out.setdefault(point["axis"], []).append(point)
    return out


def row_of(point: Mapping[str, Any], rule: str) -> Mapping[str, Any]:
    """Return the measures of a point against one rule; empty if there are none."""
    return next((row for row in point.get("rules", ()) if row["rule"] == rule), {})


def split_of(point: Mapping[str, Any]) -> str:
    """Return what a subject misses of BPTT, the largest part first.

    Examples
    --------
    >>> split_of({"missing": 0.5, "split": [{"layer": 1, "kind": "reset", "share": 0.75}], "unexplained": 0.0})
    '75 % reset in layer 1'
    """
    parts = sorted(point.get("split", ()), key=lambda p: -abs(p["share"]))
    words = [f"{100 * p['share']:.0f} % {p['kind']} in layer {p['layer']}" for p in parts if abs(p["share"]) >= 0.01]
    if point.get("unexplained", 0.0) >= 0.01:
        words.append(f"unexplained {100 * point['unexplained']:.0f} %")
    return ", ".join(words[:4]) or "nothing"


def write(record: Mapping[str, Any], console: Console) -> None:
    """Print an atlas: the base point against every rule, then each axis against BPTT."""
    base = record["points"][0]
    table = _table(f"{record['subject']} on {record['cell']}, base point", "rule", *MEASURES.values())
    for row in sorted((r for r in base["rules"] if r["error"] is not None), key=lambda r: r["error"]):
        mark = " *" if row["drawn"] else ""
        table.add_row(row["rule"] + mark, *(figure(row[m]) for m in MEASURES))
    console.print(Group(table, Text(f"of BPTT it misses {figure(base['missing'])}: {split_of(base)}"), Text()))
    for axis, points in axes(record).items():
        table = _table(f"over {NAMES[axis]}", axis, *(f"{m} to bptt" for m in MEASURES.values()), "nearest", "misses")
        for point in points:
            value = str(point["point"][axis])
            if "failure" in point:
                table.add_row(value, "-", "-", "-", "-", point["failure"])
                continue
            row = row_of(point, "bptt")
            table.add_row(value, *(figure(row.get(m)) for m in MEASURES), str(point["nearest"]), split_of(point))
        console.print(Group(table, Text()))
    if any(row["drawn"] for row in base["rules"]):
        console.print("* feedback matrices drawn at random", style="dim")


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if 0 < number < 4 else "left", overflow="fold")
    return table


def plot(record: Mapping[str, Any], form: str) -> bytes:
    """Return the curves as ``png`` or ``svg``: one row per axis, one column per measure.

    Raises
    ------
    GradcertError : if Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise GradcertError("Matplotlib is not installed", do=install("plots")) from None
    import matplotlib

    groups = axes(record)
    page = Figure(figsize=(11, 2.7 * len(groups)), layout="constrained")
    FigureCanvasAgg(page)
    page.patch.set_alpha(0.0 if form == "svg" else 1.0)
    grid = page.subplots(len(groups), 3, squeeze=False)
    for line, (axis, points) in zip(grid, groups.items(), strict=True):
        for place, (measure, title) in zip(line, MEASURES.items(), strict=True):
            for rule in SHOWN:
                pairs = [(p["point"][axis], row_of(p, rule).get(measure)) for p in points]
                pairs = [(x, y) for x, y in pairs if y is not None]
                if pairs:
                    place.plot(*zip(*pairs, strict=True), marker="o", markersize=3.5, linewidth=1.4, label=rule)
            place.set(xlabel=NAMES[axis], ylabel=title)
            if measure == "error":
                place.set_yscale("symlog", linthresh=1e-3)
            if axis in ("depth", "steps"):
                place.set_xticks([p["point"][axis] for p in points])
            place.set_facecolor("none")
            place.grid(alpha=0.25)
            grey = "0.5" if form == "svg" else "0.2"  # legible on light and on dark
            place.tick_params(colors=grey)
            place.xaxis.label.set_color(grey)
            place.yaxis.label.set_color(grey)
            for spine in place.spines.values():
                spine.set_color(grey)
    lines, labels = grid[0][0].get_legend_handles_labels()
    colour = "0.5" if form == "svg" else "0.2"
    page.legend(lines, labels, loc="outside upper center", ncols=len(labels), frameon=False, labelcolor=colour)
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "gradcert", "svg.fonttype": "none"}):
        page.savefig(out, format=form, dpi=150, metadata={"Date": None} if form == "svg" else {"Software": None})
    return out.getvalue()


def html(record: Mapping[str, Any]) -> str:
    """Return one self-contained page with the curves and every figure."""
    from markupsafe import Markup

    from gradcert.certify.report.html import environment

    picture = plot(record, "svg").decode()
    page: str = (
        environment()
        .get_template("atlas.html.jinja")
        .render(
            record=record,
            base=record["points"][0],
            picture=Markup(picture[picture.index("<svg") :]),
            axes=axes(record),
            names=NAMES,
            row_of=row_of,
            split_of=split_of,
        )
    )
    return page
