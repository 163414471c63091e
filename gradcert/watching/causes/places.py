"""Where a module's own code keeps or cuts an edge, with file and line, and how that differs from a claimed row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gradcert.models.reading.network.passes import AS_CODED, row_of
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import TEMPORAL, Edge, Link, Network
from gradcert.reference.outside import record
from gradcert.reference.rules import Rule
from gradcert.watching.causes.chunks import by_layer, close
from gradcert.watching.measured.evidence import Evidence, Gradients

LABELS = tuple(edge.value for edge in Edge)
OTHERWISE = (Edge.RESET.value, Edge.STATE.value, Edge.ADAPTATION.value)  # what a convention may call an edge
IN_OWN, ABOVE = " in the gradients of that layer", " in the gradients of the layers below"


@dataclass(frozen=True)
class Place:
    """A link of the network that was read.

    Attributes
    ----------
    layer : its number. `source`, `target` : its nodes. `edge` : its label, ``space`` within a step.
    kept : whether the module's own code lets the gradient through.
    where : file and line, of the cut or of what the link leads into.
    why : why the label could be another one; "" where it could not.
    """

    layer: int
    source: str
    target: str
    edge: str
    kept: bool
    where: str
    why: str = ""

    def __str__(self) -> str:
        said = f"{self.edge.upper()} {self.source}' -> {self.target}"
        if self.edge == Edge.SPACE:
            said = f"{self.source} -> {self.target} within the step"
        return said + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True)
class Difference:
    """Where code and a row are not the same.

    Attributes
    ----------
    place : the link. `roles` : whether in the gradients of its own layer (True), of those below (False), or in both.
    text : it in words.
    """

    place: Place
    roles: tuple[bool, ...]
    text: str


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
        out.append(Place(number, source, own[edge.target], edge.label, edge.kept, where, edge.by_convention))
    return tuple(out)


def places_from(given: Any, depth: int) -> tuple[Place, ...]:
    """Read places back.

    Parameters
    ----------
    depth : of the network, in layers.

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
        texts = all(isinstance(spec.get(k, ""), str) for k in ("source", "target", "edge", "where", "why"))
        layer = type(spec["layer"]) is int and 0 <= spec["layer"] < depth
        if not texts or not layer or type(spec["kept"]) is not bool or spec["edge"] not in LABELS:
            raise GradcertError("a place with other values", allowed="what gradcert.watch wrote")
        out.append(Place(**{k: spec[k] for k in needs}, why=spec.get("why", "")))
    return tuple(out)


def to_records(places: Sequence[Place]) -> list[Mapping[str, Any]]:
    """Return the JSON form."""
    return [asdict(place) for place in places]


def differences(evidence: Evidence, rule: Rule | str) -> list[Difference]:
    """Return where a module's own code does not do what a row does, in a layer's own traces and above it apart.

    Nothing of a row with other weights on the way back: there a layer's edges are not all that differs.
    """
    row, network = row_of(rule), evidence.runs[0].written.full
    if rule == AS_CODED or row.feedback != "symmetric":
        return []
    out = []
    for place in evidence.places:
        roles = {own: place.kept != _keeps(row, network, place.layer, place.edge, own) for own in _roles(place.layer)}
        if any(roles.values()):
            does, other = ("keeps", "cuts") if place.kept else ("cuts", "keeps")
            where = "" if all(roles.values()) else IN_OWN if roles[True] else ABOVE
            words = f"layer {place.layer} {does} {place}, which {row.name} {other}{where}"
            out.append(Difference(place, tuple(own for own, differs in roles.items() if differs), words))
    return out


def conventions(evidence: Evidence, rule: Rule | str) -> list[tuple[Difference, str]]:
    """Return what a row would do otherwise at places whose label is a convention, if they were called otherwise.

    Returns
    -------
    each with the label that makes it so; nothing of a row with other weights on the way back.
    """
    if rule == AS_CODED or row_of(rule).feedback != "symmetric":
        return []
    row, network, out = row_of(rule), evidence.runs[0].written.full, []
    for place in evidence.places:
        for other in OTHERWISE if place.why else ():
            roles = tuple(
                own
                for own in _roles(place.layer)
                if _keeps(row, network, place.layer, place.edge, own) != _keeps(row, network, place.layer, other, own)
            )
            if other != place.edge and roles:
                words = f"{place} is called {place.edge.upper()} by convention ({place.why})"
                out.append((Difference(place, roles, words), other))
                break
    same = out and close(as_said(evidence, rule, ()), evidence.gradients(rule), 1e-9)
    return out if same else []


