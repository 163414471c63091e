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

from gradcert.hardware_models import agreements, check
from gradcert.hardware_models.arithmetic import Format, quantise
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


def agreement(steps: int, rule: str | None) -> None:
    """Simulator = Fractions = solver terms = RTL, on the smallest network of each profile."""
    for record in agreements(rule=rule, steps=steps):
        offered = {form: said for form, said in record.forms.items() if said != "not offered"}
        print(f"{record.profile}/{record.rule}: {steps} steps, {record.seconds:.0f} s:", offered)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10^3 steps instead of 10^5")
    parser.add_argument("--rule", help="one rule, or all, instead of the richest of each profile")
    given = parser.parse_args()
    outer_product()
    proofs()
    if not missing("verilator", "g++", "make"):
        done = exhaustive(UNITS["weight8"]())
        times = f"build {done.build_seconds:.1f} s, run {done.run_seconds:.1f} s (target 10)"
        print(f"exhaustive 8-bit unit: {done.vectors} inputs, {done.mismatches} wrong, {times}")
    agreement(1_000 if given.quick else 100_000, given.rule)


if __name__ == "__main__":
    main()
