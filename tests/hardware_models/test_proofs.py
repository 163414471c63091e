"""Every claim proved, every broken twin refuted, cvc5 not of another opinion; the numbers checked by simulation."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

pytest.importorskip("z3")
pytest.importorskip("cvc5")

import z3

from gradcert.hardware_models.agreement.compare import with_lanes
from gradcert.hardware_models.arithmetic import BFLOAT16, RECKON, Format, Rounding, Stochastic, round_floats
from gradcert.hardware_models.attacks.search import attack
from gradcert.hardware_models.catalogue import pairs, program
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.random import flatten, random_inputs
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.proofs import floating, reference_rule
from gradcert.hardware_models.proofs.check import CHECKS, check, provable
from gradcert.hardware_models.proofs.dead_zone import (
    decay,
    effective_time_constants,
    expected_decay,
    persistent_trace,
    smallest_updates,
)
from gradcert.hardware_models.proofs.error_bound import ROUNDINGS, trace_bound, with_rounding
from gradcert.hardware_models.proofs.invariant import box, safe
from gradcert.hardware_models.proofs.margin import certify_run
from gradcert.hardware_models.proofs.no_overflow import minimal_widths, narrowed, overflow_replay
from gradcert.hardware_models.proofs.printed import downward, shown, upward
from gradcert.hardware_models.proofs.reasons import not_asked
from gradcert.hardware_models.proofs.sign import operands, smallest_threshold
from gradcert.hardware_models.proofs.stochastic import bias_near_zero, joint_law, probabilities, words_of_period
from gradcert.hardware_models.rules import RULES
from gradcert.hardware_models.solver import PROVED, REFUTED, UNKNOWN, ProofRecord, Verdict, all_refuted, prove, worst
from gradcert.hardware_models.units import profile_trace, profile_weight, trace_unit
from gradcert.reference.errors import GradcertError

DRAWS = 400
FIXED = [name for name, p in PROFILES.items() if provable(p)]


@cache
def records(profile: str, number: int):
    return tuple(CHECKS[number](PROFILES[profile]))


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("number", CHECKS)
@pytest.mark.parametrize("profile", FIXED)
def test_every_claim_is_proved_its_twin_refuted_and_no_search_breaks_it(profile: str, number: int) -> None:
    for record in records(profile, number):
        assert record.verdict == PROVED, record
        assert record.twin == REFUTED, record
        assert record.second in (PROVED, "not asked"), record
        found = attack(record, draws=DRAWS, seed=11)
        assert not found.broken and found.tried, (record.claim, found)
        assert found.reached is None or found.reached <= 1


@pytest.mark.long
def test_every_proof_says_something_about_some_profile() -> None:
    assert {n for n in (1, 2, 3, 4) if records("pcm", n)} == {1, 2, 3, 4}
    assert records("reckon", 5) and records("pcm", 6) and records("loihi", 7)
    assert {r.number for r in records("spinnaker", 7)} == {7} and records("reckon", 7)


def test_proved_and_unknown_are_never_confused() -> None:
    """A twin that times out is not a refuted twin; a proof that times out is not one that failed."""

    def outcome(verdict: str, twin: str, second: str = "not asked") -> str:
        return ProofRecord(1, "claim", "chip", verdict, twin, second, 0.0).outcome

    assert outcome(PROVED, REFUTED) == outcome(PROVED, REFUTED, UNKNOWN) == PROVED
    assert outcome(PROVED, UNKNOWN) == outcome(UNKNOWN, REFUTED) == UNKNOWN
    assert outcome(REFUTED, UNKNOWN) == outcome(PROVED, PROVED) == outcome(PROVED, REFUTED, REFUTED) == REFUTED
    with pytest.raises(GradcertError, match="not run"):
        outcome(PROVED, "not run")
    assert worst(PROVED, UNKNOWN, REFUTED) == REFUTED and worst(PROVED, UNKNOWN) == UNKNOWN and worst() == PROVED
    assert all_refuted(REFUTED, UNKNOWN) == UNKNOWN and all_refuted(UNKNOWN, PROVED) == PROVED
    assert all_refuted(REFUTED, REFUTED) == REFUTED
    x, y, n = z3.Ints("x y n")
    hard = prove(x * x * x + y * y * y != 42 + n * n * n, [x > 10**6, y < -(10**6), n > 3], seconds=0.05)
    assert hard.status == UNKNOWN and not hard.model


@pytest.mark.long
def test_a_proof_that_times_out_is_not_reported_as_refuted(monkeypatch) -> None:
    """Every query unknown: every record is, in every file of proofs, and none is proved or refuted by the solver."""
    unknown = Verdict(UNKNOWN)
    for name in ("invariant", "error_bound", "applied", "sign", "dead_zone", "conserve", "composition", "floating"):
        monkeypatch.setattr(f"gradcert.hardware_models.proofs.{name}.prove", lambda *_, **__: unknown)
    monkeypatch.setattr("gradcert.hardware_models.proofs.composition.product_lemma", lambda **_: unknown)
    for profile in ("q-format", "spinnaker", "pcm"):
        for number in (1, 2, 3, 4, 6, 7):
            found = CHECKS[number](PROFILES[profile])
            assert all(r.outcome == UNKNOWN for r in found), (profile, number, found)


def test_printed_bounds_are_rounded_outward() -> None:
    for x in (
        Fraction(1, 3),
        Fraction(2, 3),
        Fraction(-1, 3),
        Fraction(7),
        Fraction(1, 10**9 + 7),
        Fraction(-999_999_5, 10),
    ):
        assert downward(x) <= x <= upward(x) and upward(x) - downward(x) <= abs(x) / 10**5
        assert Fraction(shown(upward(x))) == upward(x) and Fraction(shown(downward(x))) == downward(x)


@pytest.mark.long(keep=9)
@pytest.mark.parametrize(("profile", "rule"), pairs())
def test_a_description_that_is_not_the_reference_rule_is_refuted(profile: str, rule: str) -> None:
    """Beyond the twins: one factor of the rule wrong, somewhere between input and weight."""
    p = PROFILES[profile]
    step = RULES[rule](p, inputs=1, neurons=2, outputs=1)
    names = {n.name: n for n in step.nodes}
    flipped = step.change("error", kind="add")
    leak = next(n for n in names if n.endswith("leaked.factor") or n == "J.leak")
    drifted = step.change(leak, real=(names[leak].real[0] / 2,))
    for wrong in (flipped, drifted):
        assert (
            reference_rule.prove_rule(reference_rule.compared(p, rule, wrong), reference_rule.rate_of(p)).status
            == REFUTED
        )


@pytest.mark.long
def test_bfloat16_claims_hold_in_the_floating_point_theory_and_over_reals() -> None:
    found = list(check("bfloat16"))
    assert {r.number for r in found} == {1, 2, 3, 4, 8} and all(r.holds for r in found), found
    pytest.importorskip("ml_dtypes")
    searches = [attack(record, draws=DRAWS, seed=11) for record in found]
    assert all(s.tried and not s.broken for s in searches), searches


@pytest.mark.long
def test_what_is_not_asked_of_a_profile_has_a_reason_and_the_rest_is_asked() -> None:
    for profile in FIXED:
        asked = {n for n in CHECKS if records(profile, n)}
        excused = {item.number for item in not_asked(profile)}
        assert asked | excused == set(CHECKS) and all(item.why for item in not_asked(profile))
        assert not {n for n in asked & excused if n not in (2, 4, 8)}  # of these, a part is not asked
    assert {item.number for item in not_asked("bfloat16")} == {5, 6, 7}


def test_bfloat16_bounds_hold_for_the_simulator() -> None:
    """A run of the trace unit against the real-valued one; and the dead zone by trying every number of the format."""
    pytest.importorskip("ml_dtypes")
    leak = PROFILES["bfloat16"].leak
    high = floating.highest_trace(PROFILES["bfloat16"])
    bound = floating.trace_error(leak, high)
    fixed, real, worst_gap = Fraction(0), Fraction(0), Fraction(0)
    for spike in np.random.default_rng(3).integers(0, 2, 300).tolist():
        fixed = BFLOAT16.round(BFLOAT16.round(leak * fixed) + spike)
        real = leak * real + spike
        worst_gap = max(worst_gap, abs(fixed - real))
    assert bound / 20 < worst_gap <= bound
    level = floating.persistent_trace(leak)
    step = literal_step(level, leak)
    assert step == level and literal_step(level + Fraction(1, 2**133), leak) < level + Fraction(1, 2**133)
    ml_dtypes = __import__("ml_dtypes")
    every = (np.arange(0x10000, dtype=np.uint32) << 16).view(np.float32)
    every = every[np.isfinite(every)].astype(float)
    thirds = every[np.abs(every) < 2.0**100] / 3
    assert (round_floats(thirds) == thirds.astype(ml_dtypes.bfloat16).astype(float)).all()


def literal_step(value: Fraction, leak: Fraction) -> Fraction:
    return BFLOAT16.round(BFLOAT16.round(leak) * value)


def test_solver_reports_counterexamples_and_second_opinions() -> None:
    x = z3.Int("x")
    good = prove(x * x >= 0, second=True)
    bad = prove(x * x > x, [x >= 0], second=True)
    assert (good.status, good.second) == (PROVED, PROVED)
    assert (bad.status, bad.second) == (REFUTED, REFUTED) and bad.model["x"] in (0, 1)


@pytest.mark.parametrize("profile", FIXED)
def test_minimal_width_holds_and_one_bit_less_overflows_in_the_simulator(profile: str) -> None:
    unit = safe(profile_trace(PROFILES[profile]))
    wide = with_lanes(unit, 200)
    sim = Simulator(wide)
    for one in random_inputs(wide, 300, 1):
        sim.step(one)
    assert sim.log.total() == 0
    replay = overflow_replay(narrowed(unit, "e"), "e")
    assert replay is not None and replay.exact > narrowed(unit, "e").node("e").format.high
    # the replay is a real input sequence: run it once more, alone, from reset
    alone = Simulator(narrowed(unit, "e"))
    for _ in range(replay.steps):
        alone.step(replay.inputs)
    assert alone.log.events[0].step == replay.steps - 1


def test_minimal_width_of_reckons_trace_is_two_bits_more_than_it_has() -> None:
    assert minimal_widths(profile_trace(PROFILES["reckon"])) == {"e": 14}
    assert profile_trace(PROFILES["reckon"]).node("e").format.width == 12


def test_an_accumulator_without_leak_has_no_bounded_invariant() -> None:
    with pytest.raises(GradcertError, match="no bounded invariant"):
        box(profile_weight(PROFILES["spinnaker"]))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_measured_trace_error_respects_the_proved_bound(rounding: Rounding) -> None:
    unit = safe(with_rounding(profile_trace(PROFILES["q-format"]), "e.leaked", rounding))
    bound = trace_bound(unit)
    fixed, real = Oracle(unit), Oracle(unit, quantised=False)
    draw = np.random.default_rng(3)
    worst = Fraction(0)
    for spike in draw.integers(0, 2, 120):
        gap = fixed.step({"spike": int(spike)})["e.next"] - real.step({"spike": int(spike)})["e.next"]
        assert bound.low <= gap <= bound.high
        worst = max(worst, abs(gap))
    assert worst > bound.size / 8  # the bound is not vacuous here


def test_dead_zones_are_what_the_simulator_does() -> None:
    unit = trace_unit(Format.parse("u12q0"), leak=Fraction(9, 10), rounding=Rounding.NEAREST_EVEN)
    level = persistent_trace(unit)
    assert decay(unit, 300, 400)[-1] == level
    assert persistent_trace(with_rounding(unit, "e.leaked", Rounding.FLOOR)) == 0
    weight = profile_weight(PROFILES["q-format"])
    zone = smallest_updates(weight)
    floor = smallest_updates(with_rounding(weight, "w.step", Rounding.FLOOR))
    assert zone.positive == zone.negative
    assert floor.negative == 1 and floor.positive == 2 * (zone.positive - 1)  # the floor acts at once downwards


def test_effective_time_constants_rank_the_roundings() -> None:
    unit = trace_unit(Format.parse("u12q0"), leak=Fraction(0x7FEF, 1 << 15))
    steps = effective_time_constants(unit, 64, 2200)
    assert steps["real"] == 1928
    assert steps["floor"] == 41 and steps["nearest, ties to even"] is None and steps["away from zero"] is None
    assert steps["stochastic"] is not None and abs(steps["stochastic"] - 1928) < 1928 // 50  # the mean, within 2 %


def test_expected_decay_agrees_with_a_simulation_of_the_generator() -> None:
    """Means over 400 seeds against the exact distribution, within four standard errors."""
    source = Stochastic("lfsr15", 15, hold_zero=True)
    unit = trace_unit(
        Format.parse("u12q0"), leak=Fraction(0x7FEF, 1 << 15), rounding=Rounding.STOCHASTIC, source=source
    )
    wide = with_lanes(unit, 400)
    sim = Simulator(wide)
    sim.state["e"] = np.full(400, 64)
    seeds = np.random.default_rng(4).integers(1, 2**15, 400)
    words = np.stack([RECKON["lfsr15"].cycles(500, int(s))[:, 0] for s in seeds], axis=1)
    zeros = np.zeros(400, np.int64)
    for row in words:
        values = sim.step({"spike": zeros, "e.leaked.word": row})
    end = values["e.next"]
    exact = expected_decay(64, Fraction(0x7FEF, 1 << 15), 15, 500, hold_zero=True)[-1]
    assert abs(end.mean() - exact) < 4 * end.std() / 20


def test_the_sign_threshold_is_tight() -> None:
    """Just below the threshold the solver finds an opposed update; the simulator shows it."""
    p = PROFILES["q-format"]
    unit, known = profile_weight(p), operands(p)
    threshold = smallest_threshold(unit, p, known)
    assert threshold is not None and threshold > 0
    from gradcert.hardware_models.proofs.sign import prove_sign

    weight = p["weight"].format
    assert isinstance(weight, Format)
    found = prove_sign(unit, p, threshold - weight.ulp / 50, known)
    assert found.status == REFUTED
    sim = Simulator(unit)
    values = sim.step({"credit": found.model["credit"], "trace": found.model["trace"]})
    real = Fraction(found.model["real.credit"]) * Fraction(found.model["real.trace"])
    assert int(values["w.step"]) * real < 0


def test_stochastic_probabilities_and_zero_rule() -> None:
    source = Stochastic("lfsr15", 15, hold_zero=True)
    table = probabilities(RECKON["lfsr15"], source)
    assert table == [Fraction(f, 2**15 - 1) for f in range(2**15)]
    bias = bias_near_zero(RECKON["lfsr15"], source, 15)
    assert bias["above"] == Fraction(-1, 2)  # every value in (0, 1) ulp goes to zero
    # in (-1, 0): the mean of f / (2**15 - 1) - f / 2**15 over f = 1 .. 2**15 - 1
    assert bias["below"] == Fraction(2**15, 2) / (2**15 - 1) - Fraction(1, 2)
    words = words_of_period(RECKON["lfsr15"])
    assert (
        joint_law(words, words, 2**14).covariance
        > Fraction(1, 5)
        > joint_law(words, np.roll(words, 1), 2**14).covariance
    )


@pytest.mark.parametrize("rule", ["ottt", "ostl", "e-prop"])
def test_margin_certificate_implies_equal_spikes_and_bounded_error(rule: str) -> None:
    step = program("q-format", rule, inputs=3, neurons=3, outputs=2)
    weights = ("W", "Wo") + (("H",) if rule == "e-prop" else ())
    rng = np.random.default_rng(5)
    certified = 0
    for seed in range(6):
        inputs = random_inputs(step, 6, seed)
        for one in inputs:
            one["target"] = one["target"] // 16
        real = Oracle(step, quantised=False, frozen=weights)
        start = {n: rng.integers(-96, 96, step.shape(step.node(n))) for n in weights}
        run = certify_run(step, inputs, frozen=weights, start=start)
        for key, stored in flatten(step, start).items():
            real.state[key] = Fraction(stored, 64)
        first = min((c.step for c in run.close), default=len(inputs))
        for t in range(first):
            values = real.step(flatten(step, inputs[t]))
            certified += 1
            for name, bound in run.bounds[t].items():
                assert abs(run.values[t][name] - values[name]) <= bound
                if name.startswith("z.next"):
                    assert run.values[t][name] == values[name]
    assert certified > 10
