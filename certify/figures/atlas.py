"""An atlas of a learning rule: where its gradients lie among known ones, over depth, length, leak and recurrence.

For somebody who invents a rule: nothing is claimed and nothing is refuted. One quantity at a time is moved away from a
base point; at every point the subject's gradients are compared with BPTT and with every row of the rule table (cosine,
relative error, ratio of norms), and with the rule that it claims, where that is no row. Where it equals one of them,
what it misses of BPTT is split by the kind of edge that this one drops (`gradcert.reference.engines.residual`); where
it equals none, nobody knows what it drops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.certify.certificates import VERSION
from gradcert.certify.figures.alignment import against_rules, floats, row_gradients
from gradcert.certify.problems import NOISE
from gradcert.certify.subjects import Answer, Limits, Subject, Worker
from gradcert.reference.engines import tape_residual
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Layer, Loss, Network, Problem, cell_named, cell_with, file_of, option_names
from gradcert.reference.numbers import Array, surrogate_from
from gradcert.reference.published import read_rule
from gradcert.reference.rules import RULES, Rule

Progress = Callable[[int, int, str], None]
INPUTS, UNITS, OUTPUTS, BATCH = 4, 6, 3, 4


@dataclass(frozen=True)
class Point:
    """A place on the map.

    Attributes
    ----------
    depth, steps : layers, and length of the sequence.
    leak : of every layer, or None where the cell has none.
    recurrence : factor on the lateral weights, or None where there are none.
    """

    depth: int = 2
    steps: int = 12
    leak: float | None = 0.9
    recurrence: float | None = 1.0


AXES: dict[str, tuple[Any, ...]] = {
    "depth": (1, 2, 3, 4),
    "steps": (1, 3, 6, 12, 24),
    "leak": (0.0, 0.5, 0.8, 0.9, 0.95),
    "recurrence": (0.0, 0.5, 1.0, 2.0),
}


def points(cell: str, options: Mapping[str, Any]) -> list[tuple[str, Point]]:
    """Return (axis, point) of the whole map of a cell; the base point comes first.

    Examples
    --------
    >>> [(axis, point.steps) for axis, point in points("rnn", {})][:4]
    [('base', 12), ('depth', 12), ('depth', 12), ('depth', 12)]
    """
    kind: Any = cell_named(cell)
    has_leak = "leak" in {f.name for f in fields(kind)} and "leak" not in options
    base = Point(
        leak=0.9 if has_leak else None, recurrence=1.0 if _lateral(_cell(cell, options, Point(leak=None))) else None
    )
    out = [("base", base)]
    for axis, values in AXES.items():
        if getattr(base, axis) is not None:
            out += [(axis, Point(**{**asdict(base), axis: value})) for value in values]
    return out


def _cell(cell: str, options: Mapping[str, Any], point: Point) -> Any:
    kind: Any = cell_named(cell)
    known = option_names(kind)
    if wrong := sorted(set(options) - {*known}):
        raise GradcertError(f"the cell {cell!r} has no option {', '.join(wrong)}", allowed=", ".join(sorted(known)))
    given = {
        k: surrogate_from(v) if k == "surrogate" else tuple(v) if isinstance(v, list) else v for k, v in options.items()
    }
    return cell_with(kind, {**given, **({"leak": point.leak} if point.leak is not None else {})})


def _lateral(cell: Any) -> set[str]:
    return {link.weight for link in cell.links if link.lag and link.weight is not None}


MEAN = Loss(time="mean", batch="mean")
PARTS = (  # of a claim, that a map has or does not need
    *("rule", "cells", "depths", "dtype", "acceptance", "options", "losses", "when", "time", "batch", "outputs"),
    *("node", "level", "online", "within", "without", "readout", "readout_options", "inputs", "targets"),
)


def loss_of(claim: Mapping[str, Any]) -> Loss:
    """Return the loss that a claim in its JSON form names first, reduced as it says.

    Examples
    --------
    >>> loss_of({"losses": ["cross_entropy", "squared_error"], "when": ["last"], "time": "sum", "batch": "mean"}).batch
    'mean'
    """
    said = {name: claim[name] for name in ("time", "batch", "outputs", "node", "level") if name in claim}
    if claim["when"][0] != "first":
        said.pop("level", None)
    return Loss(kind=claim["losses"][0], when=claim["when"][0], **said)


def first_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a claim, of each list of alternatives the first.

    Examples
    --------
    >>> first_of({"surrogate": ["tanh", "triangle"], "train": ["leak", "threshold"], "strict": True})
    {'surrogate': 'tanh', 'train': ['leak', 'threshold'], 'strict': True}
    """
    out = {}
    for name, value in options.items():
        several = isinstance(value, list) and (name != "train" or any(isinstance(v, list) for v in value))
        out[name] = value[0] if several and value else value
    return out


