"""Solver terms evaluated over arrays: the very term that proofs use, walked once, on 10**5 values at a time.

Integers are exact: int64 where the operands' ranges allow, Python integers where they do not. A bit-vector is held as
the signed value of its bits and brought back into its width after every operation. Meanings are SMT-LIB's (floor
division by a positive divisor, modulo never negative); `spot_check` asks z3's own simplifier about single points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import is_fast, round_floats
from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]


def _reach(x: Array) -> tuple[int, int]:
    return (int(x.min()), int(x.max())) if x.size else (0, 0)


def _narrow(x: Array) -> Array:
    """Return int64 where every value fits the fast path, Python integers otherwise."""
    fast = is_fast(*_reach(x))
    return x if fast == (x.dtype != object) else x.astype(np.int64 if fast else object)


def _grown(a: Array, b: Array, *, product: bool) -> tuple[Array, Array]:
    """Return the operands wide enough for their exact sum, difference or product."""
    (p, q), (r, s) = _reach(a), _reach(b)
    size, other = max(-p, q), max(-r, s)
    bound = size * other if product else size + other
    if is_fast(-bound, bound):
        return a, b
    return a.astype(object), b.astype(object)


def _total(parts: Sequence[Array]) -> Array:
    total = parts[0]
    for part in parts[1:]:
        a, b = _grown(total, part, product=False)
        total = a + b
    return total


def _difference(parts: Sequence[Array]) -> Array:
    return _total([parts[0], *(-_narrow(p) for p in parts[1:])])


def _product(parts: Sequence[Array]) -> Array:
    total = parts[0]
    for part in parts[1:]:
        a, b = _grown(total, part, product=True)
        total = _narrow(a * b)
    return total


def _positive(divisor: Array) -> Array:
    if _reach(divisor)[0] <= 0:
        raise GradcertError("a division by a term that is not positive", do="divide by positive constants only")
    return divisor


def _choose(parts: Sequence[Array]) -> Array:
    condition, then, otherwise = parts
    if object in (then.dtype, otherwise.dtype):
        then, otherwise = then.astype(object), otherwise.astype(object)
    return np.where(condition, then, otherwise)


def _all(parts: Sequence[Array]) -> Array:
    total = parts[0]
    for part in parts[1:]:
        total = total & part
    return total


def _any(parts: Sequence[Array]) -> Array:
    return ~_all([~p for p in parts])


_PLAIN: dict[int, Callable[[Sequence[Array]], Array]] = {
    z3.Z3_OP_ITE: _choose,
    z3.Z3_OP_AND: _all,
    z3.Z3_OP_OR: _any,
    z3.Z3_OP_NOT: lambda p: ~p[0],
    z3.Z3_OP_IMPLIES: lambda p: ~p[0] | p[1],
    z3.Z3_OP_EQ: lambda p: np.asarray(p[0] == p[1], bool),
    z3.Z3_OP_DISTINCT: lambda p: np.asarray(p[0] != p[1], bool),
    z3.Z3_OP_LE: lambda p: np.asarray(p[0] <= p[1], bool),
    z3.Z3_OP_LT: lambda p: np.asarray(p[0] < p[1], bool),
    z3.Z3_OP_GE: lambda p: np.asarray(p[0] >= p[1], bool),
    z3.Z3_OP_GT: lambda p: np.asarray(p[0] > p[1], bool),
    z3.Z3_OP_ADD: _total,
    z3.Z3_OP_SUB: _difference,
    z3.Z3_OP_MUL: _product,
    z3.Z3_OP_UMINUS: lambda p: -_narrow(p[0]),
    z3.Z3_OP_IDIV: lambda p: p[0] // _positive(p[1]),
    z3.Z3_OP_MOD: lambda p: p[0] % _positive(p[1]),
}


def _shifted_left(parts: Sequence[Array]) -> Array:
    return _product([parts[0], np.asarray(1 << int(parts[1].ravel()[0]))])


_BITS: dict[int, Callable[[Sequence[Array]], Array]] = {
    z3.Z3_OP_BADD: _total,
    z3.Z3_OP_BSUB: _difference,
    z3.Z3_OP_BMUL: _product,
    z3.Z3_OP_BNEG: lambda p: -_narrow(p[0]),
    z3.Z3_OP_BSHL: _shifted_left,
    z3.Z3_OP_BASHR: lambda p: p[0] >> p[1],
    z3.Z3_OP_BAND: lambda p: p[0] & p[1],
    z3.Z3_OP_SLEQ: _PLAIN[z3.Z3_OP_LE],
    z3.Z3_OP_SLT: _PLAIN[z3.Z3_OP_LT],
    z3.Z3_OP_SGEQ: _PLAIN[z3.Z3_OP_GE],
    z3.Z3_OP_SGT: _PLAIN[z3.Z3_OP_GT],
    z3.Z3_OP_SIGN_EXT: lambda p: p[0],
}


def _exact(operation: Callable[[Array, Array], Array]) -> Callable[[Sequence[Array]], Array]:
    """The theory's operation: exact in float64 as far as it matters, then rounded once (parts[0] is the mode)."""
    return lambda p: round_floats(operation(p[1], p[2]))


