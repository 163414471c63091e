"""Every input of an 8-bit unit, in Verilator, against a specification in C++."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.verilog import combinational, identifier
from gradcert.hardware_models.rtl.tools import run
from gradcert.hardware_models.rtl.units import Unit


@dataclass(frozen=True)
class ExhaustiveRun:
    """Vectors visited, those on which RTL and specification differ, the first such input, and the seconds spent."""

    vectors: int
    mismatches: int
    first: str
    build_seconds: float
    run_seconds: float


THREADS = 2


def _range(node: Node) -> tuple[int, int]:
    return node.bounds if node.kind == "random" else (node.format.low, node.format.high)


def _loop(node: Node, low: object, high: object) -> str:
    name = identifier(node.name)
    mask = (1 << node.format.width) - 1
    return f"for (int {name} = {low}; {name} <= {high}; {name}++) {{ top.{name} = {name} & {mask};"


def _read(node: Node, port: str) -> str:
    width = node.format.width
    if node.format.signed:
        return f"((int)((unsigned)top.{port} << {32 - width}) >> {32 - width})"
    return f"(int)top.{port}"


def _main(unit: Unit, program: Program) -> str:
    result = program.node(unit.output)
    leaves = _order(unit)
    low, high = _range(leaves[0])
    # the widest input is cut into one part per thread; each has a model of its own
    loops = " ".join([_loop(leaves[0], "from", "to"), *(_loop(n, *_range(n)) for n in leaves[1:])])
    names = ", ".join(identifier(n.name) for n in leaves)
    cuts = [low + (high - low + 1) * k // THREADS for k in range(THREADS + 1)]
    started = " ".join(
        f"std::thread t{k}(part, {cuts[k]}, {cuts[k + 1] - 1}, std::ref(parts[{k}]));" for k in range(THREADS)
    )
    joined = " ".join(f"t{k}.join();" for k in range(THREADS))
    return f"""
#include "Vunit.h"
#include "verilated.h"
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
static inline int clamp(int x, int low, int high) {{ return x < low ? low : x > high ? high : x; }}
static inline int floordiv(int x, int y) {{ int q = x / y; return q * y > x ? q - 1 : q; }}
double sc_time_stamp() {{ return 0; }}
struct Part {{ long vectors = 0, wrong = 0; std::string first; }};
static void part(int from, int to, Part& out) {{
    VerilatedContext context;
    Vunit top{{&context}};
    long vectors = 0, wrong = 0;
    {loops}
        top.eval(); vectors++;
        int spec = {unit.cpp};
        if (spec != {_read(result, "q_" + identifier(unit.output))}) {{
            if (!wrong++) {{ int at[] = {{{names}}}; for (int v : at) out.first += std::to_string(v) + " "; }}
        }}
    {"}" * len(leaves)}
    out.vectors = vectors, out.wrong = wrong;
}}
int main() {{
    Part parts[{THREADS}];
    {started}
    {joined}
    long vectors = 0, wrong = 0;
    for (Part& p : parts) {{
        if (!wrong && p.wrong) std::fprintf(stderr, "%s", p.first.c_str());
        vectors += p.vectors, wrong += p.wrong;
    }}
    std::printf("%ld %ld\\n", vectors, wrong);
    return 0;
}}
"""


def exhaustive(unit: Unit, *, program: Program | None = None) -> ExhaustiveRun:
    """Build a unit in Verilator and run all its inputs.

    Parameters
    ----------
    unit : the unit and its specification.
    program : a mutated description to run against the unit's specification instead of its own.
    """
    program = program or unit.program
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "unit.v").write_text(combinational(program, "unit", only=(unit.output,)))
        (here / "main.cpp").write_text(_main(unit, program))
        started = time.perf_counter()
        flags = ["--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "-Wno-fatal", "--top-module", "unit"]
        flags += ["-CFLAGS", "-O3 -pthread", "-LDFLAGS", "-pthread"]
        run(["verilator", *flags, "unit.v", "main.cpp"], cwd=here, seconds=300)
        built = time.perf_counter()
        done = subprocess.run([str(here / "obj_dir" / "Vunit")], capture_output=True, text=True, check=True)
        vectors, wrong = (int(x) for x in done.stdout.split())
        first = " ".join(f"{n.name}={v}" for n, v in zip(_order(unit), done.stderr.split(), strict=False))
    return ExhaustiveRun(vectors, wrong, first, built - started, time.perf_counter() - built)


def _order(unit: Unit) -> list[Node]:
    return sorted(unit.inputs, key=lambda n: -n.format.width)