def _claimed(claim: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the rule of a claim, where it is one of edge sets and no row of the table."""
    try:
        found = read_rule(claim["rule"], claim.get("settings")) if "rule" in claim else None
    except GradcertError:  # of an adapter that knows more rules
        return ()
    return (found,) if isinstance(found, Rule) and found.name not in RULES else ()


def _coarser(dtype: np.dtype[Any]) -> float:
    """Return by how much numbers are rounded more coarsely than in float64."""
    return float(np.finfo(dtype).eps / np.finfo(float).eps) if dtype.kind == "f" else 1.0


def _readout_of(claim: Mapping[str, Any]) -> Any:
    """Return the cell of a claim's readout, as the problems of a campaign have it where nothing is said."""
    if not claim.get("readout"):
        return None
    kind: Any = cell_named(claim["readout"])
    plain = {k: v for k, v in {"recurrent": False, "activation": "identity"}.items() if k in option_names(kind)}
    return cell_with(kind, {**plain, **first_of(claim.get("readout_options") or {})})


def problem(
    cell: str, options: Mapping[str, Any], point: Point, *, seed: int, loss: Loss = MEAN, top: Any = None
) -> Problem:
    """Return a random problem at a point; one seed gives related problems all over the map.

    `top` is the cell of a readout, which is the last layer then.
    """
    neuron = _cell(cell, options, point)
    hidden = point.depth - 1
    sizes = [INPUTS, *([UNITS] * hidden), OUTPUTS]
    cells = [neuron] * hidden + [neuron if top is None else top]
    layers = tuple(Layer(c, inputs=a, units=b) for c, (a, b) in zip(cells, pairwise(sizes), strict=True))
    network = Network(layers=layers, loss=loss)
    spiking = hasattr(neuron, "surrogate")
    parameters = network.parameters(seed=seed, scale=1.5 if spiking else 1.0)
    factor = 1.0 if point.recurrence is None else point.recurrence
    lateral = _lateral(neuron)
    parameters = {k: v * factor if k.rpartition(".")[2] in lateral else v for k, v in parameters.items()}
    rng = np.random.default_rng([seed, point.steps])
    inputs = rng.standard_normal((point.steps, BATCH, INPUTS)) + (0.5 if spiking else 0.0)
    targets = rng.random((point.steps, BATCH, OUTPUTS))
    if loss.kind != "squared_error":  # classes, or 0 and 1
        top = targets == targets.max(axis=2, keepdims=True)
        targets = (top if loss.kind == "cross_entropy" else targets > 0.5).astype(float)
    return Problem(network, parameters, inputs, targets, id=f"atlas/{seed}")


def atlas(
    subject: str | Sequence[str] | Callable[..., Any],
    *,
    cells: str | None = None,
    options: Mapping[str, Any] | None = None,
    draws: int = 3,
    seed: int = 0,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    progress: Progress | None = None,
    run_cells: bool = False,
) -> dict[str, Any]:
    """Return the map of a subject, as a record that is JSON.

    Parameters
    ----------
    subject, python, limits, progress, run_cells : as for `gradcert.certify.campaign.certify`.
    cells, options : the cell of every layer; by default the first of the subject's claim, with the first of each
        option's alternatives. The loss is the claim's first, reduced as it says, and the mean over time and batch of
        squared errors where nothing is claimed.
    draws : random problems at every point.
    seed : of the first one.

    Returns
    -------
    ``{"schema", "suite", "date", "subject", "claim", "cell", "options", "loss", "left_out", "draws", "seed",
    "points": [...]}``, where ``left_out`` names parts of the claim that the map does not have. A point holds ``axis``,
    ``point``, ``rules`` (as in `against_rules`), ``nearest``, ``missing`` (norm of BPTT less the subject over
    BPTT's), ``split`` (``{"layer", "kind", "share"}``: parts of what the nearest rule drops, as fractions of what the
    subject misses; empty where the subject is not that rule) and ``unexplained``, what is left of what it misses when
    the nearest rule's part is taken away, as a fraction of it; or ``failure``.

    Raises
    ------
    GradcertError : for an unknown cell or option, or a subject that does not start.
    """
    who = Subject(subject, python=python, limits=limits)
    found = []
    worker: Any = who.start()
    if not isinstance(worker, Worker):
        raise GradcertError(f"the subject does not start: {worker.reason}")
    try:
        claim = dict(worker.claim or {})
        cell = cells or next(iter(claim.get("cells", ())), None)
        if cell is None:
            raise GradcertError("a subject without a claim", do="pass --cells, or decorate it with gradcert.claim")
        home = file_of(who.name)  # which has been run
        for name in (cell, claim.get("readout")):
            if name is not None and file_of(name):
                cell_named(name, run=run_cells or name == cells or file_of(name) == home)
        known = option_names(cell_named(cell))
        told = {name: value for name, value in first_of(claim.get("options", {})).items() if name in known}
        given = {**told, **(options or {})}
        loss = loss_of(claim) if claim else MEAN
        own = _claimed(claim)
        top = _readout_of(claim)
        where = [(axis, point) for axis, point in points(cell, given) if top is None or point.depth > 1]
        if claim.get("depths") == [1] and top is None:  # code for one layer has no other depth
            where = [(axis, replace(point, depth=1)) for axis, point in where if axis != "depth" or point.depth == 1]
        for number, (axis, point) in enumerate(where):
            if progress is not None:
                progress(number, len(where), axis)
            pairs, failure, coarse = [], "", 1.0
            for draw in range(draws):
                asked = problem(cell, given, point, seed=seed + draw, loss=loss, top=top)
                answer = worker.ask(asked)
                failure = _wrong(asked, answer)
                if failure:
                    break
                coarse = max([_coarser(np.asarray(v).dtype) for v in answer.gradients.values()], default=1.0)
                pairs.append((asked, {k: np.asarray(v, dtype=float) for k, v in answer.gradients.items()}))
            record = {"axis": axis, "point": asdict(point)}
            found.append(
                {**record, "failure": failure} if failure else {**record, **_measured(pairs, own, NOISE * coarse)}
            )
            if failure and axis == "base":
                raise GradcertError(f"the subject has no gradient at the base point: {failure}")
            if failure:
                worker.stop()
                worker = who.start()
                if not isinstance(worker, Worker):
                    raise GradcertError(f"the subject does not start again: {worker.reason}")
    finally:
        if isinstance(worker, Worker):
            worker.stop()
    head: dict[str, Any] = {
        "schema": "gradcert-atlas-1",
        "suite": VERSION,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    head |= {"subject": who.name, "claim": claim, "cell": cell, "options": given, "loss": loss.to_dict()}
    head["left_out"] = sorted(name for name, value in claim.items() if value and name not in PARTS)
    return {**head, "draws": draws, "seed": seed, "points": found}


def _wrong(asked: Problem, answer: Answer) -> str:
    if answer.failure is not None:
        return answer.failure.reason
    shapes = {k: getattr(v, "shape", None) for k, v in answer.gradients.items()}
    if shapes != {k: v.shape for k, v in asked.parameters.items()}:
        return "the gradients do not have the shapes of the parameters"
    finite = all(np.isfinite(v).all() for v in answer.gradients.values() if isinstance(v, np.ndarray))
    return "" if finite else "the gradients are not finite"


def _measured(pairs: Iterable[tuple[Problem, dict[str, Array]]], own: tuple[Rule, ...], noise: float) -> dict[str, Any]:
    pairs = list(pairs)
    known = {rule.name: rule for rule in (*own, *RULES.values())}
    rules = against_rules(pairs, known.values())
    errors = {row["rule"]: row["error"] for row in rules if row["error"] is not None}
    best = min(errors.values(), default=0.0)
    nearest = next((name for name, error in errors.items() if error <= best + NOISE), None)  # equal rows: the first
    missing, rest, count = 0.0, 0.0, 0
    projections: dict[tuple[int, str], float] = {}
    for asked, given in pairs:
        tape, targets, feedback = floats(asked)
        truth = row_gradients(RULES["bptt"], tape, targets, feedback)
        if truth is None or nearest is None or not (size := _dot(truth[0], truth[0])):
            continue
        count += 1
        gap = {k: v - given[k] for k, v in truth[0].items()}
        missing += _dot(gap, gap) / size
        left = gap
        if known[nearest].feedback == "symmetric":
            dropped = tape_residual(tape, targets, rule=known[nearest], feedback={})
            left = {k: gap[k] - dropped.total[k] for k in gap}
            for label, part in dropped.split.items():
                projections[label] = projections.get(label, 0.0) + _dot(part, gap) / size
        rest += _dot(left, left) / size
    negligible = missing <= count * NOISE**2
    labels = list(projections.items()) if best <= noise and not negligible else []
    return {
        "rules": rules,
        "nearest": nearest,
        "missing": float(np.sqrt(missing / count)) if count else None,
        "split": [{"layer": layer, "kind": kind, "share": value / missing} for (layer, kind), value in labels],
        "unexplained": 0.0 if negligible else float(np.sqrt(rest / missing)),
    }


def _dot(a: Mapping[str, Array], b: Mapping[str, Array]) -> float:
    return sum(float((a[k] * b[k]).sum()) for k in a)
