"""Forward propagation through time, both forms (mathematics.md 8); returns the weights after one sequence.

Gradients of a part come from the reference: what is tested is the bookkeeping around them.
"""

from __future__ import annotations

import itertools
from typing import Any

from gradcert.reference import RULES, record
from gradcert.reference.engines import tape_gradients
from gradcert.reference.procedures import last_state

ALPHA, RATE, BETA = 0.5, 0.25, 0.5


def weights(problem: Any, *, form: str = "paper", parts: int = 2, fault: str = "") -> dict[str, Any]:
    """Return w after `parts` parts of the sequence and the end of the epoch."""
    network, al, rate, be = problem.network, ALPHA, RATE, BETA
    w = {k: v.copy() for k, v in problem.parameters.items()}
    bar = w if fault == "T106" else {k: v.copy() for k, v in w.items()}
    pull = {k: 0 * v for k, v in w.items()}
    steps = len(problem.inputs)
    ends = [-(-steps * q // parts) for q in range(parts + 1)]
    initial: dict[str, Any] = {}

    def gradient(at: dict[str, Any], a: int, b: int, state: dict[str, Any]) -> dict[str, Any]:
        tape = record(network, at, problem.inputs[a:b], initial=state)
        return tape_gradients(tape, problem.targets[a:b], rule=RULES["bptt"], feedback={})

    for q, (a, b) in enumerate(itertools.pairwise(ends)):
        if fault == "T111" and q == parts - 1:
            break
        start = {} if fault == "T110" else initial
        g = gradient(w, a, b, start)
        size = {k: v.size if fault == "T108" else 1 for k, v in w.items()}
        share = 1.0 if form == "code" or fault == "T103" else 0.5
        share = -share if fault == "T104 sign" else share
        new = {k: w[k] - rate * (g[k] + (al * (w[k] - bar[k]) - share * pull[k]) / size[k]) for k in w}
        after = last_state(record(network, w, problem.inputs[a:b], initial=start))
        if form == "paper":
            at, state = (w, start) if fault == "T109 weights" else (new, after if fault == "T109 state" else start)
            old_pull, pull = pull, gradient(at, a, b, state)
            used = old_pull if fault == "T105 old" else pull
            bar = {k: (bar[k] + new[k]) / 2 - used[k] / (2 * al) for k in w}
        else:
            sign = -1 if fault == "T104 update" else 1
            old_bar, old_pull = bar, pull
            moved = {k: (1 - be) * bar[k] + be * new[k] - be / al * pull[k] for k in w}
            seen = moved if fault == "T105 first" else old_bar
            pull = {k: pull[k] - sign * al * (new[k] - seen[k]) for k in w}
            if fault == "T113":
                pull = gradient(new, a, b, start)
            used = old_pull if fault == "T105 old" else pull
            bar = {k: (1 - be) * old_bar[k] + be * new[k] - be / al * used[k] for k in w}
        if fault == "T106":
            for k in w:
                w[k][...] = new[k]
            bar, new = w, w
        w, initial = new, after
    return w if fault == "T107" else bar
