"""Small synthesizable units whose whole input space can be visited, each with a specification written another way.

The Verilog is generated from the description; the specification is a C++ expression (exhaustive run) and a Verilog
module
(proof of equivalence), both written by hand in a different form: other product order, division instead of shifts, one
clamp instead of a saturating register.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.build import BIT, Builder
from gradcert.hardware_models.description.program import Node, Numeric, Program


@dataclass(frozen=True)
class Unit:
    """A unit, the node that is its result, and its specification.

    `cpp` is a C++ expression of type int over the inputs' names; `verilog` the body of `module spec` with output `y`,
    empty
    where only the exhaustive run decides (z3 does not finish on a multiplier behind a variable shift).
    """

    name: str
    program: Program
    output: str
    cpp: str
    verilog: str

    @property
    def inputs(self) -> list[Node]:
        """Leaves of the unit in order: inputs, states, random words."""
        return self.program.of_kind("input", "random", "state")


def _scaled(b: Builder, w: Node, value: Node) -> None:
    """Describe w <- sat(w + floor(value / 2**rate)) for a 4-bit rate given as bits."""
    wide = Numeric(value.format)
    for k in range(4):  # floors compose: floor(floor(x / 2) / 4) = floor(x / 8)
        bit = b.input(f"rate{k}", BIT.format)
        value = b.select(f"scaled{k}", bit, b.shift(f"shifted{k}", value, -(1 << k), wide), value, wide)
    b.next(w, b.add("w_next", w, value, Numeric(w.format)))


RATE = "(rate0 + 2 * rate1 + 4 * rate2 + 8 * rate3)"


def weight8() -> Unit:
    """W <- sat(w + floor(error x trace / 2**rate)): 8-bit weight and error, unsigned 8-bit trace.

    4-bit rate (2**28 inputs).
    """
    b = Builder("weight8", {})
    w = b.state("w", Format(True, 8))
    error, trace = b.input("err", Format(True, 8)), b.input("tr", Format(False, 8))
    _scaled(b, w, b.mul("product", error, trace, Numeric(Format(True, 16))))
    return Unit("weight8", b.program(), "w_next", f"clamp(w + floordiv(tr * err, 1 << {RATE}), -128, 127)", "")


def scale8() -> Unit:
    """The weight unit behind its multiplier: any 16-bit product (2**28 inputs)."""
    b = Builder("scale8", {})
    w = b.state("w", Format(True, 8))
    _scaled(b, w, b.input("product", Format(True, 16)))
    verilog = """
    wire [3:0] rate = {rate3, rate2, rate1, rate0};
    wire signed [31:0] moved = w + (product >>> rate);
    assign y = moved > 127 ? 127 : moved < -128 ? -128 : moved;
"""
    return Unit("scale8", b.program(), "w_next", f"clamp(w + floordiv(product, 1 << {RATE}), -128, 127)", verilog)


def trace8() -> Unit:
    """E <- sat(leak e stochastically rounded + 8 x spike), ReckOn's zero rule, 8-bit word (2**17 inputs)."""
    b = Builder("trace8", {})
    e = b.state("e", Format(False, 8))
    spike = b.input("spike", BIT.format)
    source = Stochastic("lane", 8, hold_zero=True)
    leak = b.constant("leak", Format(False, 9, 8), Fraction(243, 256))
    decayed = b.mul("decayed", leak, e, Numeric(Format(False, 8), Rounding.STOCHASTIC, source=source))
    jump = b.mul("jump", b.constant("eight", Format(False, 8), 8), spike, Numeric(Format(False, 8)))
    b.next(e, b.add("e_next", decayed, jump, Numeric(Format(False, 8))))
    cpp = "clamp((e * 243) / 256 + (((e * 243) % 256 >= decayed_word && e * 243 >= 256) ? 1 : 0) + 8 * spike, 0, 255)"
    verilog = """
    wire [31:0] wide = {24'd0, e} * 243;
    wire [31:0] low = wide - ((wide / 256) * 256);
    wire up = !(low < {24'd0, decayed_word}) && !(wide < 256);
    wire [31:0] total = wide / 256 + (up ? 1 : 0) + (spike ? 8 : 0);
    assign y = total > 255 ? 8'd255 : total[7:0];
"""
    return Unit("trace8", b.program(), "e_next", cpp, verilog)


def signal8() -> Unit:
    """Credit = sat16(floor(weight x error / 8)) x height: 8-bit weight and error.

    Signed 5-bit height (2**21 inputs).
    """
    b = Builder("signal8", {})
    wo, error = b.input("wo", Format(True, 8)), b.input("err", Format(True, 8))
    height = b.input("height", Format(True, 5))
    signal = b.shift("signal", b.mul("product", wo, error, Numeric(Format(True, 16))), -3, Numeric(Format(True, 13)))
    b.mul("credit", signal, height, Numeric(Format(True, 17)))
    cpp = "floordiv(err * wo, 8) * height"
    verilog = """
    wire signed [31:0] wide = err * wo;
    wire signed [31:0] part = wide >>> 3;
    wire signed [31:0] all = height * part;
    assign y = all;
"""
    return Unit("signal8", b.program(), "credit", cpp, verilog)


def move8() -> Unit:
    """The stochastic +-1 unit: an 8-bit weight moves by an update's sign where its magnitude reaches an 8-bit word."""
    b = Builder("move8", {})
    w = b.state("w", Format(True, 8))
    update = b.input("update", Format(True, 9))
    magnitude = b.abs("magnitude", update, Numeric(Format(False, 9)))
    word = b.random("word", Stochastic("lane", 8))
    hit = b.bernoulli("hit", magnitude, word)
    step = b.mul("step", b.sign("sign", update), hit, Numeric(Format(True, 2)))
    b.next(w, b.sub("w_next", w, step, Numeric(Format(True, 8), Rounding.FLOOR, Overflow.HOLD), held=w))
    cpp = "update > 0 ? w - (word <= update && w != -128) : w + (update < 0 && word <= -update && w != 127)"
    verilog = """
    wire signed [9:0] neg = -update;
    wire down = update > 0 && $signed({2'b00, word}) <= update && w != -128;
    wire up = update < 0 && $signed({2'b00, word}) <= neg && w != 127;
    assign y = down ? w - 8'sd1 : up ? w + 8'sd1 : w;
"""
    return Unit("move8", b.program(), "w_next", cpp, verilog)


UNITS: dict[str, Callable[[], Unit]] = {
    "weight8": weight8,
    "scale8": scale8,
    "trace8": trace8,
    "signal8": signal8,
    "move8": move8,
}
