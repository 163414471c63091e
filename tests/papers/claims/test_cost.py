"""The measure of C10: bytes of traces are counted exactly, exponents fitted, and a clock that sees nothing is seen."""

import pytest

from gradcert.papers.claim import Results
from gradcert.papers.claims import cost
from gradcert.papers.claims.cost import EXPONENTS, LATERAL, LENGTHS, SEEDS, SIZES, STEPS, UNITS, exponent


@pytest.mark.parametrize(("learner", "power"), [("ostl" + LATERAL, 3), ("ostl", 2), ("snap-1", 2), ("e-prop", 1),
                                                ("ottt", 1), ("sltt", None)])  # fmt: skip
def test_traces_are_counted(learner, power):
    small, large = (cost.run({"learner": learner, "n": n, "T": 3, "seed": 0})["traces"] for n in (8, 16))
    if power is None:
        assert small == large == 0
    else:
        assert large == 2**power * small > 0


def test_an_exponent_is_that_of_the_largest_three():
    assert exponent([8, 1, 2, 4], [64, 1000, 4, 16]) == pytest.approx(2, abs=1e-12)


FAILING = ("control", "a step takes", "traces take", "a sequence takes")


def drawn(lateral, others=2.0, memory=0.0, longer=1.0):
    """Results of runs whose times are powers of n, and of T."""
    done = []
    for learner, (power, room) in EXPONENTS.items():
        slope = lateral if power == 4 else others
        for seed in SEEDS:
            for n in cost.LARGE if power == 4 else SIZES:
                run = {"step": n**slope, "sequence": 0.0, "traces": n ** ((room or 0) + memory) if room else 0}
                done.append(({"learner": learner, "n": n, "T": STEPS, "seed": seed}, run))
            if power != 4:
                run = {"sequences": [T**longer for T in LENGTHS]}
                done.append(({"learner": learner, "n": UNITS, "lengths": list(LENGTHS), "seed": seed}, run))
    return Results(tuple(done))


def test_lengths_take_turns(monkeypatch):
    asked = []
    spent = iter(range(1000, 0, -1))  # every later measurement is faster: the fastest is the last round's
    monkeypatch.setattr(cost, "sequence", lambda name, n, T, seed: asked.append(T) or {"sequence": next(spent)})
    found = cost.run({"learner": "sltt", "n": UNITS, "lengths": list(LENGTHS), "seed": 0})["sequences"]
    assert asked == list(LENGTHS) * cost.ROUNDS
    assert found == [1000 - k for k in range(len(asked) - len(LENGTHS), len(asked))]


@pytest.mark.parametrize(
    ("results", "failed"),
    [
        (drawn(4.0), set()),
        (drawn(1.0), {"control"}),
        (drawn(4.0, others=2.5), {"a step takes"}),
        (drawn(4.0, memory=0.2), {"traces take"}),
        (drawn(4.0, longer=1.5), {"a sequence takes"}),
    ],
)
def test_the_verdict_follows(results, failed):
    parts = [part for part in cost.judge(results, False) if part.verdict and part.verdict != "shown"]
    assert {word for word in FAILING for p in parts if word in p.name} == failed
