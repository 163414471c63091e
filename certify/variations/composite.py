"""Rows put together, with an edge more or less in one layer, or with a trace where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from gradcert.certify.claims import ORDER
from gradcert.certify.variations.variation import Posed, Variation, Vector
from gradcert.reference.published.composite import UNTRACED, combined, rows_of
from gradcert.reference.rules import Rule


def variations(posed: Posed) -> Iterator[Variation]:
    """Yield another edge in a layer, own or above; a row for all layers; traces more or fewer."""
    rows, untraced = rows_of(posed.settings), tuple(posed.settings["untraced"])
    network = posed.network
    rows += [rows[-1]] * (network.depth - len(rows))
    for name in UNTRACED:
        other = tuple(n for n in untraced if n != name) if name in untraced else (*untraced, name)
        words = f"a trace on the {name}" if name in untraced else f"no trace on the {name}"
        yield Variation(words, words, partial(_computed, rows, other))
    for i, layer in enumerate(network.layers):
        has = {k.edge for k in layer.cell.links if k.lag}
        for edge in (e for e in ORDER if e in has):
            word = "without" if edge in rows[i].own else "with"
            own = f"{word} {edge.name} in layer {i}"
            yield Variation(own, own, partial(_computed, _with(rows, i, own=rows[i].own ^ {edge}), untraced))
            if i:
                word = "without" if edge in rows[i].upper else "with"
                above = f"{word} {edge.name} on the way down through layer {i}"
                other_rows = _with(rows, i, upper=rows[i].upper ^ {edge})
                yield Variation(above, above, partial(_computed, other_rows, untraced))
    for row in dict.fromkeys(rows) if len(set(rows)) > 1 else ():
        words = f"{row.name} in every layer"
        yield Variation(words, words, partial(_computed, [row], untraced))


def _with(rows: Sequence[Rule], index: int, **changes: frozenset[object]) -> list[Rule]:
    return [replace(row, **changes) if i == index else row for i, row in enumerate(rows)]  # type: ignore[arg-type]


def _computed(rows: Sequence[Rule], untraced: Sequence[str], p: Posed) -> Vector:
    return combined(p.problem, rows, untraced)
