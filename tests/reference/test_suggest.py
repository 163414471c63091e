"""What was meant by a name, and silence where nothing near was."""

import pytest

from gradcert.reference.errors import GradcertError
from gradcert.reference.suggest import meant, nearest


@pytest.mark.parametrize(
    ("given", "allowed", "wanted"),
    [
        ("the rule 'ostll' is unknown", "bptt, ostl, with a number of steps as in tbptt(3)", "ostl"),
        ("loss when='evry'", "every or last", "every"),
        ("profile 'rekon'", "q-format, reckon", "reckon"),
        ("the leak is 2.0", "a number in [0, 1]", None),
        ("depths=(9,)", "1, 2, 3", None),
        ("'ostl' twice", "ostl, bptt", None),
        ("'colour'", "bias, leak, threshold", None),
    ],
)
def test_a_sentence(given, allowed, wanted):
    assert meant(given, allowed) == wanted
    assert ("did you mean" in str(GradcertError(given, allowed=allowed))) == (wanted is not None)


def test_case_does_not_count():
    assert nearest("BPTT", ["bptt", "ostl"]) == "bptt"
    assert nearest("x", []) is None
