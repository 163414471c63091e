"""The form of a finding's place: what reports print of it is there, and of its kind."""

import pytest

from gradcert.certify.certificates.schema import validated
from gradcert.reference.errors import GradcertError

ENTRY = {"array": "layers.0.b", "index": [0], "given": 1.0, "reference": "nan", "budget": 0.0}
FIRST = {**ENTRY, "step": 1, "of": 2, "unseen": 0, "layer": 0, "layers": [0]}


def test_what_the_judge_writes_fits():
    for place in ({}, ENTRY, {**ENTRY, "first": FIRST}, {"output": ["a line"]}, {"cosine": 0.5}):
        assert validated(place, "certificate", "a place", part="place") == place


@pytest.mark.parametrize(
    "place",
    [
        {"index": [1]},
        {**ENTRY, "budget": {}},
        {**ENTRY, "index": "0"},
        {"output": [1]},
        {"first": ENTRY},
        {"first": {**FIRST, "budget": None}},
        {"first": {k: v for k, v in FIRST.items() if k != "given"}},
    ],
    ids=repr,
)
def test_what_no_report_could_print_is_refused(place):
    with pytest.raises(GradcertError, match="a place does not fit"):
        validated(place, "certificate", "a place", part="place")
