"""Pseudo-derivatives of a scaled distance: a step does not see a positive factor, its pseudo-derivative does.

The spike is Theta(v - A), and Theta((v - A) / u) is the same spike for every u > 0. A pseudo-derivative is a function
h' put in the place of Theta', and there the choice shows: (1/u) h'((v - A) / u) instead of h'(v - A), and a derivative
by u where u is trained or moves with the adaptation (mathematics.md 2, e-prop psi; traps T45, T46). So a cell
that states a scale is proved about h((v - A) / u), h undefined: the code's own margin, divided here by the scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def scale_of(
    cell: Any, p: Mapping[str, Array], node: str, place: tuple[int, ...], units: int, of_step: Callable[[str], Any]
) -> Any:
    """Return what the margin of a node is divided by at one (sample, unit), or None where it is not.

    Parameters
    ----------
    cell : a cell; only the adaptive LIF neuron has the option ``scaling``.
    p : its parameters and constants.
    node, place, units : which entry of which node, and the layer's number of units.
    of_step : the name of another node's value at the same step and place.

    Examples
    --------
    >>> from gradcert.reference import Alif
    >>> p = {"threshold": np.array(sympy.Symbol("th")), "beta": np.array(sympy.Symbol("b"))}
    >>> scale_of(Alif(scaling="adaptive_threshold"), p, "z", (0, 0), 1, sympy.Symbol)
    b*k + th
    """
    scaling = getattr(cell, "scaling", "none")
    if node != "z" or scaling == "none":
        return None

    def constant(name: str) -> Any:
        return sympy.sympify(np.broadcast_to(np.asarray(p[name], dtype=object), (units,))[place[-1]])

    adaptation = constant("beta") * of_step("k") if scaling == "adaptive_threshold" else 0
    return constant("threshold") + adaptation


def rescaled(spike: Any, scale: Any) -> Any:
    """Return h(x / scale) for h(x), a step.

    Examples
    --------
    >>> h = sympy.Function("h")
    >>> x, u = sympy.symbols("x u")
    >>> rescaled(h(x - u), u)
    h(-1 + x/u)
    """
    e = sympy.sympify(spike)
    if not e.is_Function:
        raise GradcertError(f"the spike {e} is no step of a margin", allowed="h(v - A)")
    return e.func(sympy.expand(e.args[0] / scale))
