"""The chip of C9: what its updates may move, and that truncation moves nothing where chance does."""

import numpy as np
import pytest

from gradcert.hardware_models.rules import RULES
from gradcert.papers.claim import Results
from gradcert.papers.claims import chip_learning
from gradcert.papers.claims.chip_learning import CLAIM, INPUTS, NEURONS, OUTPUTS, UPDATES, profile, sequence, started


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(chip_learning, "SEQUENCES", 2)


def test_updates_below_half_a_unit_are_lost_by_rounding_and_kept_by_chance(few):
    """At a rate of 2**-20 no update is half a unit: rounding to nearest and truncation move nothing at all."""
    moved = {u: sum(chip_learning.run({"update": u, "rate": 20, "seed": 0})["moved"].values()) for u in UPDATES}
    assert moved["truncation"] == moved["nearest"] == 0
    assert moved["wide"] > 0
    at_eleven = chip_learning.run({"update": "probability", "rate": 11, "seed": 0})["moved"]
    assert 0 < sum(at_eleven.values()) < NEURONS * (INPUTS + NEURONS + OUTPUTS)


@pytest.mark.parametrize("update", UPDATES)
def test_weights_start_from_the_same_numbers_in_every_format(update):
    step = RULES["e-prop"](profile(update, 9), inputs=INPUTS, neurons=NEURONS, outputs=OUTPUTS)
    first = started(step, np.random.default_rng(3))
    assert not np.diagonal(first["H"]).any()
    radix = step.node("W").format.radix
    eight = RULES["e-prop"](profile("truncation", 9), inputs=INPUTS, neurons=NEURONS, outputs=OUTPUTS)
    for name, units in started(eight, np.random.default_rng(3)).items():
        assert (first[name] == units << (radix - 4)).all()
        assert abs(units).max() <= 128


def test_a_class_is_the_half_that_fires_more():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, label = sequence(rng)
        halves = [x[:, :4].mean(), x[:, 4:].mean()]
        assert int(np.argmax(halves)) == label


@pytest.mark.parametrize(("truncated", "word"), [(1.0, "shown"), (0.4, "not shown")])
def test_the_verdict_follows(truncated, word):
    def run(update, seed):
        error = truncated if update == "truncation" else 0.4
        return {"error": error + 0.01 * (seed % 2), "wrong": 0.0, "moved": {"W": 1}, "curve": []}

    done = [({"update": u, "rate": 9, "seed": s}, run(u, s)) for u in UPDATES for s in chip_learning.SEARCH.seeds]
    decisive = [part.verdict for part in CLAIM.judge(Results(tuple(done)), False) if part.verdict]
    assert decisive == [word, word]
