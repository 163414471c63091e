"""From a lowered step to a reading: equations, populations, labels, names. The same for every framework."""

from __future__ import annotations

from typing import Any, TypeVar

from gradcert.models.reading.choose import Chosen, choose
from gradcert.models.reading.labels import edges
from gradcert.models.reading.lifted import cuts
from gradcert.models.reading.lowering import Lowering
from gradcert.models.reading.naming import node_names, static_name, statics
from gradcert.models.reading.populations import X, paths, populations
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.surrogates import identify
from gradcert.models.reading.terms import dynamic, uncut
from gradcert.reference.errors import GradcertError

R = TypeVar("R", bound=Reading)


def assembled(kind: type[R], lowered: Lowering, module: Any, x: Any, state: Any, way: Any) -> R:
    """Return a reading of a kind.

    Parameters
    ----------
    x : the example of one step. `state` : what was passed. `way` : how the module is called.
    """
    step = lowered.step
    chosen = choose(lowered)
    if _turns(chosen):  # what is made of an output that is fed back is there before the step
        lowered = type(lowered)(step, lowered.framework)
        chosen = choose(lowered, late=True)
    if empty := next((t for t in chosen.order if not t.size or (t.op == "spike" and not dynamic(t))), None):
        raise GradcertError(
            f"a {'spike' if empty.op == 'spike' else 'value'} at {empty.where or 'the step'} is made of no input, state"
            " or weight: of a state that does not exist yet in the first step, say",
            do="pass the state of the first step: --state, or read(module, x, state); to certify it, --state, or"
            " gradcert.adapters.torch.module(Model, state=...)",
        )
    names = [name if value is not None else "" for name, value in lowered.slots]
    links = paths(chosen)
    layers = populations(chosen, links)
    layer = {k: i for i, group in enumerate(layers) for k in group}
    outputs = [chosen.number(uncut(o)) for o in chosen.outputs if chosen.has(uncut(o))]
    fixed = statics(chosen)
    lifted, straight = cuts(lowered.nodes, [term.data for term in fixed.values()], lowered.framework)
    called = {k: static_name(lowered.nodes, term.data, lifted | straight) for k, term in fixed.items()}
    return kind(
        module,
        x,
        state,
        step,
        way,
        chosen,
        links,
        layers,
        node_names(chosen, links, layers, names, outputs),
        called,
        edges(chosen, links, layer, called),
        tuple((identify(kind), kind.strict) for kind in lowered.kinds),
        outputs,
        lowered.slots,
        lowered.anew,
        lowered.node_of(),
        lowered.moving,
        x.shape[0],
        lowered.framework,
        lifted=lifted,
        straight=straight,
        rounding=tuple(dict.fromkeys(kind.where for kind in lowered.kinds if kind.rounded)),
    )


def _turns(chosen: Chosen) -> bool:
    """Return whether populations read each other in a circle within one step."""
    links = paths(chosen)
    layer = {k: i for i, group in enumerate(populations(chosen, links)) for k in group}
    above: dict[int, set[int]] = {i: set() for i in layer.values()}
    for link in links:
        if link.source != X and not link.lag and layer[link.source] != layer[link.target]:
            above[layer[link.source]].add(layer[link.target])
    while lowest := [i for i in above if not any(i in reached for reached in above.values())]:
        for i in lowest:
            del above[i]
    return bool(above)
