"""The pictures of the pages by name: cells unrolled, the double sum as a triangle, what depth loses."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from gradcert.derivations.reading.drawing import unrolled
from gradcert.derivations.reading.tex import span
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Alif, Lif, Snu
from gradcert.reference.rules import rule_named

_TRAINED = ("leak", "threshold")


def _formula(x: float, y: float, tex: str, width: float = 60) -> str:
    return (
        f'<foreignObject x="{x - width / 2:.1f}" y="{y - 14:.1f}" width="{width:.0f}" height="28">'
        f'<div xmlns="http://www.w3.org/1999/xhtml" class="label middle">{span(tex)}</div></foreignObject>'
    )


def _caption(x: float, y: float, text: str, css: str = "", anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" class="caps {css}" text-anchor="{anchor}">{escape(text)}</text>'


def _head(name: str, css: str = "") -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="7.5" markerHeight="7.5" '
        f'orient="auto"><path d="M0,1 L9,5 L0,9 z" class="head {css}"/></marker>'
    )


def _svg(width: int, height: int, title: str, body: str, heads: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" class="drawing">'
        f"<defs>{heads}</defs>{body}</svg>"
    )


def triangles() -> str:
    """Draw the pairs s <= t of four steps twice: added up by columns, and by rows."""
    n, size, body = 4, 34, []
    for x0, rowwise in ((52, False), (276, True)):
        for s in range(n):
            for t in range(s, n):
                body.append(
                    f'<rect x="{x0 + t * size + 3}" y="{43 + s * size}" width="{size - 6}" height="{size - 6}" rx="5" '
                    'class="square"/>'
                )
            long = (n - s) * size if rowwise else (s + 1) * size
            if rowwise:
                y = 40 + s * size
                body.append(f'<rect x="{x0 + s * size}" y="{y}" width="{long}" height="{size}" rx="9" class="group"/>')
                line = f"M{x0 + n * size - 11},{y + size / 2} H{x0 + s * size + 9}"
            else:
                x = x0 + s * size
                body.append(f'<rect x="{x}" y="40" width="{size}" height="{long}" rx="9" class="group"/>')
                line = f"M{x + size / 2},51 V{40 + long - 9}"
            body.append(f'<path d="{line}" class="edge" marker-end="url(#tri)"/>')
            body.append(_formula(x0 + s * size + size / 2, 26, rf"\scriptstyle t={s + 1}", size))
            body.append(_formula(x0 - 20, 40 + s * size + size / 2, rf"\scriptstyle s={s + 1}", size))
        centre = x0 + n * size / 2
        body.append(_caption(centre, 200, "backwards: by rows" if rowwise else "forwards: by columns", "strong"))
        wait = "row s waits for the last step" if rowwise else "column t is ready at step t"
        body.append(_caption(centre, 217, wait))
    title = "The terms of the double sum as a triangle: forwards by columns, each ready at its step, backwards by rows."
    return _svg(440, 226, title, "".join(body), _head("tri"))


def lost() -> str:
    """Draw two layers over time: the path that is kept, and the one that is dropped."""
    xs, low, up, body = (96, 236, 384), 214, 116, []
    body.append(f'<rect x="62" y="{up - 30}" width="358" height="60" rx="16" class="panel"/>')
    body.append(f'<rect x="62" y="{low - 30}" width="358" height="60" rx="16" class="panel"/>')
    for x, when in zip(xs, ("s", "s+1", "t"), strict=True):
        for y, layer in ((up, "2"), (low, "1")):
            body.append(f'<circle cx="{x}" cy="{y}" r="22" class="node"/>')
            body.append(_formula(x, y, rf"\v{{{layer}}}{{{when}}}"))
    body += [_caption(54, up + 4, "upper", anchor="end"), _caption(54, low + 4, "lower", anchor="end")]
    body += [_formula(384, 36, r"\Et{t}"), _formula(96, 294, r"\w")]
    for d, css in (
        (f"M96,280 V{low + 24}", "kept"),
        (f"M119,{low + 6} H212", "kept"),
        (f"M259,{low + 6} H360", "kept"),
        (f"M390,{low - 22} V{up + 24}", "kept"),
        (f"M390,{up - 22} V52", "kept"),
        (f"M96,{low - 23} V{up + 24}", "lost"),
        (f"M119,{up} H212", "lost"),
        (f"M259,{up} H360", "lost"),
        (f"M378,{up - 22} V52", "lost"),
    ):
        body.append(f'<path d="{d}" class="edge {css}" marker-end="url(#{css})"/>')
    body.append(_caption(366, up - 42, "dropped: time inside the upper layer", "lost", "end"))
    body.append(_caption(116, low + 54, "kept: time inside the own layer", "strong", "start"))
    title = "Two paths from a weight of the lower layer to the loss: through its own time and up, kept; up at once and "
    title += "through the upper layer's time, dropped."
    return _svg(460, 308, title, "".join(body), _head("kept", "kept") + _head("lost", "lost"))


def pairs() -> str:
    """Draw the pairs of a step at which a path goes up and one at which it is judged; the diagonal alone is kept."""
    n, size, x0, y0, body = 4, 40, 128, 58, []
    for s in range(n):
        for t in range(s, n):
            x, y, css = x0 + t * size, y0 + s * size, "square" if s == t else "square low"
            body.append(f'<rect x="{x + 3}" y="{y + 3}" width="{size - 6}" height="{size - 6}" rx="6" class="{css}"/>')
            body.append(_formula(x + size / 2, y + size / 2, rf"\scriptstyle {t - s}", 28))
        body.append(_formula(x0 + s * size + size / 2, y0 - 16, rf"\scriptstyle t={s + 1}", size))
        body.append(_formula(x0 - 22, y0 + s * size + size / 2, rf"\scriptstyle s={s + 1}", size))
    right, low = x0 + n * size, y0 + n * size
    body.append(f'<path d="M{x0 + 8},{y0 - 32} H{x0 + n * size - 8}" class="edge" marker-end="url(#pair)"/>')
    body.append(f'<path d="M{x0 - 46},{y0 + 8} V{y0 + n * size - 8}" class="edge" marker-end="url(#pair)"/>')
    body.append(_caption(x0 + n * size / 2, 16, "judged at step t"))
    body.append(_caption(x0 - 54, y0 + n * size / 2 + 4, "up at step s", anchor="end"))
    body.append(_caption(right + 14, y0 + 24, "R: waits above", "lost", "start"))
    body.append(_caption(right + 14, low - 16, "OSTL: no wait", "strong", "start"))
    title = "Pairs of a step at which a path goes up and one at which it is judged: the diagonal is OSTL, the rest R."
    return _svg(430, low + 12, title, "".join(body), _head("pair"))


def parts() -> str:
    """Draw a sequence cut into parts, with what goes from each to the next."""
    body, width = [], 112  # no wider than a narrow page
    for r in range(3):
        x = 6 + r * (width + 16)
        body.append(f'<rect x="{x}" y="86" width="{width}" height="64" rx="12" class="panel"/>')
        for k in range(3):
            body.append(f'<circle cx="{x + 20 + 36 * k}" cy="118" r="10" class="node"/>')
            if k:
                body.append(
                    f'<path d="M{x - 5 + 36 * k},118 H{x + 8 + 36 * k}" class="edge kept" marker-end="url(#kept)"/>'
                )
        body.append(_caption(x + width / 2, 168, f"part {r + 1}: BPTT inside"))
        if r:
            body.append(f'<path d="M{x - 25},118 H{x + 8}" class="edge lost" marker-end="url(#lost)"/>')
            body.append(f'<path d="M{x - 22},52 H{x + 6}" class="edge kept" marker-end="url(#kept)"/>')
        body.append(_formula(x + width / 2, 52, rf"\wr{{{r + 1}}},\;\wb{{{r + 1}}},\;\La{{{r + 1}}}", 96))
    body.append(_caption(190, 24, "weights, running average and linear term go on", "strong"))
    body.append(_caption(190, 194, "the state goes on, its gradient does not", "lost"))
    title = "A sequence in three parts. Between parts go the state, without its gradient, and three vectors of weights."
    return _svg(380, 204, title, "".join(body), _head("kept", "kept") + _head("lost", "lost"))


def halves() -> str:
    """Draw the pairs of an input and a slope over four steps: causal above the diagonal, acausal below it."""
    n, size, x0, y0, body = 4, 40, 150, 62, []
    for k in range(n):
        for t in range(n):
            css = "square" if k <= t else "square low"
            x, y = x0 + t * size, y0 + k * size
            body.append(f'<rect x="{x + 3}" y="{y + 3}" width="{size - 6}" height="{size - 6}" rx="6" class="{css}"/>')
            decay = r"\scriptstyle\lamp" if k <= t else r"\scriptstyle\lamq"
            body.append(_formula(x + size / 2, y + size / 2, f"{decay}^{abs(t - k)}", size))
        body.append(_formula(x0 + k * size + size / 2, y0 - 14, rf"\hp{{}}{{{k + 1}}}", size))
        body.append(_formula(x0 - 22, y0 + k * size + size / 2, rf"\x{{}}{{{k + 1}}}", size))
    right, low = x0 + n * size + 14, y0 + n * size
    body.append(f'<path d="M{x0 + 8},{y0 - 34} H{x0 + n * size - 8}" class="edge" marker-end="url(#half)"/>')
    body.append(f'<path d="M{x0 - 52},{y0 + 8} V{low - 8}" class="edge" marker-end="url(#half)"/>')
    body.append(_caption(x0 + n * size / 2, 18, "slope of the receiving unit, by step"))
    body.append(_caption(x0 - 62, y0 + n * size / 2 + 4, "input, by step", anchor="end"))
    body.append(_caption(right, y0 + 24, "causal:", "strong", "start"))
    body.append(_caption(right, y0 + 40, "input first", "", "start"))
    body.append(_caption(right, low - 32, "acausal:", "lost", "start"))
    body.append(_caption(right, low - 16, "slope first", "", "start"))
    title = "Pairs of an input and a slope: causal on and above the diagonal, acausal below it."
    return _svg(460, int(low + 14), title, "".join(body), _head("half"))


def local() -> str:
    """Draw two layers with a readout and a loss each: spikes go up, nothing comes down."""
    body, x, side = [], 110, 330
    for n, (y, layer) in enumerate(((226, "hidden layer"), (92, "last layer"))):
        body.append(f'<rect x="{x - 84}" y="{y - 26}" width="168" height="52" rx="12" class="panel"/>')
        body.append(_caption(x, y + 4, layer, "strong"))
        body.append(f'<path d="M{x + 84},{y - 8} H{side - 36}" class="edge" marker-end="url(#up)"/>')
        body.append(f'<path d="M{side - 36},{y + 10} H{x + 88}" class="edge kept" marker-end="url(#kept)"/>')
        body.append(_formula(side, y, r"\Eloc{t}" if n == 0 else r"\Et{t}", 60))
        body.append(_formula((x + side) / 2 + 24, y - 26, r"\Gl{}" if n == 0 else r"1", 60))
    body.append(f'<path d="M{x - 14},198 V122" class="edge" marker-end="url(#up)"/>')
    body.append(f'<path d="M{x + 14},120 V196" class="edge lost" marker-end="url(#lost)"/>')
    body.append(f'<path d="M{x - 14},296 V256" class="edge" marker-end="url(#up)"/>')
    body.append(_caption(x - 26, 164, "spikes", anchor="end"))
    body.append(_caption(x + 28, 164, "no gradient", "lost", "start"))
    body.append(_caption(x, 314, "input"))
    title = "Two layers. Spikes go up; each layer reads itself out into a loss of its own, and no gradient comes down."
    return _svg(400, 324, title, "".join(body), _head("up") + _head("kept", "kept") + _head("lost", "lost"))


def kernel() -> str:
    """Draw three pixels and two units, and the kernel entry on every synapse."""
    body, pixels, units, low, up = [], (80, 210, 340), (145, 275), 190, 66
    for p, x in enumerate(units):
        for q in (0, 1):
            x2, dashes = pixels[p + q], ("", ' stroke-dasharray="6 5"')[q]
            d = f"M{x2 + (x - x2) * 0.16:.0f},{low - 20} L{x + (x2 - x) * 0.17:.0f},{up + 22}"
            body.append(f'<path d="{d}" class="edge kept"{dashes} marker-end="url(#kept)"/>')
            body.append(_formula((x + x2) / 2 + (-17 if q == 0 else 17), (low + up) / 2, rf"\W{{{q + 1}}}", 36))
        body.append(f'<circle cx="{x}" cy="{up}" r="21" class="node"/>')
        body.append(_formula(x, up, rf"\v{{{p + 1}}}{{t}}"))
        body.append(_formula(x, up - 40, rf"\c{{{p + 1}}}{{t}}"))
    for m, x in enumerate(pixels):
        body.append(f'<rect x="{x - 21}" y="{low - 20}" width="42" height="42" rx="5" class="node"/>')
        body.append(_formula(x, low + 1, rf"\x{{{m + 1}}}{{t}}"))
        body.append(_formula(x, low + 42, rf"\xh{{{m + 1}}}{{t}}"))
    body += [_caption(410, up - 36, "credit"), _caption(410, up + 4, "units"), _caption(410, low + 5, "pixels")]
    body.append(_caption(410, low + 46, "traces"))
    title = "Three pixels, two units and a kernel of two entries: each entry is the weight of two synapses."
    return _svg(450, 250, title, "".join(body), _head("kept", "kept"))


def rounding() -> str:
    """Draw three steps of a trace: its past and its input come in, and in the register a rounding error."""
    body, xs, y = [], (90, 230, 370), 104
    for n, x in enumerate(xs):
        t = n + 1
        body.append(f'<circle cx="{x}" cy="{y}" r="22" class="node"/>')
        body.append(_formula(x, y, rf"\qr{{}}{{{t}}}"))
        body.append(f'<path d="M{x},{y + 78} V{y + 26}" class="edge kept" marker-end="url(#kept)"/>')
        body.append(_formula(x, y + 94, rf"\x{{}}{{{t}}}"))
        body.append(f'<path d="M{x},{y - 70} V{y - 26}" class="edge" marker-end="url(#in)"/>')
        body.append(_formula(x, y - 84, rf"\dl{{{t}}}"))
        if n:
            body.append(f'<path d="M{x - 116},{y} H{x - 26}" class="edge state" marker-end="url(#state)"/>')
            body.append(_formula(x - 70, y - 18, r"\lam", 30))
    body += [_caption(440, y - 80, "rounding", anchor="start"), _caption(440, y + 98, "input", anchor="start")]
    body.append(_caption(440, y + 4, "register", anchor="start"))
    title = "Three steps of a trace in a register: the past by the leak, the input, and a rounding error at every step."
    return _svg(510, 214, title, "".join(body), _head("kept", "kept") + _head("in") + _head("state", "state"))


def cone() -> str:
    """Draw a ring of three over three steps: what a weight into unit 1 reaches, one unit farther with each step."""
    body, xs, ys = [], (120, 230, 340), (226, 140, 54)
    for n, y in enumerate(ys):
        body.append(f'<rect x="84" y="{y - 32}" width="292" height="64" rx="14" class="panel"/>')
        body.append(_caption(392, y - 2, f"unit {n + 1}", "strong", "start"))
        body.append(_caption(392, y + 14, f"kept from n = {n + 1}", anchor="start"))
    for t, x in enumerate(xs):
        for i, y in enumerate(ys):
            body.append(f'<circle cx="{x}" cy="{y}" r="21" class="node"/>')
            body.append(_formula(x, y, rf"\z{{{i + 1}}}{{{t + 1}}}"))
            if t:
                near = "recurrent" if i <= t - 1 else "faint"
                body.append(f'<path d="M{x - 88},{y} H{x - 25}" class="edge {near}" marker-end="url(#{near})"/>')
                if i:
                    near = "recurrent" if i - 1 <= t - 1 else "faint"
                    line = f"M{x - 93},{ys[i - 1] - 14} L{x - 19},{y + 16}"
                    body.append(f'<path d="{line}" class="edge {near}" marker-end="url(#{near})"/>')
    body.append(_formula(120, 304, r"\w"))
    body.append(f'<path d="M120,290 V{ys[0] + 25}" class="edge kept" marker-end="url(#kept)"/>')
    title = "Three units of a ring over three steps: a weight into unit 1 reaches unit 2 one step later, unit 3 two."
    heads = _head("kept", "kept") + _head("recurrent", "recurrent") + _head("faint", "faint")
    return _svg(500, 318, title, "".join(body), heads)


def rank_one() -> str:
    """Draw the influence of two units and six weights, and the column and the row whose product has it as its mean."""
    body, size, y = [], 26, 74
    for i in range(2):
        for j in range(6):
            body.append(f'<rect x="{20 + j * size}" y="{y + i * size}" width="22" height="22" rx="4" class="square"/>')
        body.append(f'<rect x="276" y="{y + i * size}" width="22" height="22" rx="4" class="node"/>')
    for j in range(6):
        body.append(f'<rect x="{314 + j * size}" y="{y + 13}" width="22" height="22" rx="4" class="node"/>')
    body.append(f'<path d="M264,{y + 24} H190" class="edge kept" marker-end="url(#kept)"/>')
    body.append(_caption(227, y + 8, "mean"))
    body += [_formula(98, y - 22, r"\e{i}{t}"), _formula(287, y - 22, r"\Ac{i}{t}"), _formula(392, y - 22, r"\Br{}{t}")]
    body.append(_caption(98, y + 76, "RTRL: units times weights"))
    body.append(_caption(370, y + 76, "UORO: units plus weights", "strong"))
    title = "The influence of two units and six weights is the mean of a random column times a random row."
    return _svg(490, y + 92, title, "".join(body), _head("kept", "kept"))


def lstm() -> str:
    """Draw cell state and output of an LSTM over two steps, with the way of the old output past the cell state."""
    left, right, up, low, body = 120, 330, 72, 210, []
    for x, when in ((left, "t-1"), (right, "t")):
        body.append(f'<rect x="{x - 38}" y="{up - 38}" width="76" height="{low - up + 76}" rx="14" class="panel"/>')
        for y, tex in ((up, rf"\z{{}}{{{when}}}"), (low, rf"\cs{{{when}}}")):
            body.append(f'<circle cx="{x}" cy="{y}" r="22" class="node"/>')
            body.append(_formula(x, y, tex))
        body.append(_caption(x, 20, f"step {when.replace('-', ' − ')}"))
        body.append(f'<path d="M{x},{low - 23} V{up + 26}" class="edge kept" marker-end="url(#kept)"/>')
    for d, css in (
        (f"M{left + 23},{low} H{right - 27}", "state"),
        (f"M{left + 19},{up + 14} L{right - 22},{low - 17}", "recurrent"),
        (f"M{left + 23},{up} H{right - 27}", "lost"),
    ):
        body.append(f'<path d="{d}" class="edge {css}" marker-end="url(#{css})"/>')
    body.append(_caption(225, low + 22, "forget gate"))
    body.append(_caption(225, up - 12, "output gate", "lost"))
    body.append(_caption(246, 132, "three gates", anchor="start"))
    title = "Cell state and output of an LSTM over two steps: the old output reaches the new one beside the cell state."
    heads = "".join(_head(k, k) for k in ("kept", "state", "recurrent", "lost"))
    return _svg(450, 262, title, "".join(body), heads)


def drawn() -> str:
    """Draw six steps forwards, two of which are drawn and send their error down."""
    body, xs = [], [50 + 76 * t for t in range(6)]
    for t, x in enumerate(xs):
        chosen = t in (1, 4)
        body.append(f'<circle cx="{x}" cy="110" r="20" class="node"/>')
        body.append(_formula(x, 110, rf"\v{{}}{{{t + 1}}}"))
        if t:
            body.append(f'<path d="M{x - 55},110 H{x - 24}" class="edge" marker-end="url(#on)"/>')
        if chosen:
            body.append(f'<path d="M{x},46 V86" class="edge kept" marker-end="url(#kept)"/>')
            body.append(_formula(x, 30, rf"\Et{{{t + 1}}}"))
            body.append(f'<path d="M{x},132 V168" class="edge kept" marker-end="url(#kept)"/>')
            body.append(_caption(x, 186, "update", "strong"))
    body.append(_caption(xs[2] + 38, 66, "no error at these steps"))
    title = "Six steps forwards; at the two that are drawn the error comes down and the weights learn."
    return _svg(480, 196, title, "".join(body), _head("on") + _head("kept", "kept"))


PICTURES: dict[str, Callable[[], str]] = {
    "snu": lambda: unrolled(Snu(transfer="tanh", train=_TRAINED)),
    "alif": lambda: unrolled(Alif(recurrent=True, train=("leak", "threshold", "beta", "rho")), readout=True),
    "alif-eprop": lambda: unrolled(
        Alif(recurrent=True, train=("leak", "threshold", "beta", "rho")), rule_named("e-prop"), readout=True
    ),
    "lif": lambda: unrolled(Lif(recurrent=True, train=_TRAINED), rule_named("ottt")),
    "lif-live": lambda: unrolled(Lif(train=_TRAINED)),
    "triangles": triangles,
    "lost": lost,
    "pairs": pairs,
    "parts": parts,
    "halves": halves,
    "local": local,
    "kernel": kernel,
    "rounding": rounding,
    "rank-one": rank_one,
    "drawn": drawn,
    "cone": cone,
    "lstm": lstm,
}


def picture(name: str) -> str:
    """Return a picture as SVG.

    Examples
    --------
    >>> picture("triangles").count('class="square"')
    20
    """
    if name not in PICTURES:
        raise GradcertError(f"the picture {name!r} is unknown", allowed=", ".join(PICTURES))
    return named(PICTURES[name](), name)


def named(svg: str, name: str) -> str:
    """Return a drawing whose heads of arrows bear its name: a page has several drawings.

    Examples
    --------
    >>> named('<marker id="hstate"/><path marker-end="url(#hstate)"/>', "lif")
    '<marker id="lif-hstate"/><path marker-end="url(#lif-hstate)"/>'
    """
    return re.sub(r'(<marker id="|url\(#)', rf"\g<1>{name}-", svg)
