"""A local derivative written as another expression: of the leak, the threshold, and values of this step or the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, unique, written
from gradcert.certify.diagnosis.unrolled import COPY, Arc, Bench, Feed, Graph, GraphEdit, recursion_apart
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Link, Use

Value = Callable[[LayerTape], Any]
DECAY = ("leak", "kappa", "rate")

SCALES: dict[str, Value] = {
    "1": lambda t: 1,
    "leak": lambda t: t.p["leak"],
    "threshold": lambda t: t.p["threshold"],
    "leak threshold": lambda t: t.p["leak"] * t.p["threshold"],
    "(1 - leak)": lambda t: 1 - t.p["leak"],
    "(1 - leak)^2": lambda t: (1 - t.p["leak"]) * (1 - t.p["leak"]),
}
STATES: dict[str, Value] = {
    "": lambda t: 1,
    "(1 - z')": lambda t: 1 - t.prev["z"],
    "v'": lambda t: t.prev["v"],
    "v": lambda t: t.now["v"],
    "a": lambda t: t.now["a"],
    "a'": lambda t: t.prev["a"],
    "v' (1 - z')": lambda t: t.prev["v"] * (1 - t.prev["z"]),
}
# what the right factor may have been multiplied by, or added to
CHANGES: dict[str, Callable[[Any, LayerTape], Any]] = {
    "= 1": lambda f, t: 0 * f + 1,
    "0": lambda f, t: 0 * f,
    "squared": lambda f, t: f * f,
    "divided by 2": lambda f, t: f / 2,
    "times -1": lambda f, t: -1 * f,
    "times 2": lambda f, t: 2 * f,
    "plus a": lambda f, t: f + t.now["a"],
    "times leak": lambda f, t: f * t.p["leak"],
    "times (1 - leak)": lambda f, t: f * (1 - t.p["leak"]),
    "times threshold": lambda f, t: f * t.p["threshold"],
    "times (1 - kappa)": lambda f, t: f * (1 - t.p["kappa"]),
}


def expressions() -> dict[str, Value]:
    """Return products of a sign, a scale and a state."""
    out: dict[str, Value] = {}
    for a, scale in SCALES.items():
        for b, state in STATES.items():
            name = " ".join(word for word in (a if a != "1" or not b else "", b) if word)
            out[name] = partial(_product, 1, scale, state)
            out[f"-{name}"] = partial(_product, -1, scale, state)
    return out


def _product(sign: int, scale: Value, state: Value, tape: LayerTape) -> Any:
    return sign * (scale(tape) * state(tape))


EXPRESSIONS = expressions()


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield factors of every unweighted link and use that the network has."""
    cells = [layer.cell for layer in bench.network.layers]
    links = unique([k for cell in cells for k in cell.links if k.weight is None])
    uses = unique([u for cell in cells for u in cell.uses if u.parameter in cell.trained and u.parameter != "b"])
    for origin in [*links, *uses]:
        if isinstance(origin, Link):
            yield from _otherwise(origin)
            yield from _exchanged(origin, cells)
        if isinstance(origin, Link) and origin.target == "z" and origin.lag == 0:
            for name, change in CHANGES.items():
                yield _own(origin, name, change)
            continue  # a pseudo-derivative: see `slopes`
        leaky = any(origin in (*cell.links, *cell.uses) and _leaks(cell) for cell in cells)
        for name, value in EXPRESSIONS.items() if leaky else ():
            yield _own(origin, f"= {name}", partial(_instead, value))
        for name, change in CHANGES.items():
            yield _own(origin, name, change)
    for origin in [k for k in links if isinstance(k, Link)]:
        for name, change in (("= 1", lambda f, t: 1), ("0", CHANGES["0"]), ("times -1", CHANGES["times -1"])):
            yield from _partly(origin, name, change)
    yield from _neighbours(links)
    yield from _constants(links)
    yield from _decays()
    yield from _chain_rule(uses)


