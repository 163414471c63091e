"""Strategies for the options of a cell, read off its fields: a new cell in the registry is drawn without a line here.

Non-degenerate values come first because Hypothesis shrinks towards the first: a threshold that is not 1, a leak that
is not 0 or 1, so that a factor that a program forgets is never 1 by accident (mathematics.md 14.10).
"""

from __future__ import annotations

import ast
from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradcert.properties.numbers import Dyadics
from gradcert.reference import CELLS, RULES, SURROGATES, GradcertError, Layer, Network, Surrogate
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Cell, cell_named
from gradcert.reference.numbers import ACTIVATIONS

FAMILIES = ("exact", "bounded", "scale", "field")
READOUTS = ("rnn", "integrator")

EXACT_FUNCTIONS = ("identity", "relu")
FUNCTION_FIELDS = ("activation", "transfer", "output")
_EXACT_SURROGATES = (
    Surrogate("triangle", scale=0.5, width=2.0),
    Surrogate("triangle", scale=1.0, width=4.0),
    Surrogate("rect", scale=0.25),
    Surrogate("piecewise_leaky_relu", width=1.0, outside=0.25),
)


def surrogates(family: str) -> st.SearchStrategy[Surrogate]:
    """Pseudo-derivatives: dyadic ones in the exact family, any row of the table elsewhere."""
    if family == "exact":
        return st.sampled_from(_EXACT_SURROGATES)
    # wide ones: a pseudo-derivative that is 0 almost everywhere makes gradients that are 0
    wide = [
        Surrogate("triangle", scale=0.3, width=2.0),
        Surrogate("sigmoid", scale=1.0),
        Surrogate("atan"),
        Surrogate("fast_sigmoid", slope=2.0),
        Surrogate("tanh"),
        Surrogate("exponential"),
        Surrogate("erf", scale=0.5),
        Surrogate("soft_sign"),
        Surrogate("multi_gaussian", sigma=1.0),
        *(Surrogate(name) for name in sorted(SURROGATES) if name not in ("signed_step", "fast_sigmoid")),
    ]
    return st.sampled_from(wide)


def numbers_like(default: float, family: str, units: int) -> st.SearchStrategy[Any]:
    """Draw a constant of a cell: one number, or one per unit."""
    if family == "exact":
        inside: tuple[float, ...] = (0.5, 0.25, 0.75)
        choices: tuple[float, ...] = inside if 0 <= default < 1 else (0.5, 1.5, 0.75, 1.25, 1.0)
    else:
        choices = tuple(k / 16 for k in ((11, 13, 5, 15, 9) if 0 <= default < 1 else (11, 13, 20, 25, 16)))
    one = st.sampled_from(choices)
    return st.one_of(one, st.tuples(*[one] * units))


def options_of(name: str, units: int, *, family: str, fixed: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the options of a cell; `fixed` ones are taken as given where the cell has them, a list as alternatives."""
    cell: Any = cell_named(name)
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for f in fields(cell):
        default = getattr(cell(), f.name)
        if f.name in fixed:
            drawn[f.name] = alternatives(fixed[f.name])
        elif isinstance(default, Surrogate):
            drawn[f.name] = surrogates(family)
        elif isinstance(default, bool):
            drawn[f.name] = st.sampled_from((default, not default))
        elif f.name in FUNCTION_FIELDS and default in ACTIVATIONS:
            drawn[f.name] = st.sampled_from(_functions(f.name, family))
        elif isinstance(default, str) and (words := words_of(name, f.name)):
            drawn[f.name] = st.sampled_from(words)
        elif isinstance(default, float):
            drawn[f.name] = numbers_like(default, family, units)
        elif f.name == "train":
            names = trainable(name)
            drawn[f.name] = st.lists(st.sampled_from(names), unique=True).map(tuple) if names else st.just(())
    return st.fixed_dictionaries(drawn)


def alternatives(given: Any) -> st.SearchStrategy[Any]:
    """Return a fixed option, or one of a list of them; a mapping with a name is a surrogate."""
    many = given if isinstance(given, list) else [given]
    return st.sampled_from([_surrogate(g) if isinstance(g, dict) else g for g in many])


def _surrogate(spec: dict[str, Any]) -> Surrogate:
    return Surrogate(spec["name"], **{k: v for k, v in spec.items() if k != "name"})


def _functions(option: str, family: str) -> tuple[str, ...]:
    if family == "exact":
        return EXACT_FUNCTIONS
    # over many steps an unbounded output squares itself in a multiplicative reset and overflows
    bounded = ("tanh", "sigmoid")
    return bounded if family == "scale" or (family == "bounded" and option == "output") else tuple(sorted(ACTIVATIONS))


@lru_cache
def words_of(name: str, option: str) -> tuple[str, ...]:
    """Return the words that an option of a cell takes, as the cell's own error states them.

    Examples
    --------
    >>> words_of("gru", "reset")
    ('after', 'before')
    """
    cell: Any = cell_named(name)
    try:
        cell(**{option: "?"})
    except GradcertError as error:
        found: tuple[str, ...] = tuple(ast.literal_eval(f"[{error.allowed}]"))
        return found
    return ()


def _takes(cell: Any, option: str, word: Any) -> bool:
    try:
        cell(**{option: word})
    except GradcertError:
        return False
    return True


@lru_cache
def trainable(name: str) -> tuple[str, ...]:
    """Return the constants of a cell that `train` may name."""
    cell: Any = cell_named(name)
    if "train" not in {f.name for f in fields(cell)}:
        return ()
    constants = set(cell().constants())
    return tuple(sorted(p for p in constants & {u.parameter for u in cell().uses} if _takes(cell, "train", (p,))))


@st.composite
def cells(draw: st.DrawFn, /, name: str, units: int, *, family: str = "exact", **fixed: Any) -> Cell:
    """Draw a cell of the registry with its options."""
    options = draw(options_of(name, units, family=family, fixed=fixed))
    made: Cell = cell_named(name)(**options)
    return made


@lru_cache
def exact_cells() -> tuple[str, ...]:
    """Return the cells that can be computed in dyadic numbers: a sigmoid gate cannot.

    Examples
    --------
    >>> {"snu", "lif", "rnn"} <= set(exact_cells())
    True
    """
    return tuple(name for name in CELLS if _is_exact(name))


def _is_exact(name: str) -> bool:
    numbers = Dyadics()
    kind: Any = CELLS[name]
    options = {f.name: _exact_option(getattr(kind(), f.name), f.name) for f in fields(kind)}
    network = Network(layers=(Layer(kind(**options), inputs=1, units=1),))
    ones = {k: numbers.array(np.ones(s)) for k, s in network.shapes().items()}
    x = numbers.array(np.ones((1, 1, 1)))
    try:
        reverse.gradients(network, ones, x, x, rule=RULES["bptt"], numbers=numbers)
    except GradcertError:
        return False
    return True


def _exact_option(default: Any, name: str) -> Any:
    if isinstance(default, Surrogate):
        return _EXACT_SURROGATES[0]
    if isinstance(default, float):
        return 0.5
    return "identity" if name in FUNCTION_FIELDS and default in ACTIVATIONS else default
