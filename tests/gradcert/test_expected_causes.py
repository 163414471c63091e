"""Words of an expected failure, and the causes that they stand for."""

import pytest

from gradcert.expected_causes import stands
from gradcert.expected_failures import Expected

OTTT = "equals ottt with the factor of a<-v' = leak threshold"
LEFT = f"layers.1.H: {OTTT}, times 2; nothing known explains layers.0.W, layers.0.b"
TWO = "layers.0.W: equals ottt; layers.0.b: zero in every entry; the rest is as claimed"
SHORT = "no known mistake explains it; up to 6 steps it equals sltt, but not over 40"


@pytest.mark.parametrize(
    ("words", "cause", "found"),
    [
        (OTTT, f"it {OTTT}", True),
        (OTTT, LEFT, False),  # a second mistake left this part as it was
        (LEFT, LEFT, True),
        ("nothing known explains layers.0.W", LEFT, True),
        ("nothing known explains layers.1.W", LEFT, False),
        ("equals ottt", TWO, False),  # of the other part the words say nothing
        ("equals ottt; layers.0.b: zero", TWO, True),
        ("the rest is as claimed", TWO, False),
        ("equals ottt", "layers.0.W: equals ottt; the rest is as claimed", True),
        ("equals ottt", "layers.0.W: equals ottt; layers.1.W: equals ottt, times 2", True),  # both parts have them
        ("equals sltt", SHORT, False),
        ("equals sltt, but not over 40", SHORT, True),
        ("equals ostl", "the loss is the claimed one times 2; of the gradients, layers.0.W: equals ostl", False),
        ("the loss is the claimed one", "the loss is the claimed one times 2; the gradients are as claimed", True),
        ("wrong exactly where T: 1", "right on 12 cases, wrong exactly where T: 1 and B: 1", True),
        ("", LEFT, True),
    ],
)
def test_the_words_of_an_entry_say_all_that_is_wrong(words, cause, found):
    assert stands(words, cause) == found
    assert Expected("a.py::t[*]", cause=words).means([cause]) == found
