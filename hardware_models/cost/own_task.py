"""A network and a sequence of one's own, in the place of the random task, stored in a profile's formats."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import FloatFormat
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.cost.random_task import KEYS, Task, units_of
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.random import random_inputs
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError
from gradcert.reference.outside import read

Array = np.ndarray[Any, Any]
ARRAYS = {
    "W": "(neurons, inputs)",
    "H": "(neurons, neurons)",
    "Wo": "(outputs, neurons)",
    "x": "(steps, inputs)",
    "target": "(steps, outputs)",
}
CONSTANTS = ("leak", "readout_leak", "adaptation_leak", "adaptation_strength", "threshold")
LATERAL = ("ostl-recurrent", "e-prop", "e-prop-alif")  # rules of a network with weights H
RECKON = Fraction(7, 8)  # its smallest leak
MOST = 2**28  # bytes of a file


@dataclass(frozen=True)
class Own:
    """Weights in real numbers, one sequence of spikes and targets, and neuron constants that are not the profile's.

    Parameters
    ----------
    weights : `W` (neurons, inputs), `Wo` (outputs, neurons), and `H` (neurons, neurons) where the rule has it.
    x, target : spikes (steps, inputs), 0 or 1; what the readout should be, (steps, outputs).
    constants : of `CONSTANTS`; what is left out is the profile's.
    name : what it is called in a heading.

    Raises
    ------
    GradcertError : where the arrays do not fit together.

    Examples
    --------
    >>> own = Own({"W": np.ones((3, 2)), "Wo": np.ones((1, 3))}, np.ones((5, 2)), np.zeros((5, 1)), {"leak": 0.9})
    >>> own.sizes
    {'inputs': 2, 'neurons': 3, 'outputs': 1}
    """

    weights: Mapping[str, Array]
    x: Array
    target: Array
    constants: Mapping[str, float] = field(default_factory=dict)
    name: str = "a network of your own"

    def __post_init__(self) -> None:
        given = {**self.weights, "x": self.x, "target": self.target}
        self._known(given)
        arrays = {name: self._numbers(name, values) for name, values in given.items()}
        object.__setattr__(self, "weights", {name: arrays[name] for name in ("W", "H", "Wo") if name in arrays})
        object.__setattr__(self, "x", arrays["x"])
        object.__setattr__(self, "target", arrays["target"])
        if not np.isin(self.x, (0, 1)).all():
            raise self._error("x holds other values than 0 and 1", "spikes")
        for name in CONSTANTS:
            if name in self.constants and not self._fits(name):
                asked = "a number above 0" if name == "threshold" else "a number of at least 0 and below 1"
                raise self._error(f"{name} = {self.constants[name]}", asked)

    def _known(self, given: Mapping[str, object]) -> None:
        known = (*ARRAYS, *CONSTANTS)
        if unknown := [name for name in (*given, *self.constants) if name not in known]:
            raise self._error(f"an array {unknown[0]!r}", ", ".join(known))
        if missing := [name for name in ARRAYS if name not in given and name != "H"]:
            raise self._error(f"no array {missing[0]!r}", f"{missing[0]} {ARRAYS[missing[0]]}")

    def _numbers(self, name: str, values: object) -> Array:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise self._error(f"{name} holds {array.dtype}", "real numbers")
        if array.ndim != 2 or not array.size:
            raise self._error(f"{name} has the shape {list(array.shape)}", f"{ARRAYS[name]}, none of them 0")
        if not np.isfinite(array).all():
            raise self._error(f"{name} holds what is no finite number", "finite numbers")
        sizes = self._sizes()
        wanted = tuple(sizes[axis] for axis in ARRAYS[name].strip("()").split(", "))
        if array.shape != wanted:
            told = ", ".join(f"{count} {axis}" for axis, count in sizes.items())
            raise self._error(f"{name} has the shape {list(array.shape)}", f"{ARRAYS[name]} = {list(wanted)}: {told}")
        return array.astype(float)

    def _sizes(self) -> dict[str, int]:
        """Return the sizes as `x`, `W` and `target` have them, in this order."""
        inputs, steps = np.shape(self.x)[-1:], np.shape(self.x)[:1]
        neurons, outputs = np.shape(self.weights["W"])[:1], np.shape(self.target)[-1:]
        of = {"steps": steps, "inputs": inputs, "neurons": neurons, "outputs": outputs}
        return {name: int(size[0]) if size else 0 for name, size in of.items()}

    def _fits(self, name: str) -> bool:
        value = np.asarray(self.constants[name])
        if value.shape != () or value.dtype.kind not in "iuf" or not np.isfinite(value):
            return False
        return bool(value > 0 if name == "threshold" else 0 <= value < 1)

    def _error(self, found: str, allowed: str) -> GradcertError:
        return GradcertError(f"{self.name}: {found}", allowed=allowed)

    @property
    def sizes(self) -> dict[str, int]:
        """Inputs, neurons and outputs."""
        return {name: size for name, size in self._sizes().items() if name != "steps"}

    @property
    def steps(self) -> int:
        """How long the sequence is."""
        return len(self.x)

    def on(self, p: Profile) -> Profile:
        """Return the profile with the constants of this network.

        Raises
        ------
        GradcertError : where a constant is beyond what the profile's format for it holds.
        """
        if p.name.startswith("reckon") and not RECKON <= self.constants.get("leak", p.leak):
            raise self._error(f"leak = {self.constants['leak']:g}", "on reckon from 0.875 (hardware.md 1.1)")
        for name, value in self.constants.items():
            fmt = p["membrane"].format if name == "threshold" else p.leak_format
            if not isinstance(fmt, FloatFormat) and round(float(value) / float(fmt.ulp)) > fmt.high:
                raise self._error(
                    f"{name} = {float(value):g}", f"up to {float(fmt.high * fmt.ulp):g}, in {fmt} of {p.name}"
                )
        constants: dict[str, Any] = {name: Fraction(float(value)) for name, value in self.constants.items()}
        return replace(p, **constants)

    def described(self, p: Profile, rule: str) -> Program:
        """Return the step of a rule in this network's sizes.

        Raises
        ------
        GradcertError : where the rule has weights that the network has not, or the other way round.
        """
        if (rule in LATERAL) != ("H" in self.weights):
            has, wants = ("H", "no lateral weights") if "H" in self.weights else ("no H", f"H {ARRAYS['H']}")
            raise self._error(f"{has} for {rule}", f"{wants}: lateral weights are of {', '.join(LATERAL)}")
        if "H" in self.weights and rule.startswith("e-prop") and np.diagonal(self.weights["H"]).any():
            raise self._error(f"H has a diagonal that is not zero, for {rule}", "no neuron that is its own input")
        return RULES[rule](p, **self.sizes)

    def task(self, p: Profile, step: Program, seed: int) -> Task:
        """Return the sequence and the weights in the profile's formats; `seed` is that of random words."""
        given = [dict(one) for one in random_inputs(step, self.steps, seed)]
        weights = {n: _stored(step.node(n), self.weights[n]) for n in KEYS if step.has(n)}
        target = _stored(step.node("target"), self.target)
        for t, one in enumerate(given):
            one["x"], one["target"] = self.x[t].astype(np.int64), target[t]
            if "window_end" in one:
                one["window_end"] = np.array(0)
            if p.update == "pulses":
                one.update(weights)
        return Task(given, weights)

    def rounded(self, step: Program) -> str:
        """Return one sentence on what the formats make of weights and targets, which the ledger does not count."""
        parts = []
        for name, values in {**self.weights, "target": self.target}.items():
            node = step.node(name)
            kept = _stored(node, values) * units_of(node.numeric.format)
            size = float(np.linalg.norm(values))
            lost = float(np.linalg.norm(kept - values)) / size if size else 0.0
            limited = 0
            if not isinstance(node.numeric.format, FloatFormat):
                limited = int((np.abs(kept - values) > float(node.format.ulp) / 2 * (1 + 1e-9)).sum())
            beyond = f", {limited} of {values.size} beyond its range" if limited else ""
            parts.append(f"{name} {100 * lost:.2g} % ({node.numeric.format}{beyond})")
        return (
            "What storing your numbers costs comes before all this and is in no figure here, |stored - given| / "
            f"|given|: {', '.join(parts)}"
        )


