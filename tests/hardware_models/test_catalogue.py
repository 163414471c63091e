"""Every described pair of profile and rule: simulator = Fractions = solver terms (Int, bit-vectors) = generated RTL."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import z3

from gradcert.hardware_models.agreement import compare
from gradcert.hardware_models.agreement.compare import (
    FORMS,
    forms_of,
    lanes_difference,
    oracle_difference,
    rtl_difference,
    solver_difference,
    solver_terms,
    steps_from_random_states,
    with_lanes,
)
from gradcert.hardware_models.agreement.forms import agreements
from gradcert.hardware_models.arithmetic import RECKON, Rounding
from gradcert.hardware_models.catalogue import pairs, program
from gradcert.hardware_models.chips import PROFILES, q_format
from gradcert.hardware_models.chips.brainscales2 import brainscales2
from gradcert.hardware_models.chips.loihi import BRIAN, EMULATORS, LAVA, NENGO, sum_of_products
from gradcert.hardware_models.description.evaluate import evaluate, spot_check
from gradcert.hardware_models.description.oracle import Oracle, ball
from gradcert.hardware_models.description.random import random_inputs
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError


@pytest.mark.parametrize(("profile", "rule"), pairs())
def test_simulator_equals_the_fraction_oracle(profile: str, rule: str) -> None:
    if profile == "bfloat16":
        pytest.importorskip("ml_dtypes")
    step = program(profile, rule, inputs=3, neurons=2, outputs=2)
    assert oracle_difference(step, random_inputs(step, 12, 1)) is None


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(("profile", "rule"), pairs(fixed=True))
def test_simulator_equals_solver_terms_and_rtl(profile: str, rule: str, needs) -> None:
    step = program(profile, rule)
    inputs = random_inputs(step, 60, 2)
    assert solver_difference(step, inputs[:1], bits=False) is None
    assert solver_difference(step, inputs[:1], bits=True) is None
    needs("iverilog", "vvp")
    assert rtl_difference(step, inputs) is None


@pytest.mark.parametrize("emulator", EMULATORS, ids=lambda e: e.name)
def test_every_loihi_emulator_is_one_description(emulator, needs) -> None:
    step = sum_of_products(emulator, synapses=3)
    inputs = random_inputs(step, 200, 3)
    assert oracle_difference(step, inputs[:60]) is None
    assert solver_difference(step, inputs[:4], bits=True) is None
    needs("iverilog", "vvp")
    assert rtl_difference(step, inputs) is None


def test_the_loihi_emulators_differ_where_they_are_documented_to() -> None:
    """The differential test: same spikes, same words; which pair differs first in what."""

    def run(emulator, mantissa: int, tau: float):
        step = sum_of_products(emulator, synapses=4, mantissa=mantissa, tau=tau)
        sim = Simulator(step)
        trace, weight = [], []
        for one in random_inputs(sum_of_products(LAVA, synapses=4), 80, 4):
            words = {n.name: n for n in step.of_kind("random")}
            given = {k: v for k, v in one.items() if k in ("x0", "y0") or k.startswith(("x1", "y1"))}
            drawn = int(one["w.next.word"])
            given |= {n: np.full(sim.state["w"].shape if words[n].axes else (), drawn) for n in words if n not in given}
            values = sim.step(given)
            trace.append(values["x1.next"].tolist())
            weight.append(values["w.next"].tolist())
        return trace, weight

    lava, nengo, brian = (run(e, 3, 16.0) for e in (LAVA, NENGO, BRIAN))
    assert lava[0] == nengo[0]  # same decay law
    assert lava[0] != brian[0]  # exp(-1/tau) against 1 - 1/tau
    assert lava[1] != nengo[1]  # rounding of negatives
    wide = [run(e, 6, 16.0)[1] for e in (LAVA, NENGO)]
    assert wide[0] != run(LAVA, 3, 16.0)[1] and wide[1] == nengo[1]  # a mantissa of 3 bits cannot hold 6


def test_lava_clips_one_below_what_sixteen_bits_hold() -> None:
    low = {e.name: sum_of_products(e, synapses=1).node("clip.low").stored[0] for e in EMULATORS}
    assert low == {"lava": -(2**15) - 1, "nengo-loihi": -(2**15), "brian2loihi": -(2**15)}


def test_lanes_are_independent_copies() -> None:
    step = program("reckon", "e-prop")
    wide = with_lanes(step, 5)
    inputs = random_inputs(wide, 30, 5)
    together, alone = Simulator(wide), Simulator(step)
    for one in inputs:
        values = together.step(one)
        single = alone.step({k: v[3] for k, v in one.items()})
        assert all((values[n.name][3] == single[n.name]).all() for n in step.operations)


def test_the_real_valued_rule_on_balls_contains_the_rule_on_fractions() -> None:
    step = program("q-format", "ottt")
    exact, balls = Oracle(step, quantised=False), Oracle(step, quantised=False, number=ball)
    for one in random_inputs(step, 12, 6):
        flat = {f"{k}[{','.join(map(str, i))}]": int(v[i]) for k, v in one.items() for i in map(tuple, _indices(v))}
        a, b = exact.step(flat), balls.step(flat)
        for name in ("v.next[0]", "W.next[1,0]", "Wo.next[0,1]"):
            assert b[name].contains(ball(a[name]))


def _indices(v):
    return np.ndindex(v.shape)


def test_reckon_generators_are_the_published_ones() -> None:
    lags = {name: (g.near, g.far, g.bits, g.words) for name, g in RECKON.items()}
    assert lags == {
        "lfsr15": (1, 15, 15, 1),
        "lfsr15x7": (1, 15, 7, 1),
        "lfsr25": (3, 25, 512, 16),
        "lfsr22": (1, 22, 448, 16),
        "lfsr17": (3, 17, 17, 1),
    }


@pytest.mark.parametrize(("profile", "rule"), [("brainscales2", "ottt"), ("reckon", "e-prop"), ("reckon", "ottt")])
def test_every_word_that_a_generator_gives_is_in_its_declared_range(profile: str, rule: str) -> None:
    """A word shorter than its register is zero now and then, and then rounds even an exact value up."""
    step = program(profile, rule)
    zeros = 0
    for node in step.of_kind("random"):
        source = node.numeric.source
        lfsr = PROFILES[profile].generators[source.generator]
        words = lfsr.cycles(4000, seed=3)
        assert node.low <= words.min() and words.max() <= node.bounds[1], node.name
        zeros += int((words == 0).any())
    assert zeros or rule != "e-prop" or profile != "reckon"
    unit = Simulator(program("brainscales2", "ottt", inputs=1, neurons=1, outputs=1))
    given = {n.name: np.zeros(unit.program.shape(n), np.int64) for n in unit.program.of_kind("input", "random")}
    assert unit.step(given)["Wo.step"].item() == 1  # an update of nothing, and a word of zero


def test_unknown_names_are_one_clear_error() -> None:
    for attempt in (
        lambda: program("reckn", "ottt"),
        lambda: program("reckon", "rtrl"),
        lambda: q_format(weight_bits=2),
    ):
        with pytest.raises(GradcertError):
            attempt()
    assert set(PROFILES) == {"q-format", "reckon", "loihi", "spinnaker", "bfloat16", "brainscales2", "pcm"}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_form_agrees_on_independent_steps_from_random_states(profile: str, needs) -> None:
    """A sample of what `gradcert hardware --check --steps 100000` runs."""
    if profile == "bfloat16":
        pytest.importorskip("ml_dtypes")
    else:
        needs("iverilog", "vvp")
    (record,) = agreements(profile, steps=150)
    assert record.holds, record
    asked = {form for form, said in record.forms.items() if said == "equal"}
    assert asked == ({"Fractions", "floating-point theory"} if profile == "bfloat16" else set(FORMS) - {FORMS[3]})


@pytest.mark.parametrize("form", [f for f in FORMS if f != "floating-point theory"])
def test_a_form_that_computes_something_else_is_named(form: str, needs, monkeypatch) -> None:
    """The other form gets a description that rounds down where the simulator rounds to nearest."""
    if form == "RTL":
        needs("iverilog", "vvp")
    right = program("q-format", "ottt", inputs=1, neurons=1, outputs=1)
    wrong = right.change("v.leaked", numeric=replace(right.node("v.leaked").numeric, rounding=Rounding.FLOOR))
    honest = compare.columns_of
    monkeypatch.setattr(compare, "columns_of", lambda _, leaves, *, form: honest(wrong, leaves, form=form))
    found = lanes_difference(right, 60, 1, form=form)
    assert found is not None and found.name == "v.leaked[0]" and found.other == found.one - 1


@pytest.mark.parametrize(("profile", "rule"), [("reckon", "e-prop"), ("spinnaker", "fptt"), ("bfloat16", "ostl")])
def test_terms_over_arrays_are_what_z3_itself_makes_of_them(profile: str, rule: str) -> None:
    if profile == "bfloat16":
        pytest.importorskip("ml_dtypes")
    step = program(profile, rule, inputs=1, neurons=1, outputs=1)
    leaves, _ = steps_from_random_states(step, 50, 3)
    for form in set(forms_of(step)) - {"Fractions", "RTL"}:
        assert spot_check(solver_terms(step, form), leaves, range(6)) is None


def test_the_walker_keeps_to_smt_lib_where_python_would_differ() -> None:
    x, y = z3.Int("x"), z3.BitVec("y", 8)
    at = {"x": np.array([-7, 7, -(2**61)]), "y": np.array([-128, 127, -1])}
    terms = {"div": x / 4, "mod": x % 4, "square": x * x, "wrap": y + y, "low": z3.ZeroExt(4, z3.Extract(3, 0, y)),
             "arith": y >> 2, "neg": -y}  # fmt: skip
    got = evaluate(terms, at)
    assert [got[n].tolist() for n in ("div", "mod", "square")] == [
        [-2, 1, -(2**59)], [1, 3, 0], [49, 49, 2**122],
    ]  # fmt: skip
    assert [got[n].tolist() for n in ("wrap", "arith", "neg")] == [[0, -2, -2], [-32, 31, -1], [-128, -127, 1]]
    assert got["low"].tolist() == [0, 15, 15]
    with pytest.raises(GradcertError, match="not positive"):
        evaluate({"d": x / (x - x)}, at)


def test_brainscales2_in_both_arithmetics_and_with_constants_that_truncation_keeps() -> None:
    both = [RULES["ottt"](brainscales2(modulo=m), inputs=1, neurons=1, outputs=1) for m in (False, True)]
    seen = [steps_from_random_states(step, 400, 3)[1] for step in both]
    assert lanes_difference(both[1], 200, 3, form="bit-vectors") is None
    assert any((seen[0][n] != seen[1][n]).any() for n in seen[0])  # an overflow tells them apart
    for rule in RULES:
        for node in program("brainscales2", rule).of_kind("constant"):
            assert [real / node.format.ulp for real in node.real] == list(node.stored)


def fptt_by_hand(weight, mean, dual, gradient, applied, rate):
    """Return (weight, mean, multiplier) after one update, mathematics.md 8.2, on Fractions."""
    if not applied:
        return weight, mean, dual
    moved = weight - (gradient - dual + (weight - mean) / 8) / 2**rate
    dual = dual - (moved - mean) / 8
    return moved, (mean + moved) / 2 - 4 * dual, dual


@pytest.mark.parametrize("profile", ["q-format", "spinnaker"])
def test_fptt_moves_its_registers_when_an_update_is_applied(profile: str) -> None:
    """The real-valued rule of the description against the equations, part by part; a part is a window on SpiNNaker."""
    p = PROFILES[profile]
    step = program(profile, "fptt", inputs=1, neurons=1, outputs=1)
    oracle = Oracle(step, quantised=False, frozen=("W",))
    weight = oracle.state["Wo[0,0]"] = oracle.state["W[0,0]"] = Fraction(3, 4)
    mean, dual, gradient = Fraction(0), Fraction(0), Fraction(0)
    pending, updates = False, 0
    for one in random_inputs(step, 40, 4):
        values = oracle.step({k: int(v) for k, v in _flat(one).items()})
        gradient = values["Wo.product[0,0]"] + (gradient if p.update == "window" else 0)
        pending = pending or bool(one.get("window_end", True))
        applied = p.update == "value" or (pending and values["z.next[0]"] == 1)
        weight, mean, dual = fptt_by_hand(weight, mean, dual, gradient, applied, p.rate)
        if applied:
            gradient, pending, updates = Fraction(0), False, updates + 1
        assert (oracle.state["Wo[0,0]"], oracle.state["Wo.mean[0,0]"], oracle.state["Wo.dual[0,0]"]) == (
            weight, mean, dual,
        )  # fmt: skip
    assert updates > (0 if profile == "spinnaker" else 39)


def _flat(one):
    return {f"{k}[{','.join(map(str, i))}]" if i else k: v[i] for k, v in one.items() for i in np.ndindex(v.shape)}


def test_what_is_stored_otherwise_is_said_behind_the_name():
    step = program("s6q4,trace=u8q4:floor,update=s9q4:nearest-ties-up", "ottt")
    assert str(step.node("xh").format) == str(step.node("xh.leaked").format) == "u8q4"
    assert step.node("xh.leaked").numeric.rounding is Rounding.FLOOR
    assert (str(step.node("W.step").format), step.node("W.step").numeric.rounding) == ("s9q4", Rounding.NEAREST_UP)
    assert str(step.node("W").format) == "s6q4"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("q-format,trac=u8q4", "'trac=u8q4' of q-format; allowed: weight, current"),
        ("q-format,trace", "format ''"),
        ("q-format,trace=u8q4:flor", r"the rounding 'flor' \(did you mean 'floor'"),
        ("reckon,trace=u8q4", "of reckon; allowed: the chip as it is"),
        ("bfloat16,trace=u8q4", "of bfloat16.*; allowed: no role"),
        ("nothing,trace=u8q4", "profile 'nothing'"),
    ],
)
def test_what_cannot_be_stored_otherwise_is_one_sentence(name, said):
    with pytest.raises(GradcertError, match=said):
        program(name, "ottt")
