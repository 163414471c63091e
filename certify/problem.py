"""A problem: everything that a subject is given. Its JSON form loses nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.network import Network, check_problem, from_dict
from gradcert.reference.numbers import Array

FORM = "a problem as written by Problem.to_json: id, dtype, network, parameters, inputs, targets"


@dataclass(frozen=True, eq=False)
class Problem:
    """One gradient to compute.

    Attributes
    ----------
    id : names the case; it is not needed to compute anything.
    network : layers (cell, sizes, options) and loss.
    parameters : ``layers.0.W`` (n, n_in), ``layers.0.H`` (n, n), ``layers.0.b`` (n,) and so on;
        the drive is ``x @ W.T + z_previous @ H.T + b``.
    inputs, targets : (time, batch, n_in) and (time, batch, n_out).
    feedback : the fixed matrices of a rule with random, direct or target feedback.
    seed : of an estimator's randomness, a new one for every draw (`Claim`, class ``unbiased``); else None.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> x, y = np.full((4, 1, 2), 0.1), np.zeros((4, 1, 3))
    >>> problem = Problem(id="p", network=network, parameters=network.parameters(), inputs=x, targets=y)
    >>> again = from_json(problem.to_json())
    >>> bool((again.inputs == problem.inputs).all()), again.network == network
    (True, True)
    """

    id: str
    network: Network
    parameters: Mapping[str, Array]
    inputs: Array
    targets: Array
    feedback: Mapping[str, Array] = field(default_factory=dict)
    seed: int | None = None

    def __post_init__(self) -> None:
        check_problem(self.network, self.parameters, self.inputs, self.targets)

    @property
    def dtype(self) -> str:
        """The dtype of all arrays."""
        return str(self.inputs.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; arrays as nested lists."""
        out = {
            "id": self.id,
            "dtype": self.dtype,
            "network": self.network.to_dict(),
            "parameters": {name: value.tolist() for name, value in self.parameters.items()},
            "inputs": self.inputs.tolist(),
            "targets": self.targets.tolist(),
            "feedback": {name: value.tolist() for name, value in self.feedback.items()},
        }
        return out if self.seed is None else {**out, "seed": self.seed}

    def to_json(self) -> str:
        """Return one line of JSON; floats as the shortest decimals that read back to the same number."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)


def from_json(line: str) -> Problem:
    """Read a problem back.

    Raises
    ------
    GradcertError : if the line is not a problem.
    """
    try:
        spec = json.loads(line)
    except ValueError as error:
        raise GradcertError(f"the line is not a problem ({error})", allowed=FORM) from None
    return from_record(spec)


def from_record(spec: Any) -> Problem:
    """Return the problem of a parsed line, with arrays of its own at every call; errors as for `from_json`."""
    try:
        dtype = spec["dtype"]
        if dtype not in ("float64", "float32"):
            raise GradcertError(f"the dtype {dtype!r}", allowed="float64, float32")
        return Problem(
            id=spec["id"],
            network=from_dict(spec["network"]),
            parameters={name: np.array(value, dtype=dtype) for name, value in spec["parameters"].items()},
            inputs=np.array(spec["inputs"], dtype=dtype),
            targets=np.array(spec["targets"], dtype=dtype),
            feedback={name: np.array(value, dtype=dtype) for name, value in spec.get("feedback", {}).items()},
            seed=spec.get("seed"),
        )
    except GradcertError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise GradcertError(f"the line is not a problem ({error})", allowed=FORM) from None
