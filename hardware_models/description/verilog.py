"""Synthesizable Verilog-2005 from a description: one combinational module, and a registered one around it.

Every intermediate becomes a signed wire wide enough for its stored integer (an unsigned format gets one zero bit
more), its
exact value before rounding a wire of exactly the width it needs. Names are the description's, with `[i,j]` and `.` as
`_`.
"""

from __future__ import annotations

import re

from gradcert.hardware_models.arithmetic import Overflow, Rounding, bottom
from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.hardware_models.description.ranges import exact, rounded


def identifier(name: str) -> str:
    """Return a Verilog identifier for a node's name.

    Examples
    --------
    >>> identifier("w.next[0,1]")
    'w_next_0_1'
    """
    return re.sub(r"\W+", "_", name.replace("[", "_").replace("]", "")).rstrip("_")


def ports(program: Program, only: tuple[str, ...] | None = None) -> list[tuple[str, str, Node]]:
    """Return (direction, port, node) of the combinational module: leaves in, all intermediates (or `only` some) out."""
    flat = elaborate(program)
    inward = [("input", identifier(n.name), n) for n in flat.of_kind("input", "random", "state")]
    seen = [n for n in flat.operations if only is None or n.name in only]
    return inward + [("output", "q_" + identifier(n.name), n) for n in seen]


def combinational(program: Program, name: str, *, only: tuple[str, ...] | None = None) -> str:
    """Return one step as a combinational module: inputs, words and states in, every intermediate out as `q_...`.

    Parameters
    ----------
    program : a fixed-point description.
    name : the module's name.
    only : elaborated names of the operations that become outputs; all, where not given.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> print(combinational(trace_unit(Format.parse("u4q0"), leak=0.5, increment=3), "unit").splitlines()[0])
    module unit (
    """
    flat = elaborate(program)
    nodes = {n.name: n for n in flat.nodes}
    declared = [f"    {way} wire {_vector(node)} {port}" for way, port, node in ports(program, only)]
    lines = [f"module {name} (", ",\n".join(declared), ");"]
    for node in flat.nodes:
        own = identifier(node.name)
        width = _internal(node)
        if node.kind == "constant":
            lines.append(f"    wire signed [{width - 1}:0] v_{own} = {_literal(node.stored[0], width)};")
        elif node.kind in ("input", "random", "state"):
            source = f"$signed({own})" if node.format.signed else f"$signed({{1'b0, {own}}})"
            lines.append(f"    wire signed [{width - 1}:0] v_{own} = {source};")
        else:
            lines += [f"    {line}" for line in _operation(node, nodes)]
            if only is None or node.name in only:
                lines.append(f"    assign q_{own} = v_{own}[{node.format.width - 1}:0];")
    return "\n".join([*lines, "endmodule", ""])


def sequential(program: Program, name: str, unit: str) -> str:
    """Return the registered module: clock, reset, enable; states are registers of the combinational module `unit`."""
    flat = elaborate(program)
    states = flat.of_kind("state")
    head = ["input wire clk", "input wire rst", "input wire en"]
    head += [f"{way} wire {_vector(n)} {port}" for way, port, n in ports(program) if n.kind != "state"]
    head += [f"output reg {_vector(n)} {identifier(n.name)}" for n in states]
    connect = [f".{port}({port})" for _, port, _ in ports(program)]
    update, start = [], []
    for state in states:
        initial = flat.initial[state.name]
        start.append(f"            {identifier(state.name)} <= {_literal(initial, state.format.width)};")
        update.append(f"            {identifier(state.name)} <= q_{identifier(flat.next[state.name])};")
    return "\n".join(
        [
            f"module {name} (",
            ",\n".join(f"    {h}" for h in head),
            ");",
            f"    {unit} step ({', '.join(connect)});",
            "    always @(posedge clk)",
            "        if (rst) begin",
            *start,
            "        end else if (en) begin",
            *update,
            "        end",
            "endmodule",
            "",
        ]
    )


def _vector(node: Node) -> str:
    return f"{'signed ' if node.format.signed else ''}[{node.format.width - 1}:0]"


def _internal(node: Node) -> int:
    return node.format.width + (not node.format.signed)


def _literal(value: int, width: int) -> str:
    return f"{'-' if value < 0 else ''}{max(width, abs(value).bit_length() + 1)}'sd{abs(value)}"


def _operation(node: Node, nodes: dict[str, Node]) -> list[str]:
    operands = [nodes[a] for a in node.args]
    result = exact(node, {n.name: (n, (n.format.low, n.format.high)) for n in operands})
    shift = result.radix - node.format.radix
    own, width = identifier(node.name), _internal(node)
    span = rounded(result, node)
    source = node.numeric.source
    wide = 2 + max(
        max(abs(v).bit_length() for v in (result.low, result.high, *span)),
        max(n.format.width for n in operands) + _spread(node, operands),
        width,
        0 if source is None else source.bits,
        shift,
    )
    lines = [f"wire signed [{wide - 1}:0] x_{own} = {_expression(node, operands)};"]
    if shift < 0:
        lines.append(f"wire signed [{wide - 1}:0] r_{own} = x_{own} <<< {-shift};")
    elif shift == 0:
        lines.append(f"wire signed [{wide - 1}:0] r_{own} = x_{own};")
    else:
        lines += _rounding(node, shift, wide)
    low, high = bottom(node.format, node.numeric.overflow), node.format.high
    if low <= span[0] and span[1] <= high:
        lines.append(f"wire signed [{width - 1}:0] v_{own} = r_{own}[{width - 1}:0];")
    elif node.numeric.overflow is Overflow.WRAP:
        zero = "" if node.format.signed else "1'b0, "
        lines.append(f"wire signed [{width - 1}:0] v_{own} = {{{zero}r_{own}[{node.format.width - 1}:0]}};")
    else:
        most, least = _literal(high, width), _literal(low, width)
        if node.numeric.overflow is Overflow.HOLD:
            assert node.held is not None
            most = least = f"v_{identifier(node.held)}"
        over = f"r_{own} > {_literal(high, wide)}"
        under = f"r_{own} < {_literal(low, wide)}"
        lines.append(
            f"wire signed [{width - 1}:0] v_{own} = ({over}) ? {most} : ({under}) ? {least} : r_{own}[{width - 1}:0];"
        )
    return lines


