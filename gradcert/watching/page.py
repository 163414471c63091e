"""Judgements as a page: the verdict and its cause, curves over the training, every judgement. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from gradcert.certify.report import COLOURS, DASHES, MARKS, Curve, panel
from gradcert.certify.report.html import environment, figure
from gradcert.reference.printable import legible
from gradcert.watching.measured.figures import SAMPLES
from gradcert.watching.measured.judgement import FAILED, Judgement, Of

MEASURES = {
    "error": "error / budget",
    "cosine": "cosine to BPTT",
    "norm": "norm / BPTT's",
    "dropped": "dropped of BPTT",
}
MOST = 1e9  # of an error over its budget: infinite ones are drawn there
LEGEND = (
    "Error over its budget: 1, the broken line, is what rounding explains, of a sum over steps and samples or, where"
    " that is not enough, by a measured envelope at this size; below 0.001 it is drawn at the foot, above a thousand"
    " million there. Cosine and norm: of the gradients that were given,"
    " against BPTT. Dropped: the norm of what the claimed rule leaves out of BPTT, over BPTT's."
)
STYLE = """
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: .8rem; }
.panel { width: 100%; height: auto; max-width: 34rem; }
.panel text { font: 10.5px system-ui, sans-serif; fill: var(--soft); }
.panel .y { text-anchor: end; } .panel .x { text-anchor: middle; }
.panel .what { font-weight: 600; fill: var(--ink); }
.panel .rule { stroke: var(--line); }
.panel .limit { stroke: var(--bad); stroke-dasharray: 5 4; stroke-width: 1.4; }
.panel polyline, .sample polyline { fill: none; stroke-width: 1.6; }
.panel polygon, .sample polygon { fill: var(--card); fill-opacity: .55; stroke-width: 1.4; }
"""
COLOURED = """
.gradcert-watch { --ink: #1b2230; --soft: #5b6577; --line: #dfe3ea; --card: #ffffff; --bad: #c02f3a; color: var(--ink);
  background: var(--card); padding: .8rem; font: 15px/1.5 system-ui, sans-serif; }
