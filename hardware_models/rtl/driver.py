"""The cocotb side of the harness: drives a design through the recorded steps and compares internal signals.

Runs inside the simulator. What to drive and what to expect is a JSON file named by the environment variable
GRADCERT_RTL_PLAN; the result is written beside it. Values are raw bits (two's complement), so signs do not matter here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer


def _handle(dut: Any, path: str) -> Any:
    for part in path.split("."):
        dut = getattr(dut, part)
    return dut


async def _edge(clock: Any) -> None:
    await Timer(1, "step")
    clock.value = 1
    await Timer(1, "step")
    clock.value = 0
    await Timer(1, "step")


@cocotb.test()
async def follow(dut: Any) -> None:
    """Reset, then per step: drive the inputs, let them settle, read the signals, give the clock edges."""
    here = Path(os.environ["GRADCERT_RTL_PLAN"])
    plan = json.loads(here.read_text())
    clock = _handle(dut, plan["clock"])
    clock.value = 0
    for step in plan["steps"][:1]:
        for port, value in step["drive"].items():
            _handle(dut, port).value = value
    for port, value in plan["tie"].items():
        _handle(dut, port).value = value
    reset = _handle(dut, plan["reset"]["signal"])
    reset.value = plan["reset"]["active"]
    for _ in range(plan["reset"]["cycles"]):
        await _edge(clock)
    reset.value = 1 - plan["reset"]["active"]
    first: dict[str, Any] | None = None
    for index, step in enumerate(plan["steps"]):
        for port, value in step["drive"].items():
            _handle(dut, port).value = value
        for path, value in step["deposit"].items():
            _handle(dut, path).value = value
        await Timer(1, "step")
        for _ in range(plan["cycles"] - 1):
            await _edge(clock)
        for path, (name, expected) in step["expect"].items():
            seen = _handle(dut, path).value
            got = int(seen) if seen.is_resolvable else str(seen)
            if got != expected:
                first = {"step": index, "name": name, "signal": path, "expected": expected, "got": got}
                break
        if first is not None:
            break
        await _edge(clock)
    here.with_suffix(".result.json").write_text(json.dumps({"first": first, "steps": index + 1}))
