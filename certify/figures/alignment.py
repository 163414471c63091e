"""How a subject's gradients lie to those of every row of the rule table: cosine, relative error, ratio of norms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.engines import Tape, run, tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES, Rule, check_feedback, draw_feedback, feedback_shapes

MOST = 2  # cases of one cell and depth
Gradients = Mapping[str, Array]


def measures(given: Gradients, reference: Gradients) -> dict[str, float | None]:
    """Return cosine, relative error and ratio of norms of all parameters together; None where one of them is zero.

    Examples
    --------
    >>> measures({"b": np.array([0.0, 2.0])}, {"b": np.array([0.0, 1.0])})
    {'cosine': 1.0, 'error': 1.0, 'ratio': 2.0}
    """
    a = np.concatenate([np.ravel(np.asarray(given[name], dtype=float)) for name in reference])
    b = np.concatenate([np.ravel(reference[name]) for name in reference])
    size, other = float(np.linalg.norm(b)), float(np.linalg.norm(a))
    cosine = float(np.clip(a @ b / (size * other), -1, 1)) if size and other else None
    error = float(np.linalg.norm(a - b)) / size if size else None
    return {"cosine": cosine, "error": error, "ratio": other / size if size else None}


def floats(problem: Problem) -> tuple[Tape, Array, dict[str, Array]]:
    """Return the recorded forward pass, targets and feedback of a problem in float64."""
    given = problem.floats()
    return run(given), given.targets, dict(given.feedback)


def row_gradients(
    rule: Rule, tape: Tape, targets: Array, feedback: Mapping[str, Array]
) -> tuple[dict[str, Array], bool] | None:
    """Return a row's gradients and whether its feedback had to be drawn, or None where it is not defined."""
    try:
        shapes = feedback_shapes(tape.network, rule)
        drawn = any(name not in feedback or feedback[name].shape != shape for name, shape in shapes.items())
        chosen = draw_feedback(tape.network, rule) if drawn else dict(feedback)
        return tape_gradients(tape, targets, rule=rule, feedback=check_feedback(tape.network, rule, chosen)), drawn
    except GradcertError:
        return None


def alignment(pairs: Iterable[tuple[Case, Answer]]) -> list[dict[str, Any]]:
    """Return one record of each cell and depth.

    Returns
    -------
    records ``{"group": "snu/2", "cases": [...], "rules": [{"rule", "cosine", "error", "ratio", "drawn"}, ...]}``, the
    rules in the order of the table. Several cases are put into one long vector, each scaled to the same norm.
    """
    groups: dict[str, list[tuple[Case, dict[str, Array]]]] = {}
    for case, answer in pairs:
        members = groups.setdefault(f"{case.spec.cell}/{case.spec.depth}", [])
        given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
        fits = {k: v.shape for k, v in given.items()} == {k: b.value.shape for k, b in case.expected.gradients.items()}
        if len(members) < MOST and fits and all(np.isfinite(v).all() for v in given.values()):
            members.append((case, given))
    return [_group(name, members) for name, members in groups.items() if members]


def _group(name: str, members: list[tuple[Case, dict[str, Array]]]) -> dict[str, Any]:
    rows = against_rules([(case.problem, given) for case, given in members])
    return {"group": name, "cases": [case.id for case, _ in members], "rules": rows}


def against_rules(
    members: Iterable[tuple[Problem, Gradients]], rules: Iterable[Rule] = RULES.values()
) -> list[dict[str, Any]]:
    """Return the measures of gradients against every row, or other rules, over several problems of one network shape.

    The gradients of all problems make one long vector, each problem scaled to the row's norm on it.
    """
    recorded = [(given, floats(problem)) for problem, given in members]
    rows = []
    for rule in rules:
        ours: dict[str, Array] = {}
        theirs: dict[str, Array] = {}
        drawn = False
        for number, (given, (tape, targets, feedback)) in enumerate(recorded):
            found = row_gradients(rule, tape, targets, feedback)
            if found is None:
                continue
            reference, random = {k: v for k, v in found[0].items() if k in given}, found[1]
            drawn = drawn or random
            size = float(np.sqrt(sum(float((v * v).sum()) for v in reference.values()))) or 1.0
            ours |= {f"{number}.{k}": np.asarray(given[k], dtype=float) / size for k in reference}
            theirs |= {f"{number}.{k}": v / size for k, v in reference.items()}
        if theirs:
            rows.append({"rule": rule.name, **measures(ours, theirs), "drawn": drawn})
    return rows
