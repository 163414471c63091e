"""Speed and long agreement runs of the hardware models.

python benchmarks/hardware.py            # arithmetic, proofs, agreement on 10^5 steps, exhaustive run
python benchmarks/hardware.py --quick    # the same, with 10^3 steps
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from gradcert.hardware_models import check
from gradcert.hardware_models.arithmetic import Format, quantise
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.description.compare import (
    lanes_difference,
    oracle_difference,
    random_inputs,
    solver_difference,
)
from gradcert.hardware_models.rtl.exhaustive import exhaustive
from gradcert.hardware_models.rtl.tools import missing
from gradcert.hardware_models.rtl.units import UNITS


def fastest(work: Callable[[], object], *, repeats: int = 40) -> float:
    """Return the median seconds of a call, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def outer_product() -> None:
    """256 x 256 outer-product update, floor and saturate: ours against plain NumPy int64."""
    rng = np.random.default_rng(0)
    w = rng.integers(-120, 120, (256, 256))
    error, trace = rng.integers(-128, 128, (256, 1)), rng.integers(0, 255, (1, 256))
    weight, step = Format(True, 8, 4), Format(True, 9, 4)

    def plain() -> np.ndarray:
        return np.clip(w + np.clip((error * trace) >> 10, -256, 255), -128, 127)

    def ours() -> np.ndarray:
        return quantise(w + quantise(error * trace, 14, step).stored, 4, weight).stored

    assert (plain() == ours()).all()
    one, two = fastest(plain), fastest(ours)
    print(f"256 x 256 update: NumPy {one * 1e3:.3f} ms, ours {two * 1e3:.3f} ms, ratio {two / one:.2f} (target 2)")


def proofs() -> None:
    """All proofs of all profiles."""
    started = time.perf_counter()
    records = list(check())
    bad = [r for r in records if not r.holds]
    print(f"{len(records)} claims, {len(records) - len(bad)} hold, {time.perf_counter() - started:.1f} s (target 60)")
    for record in bad:
        print("  does not hold:", record)


def agreement(steps: int) -> None:
    """Simulator = Fractions = solver terms = RTL, on the smallest network of one rule per profile."""
    for profile in PROFILES:
        rule = "e-prop" if profile == "reckon" else "ottt"
        described = program(profile, rule, inputs=1, neurons=1, outputs=1)
        if not described.is_fixed:
            print(
                f"{profile}/{rule}: {steps // 100} steps:",
                oracle_difference(described, random_inputs(described, steps // 100, 1)) or "equal",
            )
            continue
        started = time.perf_counter()
        few = random_inputs(described, max(1, steps // 1000), 1)
        found = {
            "Fractions": lanes_difference(described, steps, 1, rtl=False),
            f"Int terms ({len(few)})": solver_difference(described, few, bits=False),
            f"bit-vector terms ({len(few)})": solver_difference(described, few, bits=True),
        }
        if not missing("iverilog", "vvp"):
            found["RTL"] = lanes_difference(described, steps, 1, rtl=True)
        seconds = time.perf_counter() - started
        print(f"{profile}/{rule}: {steps} steps, {seconds:.0f} s:", {k: v or "equal" for k, v in found.items()})


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10^3 steps instead of 10^5")
    quick = parser.parse_args().quick
    outer_product()
    proofs()
    if not missing("verilator", "g++", "make"):
        done = exhaustive(UNITS["weight8"]())
        times = f"build {done.build_seconds:.1f} s, run {done.run_seconds:.1f} s (target 10)"
        print(f"exhaustive 8-bit unit: {done.vectors} inputs, {done.mismatches} wrong, {times}")
    agreement(1_000 if quick else 100_000)


if __name__ == "__main__":
    main()
