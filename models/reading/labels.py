"""What flows along the links from the step before: a label for each, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

from gradcert.models.reading.choose import Chosen
from gradcert.models.reading.populations import Path, X
from gradcert.models.reading.terms import Term


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
    """

    target: int
    source: int
    lag: int
    label: str
    weights: tuple[str, ...]
    kept: bool
    cut: tuple[str, ...]
    by_convention: str = ""


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
        out.append(Edge(target, source, lag, label, weights, kept, cut, why))
    return tuple(out)


def _label(
    chosen: Chosen, links: tuple[Path, ...], layer: dict[int, int], group: list[Path], mixes: tuple[str, ...]
) -> tuple[str, str]:
    target, source, own = group[0].target, group[0].source, layer[group[0].target] == layer[group[0].source]
    if not own:
        return "feedback", "" if group[0].weight is not None else "between populations, without a weight"
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
    of_spikes = chosen.order[source].op != "spike" and fires(chosen, source)
    if chosen.order[source].op != "spike" and not of_spikes:
        return "state", "a state to another one"
    membranes = {id(m) for m in chosen.membranes.values()}
    if id(chosen.order[target]) in membranes or chosen.order[target].op == "spike":
        return "reset", "what is made of spikes alone, taken for a spike" * of_spikes
    if id(chosen.order[target]) in {id(t) for t in chosen.thresholds.values()}:
        return "adaptation", "what is made of spikes alone, taken for a spike" * of_spikes
    if any(p.gated for p in group):
        return "reset", "a spike that wipes another state"
    feeds = [p for p in links if p.source == target and id(chosen.order[p.target]) in membranes and not p.lag]
    if feeds:
        return "adaptation", "a spike to a state that acts on the potential, not on the threshold"
    return "adaptation", "a spike to another state"


def fires(chosen: Chosen, k: int) -> bool:
    """Return whether a node is a spike, or made of spikes of its step alone: of two signs, or gated by 0 and 1."""

    def made(term: Term) -> tuple[bool, bool]:
        """Return whether there is nothing else in a term, and a spike."""
        if term.op in ("number", "static"):
            return True, False
        if term.op == "node":
            number, lag = term.data
            return (bit(number) if lag else fires(chosen, number)), not lag
        if term.op not in ("add", "sub", "mul", "neg", "cut"):
            return False, False
        parts = [made(a) for a in term.args]
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
