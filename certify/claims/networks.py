"""Networks that are graphs: what a claim says of populations and connections, brought into one form and built.

In a file it is a table ``[network]``; from Python a `gradcert.reference.Graph` will do, whose sizes, options and
constants are then fixed. A size that is not given is drawn, and so are leaks and thresholds that no option names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.certify.claims.algorithms import first_cell, tried
from gradcert.certify.claims.extras import in_full
from gradcert.certify.claims.terms import name_populations
from gradcert.reference.checks import check_flag
from gradcert.reference.engines import reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Graph, Loss, Network, cell_named, graph_from, option_names, runs_of
from gradcert.reference.published import KINDS, Algorithm, read_rule
from gradcert.reference.rules import draw_feedback

GRAPH = "graph"  # what stands for a graph where a stack has the name of its cell
POPULATION = ("name", "cell", "units", "options", "synapses", "shared", "backwards")
CONNECTION = ("source", "target", "lag", "synapses", "node", "name", "edge")
EXAMPLE = '[network] inputs = {x = 3}; [[network.populations]] name = "low", cell = "lif"; [[network.connections]] ...'
SIZES = ((3, 2, 4), (4, 3, 2))  # of inputs and of populations, in turn, where a claim fixes none
OUTPUTS = 2  # units of the last of several populations, a power of two, by which a mean divides exactly
MOST = 8  # layers
LARGEST, LATEST, MANY = 4096, 100, 64  # of sizes, lags, populations and connections: a claim may come from anywhere
BESIDE = ("cells", "layers", "readout", "sizes")  # what a network replaces, or has not


def set_network(claim: Any) -> None:
    """Bring the network of a claim that is being made into one form.

    Raises
    ------
    GradcertError : for what is no network, or one beside cells, layers or a readout.
    """
    given = claim.network.to_dict() if isinstance(claim.network, Graph) else claim.network
    if not isinstance(given, Mapping):
        raise GradcertError(f"network={given!r}", allowed=f"a Graph, or {EXAMPLE}")
    if not given:
        object.__setattr__(claim, "network", {})
        return
    if beside := [name for name in BESIDE if getattr(claim, name)]:
        raise GradcertError(
            f"a network, and {' and '.join(beside)}", do="say all of it by populations; their units are their sizes"
        )
    populations = given.get("populations")
    back = isinstance(populations, list) and any(isinstance(p, Mapping) and p.get("backwards") for p in populations)
    if back and claim.begins:
        raise GradcertError(
            "sequences that begin inside a row, and populations that run backwards", allowed="one of them"
        )
    if back and claim.online:
        raise GradcertError("an online claim of populations that run backwards", allowed="leave online out")
    if back and claim.acceptance != "exact":
        raise GradcertError(f"an {claim.acceptance} claim of populations that run backwards", allowed="exact")
    if claim.acceptance == "aligned":
        raise GradcertError("an aligned claim of a graph of populations", allowed="exact, bounded, unbiased")
    _known("a network", given, ("inputs", "populations", "connections", "output"))
    fixed = isinstance(claim.network, Graph)
    made: dict[str, Any] = {
        "inputs": _inputs(given.get("inputs")),
        "populations": [_population(p, fixed=fixed) for p in _several("populations", given.get("populations"))],
        "connections": [_connection(c) for c in _several("connections", given.get("connections"))],
    }
    made["output"] = given.get("output") or made["populations"][-1]["name"]
    object.__setattr__(claim, "network", made)


def check_network(claim: Any) -> None:
    """Build the network of a claim once and compute its rule on ones; set what follows from it, the depth.

    Raises
    ------
    GradcertError : the graph's own, for a cycle without a lag, an unknown or unreachable population, a synapse that
        does not fit; and the rule's, where it is not defined for the graph.
    """
    if not claim.network:
        return
    named = read_rule(claim.rule, claim.settings, run=True)
    if isinstance(named, Algorithm) and named.kind.stacks:
        fits = ", ".join(kind.name for kind in KINDS.values() if not kind.stacks and kind.name != "rows")
        raise GradcertError(
            f"{claim.rule}, {named.kind.stacks}, on a graph of populations",
            allowed=f"rows of the rule table, rows by layer, {fits}",
        )
    cells = {p["name"]: first_cell(p["cell"], options_of(claim, p)) for p in claim.network["populations"]}
    graph = graph_of(claim.network, cells, usual_sizes(claim.network))
    depth = len(graph.components())
    if depth > MOST:
        raise GradcertError(f"a network of {depth} layers", allowed=f"1 to {MOST}; populations in a loop are one layer")
    if claim.depths not in ((1, 2), (depth,)):
        raise GradcertError("a network, and depths", do="leave depths out: they follow from the connections")
    object.__setattr__(claim, "depths", (depth,))
    name_populations(claim, graph)
    network = Network(graph=graph, loss=Loss())
    x, y = np.ones((2, 1, network.inputs)), np.zeros((2, 1, network.layers[-1].units))
    rule = claim.claimed
    try:
        if isinstance(named, Algorithm):
            tried(claim, named, graph=graph)
        if isinstance(rule, Algorithm):
            return
        with np.errstate(all="ignore"):
            reverse.gradients(network, network.parameters(), x, y, rule=rule, feedback=draw_feedback(network, rule))
    except GradcertError:
        raise
    except (IndexError, TypeError, ValueError) as error:  # a synapse whose places are no whole numbers
        raise GradcertError(f"the network does not fit ({error})", allowed=EXAMPLE) from None


def options_of(claim: Any, population: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a population: those of the claim that its cell has, and its own, which win."""
    own = option_names(cell_named(population["cell"]))
    return {k: v for k, v in {**claim.options, **population["options"]}.items() if k in own}


