"""Networks as graphs of populations and connections.

`records` is what is said, `order` who computes when, `circuit` a layer of several populations as one cell, `wiring` how
a graph becomes layers.

A layer, in the sense in which rules say own and above, is a strongly connected component of the graph with its lagged
connections: feedback from above merges layers, a skip connection merges none.
"""

from gradcert.reference.networks.graph.circuit import Circuit, Member
from gradcert.reference.networks.graph.records import Connection, Graph, Population, graph_from
from gradcert.reference.networks.graph.wiring import Wired, wired

__all__ = ["Circuit", "Connection", "Graph", "Member", "Population", "Wired", "graph_from", "wired"]
