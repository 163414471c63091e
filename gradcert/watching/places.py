"""Where a module's own code keeps or cuts an edge, with file and line, and how that differs from a claimed row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gradcert.models.reading.passes import AS_CODED, row_of
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, Link
from gradcert.reference.outside import record
from gradcert.reference.rules import Rule
from gradcert.watching.chunks import followed, like_bptt
from gradcert.watching.evidence import Evidence, Gradients

LABELS = tuple(edge.value for edge in Edge)


@dataclass(frozen=True)
class Place:
    """A link of the network that was read.

    Attributes
    ----------
    layer : its number. `source`, `target` : its nodes. `edge` : its label, ``space`` within a step.
    kept : whether the module's own code lets the gradient through.
    where : file and line, of the cut or of what the link leads into.
    """

    layer: int
    source: str
    target: str
    edge: str
    kept: bool
    where: str

    def __str__(self) -> str:
        late = "" if self.edge == Edge.SPACE else "'"
        return f"{self.edge.upper()} {self.source}{late} -> {self.target}" + (f" ({self.where})" if self.where else "")


def places_of(written: Any) -> tuple[Place, ...]:
    """Return the labelled links of a stack that was read; nothing of a graph, or of links that are half cut."""
    reading, out = written.reading, []
    if written.full.graph is not None:
        return ()
    for edge in reading.edges:
        number = next((i for i in range(written.full.depth) if edge.target in written.names[f"layers.{i}"]), None)
        if number is None or edge.label not in LABELS or (edge.kept and edge.cut):
            return ()
        own = written.names[f"layers.{number}"]
        source = own.get(edge.source, f"{reading.names[edge.source]}[{reading.layer_of(edge.source)}]")
        where = ", ".join(edge.cut) or reading.chosen.order[edge.target].where
        out.append(Place(number, source, own[edge.target], edge.label, edge.kept, where))
    return tuple(out)


def places_from(given: Any) -> tuple[Place, ...]:
    """Read places back.

    Raises
    ------
    GradcertError : for what are none.
    """
    if not isinstance(given, list):
        raise GradcertError("places that are no list")
    needs = ("layer", "source", "target", "edge", "kept", "where")
    out = []
    for part in given:
        spec = record(part, "a place", needs=needs)
        texts = all(isinstance(spec[k], str) for k in ("source", "target", "edge", "where"))
        if not texts or type(spec["layer"]) is not int or type(spec["kept"]) is not bool or spec["edge"] not in LABELS:
            raise GradcertError("a place with other values", allowed="what gradcert.watch wrote")
        out.append(Place(*(spec[k] for k in needs)))
    return tuple(out)


def to_records(places: Sequence[Place]) -> list[Mapping[str, Any]]:
    """Return the JSON form."""
    return [asdict(place) for place in places]


def differences(places: Sequence[Place], rule: Rule | str) -> list[tuple[Place, str]]:
    """Return the places whose code does not do what a row does, and that in words; nothing for rows unlike BPTT."""
    row = row_of(rule)
    if rule == AS_CODED or not like_bptt(row):
        return []
    own = {edge.value for edge in row.own} | {Edge.SPACE.value}
    out = []
    for place in places:
        if place.kept != (place.edge in own):
            does, other = ("keeps", "cuts") if place.kept else ("cuts", "keeps")
            out.append((place, f"layer {place.layer} {does} {place}, which {row.name} {other}"))
    return out


def coded(evidence: Evidence) -> str:
    """Return what a module's own code cuts and keeps, as `gradcert.read` shows it; "" of a step that was stored.

    That a state is kept goes without saying.
    """
    reading = getattr(evidence.runs[0].written, "reading", None)
    if reading is None:
        return ""
    out = []
    for edge in reading.edges:
        label, plain = (edge.label or "no label").upper(), not edge.cut
        if plain and edge.label == Edge.STATE.value:
            continue
        layer = reading.layer_of(edge.target)
        where = ", ".join(edge.cut) or reading.chosen.order[edge.target].where
        does = "keeps" if plain else "cuts" if not edge.kept else "keeps on one path and cuts on another"
        source = reading.names[edge.source] + "'" * edge.lag
        source += "" if reading.layer_of(edge.source) == layer else f"[{reading.layer_of(edge.source)}]"
        out.append((plain, f"layer {layer} {does} {label} {source} -> {reading.names[edge.target]} ({where})"))
    return "; ".join(text for _, text in sorted(out, key=lambda o: o[0]))


def as_said(evidence: Evidence, rule: Rule | str, found: Sequence[Place], chunk: int | None = None) -> Gradients:
    """Return the gradients of a claimed row that does the other thing at some places, in chunks where that is said."""
    row = row_of(rule)
    other = {(p.layer, p.target, p.source, p.edge) for p in found}

    def cut(layer: int, link: Link) -> bool:
        return (link.edge in row.own) == ((layer, link.target, link.source, link.edge.value) in other)

    return followed(evidence, "bptt", replace(row_of("bptt"), chunk=chunk or row.chunk), cut)
