"""The derivative of a formula by one of its leaves."""

from __future__ import annotations

from gradcert.certify.diagnosis.equations.term import ONE, Symbols, Term


def derivative(t: Term, leaf: Term) -> Term | None:
    """Return the derivative; None where the leaf does not occur, or only in what has no derivative.

    Examples
    --------
    >>> v, z = Term("prev", name="v"), Term("prev", name="z")
    >>> str(derivative(v * (1 - z), z))
    "-v'"
    >>> derivative(v * v, z) is None
    True
    """
    if t == leaf:
        return ONE
    d = [derivative(a, leaf) for a in t.args] if t.op != "drive" else []
    if all(x is None for x in d):
        return None
    a, symbols = t.args, Symbols()
    match t.op:
        case "+":
            return d[0] if d[1] is None else d[1] if d[0] is None else d[0] + d[1]
        case "-":
            return d[0] if d[1] is None else -d[1] if d[0] is None else d[0] - d[1]
        case "*":
            return _total(_times(d[0], a[1]), _times(d[1], a[0]))
        case "/":
            by = None if d[1] is None else _negative(d[1] * (a[0] / (a[1] * a[1])))
            return _total(None if d[0] is None else d[0] / a[1], by)
        case "**":
            power = a[1].name
            if d[0] is None or a[1].op != "number":  # a parameter in the exponent: no derivative is written here
                return None
            return d[0] * power * a[0] ** (power - 1)
        case "neg":
            return _negative(d[0])
        case "apply":
            slope = symbols.slope(t.name, a[0])
        case "exp":
            slope = t
        case "tanh":
            slope = 1 - t * t
        case "sqrt":
            slope = 1 / (2 * t)
        case "cos":
            slope = -symbols.sin(a[0])
        case "sin":
            slope = symbols.cos(a[0])
        case "absolute":
            slope = symbols.where(a[0], ">=", 0, 1, -1)
        case "where":
            then, otherwise = (x if x is not None else 0 for x in d[2:])
            return symbols.where(a[0], t.name, a[1], then, otherwise)
        case _:
            return None
    return None if d[0] is None else slope * d[0]


def _times(d: Term | None, other: Term) -> Term | None:
    return None if d is None else d * other


def _negative(d: Term | None) -> Term | None:
    if d is None:
        return None
    if d.op == "*" and d.args[0].op == "neg":
        return d.args[0].args[0] * d.args[1]
    return -d


def _total(x: Term | None, y: Term | None) -> Term | None:
    return x if y is None else y if x is None else x + y
