"""Running a description's registered Verilog in Icarus on a sequence of steps, and reading back every intermediate."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.hardware_models.description.verilog import combinational, ports, sequential
from gradcert.hardware_models.rtl.tools import run

Array = np.ndarray[Any, Any]
CHUNK = 10_000  # steps of one simulation: bounds its memory and its time


def simulate_rtl(program: Program, inputs: Mapping[str, Array], *, verilog: str | None = None) -> dict[str, Array]:
    """Simulate a program's RTL from reset and return, by elaborated name.

    The stored integer of each operation per step.

    Parameters
    ----------
    program : the description; its registered module is generated from it.
    inputs : stored integers by elaborated name of the inputs and random words, each of shape (steps,).
    verilog : another source with the same two modules `unit` and `top`, to be run instead of the generated one.
    """
    flat = elaborate(program)
    fed = [n for n in flat.of_kind("input", "random")]
    read = flat.operations
    steps = len(next(iter(inputs.values())))
    source = verilog or combinational(program, "unit") + sequential(program, "top", "unit")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "design.v").write_text(source + _bench(program, fed, read, steps))
        (here / "in.hex").write_text(_pack([(n, np.asarray(inputs[n.name])) for n in fed], steps))
        run(["iverilog", "-g2005", "-o", "sim", "design.v"], cwd=here)
        run(["vvp", "-n", "sim"], cwd=here)
        rows = (here / "out.hex").read_text().split()
    return _unpack(read, rows)


def simulate_steps(program: Program, leaves: Mapping[str, Array]) -> dict[str, Array]:
    """Simulate independent steps of the combinational module: inputs, words and states are all given per step.

    Parameters
    ----------
    program : the description.
    leaves : stored integers by elaborated name of inputs, random words and states, each of shape (steps,).
    """
    flat = elaborate(program)
    fed, read = flat.of_kind("input", "random", "state"), flat.operations
    steps = len(next(iter(leaves.values())))
    size = min(steps, CHUNK)
    bench = _bench(program, fed, read, size).replace("top dut (.clk(clk), .rst(rst), .en(1'b1), ", "unit dut (")
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "design.v").write_text(combinational(program, "unit") + bench)
        run(["iverilog", "-g2005", "-o", "sim", "design.v"], cwd=here)
        for start in range(0, steps, size):
            part = {n.name: np.resize(np.asarray(leaves[n.name])[start : start + size], size) for n in fed}
            (here / "in.hex").write_text(_pack([(n, part[n.name]) for n in fed], size))
            run(["vvp", "-n", "sim"], cwd=here, seconds=600)
            rows += (here / "out.hex").read_text().split()[: steps - start]
    return _unpack(read, rows)


def _pack(columns: list[tuple[Node, Array]], steps: int) -> str:
    words = [0] * steps
    for node, values in columns:
        mask = (1 << node.format.width) - 1
        for i, v in enumerate(values.tolist()):
            words[i] = (words[i] << node.format.width) | (v & mask)
    return "\n".join(f"{w:x}" for w in words)


def _unpack(read: list[Node], rows: list[str]) -> dict[str, Array]:
    words = [int(r, 16) for r in rows]
    out = {}
    for node in reversed(read):
        width = node.format.width
        values = [w & ((1 << width) - 1) for w in words]
        words = [w >> width for w in words]
        if node.format.signed:
            values = [v - (1 << width) if v >> (width - 1) else v for v in values]
        out[node.name] = np.array(values, dtype=np.int64 if width < 64 else object)
    return out


def _bench(program: Program, fed: list[Node], read: list[Node], steps: int) -> str:
    by_node = {n.name: port for _, port, n in ports(program)}
    total_in = sum(n.format.width for n in fed)
    total_out = sum(n.format.width for n in read)
    declare, connect = [], []
    for node in fed:
        declare.append(f"    wire [{node.format.width - 1}:0] {by_node[node.name]};")
        connect.append(f".{by_node[node.name]}({by_node[node.name]})")
    for node in read:
        declare.append(f"    wire [{node.format.width - 1}:0] {by_node[node.name]};")
        connect.append(f".{by_node[node.name]}({by_node[node.name]})")
    feed = f"    assign {{{', '.join(by_node[n.name] for n in fed)}}} = memory[index];"
    return "\n".join(
        [
            "module bench;",
            "    reg clk = 0, rst = 1;",
            "    integer index = 0, file;",
            f"    reg [{total_in - 1}:0] memory [0:{steps - 1}];",
            f"    wire [{total_out - 1}:0] seen = {{{', '.join(by_node[n.name] for n in read)}}};",
            *declare,
            feed,
            f"    top dut (.clk(clk), .rst(rst), .en(1'b1), {', '.join(connect)});",
            "    initial begin",
            '        $readmemh("in.hex", memory);',
            '        file = $fopen("out.hex", "w");',
            "        #1 clk = 1; #1 clk = 0; rst = 0;",
            f"        for (index = 0; index < {steps}; index = index + 1) begin",
            '            #1 $fwrite(file, "%h\\n", seen);',
            "            clk = 1; #1 clk = 0;",
            "        end",
            "        $finish;",
            "    end",
            "endmodule",
            "",
        ]
    )
