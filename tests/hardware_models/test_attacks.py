"""Every printed hardware claim is attacked and none breaks; what was printed before, or is planted here, does break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("z3")
pytest.importorskip("cvc5")

from gradcert.hardware_models.attacks.rules import described
from gradcert.hardware_models.attacks.search import ATTACKS, Search, attack
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.cost.gradient_ledger import reference_gradients
from gradcert.hardware_models.cost.random_task import Task, task, units_of
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.proofs import floating
from gradcert.hardware_models.proofs.check import CHECKS
from gradcert.hardware_models.rules import RULES
from gradcert.hardware_models.solver import ProofRecord
from gradcert.reference.errors import GradcertError

DRAWS = 600
# which proof makes a kind of claim
NUMBER = {
    1: ("no overflow", "overflow"),
    2: ("trace", "update", "weight", "operand bound", "random step", "mean weight", "window sum", "window weight",
        "pulses"),
    3: ("sign",),
    4: ("decays", "dead zone"),
    5: ("generator", "rounding law", "draws", "shared word"),
    6: ("remainder", "window", "window length"),
    7: ("step overflow", "step error", "product lemma"),
    8: ("reference rule", "direction"),
}  # fmt: skip
FLOATING = tuple(kind for kind in ATTACKS if kind.startswith("float"))


@cache
def claims(profile: str, number: int) -> tuple[ProofRecord, ...]:
    p = PROFILES[profile]
    return tuple(floating.check(p) if not number else CHECKS[number](p))


def says_of(profile: str, kind: str) -> Mapping[str, Any]:
    number = next((n for n, kinds in NUMBER.items() if kind in kinds), 0)
    return next(record.says for record in claims(profile, number) if record.kind == kind)


def test_every_kind_of_claim_has_a_search() -> None:
    assert {kind for kinds in NUMBER.values() for kind in kinds} | set(FLOATING) == set(ATTACKS)


def broken(profile: str, kind: str, **changes: Any) -> str:
    """Return what the search finds with the first of a few seeds that finds something."""
    for seed in range(5):
        found = ATTACKS[kind](PROFILES[profile], {**says_of(profile, kind), **changes}, DRAWS * 2, seed)
        assert isinstance(found, Search)
        if found.broken:
            return found.broken
    return ""


def bound(profile: str, kind: str, **changes: Any) -> Any:
    return replace(says_of(profile, kind)["bound"], **changes)


HUGE = Fraction(10**6)
# what `gradcert hardware --check` printed before, as data: each was "proved" and is false of the declared unit
PRINTED_BEFORE: dict[str, Callable[[], str]] = {
    "ReckOn's trace stays within 240.9 for all time (it was proved on two more bits)": lambda: broken(
        "reckon", "trace", saturates=False
    ),
    "an update is within 0.25879 of the real-valued one (no overflow of product and step was assumed)": lambda: broken(
        "q-format", "update", bound=bound("q-format", "update", low=-HUGE, high=HUGE)
    ),
    "Loihi's update is within 0.257885": lambda: broken(
        "loihi", "update", bound=bound("loihi", "update", low=-HUGE, high=HUGE)
    ),
    "a mean weight is within 1.45519e-11 x t (the words of a 25-bit register are not uniform on 32 bits)": lambda: (
        broken("reckon", "mean weight", error=Fraction(145519, 10**16))
    ),
    "the membrane never overflows (proved on 19 bits, declared 16)": lambda: (
        ATTACKS["no overflow"](PROFILES["q-format"], {"unit": "membrane"}, DRAWS, 1).broken
    ),
    "ReckOn's trace never overflows": lambda: (
        ATTACKS["no overflow"](PROFILES["reckon"], {"unit": "trace"}, DRAWS, 1).broken
    ),
    "no intermediate of the whole step overflows": lambda: broken("q-format", "step overflow", named=("W.next",)),
    "weights after windows, however their sums wrap": lambda: broken("spinnaker", "window weight", wraps=True),
    "BrainScaleS-2's update never opposes one above 3.75062 (a word was never zero)": lambda: (
        ATTACKS["sign"](
            PROFILES["brainscales2"],
            says_of("brainscales2", "sign") | {"threshold": Fraction(375062, 10**5)},
            80_000,
            1,
        ).broken
    ),
    "the remainder, for any step": lambda: broken("pcm", "remainder", limit=1 << 24),
}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("claim", PRINTED_BEFORE)
def test_what_was_printed_before_is_broken_by_the_same_search(claim: str) -> None:
    assert PRINTED_BEFORE[claim]()


def test_the_mean_of_clamped_weights_is_not_the_clamped_mean() -> None:
    """Why the claim stops short of the limits: start at one, +-1 with probability 1/2, signs -, +, -."""
    ulp, high = Fraction(1, 16), Fraction(127, 16)
    law, real = {high: Fraction(1)}, high
    for sign in (-1, 1, -1):
        moved: dict[Fraction, Fraction] = {}
        for w, share in law.items():
            for step in (Fraction(0), ulp):
                after = w if w - sign * step > high else w - sign * step  # the register holds
                moved[after] = moved.get(after, Fraction(0)) + share / 2
        law, real = moved, min(high, real - sign * ulp / 2)
    assert abs(sum(w * share for w, share in law.items()) - real) == Fraction(1, 64)
    assert "inside its limits" in next(r.claim for r in claims("reckon", 2) if r.kind == "mean weight")


# a search that could not fail would prove nothing: each breaks its claim with one number wrong, or one word
FALSE: dict[str, Callable[[], str]] = {
    "no overflow": lambda: ATTACKS["no overflow"](PROFILES["loihi"], {"unit": "trace"}, DRAWS, 1).broken,
    "overflow": lambda: broken("reckon", "overflow", width=13),
    "overflow at a step": lambda: broken("q-format", "overflow", steps=4),
    "trace": lambda: broken("q-format", "trace", high=Fraction(1, 64)),
    "decays": lambda: broken("q-format", "decays", level=7),
    "decays with a word": lambda: broken("loihi", "decays", level=14),
    "update": lambda: broken("brainscales2", "update", bound=bound("brainscales2", "update", step=Fraction(1))),
    "weight": lambda: broken("q-format", "weight", bound=bound("q-format", "weight", step=Fraction(1, 8))),
    "operand bound": lambda: broken("pcm", "operand bound", bound=Fraction(3, 10**4)),
    "mean weight": lambda: broken("reckon", "mean weight", error=Fraction(1, 10**9)),
    "window sum": lambda: broken("spinnaker", "window sum", bound=Fraction(3, 10**4)),
    "window weight": lambda: broken("spinnaker", "window weight", bound=Fraction(1, 10**5)),
    "pulses": lambda: broken("pcm", "pulses", pulse=Fraction(1, 16)),
    "sign": lambda: broken("q-format", "sign", threshold=Fraction(1, 5)),
    "dead zone": lambda: broken("q-format", "dead zone", positive=8194),
    "remainder": lambda: broken("pcm", "remainder", pulse=Fraction(1, 16)),
    "window": lambda: broken("spinnaker", "window", limit=Fraction(4)),
    "window length": lambda: broken("spinnaker", "window length", steps=1024),
    "rounding law": lambda: broken("brainscales2", "rounding law", gap=Fraction(1, 300)),
    "draws": lambda: broken("reckon", "draws", gap=Fraction(1, 2**24)),
    "step overflow": lambda: broken("pcm", "step overflow", named=("distance",)),
    "step error": lambda: broken(
        "q-format", "step error",
        bounds=tuple({k: v / 8 for k, v in b.items()} for b in says_of("q-format", "step error")["bounds"]),
    ),
    "reference rule": lambda: broken("pcm", "reference rule", rate=Fraction(1, 32)),
    "float range": lambda: broken("bfloat16", "float range", high=Fraction(15)),
    "float trace": lambda: broken("bfloat16", "float trace", bound=Fraction(1, 4)),
    "float weight": lambda: broken("bfloat16", "float weight", bound=Fraction(1, 100)),
    "float decays": lambda: broken("bfloat16", "float decays", level=Fraction(7, 2**133)),
    "float silent": lambda: broken("bfloat16", "float silent", exponent=-7),
}  # fmt: skip


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("kind", FALSE)
def test_a_false_claim_is_broken(kind: str) -> None:
    assert FALSE[kind]()


# of these the claim has no number to change: the declared unit is changed under the search instead
PLANTED = {
    "random step": ("reckon", "gradcert.hardware_models.attacks.updates.profile_weight", "w.next", {"kind": "add"}),
    "float sign": ("bfloat16", "gradcert.hardware_models.attacks.floats.profile_weight", "w.next", {"kind": "add"}),
}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("kind", PLANTED)
def test_a_changed_unit_breaks_its_claim(kind: str, monkeypatch) -> None:
    from gradcert.hardware_models.units import profile_weight

    profile, place, node, change = PLANTED[kind]
    monkeypatch.setattr(place, lambda p: profile_weight(p).change(node, **change))
    assert broken(profile, kind)


@pytest.mark.long
def test_a_changed_generator_order_lemma_or_direction_breaks_its_claim(monkeypatch) -> None:
    from gradcert.hardware_models.attacks import rules, steps, words

    real = words.reference_bits
    monkeypatch.setattr(words, "reference_bits", lambda lags, seed, count: real((lags[-1], lags[-1] + 1), seed, count))
    assert broken("reckon", "generator")
    step = rules.reckon_eprop(inputs=1, neurons=1, outputs=1)
    monkeypatch.setattr(rules, "reckon_eprop", lambda **_: step.change("W.moved", kind="add"))
    assert broken("reckon", "direction")
    monkeypatch.setattr(steps, "share", lambda *_: 2.0)
    assert not broken("q-format", "product lemma")  # a theorem: only its `reached` can be off

    runs: list[Simulator] = []

    class Other(Simulator):
        """Gives each run words of its own."""

        def step(self, inputs):
            runs.append(self)
            return super().step({k: v // len(runs) if k.endswith("word") else v for k, v in inputs.items()})

    monkeypatch.setattr(words, "Simulator", Other)
    assert broken("loihi", "shared word")
    drop = words.drop_bits
    monkeypatch.setattr(words, "drop_bits", lambda x, *a, **k: drop(x, *a, **k) + 1)
    assert broken("reckon", "rounding law")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_neuron_exactly_at_its_threshold_fires_in_the_description_and_in_the_reference(profile: str) -> None:
    p = PROFILES[profile]
    for rule in p.rules:
        step = RULES[rule](p, inputs=2, neurons=2, outputs=2)
        chosen = task(p, step, steps=1, seed=0)
        half = float(p.threshold) / 2 / units_of(p["weight"].format)
        weights = {**chosen.weights, "W": np.full_like(chosen.weights["W"], half)}
        given = {**chosen.inputs[0], **(weights if p.update == "pulses" else {}), "x": np.ones(2, np.int64)}
        both = Task([given], weights)
        spikes, engine = described(p, step, both)[1], reference_gradients(p, rule, step, both)[1]
        assert spikes.all(), rule
        assert engine.all(), rule


def test_a_claim_without_a_search_is_one_clear_error() -> None:
    with pytest.raises(GradcertError, match="write its search"):
        attack(ProofRecord(1, "claim", "q-format", "proved", "refuted", "not asked", 0.0, kind="nothing"))
