"""What flows along the links from the step before: a label for each, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

from gradcert.models.reading.choose import Chosen
from gradcert.models.reading.populations import Path, X
from gradcert.models.reading.terms import Term, uncut


@dataclass(frozen=True)
class Edge:
    """A link from the step before, or one within the step that the user's code cuts.

    Attributes
    ----------
    target, source : nodes by number.
    lag : 1, or 0.
    label : ``state``, ``reset``, ``recurrent``, ``adaptation``; ``feedback`` between populations, ``space`` within the
        step; "" where there is none to choose.
    weights : the weights on the way.
    kept, cut : whether a path is left that the user's code does not cut; where it cuts one.
    by_convention : why the label could be another; "" where it could not.
    otherwise : the labels that it could be.
    """

    target: int
    source: int
    lag: int
    label: str
    weights: tuple[str, ...]
    kept: bool
    cut: tuple[str, ...]
    by_convention: str = ""
    otherwise: tuple[str, ...] = ()


# why a label is a convention -> what else somebody may call such an edge
BETWEEN = "between populations, without a weight"
STATES = "a state to another one"
ALONE = "what is made of spikes alone, taken for a spike"
WIPES = "a spike that wipes another state"
BESIDE = "a spike to a state that acts on the potential, not on the threshold"
ELSEWHERE = "a spike to another state"
LINE = "a register of spikes that the potential reads, and not the potential alone"
OTHERWISE = {
    BETWEEN: ("recurrent", "state"),
    ALONE: ("state",),
    WIPES: ("adaptation", "state"),
    BESIDE: ("reset", "state"),
    ELSEWHERE: ("reset", "state"),
    LINE: ("recurrent", "state"),
}


def edges(chosen: Chosen, links: tuple[Path, ...], layer: dict[int, int], names: dict[int, str]) -> tuple[Edge, ...]:
    """Return the labelled edges of lag 1, and what is cut within the step; `names` are those of static terms."""
    groups: dict[tuple[int, int, int, bool, tuple[str, ...]], list[Path]] = {}
    for link in links:
        if link.source != X:
            key = (link.target, link.source, link.lag, link.weight is not None, link.mixes)
            groups.setdefault(key, []).append(link)
    out = []
    for (target, source, lag, weighted, mixes), group in groups.items():
        if not lag and not any(p.cuts for p in group):
            continue
        label, why = _label(chosen, links, layer, group, mixes) if lag else ("space", "")
        weights = tuple(dict.fromkeys(names[id(p.weight)] for p in group if weighted and id(p.weight) in names))
        cut = tuple(dict.fromkeys(place for p in group for place in p.cuts))
        kept = any(not p.cuts for p in group)
        otherwise = tuple(other for other in OTHERWISE.get(why, ()) if other != label)
        out.append(Edge(target, source, lag, label, weights, kept, cut, why, otherwise))
    return tuple(out)


def _label(
    chosen: Chosen, links: tuple[Path, ...], layer: dict[int, int], group: list[Path], mixes: tuple[str, ...]
) -> tuple[str, str]:
    target, source, own = group[0].target, group[0].source, layer[group[0].target] == layer[group[0].source]
    if not own:
        return "feedback", BETWEEN if group[0].weight is None else ""
    if group[0].weight is not None:
        return "recurrent", ""
    if mixes:
        alone = all(m.startswith("function ") for m in mixes)
        return "", f"through {', '.join(mixes)}, {'which is no spike' if alone else 'which is not unit by unit'}"
    if source == target:
        return "state", ""
    out = [p for p in links if p.source == target]  # what a weight alone reads, gated or not, passes through the weight
    if out and all(
        p.weight is not None and not p.averaged and not p.lag and layer[p.target] == layer[target] for p in out
    ):
        return "recurrent", ""
    spike = chosen.order[source].op == "spike" or register(chosen, source)
    of_spikes = not spike and fires(chosen, source)
    if not spike and not of_spikes:
        return "state", STATES
    if register(chosen, target):
        ends = _ends(chosen, links, layer, target)
        if len(ends) == 1 and not ends & {"state", "feedback"}:
            return ends.pop(), ALONE * of_spikes
        if "reset" in ends:
            return "reset", LINE
    label = _read_as(chosen, target, source if register(chosen, source) else None)
    if label in ("reset", "adaptation"):
        return label, ALONE * of_spikes
    if any(p.gated for p in group):
        return "reset", WIPES
    feeds = [p for p in links if p.source == target and _read_as(chosen, p.target) == "reset" and not p.lag]
    return "adaptation", BESIDE if feeds else ELSEWHERE


def _read_as(chosen: Chosen, k: int, source: int | None = None) -> str:
    """Return what a spike is to a node that reads it, by what the node is: potential, threshold, another state.

    Parameters
    ----------
    source : a register that may stand in the threshold of a spike.
    """
    term = chosen.order[k]
    moving = chosen.thresholds.get(id(term))
    if moving is not None and source is not None:
        moving = uncut(chosen.updates[moving.data]) if moving.op == "prev" else moving
        if moving is chosen.order[source]:
            return "adaptation"
    if fires(chosen, k) or any(term is m for m in chosen.membranes.values()):
        return "reset"
    return "adaptation" if any(term is t for t in chosen.thresholds.values()) else "state"


def _ends(chosen: Chosen, links: tuple[Path, ...], layer: dict[int, int], k: int) -> set[str]:
    """Return what the spikes in a register are to all that read them, there or further along the line."""
    out, todo, seen = set[str](), [k], {k}
    while todo:
        at = todo.pop()
        for path in links:
            if path.source != at or path.target in seen:
                continue
            if layer[path.target] != layer[at]:
                out.add("feedback")
            elif path.weight is not None:
                out.add("recurrent")
            elif register(chosen, path.target):
                seen.add(path.target)
                todo.append(path.target)
            else:
                out.add(_read_as(chosen, path.target, at))
    return out


def register(chosen: Chosen, k: int, fire: frozenset[int] = frozenset()) -> bool:
    """Return whether a node is a spike of an earlier step, handed on from register to register, times what is fixed.

    Parameters
    ----------
    fire : nodes that are taken for spikes.
    """
    seen, late = set[int](), False
    while k not in seen:
        seen.add(k)
        term = _equation(chosen, k)
        while term.op in ("cut", "neg", "mul"):
            moving = [a for a in term.args if a.op not in ("number", "static")]
            if len(moving) != 1:
                return False
            term = moving[0]
        if term.op != "node":
            return False
        k, lag = term.data
        late = late or bool(lag)
        if late and (k in fire or fires(chosen, k, fire)):
            return True
    return False


def fires(chosen: Chosen, k: int, above: frozenset[int] = frozenset()) -> bool:
    """Return whether a node is a spike, or made of spikes of its step alone: of two signs, or gated by other spikes.

    Parameters
    ----------
    above : nodes that are spikes if this one is: a refractory period gates a spike by registers of itself.
    """
    mine = above | {k}

    def made(term: Term, *, gate: bool = False) -> tuple[bool, bool]:
        """Return whether there is nothing else in a term, and a spike; a gate may be registers of spikes."""
        if term.op in ("number", "static"):
            return True, False
        if term.op == "node":
            number, lag = term.data
            if gate and (register(chosen, number, mine) or (lag and number in mine)):
                return True, False
            fired = number not in mine and fires(chosen, number, mine)
            return (bit(number) if lag else fired), not lag
        if term.op not in ("add", "sub", "mul", "neg", "cut"):
            return False, False
        parts = [made(a, gate=gate) for a in term.args]
        if term.op == "mul" and (True, True) in parts:
            parts = [p if all(p) else made(a, gate=True) for p, a in zip(parts, term.args, strict=True)]
        return all(p[0] for p in parts), any(p[1] for p in parts)

    def bit(number: int, seen: frozenset[int] = frozenset()) -> bool:
        """Return whether a node is 0 or 1 at every step, if it was at the one before."""
        return (
            chosen.order[number].op == "spike" or number in seen or binary(_equation(chosen, number), {*seen, number})
        )

    def binary(term: Term, seen: set[int]) -> bool:
        if term.op == "node":
            return bit(term.data[0], frozenset(seen))
        if term.op == "sub" and term.args[0].op == "number" and term.args[0].data == 1:
            return binary(term.args[1], seen)
        if term.op in ("mul", "cut"):
            return all(binary(a, seen) for a in term.args)
        return term.op == "spike" or (term.op == "number" and term.data in (0, 1))

    return chosen.order[k].op == "spike" or made(_equation(chosen, k)) == (True, True)


def _equation(chosen: Chosen, k: int) -> Term:
    return chosen.equations[id(chosen.order[k])]
