"""Random descriptions: every form derived from one must agree with every other on every intermediate."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from gradcert.hardware_models.agreement.compare import oracle_difference, rtl_difference, solver_difference
from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.build import Builder
from gradcert.hardware_models.description.program import Node, Numeric, Program
from gradcert.hardware_models.description.random import random_inputs
from gradcert.reference.errors import GradcertError


def random_program(seed: int, *, length: int = 14) -> Program:
    """A program of random operations on random formats, with a small axis and a state."""
    draw = random.Random(seed)
    sizes = {"i": 3, "j": 2}
    b = Builder(f"random{seed}", sizes)

    def fmt() -> Format:
        return Format(draw.random() < 0.6, draw.randint(2, 11), draw.randint(-3, 9))

    def numeric() -> Numeric:
        mode = draw.choice(list(Rounding))
        source = None
        if mode is Rounding.STOCHASTIC:
            source = Stochastic("g", draw.randint(2, 8), strict=draw.random() < 0.5, hold_zero=draw.random() < 0.5)
        return Numeric(
            fmt(), mode, draw.choice([Overflow.SATURATE, Overflow.WRAP]), source, shared=draw.choice([(), ("i",)])
        )

    def axes() -> tuple[str, ...]:
        return draw.choice([(), ("i",), ("j",), ("i", "j"), ("j", "i")])

    pool: list[Node] = [b.input("x", fmt(), ("i",)), b.input("y", fmt(), axes()), b.state("s", fmt(), ("j",))]
    c = fmt()
    pool.append(b.constant("c", c, [c.value(draw.randint(c.low, c.high)) for _ in range(3)], ("i",)))
    state = pool[2]
    for k in range(length):
        kind = draw.choice(
            ["add", "sub", "mul", "minimum", "maximum", "abs", "sign", "shift", "cast", "ge", "gt", "select", "sum"]
        )
        one, two = draw.choice(pool), draw.choice(pool)
        name = f"n{k}.{kind}"
        if kind in ("ge", "gt"):
            made = getattr(b, kind)(name, one, two)
        elif kind == "sign":
            made = b.sign(name, one)
        elif kind in ("abs", "cast"):
            made = getattr(b, kind)(name, one, numeric())
        elif kind == "shift":
            made = b.shift(name, one, draw.randint(-3, 3), numeric())
        elif kind == "select":
            made = b.select(name, b.ge(f"{name}.if", one, two), draw.choice(pool), draw.choice(pool), numeric())
        elif kind == "sum":
            with_axis = [n for n in pool if n.axes]
            one = draw.choice(with_axis)
            made = b.sum(name, one, draw.choice(one.axes), numeric())
        else:
            made = getattr(b, kind)(name, one, two, numeric())
        pool.append(made)
    last = b.add("last", pool[-1], state, Numeric(fmt()))
    if "i" in last.axes:
        last = b.sum("last.sum", last, "i", Numeric(last.format))
    # holding needs an old value: the state's own
    b.next(state, b.cast("s.next", last, Numeric(state.format, Rounding.FLOOR, Overflow.HOLD), held=state))
    return b.program()


@pytest.mark.long(keep=8)
@pytest.mark.parametrize("seed", range(40))
def test_simulator_oracle_and_solver_terms_agree(seed: int) -> None:
    program = random_program(seed)
    inputs = random_inputs(program, 6, seed)
    assert oracle_difference(program, inputs) is None
    assert solver_difference(program, inputs[:2], bits=False) is None
    assert solver_difference(program, inputs[:2], bits=True) is None


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_generated_verilog_agrees(seed: int, needs) -> None:
    needs("iverilog", "vvp")
    program = random_program(seed)
    assert rtl_difference(program, random_inputs(program, 40, seed)) is None


def test_a_changed_rounding_is_seen_by_every_comparison(needs) -> None:
    """The comparisons can fail: the Verilog of one description against the simulator of a slightly different one."""
    needs("iverilog", "vvp")
    from gradcert.hardware_models.description.verilog import combinational, sequential
    from gradcert.hardware_models.units import trace_unit

    unit = trace_unit(Format.parse("u8q0"), leak=Fraction(9, 10), increment=4)
    other = unit.change("e.leaked", numeric=replace(unit.node("e.leaked").numeric, rounding=Rounding.NEAREST_UP))
    wrong = combinational(other, "unit") + sequential(other, "top", "unit")
    found = rtl_difference(unit, random_inputs(unit, 60, 0), verilog=wrong)
    assert found is not None and found.name == "e.leaked"


def test_builder_refuses_what_it_cannot_express() -> None:
    b = Builder("bad", {"i": 2})
    x = b.input("x", Format(True, 8), ("i",))
    for attempt in (
        lambda: b.input("x", Format(True, 8)),
        lambda: b.input("z", Format(True, 8), ("k",)),
        lambda: b.constant("c", Format(False, 4, 4), Fraction(3)),
        lambda: b.cast("r", x, Numeric(Format(True, 4, -2), Rounding.STOCHASTIC)),
        lambda: b.cast("h", x, Numeric(Format(True, 4), Rounding.FLOOR, Overflow.HOLD)),
        lambda: Builder("b", {}).program().node("nothing"),
    ):
        with pytest.raises(GradcertError):
            attempt()
