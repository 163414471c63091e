"""A problem: everything that a subject is given. Its JSON form loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from gradcert.reference.checks import check_seed
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.networks.data import PREFIX, Data, check_data
from gradcert.reference.networks.loss import check_plain
from gradcert.reference.networks.network import Network, check_no_graph, check_problem, from_dict
from gradcert.reference.numbers import FLOAT64, FORMATS, Array, Numbers, held
from gradcert.reference.outside import array, parse, record

NAMED = ("wanted", "untrained")  # lists of names
OPTIONAL = ("initial", "initial_gradient", "weights", "begins", "masks", "readouts")


@dataclass(frozen=True, eq=False)
class Problem:
    """One gradient to compute: a subject maps it to gradients with the keys of `parameters`.

    Attributes
    ----------
    network : layers (cell, sizes, options) and loss.
    parameters : ``layers.0.W`` (n, n_in), ``layers.0.H`` (n, n), ``layers.0.b`` (n,) and so on;
        the drive is ``x @ W.T + z_previous @ H.T + b``.
    inputs, targets : (time, batch, n_in) and (time, batch, n_out).
    feedback : the fixed matrices of a rule with random, direct or target feedback, else empty.
    numbers : the number system of all arrays; floats of any dtype by default.
    id : names the case; it is not needed to compute anything.
    seed : of an estimator's randomness, a new one for every draw (a claim of class ``unbiased``); else None.
    initial, initial_gradient, weights, begins, masks, readouts : see `Data`; nothing by default.
    wanted : the names whose gradients are asked for; all of them where there are none.
    untrained : of the others, parameters that are there and not trained: they have no gradient, or one of zeros.
    drawn : the draws of a random algorithm, whole numbers, where they are given (`gradcert.reference.published`).
    settings : of an algorithm that has such: what the claim says of it.
    format : ``bfloat16``, for which NumPy has no dtype: arrays are float32, and all of their numbers, which are rounded
        where they are not, are exact in it. Else nothing.

    Raises
    ------
    GradcertError : if shapes do not fit, or arrays are not of the dtype that holds a format.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.full((4, 1, 2), 0.1), np.zeros((4, 1, 3)))
    >>> again = problem_from_json(problem.to_json())
    >>> bool((again.inputs == problem.inputs).all()), again.network == network
    (True, True)
    """

    network: Network
    parameters: Mapping[str, Array]
    inputs: Array
    targets: Array
    feedback: Mapping[str, Array] = field(default_factory=dict)
    numbers: Numbers = FLOAT64
    id: str = ""
    seed: int | None = None
    initial: Mapping[str, Array] = field(default_factory=dict)
    initial_gradient: bool = False
    weights: Array | None = None
    begins: Array | None = None
    masks: Mapping[str, Array] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    drawn: Mapping[str, Array] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    format: str = ""
    readouts: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise GradcertError(f"a problem of a {type(self.network).__name__}", allowed="a Network first")
        check_problem(self.network, self.parameters, self.inputs, self.targets, self.numbers)
        if self.seed is not None:
            check_seed(self.seed)
        if not isinstance(self.id, str):
            raise GradcertError(f"a problem called {self.id!r}", allowed="a text")
        for name, matrix in self.feedback.items():
            check_array(name, matrix, None, self.numbers)
        check_data(self.network, self.inputs.shape, self.numbers, **self.data)
        if wrong := sorted({*self.wanted, *self.untrained} - {*self.gradient_names}):
            raise GradcertError(f"gradients of {', '.join(wrong)}", allowed=", ".join(self.gradient_names))
        self._set_format()

    def _set_format(self) -> None:
        """Round what is held in a wider dtype to the numbers of the format."""
        found = str(self.inputs.dtype)
        if self.format in ("", found):
            object.__setattr__(self, "format", "")
            return
        if self.format not in list(FORMATS) or FORMATS[self.format].held != found:
            raise GradcertError(
                f"a problem of format {self.format!r} in arrays of {found}", allowed="bfloat16 in float32"
            )
        for part in ("inputs", "targets", "weights"):
            if (value := getattr(self, part)) is not None:
                object.__setattr__(self, part, held(value, self.format))
        for part in ("parameters", "feedback", "initial", "masks", "readouts"):
            object.__setattr__(self, part, {k: held(v, self.format) for k, v in getattr(self, part).items()})

    @property
    def gradient_names(self) -> tuple[str, ...]:
        """The names of all gradients that there are, those that nobody asks for included."""
        starts = (f"{PREFIX}{k}" for k in self.initial) if self.initial_gradient else ()
        return (*self.parameters, *starts)

    def asked(self, gradients: Mapping[str, Any]) -> dict[str, Any]:
        """Return those gradients that are asked for.

        Examples
        --------
        >>> from gradcert.reference import Layer, Rnn
        >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
        >>> x, y = np.ones((4, 1, 2)), np.zeros((4, 1, 3))
        >>> problem = Problem(network, network.parameters(), x, y, wanted=("layers.0.b",))
        >>> list(problem.asked(problem.parameters))
        ['layers.0.b']
        """
        return {k: v for k, v in gradients.items() if not self.wanted or k in self.wanted}

    @property
    def data(self) -> Data:
        """What there is beside inputs and targets, as keyword arguments of the engines."""
        given: dict[str, Any] = {name: getattr(self, name) for name in OPTIONAL}
        return cast(Data, {name: value for name, value in given.items() if _there(value)})

    @property
    def dtype(self) -> str:
        """The format of all numbers: the dtype of the arrays, or bfloat16."""
        return self.format or str(self.inputs.dtype)

    @property
    def arrays(self) -> dict[str, Array]:
        """Every array of the problem by a name of its own."""
        sequences = {"inputs": self.inputs, "targets": self.targets, "weights": self.weights, "begins": self.begins}
        named = {**self.parameters, **{k: v for k, v in sequences.items() if v is not None}, **self.feedback}
        starts = {f"{PREFIX}{k}": v for k, v in self.initial.items()}
        more = {f"{part}.{k}": v for part in ("masks", "readouts") for k, v in getattr(self, part).items()}
        return {**named, **starts, **more}

    def with_loss(self, **options: Any) -> Problem:
        """Return the problem with another loss."""
        return replace(self, network=replace(self.network, loss=replace(self.network.loss, **options)))

    def in_numbers(self, numbers: Numbers) -> Problem:
        """Return the problem in another number system."""
        return self.mapped(numbers.array, numbers)

    def floats(self) -> Problem:
        """Return the problem in float64."""
        return self.in_numbers(FLOAT64)

    def part(self, *, steps: slice = slice(None), samples: slice | list[int] = slice(None)) -> Problem:
        """Return the problem of some consecutive steps, and of some samples: every array of it is taken alike.

        Raises
        ------
        GradcertError : where the loss has nothing to weigh there, or the problem has draws, which are of the whole.

        Examples
        --------
        >>> from gradcert.reference import Layer, Rnn
        >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
        >>> x, y, w = np.ones((4, 2, 2)), np.zeros((4, 2, 3)), np.ones((4, 2))
        >>> first = Problem(network, network.parameters(), x, y, weights=w).part(steps=slice(1), samples=slice(1))
        >>> first.inputs.shape, first.weights.shape
        ((1, 1, 2), (1, 1))
        """
        if self.drawn:
            raise GradcertError(f"a part of a problem with {', '.join(self.drawn)}", allowed="the whole of it")
        here = (steps, samples)
        return replace(
            self,
            inputs=self.inputs[here],
            targets=self.targets[here],
            initial={k: v[samples] if v.ndim == 2 else v for k, v in self.initial.items()},
            weights=None if self.weights is None else self.weights[here],
            begins=None if self.begins is None else self.begins[here],
            masks={k: v[here] for k, v in self.masks.items()},
        )

    def copy(self) -> Problem:
        """Return the problem with arrays of its own."""
        return self.mapped(np.array, self.numbers)

    def mapped(self, convert: Callable[[Any], Array], numbers: Numbers) -> Problem:
        """Return the problem with every array of numbers converted; beginnings are copied.

        Its format stays what it is where the dtype does.
        """
        inputs = convert(self.inputs)
        return replace(
            self,
            format=self.format if inputs.dtype == self.inputs.dtype else "",
            parameters={k: convert(v) for k, v in self.parameters.items()},
            inputs=inputs,
            targets=convert(self.targets),
            feedback={k: convert(v) for k, v in self.feedback.items()},
            numbers=numbers,
            initial={k: convert(v) for k, v in self.initial.items()},
            weights=None if self.weights is None else convert(self.weights),
            begins=None if self.begins is None else np.array(self.begins),
            masks={k: convert(v) for k, v in self.masks.items()},
            readouts={k: convert(v) for k, v in self.readouts.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; arrays as nested lists, entries that are no floats as strings."""
        out = {
            "id": self.id,
            "dtype": self.dtype if self.inputs.dtype.kind == "f" else self.numbers.name,
            "network": self.network.to_dict(),
            "parameters": {name: _listed(value) for name, value in self.parameters.items()},
            "inputs": _listed(self.inputs),
            "targets": _listed(self.targets),
            "feedback": {name: _listed(value) for name, value in self.feedback.items()},
        }
        out |= {} if self.seed is None else {"seed": self.seed}
        out |= {name: list(names) for name in NAMED if (names := getattr(self, name))}
        out |= {"drawn": {name: value.tolist() for name, value in self.drawn.items()}} if self.drawn else {}
        out |= {"settings": dict(self.settings)} if self.settings else {}
        return out | {name: _listed_data(value) for name, value in self.data.items()}

    def to_json(self) -> str:
        """Return one line of JSON; floats as the shortest decimals that read back to the same number."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)


def check_short(problem: Problem, who: str) -> None:
    """Raise unless a problem has the short form: a stack, no optional arrays, a loss of kind, when, time, batch alone.

    Whoever computes the loss of a problem and does not know the rest would answer another question without a word.
    """
    check_plain(problem.network.loss, who)
    check_no_graph(problem.network, who)
    if problem.data:
        raise GradcertError(f"{who} with {', '.join(problem.data)}", allowed="a problem without optional arrays")


def problem_from_json(line: str | bytes, *, run: bool = False) -> Problem:
    """Read a problem back.

    Parameters
    ----------
    run : whether the files of cells of somebody else's, which the problem names, may be run.

    Raises
    ------
    GradcertError : if the line is not a problem.
    """
    return problem_from_record(parse(line, "the problem"), run=run)


def problem_from_record(given: Any, *, run: bool = False) -> Problem:
    """Return the problem of a parsed line, with arrays of its own at every call; errors as for `problem_from_json`."""
    spec = record(given, "the problem", needs=("dtype", "id", "network", "parameters", "inputs", "targets"))
    dtype = spec["dtype"]
    if dtype not in list(FORMATS):
        raise GradcertError(f"the dtype {dtype!r} of a problem", allowed=", ".join(FORMATS))
    made, dtype = dtype, FORMATS[dtype].held
    named = {part: record(spec.get(part, {}), part) for part in ("parameters", "feedback")}
    arrays = {part: {k: array(v, k, dtype=dtype) for k, v in values.items()} for part, values in named.items()}
    return Problem(
        id=spec["id"],
        network=from_dict(record(spec["network"], "the network of a problem"), run=run),
        inputs=array(spec["inputs"], "inputs", dtype=dtype),
        targets=array(spec["targets"], "targets", dtype=dtype),
        parameters=arrays["parameters"],
        feedback=arrays["feedback"],
        seed=spec.get("seed"),
        drawn={k: _whole(v, k) for k, v in record(spec.get("drawn", {}), "drawn").items()},
        settings=record(spec.get("settings", {}), "settings"),
        **_data(spec, dtype),
        wanted=tuple(map(str, spec.get("wanted", ()))),
        untrained=tuple(map(str, spec.get("untrained", ()))),
        format=made,
    )


def _data(spec: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Return the optional arrays of a parsed line."""
    out: dict[str, Any] = {}
    for part in ("initial", "masks", "readouts"):
        if part in spec:
            out[part] = {k: array(v, k, dtype=dtype) for k, v in record(spec[part], part).items()}
    if "weights" in spec:
        out["weights"] = array(spec["weights"], "weights", dtype=dtype)
    if "begins" in spec:
        begins = array(spec["begins"], "begins")
        if not np.isin(begins, (0, 1)).all():
            raise GradcertError("begins with other numbers than 0 and 1", allowed="1 where a sequence begins, else 0")
        out["begins"] = begins == 1
    if "initial_gradient" in spec:
        out["initial_gradient"] = spec["initial_gradient"]
    return out


def _whole(value: Any, name: str) -> Array:
    numbers = array(value, name)
    if not (numbers == np.floor(numbers)).all():
        raise GradcertError(f"{name} with other than whole numbers", allowed="steps, 0 and 1, or signs")
    return numbers.astype(int)


def _there(value: Any) -> bool:
    """Return whether an optional part of a problem is there."""
    return value is not None if isinstance(value, np.ndarray) or value is None else bool(value)


def _listed_data(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _listed(v) for name, v in value.items()}
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return value.astype(int).tolist()
    return _listed(value) if isinstance(value, np.ndarray) else value


def _listed(x: Any) -> Any:
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return x.tolist()
    return [_listed(e) for e in x] if np.ndim(x) else (float(x) if isinstance(x, (float, np.floating)) else str(x))