def _roles(layer: int) -> tuple[bool, ...]:
    """Return for whose gradients a layer's edges are: its own (True), and those of the layers below it (False)."""
    return (True, False) if layer else (True,)


def _keeps(row: Rule, network: Network, layer: int, edge: str, own: bool) -> bool:
    kept = row.own if own else row.kept_above(network.layers[layer].cell.name)
    return edge == Edge.SPACE or edge in {e.value for e in kept}


def lengths_apart(rule: Rule | str, length: int | None) -> list[str]:
    """Return in words how far back credit goes where it is cut every so many steps, or never, and a row differs."""
    row = row_of(rule)
    out = []
    if row.chunk != length:
        cuts = f"which {row.name} cuts every {row.chunk} steps" if row.chunk else f"which {row.name} does not"
        out.append(
            f"credit is cut every {length} steps, {cuts}" if length else f"credit goes over the whole sequence, {cuts}"
        )
    if row.window is not None and (length is None or length > row.window):
        out.append(f"credit goes further back than {row.name} has it, paths of at most {row.window} steps")
    if row.reach is not None:
        out.append(f"traces reach further than {row.name} has them, {row.reach} steps of the connections")
    return out


def coded(evidence: Evidence, rule: Rule | str | None = None) -> str:
    """Return what a module's own code cuts and keeps, as `gradcert.read` shows it; "" of a step that was stored.

    That a state is kept goes without saying.

    Parameters
    ----------
    rule : a row: what it does too in every layer is left out.
    """
    reading = getattr(evidence.runs[0].written, "reading", None)
    if reading is None:
        return ""
    out = []
    for edge in reading.edges:
        label, plain = (edge.label or "no label").upper(), not edge.cut
        layer = reading.layer_of(edge.target)
        if (plain and edge.label == Edge.STATE.value) if rule is None else _alike(evidence, rule, edge, layer):
            continue
        where = ", ".join(edge.cut) or reading.chosen.order[edge.target].where
        does = "keeps" if plain else "cuts" if not edge.kept else "keeps on one path and cuts on another"
        source = reading.names[edge.source] + "'" * edge.lag
        source += "" if reading.layer_of(edge.source) == layer else f"[{reading.layer_of(edge.source)}]"
        way = f"{source} -> {reading.names[edge.target]}"
        way = f"{way} within the step" if edge.label == Edge.SPACE.value else f"{label} {way}"
        out.append((plain, f"layer {layer} {does} {way} ({where})"))
    shut = [said_of_cuts(evidence)] if evidence.cuts else []
    return "; ".join([*shut, *(text for _, text in sorted(out, key=lambda o: o[0]))])


def said_of_cuts(evidence: Evidence) -> str:
    """Return which parameters the module's own code cuts, and where."""
    return "; ".join(f"{name} is cut at {place}" for name, place in evidence.cuts.items())


def _alike(evidence: Evidence, rule: Rule | str, edge: Any, layer: int) -> bool:
    """Return whether a row does what code does with an edge that was read, for every layer's gradients."""
    network, label = evidence.runs[0].written.full, str(edge.label or "")
    if edge.kept and edge.cut:
        return False
    number = min(layer, network.depth - 1)
    return all(_keeps(row_of(rule), network, number, label, own) == bool(edge.kept) for own in _roles(number))


def as_said(
    evidence: Evidence,
    rule: Rule | str,
    found: Sequence[Difference],
    *,
    ends: Rule | None = None,
    coded: bool = False,
) -> Gradients:
    """Return the gradients of a row that does the other thing at some places, where each of them differs.

    Parameters
    ----------
    ends : a row that says how far back credit goes, where it is not the claimed one.
    coded : whether parameters are cut where the module's own code cuts them.
    """
    row = row_of(rule)
    network = evidence.runs[0].written.full
    other = {(d.place.layer, d.place.target, d.place.source, d.place.edge): d.roles for d in found}
    every = replace(ends or row, own=TEMPORAL, upper=TEMPORAL)

    def below(layer: int) -> Callable[[int, Link], bool]:
        def cut(number: int, link: Link) -> bool:
            own = number == layer
            kept = _keeps(row, network, number, link.edge.value, own)
            return kept == (own in other.get((number, link.target, link.source, link.edge.value), ()))

        return cut

    return by_layer(evidence, every, below, coded=coded)