def usual_sizes(network: Mapping[str, Any], widths: Sequence[int] = ()) -> dict[str, int]:
    """Return the size of every input and population: as fixed, else as usual, or in the order of `widths`.

    Examples
    --------
    >>> named = {"inputs": [{"name": "x"}], "populations": [{"name": "low"}, {"name": "out", "units": 5}]}
    >>> usual_sizes(named), usual_sizes(named, (1, 7))
    ({'x': 3, 'low': 4, 'out': 5}, {'x': 1, 'low': 7, 'out': 5})
    """
    inputs, populations = network["inputs"], network["populations"]
    own = widths[1:] or SIZES[1]
    out = {}
    for k, given in enumerate(inputs):
        out[given["name"]] = given.get("size") or (widths[0] + k if widths else SIZES[0][k % len(SIZES[0])])
    for k, given in enumerate(populations):
        last = not widths and 0 < k == len(populations) - 1
        out[given["name"]] = given.get("units") or (OUTPUTS if last else own[k % len(own)])
    return out


def fixed_sizes(network: Mapping[str, Any]) -> bool:
    """Return whether a claim fixes the size of everything."""
    return all("size" in i for i in network["inputs"]) and all("units" in p for p in network["populations"])


def graph_of(network: Mapping[str, Any], cells: Mapping[str, Any], sizes: Mapping[str, int]) -> Graph:
    """Return the graph of a claim.

    Parameters
    ----------
    cells : population -> its cell, constants and all.
    sizes : of every input and population.
    """
    spec = {
        "inputs": [{"name": i["name"], "size": sizes[i["name"]]} for i in network["inputs"]],
        "populations": [_sized(p, sizes) for p in network["populations"]],
        "connections": [_sized_connection(c, sizes) for c in network["connections"]],
        "output": network["output"],
    }
    try:
        return graph_from(spec, cells=cells)
    except GradcertError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise GradcertError(f"the network does not fit ({error})", allowed=EXAMPLE) from None