def _spread(node: Node, operands: list[Node]) -> int:
    radixes = [n.format.radix for n in (operands[1:] if node.kind == "select" else operands)]
    return max(radixes) - min(radixes) if node.kind != "mul" else 0


def _expression(node: Node, operands: list[Node]) -> str:
    names = [f"v_{identifier(n.name)}" for n in operands]
    kind = node.kind
    if kind == "mul":
        return f"{names[0]} * {names[1]}"
    if kind == "bernoulli":
        return f"({names[0]} >= {names[1]}) ? 2'sd1 : 2'sd0"
    if kind == "sign":
        return f"({names[0]} > 2'sd0) ? 2'sd1 : (({names[0]} < 2'sd0) ? -2'sd1 : 2'sd0)"
    if kind == "abs":
        return f"({names[0]} < 2'sd0) ? -{names[0]} : {names[0]}"
    if kind in ("cast", "shift"):
        return names[0]
    first = int(kind == "select")
    radix = max(n.format.radix for n in operands[first:])
    # multiplying by a power of two keeps Verilog's context width and sign; <<< inside a comparison would not grow
    aligned = []
    for name, operand in zip(names[first:], operands[first:], strict=True):
        up = radix - operand.format.radix
        aligned.append(f"({name} * {_literal(1 << up, up + 2)})" if up else name)
    if kind == "select":
        return f"({names[0]} == 2'sd1) ? {aligned[0]} : {aligned[1]}"
    a, b = aligned
    if kind in ("ge", "gt"):
        wide = max(n.format.width for n in operands) + _spread(node, operands) + 2
        zero = f"{wide}'sd0"
        return f"(({a} + {zero}) {'>=' if kind == 'ge' else '>'} ({b} + {zero})) ? 2'sd1 : 2'sd0"
    if kind in ("min", "max"):
        # the comparison's own context has to be as wide as both aligned operands
        wide = max(n.format.width for n in operands) + _spread(node, operands) + 2
        return f"(({a} + {wide}'sd0) {'<=' if kind == 'min' else '>='} ({b} + {wide}'sd0)) ? {a} : {b}"
    return f"{a} + {b}" if kind == "add" else f"{a} - {b}"


def _rounding(node: Node, shift: int, wide: int) -> list[str]:
    own, mode = identifier(node.name), node.numeric.rounding
    half = 1 << (shift - 1)
    declare = f"wire signed [{wide - 1}:0]"
    if mode is Rounding.FLOOR:
        return [f"{declare} r_{own} = x_{own} >>> {shift};"]
    if mode in (Rounding.NEAREST_UP, Rounding.NEAREST_DOWN):
        bias = half - int(mode is Rounding.NEAREST_DOWN)
        return [f"{declare} b_{own} = x_{own} + {_literal(bias, wide)};", f"{declare} r_{own} = b_{own} >>> {shift};"]
    lines = [
        f"{declare} f_{own} = x_{own} >>> {shift};",
        f"wire [{shift - 1}:0] d_{own} = x_{own}[{shift - 1}:0];",
    ]
    tie = f"d_{own} == {shift}'d{half}"
    above = f"d_{own} > {shift}'d{half}"
    positive, negative = f"(x_{own} > {wide}'sd0)", f"x_{own}[{wide - 1}]"
    if mode is Rounding.STOCHASTIC:
        source = node.numeric.source
        assert source is not None and node.word is not None
        if source.bits > shift:
            aligned = f"{{d_{own}, {source.bits - shift}'d0}}"
        elif source.bits == shift:
            aligned = f"d_{own}"
        else:
            aligned = f"d_{own}[{shift - 1}:{shift - source.bits}]"
        word = f"v_{identifier(node.word)}[{source.bits - 1}:0]"
        up = f"({aligned} {'>' if source.strict else '>='} {word})"
        if source.hold_zero:
            up += f" && (f_{own} != {wide}'sd0)"
    elif mode is Rounding.TOWARD_ZERO:
        up = f"{negative} && (d_{own} != {shift}'d0)"
    elif mode is Rounding.AWAY:
        up = f"{positive} && (d_{own} != {shift}'d0)"
    else:
        side = {
            Rounding.NEAREST_EVEN: f"f_{own}[0]",
            Rounding.NEAREST_AWAY: positive,
            Rounding.NEAREST_ZERO: negative,
        }[mode]
        up = f"({above}) || (({tie}) && {side})"
    return [*lines, f"wire u_{own} = {up};", f"{declare} r_{own} = f_{own} + $signed({{1'b0, u_{own}}});"]
