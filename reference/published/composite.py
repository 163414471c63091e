"""Rows put together: another row in every layer, and parameters without a trace.

``sltt then ottt``: the first layer follows the first row, all above the last one. A row says for its layer which edges
a parameter's trace keeps (own), and which edges credit keeps on its way down through that layer (above). ``ottt +
untraced bias``: biases have the gradient of a row that keeps no edge of their own layer; ``untraced input`` is the same
for what multiplies the network's input.

The engines know one row for all layers; what is here is the reverse engine with a row for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradcert.reference.engines import arriving, by_layer, credit_below, layer_gradients, record, spread, sweep
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.published.algorithm import Settings
from gradcert.reference.rules import Rule, rule_named

UNTRACED = ("bias", "input")


def rows_of(settings: Settings) -> list[Rule]:
    """Return the rows, the first layer's first.

    Raises
    ------
    GradcertError : for rows that are no sets of edges alone.
    """
    rows = [rule_named(name) for name in settings["rows"]]
    for row in rows:
        if row.feedback != "symmetric" or row.window is not None or row.reach is not None:
            raise GradcertError(f"{row.name} as the row of a layer", allowed="symmetric feedback, no window, no reach")
    wrong = [name for name in settings["untraced"] if name not in UNTRACED]
    if wrong or not rows:
        raise GradcertError(f"untraced {', '.join(wrong)}", allowed=", ".join(UNTRACED))
    return rows


def compute(problem: Problem, settings: Settings) -> dict[str, Array]:
    """Return the gradient that rows compute together, with the names and order of the parameters."""
    rows, untraced = rows_of(settings), settings["untraced"]
    return combined(problem, rows, untraced)


def is_bias(name: str) -> bool:
    """Return whether a trained parameter of a cell is a bias; its name in a graph begins with the population's."""
    return name.rpartition(".")[2].startswith("b")


def combined(problem: Problem, rows: Sequence[Rule], untraced: Sequence[str] = ()) -> dict[str, Array]:
    """Return the same for rows that are at hand."""
    network = problem.network
    tape = record(network, problem.parameters, problem.inputs, numbers=problem.numbers)
    credit = by_layer(arriving(tape, problem.targets), network.depth)
    arrived: dict[int, Array] = {network.depth - 1: credit[network.depth - 1]}
    out: dict[str, Array] = {}
    for i in reversed(range(network.depth)):
        layer, row = tape.layers[i], rows[min(i, len(rows) - 1)]
        down = layer.layer.turned(arrived.pop(i))
        own = sweep(layer, down, row.own, chunk=row.chunk)
        grads = layer_gradients(layer, own)
        if untraced:
            plain = layer_gradients(layer, sweep(layer, down, frozenset()))
            links = layer.layer.cell.links
            inputs = {k.weight for k in links if k.source == "x" and k.weight in plain}
            names = {k for k in inputs if "input" in untraced and not network.below(i, k)}
            names |= {
                name for name in grads if "bias" in untraced and name in layer.layer.cell.trained and is_bias(name)
            }
            grads |= {name: plain[name] for name in names}
        out |= {layer.layer.full_name(i, name): g for name, g in grads.items()}
        if max(network.sources(i)) >= 0:
            above = sweep(layer, down, row.kept_above(layer.layer.cell.name), chunk=row.chunk)
            spread(layer.layer.turned(credit_below(layer, above, layer.p)), network, i, arrived)
    return {name: out[name] for name in network.shapes()}
