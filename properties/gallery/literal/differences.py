"""Gradients without a derivative rule: differences, complex steps, dual numbers, exact interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.properties.evaluation import directional
from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES
from gradcert.reference.engines import record
from gradcert.reference.networks import Problem


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


def interpolated(problem: Any) -> dict[str, Any]:
    """Return differences that are exact: a linear network's loss is a polynomial, and enough points determine it.

    The degree in one entry of H is at most 2 (T - 1) layer by layer, and the loss doubles it; all is done in
    fractions, so that the declared accuracy is that of the final rounding.
    """
    p = as_problem(problem).in_numbers(RATIONALS)
    degree = 2 * len(p.inputs) * p.network.depth
    points = range(-degree, degree + 1)

    def derivative(name: str, index: tuple[int, ...]) -> Fraction:
        total = Fraction(0)
        for k in points:
            value = p.parameters[name].copy()
            value[index] = value[index] + k
            loss = _loss(p, {**p.parameters, name: value})
            total += _lagrange_slope(k, points) * Fraction(int(loss.p), int(loss.q))
        return total

    return _each(p, derivative)


def _lagrange_slope(k: int, points: range) -> Fraction:
    """Return the derivative at 0 of the Lagrange polynomial that is 1 at k and 0 at the other points."""
    others = [j for j in points if j != k]
    scale = Fraction(1)
    for j in others:
        scale *= Fraction(1, k - j)
    total = Fraction(0)
    for left_out in others:
        product = Fraction(1)
        for j in others:
            if j != left_out:
                product *= -j
        total += product
    return scale * total


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
