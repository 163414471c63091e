"""Bring your own RTL: a signal map and a step protocol in a TOML file, compared signal by signal under cocotb.

The file names the design's sources, its top module, clock and reset, how many clock edges one learning step takes,
which
port carries which input of the description and which internal signal is which intermediate. An index of an array is a
placeholder: `"W" = "core.w_{0}_{1}"`. See docs of `read_harness` for the fields.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradcert.hardware_models import units
from gradcert.hardware_models.catalogue import find_profile, program
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.random import flatten, random_inputs, random_states
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.rtl.tools import missing
from gradcert.reference import outside
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

UNITS = ("profile_trace", "profile_membrane", "profile_weight")  # of a chip, each with a description of its own
LARGEST, LONGEST = 256, 10_000  # of one axis of a description; of cycles and steps
_NAME = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_$.\[\]]|\{\d\})*")  # of a signal; {0} is the first index
_INDEX = re.compile(r"\{(\d)\}")


@dataclass(frozen=True)
class Harness:
    """A design and how to follow it. `inputs` and `signals` map description names to ports and hierarchical signals.

    Every `preload` steps (but the first, which start from reset) all states get random values, deposited into their
    signals; this reaches states that a few steps from reset never do. 0: they only start from reset.
    """

    description: Program
    top: str
    sources: tuple[str, ...]
    inputs: Mapping[str, str]
    signals: Mapping[str, str]
    clock: str = "clk"
    reset: Mapping[str, Any] = field(default_factory=lambda: {"signal": "rst", "active": 1, "cycles": 1})
    tie: Mapping[str, int] = field(default_factory=dict)
    cycles: int = 1
    preload: int = 0


@dataclass(frozen=True)
class Followed:
    """Outcome: steps run, and the first difference (step, intermediate, signal, expected and got bits).

    None if none.
    """

    steps: int
    first: Mapping[str, Any] | None

    @property
    def agrees(self) -> bool:
        """Whether every compared signal was equal in every step."""
        return self.first is None


def read_harness(path: Path) -> Harness:
    """Read a harness file.

    ``[description]`` profile and rule with inputs, neurons, outputs (or unit = "profile_trace" / "profile_membrane" /
    "profile_weight"); ``[design]`` top, sources, clock; ``[reset]`` signal, active, cycles; ``[step]`` cycles and
    ``tie`` (ports held constant), preload; ``[inputs]`` and ``[signals]`` maps.
    """
    try:
        data = outside.toml(path, "a harness file")
        chosen, design = data["description"], data["design"]
        if "unit" in chosen:
            if chosen["unit"] not in UNITS:
                raise GradcertError(f"the unit {chosen['unit']!r} in {path}", allowed=", ".join(UNITS))
            described = getattr(units, chosen["unit"])(find_profile(chosen["profile"]))
        else:
            names = ("inputs", "neurons", "outputs")
            sizes = {k: _whole(chosen[k], k, least=1, most=LARGEST) for k in names if k in chosen}
            described = program(chosen["profile"], chosen["rule"], **sizes)
        sources = tuple(outside.text(outside.read(path.parent / s, "Verilog"), str(s)) for s in design["sources"])
        step, reset = data.get("step", {}), data.get("reset", {"signal": "rst", "active": 1, "cycles": 1})
        harness = Harness(
            described,
            _signal(design["top"], "top"),
            sources,
            _signals(data["inputs"], "inputs", described),
            _signals(data["signals"], "signals", described),
            _signal(design.get("clock", "clk"), "clock"),
            {
                "signal": _signal(reset["signal"], "reset"),
                "active": _whole(reset["active"], "reset.active", least=0, most=1),
                "cycles": _whole(reset["cycles"], "reset.cycles", least=0, most=LONGEST),
            },
            {_signal(k, "tie"): _whole(v, "tie", least=0, most=2**63) for k, v in step.get("tie", {}).items()},
            _whole(step.get("cycles", 1), "step.cycles", least=1, most=LONGEST),
            _whole(step.get("preload", 0), "step.preload", least=0, most=LONGEST),
        )
        states = {node.name for node in described.of_kind("state")}
        if harness.preload and (free := sorted(states - set(harness.signals))):
            raise GradcertError(f"preload, and no signal for {', '.join(free)}", do="map every state, or leave it out")
        return harness
    except GradcertError:
        raise
    except (KeyError, AttributeError, OSError, TypeError, ValueError) as error:
        raise GradcertError(
            f"harness file {path}: {error!r}", do="see examples of a harness file in the documentation"
        ) from error


def _signal(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > 200 or not _NAME.fullmatch(value):
        raise GradcertError(f"{what} = {value!r}", allowed="the name of a signal, {0} in it for the first index")
    return value


def _signals(value: Any, what: str, described: Program) -> dict[str, str]:
    """Return a map from intermediates of the description to signals, with as many indices as an intermediate has."""
    out = {}
    for name, given in outside.record(value, what).items():
        pattern, axes = _signal(given, f"{what}.{name}"), len(described.node(name).axes)
        if any(int(k) >= axes for k in _INDEX.findall(pattern)):
            raise GradcertError(f"{what}.{name} = {pattern!r}", allowed=f"{axes} indices, the first of which is 0")
        out[name] = pattern
    return out


def _whole(value: Any, what: str, *, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise GradcertError(f"{what} = {value!r}", allowed=f"a whole number, {least} to {most}")
    return value


def follow(
    harness: Harness, *, steps: int = 50, seed: int = 0, inputs: Sequence[Mapping[str, Any]] | None = None
) -> Followed:
    """Drive the design through random (or given) steps and compare every mapped signal with the simulator."""
    if missing("iverilog", "vvp"):
        raise GradcertError("iverilog is not installed", do="run scripts/install_debian.sh (as root)")
    try:
        from cocotb_tools.runner import get_runner
    except ImportError as error:
        raise GradcertError("cocotb is not installed", do=install("rtl")) from error
    given = list(inputs) if inputs is not None else random_inputs(harness.description, steps, seed)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        files = []
        for k, text in enumerate(harness.sources):
            files.append(here / f"source{k}.v")
            files[-1].write_text(text)
        plan = here / "plan.json"
        plan.write_text(json.dumps(_plan(harness, given)))
        runner = get_runner("icarus")
        with open(os.devnull, "w") as quiet, redirect_stdout(quiet), redirect_stderr(quiet):
            runner.build(sources=files, hdl_toplevel=harness.top, build_dir=here / "build", log_file=here / "build.log")
            runner.test(
                hdl_toplevel=harness.top,
                test_module="gradcert.hardware_models.rtl.driver",
                build_dir=here / "build",
                test_dir=here,
                extra_env={"GRADCERT_RTL_PLAN": str(plan), "COCOTB_LOG_LEVEL": "INFO"},
                log_file=here / "test.log",
            )
        found = here / "plan.result.json"
        if not found.exists():
            raise GradcertError(
                f"the simulation did not finish:\n{(here / 'test.log').read_text()[-6000:]}", do="check signal names"
            )
        result = json.loads(found.read_text())
    return Followed(result["steps"], result["first"])


def _plan(harness: Harness, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    simulator = Simulator(harness.description)
    widths = {n.name: n.format.width for n in harness.description.nodes}
    steps = []
    for index, one in enumerate(inputs):
        deposit: dict[str, tuple[str, int]] = {}
        if harness.preload and index and index % harness.preload == 0:  # the first steps start from reset
            simulator.state = random_states(harness.description, index)
            states = {n.name: harness.signals[n.name] for n in harness.description.of_kind("state")}
            deposit = _bits(harness.description, simulator.state, states, widths)
        before = {k: v for k, v in simulator.state.items()}
        values = simulator.step(one)
        drive = _bits(harness.description, one, harness.inputs, widths)
        expect = _bits(harness.description, {**values, **before}, harness.signals, widths)
        steps.append({"drive": _plain(drive), "deposit": _plain(deposit), "expect": expect})
    return {
        "clock": harness.clock,
        "reset": dict(harness.reset),
        "tie": dict(harness.tie),
        "cycles": harness.cycles,
        "steps": steps,
    }


def _plain(bits: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    return {signal: value for signal, (_, value) in bits.items()}


def _bits(
    described: Program, arrays: Mapping[str, Any], names: Mapping[str, str], widths: Mapping[str, int]
) -> dict[str, tuple[str, int]]:
    """Return {signal: (intermediate, bits)} for the mapped names."""
    out = {}
    for name, pattern in names.items():
        described.node(name)
        for label, stored in flatten(described, {name: arrays[name]}).items():
            index = label.partition("[")[2][:-1]
            signal = pattern.format(*index.split(",")) if index else pattern
            out[signal] = (label, int(stored) & ((1 << widths[name]) - 1))
    return out


def generated(described: Program) -> Harness:
    """Return the harness of the RTL that is generated from a description: every intermediate is compared."""
    from gradcert.hardware_models.description.verilog import combinational, identifier, sequential

    def pattern(name: str, axes: int, prefix: str = "") -> str:
        return prefix + identifier(name) + "".join(f"_{{{k}}}" for k in range(axes))

    source = combinational(described, "unit") + sequential(described, "top", "unit")
    leaves = described.of_kind("input", "random")
    seen = {n.name: pattern(n.name, len(n.axes), "q_") for n in described.operations}
    seen |= {n.name: pattern(n.name, len(n.axes)) for n in described.of_kind("state")}
    return Harness(
        described,
        "top",
        (source,),
        {n.name: pattern(n.name, len(n.axes)) for n in leaves},
        seen,
        tie={"en": 1},
        preload=1,
    )


def with_source(harness: Harness, text: str) -> Harness:
    """Return the harness with its (single) source replaced: a mutant."""
    return replace(harness, sources=(text,))