# derivatives of a function written in its value y: of a tanh 1 - y^2, of a sigmoid y (1 - y); what becomes of them
IN_VALUE: dict[str, Callable[[Any], Any]] = {
    "y": lambda y: y,
    "1 - y": lambda y: 1 - y,
    "-y": lambda y: -1 * y,
    "1 + y": lambda y: 1 + y,
    "y (1 - y)": lambda y: y * (1 - y),
    "y (1 + y)": lambda y: y * (1 + y),
    "1 - y^2": lambda y: 1 - y * y,
    "1 + y^2": lambda y: 1 + y * y,
    "2 - y^2": lambda y: 2 - y * y,
    "-y^2": lambda y: -1 * y * y,
    "y^2": lambda y: y * y,
    "1 - y^3": lambda y: 1 - y * y * y,
    "y - 1": lambda y: y - 1,
    "y (2 - y)": lambda y: y * (2 - y),
}


def _otherwise(origin: Link) -> Iterator[Hypothesis]:
    """Yield a function's derivative as another expression of the function's value."""
    if origin.lag:
        return
    for name, form in IN_VALUE.items():
        change = partial(_of_value, form, origin.target)
        yield _own(origin, f"= {name}, y = {origin.target}", change)


def _of_value(form: Callable[[Any], Any], node: str, factor: Any, tape: LayerTape) -> Any:
    return form(tape.now[node]) if np.ndim(factor) > 2 else factor


def _exchanged(origin: Link, cells: list[Any]) -> Iterator[Hypothesis]:
    """Yield a factor that is another node's value, of this step or the last, or is multiplied by it."""
    cell = next(c for c in cells if origin in c.links)
    for node in cell.nodes:
        for word, values in ((node, "now"), (f"{node}'", "prev")):

            def instead(f: Any, t: LayerTape, node: str = node, values: str = values) -> Any:
                return getattr(t, values)[node]

            def times(f: Any, t: LayerTape, node: str = node, values: str = values) -> Any:
                return f * getattr(t, values)[node]

            yield _own(origin, f"= {word}", instead)
            yield _own(origin, f"times {word}", times)


def _leaks(cell: Any) -> bool:
    """Return whether a cell has the quantities that the expressions are made of."""
    return {"leak", "threshold"} <= {*cell.constants(), *cell.trained} and {"a", "v", "z"} <= set(cell.nodes)


def _instead(value: Value, _: Any, tape: LayerTape) -> Any:
    return value(tape)


def _own(origin: Link | Use, name: str, change: Callable[[Any, LayerTape], Any]) -> Hypothesis:
    what = f"{written(origin)} {name}"
    return of_edit("factor", what, f"the factor of {what}", own=_edit(origin, change))


def _edit(origin: Link | Use, change: Callable[[Any, LayerTape], Any], *, source: str = "") -> GraphEdit:
    """Return the edit of every arc (from one copy of its source, if named) or feed that a link or use has become."""

    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        def arc(a: Arc) -> Arc:
            wanted = a.origin == origin and (not source or a.source == source)
            return replace(a, factor=change(a.factor, tape)) if wanted else a

        def feed(f: Feed) -> Feed:
            return replace(f, factor=change(f.factor, tape)) if f.origin == origin else f

        return graph.arcs_as(arc).feeds_as(feed)

    return edit


def _partly(origin: Link, name: str, change: Callable[[Any, LayerTape], Any]) -> Iterator[Hypothesis]:
    """Yield a factor that is wrong in the recursion, or for the new input, and there alone."""
    what = written(origin)
    if origin.lag:
        return
    for place, source in (("recursion", origin.source + COPY), ("immediate term", origin.source)):

        def edit(graph: Graph, tape: LayerTape, whole: Tape, source: str = source) -> Graph:
            if origin.source not in graph.nodes:
                return graph
            return _edit(origin, change, source=source)(recursion_apart(graph, origin.source), tape, whole)

        label = f"the factor of {what} {name} in the {place} alone"
        yield of_edit("factor", f"{what} {name} in the {place}", label, own=edit)


