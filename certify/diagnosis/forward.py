"""What is wrong in the forward pass, where outputs or a loss are returned: it is named before anything about gradients.

The hypotheses are those about gradients that change the forward pass (conventions, values of a step, parameters); their
outputs and losses are compared, on every case that was judged: proven, or near where no enclosure follows in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcert.certify.diagnosis import causes
from gradcert.certify.diagnosis.direct import conventions, transformations
from gradcert.certify.diagnosis.evidence import LIKELY, Evidence
from gradcert.certify.diagnosis.hypotheses import Hypothesis, candidate, distinct
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.certify.judging import judge
from gradcert.certify.problems import Bounds, bounds_of
from gradcert.properties.numbers import Undecided, working_precision
from gradcert.reference.engines import objective
from gradcert.reference.networks import Network
from gradcert.reference.numbers import FORMATS
from gradcert.reference.rules import Rule


def explain(judged: Sequence[Evidence], claimed: Rule, check: str, beyond: Sequence[Evidence] = ()) -> str:
    """Return what is wrong with the outputs or the loss, and what of the gradients, in one sentence; "" if unknown.

    Parameters
    ----------
    check : ``outputs`` or ``loss``: what failed.
    beyond : long cases, as for `causes.find`.
    """
    seen = [e for e in judged if getattr(e, check) is not None]
    if not seen:
        return ""
    far = [e for e in beyond if getattr(e, check) is not None and e.steady]
    if check == "outputs" and all(_delayed(e) for e in (*seen, *far)):
        return "the outputs come one step late"
    for label, network in _conventions([*seen, *far]):
        if all(_of_network(e, network(e), check) for e in seen) and all(
            _likely(e, e.bench.again(network=network(e)), check) for e in far
        ):
            return f"the {check} {_are(check)} of {label}{_gradients(judged, claimed, network, beyond)}"
    if check == "loss":
        for label, factor in transformations.FACTORS.items():
            if all(_scaled(e, factor(e)) for e in (*seen, *far)):
                also = transformations.read(label, seen)
                said = transformations.told(label, [*seen, *far])
                return f"the loss is the claimed one {said}{also}{_rest(judged, claimed, beyond)}"
    for hypothesis in distinct(seen):
        if hypothesis.forward is not None and all(_near(e, hypothesis, check) for e in (*seen, *far)):
            if all(_proven(e, hypothesis, check) for e in seen):
                found = candidate(hypothesis, claimed)
                same = all(found.proven(e, frozenset(e.given)) for e in judged) and all(
                    found.near(e) >= set(e.given) for e in beyond if e.steady
                )
                also = ", and so are the gradients" if same else _rest(judged, claimed, beyond)
                return f"the {check} {_are(check)} of {claimed.name} with {hypothesis.label}{also}"
    return ""


def _are(check: str) -> str:
    return "are those" if check == "outputs" else "is that"


Labelled = tuple[str, Callable[[Evidence], Network]]


def _conventions(seen: Sequence[Evidence]) -> Iterator[Labelled]:
    labels = dict.fromkeys(label for e in seen for label, _ in conventions.forward_alternatives(e.network))
    for label in labels:

        def network(e: Evidence, label: str = label) -> Network:
            found = conventions.forward_alternatives(e.network)
            return next((net for name, net in found if name == label), e.network)  # the option may not exist here

        yield label, network


def _of_network(e: Evidence, network: Network, check: str) -> bool:
    given = np.asarray(getattr(e, check), dtype=float)
    if network == e.network:
        return judge(given, getattr(e.case.expected, check)).ok
    if not _likely(e, e.bench.again(network=network), check):
        return False
    found = e.expected(e.case.rule, network=network)
    return found is not None and judge(given, getattr(found, check)).ok


def _gradients(
    judged: Sequence[Evidence], claimed: Rule, network: Callable[[Evidence], Network], beyond: Sequence[Evidence]
) -> str:
    """Return whether the gradients are those of the same network."""
    for e in judged:
        run = e.expected(claimed, network=network(e))
        if run is None or not all(e.equals(name, run.gradients[name]) for name in e.given):
            return _rest(judged, claimed, beyond)
    for e in beyond:
        found = e.bench.again(network=network(e)).gradients(claimed) if e.steady else {}
        if not all(e.likely(name, g) for name, g in found.items() if name in e.given):
            return _rest(judged, claimed, beyond)
    return ", and so are the gradients"


def _rest(judged: Sequence[Evidence], claimed: Rule, beyond: Sequence[Evidence]) -> str:
    """Return what is wrong with the gradients, apart from the outputs or the loss."""
    if all(len(e.right) == len(e.given) for e in (*judged, *beyond)):
        return "; the gradients are as claimed"
    found = causes.find(judged, claimed, beyond=beyond)
    said = str(found)
    if not found.keys:
        return ""
    return f"; the gradient {said[3:]}" if said.startswith("it ") else f"; of the gradients, {said}"


def _loss(run: Bench) -> Any:
    return objective(run.tape, run.targets)


def _likely(e: Evidence, run: Bench, check: str) -> bool:
    return _close(getattr(e, check), run.tape.outputs if check == "outputs" else _loss(run))


def _close(given: Any, value: Any) -> bool:
    a, b = np.asarray(given, dtype=float), np.asarray(value, dtype=float)
    return bool(np.linalg.norm(a - b) <= LIKELY * np.linalg.norm(b))


def _near(e: Evidence, hypothesis: Hypothesis, check: str) -> bool:
    assert hypothesis.forward is not None
    try:
        with np.errstate(all="ignore"):
            run = hypothesis.forward(e.bench)
    except ZeroDivisionError:  # an edited formula may divide a number by zero
        return False
    except ValueError:  # values of one population in the place of another's
        if e.network.graph is None:
            raise
        return False
    return run is not None and _likely(e, run, check)


def _proven(e: Evidence, hypothesis: Hypothesis, check: str) -> bool:
    assert hypothesis.forward is not None
    with working_precision():
        try:
            run = hypothesis.forward(e.balls) if e.balls is not None else None
            if run is None:
                return False
            bounds = bounds_of(np.asarray(run.tape.outputs if check == "outputs" else _loss(run), dtype=object))
        except Undecided:
            return False
        return judge(np.asarray(getattr(e, check), dtype=float), bounds).ok


def _scaled(e: Evidence, factor: float) -> bool:
    unit = FORMATS[e.case.problem.dtype].unit
    return judge(np.asarray(e.loss, dtype=float), transformations.scaled(e.case.expected.loss, factor, unit=unit)).ok


def _delayed(e: Evidence) -> bool:
    bounds = e.case.expected.outputs
    given = np.asarray(e.outputs, dtype=float)
    if len(given) < 2:
        return False
    return judge(given[1:], Bounds(bounds.value[:-1], bounds.budget[:-1])).ok
