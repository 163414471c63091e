"""Training on the engine itself: the gradient that is certified is the gradient that trains.

`optimisers`, `learners` (gradients by name, planted mistakes among them), `alignment` (a gradient beside another,
layer by layer), `fptt` (its schedule, the slips of the published script as options).
"""

from gradcert.papers.training.alignment import alignment, relative
from gradcert.papers.training.fptt import Schedule, cut, trained_on_parts
from gradcert.papers.training.learners import PLANTED, gradient, off_by_one, rule_of
from gradcert.papers.training.optimisers import Adam, Sgd, clipped

__all__ = [
    "PLANTED",
    "Adam",
    "Schedule",
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
