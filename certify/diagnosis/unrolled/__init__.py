"""The unrolled computation as data: a problem run forward in some numbers, and graphs of its layers that can be edited.

`bench` runs a problem and computes the gradient of a rule with an edit; `graph` is one layer's arcs, feeds and sweep.
"""

from gradcert.certify.diagnosis.unrolled.bench import (
    Bench,
    Edit,
    GraphEdit,
    edited,
    on_balls,
    on_floats,
)
from gradcert.certify.diagnosis.unrolled.graph import (
    COPY,
    Arc,
    CircleError,
    Feed,
    Graph,
    earlier,
    gradients,
    graph_of,
    initial_gradients,
    later,
    output_apart,
    recursion_apart,
    sweep,
)

__all__ = [
    "COPY",
    "Arc",
    "Bench",
    "CircleError",
    "Edit",
    "Feed",
    "Graph",
    "GraphEdit",
    "earlier",
    "edited",
    "gradients",
    "graph_of",
    "initial_gradients",
    "later",
    "on_balls",
    "on_floats",
    "output_apart",
    "recursion_apart",
    "sweep",
]
