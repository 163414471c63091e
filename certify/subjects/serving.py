"""A subject that is called with whole problems, in its own process, and the loop that answers requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, Any

import numpy as np

from gradcert.certify.subjects.coverage import Coverage
from gradcert.certify.subjects.modules import adapted
from gradcert.certify.subjects.stepped import Stepped
from gradcert.certify.subjects.wire import describe, encoded
from gradcert.reference.networks import problem_from_record

SOURCES = '{"sources":true}'


class Served:
    """A subject and what it returned so far."""

    def __init__(self, subject: Callable[[Any], Any]) -> None:
        self.subject = subject
        self.coverage = Coverage(subject)
        self.returned: list[tuple[str, str, Any, bytes]] = []  # problem, key, the array as returned, its bytes then

    def answer(self, line: str) -> dict[str, Any]:
        """Call the subject on one problem and return everything there is to say about it."""
        spec = json.loads(line)  # the judge's own words; cells in files are run here, in the subject's process
        if "coverage" in spec:
            return self.coverage.asked(spec["coverage"])
        if seeds := spec.get("draws"):
            return {"draws": [self.solve(replace(problem_from_record(spec, run=True), seed=seed)) for seed in seeds]}
        problem = laid_out(problem_from_record(spec, run=True), spec.get("memory"))
        for _ in range(spec.get("times", 1) - 1):
            self.solve(problem.copy())
        if spec.get("times", 1) > 1:
            return self.solve(problem)
        with self.coverage.watching():
            return self.solve(problem)

    def solve(self, problem: Any) -> dict[str, Any]:
        """Call the subject on a problem."""
        arrays: dict[str, Any] = problem.arrays
        before: dict[str, bytes] = {name: array.tobytes() for name, array in arrays.items()}
        try:
            result = self.subject(problem)
        except BaseException as error:
            return {"raised": describe(error)}
        now = problem.arrays
        changed = [k for k, v in arrays.items() if k not in now or now[k] is not v or v.tobytes() != before[k]]
        out: dict[str, Any] = {"changed": changed}
        loss, gradients, outputs = None, result, None
        if isinstance(result, tuple) and len(result) in (2, 3):
            loss, gradients, outputs = (*result, None)[:3]
        if not isinstance(gradients, Mapping):
            what = f"a {type(gradients).__name__} was returned in place of a mapping of gradients"
            return {**out, "wrong": f"{what}; allowed: a mapping, (loss, mapping) or (loss, mapping, outputs)"}
        out["rewritten"] = self._rewritten()
        out["gradients"] = {str(k): self._encode(problem.id, str(k), v) for k, v in gradients.items()}
        if loss is not None:
            out["loss"] = self._encode(problem.id, "loss", loss)
        if outputs is not None:
            out["outputs"] = self._encode(problem.id, "outputs", outputs)
        return out

    def _rewritten(self) -> list[str]:
        """Return which arrays of earlier answers have changed since."""
        found = [f"{key} of {problem}" for problem, key, array, was in self.returned if array.tobytes() != was]
        self.returned = self.returned[-64:]
        return found

    def _encode(self, problem: str, key: str, value: Any) -> dict[str, Any]:
        out = encoded(value)
        if isinstance(value, np.ndarray) and "wrong" not in out:
            self.returned.append((problem, key, value, value.tobytes()))
        return out


def laid_out(problem: Any, memory: str | None) -> Any:
    """Return the problem with its arrays in another order of memory: the same numbers, as others hand them over.

    Examples
    --------
    >>> from gradcert.reference import Layer, Network, Rnn, Problem
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.zeros((4, 2, 2)), np.zeros((4, 2, 3)))
    >>> laid_out(problem, "Fortran order").inputs.flags.c_contiguous
    False
    """
    if memory is None:
        return problem

    def moved(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if memory == "Fortran order":
            return np.asfortranarray(array)
        if memory == "strided" and array.ndim:
            wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), dtype=array.dtype)
            wide[..., ::2] = array
            return wide[..., ::2]
        array.flags.writeable = memory != "read-only"
        return array

    out = problem.mapped(moved, problem.numbers)
    return out if problem.begins is None else replace(out, begins=moved(problem.begins))


inside = False  # whether this process is a subject's


def serve(get: Callable[[], Any], requests: IO[str], replies: IO[str], report: Callable[[], Mapping[str, Any]]) -> None:
    """Load a subject, say hello with its claim, and answer problems until the requests end.

    Parameters
    ----------
    get : loads it.
    requests, replies : lines of JSON.
    report : says what the subject is made of (`gradcert.certify.subjects.sources`), when it is asked ``SOURCES``.
    """
    global inside
    inside = True

    def reply(message: Mapping[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        subject = adapted(get())
        claim: Any = getattr(subject, "__gradcert_claim__", None)  # of a module, which is read then
    except BaseException as error:
        reply({"failed": describe(error)})
        return
    stepwise = all(callable(getattr(subject, name, None)) for name in ("start", "step", "gradients"))
    if not callable(subject) and not stepwise:
        reply({"failed": {"kind": "TypeError", "message": f"a {type(subject).__name__} is not callable"}})
        return
    ready = {"ready": True, "claim": claim.to_dict() if hasattr(claim, "to_dict") else None, "stepwise": stepwise}
    ready["notes"] = list(getattr(subject, "__gradcert_notes__", ()))
    if cells := getattr(subject, "__gradcert_cells__", None):
        ready["cells"] = cells
    if stepwise:
        served: Any = Stepped(subject)
    else:
        served = Served(subject)
    reply(ready)
    for line in requests:
        reply(report() if line.strip() == SOURCES else served.answer(line))
