"""Running every executable form of one description on the same random steps, and saying where two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Format
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.program import Program, elaborate, with_lanes
from gradcert.hardware_models.description.random import flatten, random_inputs, random_states
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Difference:
    """The first intermediate, in order of operation, on which two forms of a description disagree."""

    step: int
    name: str
    one: float
    other: float


def history(program: Program, inputs: list[dict[str, Array]]) -> list[dict[str, Any]]:
    """Run the NumPy simulator and return every intermediate of every step by elaborated name."""
    simulator = Simulator(program)
    return [flatten(program, simulator.step(one)) for one in inputs]


def oracle_difference(program: Program, inputs: list[dict[str, Array]]) -> Difference | None:
    """Compare the NumPy simulator with the Fraction oracle on every intermediate that both have."""
    oracle = Oracle(program)
    ulps = {n.name: getattr(n.numeric.format, "ulp", Fraction(1)) for n in oracle.flat.nodes}
    for step, (one, seen) in enumerate(zip(inputs, history(program, inputs), strict=True)):
        values = oracle.step(flatten(program, one))
        for node in oracle.flat.operations:
            if node.name in seen and Fraction(seen[node.name]) * ulps[node.name] != values[node.name]:
                return Difference(step, node.name, seen[node.name], float(values[node.name] / ulps[node.name]))
    return None


def solver_difference(program: Program, inputs: list[dict[str, Array]], *, bits: bool) -> Difference | None:
    """Compare the simulator with the solver terms, over Int or bit-vectors, evaluated step by step."""
    import z3

    from gradcert.hardware_models.description.terms import bit_step, int_step

    terms = bit_step(program) if bits else int_step(program)
    flat = terms.program
    leaves = [n.name for n in flat.of_kind("input", "random", "state")]
    names = [n.name for n in flat.operations]
    simulator = Simulator(program)
    for step, one in enumerate(inputs):
        at = flatten(program, one) | flatten(program, simulator.state)
        seen = flatten(program, simulator.step(one))
        pairs = []
        for leaf in leaves:
            variable = terms.values[leaf]
            pairs.append((variable, z3.BitVecVal(at[leaf], variable.size()) if bits else z3.IntVal(at[leaf])))
        for name in names:
            if name in seen:
                value = z3.simplify(z3.substitute(terms.values[name], *pairs))
                got = value.as_signed_long() if bits else value.as_long()
                if got != seen[name]:
                    return Difference(step, name, seen[name], got)
    return None


def rtl_difference(
    program: Program, inputs: list[dict[str, Array]], *, verilog: str | None = None
) -> Difference | None:
    """Compare the simulator with the generated RTL in Icarus."""
    from gradcert.hardware_models.rtl.icarus import simulate_rtl

    flat_inputs = [flatten(program, one) for one in inputs]
    columns = {name: np.array([one[name] for one in flat_inputs]) for name in flat_inputs[0]}
    seen = simulate_rtl(program, columns, verilog=verilog)
    mine = history(program, inputs)
    first: Difference | None = None
    for node in elaborate(program).operations:
        if node.name not in mine[0]:
            continue
        column = np.array([m[node.name] for m in mine], dtype=seen[node.name].dtype)
        wrong = np.flatnonzero(column != seen[node.name])
        if wrong.size and (first is None or wrong[0] < first.step):
            step = int(wrong[0])
            first = Difference(step, node.name, int(column[step]), int(seen[node.name][step]))
    return first


def steps_from_random_states(program: Program, steps: int, seed: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return (leaves, intermediates) of independent steps from random states, by elaborated name, each (steps,).

    The simulator runs all steps at once as lanes, so that 10**5 of them take well under a second.
    """
    wide = with_lanes(program, steps)
    simulator = Simulator(wide)
    simulator.state = random_states(wide, seed)
    given = random_inputs(wide, 1, seed)[0]
    before = {**given, **simulator.state}
    after = simulator.step(given)
    out: list[dict[str, Array]] = []
    for arrays in (before, after):
        flat = {}
        for node in program.nodes:
            if node.name in arrays and node.kind != "constant":
                for index in np.ndindex(program.shape(node)):
                    label = f"{node.name}[{','.join(map(str, index))}]" if index else node.name
                    flat[label] = arrays[node.name][(slice(None), *index)]
        out.append(flat)
    return out[0], out[1]


