"""The normalisers of UORO and KF-RTRL as published, square roots included: the code's draws against the recursions.

One vanilla layer, two steps from rest, one draw of signs. Everything is written out here with matrices: the one-step
Jacobian J = diag(phi') H, the immediate derivatives, the norms. Nothing of the estimators' code is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.elementary import ELEMENTS, plain, root, wrapped
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.proving.common import at_rest, compare_gradients, one_layer
from gradcert.derivations.proving.notation import matrix
from gradcert.derivations.proving.proof import Problem, Result, problem
from gradcert.reference import Rnn
from gradcert.reference.engines import record
from gradcert.reference.networks import rnn

NAMES = ("W", "H", "b")


def layer(units: int) -> Problem:
    """Return one vanilla layer with a bias and one input over two steps."""
    return at_rest(problem(one_layer(Rnn(), inputs=1, units=units), steps=2))


def estimate(p: Problem, method: Any, signs: Any) -> dict[str, Any]:
    """Run an estimator with its own normalisers."""
    given = {k: wrapped(v) for k, v in p.parameters.items()}
    found = method.gradients(p.network, given, wrapped(p.inputs), wrapped(p.targets), numbers=ELEMENTS, signs=signs)
    return {k: plain(v) for k, v in found.items()}


def length(values: Any) -> Any:
    """Return the Euclidean norm of everything in a list of matrices."""
    return root(sum(e * e for m in values for e in m))


def _steps(p: Problem) -> Any:
    """Yield, step by step: J, diag(phi'), what W, H and b multiply, and the error."""
    tape = record(p.network, p.parameters, p.inputs, numbers=SYMBOLS).layers[0]
    h = matrix(tape.p["H"])
    for t in range(len(p.inputs)):
        slope = sympy.diag(*tape.factors[rnn.OUTPUT][t, 0])
        sources = {"W": tape.x[t, 0], "H": tape.prev["z"][t, 0], "b": [sympy.S.One]}
        error = sympy.Matrix(list(tape.now["z"][t, 0] - p.targets[t, 0]))
        yield slope * h, slope, {k: sympy.Matrix(list(v)) for k, v in sources.items()}, error


def _add(total: dict[str, Any], name: str, term: Any) -> None:
    total[name] = total[name] + term if name in total else term


def _named(total: dict[str, Any], p: Problem) -> dict[str, Any]:
    return {
        f"layers.0.{k}": np.array(total[k].tolist(), dtype=object).reshape(p.parameters[f"layers.0.{k}"].shape)
        for k in NAMES
    }


def uoro_draw(p: Problem, signs: Any) -> dict[str, Any]:
    """Return the estimate as published: r0 = sqrt(|B| / |J A|), r1 = sqrt(|nu D| / |nu|)."""
    a: Any = None
    b: dict[str, Any] = {}
    total: dict[str, Any] = {}
    for t, (jacobian, slope, sources, error) in enumerate(_steps(p)):
        nu = sympy.Matrix([sympy.Integer(int(s)) for s in signs[t, 0]])
        fresh = {k: slope * nu * s.T for k, s in sources.items()}
        r1 = root(length(fresh.values()) / length([nu]))
        if a is None:
            a, b = r1 * nu, {k: f / r1 for k, f in fresh.items()}
        else:
            r0 = root(length(b.values()) / length([jacobian * a]))
            a, b = r0 * jacobian * a + r1 * nu, {k: b[k] / r0 + fresh[k] / r1 for k in NAMES}
        for k in NAMES:
            _add(total, k, (error.T * a)[0] * b[k])
    return _named(total, p)


def kf_draw(p: Problem, signs: Any) -> dict[str, Any]:
    """Return the estimate as published: p1 = sqrt(|J A| / |u|), p2 = sqrt(|diag phi'| / |a|)."""
    big: Any = None
    u: dict[str, Any] = {}
    total: dict[str, Any] = {}
    for t, (jacobian, slope, sources, error) in enumerate(_steps(p)):
        n1, n2 = (sympy.Integer(int(s)) for s in signs[0, t, 0])
        p2 = root(length([slope]) / length(sources.values()))
        if big is None:
            u, big = {k: n2 * p2 * s for k, s in sources.items()}, n2 * slope / p2
        else:
            moved = jacobian * big
            p1 = root(length([moved]) / length(u.values()))
            u = {k: n1 * p1 * u[k] + n2 * p2 * sources[k] for k in NAMES}
            big = n1 * moved / p1 + n2 * slope / p2
        for k in NAMES:
            _add(total, k, (error.T * big).T * u[k].T)
    return _named(total, p)


def published(method: Any, draw: Any, shape: tuple[int, ...], *, units: int) -> Result:
    """Compare one draw of an estimator with its published form."""
    p = layer(units)
    signs = np.where(np.arange(int(np.prod(shape))) % 3 == 1, -1, 1).reshape(shape)
    return compare_gradients(f"{units} units", estimate(p, method, signs), draw(p, signs))
