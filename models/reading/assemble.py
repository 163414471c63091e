"""From a lowered step to a reading: equations, populations, labels, names. The same for every framework."""

from __future__ import annotations

from typing import Any, TypeVar

from gradcert.models.reading.choose import choose
from gradcert.models.reading.labels import edges
from gradcert.models.reading.lowering import Lowering
from gradcert.models.reading.naming import node_names, statics
from gradcert.models.reading.populations import paths, populations
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
    called = statics(chosen, lowered.nodes)
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
    )
