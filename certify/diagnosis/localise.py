"""Where it starts: the first step, layer, parameter and index at which a gradient leaves its budget.

The gradient of the first t steps is the sum over their losses, so the first prefix that is wrong ends with the first
loss whose credit is wrong. Credit comes down from the loss, so among the layers that are wrong there the topmost is
where the mistake enters; those below may only have inherited it. In that layer the worst entry stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcert.certify.judging import judge_all, worst_of
from gradcert.certify.problems import Case
from gradcert.certify.runs import Prefix
from gradcert.reference.networks import PREFIX, Network


def locate(case: Case, prefixes: Sequence[Prefix | None]) -> dict[str, Any]:
    """Return where a case goes wrong first; empty where no prefix shows it.

    Parameters
    ----------
    case : a case whose gradient was refuted.
    prefixes : its first 1, 2, ... steps, as from `gradcert.certify.runs.steps`; None where one was not judged.

    Returns
    -------
    A record: ``case``, ``step`` (counted from 1) ``of`` so many, ``unseen`` (earlier prefixes that were not judged),
    ``layer``, ``layers`` (all that are wrong there), and ``array``, ``index``, ``given``, ``reference``, ``budget``.
    """
    unseen = 0
    for step, prefix in enumerate(prefixes, start=1):
        if prefix is None or not prefix.given:
            unseen += 1
            continue
        verdicts = judge_all(prefix.given, prefix.expected)
        wrong = {name: verdict for name, verdict in verdicts.items() if not verdict.ok}
        if wrong:
            of = {name: layer_of(name, case.problem.network) for name in wrong}
            layers = sorted(set(of.values()))
            top = {name: verdict for name, verdict in wrong.items() if of[name] == layers[-1]}
            name, worst = worst_of(top)
            found = worst.where(name)
            found.pop("error in budgets")
            place = {"case": case.id, "step": step, "of": len(prefixes), "unseen": unseen}
            return {**place, "layer": layers[-1], "layers": layers, **found}
    return {}


def layer_of(name: str, network: Network) -> int:
    """Return the number of the layer of a parameter, or of an initial value.

    Examples
    --------
    >>> from gradcert.reference.networks import Layer, Rnn
    >>> layer_of("layers.0.W", Network(layers=(Layer(Rnn(), inputs=1, units=1),)))
    0
    """
    own = name.removeprefix(PREFIX)
    if network.graph is None:
        return int(own.split(".")[1])
    return next(i for i, part in enumerate(network.graph.components()) if own.partition(".")[0] in part)


def sentence(first: dict[str, Any]) -> str:
    """Return a place as words.

    Examples
    --------
    >>> sentence({"case": "snu/1", "step": 2, "of": 6, "unseen": 0, "layer": 0, "layers": [0], "array": "layers.0.b",
    ...     "index": [1], "given": 1.0, "reference": 2.0, "budget": 0.0})
    'the loss of step 2 of 6, layer 0: layers.0.b[1] returned 1.0, reference 2.0, budget 0'
    """
    at = ", ".join(map(str, first["index"]))
    others = [str(k) for k in first["layers"] if k != first["layer"]]
    below = f" (and below: {', '.join(others)})" if others else ""
    unseen = f" ({first['unseen']} earlier steps were not judged)" if first["unseen"] else ""
    values = f"returned {first['given']!r}, reference {first['reference']!r}, budget {first['budget']:.2g}"
    where = f"the loss of step {first['step']} of {first['of']}{unseen}, layer {first['layer']}{below}"
    return f"{where}: {first['array']}[{at}] {values}"