.gradcert-watch ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
@media (prefers-color-scheme: dark) { .gradcert-watch {
  --ink: #e7eaf0; --soft: #a0a9b8; --line: #2d3440; --card: #1a1f28; --bad: #ff7b83; } }
"""


def page(judgements: Sequence[Judgement], about: Mapping[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    about : what is said of what was watched, by heading; ``Model`` is one.
    """
    found = [legible(j) for j in judgements]
    wrong = first_wrong(found)
    drawn = curves(found)
    shares = edge_curves(found)
    word, tone = headline(found)
    text: str = (
        environment("gradcert.watching")
        .get_template("page.html.jinja")
        .render(
            word=word,
            tone=tone,
            reason=(wrong or found[-1]).sentence() if found else "no step was judged",
            about=legible(dict(about)),
            tiles=_tiles(found),
            wrong=wrong,
            judgements=found,
            panels=panels(drawn),
            keys=[(panel.sample(c), c.label) for c in drawn],
            dropped=panel.draw(shares, "share", x="step", y="share of what is dropped") if shares else "",
            downhill=panel.draw(_downhill(found), "descent", x="step", y="cosine to BPTT, at least", limit=0.0),
            dropped_keys=[(panel.sample(c), c.label) for c in shares],
            legend=LEGEND,
            samples=SAMPLES,
            table=_table,
            style=Markup(STYLE),
        )
    )
    return text


def fragment(judgements: Sequence[Judgement]) -> str:
    """Return what a notebook shows: the verdict, and the curves."""
    found = [legible(j) for j in judgements]
    drawn = curves(found)
    wrong = first_wrong(found)
    said = (wrong or found[-1]).sentence() if found else "no step was judged"
    keys = Markup("").join(Markup("<li>{} {}</li>").format(panel.sample(c), c.label) for c in drawn)
    head = Markup("<p><strong>{}</strong>. {}</p><ul>{}</ul>").format(headline(found)[0], said, keys)
    style = COLOURED + STYLE.replace("\n.panel", "\n.gradcert-watch .panel")
    parts = [Markup("<style>{}</style>").format(Markup(style)), head, Markup('<div class="panels">')]
    whole = [Markup('<div class="gradcert-watch">'), *parts, *panels(drawn), Markup("</div></div>")]
    return str(Markup("").join(whole))


def first_wrong(judgements: Sequence[Judgement]) -> Judgement | None:
    """Return the first judgement of gradients that are not the claimed ones, or of no row."""
    return next((j for j in judgements if j.verdict in ("wrong", "unnamed")), None)


def headline(judgements: Sequence[Judgement]) -> tuple[str, str]:
    """Return the verdict in words, and its class in the page's style."""
    wrong = first_wrong(judgements)
    if not judgements:
        return "Nothing judged", "plain"
    if wrong is not None:
        word = "Wrong" if wrong.verdict == "wrong" else "No row of the table"
        return f"{word} at step {wrong.step}", "refuted" if wrong.verdict == "wrong" else "plain"
    judged = [j for j in judgements if j.verdict != FAILED]
    if not judged:
        return "Not judged", "plain"
    if len(judged) < len(judgements):
        return f"{len(judgements) - len(judged)} of {len(judgements)} steps not judged", "plain"
    if judgements[-1].claim:
        return "Right", "certified"
    same = {j.rows for j in judgements}
    return (" = ".join(judgements[-1].rows) if len(same) == 1 else "Several rows"), "certified"


def curves(judgements: Sequence[Judgement]) -> list[Curve]:
    """Return a curve for every parameter."""
    names = list(dict.fromkeys(name for j in judgements for name in j.parameters))
    out = []
    for k, name in enumerate(names):
        values = {m: _points(judgements, name, m) for m in MEASURES}
        out.append(Curve(name, COLOURS[k % 6], DASHES[(k + k // 6) % 6], MARKS[(k + k // 6) % 6], values))
    return out


def _points(judgements: Sequence[Judgement], name: str, measure: str) -> list[tuple[float, float]]:
    found = [(j.step, value(j.parameters[name], measure)) for j in judgements if name in j.parameters]
    return [(float(step), min(v, MOST)) for step, v in found if v is not None and v == v]


def value(of: Of, measure: str) -> float | None:
    """Return one of `MEASURES` of a parameter.

    Examples
    --------
    >>> value(Of(3.0, 2.0, 1.0, 1.0), "error"), value(Of(0.0, 0.0, None, None), "error")
    (1.5, 0.0)
    """
    if measure != "error":
        found: float | None = getattr(of, measure)
        return found
    return of.share


def edge_curves(judgements: Sequence[Judgement]) -> list[Curve]:
    """Return a curve for every kind of dropped edge."""
    names = list(dict.fromkeys(name for j in judgements for name in j.edges))
    points = {n: [(float(j.step), j.edges.get(n, 0.0)) for j in judgements if j.edges] for n in names}
    looks = [(COLOURS[k % 6], DASHES[k % 6], MARKS[k % 6]) for k in range(len(names))]
    return [Curve(n, *look, {"share": points[n]}) for n, look in zip(names, looks, strict=True)]


def _downhill(judgements: Sequence[Judgement]) -> list[Curve]:
    """Return the curve of what the cosine of all gradients together is at least."""
    points = [(float(j.step), j.descent) for j in judgements if j.descent is not None]
    return [Curve("all parameters", COLOURS[2], "", MARKS[0], {"descent": points})]


def panels(drawn: Sequence[Curve]) -> list[Markup]:
    """Return the panels of all measures."""
    if not drawn:
        return []
    limits = {"error": 1.0}
    return [panel.draw(drawn, m, x="step", y=title, limit=limits.get(m)) for m, title in MEASURES.items()]


def _tiles(judgements: Sequence[Judgement]) -> list[tuple[str, str, str]]:
    good = sum(j.known for j in judgements)
    worst = max((j.worst for j in judgements), default=None)
    low = min((j.descent for j in judgements if j.descent is not None), default=None)
    spent = sum(j.seconds for j in judgements) / max(len(judgements), 1)
    what = "right" if judgements and judgements[0].claim else "named"
    fine = next((j for j in reversed(judgements) if j.seen), None)
    weakest, share = max(fine.seen.items(), key=lambda of: of[1]) if fine is not None else ("", 0.0)
    told = (
        "factor on a gradient that is seen",
        f"at least; in {weakest}, the weakest, at step {fine.step}" if fine else "",
    )
    seen = [(f"1 ± {share:.2g}", *told)] if fine is not None else []
    return [
        (f"{good} / {len(judgements)}", f"judgements {what}", ""),
        (figure(worst), "worst error, in budgets", "1 is the limit"),
        *seen,
        (figure(low), "least cosine to BPTT", "all parameters; above 0 the loss falls at first order"),
        (f"{spent:.2g} s", "processor time a judgement", ""),
    ]


def _table(judgement: Judgement) -> Markup:
    """Return the parameters of a judgement."""
    heads = ("error", "budget", "cosine to BPTT", "norm / BPTT's", "dropped of BPTT")
    head = Markup("").join(Markup('<th scope="col" class="n">{}</th>').format(h) for h in heads)
    rows = []
    for name, of in judgement.parameters.items():
        cells = (of.error, of.allowed, of.cosine, of.norm, of.dropped)
        shown = Markup("").join(Markup('<td class="n">{}</td>').format(figure(c)) for c in cells)
        wrong = Markup("") if of.right or not judgement.claim else Markup(' class="wrong"')
        rows.append(Markup('<tr{}><th scope="row">{}</th>{}</tr>').format(wrong, name, shown))
    table = Markup('<div class="scroll"><table><thead><tr><th scope="col">parameter</th>{}</tr></thead><tbody>{}')
    return table.format(head, Markup("").join(rows)) + Markup("</tbody></table></div>")
