"""A learning rule as a record: which edges of the unrolled graph it keeps, and where its learning signal comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import TEMPORAL, Edge
from gradcert.reference.notebook import of_rule

FEEDBACKS = ("symmetric", "random", "direct", "target", "local")


@dataclass(frozen=True)
class Rule:
    """One row of the rule table.

    Attributes
    ----------
    name, title : identifier and full name.
    own : edges kept in the parameter's own layer (they make the eligibility trace).
    upper : edges kept in the layers above it (they make the temporal part of the learning signal).
    readout : further edges kept in an upper layer that is a leaky readout (an ``integrator`` cell).
    feedback : where the same-time learning signal comes from. ``symmetric``: through the transposed weights;
        ``random``: layer by layer through fixed matrices of the weights' shapes; ``direct``: from the last layer's
        drive through one fixed matrix per layer; ``target``: the target through one fixed matrix per layer;
        ``local``: a loss of the layer's own through a fixed random readout.
    window : keep only paths of at most this many steps, counting the first (a sliding window), or None.
    chunk : cut every temporal edge that crosses a multiple of this many steps, or None.
    reach : keep only trace entries whose unit is reachable from the parameter within this many steps of the layer's
        connectivity (SnAp-n), or None.
    source : where the rule was published.
    exact : when it equals BPTT.
    drops : which paths of the BPTT gradient it leaves out.
    time, memory : cost of one step of one layer of n units (and as many inputs), by the forward engine.
    page : the equations; the docstring of the file that the row is defined in.
    """

    name: str
    title: str
    own: frozenset[Edge]
    upper: frozenset[Edge]
    readout: frozenset[Edge] = frozenset()
    feedback: str = "symmetric"
    window: int | None = None
    chunk: int | None = None
    reach: int | None = None
    source: str = ""
    exact: str = ""
    drops: str = field(default="", compare=False)
    time: str = field(default="", compare=False)
    memory: str = field(default="", compare=False)
    page: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.feedback not in FEEDBACKS:
            raise GradcertError(f"feedback={self.feedback!r}", allowed=", ".join(FEEDBACKS))
        for name in ("window", "chunk", "reach"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise GradcertError(f"{name}={value!r}", allowed="a whole number of steps >= 1, or None")
        if self.window is not None and (self.chunk or self.reach or self.feedback not in ("symmetric", "random")):
            raise GradcertError(
                f"a window of {self.window} steps together with chunks, a reach or {self.feedback} feedback",
                allowed="a window with layer-by-layer feedback and nothing else",
            )
        for edges in (self.own, self.upper, self.readout):
            if not edges <= TEMPORAL:
                raise GradcertError(f"the edges {sorted(edges)}", allowed=", ".join(sorted(TEMPORAL)))

    def kept_above(self, cell_name: str) -> frozenset[Edge]:
        """Return the edges kept in an upper layer of the given cell."""
        return self.upper | self.readout if cell_name == "integrator" else self.upper

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        reach = [f"{n} {v}" for n in ("window", "chunk", "reach") if (v := getattr(self, n)) is not None]
        facts = [(side, ", ".join(sorted(e.name for e in getattr(self, side))) or "none") for side in ("own", "upper")]
        return of_rule(self, [*facts, ("feedback", self.feedback), ("limits", ", ".join(reach))])
