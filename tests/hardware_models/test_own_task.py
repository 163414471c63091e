"""A network of one's own in the place of the random task: what is stored, measured, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradcert.hardware_models import Own, ledger, read_network
from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.catalogue import find_profile
from gradcert.hardware_models.cost.gradient_ledger import KEYS, fixed_gradients, network
from gradcert.hardware_models.cost.random_task import task, units_of
from gradcert.hardware_models.cost.width_sweep import point, sweep
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError


def arrays(**changed):
    rng = np.random.default_rng(1)
    found = {
        "W": rng.normal(0, 0.6, (6, 4)),
        "Wo": rng.normal(0, 0.6, (2, 6)),
        "x": (rng.random((40, 4)) < 0.3).astype(int),
        "target": rng.choice([-1.0, 0.0, 1.0], (40, 2)),
    }
    return {k: v for k, v in {**found, **changed}.items() if v is not None}


def written(folder: Path, **changed) -> Path:
    np.savez(folder / "mine.npz", **arrays(**changed))
    return folder / "mine.npz"


def own(**changed) -> Own:
    given = arrays(**changed)
    x, target = given.pop("x"), given.pop("target")
    return Own(
        {k: v for k, v in given.items() if k in KEYS}, x, target, {k: v for k, v in given.items() if k not in KEYS}
    )


LATERAL = np.random.default_rng(2).normal(0, 0.3, (6, 6)) * (1 - np.eye(6))


@pytest.mark.parametrize("rule", ["ottt", "e-prop"])
@pytest.mark.parametrize("profile", ["q-format", "spinnaker", "reckon"])
def test_the_random_task_given_as_ones_own_has_the_same_ledger(rule: str, profile: str) -> None:
    p = find_profile(profile)
    step = RULES[rule](p, inputs=8, neurons=8, outputs=2)
    drawn = task(p, step, steps=20, seed=4)
    unit = units_of(step.node("target").numeric.format)
    same = Own(
        {k: v * units_of(p["weight"].format) for k, v in drawn.weights.items()},
        np.array([one["x"] for one in drawn.inputs]),
        np.array([one["target"] for one in drawn.inputs]) * unit,
    )
    one, other = ledger(rule, profile, steps=20, seed=4), ledger(rule, profile, seed=4, own=same)
    assert one.entries == other.entries and one.spikes == other.spikes
    assert (one.task, one.stored) == ("a built-in random task", "") and "W 0 % (" in other.stored


def test_what_is_stored_is_nearest_and_what_is_beyond_the_range_is_counted() -> None:
    mine = own(W=np.full((6, 4), 0.3))
    mine.weights["W"][0, 0] = 5.0
    p = find_profile("s8q6")
    step = mine.described(p, "ottt")
    stored = mine.task(p, step, 0).weights["W"]
    assert stored[0, 0] == 127 and (stored.ravel()[1:] == 19).all()  # 0.3 * 64 = 19.2
    assert "(s8q6, 1 of 24 beyond its range)" in mine.rounded(step)


def test_constants_are_those_of_the_network() -> None:
    p = own(leak=0.5, threshold=2.0).on(find_profile("q-format"))
    cell = network(p, "ottt", inputs=4, neurons=6, outputs=2).layers[0].cell
    assert (cell.leak, cell.threshold) == (0.5, 2.0)
    step = own().described(p, "ottt")
    assert step.node("threshold").stored == (2048,)


def test_the_sweep_is_of_the_network_and_finer_weights_are_nearer_to_the_rule() -> None:
    mine = own()
    errors = [point("ottt", bits, Rounding.NEAREST_EVEN, own=mine).error for bits in (6, 9, 12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] != point("ottt", 6, Rounding.NEAREST_EVEN).error
    p = find_profile("s12q10")
    fixed, _ = fixed_gradients(p, mine.described(p, "ottt"), mine.task(p, mine.described(p, "ottt"), 0))
    assert fixed["W"].shape == (6, 4) and fixed["Wo"].shape == (2, 6)


def test_no_width_and_no_rule_are_told_apart() -> None:
    with pytest.raises(GradcertError, match=r"^a sweep over no width"):
        sweep([])
    with pytest.raises(GradcertError, match=r"^a sweep of rule 'rtrl'"):
        sweep([4], rule="rtrl")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"x": np.full((40, 4), 2)}, "mine.npz: x holds other values than 0 and 1"),
        ({"x": np.zeros((1, 40, 4))}, r"x has the shape \[1, 40, 4\]; allowed: \(steps, inputs\)"),
        ({"x": np.zeros((0, 4))}, r"x has the shape \[0, 4\]"),
        ({"target": np.zeros((41, 2))}, r"target has the shape \[41, 2\]; allowed: \(steps, outputs\) = \[40, 2\]"),
        ({"Wo": np.zeros((6, 2))}, r"Wo has the shape \[6, 2\]; allowed: \(outputs, neurons\) = \[2, 6\]: 40 steps"),
        ({"H": np.zeros((6, 5))}, r"H has the shape \[6, 5\]; allowed: \(neurons, neurons\) = \[6, 6\]"),
        ({"W": np.full((6, 4), np.nan)}, "W holds what is no finite number"),
        ({"W": np.full((6, 4), 1j)}, "W holds complex128; allowed: real numbers"),
        ({"W": np.full((6, 4), None)}, r"is no \.npz file of plain arrays \(Object arrays cannot be loaded"),
        ({"W": None}, r"no array 'W'; allowed: W \(neurons, inputs\)"),
        ({"Wo": None}, r"no array 'Wo'; allowed: Wo \(outputs, neurons\)"),
        ({"x": None}, "no array 'x'"),
        ({"target": None}, "no array 'target'"),
        ({"bias": np.zeros(6)}, "an array 'bias'; allowed: W, H, Wo, x, target, leak"),
        ({"leak": 1.0}, "leak = 1.0; allowed: a number of at least 0 and below 1"),
        ({"leak": np.array([0.5, 0.5])}, r"leak = \[0.5 0.5\]; allowed: a number"),
        ({"threshold": 0.0}, "threshold = 0.0; allowed: a number above 0"),
    ],
)
def test_a_file_that_does_not_fit_is_told_why_in_one_sentence(tmp_path: Path, changed: dict, says: str) -> None:
    with pytest.raises(GradcertError, match=says) as found:
        read_network(written(tmp_path, **changed))
    assert "mine.npz" in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_npz_is_told_how_to_write_one(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mine.npz").write_bytes(data)
    with pytest.raises(GradcertError, match=r"is no \.npz file of plain arrays .* numpy\.savez\('mine\.npz'"):
        read_network(tmp_path / "mine.npz")


def test_a_file_whose_arrays_are_damaged_is_told_so(tmp_path: Path) -> None:
    data = written(tmp_path).read_bytes()
    (tmp_path / "mine.npz").write_bytes(data.replace(b"NUMPY", b"NUMPX"))
    with pytest.raises(GradcertError, match=r"is no \.npz file of plain arrays"):
        read_network(tmp_path / "mine.npz")


@pytest.mark.parametrize(
    ("changed", "profile", "rule", "says"),
    [
        ({"H": LATERAL}, "q-format", "ottt", "H for ottt"),
        ({}, "q-format", "e-prop", r"no H for e-prop; allowed: H \(neurons, neurons\)"),
        ({"H": LATERAL + np.eye(6)}, "q-format", "e-prop", "H has a diagonal that is not zero, for e-prop"),
        ({"threshold": 99.0}, "q-format", "ottt", "threshold = 99; allowed: up to 31.999, in s16q10 of q-format"),
        ({"H": LATERAL, "leak": 0.5}, "reckon", "e-prop", "leak = 0.5; allowed: on reckon from 0.875"),
    ],
)
def test_a_network_that_does_not_fit_the_rule_or_the_profile_is_told_why(
    changed: dict, profile: str, rule: str, says: str
) -> None:
    with pytest.raises(GradcertError, match=says):
        ledger(rule, profile, own=own(**changed))
