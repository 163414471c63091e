"""The pseudo-derivative: taken elsewhere, of another scale, clipped, of another form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.equations import Term, formulas
from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit
from gradcert.certify.diagnosis.unrolled import Bench, Feed, Graph
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import with_cells, with_convention
from gradcert.reference.numbers import Array, Surrogate

Nodes = Mapping[str, Array]
SCALES = (0.25, 0.3, 0.5, 1.0, 2.0, 4.0, 10.0, 25.0, 100.0)

# where it is taken: the node values that make the right formula take it there
PLACES: dict[str, tuple[str, Callable[[LayerTape], Nodes]]] = {
    "at the potential": ("v in place of v - threshold", lambda t: {"v": t.now["v"] + t.p["threshold"]}),
    "less the leak": ("v - leak", lambda t: {"v": t.now["v"] + t.p["threshold"] - t.p["leak"]}),
    "after a soft reset": (
        "the potential after its reset",
        lambda t: {"v": t.now["v"] - t.p["threshold"] * t.now["z"]},
    ),
    "after a hard reset": ("the potential after its reset", lambda t: {"v": t.now["v"] * (1 - t.now["z"])}),
    "at the old threshold": ("the adaptive threshold of the step before", lambda t: {"k": t.prev["k"]}),
    "mirrored": ("minus its argument", lambda t: {"v": 2 * t.p["threshold"] - t.now["v"]}),
    "below the threshold": (
        "-|v - threshold|, the side below the threshold on both",
        lambda t: {"v": t.p["threshold"] - abs(t.now["v"] - t.p["threshold"])},
    ),
    "above the threshold": (
        "|v - threshold|, the side above the threshold on both",
        lambda t: {"v": t.p["threshold"] + abs(t.now["v"] - t.p["threshold"])},
    ),
    "at the old potential": ("the potential of the step before", lambda t: {"v": t.prev["v"]}),
}


WHERE: dict[str, Callable[[Any, LayerTape], Any]] = {
    "psi only where a spike occurred": lambda f, t: f * t.now["z"],
    "psi only where no spike occurred": lambda f, t: f * (1 - t.now["z"]),
    "the spike in the place of psi": lambda f, t: t.now["z"],
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other pseudo-derivatives."""
    yield of_edit("slope", "zero", "psi = 0, the derivative of the step itself", own=_zero, down=_zero)
    for name, (label, moved) in PLACES.items():
        yield of_edit("slope", name, f"psi taken at {label}", own=_placed(moved), down=_placed(moved))
        yield of_edit("slope", f"{name}, traces alone", f"psi taken at {label} in the traces", own=_placed(moved))
    yield of_edit("slope", "refractory", "psi not zeroed in the refractory period", own=_open, down=_open)
    for word, change in WHERE.items():
        yield of_edit("slope", word, word, own=_changed(change), down=_changed(change))
    yield of_edit("slope", "lobes clipped", "the negative values of psi clipped", own=_clipped, down=_clipped)
    yield from _scaled(bench)
    yield from _divided(bench)
    for name in ("after a soft reset", "after a hard reset"):
        what = "every derivative " + name
        edit = _moved(PLACES[name][1])
        label = f"every local derivative at {PLACES[name][0]}"
        yield of_edit("slope", what, f"{label} ({name.split()[2]})", own=edit, down=edit)


def _thresholded(tape: LayerTape, *nodes: str) -> bool:
    """Return whether the output is a function of v less the threshold, and of such nodes as well.

    Names do not tell: in a cell of somebody's own, v may be what fires at 0, and k act on a current.
    """
    if "threshold" not in tape.p or not {"v", *nodes} <= set(tape.now):
        return False
    known = formulas(tape.layer.cell)
    fired = [t for t in _inside(dict(known.step)["z"]) if t.op == "apply"] if known is not None else []
    read = {(x.op, x.name) for t in fired for x in t.leaves}
    return not fired or {("p", "threshold"), ("now", "v"), *(("now", node) for node in nodes)} <= read


def _inside(t: Term) -> Iterator[Term]:
    yield t
    for a in t.args:
        yield from _inside(a)


def _with(graph: Graph, tape: LayerTape, factors: Mapping[Any, Any]) -> Graph:
    """Replace the factors of what leads into the output."""

    def feed(f: Feed) -> Feed:
        return replace(f, factor=factors[f.origin]) if f.node == "z" and f.synapse is None else f

    into = graph.arcs_as(lambda a: replace(a, factor=factors[a.origin]) if a.target == "z" and not a.lag else a)
    return into.feeds_as(feed)


def _changed(change: Callable[[Any, LayerTape], Any]) -> Any:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        if not hasattr(tape.layer.cell, "surrogate"):
            return graph
        return graph.arcs_as(
            lambda a: replace(a, factor=change(a.factor, tape)) if a.target == "z" and not a.lag else a
        )

    return edit


