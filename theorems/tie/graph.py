"""A network as data: nodes in the order in which they are computed, labelled edges, and what the loss charges."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

Label = tuple[Hashable, ...]
OPEN: Label = ("open",)  # the site of a node that no rule closes


@dataclass
class Node:
    """One number of the unrolled network.

    Attributes
    ----------
    site : label of the node itself.
    credit : derivative of the loss by it, all other nodes fixed.
    edges : (number of the source node, coefficient, label).
    """

    site: Label
    credit: Any = 0
    edges: list[tuple[int, Any, Label]] = field(default_factory=list)


@dataclass
class Graph:
    """An unrolled network.

    Attributes
    ----------
    nodes : the oldest first.
    number : what a node is, such as (sample, step, layer, node name, unit) -> its place in `nodes`.
    immediate : (layer, parameter, index, row) -> place of a node -> immediate derivative. A row is the unit whose copy
        of the parameter it is: where weights are shared, several rows carry one index.

    Examples
    --------
    >>> graph = Graph()
    >>> first, second = graph.add("first"), graph.add("second")
    >>> graph.join(first, second, 3, ("state",))
    >>> graph.nodes[second].edges
    [(0, 3, ('state',))]
    """

    nodes: list[Node] = field(default_factory=list)
    number: dict[Hashable, int] = field(default_factory=dict)
    immediate: dict[tuple[int, str, tuple[int, ...], int], dict[int, Any]] = field(default_factory=dict)

    def add(self, key: Hashable, *, site: Label = OPEN, credit: Any = 0) -> int:
        """Append a node; return its place."""
        self.number[key] = len(self.nodes)
        self.nodes.append(Node(site, credit))
        return self.number[key]

    def join(self, source: int, target: int, coefficient: Any, label: Label) -> None:
        """Add an edge from an earlier node."""
        self.nodes[target].edges.append((source, coefficient, label))

    def use(self, parameter: tuple[int, str, tuple[int, ...], int], node: int, value: Any) -> None:
        """Add to the immediate derivative of a node by a parameter."""
        found = self.immediate.setdefault(parameter, {})
        found[node] = found[node] + value if node in found else value

    def labels(self) -> set[Label]:
        """Return every label in use."""
        return {node.site for node in self.nodes} | {label for node in self.nodes for _, _, label in node.edges}
