"""Networks that were read, as data: cells as equations in text, which are parsed and never evaluated as code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.models.equations import define
from gradcert.models.equations.equations import PREVIOUS, Equation
from gradcert.models.reading.network.cutting import without
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Layer, Loss, Network, graph_from, synapse_from_dict, synapse_to_dict
from gradcert.reference.numbers import Surrogate, surrogate_from
from gradcert.reference.outside import record

GIVEN = "the user's own function, which runs where the model is"


def to_record(network: Network) -> dict[str, Any]:
    """Return the JSON form of a network of cells that were read.

    Raises
    ------
    GradcertError : for a pseudo-derivative that is a function of the user's.
    """
    cells = [cell_record(cell) for cell in network.cells]
    if network.graph is not None:
        spec = network.graph.to_dict()
        for population in spec["populations"]:
            del population["cell"], population["options"]
        return {"cells": cells, "graph": spec, "loss": network.loss.to_dict()}
    layers = [
        {"inputs": k.inputs, "units": k.units, "synapses": {name: synapse_to_dict(s) for name, s in k.synapses}}
        for k in network.layers
    ]
    return {"cells": cells, "layers": layers, "loss": network.loss.to_dict()}


def cell_record(cell: Any) -> dict[str, Any]:
    """Return the JSON form of a cell of equations."""
    recipe = cell.recipe
    psi = getattr(cell, "surrogate", None)
    if psi is not None and type(psi) is not Surrogate:
        raise GradcertError(f"the pseudo-derivative {psi.label}", allowed="a row of the table: gradcert surrogates")
    led = [k.target for k in (*cell.links, *cell.uses)]
    meant = {k.target for k in (*recipe.links, *recipe.uses)}
    return {
        "name": type(cell).name.removesuffix("_cut"),
        "equations": {e.node: _text(e) for e in recipe.equations},
        "edges": dict(recipe.edges),
        "constants": {name: getattr(cell, name) for name in recipe.constants},
        "parameters": list(recipe.parameters),
        "surrogate": None if psi is None else psi.to_dict(),
        "strict": bool(getattr(cell, "strict", False)),
        "train": list(cell.train),
        "cut": [node for node in recipe.nodes if node in meant and node not in led],
    }


def _text(equation: Equation) -> str:
    sums = [f"{weight} @ {source}{PREVIOUS * lag}" for weight, source, lag in equation.weighted]
    text = " + ".join([*sums, *equation.biases])
    if equation.rest == "0" and text:
        return text
    return f"{text} {equation.rest}".strip().removeprefix("+ ")


def cell_from_record(given: Any) -> Any:
    """Return a cell from its JSON form.

    Raises
    ------
    GradcertError : for what is no cell.
    """
    needs = ("name", "equations", "edges", "constants", "parameters", "surrogate", "strict", "train", "cut")
    spec = record(given, "a cell", needs=needs)
    name = spec["name"]
    if not isinstance(name, str) or not name.isidentifier():
        raise GradcertError(f"a cell called {name!r}", allowed="letters, digits and underscores")
    texts, edges, constants = (record(spec[part], part) for part in ("equations", "edges", "constants"))
    parameters, train, cut = (_names(spec[part], part) for part in ("parameters", "train", "cut"))
    psi = spec["surrogate"]
    made = define(
        name,
        texts,
        edges=edges,
        constants=constants,
        surrogate=None if psi is None else surrogate_from(record(psi, "a pseudo-derivative")),
        strict=bool(spec["strict"]),
        parameters=parameters,
    )
    cell = made(train=train)
    return without(cell, cut) if cut else cell


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise GradcertError(f"{what} that are no list of names")
    return tuple(value)


def from_record(given: Any) -> Network:
    """Return a network from its JSON form.

    Raises
    ------
    GradcertError : for what is no network.
    """
    spec = record(given, "a network", needs=("cells", "loss"))
    if not isinstance(spec["cells"], list):
        raise GradcertError("the cells of a network that are no list")
    cells = [cell_from_record(cell) for cell in spec["cells"]]
    try:
        loss = Loss(node=str(record(spec["loss"], "a loss").get("node", "z")))
        if "graph" in spec:
            graph = record(spec["graph"], "a graph", needs=("populations",))
            known = {str(p["name"]): cell for p, cell in zip(graph["populations"], cells, strict=True)}
            return Network(graph=graph_from(graph, cells=known), loss=loss)
        return Network(tuple(_layer(*pair) for pair in zip(cells, spec["layers"], strict=True)), loss)
    except GradcertError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        raise GradcertError(f"the network does not fit ({error})", allowed="what gradcert.watch wrote") from None


def _layer(cell: Any, spec: Mapping[str, Any]) -> Layer:
    synapses = tuple((name, synapse_from_dict(s)) for name, s in spec["synapses"].items())
    return Layer(cell, inputs=spec["inputs"], units=spec["units"], synapses=synapses)
