"""A published algorithm with one line done otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.reference.networks import Network, Problem
from gradcert.reference.numbers import Array, Numbers
from gradcert.reference.published import kind_named

Vector = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Posed:
    """A problem in numbers, and the settings of the algorithm that is claimed."""

    problem: Problem
    settings: Mapping[str, Any]

    @property
    def network(self) -> Network:
        """The network of the problem."""
        return self.problem.network

    @property
    def parameters(self) -> Mapping[str, Array]:
        """Its parameters."""
        return self.problem.parameters

    @property
    def inputs(self) -> Array:
        """Its inputs."""
        return self.problem.inputs

    @property
    def targets(self) -> Array:
        """Its targets."""
        return self.problem.targets

    @property
    def numbers(self) -> Numbers:
        """The number system of all of them."""
        return self.problem.numbers


@dataclass(frozen=True, eq=False)
class Variation:
    """What was done otherwise, as a key and in words, and what comes out."""

    what: str
    label: str
    compute: Callable[[Posed], Vector]


def published(name: str, options: Mapping[str, Any], p: Posed) -> Vector:
    """Return what the reference computes for an algorithm, some settings changed."""
    kind = kind_named(name)
    return kind.compute(p.problem, {**kind.settings, **p.settings, **options})
