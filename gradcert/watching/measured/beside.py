"""Credit that arrives beside a network's output: at any node of any layer, as a term of the loss about hidden states.

Credit is linear. That of a layer is pulled back from its own output, which becomes a node apart: `OWN` is what it was,
and what leaves the layer depends on `OWN` and on the nodes where credit arrives, by the credit itself as a factor. A
one that arrives at each output is the credit at each node, and layers above get nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run, row_of
from gradcert.reference.engines import Tape, tape_gradients
from gradcert.reference.networks import Link
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, check_feedback

OWN = "z="  # the output of a layer, where what leaves the layer is another node
Beside = Mapping[tuple[int, str], Array]  # layer and node -> credit, (time, batch, units)


class Leaving:
    """A cell with other nodes, links and uses, whose steps nobody runs; whatever else is asked is the inner cell's."""

    def __init__(self, cell: Any, nodes: Any, links: Any, uses: Any) -> None:
        self._cell, self.nodes, self.links, self.uses = cell, nodes, links, uses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)


def pulled_back(tape: Tape, row: Rule, feedback: Mapping[str, Array], delta: Array, beside: Beside) -> dict[str, Array]:
    """Return the gradient of a row for a recorded pass, with credit at the output and beside it."""
    none = np.zeros_like(delta)
    total = tape_gradients(tape, none, rule=row, feedback=feedback, delta=delta)
    last = len(tape.layers) - 1
    for number in sorted({layer for layer, _ in beside}):
        at = {node: credit for (layer, node), credit in beside.items() if layer == number}
        own = leaving(tape.layers[number], at)
        made = replace(tape, layers=(*tape.layers[:number], own, *tape.layers[number + 1 :]))
        ones = np.ones_like(own.now["z"])
        given = {last: ones} if number == last else {last: none, number: ones}
        found = tape_gradients(made, none, rule=row, feedback=feedback, delta=given)
        total = {name: value + found[name] for name, value in total.items()}
    return total


def of_rule(done: Run, rule: Rule | str, delta: Array, feedback: Mapping[str, Array] | None, beside: Beside) -> Any:
    """Return the gradient of a rule for a run, with credit at the output and beside it."""
    tape, row = done.as_cut if rule == AS_CODED else done.full, row_of(rule)
    return pulled_back(tape, row, check_feedback(done.written.full, row, feedback), delta, beside)


def leaving(tape: Any, credit: Mapping[str, Array]) -> Any:
    """Return the tape of a layer whose output is its nodes times what arrives at them."""
    cell = tape.layer.cell
    renamed = {k: _renamed(k) for k in (*cell.links, *cell.uses)}
    out = {Link("z", OWN if node == "z" else node): value for node, value in credit.items()}
    nodes = (*(OWN if node == "z" else node for node in cell.nodes), "z")
    links = (*(renamed[k] for k in cell.links), *out)
    factors = {renamed.get(k, k): tape.factors[k] for k in tape.factors} | out
    layer = replace(tape.layer, cell=Leaving(cell, nodes, links, tuple(renamed[u] for u in cell.uses)))
    prev, now = ({**values, OWN: values["z"]} for values in (tape.prev, tape.now))
    return replace(tape, layer=layer, prev=prev, now=now, factors=factors)


def states_of(tape: Any) -> list[str]:
    """Return the nodes that a layer's next step reads."""
    return sorted({k.source for k in tape.layer.cell.links if k.lag and k.source != "x"})


def handed_on(tape: Any, share: Array, only: str = "") -> Any:
    """Return the tape of a layer in which credit is multiplied on its way back over a step: by ``share[t]`` into t.

    What a step hands on is a node apart, which depends on the state by that number. `only` : one node; else all.
    """
    cell = tape.layer.cell
    handed = [node for node in states_of(tape) if only in ("", node)]
    late = {k: replace(k, source=f"{k.source}>") for k in cell.links if k.lag and k.source in handed}
    sources = sorted({k.source for k in late})
    rows = np.concatenate([share[1:], np.ones_like(share[:1])])
    out = {Link(f"{node}>", node): rows * np.ones_like(tape.now[node]) for node in sources}
    links = (*(late.get(k, k) for k in cell.links), *out)
    factors = {late.get(k, k): tape.factors[k] for k in tape.factors} | out
    nodes = (*cell.nodes, *(f"{node}>" for node in sources))
    layer = replace(tape.layer, cell=Leaving(cell, nodes, links, cell.uses))
    prev, now = ({**values, **{f"{n}>": values[n] for n in sources}} for values in (tape.prev, tape.now))
    return replace(tape, layer=layer, prev=prev, now=now, factors=factors)


def _renamed(key: Any) -> Any:
    names = {name: OWN for name in ("source", "target") if getattr(key, name, "") == "z"}
    return replace(key, **names) if names else key


def parted(beside: Beside, samples: Any) -> dict[tuple[int, str], Array]:
    """Return the credit of some samples."""
    return {where: credit[:, samples] for where, credit in beside.items()}


def both(one: Beside, other: Beside) -> dict[tuple[int, str], Array]:
    """Return the sum of two credits."""
    out = dict(one)
    for where, credit in other.items():
        out[where] = out[where] + credit if where in out else credit
    return out
