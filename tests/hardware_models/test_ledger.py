"""The gradient ledger, the faults table, figures, PCM devices, and the room's plain functions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from gradcert import hardware_models
from gradcert.hardware_models.agreement.faults import fault_table
from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.chips.pcm_device import HIGHEST, LOWEST, SCHEMES, STEP, PcmPairs
from gradcert.hardware_models.cost.figures import ALPHA, first_pulse, pulses_released, trace_decay
from gradcert.hardware_models.cost.gradient_ledger import fixed_run, ledger, reference_gradients
from gradcert.hardware_models.cost.random_task import KEYS, Task, task
from gradcert.hardware_models.cost.width_sweep import point
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.random import flatten
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError


@pytest.mark.parametrize("rule", RULES)
def test_the_real_valued_description_is_the_reference_engines_rule(rule: str) -> None:
    """Every number of this short run is dyadic with fewer than 53 bits: float64 makes no rounding.

    Equality is exact.
    """
    p = PROFILES["q-format"]
    step = RULES[rule](p, inputs=6, neurons=3, outputs=2)
    runs = ((c, *reference_gradients(p, rule, step, c)) for c in (task(p, step, steps=4, seed=s) for s in range(20)))
    chosen, wanted, spikes = next(run for run in runs if run[2][:2].any())
    oracle = Oracle(step, quantised=False, frozen=tuple(chosen.weights))
    for name, stored in flatten(step, chosen.weights).items():
        oracle.state[name] = Fraction(int(stored), 64)
    total: dict[str, Fraction] = {}
    for t, one in enumerate(chosen.inputs):
        values = oracle.step(flatten(step, one))
        assert [values[f"z.next[{i}]"] for i in range(3)] == [Fraction(s) for s in spikes[t]]
        for name, array in chosen.weights.items():
            for index in np.ndindex(array.shape):
                key = f"{name}.product[{','.join(map(str, index))}]"
                total[key] = total.get(key, Fraction(0)) + values[key]
    for name, array in wanted.items():
        for index in np.ndindex(array.shape):
            assert Fraction(float(array[index])) == total[f"{name}.product[{','.join(map(str, index))}]"]
        assert name in KEYS and (name == "H" or array.any())


def test_the_ledger_splits_algorithm_from_arithmetic() -> None:
    ostl = ledger("ostl", "spinnaker", steps=30)
    # one layer, stateless readout: OSTL is exact, so float64 orders of summation differ alone (the enclosure of PCM's
    # exact readout shows how little that is); a rule that drops an edge loses a tenth and more
    assert all(e.algorithm < 1e-12 for e in ostl.entries)
    ottt = ledger("ottt", "spinnaker", steps=30)
    assert ottt.entries[0].algorithm > 0.1 > ottt.entries[0].arithmetic
    assert ottt.entries[1].parameter == "Wo" and ottt.entries[1].algorithm < 1e-12
    assert ottt.spikes > 10 and [e.steps for e in ottt.over_time[::2]] == [3, 7, 11, 15, 18, 22, 26, 30]
    assert ottt.over_time[-2:] == ottt.entries
    coarse = ledger("ottt", "brainscales2", steps=30)
    assert coarse.entries[0].arithmetic > 10 * ottt.entries[0].arithmetic
    assert 0 <= coarse.entries[0].sign_agreement <= 1
    with pytest.raises(GradcertError):
        ledger("rtrl", "reckon")


@pytest.mark.parametrize("profile", PROFILES)
def test_what_the_arithmetic_costs_is_below_its_bound_in_every_layer_at_every_time(profile: str) -> None:
    for rule in ("ottt", "e-prop", "fptt"):
        book = ledger(rule, profile, steps=24)
        assert all(e.arithmetic <= e.bound for e in book.over_time), book
        assert all(0 < e.bptt_norm < 1e4 and e.rule_norm < 1e4 for e in book.entries)  # no explosion
        if book.flipped_spikes == 0:
            assert all(e.bound < 100 for e in book.entries), book  # not vacuous
    assert (ledger("ottt", profile, steps=8).entries[0].noise > 0) == (PROFILES[profile].update == "probability")


def test_the_bound_is_one_of_every_weight_and_breaks_where_the_arithmetic_is_worse_than_it_says() -> None:
    p = PROFILES["q-format"]
    step = RULES["ottt"](p, inputs=6, neurons=4, outputs=2)
    chosen = task(p, step, steps=24, seed=2)
    real, spikes = reference_gradients(p, "ottt", step, chosen)
    run = fixed_run(p, step, chosen, real_spikes=spikes)
    assert all((np.abs(run.mean[n][-1] - real[n]) <= run.bound[n][-1]).all() for n in real)
    coarse = step.change("W.step", numeric=replace(step.node("W.step").numeric, rounding=Rounding.FLOOR))
    other = fixed_run(p, coarse, chosen, real_spikes=spikes)
    assert (np.abs(other.mean["W"][-1] - real["W"]) > run.bound["W"][-1]).any()
    # the margin certificate: SpiNNaker's 16.15 certifies what bfloat16 leaves open, and says where
    assert run.close == () or all(0 <= t < 24 and 0 <= i < 4 for t, i in run.close)
    fine, rough = (ledger("ottt", name, steps=60) for name in ("spinnaker", "bfloat16"))
    assert len(fine.close) < len(rough.close) < rough.decisions == 60 * 8 and rough.flipped_spikes <= len(rough.close)
    # without the real-valued run every spike too near its threshold pays: never less
    alone = fixed_run(p, step, chosen)
    assert all((alone.bound[n] >= run.bound[n]).all() for n in real)


def test_the_mean_of_a_probability_is_the_mean_of_its_draws() -> None:
    """ReckOn's updates: 30 draws of the words, within five standard errors (a Bernoulli's variance is at most 1/4)."""
    p = PROFILES["reckon"]
    step = RULES["ottt"](p, inputs=4, neurons=3, outputs=1)
    chosen = task(p, step, steps=12, seed=3)
    rng, draws = np.random.default_rng(4), []
    words = [n for n in step.of_kind("random") if n.name in ("W.word", "Wo.word")]
    for _ in range(30):
        given = [{**one, **{n.name: rng.integers(1, 2**32, step.shape(n)) for n in words}} for one in chosen.inputs]
        draws.append(fixed_run(p, step, Task(given, chosen.weights)).drawn["Wo"][-1])
    mean = fixed_run(p, step, chosen).mean["Wo"][-1]
    error = 2.0**p.rate * (12 * 0.25 / 30) ** 0.5
    assert (np.abs(np.mean(draws, axis=0) - mean) < 5 * error).all()


def test_wider_weights_give_better_gradients() -> None:
    errors = [point("ottt", bits, Rounding.NEAREST_EVEN, steps=20).error for bits in (4, 8, 12)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.long
def test_every_fault_is_caught_and_the_table_says_by_what() -> None:
    table = fault_table()
    assert all(row.caught for row in table), table
    assert {row.kind for row in table} >= {
        "rounding sense", "one bit narrow", "wrong order", "shared random number", "guard on the wrong bit",
    }  # fmt: skip
    assert {row.proof for row in table if row.proof} >= {
        "1 (no overflow)",
        "2 (error bound)",
        "3 (sign)",
        "5 (joint law)",
    }


def test_truncation_kills_a_trace_that_stochastic_rounding_keeps() -> None:
    """hardware.md 1.1: 64 at leak 0x7FEF / 2**15. The mean of 300 runs.

    Within four standard errors of the real decay.
    """
    from gradcert.hardware_models.proofs.dead_zone import expected_decay

    runs = trace_decay(steps=500, runs=300)
    assert runs["truncated"][64] == 0 and runs["truncated"][63] == 1
    exact = expected_decay(64, ALPHA, 15, 2000, hold_zero=True)
    assert (round(float(exact[500]), 1), round(float(exact[2000]), 1)) == (49.4, 22.7)
    real = 64 * float(ALPHA) ** 2000
    assert (round(runs["real"][500], 1), round(real, 1)) == (49.4, 22.7)
    # the spread of one run after 500 steps is below 4, so that of the mean is below 4 / sqrt(300)
    assert abs(runs["stochastic"][500] - exact[500]) < 4 * 4 / 300**0.5


def test_pcm_floor_asymmetry() -> None:
    """+1e-6 needs 125 000 updates for its first step, -1e-6 acts at once; truncation toward zero treats both alike."""
    small = Fraction(1, 10**6)
    assert (first_pulse(small), first_pulse(-small)) == (125_000, 1)
    assert first_pulse(small, toward_zero=True) == first_pulse(-small, toward_zero=True) == 125_000
    for sign in (1, -1):
        for toward in (False, True):
            gradient = Fraction(sign, 1024)  # dyadic: the accumulator holds it exactly
            released = pulses_released(gradient, 300, toward_zero=toward)
            assert int(np.flatnonzero(released)[0]) + 1 == first_pulse(gradient, toward_zero=toward)
    up, down = (pulses_released(Fraction(s, 1024), 1280) for s in (1, -1))
    assert (up[-1], down[-1]) == (10, -10)  # conserved: the transient differs, the sum does not


def test_pcm_devices_follow_their_laws() -> None:
    pairs = PcmPairs((200,), noise=False)
    before = pairs.conductance[0].copy()
    pairs.pulse(np.ones(200, bool), positive=True)
    first = (pairs.conductance[0] - before)[0, 0]
    pairs.pulse(np.ones(200, bool), positive=True)
    second = (pairs.conductance[0])[0, 0] - before[0, 0] - first
    assert 0 < second < first  # the mean step falls with conductance and history
    early, late = pairs.weights(seconds=1.0)[0], pairs.weights(seconds=1000.0)[0]
    assert late < early  # drift
    noisy = PcmPairs((4000,), seed=2)
    noisy.pulse(np.ones(4000, bool), positive=True)
    assert noisy.weights().std() > 0.5 and noisy.weights(seconds=40.0).std() > noisy.weights().std() * 0.9


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pcm_update_schemes(scheme: str) -> None:
    pairs = PcmPairs((500,), devices=3, seed=3, noise=False)
    change = np.linspace(-3, 3, 500)
    counts = pairs.update(change, scheme)
    assert (np.sign(counts) * np.sign(change) >= 0).all()
    moved = pairs.weights()
    assert (moved[counts > 0] > 0).all() and (moved[counts < 0] < 0).all() and (moved[counts == 0] == 0).all()
    assert (pairs.conductance >= LOWEST).all() and (pairs.conductance <= HIGHEST).all()
    if scheme == "accumulate":
        assert (pairs.remainder >= 0).all() and (pairs.remainder < 0.125).all()
        # applied + remainder = sum, to the rounding of a division and two additions in float64
        exact = change / STEP
        assert np.abs(counts * 0.125 + pairs.remainder - exact).max() <= 3 * np.finfo(float).eps * np.abs(exact).max()
    if scheme == "stochastic":
        assert 0 < np.abs(counts).sum() < 500
    with pytest.raises(GradcertError):
        pairs.update(change, "magic")


def test_pcm_refresh_keeps_the_weight_and_frees_the_devices() -> None:
    pairs = PcmPairs((50,), noise=False)
    pairs.conductance[0], pairs.conductance[1] = 10.0, 9.5
    chosen = pairs.refresh()
    assert chosen.all() and pairs.conductance.max() < 9.0
    pairs.conductance[0], pairs.conductance[1] = 10.0, 1.0
    assert not pairs.refresh().any()  # the pair does not cancel: it stays


def test_plain_functions_of_the_room() -> None:
    names = [p.name for p in hardware_models.profiles()]
    assert names == list(PROFILES)
    table = hardware_models.describe("reckon", "e-prop")
    row = next(r for r in table.rows if r.name == "trace.in.leaked")
    assert (row.format, row.rounding, row.source) == ("u12q0", "stochastic", "lfsr15, 15 bits, a floored zero stays")
    assert dict(table.next)["W"] == "W.next" and table.notes
    assert hardware_models.describe("bfloat16", "ottt").rows[-1].rounding == "nearest, ties to even"
    with pytest.raises(AttributeError):
        hardware_models.nothing  # noqa: B018


def test_judging_a_fixed_point_subject_bit_for_bit() -> None:
    """The subject is the generated RTL's second opinion: the Fraction oracle, then the same with one wrong bit."""
    step = program("q-format", "ottt")
    oracle = Oracle(step)
    ulps = {n.name: n.format.ulp for n in oracle.flat.nodes}

    def honest(given, states):
        for name, stored in states.items():
            oracle.state[name] = stored * ulps[name]
        values = oracle.step(given)
        return {k: int(values[k] / ulps[k]) for k in ("v.next[0]", "W.next[1,0]", "credit[1]")}

    good = hardware_models.judge_fixed_point(honest, "q-format", "ottt", steps=50)
    assert good.first is None and good.steps == 50 and len(good.compared) == 3
    oracle = Oracle(step)
    bad = hardware_models.judge_fixed_point(
        lambda given, states: {k: v ^ int(k[0] == "v" and v != 0) for k, v in honest(given, states).items()},
        "q-format",
        "ottt",
    )
    assert bad.first is not None and bad.first.name == "v.next[0]"
