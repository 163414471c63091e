"""Training on the engine itself: the gradient that is certified is the gradient that trains.

`optimisers`, `learners` (gradients by name, planted mistakes among them), `alignment` (a gradient beside another,
layer by layer), `search` (of a rate, the same for every learner), `fptt` (its schedule, the slips of the published
script as options).
"""

from gradcert.papers.training.alignment import alignment, relative
from gradcert.papers.training.fptt import Schedule, cut, trained_on_parts
from gradcert.papers.training.learners import PLANTED, gradient, off_by_one, rule_of
from gradcert.papers.training.optimisers import Adam, Sgd, clipped
from gradcert.papers.training.search import TUNED, Search

__all__ = [
    "PLANTED",
    "TUNED",
    "Adam",
    "Schedule",
    "Search",
    "Sgd",
    "alignment",
    "clipped",
    "cut",
    "gradient",
    "off_by_one",
    "relative",
    "rule_of",
    "trained_on_parts",
]