FORMS = ("Fractions", "Int terms", "bit-vectors", "floating-point theory", "RTL")


def forms_of(program: Program) -> tuple[str, ...]:
    """Return the forms that a description has besides the NumPy simulator.

    Examples
    --------
    >>> from gradcert.hardware_models.catalogue import program
    >>> forms_of(program("bfloat16", "ottt"))
    ('Fractions', 'floating-point theory')
    """
    fixed = program.is_fixed
    return tuple(f for f in FORMS if f == "Fractions" or (f == "floating-point theory") != fixed)


def lanes_difference(program: Program, steps: int, seed: int, *, form: str) -> Difference | None:
    """Compare the simulator with another form of the description on independent steps from random states.

    Parameters
    ----------
    program : a description.
    steps, seed : how many steps, from which seed.
    form : ``Fractions`` (the oracle), ``Int terms``, ``bit-vectors`` or ``floating-point theory`` (the solver's terms,
        see `evaluate`), ``RTL`` (the generated Verilog in Icarus).

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> lanes_difference(trace_unit(Format.parse("u4q0"), leak=0.5, increment=3), 100, 1, form="Fractions")
    """
    if form not in forms_of(program):
        raise GradcertError(f"form {form!r} of {program.name}", allowed=", ".join(forms_of(program)), do="choose one")
    leaves, mine = steps_from_random_states(program, steps, seed)
    names = [n.name for n in elaborate(program).operations if n.name in mine]
    theirs = columns_of(program, leaves, form=form)
    first: Difference | None = None
    for name in names:
        other = theirs[name]
        # float32 against Fraction is compared exactly as Python numbers
        own = mine[name].astype(object) if other.dtype == object else mine[name]
        wrong = np.flatnonzero(np.asarray(own != other))
        if wrong.size and (first is None or wrong[0] < first.step):
            step = int(wrong[0])
            first = Difference(step, name, float(own[step]), float(other[step]))
    return first


def columns_of(program: Program, leaves: Mapping[str, Array], *, form: str) -> dict[str, Array]:
    """Return one form's intermediates by elaborated name, given every leaf's column of stored integers (or floats)."""
    if form == "Fractions":
        return _fractions(program, leaves)
    if form == "RTL":
        from gradcert.hardware_models.rtl.icarus import simulate_steps

        return simulate_steps(program, leaves)
    from gradcert.hardware_models.description.evaluate import evaluate

    return evaluate(solver_terms(program, form), leaves)


def solver_terms(program: Program, form: str) -> dict[str, Any]:
    """Return one step's terms by elaborated name: over Int, bit-vectors or the floating-point theory."""
    if form == "floating-point theory":
        from gradcert.hardware_models.description.float_terms import float_step

        return float_step(program).values
    from gradcert.hardware_models.description.terms import bit_step, int_step

    return (bit_step(program) if form == "bit-vectors" else int_step(program)).values


def _fractions(program: Program, leaves: Mapping[str, Array]) -> dict[str, Array]:
    oracle = Oracle(program)
    columns = oracle.columns({name: column.tolist() for name, column in leaves.items()})
    out = {}
    for node in oracle.flat.operations:
        fmt = node.numeric.format
        units = 1 / fmt.ulp if isinstance(fmt, Format) else Fraction(1)
        # a value that is no multiple of the ulp stays a Fraction and so differs from every stored integer
        scaled = [value * units for value in columns[node.name]]
        whole = [q.numerator if q.denominator == 1 else q for q in scaled]
        out[node.name] = np.array(whole, dtype=object)
    return out


__all__ = [
    "FORMS",
    "Difference",
    "columns_of",
    "flatten",
    "forms_of",
    "history",
    "lanes_difference",
    "oracle_difference",
    "random_inputs",
    "random_states",
    "rtl_difference",
    "solver_difference",
    "solver_terms",
    "steps_from_random_states",
    "with_lanes",
]
