"""Gradients without a derivative rule: differences, complex steps, dual numbers, differences in fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.properties.evaluation import directional
from gradcert.properties.numbers import RATIONALS, to_rational
from gradcert.reference import RULES
from gradcert.reference.engines import record
from gradcert.reference.networks import Problem

STEP = 300  # the step of differences in fractions is 2^-STEP


def as_problem(problem: Any) -> Problem:
    """Return the public fields of any problem as one of ours."""
    fields = ("network", "parameters", "inputs", "targets", "feedback")
    return Problem(**{name: getattr(problem, name) for name in fields})


def _loss(problem: Problem, parameters: Any) -> Any:
    outputs = record(problem.network, parameters, problem.inputs, numbers=problem.numbers).outputs
    return problem.network.loss.value(outputs, problem.targets, problem.numbers)


def _each(problem: Problem, derivative: Callable[[str, tuple[int, ...]], Any]) -> dict[str, Any]:
    return {
        name: np.reshape([float(derivative(name, i)) for i in np.ndindex(value.shape)], value.shape)
        for name, value in problem.parameters.items()
    }


def central(problem: Any, h: float) -> dict[str, Any]:
    """Return central differences of the loss."""
    p = as_problem(problem)

    def at(name: str, index: tuple[int, ...], step: float) -> Any:
        value = np.array(p.parameters[name])
        value[index] += step
        return _loss(p, {**p.parameters, name: value})

    return _each(p, lambda name, i: (at(name, i, h) - at(name, i, -h)) / (2 * h))


def in_fractions(problem: Any) -> dict[str, Any]:
    """Return central differences in fractions, where neither a small step nor a subtraction costs accuracy.

    The loss of a linear network is a polynomial: nothing is rounded before the end, and what the difference leaves out
    is of the order of the step's square. Below the step itself the difference says nothing, and 0 is returned.
    """
    p = as_problem(problem).in_numbers(RATIONALS)
    h = Fraction(1, 2**STEP)

    def at(name: str, index: tuple[int, ...], step: Fraction) -> Fraction:
        value = p.parameters[name].copy()
        value[index] = value[index] + to_rational(step)
        loss = _loss(p, {**p.parameters, name: value})
        return Fraction(int(loss.p), int(loss.q))

    def derivative(name: str, index: tuple[int, ...]) -> Fraction:
        return round((at(name, index, h) - at(name, index, -h)) / (2 * h) / h) * h

    return _each(p, derivative)


def complex_step(problem: Any) -> dict[str, Any]:
    """Return Im f(w + ih) / h for a tanh network: no subtraction, so that h may be tiny."""
    p = as_problem(problem)
    h = 2.0**-100

    def loss(parameters: dict[str, Any]) -> Any:
        z: Any = 0
        outputs, x = [], p.inputs.astype(complex)
        w, lateral = parameters["layers.0.W"], parameters.get("layers.0.H", 0 * parameters["layers.0.W"][:, :1])
        z = np.zeros((x.shape[1], w.shape[0]), dtype=complex)
        for t in range(len(x)):
            back = z @ lateral.T if lateral.shape[0] == lateral.shape[1] and "layers.0.H" in parameters else 0
            z = np.tanh(x[t] @ w.T + back + parameters.get("layers.0.b", 0))
            outputs.append(z)
        error = (np.array(outputs) - p.targets) ** 2 / 2
        if p.network.loss.when == "last":
            error = error[-1:]
        return error.sum()

    def derivative(name: str, index: tuple[int, ...]) -> Any:
        moved = {k: v.astype(complex) for k, v in p.parameters.items()}
        moved[name][index] += 1j * h
        return loss(moved).imag / h

    return _each(p, derivative)


def duals(problem: Any) -> dict[str, Any]:
    """Return forward-mode derivatives, one parameter entry at a time."""
    p = as_problem(problem)

    def derivative(name: str, index: tuple[int, ...]) -> Any:
        _, layer, local = name.split(".")
        direction = np.zeros(p.parameters[name].shape)
        direction[index] = 1
        return directional(p, RULES["ostl"], int(layer), {local: direction})

    return _each(p, derivative)


def rationals(problem: Any) -> dict[str, Any]:
    """Return the gradient in exact rationals, rounded once."""
    from gradcert.properties.evaluation import row

    found = row(replace(as_problem(problem)).in_numbers(RATIONALS), RULES["ostl"])
    return {k: np.reshape([float(e) for e in v.flat], v.shape) for k, v in found.items()}