def _sized(p: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    units = sizes[p["name"]]
    synapses = {name: _synapse(s, units, units) for name, s in p["synapses"].items()}
    return {**p, "units": units, "synapses": synapses}


def _sized_connection(c: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return a connection whose dense and sparse synapses have sizes, where one alone is between two populations."""
    source, chain = str(c["source"]).partition(".")[0], c["synapses"]
    if len(chain) != 1 or source not in sizes or c["target"] not in sizes:
        return {**c, "synapses": [_synapse(s, None, None) for s in chain]}
    return {**c, "synapses": [_synapse(chain[0], sizes[source], sizes[c["target"]])]}


def _synapse(s: Mapping[str, Any], inputs: int | None, units: int | None) -> dict[str, Any]:
    """Return a synapse with its sizes; connections that exist may be named by a mask (units, inputs)."""
    out = dict(s)
    if out.get("kind") in ("dense", "sparse") and inputs and units:
        out = {"inputs": inputs, "units": units, **out}
    if out.get("kind") == "mean" and units:
        out = {"units": units, **out}
    if "mask" not in out:
        return out
    if out.get("kind") != "sparse":
        raise GradcertError(f"a mask of a synapse of kind {out.get('kind')!r}", allowed="kind = 'sparse'")
    given = out.pop("mask")
    if isinstance(given, (list, tuple)) and len({len(r) for r in given if isinstance(r, (list, tuple))}) > 1:
        allowed = f"{out.get('units')} rows of {out.get('inputs')}"
        raise GradcertError("a mask whose rows have different lengths", allowed=allowed)
    mask = _array(given)
    want = (out.get("units"), out.get("inputs"))
    if mask.shape != want or not np.isin(mask, (0, 1)).all():
        raise GradcertError(
            f"a mask of shape {mask.shape} of a connection from {want[1]} to {want[0]} units",
            allowed=f"0 and 1 in {want[0]} rows of {want[1]}",
        )
    return {**out, "present": np.argwhere(mask).tolist()}


def _array(value: Any) -> Any:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):  # rows of different lengths, or no numbers
        return np.empty(0)


def _inputs(given: Any) -> list[dict[str, Any]]:
    pairs = given.items() if isinstance(given, Mapping) else given
    if not isinstance(given, (Mapping, list, tuple)) or not given:
        raise GradcertError(f"inputs={given!r} of a network", allowed='{x = 3}, or names alone: ["x", "context"]')
    out = []
    for one in pairs or ():
        named = {"name": one} if isinstance(one, str) else one
        named = {"name": one[0], "size": one[1]} if isinstance(one, tuple) else named
        if not isinstance(named, Mapping) or "name" not in named:
            raise GradcertError(f"the input {one!r} of a network", allowed="a name, or a name and a size")
        _known(f"the input {named['name']!r}", named, ("name", "size"))
        _within(f"the size of the input {named['name']!r}", named.get("size"), LARGEST, least=1)
        out.append({k: v for k, v in named.items() if v is not None})
    return out


def _population(given: Any, *, fixed: bool = False) -> dict[str, Any]:
    """Return a population in one form; `fixed` where it comes from a `Graph`, in which a list is no alternatives."""
    if not isinstance(given, Mapping) or not all(isinstance(given.get(k), str) for k in ("name", "cell")):
        raise GradcertError(f"the population {given!r}", allowed='{name = "low", cell = "lif", options = {...}}')
    _known(f"the population {given['name']!r}", given, POPULATION)
    _within(f"the units of {given['name']!r}", given.get("units"), LARGEST, least=1)
    synapses = given.get("synapses", {})
    if not isinstance(given.get("options", {}), Mapping) or not isinstance(synapses, Mapping):
        raise GradcertError(f"options and synapses of {given['name']!r}", allowed="tables: names and values")
    shared = given.get("shared", ())
    out = {"name": given["name"], "cell": given["cell"], "options": dict(in_full(given.get("options", {})))}
    out |= {"units": given["units"]} if given.get("units") is not None else {}
    out |= {"synapses": {k: _kind(f"the synapse {k!r} of {given['name']!r}", v) for k, v in synapses.items()}}
    for name, value in (given.get("options", {}) if fixed else {}).items():
        if isinstance(value, (list, tuple)) and name != "train":
            raise GradcertError(f"{name} of {given['name']!r} unit by unit", allowed="one number for all units")
    shared = [shared] if isinstance(shared, str) else shared
    if not isinstance(shared, (list, tuple)) or not all(isinstance(name, str) for name in shared):
        raise GradcertError(
            f"shared={shared!r} of {given['name']!r}", allowed='names of trained parameters: ["leak"], ["b[4]"]'
        )
    runs_of(shared)
    check_flag(f"backwards of {given['name']!r}", given.get("backwards", False))
    return out | {"shared": list(shared)} | ({"backwards": True} if given.get("backwards") else {})


def _connection(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(given.get(k), str) for k in ("source", "target")):
        raise GradcertError(f"the connection {given!r}", allowed='{source = "low", target = "out", lag = 1}')
    what = f"the connection {given['source']} -> {given['target']}"
    _known(what, given, (*CONNECTION, "synapse"))
    _within(f"the lag of {what}", given.get("lag"), LATEST)
    chain = given.get("synapses", given.get("synapse", ()))
    chain = chain if isinstance(chain, (list, tuple)) else [chain]
    plain = {k: given[k] for k in CONNECTION if k in given and k != "synapses"}
    return {**plain, "synapses": [_kind(what, s) for s in chain]}


def _kind(what: str, synapse: Any) -> dict[str, Any]:
    """Return a synapse in a claim whose sizes are small enough to be tried."""
    if not isinstance(synapse, Mapping) or not isinstance(synapse.get("kind"), str):
        raise GradcertError(f"{what} with the synapse {synapse!r}", allowed='{kind = "conv2d", ...}, or a list of them')
    for name, value in synapse.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            _within(f"{name} of the synapse of {what}", value, LARGEST)
    return dict(synapse)


def _within(what: str, value: Any, most: int, *, least: int = 0) -> None:
    """Raise for a number that is there and no whole one between limits."""
    if value is not None and (type(value) is not int or not least <= value <= most):
        raise GradcertError(f"{what}: {value!r}", allowed=f"a whole number from {least} to {most}")


def _several(what: str, given: Any) -> list[Any]:
    if not isinstance(given, (list, tuple)) or not given:
        raise GradcertError(f"{what} of a network: {given!r}", allowed=f"one or more of [[network.{what}]]")
    if len(given) > MANY:
        raise GradcertError(f"{len(given)} {what} of a network", allowed=f"up to {MANY}")
    return list(given)


def _known(what: str, given: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    if wrong := sorted(set(given) - set(allowed)):
        raise GradcertError(f"{what} with {', '.join(map(repr, wrong))}", allowed=", ".join(allowed))


def said_network(network: Mapping[str, Any], short: Any) -> str:
    """Return a network in words: populations, then what reads what.

    Examples
    --------
    >>> connections = [{"source": "x", "target": "a"}, {"source": "x", "target": "a", "lag": 2, "name": "late"}]
    >>> populations = [{"name": "a", "cell": "rnn"}]
    >>> inputs = [{"name": "x", "size": 3}]
    >>> said_network({"inputs": inputs, "populations": populations, "connections": connections}, str)
    'a graph of a: rnn; x (3) -> a, x -> a lag 2 named late'
    """
    populations = []
    for p in network["populations"]:
        own = [f"{p['units']} units"] if p.get("units") else []
        own += [f"{k} {short(k, v)}" for k, v in sorted(p.get("options", {}).items())]
        own += [f"{name} {_said_synapse(s)}" for name, s in p.get("synapses", {}).items()]
        own += [
            f"one {k} for all units" if n == 1 else f"{n} of {k}, one for each of {n} runs of units"
            for k, n in runs_of(p.get("shared", ())).items()
        ]
        own += ["backwards in time"] if p.get("backwards") else []
        populations.append(f"{p['name']}: {p['cell']}" + (f" ({', '.join(own)})" if own else ""))
    sizes = {i["name"]: f" ({i['size']})" for i in network["inputs"] if i.get("size")}
    connections = []
    for c in network["connections"]:
        target = c["target"] + (f".{c['node']}" if c.get("node") else "")
        more = f" lag {c['lag']}" if c.get("lag") else ""
        more += "".join(f" through {_said_synapse(s)}" for s in c.get("synapses", ()))
        more += f" named {c['name']}" if c.get("name") else ""
        more += f" as {c['edge']}" if c.get("edge") else ""
        connections.append(f"{c['source']}{sizes.pop(c['source'], '')} -> {target}{more}")
    last = [p["name"] for p in network["populations"]][-1:]
    out = "" if network.get("output") in (None, *last) else f"; output {network['output']}"
    return f"a graph of {', '.join(populations)}; {', '.join(connections)}{out}"


def _said_synapse(s: Mapping[str, Any]) -> str:
    more = ", ".join(f"{k} {v}" for k, v in s.items() if k != "kind")
    return f"{s['kind']} ({more})" if more else str(s["kind"])
