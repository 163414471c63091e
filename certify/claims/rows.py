"""Rows near a row: which edges a network has, the rule with one of them more or less, and what to call the result."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradcert.reference.networks import TEMPORAL, Edge, Network
from gradcert.reference.rules import RULES, Rule

ORDER = (Edge.STATE, Edge.RESET, Edge.RECURRENT, Edge.ADAPTATION)


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
    found = {link.edge for layer in network.layers for link in layer.cell.links if link.lag and link.edge in TEMPORAL}
    return tuple(edge for edge in ORDER if edge in found)


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
    return ", ".join(edge.name for edge in present(network) if edge in edges) or "none"


def same_row(a: Rule, b: Rule, network: Network) -> bool:
    """Return whether two rows keep the same edges of a network, with the same feedback and truncation."""
    edges = frozenset(present(network))
    alone = network.depth == 1
    return (
        a.own & edges == b.own & edges
        and (alone or (a.feedback == b.feedback and (a.upper & edges == b.upper & edges or a.feedback == "target")))
        and (a.window, a.chunk, a.reach) == (b.window, b.chunk, b.reach)
    )


def published(rule: Rule, network: Network, *, first: str = "") -> str | None:
    """Return the name of the row of the table that keeps the same edges of this network, if there is one."""
    names = [first, *RULES] if first in RULES else list(RULES)
    return next((name for name in names if same_row(RULES[name], rule, network)), None)


def difference(found: Rule, claimed: Rule, network: Network) -> list[str]:
    """Return the edges by which a row differs from the claimed one, such as ``without RESET``."""
    out = []
    for where in ("own", "upper"):
        a, b = getattr(found, where), getattr(claimed, where)
        if where == "upper" and (network.depth == 1 or a == b):
            continue
        place = "" if where == "own" else " in the layers above"
        for edge in present(network):
            if (edge in a) != (edge in b):
                out.append(f"{'with' if edge in a else 'without'} {edge.name}{place}")
    return out