def _stored(node: Node, values: Array) -> Array:
    """Return the nearest stored integers, ties to even, limited to the range; of floating point the rounded numbers."""
    fmt = node.numeric.format
    if isinstance(fmt, FloatFormat):
        return np.array([float(fmt.round(Fraction(float(v)))) for v in values.ravel()]).reshape(values.shape)
    return np.clip(np.rint(values / units_of(fmt)), fmt.low, fmt.high).astype(np.int64)


def read_network(path: str | Path) -> Own:
    """Return the network of a file that `numpy.savez` wrote.

    Raises
    ------
    GradcertError : where it is none, or its arrays do not fit together.
    """
    file = Path(path)
    data = read(file, "an .npz file with W, Wo, x, target", most=MOST)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(one.file_size for one in packed.infolist()) > MOST:
                raise GradcertError(f"{path} holds more than {MOST // 2**20} MiB", allowed="a smaller network")
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, GradcertError):
            raise
        raise GradcertError(
            f"{path} is no .npz file of plain arrays ({str(error).splitlines()[0] if str(error) else 'damaged'})",
            do=f"write it with numpy.savez({file.name!r}, W=..., Wo=..., x=..., target=...)",
        ) from None
    constants = {name: arrays.pop(name) for name in CONSTANTS if name in arrays}
    x, target = (arrays.pop(name, None) for name in ("x", "target"))
    for name, values in (("x", x), ("target", target), ("W", arrays.get("W"))):
        if values is None:
            raise GradcertError(f"{path}: no array {name!r}", allowed=f"{name} {ARRAYS[name]}")
    assert x is not None and target is not None
    scalars = {name: value.item() if value.shape == () else value for name, value in constants.items()}
    return Own(arrays, x, target, scalars, name=file.name)
