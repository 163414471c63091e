"""The example to play with, as HTML: sliders, switches, what comes out, and the table of every number."""

from __future__ import annotations

from html import escape

from gradcert.derivations.reading.examples import Spec, example, script
from gradcert.derivations.reading.lesson import Block, Writer
from gradcert.derivations.reading.tex import span

_PARTS = (  # FPTT: what is beside the network
    ("mu", r"\str", 0.5, 0.1, 2.0),
    ("rate", r"\step", 0.2, 0.05, 1.0),
    ("beta", r"\share", 0.5, 0.0, 1.0),
)

_EVERYWHERE = {
    "still": "At these settings every gradient that is shown here is 0: there is nothing to compare.",
    "alone": "At these settings the exact gradient is 0, and what the rule has is not: no share of it can be said.",
}


def _slider(name: str, sign: str, value: float, low: float, high: float, step: float) -> str:
    digits = 0 if step >= 1 else 2
    return (
        f'<label><span>{span(sign)}</span><input type="range" name="{name}" min="{low:g}" max="{high:g}" '
        f'step="{step:g}" value="{value:g}" aria-label="{name}">'
        f'<output name="o-{name}">{value:.{digits}f}</output></label>'
    )


def _controls(spec: Spec) -> str:
    sliders = [_slider(c.name, c.sign, c.value, c.low, c.high, c.step) for c in spec.controls]
    options = "".join(f'<option value="{n}">{escape(w[0])}</option>' for n, w in enumerate(spec.weights))
    weight = f'<label>weight <select name="weight" aria-label="weight">{options}</select></label>'
    switches = [weight] if spec.chosen else []
    if spec.parts:
        sliders += [_slider(name, sign, value, low, high, 0.05) for name, sign, value, low, high in _PARTS]
        switches.append(
            '<label>form <select name="form" aria-label="form"><option value="code">code</option>'
            '<option value="paper">paper</option></select></label>'
            '<label>descent steps per part <select name="descents" aria-label="descent steps">'
            "<option>1</option><option>5</option><option>500</option></select></label>"
        )
    if spec.outputs:
        switches.append(
            '<label>output <select name="output" aria-label="output function"><option value="step">step (spiking)'
            '</option><option value="sigmoid">sigmoid (graded)</option></select></label>'
        )
    for edge, text in spec.cuts:
        switches.append(f'<label class="cut"><input type="checkbox" name="cut" value="{edge}"> {escape(text)}</label>')
    switches.append('<button type="button">start again</button>')
    return f'<form><div class="controls">{"".join(sliders)}</div><div class="switches">{"".join(switches)}</div></form>'


def lab(block: Block, writer: Writer) -> str:
    """Return an example; its body says what is shown.

    ``read LABEL | KEY | FORM``: a large number. ``say WHEN | TEXT``: a sentence for a state of the script's ``state``:
    ``equal`` and ``apart`` without a cut, ``idle`` and ``cut`` with one, ``still`` where all is 0 and ``alone`` where
    only the reference is, both with a sentence of their own (`_EVERYWHERE`); or one of the kind of the example.
    ``dots CAPTION``, ``group TITLE``, ``row LABEL | KEY | SUM``, ``worked TITLE``, ``work TEXT``, ``num TEXT``.
    """
    spec = example(block.title.split()[0])
    columns = spec.parts or len(spec.x)
    reads, rows, worked, after, pictures = [], [], [], [], ""
    said = dict(_EVERYWHERE)
    for line in block.body.splitlines():
        kind, _, rest = line.strip().partition(" ")
        cells = [c.strip() for c in rest.split(" | ")]
        if kind == "read":
            form = f' data-form="{cells[2]}"' if len(cells) > 2 else ""
            bad = ' class="bad"' if len(cells) > 3 else ""
            reads.append(
                f'<div{bad}><div class="k">{writer.inline(cells[0])}</div>'
                f'<div class="n" data-k="{cells[1]}"{form}></div></div>'
            )
        elif kind == "say":
            said |= dict.fromkeys(cells[0].split(), cells[1])
        elif kind == "dots":
            pictures = f'<div class="dots"></div><p class="note" style="text-align:center">{writer.inline(rest)}</p>'
        elif kind == "group":
            rows.append(f'<tr class="group"><th colspan="{columns + 2}">{writer.inline(rest)}</th></tr>')
        elif kind == "row":
            values = "".join(f'<td data-k="{cells[1]}.{t + 1}"></td>' for t in range(columns))
            total = f'<td class="total" data-k="{cells[2]}"></td>' if len(cells) > 2 else "<td></td>"
            rows.append(f'<tr><td class="l">{writer.inline(cells[0])}</td>{values}{total}</tr>')
        elif kind == "worked":
            worked.append(f"<h3>{writer.inline(rest)}</h3>")
        elif kind in ("work", "num"):
            worked.append(f'<p class="{kind}">{writer.inline(rest)}</p>')
        elif kind == "note":
            after.append(f'<p class="note">{writer.inline(rest)}</p>')
        elif kind:
            raise ValueError(f"{spec.name}: the example has no line {kind!r}")
    letter = "r" if spec.parts else "t"
    head = "".join(f"<th>{span(f'{letter}={t + 1}')}</th>" for t in range(columns))
    table = (
        f'<div class="tablewrap"><table><thead><tr><th></th>{head}<th>{"" if spec.parts else "sum"}</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    says = [f'<p class="say" data-when="{when}">{writer.inline(text)}</p>' for when, text in said.items()]
    work = f'<div class="worked">{"".join(worked)}</div>' if worked else ""
    exact = "yes" if "exact" in block.title.split() else "no"
    return (
        f'<div class="lab" data-exact="{exact}"><script type="application/json" class="spec">{script(spec)}</script>'
        f"{_controls(spec)}"
        f'<div class="read">{"".join(reads)}</div><div aria-live="polite">{"".join(says)}</div>'
        f"{pictures}{table}{work}{''.join(after)}</div>"
    )
