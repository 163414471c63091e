"""Proof that a unit's generated RTL equals a specification written another way: yosys, smtbmc, z3."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.verilog import combinational, identifier, ports
from gradcert.hardware_models.rtl.tools import run
from gradcert.hardware_models.rtl.units import Unit
from gradcert.hardware_models.solver import PROVED, REFUTED, UNKNOWN


@dataclass(frozen=True)
class Equivalence:
    """Outcome of an equivalence proof, with smtbmc's last lines."""

    status: str
    seconds: float
    log: str


def miter(unit: Unit, program: Program) -> str:
    """Return Verilog in which unit and specification see the same inputs and an assertion compares their results."""
    result = program.node(unit.output)
    ports = []
    for node in unit.inputs:
        sign = "signed " if node.format.signed else ""
        ports.append(f"input wire {sign}[{node.format.width - 1}:0] {identifier(node.name)}")
    names = [identifier(n.name) for n in unit.inputs]
    wire = f"{'signed ' if result.format.signed else ''}[{result.format.width - 1}:0]"
    joined = ", ".join(f".{n}({n})" for n in names)
    words = [identifier(n.name) for n in unit.inputs if n.kind == "random" and n.bounds[0] == 1]
    assume = "".join(f"        assume ({w} != 0);\n" for w in words)
    listed = ",\n    ".join(ports)
    return f"""
module spec (
    {listed},
    output wire {wire} y
);
{unit.verilog}
endmodule
module miter (
    {listed}
);
    wire {wire} a;
    wire {wire} b;
    unit rtl ({joined}, .q_{identifier(unit.output)}(a));
    spec other ({joined}, .y(b));
    always @* begin
{assume}        assert (a == b);
    end
endmodule
"""


def prove_equivalence(unit: Unit, *, program: Program | None = None, seconds: float = 60) -> Equivalence:
    """Prove that the RTL generated from a unit's description equals its specification for every input.

    Parameters
    ----------
    unit : the unit.
    program : a mutated description instead of the unit's own.
    seconds : time limit.
    """
    program = program or unit.program
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "all.v").write_text(combinational(program, "unit", only=(unit.output,)) + miter(unit, program))
        started = time.perf_counter()
        script = "read_verilog -formal all.v; prep -top miter -flatten; opt -full; write_smt2 -wires miter.smt2"
        run(["yosys", "-q", "-p", script], cwd=here)
        return _solve(here, started, seconds)


def prove_same(program: Program, original: str, other: str, *, seconds: float = 60) -> Equivalence:
    """Prove that two sources of a description's combinational module `unit` agree on every output, for every input.

    This is what decides about a mutant that a simulation did not kill: proved means it is no fault at all.
    """
    inward = [(port, node) for way, port, node in ports(program) if way == "input"]
    outward = [(port, node) for way, port, node in ports(program) if way == "output"]
    declare = [f"input wire {_wire(n)} {p}" for p, n in inward]
    fed = ", ".join(f".{p}({p})" for p, _ in inward)
    wires, checks = [], []
    for side in ("a", "b"):
        wires += [f"wire {_wire(n)} {side}_{p};" for p, n in outward]
        seen = ", ".join(f".{p}({side}_{p})" for p, _ in outward)
        wires.append(f"unit_{side} i_{side} ({fed}, {seen});")
    checks = [f"assert (a_{p} == b_{p});" for p, _ in outward]
    words = [f"assume ({p} != 0);" for p, n in inward if n.kind == "random" and n.bounds[0] == 1]
    body = "\n    ".join([*wires, "always @* begin", *words, *checks, "end"])
    sides = [
        text.split("module top")[0].replace("module unit (", f"module unit_{side} (")
        for side, text in (("a", original), ("b", other))
    ]
    text = "\n".join([*sides, f"module miter ({', '.join(declare)});\n    {body}\nendmodule\n"])
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "all.v").write_text(text)
        started = time.perf_counter()
        script = "read_verilog -formal all.v; prep -top miter -flatten; opt -full; write_smt2 -wires miter.smt2"
        run(["yosys", "-q", "-p", script], cwd=here)
        return _solve(here, started, seconds)


def _wire(node: Node) -> str:
    return f"{'signed ' if node.format.signed else ''}[{node.format.width - 1}:0]"


def _solve(here: Path, started: float, seconds: float) -> Equivalence:
    # the z3 program that comes with z3-solver sits beside this interpreter
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = ["yosys-smtbmc", "--noprogress", "-s", "z3", "-t", "1", "--timeout", str(int(seconds)), "miter.smt2"]
    try:
        done = subprocess.run(
            command,
            cwd=here,
            capture_output=True,
            text=True,
            timeout=seconds + 30,
            env={**os.environ, "PATH": path},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Equivalence(UNKNOWN, time.perf_counter() - started, "no answer in time")
    text = done.stdout + done.stderr
    status = PROVED if "Status: PASSED" in text else REFUTED if "Status: FAILED" in text else UNKNOWN
    return Equivalence(status, time.perf_counter() - started, "\n".join(text.splitlines()[-6:]))
