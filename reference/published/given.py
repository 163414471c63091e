"""A rule that somebody defined: a function of a problem in a file, ``mine.py:filtered``, taken as it is.

``filtered(problem)`` returns a gradient for every parameter, in the numbers of the problem: it runs on floats, and on
balls for the budgets, so that its arithmetic is that of ``problem.numbers``, of operators on arrays, or of the engines
(`gradcert.reference.engines`). Arguments by keyword are settings. What is said of the function stands on it as an
attribute: ``feedback`` (``symmetric`` if it is not there; ``random``, ``direct``, ``target``: which matrices hidden
layers need) and ``least``, the fewest steps of a sequence.

To find a function is to run its file: only where somebody says so, as for cells (`gradcert.reference.networks.cells`).
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem, allow, attribute_of
from gradcert.reference.published.algorithm import Computed, Kind, Settings
from gradcert.reference.rules.rule import FEEDBACKS

NUMERIC = (TypeError, AttributeError)  # what NumPy says of a function that it has for floats alone
FOUND: dict[str, Kind] = {}  # by full name: one object for one rule, as what is known of cases is kept by rules


def kind_of(name: str, *, run: bool = False) -> Kind:
    """Return what is known of a rule in a file.

    Parameters
    ----------
    run : run the file that the name points to; else it has to have been run already.

    Raises
    ------
    GradcertError : for a file that is not there or may not be run, or something that is no such function.
    """
    if name not in FOUND:
        allow("rule", name, run=run)
        FOUND[name] = _read(name, attribute_of(name))
    return FOUND[name]


def _read(name: str, function: Any) -> Kind:
    if not callable(function):
        raise GradcertError(f"{name!r} is no function", allowed="a function of a problem")
    try:
        first, *others = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise GradcertError(f"the rule {name!r} takes no problem", allowed="a function of a problem") from None
    settings = {p.name: p.default for p in others if p.kind is p.KEYWORD_ONLY}
    plain = all(isinstance(v, (bool, int, float, str)) for v in settings.values())
    if (
        first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
        or len(settings) < len(others)
        or not plain
    ):
        raise GradcertError(
            f"the rule {name!r} with the arguments {inspect.signature(function)}",
            allowed="a problem, and behind * settings with numbers, words, True or False as defaults",
        )
    feedback, least = getattr(function, "feedback", "symmetric"), getattr(function, "least", 1)
    if feedback not in FEEDBACKS or isinstance(least, bool) or not isinstance(least, int) or least < 1:
        raise GradcertError(
            f"the rule {name!r} with feedback={feedback!r}, least={least!r}",
            allowed=f"feedback one of {', '.join(FEEDBACKS)}, least a whole number from 1",
        )
    page = inspect.getdoc(function) or ""
    return Kind(
        name,
        "A rule of one's own, as given",
        settings,
        partial(_computed, name, function),
        feedback=lambda _: str(feedback),
        least=lambda _: least,
        page=page,
        own=True,
    )


def _computed(name: str, function: Callable[..., Any], problem: Problem, settings: Settings) -> Computed:
    """Call the function, and hold what it returns against the parameters."""
    try:
        found = function(problem, **settings)
    except (GradcertError, ArithmeticError):  # the numbers' own: undecided, divided by zero
        raise
    except NUMERIC as error:
        raise GradcertError(
            f"the rule {name!r} cannot be computed on {type(problem.numbers).__name__}: {error}",
            do="use problem.numbers, operators on arrays, or the engines: budgets come from running it on enclosures",
        ) from error
    except Exception as error:  # whatever a stranger's function raises
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise GradcertError(
            f"the rule {name!r} raised {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})",
            do="call it on a problem by itself",
        ) from error
    if not isinstance(found, Mapping):
        raise GradcertError(f"the rule {name!r} returned a {type(found).__name__}", allowed="name -> gradient")
    shapes = {k: np.shape(v) for k, v in found.items()}
    wanted = {k: np.shape(v) for k, v in problem.parameters.items()}
    if shapes != wanted:
        wrong = [k for k in sorted({*shapes, *wanted}) if shapes.get(k) != wanted.get(k)]
        raise GradcertError(
            f"the rule {name!r}, whose gradient does not fit the parameters: {', '.join(wrong)}",
            allowed=", ".join(f"{k} {v}" for k, v in wanted.items()),
        )
    return {k: problem.numbers.array(v) for k, v in found.items()}
