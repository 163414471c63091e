"""An atlas on a terminal, as plots, and as one HTML page."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from gradcert.certify.report import panel
from gradcert.certify.report.curves import curves
from gradcert.certify.report.html import figure
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

NAMES = {"depth": "layers", "steps": "time steps", "leak": "leak", "recurrence": "factor on lateral weights"}
MEASURES = {"cosine": "cosine", "error": "relative error", "ratio": "ratio of norms"}
SHOWN = ("bptt", "bptt-detached-reset", "ostl", "e-prop", "ottt", "sltt")  # curves; the tables hold every rule
MOST = 4  # parts of what is missed that are named
LEGEND = (
    "cosine: whether the two point the same way; relative error: of the difference, 0 where they are the same; ratio"
    " of norms: the subject's over the rule's. Shares of what is missed are projections on it: they add up to 100 %,"
    " and a negative one cancels some others. They are told where the subject equals a rule here; what another one"
    " drops is not known."
)


def shown(record: Mapping[str, Any]) -> list[str]:
    """Return the rules that get a curve: the usual ones, and the one that is claimed."""
    claimed = record.get("claim", {}).get("rule")
    return [*SHOWN, *([claimed] if claimed and claimed not in SHOWN else [])]


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


def parts_of(point: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return what a subject misses of BPTT as (where, percent), the largest first; the percents add up to 100.

    A share is the projection of a part on what is missed, so that a negative one cancels some of the others. What no
    part of the nearest row accounts for is unexplained; small parts are put together.

    Examples
    --------
    >>> share = [{"layer": 1, "kind": "reset", "share": 0.746}, {"layer": 1, "kind": "state", "share": 0.2541}]
    >>> parts_of({"missing": 0.5, "split": share, "nearest": "ostl", "unexplained": 0.0})
    [('reset in layer 1', 75), ('state in layer 1', 25)]
    """
    shares = sorted(point.get("split", ()), key=lambda p: -abs(p["share"]))
    if not shares and not point.get("unexplained", 0.0):
        return []
    large = [p for p in shares if abs(p["share"]) >= 0.01][:MOST]
    out = [(f"{p['kind']} in layer {p['layer']}", p["share"]) for p in large]
    out.append(("smaller parts", sum(p["share"] for p in shares if p not in large)))
    out.append(("unexplained", 1.0 - sum(p["share"] for p in shares)))
    out = [(name, share) for name, share in out if abs(share) >= 0.005 or name not in ("smaller parts", "unexplained")]
    percents = [math.floor(100 * share) for _, share in out]
    order = sorted(range(len(out)), key=lambda k: percents[k] - 100 * out[k][1])
    for k in order[: 100 - sum(percents)]:  # the largest remainders are rounded up
        percents[k] += 1
    return [(name, percent) for (name, _), percent in zip(out, percents, strict=True)]


def split_of(point: Mapping[str, Any]) -> str:
    """Return what a subject misses of BPTT in words, the largest part first.

    Examples
    --------
    >>> split_of({"missing": 0.5, "split": [{"layer": 1, "kind": "reset", "share": 0.75}], "unexplained": 0.6})
    '75 % reset in layer 1, 25 % unexplained'
    >>> split_of({"missing": 0.5, "split": [], "unexplained": 0.6, "nearest": "snap-1"})
    'an unknown part: it equals no rule here (nearest: snap-1)'
    """
    if not point.get("split") and point.get("unexplained"):
        return f"an unknown part: it equals no rule here (nearest: {point['nearest']})"
    return ", ".join(f"{percent} % {name}" for name, percent in parts_of(point)) or "nothing"


def asked(record: Mapping[str, Any]) -> str:
    """Return what the map was made of, in one line: cell, conventions, loss, draws, seed, version, day."""
    options = "".join(f", {name} {text(value)}" for name, value in record["options"].items())
    loss = record.get("loss") or {"kind": "squared_error", "when": "every", "time": "mean", "batch": "mean"}
    over = [f"{loss[name]} over {name}" for name in ("time", "batch", "outputs") if name in loss]
    said = f"{record['cell']}{options}; {loss['kind'].replace('_', ' ')} of {loss['when']}, {', '.join(over)}"
    draws = f"{record['draws']} random problem{'s' if record['draws'] > 1 else ''} a point, seed {record['seed']}"
    made = f"; gradcert {record['suite']}, {record['date'][:10]}" if "suite" in record else ""
    left = f"; not on the map, though claimed: {', '.join(record['left_out'])}" if record.get("left_out") else ""
    return f"{said}; {draws}{made}{left}"


