"""The page of the pseudo-derivatives: of each its formula, its curve, its scales and who uses it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from scripts.docs.markdown import raw, table, write
from scripts.docs.plain import blocks, legend, notation

X = (-2, 0, 2)  # where a curve's axis has numbers


def surrogates(path: Path, *, pngs: bool = False) -> dict[str, str]:
    """Write the page of the pseudo-derivatives, each with its formula and its curve; return the curves by name."""
    from gradcert.commands import surrogates as listing
    from gradcert.derivations.reading import figure_files
    from gradcert.reference import FLOAT64, SURROGATES

    curves = {}
    scales_of = {scale for form in SURROGATES.values() for scale in form.defaults}
    names = {name: (rf"\mathrm{{{name}}}", "") for name in scales_of if name != "sigma"}
    out = [
        "# Pseudo-derivatives\n\nWhat stands in the place of the slope of a step, at the distance x to the threshold.\n"
    ]
    x = np.linspace(-2, 2, 201)
    for name, form in SURROGATES.items():
        record = listing.record(name)
        scales = {k: v for k, v in form.defaults.items()}
        y = np.broadcast_to(np.asarray(form.formula(x, FLOAT64, **scales), dtype=float), x.shape)
        rest = {k: v for k, v in record.items() if k not in ("name", "psi(x)") and v}
        curves[name] = _curve(x, y, name)
        drawn = raw(f'<div class="psi">{curves[name]}{figure_files.links(name, png=pngs)}</div>')
        said = f"psi(x) = {record['psi(x)']}"
        set_ = blocks.equations(said, names)
        body = raw(set_) if set_ else f"```text\n{said}\n```\n"
        out.append(f"## {name}\n\n{body}\n{drawn}\n\n{table([rest])}")
    among = legend.formulas("\n".join(out))
    out.insert(1, raw(legend.listed(notation.SURROGATES, among, names=names)))
    write(path, "\n".join(out))
    return curves


def _curve(x: Any, y: Any, name: str) -> str:
    low, high = min(0.0, float(y.min())), max(1e-9, float(y.max()))
    points = [(10 + 55 * (a + 2), 10 + 80 * (high - b) / (high - low)) for a, b in zip(x, y, strict=True)]
    zero = 10 + 80 * high / (high - low)
    d = "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in points)
    ticks = "".join(f'<text x="{10 + 55 * (u + 2)}" y="106" class="tick">{str(u).replace("-", "−")}</text>' for u in X)
    return (
        f'<svg viewBox="0 0 240 112" role="img" aria-label="{escape(name)}, from -2 to 2, largest {high:.3g}">'
        f'<line x1="10" x2="230" y1="{zero:.1f}" y2="{zero:.1f}" class="grid"/>'
        '<line x1="120" x2="120" y1="10" y2="90" class="grid"/>'
        f'<path d="{d}" class="curve"/>{ticks}<text x="10" y="18" class="label">largest {high:.3g}</text></svg>'
    )
