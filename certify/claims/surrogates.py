"""Pseudo-derivatives in a claim: a name, a formula, or somebody's own function, which is taken as it is.

A function is run once, on a symbol, and becomes a formula (`gradcert.reference.numbers.recorded`); the claim keeps
both, so that whoever reads it needs no file, and sees that nobody has asked whether the function is a good one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import attribute_of
from gradcert.reference.numbers import recorded

PARTS = ("options", "readout_options")


def with_formulas(options: Any) -> Any:
    """Return options whose pseudo-derivatives are names and formulas, whatever they were.

    Examples
    --------
    >>> found = with_formulas({"surrogate": lambda x: 1 / (1 + x * x)})["surrogate"]
    >>> found["formula"], found["given"].endswith("<lambda>")
    ('1 / (1 + x * x)', True)
    """
    if not isinstance(options, Mapping) or "surrogate" not in options:
        return options
    value = options["surrogate"]
    many = isinstance(value, (list, tuple))
    return {**options, "surrogate": [_formula(v) for v in value] if many else _formula(value)}


def functions_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the functions in files, ``mine.py:psi``, that a claim in its JSON form names without their formulas."""
    return [value["given"] for part in _parts(spec) for value in _values(part) if _unread(value)]


def _parts(spec: Mapping[str, Any]) -> Iterator[Any]:
    yield from (spec.get(name) for name in PARTS)
    layers = spec.get("layers")
    network = spec.get("network")
    populations = network.get("populations") if isinstance(network, Mapping) else None
    for own in (layers, populations):
        members = own if isinstance(own, (list, tuple)) else ()
        yield from (one.get("options") for one in members if isinstance(one, Mapping))


def _values(options: Any) -> list[Any]:
    value = options.get("surrogate") if isinstance(options, Mapping) else None
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _unread(value: Any) -> bool:
    return isinstance(value, Mapping) and "given" in value and not {"formula", "name"} & set(value)


def _formula(value: Any) -> Any:
    if _unread(value):
        found = attribute_of(value["given"])
        if not callable(found):
            raise GradcertError(
                f"the pseudo-derivative {value['given']!r}, a {type(found).__name__}", allowed="a function"
            )
        return {**value, "formula": recorded(found)}
    if callable(value):
        module, name = getattr(value, "__module__", ""), getattr(value, "__qualname__", type(value).__name__)
        return {"formula": recorded(value), "given": f"{module}:{name}"}
    return value