def _placed(moved: Callable[[LayerTape], Nodes]) -> Any:
    def edit(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
        if not _thresholded(tape):
            return graph
        values = moved(tape)
        if "k" in values and not _thresholded(tape, "k"):
            return graph
        return _with(graph, tape, tape.layer.cell.factors(whole.numbers, tape.p, tape.prev, {**tape.now, **values}))

    return edit


def _open(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
    """Take the pseudo-derivative as outside of any refractory period."""
    registers = getattr(tape.layer.cell, "registers", ())
    quiet = _placed(lambda t: {register: 0 * t.now[register] for register in registers})
    found: Graph = quiet(graph, tape, whole) if registers else graph
    return found


def _moved(moved: Callable[[LayerTape], Nodes]) -> Any:
    """Take all derivatives at moved values, of the step before too: those of a state that is kept after its reset."""

    def edit(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
        if not _thresholded(tape):
            return graph
        before = moved(replace(tape, now=tape.prev))
        cell = tape.layer.cell
        given = {**tape.prev, **before}, {**tape.now, **moved(tape)}
        factors = cell.factors(whole.numbers, tape.p, *given)
        changed = graph.arcs_as(lambda a: replace(a, factor=factors.get(a.origin, a.factor)))
        return changed.feeds_as(lambda f: replace(f, factor=factors.get(f.origin, f.factor)))

    return edit


def _zero(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    if not hasattr(tape.layer.cell, "surrogate"):
        return graph

    def feed(f: Feed) -> Feed:
        return replace(f, factor=0 * f.factor) if f.node == "z" and f.synapse is None else f

    into = graph.arcs_as(lambda a: replace(a, factor=0 * a.factor) if a.target == "z" and not a.lag else a)
    return into.feeds_as(feed)


def _clipped(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
    into = [a for a in graph.arcs if a.target == "z" and not a.lag and np.ndim(a.factor) > 2]
    if not _thresholded(tape) or len(into) != 1:
        return graph
    clipped = whole.numbers.where(into[0].factor, ">=", 0, into[0].factor, 0)
    return graph.arcs_as(lambda a: replace(a, factor=clipped) if a is into[0] else a)


def _scaled(bench: Bench) -> Iterator[Hypothesis]:
    """Yield the claimed pseudo-derivatives with one of their scales changed."""
    forms = {layer.cell.surrogate for layer in bench.network.layers if hasattr(layer.cell, "surrogate")}
    for form in sorted(forms, key=lambda s: s.label):
        for name, value in (*form.scales, ("amplitude", form.amplitude)):
            for scale in SCALES:
                if scale != value and (other := _with_scale(form, name, scale)) is not None:
                    yield _other(f"{name} = {scale:g}", f"psi = {other.label}", {"surrogate": other})


def _with_scale(form: Surrogate, name: str, scale: float) -> Surrogate | None:
    try:
        return form.with_scale(name, scale)
    except GradcertError:  # a formula that is no number then
        return None


def _divided(bench: Bench) -> Iterator[Hypothesis]:
    """Yield another divisor of psi's argument, and one that is taken for a constant."""
    for scaling in ("none", "threshold", "adaptive_threshold"):
        label = {"none": "undivided", "threshold": "divided by the threshold"}.get(scaling, "by the adaptive threshold")
        yield _of_cells(f"scaling {scaling}", f"psi {label}", partial(with_convention, option="scaling", value=scaling))
    if any(getattr(cell, "scaling", "none") != "none" for cell in bench.network.cells):
        label = "psi's argument divided by the threshold, and psi itself not"
        yield of_edit("slope", "argument alone", label, own=_undivided, down=_undivided)

    def edit(graph: Graph, tape: LayerTape, whole: Tape) -> Graph:
        cell: Any = getattr(tape.layer.cell, "_cell", tape.layer.cell)  # itself, where its values are stored
        other = with_convention(cell, "scaling", "adaptive_threshold")
        if other == cell:
            return graph
        factors = dict(other.factors(whole.numbers, tape.p, tape.prev, tape.now))
        output = next(factors[k] for k in other.links if k.target == "z" and k.source == "v")
        for k in other.links:
            if k.target == "z" and k.source == "k":
                factors[k] = -1 * output * tape.p["beta"]
        return _with(graph, tape, factors)

    yield of_edit(
        "slope", "divided by the adaptive threshold", "psi divided by the adaptive threshold as by a constant", own=edit
    )


def _undivided(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Undo the division of psi, and leave that of its argument."""
    scaling = getattr(tape.layer.cell, "scaling", "none")
    if scaling == "none" or not _thresholded(tape):
        return graph
    by = tape.p["threshold"]
    if scaling == "adaptive_threshold":
        by = by + tape.p["beta"] * tape.now["k"]

    def feed(f: Feed) -> Feed:
        return replace(f, factor=by * f.factor) if f.node == "z" and f.synapse is None else f

    into = graph.arcs_as(lambda a: replace(a, factor=by * a.factor) if a.target == "z" and not a.lag else a)
    return into.feeds_as(feed)


def _other(what: str, label: str, options: Mapping[str, Any]) -> Hypothesis:
    def change(cell: Any) -> Any:
        return replace(cell, **options) if set(options) <= {f.name for f in fields(cell)} else cell

    return _of_cells(what, label, change)


def _of_cells(what: str, label: str, change: Callable[[Any], Any]) -> Hypothesis:
    def compute(bench: Bench) -> Any:
        network = with_cells(bench.network, change)
        return bench.again(network=network).gradients() if network != bench.network else None

    return Hypothesis("slope", what, label, compute)
