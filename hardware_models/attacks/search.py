"""Attack every printed claim: one search per kind of claim, on the declared unit, with the numbers that are printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcert.hardware_models.attacks import floats, registers, rules, steps, sums, updates, words
from gradcert.hardware_models.attacks.drives import Search
from gradcert.hardware_models.catalogue import find_profile
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.solver import ProofRecord
from gradcert.reference.errors import GradcertError

Attack = Callable[[Profile, Mapping[str, Any], int, int], Search]
ATTACKS: dict[str, Attack] = {
    "no overflow": registers.no_overflow,
    "overflow": registers.overflow,
    "trace": registers.trace,
    "decays": registers.decays,
    "update": updates.update,
    "weight": updates.weight,
    "operand bound": updates.operand_bound,
    "random step": updates.random_step,
    "mean weight": words.mean_weight,
    "window sum": updates.window_sum,
    "window weight": updates.window_weight,
    "pulses": updates.pulses,
    "sign": updates.sign,
    "dead zone": sums.dead_zone,
    "remainder": sums.remainder,
    "window": sums.window,
    "window length": sums.window_length,
    "generator": words.generator,
    "rounding law": words.rounding_law,
    "draws": words.draw_law,
    "shared word": words.shared_word,
    "step overflow": steps.overflow,
    "step error": steps.error,
    "product lemma": steps.product_lemma,
    "reference rule": rules.reference,
    "direction": rules.direction,
    "float range": floats.trace_range,
    "float rounding": floats.rounding,
    "float trace": floats.trace_error,
    "float weight": floats.weight,
    "float sign": floats.sign,
    "float decays": floats.decays,
    "float silent": floats.silent,
}


def attack(record: ProofRecord, *, draws: int = 2000, seed: int = 1) -> Search:
    """Search for a counterexample to one printed claim.

    Parameters
    ----------
    record : a claim, as `proofs.check` makes it.
    draws : programs to try (points, where a claim is about single steps; some searches take fewer, longer ones).
    seed : of the search.

    Examples
    --------
    >>> from gradcert.hardware_models.proofs.no_overflow import check
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> attack(check(PROFILES["q-format"])[0], draws=100).broken
    ''
    """
    if record.kind not in ATTACKS:
        raise GradcertError(f"a claim of kind {record.kind!r}", allowed=", ".join(ATTACKS), do="write its search")
    return ATTACKS[record.kind](find_profile(record.profile), record.says, draws, seed)