_FLOATS: dict[int, Callable[[Sequence[Array]], Array]] = {
    z3.Z3_OP_FPA_ADD: _exact(np.add),
    z3.Z3_OP_FPA_SUB: _exact(np.subtract),
    z3.Z3_OP_FPA_MUL: _exact(np.multiply),
    z3.Z3_OP_FPA_ABS: lambda p: np.abs(p[0]),
    z3.Z3_OP_FPA_NEG: lambda p: -p[0],
    z3.Z3_OP_FPA_GE: _PLAIN[z3.Z3_OP_GE],
    z3.Z3_OP_FPA_GT: _PLAIN[z3.Z3_OP_GT],
    z3.Z3_OP_FPA_LE: _PLAIN[z3.Z3_OP_LE],
    z3.Z3_OP_FPA_LT: _PLAIN[z3.Z3_OP_LT],
}


def _signed(x: Array, width: int) -> Array:
    """Return the signed value of the low `width` bits."""
    low, high = _reach(x)
    half = 1 << (width - 1)
    if -half <= low and high < half:
        return _narrow(x)
    wide = x.astype(object)
    return _narrow(((wide + half) & ((1 << width) - 1)) - half)


def float_value(term: Any) -> float:
    """Return the float64 value of a concrete floating-point term.

    Examples
    --------
    >>> float_value(z3.FPVal(0.375, z3.FPSort(8, 8)))
    0.375
    """
    if term.isInf():
        return -np.inf if term.isNegative() else np.inf
    return float(z3.simplify(z3.fpToReal(term)).as_fraction())


def _constant(term: Any) -> Array | None:
    if z3.is_int_value(term):
        return _narrow(np.asarray(term.as_long(), dtype=object))
    if z3.is_bv_value(term):
        return _narrow(np.asarray(term.as_signed_long(), dtype=object))
    if z3.is_fp_value(term):
        return np.asarray(float_value(term))
    if z3.is_fprm(term):
        return np.asarray(0)  # the only mode there is: to nearest, ties to even
    if z3.is_true(term) or z3.is_false(term):
        return np.asarray(z3.is_true(term))
    return None


def _apply(term: Any, parts: Sequence[Array]) -> Array:
    kind = term.decl().kind()
    if kind == z3.Z3_OP_EXTRACT:
        top, bottom = term.params()
        return _signed(parts[0] >> bottom, top - bottom + 1)
    if kind == z3.Z3_OP_ZERO_EXT:
        width = term.arg(0).size()
        return _signed(parts[0].astype(object) & ((1 << width) - 1), term.size())
    if kind in _FLOATS:
        return _FLOATS[kind](parts)
    if kind in _BITS:
        found = _BITS[kind](parts)
        return _signed(found, term.size()) if z3.is_bv(term) else found
    if kind in _PLAIN:
        found = _PLAIN[kind](parts)
        return _narrow(found) if z3.is_int(term) or z3.is_bv(term) else found
    raise GradcertError(f"solver operation {term.decl()}", do="add it to evaluate.py")


def evaluate(terms: Mapping[str, Any], leaves: Mapping[str, Array]) -> dict[str, Array]:
    """Return the value of every term where its variables have given values.

    Parameters
    ----------
    terms : Int or bit-vector terms by name.
    leaves : the values of the variables by their solver name, each (steps,).

    Examples
    --------
    >>> x = z3.Int("x")
    >>> evaluate({"half": x / 2, "rest": x % 2}, {"x": np.array([-3, 3])})
    {'half': array([-2,  1]), 'rest': array([1, 1])}
    """
    known: dict[int, Array] = {}
    for term in terms.values():
        waiting = [term]
        while waiting:
            top = waiting[-1]
            key = top.get_id()
            if key in known:
                waiting.pop()
                continue
            constant = _constant(top)
            if constant is not None:
                known[key] = constant
            elif z3.is_const(top):
                column = np.asarray(leaves[top.decl().name()])
                known[key] = column.astype(float) if z3.is_fp(top) else _narrow(column)
            else:
                children = [top.arg(i) for i in range(top.num_args())]
                open_ = [c for c in children if c.get_id() not in known]
                if open_:
                    waiting.extend(open_)
                    continue
                known[key] = _apply(top, [known[c.get_id()] for c in children])
            waiting.pop()
    shape = np.shape(next(iter(leaves.values())))
    return {name: np.broadcast_to(known[term.get_id()], shape) for name, term in terms.items()}


def spot_check(terms: Mapping[str, Any], leaves: Mapping[str, Array], steps: Sequence[int]) -> str | None:
    """Ask z3's own simplifier about some steps; returns the first term on which `evaluate` and z3 differ.

    `terms` are a step's `values`: a leaf's own entry says of which sort its variable is.
    """
    mine = evaluate(terms, leaves)
    for step in steps:
        pairs = [(terms[name], _value(terms[name], column[step])) for name, column in leaves.items()]
        for name, term in terms.items():
            found = z3.simplify(z3.substitute(term, *pairs))
            if z3.is_fp(found):
                same = float_value(found) == float(mine[name][step])
            else:
                same = (found.as_signed_long() if z3.is_bv(found) else found.as_long()) == int(mine[name][step])
            if not same:
                return name
    return None


def _value(variable: Any, value: Any) -> Any:
    if z3.is_fp(variable):
        return z3.FPVal(float(value), variable.sort())
    return z3.BitVecVal(int(value), variable.size()) if z3.is_bv(variable) else z3.IntVal(int(value))