USUAL = (0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99)  # constants that a decay is set to where it should be a layer's own


def _constants(links: list[Link | Use]) -> Iterator[Hypothesis]:
    for origin in links:
        if isinstance(origin, Link) and origin.lag and origin.source == origin.target:
            for c in USUAL:
                yield _own(origin, f"= {c:g}", partial(_constant, c))


def _constant(c: float, factor: Any, tape: LayerTape) -> float:
    return c


def _neighbours(links: list[Link | Use]) -> Iterator[Hypothesis]:
    """Yield the decay of another layer in place of a layer's own."""
    for origin in links:
        if not (isinstance(origin, Link) and origin.lag and origin.source == origin.target):
            continue
        for place, step in (("below", -1), ("above", 1)):

            def edit(graph: Graph, tape: LayerTape, whole: Tape, step: int = step, origin: Link = origin) -> Graph:
                other = [k is tape for k in whole.layers].index(True) + step
                if not 0 <= other < len(whole.layers):
                    return graph
                p = whole.layers[other].p
                decay = next((p[name] for name in DECAY if name in p), None)
                if decay is None:
                    return graph
                one = decay.ravel()[0] if len(set(map(str, decay.ravel()))) == 1 else decay.sum() / decay.size
                return _edit(origin, lambda f, t: one)(graph, tape, whole)

            what = f"{written(origin)} = decay of the layer {place}"
            yield of_edit("factor", what, f"the factor of {what}", own=edit)


def _decays() -> Iterator[Hypothesis]:
    """Yield the decay of another layer wherever a layer's own occurs."""
    for place, step in (("below", -1), ("above", 1)):

        def edit(graph: Graph, tape: LayerTape, whole: Tape, step: int = step) -> Graph:
            number = [k is tape for k in whole.layers].index(True) + step
            own = next((name for name in DECAY if name in tape.p), None)
            if own is None or not 0 <= number < len(whole.layers):
                return graph
            decay = next((whole.layers[number].p[n] for n in DECAY if n in whole.layers[number].p), None)
            if decay is None:
                return graph
            one = decay.ravel()[0] if len(set(map(str, decay.ravel()))) == 1 else decay.sum() / decay.size
            p = {**tape.p, own: 0 * tape.p[own] + one}
            factors = tape.layer.cell.factors(whole.numbers, p, tape.prev, tape.now)
            changed = graph.arcs_as(lambda a: replace(a, factor=factors.get(a.origin, a.factor)))
            return changed.feeds_as(lambda f: replace(f, factor=factors.get(f.origin, f.factor)))

        label = f"the decay of the layer {place} wherever its own belongs"
        yield of_edit("factor", f"decay of the layer {place}", label, own=edit)


def _chain_rule(uses: list[Link | Use]) -> Iterator[Hypothesis]:
    """Yield the derivative by what a parameter was made of, returned as that by the parameter."""
    forms: dict[str, Callable[[Any], Any]] = {
        "the logit of": lambda p: p * (1 - p),
        "the logarithm of": lambda p: p,
        "minus the logarithm of": lambda p: -1 * p,
    }
    for parameter in dict.fromkeys(u.parameter for u in uses if isinstance(u, Use)):
        for name, slope in forms.items():

            def edit(graph: Graph, tape: LayerTape, _: Tape, parameter: str = parameter, slope: Any = slope) -> Graph:
                def feed(f: Feed) -> Feed:
                    return replace(f, factor=f.factor * slope(tape.p[parameter])) if f.parameter == parameter else f

                return graph.feeds_as(feed)

            yield of_edit("parameters", f"by {name} {parameter}", f"the derivative by {name} the {parameter}", own=edit)
