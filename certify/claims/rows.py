"""Rows near a row: which edges a network has, the rule with one of them more or less, and what to call the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gradcert.reference.networks import TEMPORAL, Edge, Network
from gradcert.reference.rules import RULES, Rule

ORDER = (Edge.STATE, Edge.RESET, Edge.RECURRENT, Edge.ADAPTATION, Edge.FEEDBACK, Edge.DELAY)
READOUT = "integrator"  # the cell whose layer follows a rule's `readout` edges as well


@dataclass(frozen=True)
class Change:
    """One edge more or less than a row has.

    Attributes
    ----------
    edge : its label.
    where : ``own`` or ``upper``: the parameter's own layer, or the layers above it.
    added : whether the changed row has the edge and the first one has not.
    rule : the changed row.
    """

    edge: Edge
    where: str
    added: bool
    rule: Rule

    @property
    def label(self) -> str:
        """Such as ``own RESET``."""
        return f"{self.where} {self.edge.name}"


def present(network: Network) -> tuple[Edge, ...]:
    """Return the labels of the edges through time that a network has.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif
    >>> [edge.name for edge in present(Network(layers=(Layer(Lif(), inputs=2, units=3),)))]
    ['STATE', 'RESET']
    """
    return _in_order({edge for layer in network.layers for edge in _edges(layer)})


def above(network: Network) -> tuple[Edge, ...]:
    """Return the edges that the layers above a hidden layer have, a leaky readout left out."""
    return _in_order({e for layer in network.layers[1:] if layer.cell.name != READOUT for e in _edges(layer)})


def in_readout(network: Network) -> tuple[Edge, ...]:
    """Return the edges of a leaky readout that has a layer below it."""
    return _in_order({e for layer in network.layers[1:] if layer.cell.name == READOUT for e in _edges(layer)})


def changes(rule: Rule, network: Network) -> list[Change]:
    """Return every row that differs from the rule in one edge, where the network has that edge."""
    out = []
    for edge in present(network):
        own = rule.own ^ {edge}
        out.append(Change(edge, "own", edge in own, replace(rule, name=f"{rule.name}/own^{edge}", own=own)))
        # with a projected target nothing comes down from above; a window cuts all layers alike
        if network.depth > 1 and rule.feedback != "target" and rule.window is None:
            upper = rule.upper ^ {edge}
            out.append(
                Change(edge, "upper", edge in upper, replace(rule, name=f"{rule.name}/upper^{edge}", upper=upper))
            )
    return out


def shown(edges: frozenset[Edge], network: Network) -> str:
    """Return the names of the edges that a network has, in order."""
    return _names(edges, present(network))


def shown_above(rule: Rule, network: Network) -> str:
    """Return the edges that a rule keeps above a hidden layer and in a leaky readout, of those that there are.

    Such as ``above: STATE``, ``readout: none`` or both.
    """
    places = {"above": (rule.upper, above(network)), "readout": (_kept(rule), in_readout(network))}
    said = [f"{where}: {_names(kept, there)}" for where, (kept, there) in places.items() if there]
    return "; ".join(said) or "above: none"


def same_row(a: Rule, b: Rule, network: Network) -> bool:
    """Return whether two rows follow the same paths of a network: edges that its layers have, feedback, truncation."""
    return not difference(a, b, network)


def published(rule: Rule, network: Network, *, first: str = "") -> str | None:
    """Return the name of the row of the table that keeps the same edges of this network, if there is one."""
    names = [first, *RULES] if first in RULES else list(RULES)
    return next((name for name in names if same_row(RULES[name], rule, network)), None)


def coinciding(rule: Rule, networks: Iterable[Network]) -> list[str]:
    """Return the rows of the table that follow the same paths of all these networks, and not of every network.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> stacks = [Network(layers=(Layer(Rnn(), inputs=2, units=2),) * depth) for depth in (1, 2)]
    >>> coinciding(RULES["e-prop"], stacks)
    ['ottt', 'sltt']
    """
    stacks = list(networks)
    parts = ("own", "upper", "readout", "feedback", "window", "chunk", "reach")
    others = [r for r in RULES.values() if any(getattr(r, name) != getattr(rule, name) for name in parts)]
    return [other.name for other in others if all(same_row(other, rule, network) for network in stacks)]


def difference(found: Rule, claimed: Rule, network: Network) -> list[str]:
    """Return all by which a row differs from the claimed one on a network, such as ``without RESET``."""
    out = _edge_words(found.own, claimed.own, present(network), "")
    if network.depth > 1 and not found.feedback == claimed.feedback == "target":  # there nothing comes down
        out += _edge_words(found.upper, claimed.upper, above(network), " in the layers above")
        out += _edge_words(_kept(found), _kept(claimed), in_readout(network), " in the readout")
    if network.depth > 1 and found.feedback != claimed.feedback:
        out.append(f"{found.feedback} feedback")
    for name, words in (("window", "a window of"), ("chunk", "chunks of"), ("reach", "a reach of")):
        a, b = getattr(found, name), getattr(claimed, name)
        if a != b:
            out.append(f"with {words} {a} steps" if a is not None else f"without {words} {b} steps")
    return out


def _edges(layer: object) -> set[Edge]:
    links = layer.cell.links  # type: ignore[attr-defined]
    return {link.edge for link in links if link.lag and link.edge in TEMPORAL}


def _in_order(found: set[Edge]) -> tuple[Edge, ...]:
    return tuple(edge for edge in ORDER if edge in found)


def _names(edges: frozenset[Edge], among: tuple[Edge, ...]) -> str:
    return ", ".join(edge.name for edge in among if edge in edges) or "none"


def _kept(rule: Rule) -> frozenset[Edge]:
    return rule.kept_above(READOUT)


def _edge_words(a: frozenset[Edge], b: frozenset[Edge], among: tuple[Edge, ...], place: str) -> list[str]:
    return [f"{'with' if e in a else 'without'} {e.name}{place}" for e in among if (e in a) != (e in b)]