def text(value: Any) -> str:
    """Return an option's value in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items() if k != "name").join((f"{value.get('name', '')}(", ")"))
    return " and ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def write(record: Mapping[str, Any], console: Console) -> None:
    """Print an atlas: the base point against every rule, then each axis against BPTT."""
    base = record["points"][0]
    console.print(Text(asked(record), style="dim"))
    claimed = record.get("claim", {}).get("rule")
    table = _table(f"{record['subject']}: at the base point", "rule", *MEASURES.values())
    for row in sorted((r for r in base["rules"] if r["error"] is not None), key=lambda r: r["error"]):
        mark = " *" if row["drawn"] else ""
        mark += " (claimed)" if row["rule"] == claimed else ""
        table.add_row(row["rule"] + mark, *(figure(row[m]) for m in MEASURES))
    console.print(Group(table, Text(f"of BPTT it misses {figure(base['missing'])}: {split_of(base)}"), Text()))
    for axis, points in axes(record).items():
        table = _table(f"over {NAMES[axis]}, against bptt", axis, *MEASURES.values(), "nearest")
        for point in points:
            value = str(point["point"][axis])
            row = row_of(point, "bptt")
            shown = ["-"] * 3 if "failure" in point else [figure(row.get(m)) for m in MEASURES]
            table.add_row(value, *shown, str(point.get("nearest", "-")))
        lines = [Text(f"  {axis} {p['point'][axis]}: {p.get('failure') or f'misses {split_of(p)}'}") for p in points]
        console.print(Group(table, *lines, Text()))
    console.print(LEGEND, style="dim")
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
    page = Figure(figsize=(11, 2.9 * len(groups)), layout="constrained")
    FigureCanvasAgg(page)
    grid = page.subplots(len(groups), 3, squeeze=False)
    drawn = curves(groups, shown(record), list(MEASURES))
    for line, (axis, points) in zip(grid, groups.items(), strict=True):
        for place, (measure, title) in zip(line, MEASURES.items(), strict=True):
            for curve in drawn[axis]:
                if pairs := curve.values[measure]:
                    dash = (0, tuple(map(float, curve.dash.split()))) if curve.dash else "solid"
                    style = {"marker": curve.mark, "markersize": 5, "markerfacecolor": "none", "linewidth": 1.4}
                    xs, ys = zip(*pairs, strict=True)
                    place.plot(xs, ys, color=curve.colour, linestyle=dash, label=curve.label, **style)
            place.set(xlabel=NAMES[axis], ylabel=title)
            if measure == "error":
                place.set_yscale("symlog", linthresh=1e-3)
            if axis in ("depth", "steps"):
                place.set_xticks([p["point"][axis] for p in points])
            place.grid(alpha=0.25)
    lines, labels = grid[0][0].get_legend_handles_labels()
    page.legend(lines, labels, loc="outside upper center", ncols=3, frameon=False)
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "gradcert", "svg.fonttype": "none"}):
        page.savefig(out, format=form, dpi=150, metadata={"Date": None} if form == "svg" else {"Software": None})
    return out.getvalue()


def html(record: Mapping[str, Any]) -> str:
    """Return one self-contained page with the curves and every figure."""
    from gradcert.certify.report.html import environment

    groups = axes(record)
    drawn = curves(groups, shown(record), list(MEASURES))
    panels = [
        panel.draw(drawn[axis], measure, x=NAMES[axis], y=title)
        for axis in groups
        for measure, title in MEASURES.items()
    ]
    first = next(iter(drawn.values()), [])
    page: str = (
        environment()
        .get_template("atlas.html.jinja")
        .render(
            record=record,
            base=record["points"][0],
            asked=asked(record),
            legend=LEGEND,
            keys=[(panel.sample(curve), curve.label) for curve in first],
            panels=panels,
            axes=groups,
            names=NAMES,
            row_of=row_of,
            split_of=split_of,
        )
    )
    return page
