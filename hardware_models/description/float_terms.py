"""A floating-point description as terms of z3's floating-point theory.

Every floating-point operation is the theory's own, rounded to nearest, ties to even; fixed-point nodes (spikes, masks)
are Int terms as elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import z3

from gradcert.hardware_models.arithmetic import BFLOAT16, FloatFormat, Format
from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.hardware_models.description.terms import Terms, fixed_operation
from gradcert.reference.errors import GradcertError

NEAREST = z3.RNE()


def sort(fmt: FloatFormat = BFLOAT16) -> Any:
    """Return the theory's sort of a format.

    Examples
    --------
    >>> sort().ebits(), sort().sbits()
    (8, 8)
    """
    return z3.FPSort(fmt.exponent, fmt.significand)


def literal(value: Fraction | float, fmt: FloatFormat = BFLOAT16) -> Any:
    """Return a value of the format (exactly representable values only are meant) as a term."""
    exact = Fraction(value)
    return z3.simplify(z3.fpToFP(NEAREST, z3.Q(exact.numerator, exact.denominator), sort(fmt)))


def float_step(program: Program, *, prefix: str = "") -> Terms:
    """Return one step of a floating-point description; `overflow` stays empty, infinities are values of the theory.

    Examples
    --------
    >>> from gradcert.hardware_models.catalogue import program
    >>> str(float_step(program("bfloat16", "ottt")).values["v.next[0]"].sort())
    'FPSort(8, 8)'
    """
    flat = elaborate(program)
    nodes = {n.name: n for n in flat.nodes}
    out = Terms(flat)
    for node in flat.nodes:
        fmt, name = node.numeric.format, node.name
        if node.kind == "constant":
            out.values[name] = (
                z3.IntVal(node.stored[0]) if isinstance(fmt, Format) else literal(fmt.round(node.real[0]))
            )
        elif node.kind in ("input", "state", "random"):
            out.values[name] = z3.Int(prefix + name) if isinstance(fmt, Format) else z3.FP(prefix + name, sort(fmt))
            if isinstance(fmt, Format):
                low, high = node.bounds
                out.assume.extend([out.values[name] >= low, out.values[name] <= high])
        elif all(isinstance(nodes[a].numeric.format, Format) for a in node.args) and isinstance(fmt, Format):
            fixed_operation(node, nodes, out)
        else:
            operands = [nodes[a] for a in node.args]
            out.values[name] = _operate(node, operands, [out.values[a] for a in node.args])
    return out


def _real(node: Node, term: Any) -> Any:
    """Return a fixed-point operand (spike, mask: one bit) as a float."""
    if isinstance(node.numeric.format, FloatFormat):
        return term
    if (node.format.width, node.format.radix) != (1, 0):
        raise GradcertError(f"{node.name} in {node.format}", allowed="one bit beside floats", do="cast it first")
    return z3.If(term == 1, literal(1), literal(0))


def _operate(node: Node, operands: Sequence[Node], terms: Sequence[Any]) -> Any:
    kind = node.kind
    if kind == "select":
        then, otherwise = (_real(n, t) for n, t in zip(operands[1:], terms[1:], strict=True))
        return z3.If(terms[0] == 1, then, otherwise)
    args = [_real(n, t) for n, t in zip(operands, terms, strict=True)]
    if kind in ("add", "sub", "mul"):
        operation = {"add": z3.fpAdd, "sub": z3.fpSub, "mul": z3.fpMul}[kind]
        return operation(NEAREST, *args)
    if kind == "shift":
        return z3.fpMul(NEAREST, args[0], literal(Fraction(2) ** node.shift))
    if kind in ("ge", "gt"):
        holds = z3.fpGEQ(*args) if kind == "ge" else z3.fpGT(*args)
        return z3.If(holds, z3.IntVal(1), z3.IntVal(0))
    if kind in ("min", "max"):
        first = z3.fpLEQ(*args) if kind == "min" else z3.fpGEQ(*args)
        return z3.If(first, args[0], args[1])
    if kind == "abs":
        return z3.fpAbs(args[0])
    if kind == "cast":
        return args[0]
    raise GradcertError(f"{node.name}: {kind} on floating point", do="add it to float_terms.py")
