"""How a verdict follows from results: shown, not shown, inconclusive, by a rule with a margin and an error rate.

`student` has the quantiles, `paired` compares two learners seed by seed, `parts` puts the parts of a claim together.
Nothing here knows networks; the rules are tested on synthetic results.
"""

from gradcert.papers.verdicts.paired import Compared, alike, better, on_par, paired
from gradcert.papers.verdicts.parts import INCONCLUSIVE, NOT_SHOWN, SHOWN, Part, Verdict, combined, holds
from gradcert.papers.verdicts.student import quantile

__all__ = [
    "INCONCLUSIVE",
    "NOT_SHOWN",
    "SHOWN",
    "Compared",
    "Part",
    "Verdict",
    "alike",
    "better",
    "combined",
    "holds",
    "on_par",
    "paired",
    "quantile",
]
