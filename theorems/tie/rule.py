"""A row of the rule table as the labels that it keeps: what the theorems call a rule."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from gradcert.reference import Edge, Network, Rule
from gradcert.reference.engines import reachable
from gradcert.theorems.tie.graph import Label
from gradcert.theorems.tie.projected import PROJECTED

ONLY_OF_A_RULE = ("projection", "signal")


@dataclass(frozen=True)
class Kept:
    """What a row keeps, for the parameters of one layer.

    Parameters
    ----------
    rule, network : the row and the network.
    layer : the parameters' own.
    mask : which units a row of the parameter reaches (SnAp); None where the rule has no reach.
    """

    rule: Rule
    network: Network
    layer: int
    mask: tuple[bool, ...] | None = None

    def __call__(self, label: Label) -> bool:
        """Return whether the label is kept."""
        rule, kind = self.rule, label[0]
        if isinstance(kind, Edge):
            return self._in_time(kind, int(label[1]), bool(label[2]))  # type: ignore[call-overload]
        if kind == "unit":
            return label[1] != self.layer or self.mask is None or self.mask[int(label[3])]  # type: ignore[call-overload]
        if kind == "input":  # nothing of a projected rule passes between layers
            return rule.feedback not in PROJECTED
        return kind != "missing"

    def _in_time(self, edge: Edge, layer: int, border: bool) -> bool:
        if border:
            return False
        if layer == self.layer:
            return edge in self.rule.own
        if self.rule.feedback in ("target", "local"):
            return False
        return edge in self.rule.kept_above(self.network.layers[layer].cell.name)


def truth(label: Label) -> bool:
    """Return whether backpropagation through time keeps a label: all but what only a rule has.

    Examples
    --------
    >>> truth(("missing", 1)), truth(("projection", 0))
    (True, False)
    """
    return label[0] not in ONLY_OF_A_RULE


def ticks(labels: Set[Label]) -> set[Label]:
    """Return the labels that take a step in time."""
    return {label for label in labels if isinstance(label[0], Edge)}


def masks(network: Network, rule: Rule, layer: int, parameter: str) -> list[tuple[bool, ...]] | None:
    """Return which units each row of a parameter reaches, or None for a rule without a reach."""
    if rule.reach is None:
        return None
    found = reachable(network.layers[layer], rule.own, parameter, rule.reach)
    return [tuple(bool(entry) for entry in row) for row in found]
