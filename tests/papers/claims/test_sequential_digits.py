"""The digits of C5 as sequences, and a search that comes before the seeds."""

import numpy as np

from gradcert.papers.claim import Results
from gradcert.papers.claims import sequential_digits
from gradcert.papers.claims.sequential_digits import EQUAL_UPDATES, LEARNERS, SEARCH, plan, shown
from gradcert.papers.training import TUNED

RATES, SEEDS = SEARCH.rates, SEARCH.seeds


def test_a_digit_is_read_row_by_row_in_means_of_four():
    image = np.arange(784, dtype=np.float32).reshape(1, 784)
    x = shown(image)[:, 0]
    square = image.reshape(28, 28)
    assert x[0].tolist() == [square[:2, 2 * k : 2 * k + 2].mean() for k in range(4)]
    assert x.reshape(14, 14)[5, 9] == square[10:12, 18:20].mean()


def test_seeds_run_at_the_best_rate_of_the_search():
    search = list(plan(Results(), False))
    assert {job["seed"] for job in search} == {TUNED}
    assert len(search) == (len(LEARNERS) - 1) * len(RATES)
    done = Results(tuple((job, {"error": abs(job["rate"] - RATES[1])}) for job in search))
    later = [job for job in plan(done, False) if job["seed"] != TUNED]
    assert {job["rate"] for job in later} == {RATES[1]}
    first = Results((*done.done, *((job, {"error": 0.5}) for job in later)))
    assert sum(job["learner"] == EQUAL_UPDATES for job in plan(first, False)) == len(SEEDS)


def test_the_verdict_follows():
    def judged(fptt):
        errors = {name: fptt if name == "fptt" else 0.5 for name in LEARNERS}
        done = [
            ({"learner": n, "rate": RATES[0], "seed": s}, {"error": e + 0.001 * s, "curve": [], "updates": 1})
            for n, e in errors.items()
            for s in SEEDS
        ]
        return [part.verdict for part in sequential_digits.judge(Results(tuple(done)), False) if part.verdict]

    assert judged(0.3) == ["shown"] * 3
    assert judged(0.5) == ["not shown", "not shown", "shown"]
    assert judged(0.6) == ["not shown"] * 3
