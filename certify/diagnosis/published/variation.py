"""A published algorithm with one line done otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.reference.networks import Network
from gradcert.reference.numbers import Array, Numbers

Vector = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Posed:
    """A problem in numbers, and the settings of the algorithm that is claimed."""

    network: Network
    parameters: Mapping[str, Array]
    inputs: Array
    targets: Array
    numbers: Numbers
    settings: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Variation:
    """What was done otherwise, as a key and in words, and what comes out."""

    what: str
    label: str
    compute: Callable[[Posed], Vector]
