"""The edges of the unrolled graph: the one idea of gradcert.

A cell is a small graph of *nodes*, each an array (batch, units). A `Link` says that one node depends on another, at
the same step (lag 0) or at the step before (lag 1). Links of lag 1 carry a label; a learning rule is the set of labels
that it keeps. A `Use` says that a node depends on a per-unit parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Edge(StrEnum):
    """What flows along a link.

    Examples
    --------
    >>> sorted(edge.value for edge in TEMPORAL)
    ['adaptation', 'delay', 'feedback_edge', 'recurrent', 'reset', 'state']
    """

    STATE = "state"  #: a state variable to itself (leak, forget gate)
    RESET = "reset"  #: a spike to the membrane potential that it came from
    RECURRENT = "recurrent"  #: a layer's output back into the layer, through weights
    ADAPTATION = "adaptation"  #: a spike to its own threshold
    FEEDBACK = "feedback_edge"  #: a population's output to another of the same layer, one step later (`Graph`)
    DELAY = "delay"  #: along a line of registers, and from it to a population of a later layer
    SPACE = "space"  #: within one step; never cut


TEMPORAL: frozenset[Edge] = frozenset(Edge) - {Edge.SPACE}


@dataclass(frozen=True)
class Link:
    """``target^t`` depends on ``source^(t - lag)``.

    Attributes
    ----------
    target, source : node names; the source ``x`` is the layer's input.
    lag : 0 or 1 steps.
    edge : the label; SPACE for lag 0.
    weight : name of the weight matrix on the link, or None for an elementwise factor.
    """

    target: str
    source: str
    lag: int = 0
    edge: Edge = Edge.SPACE
    weight: str | None = None


@dataclass(frozen=True)
class Use:
    """``target^t`` depends directly on the per-unit parameter ``parameter`` (its immediate, explicit derivative)."""

    target: str
    parameter: str
