"""The shape that C3 compares: the authors' own curve has it, a straight line has not, and levels do not count."""

import numpy as np

from gradcert.papers.claim import Results
from gradcert.papers.claims import chorale_curve
from gradcert.papers.claims.chorale_curve import EPOCHS, SEEDS, THEIRS


def judged(curve):
    done = [
        ({"rule": rule, "seed": s}, {"curve": curve(s), "loss": 1.0, "looks": [{"epoch": 0, "error": 0.0}]})
        for rule in chorale_curve.RULES
        for s in SEEDS
    ]
    return {part.verdict for part in chorale_curve.judge(Results(tuple(done)), False) if part.verdict}


def test_the_verdict_follows_from_the_shape_alone():
    epochs, values = np.array(list(THEIRS)), np.array(list(THEIRS.values()))

    def theirs(scale, offset):
        return lambda s: [
            [e, offset + scale * float(np.interp(e, epochs, values)) + 0.001 * s] for e in range(1, EPOCHS + 1)
        ]

    assert judged(theirs(1.0, 0.0)) == judged(theirs(3.0, -7.0)) == {"shown"}
    assert judged(lambda s: [[e, 11.0 - 0.02 * e - 0.001 * s] for e in range(1, EPOCHS + 1)]) == {"not shown"}
