"""Names of rules that are no rows: read as a whole, with their settings, or refused with what is allowed."""

import pytest

from gradcert.reference import ESTIMATORS, RULES, GradcertError
from gradcert.reference.published import KINDS, Algorithm, algorithm, read_rule


def test_every_estimator_and_procedure_has_a_name_and_rows_keep_theirs():
    assert set(ESTIMATORS) <= set(KINDS) and {"fptt", "update-per-step", "update-per-sequence"} <= set(KINDS)
    assert not set(KINDS) & set(RULES)
    assert all(read_rule(name) == rule for name, rule in RULES.items())


@pytest.mark.parametrize("name", [name for name in KINDS if name != "rows"])
def test_a_name_with_all_its_settings_reads_back(name):
    changed = {
        k: (
            not v
            if isinstance(v, bool)
            else v + 1
            if isinstance(v, (int, float))
            else "paper"
            if v != "paper"
            else "code"
        )
        for k, v in KINDS[name].settings.items()
    }
    found = algorithm(name, changed)
    assert found.settings == changed
    again = read_rule(found.name)
    assert isinstance(again, Algorithm) and again == found and again.settings == changed
    assert read_rule(name).name == name  # what is as usual is not written


def test_settings_are_in_the_name_or_beside_it():
    assert read_rule("fptt(parts=4)") == read_rule("fptt", {"parts": 4})
    assert read_rule("uoro(normalisers=[1.0 0.5])").settings["normalisers"] == [1.0, 0.5]
    with pytest.raises(GradcertError, match="parts of 'fptt\\(parts=4\\)' twice"):
        read_rule("fptt(parts=4)", {"parts": 4})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("otpe(", "unknown"),
        ("otpe()", "name=value"),
        ("otpe (approximate=true)", "unknown"),
        ("otpe(approximate=1)", "true, false"),
        ("otpe(approximat=true)", "approximate, live_reset"),
        ("ndot(leak=0.5)", "it has no settings"),
        ("fptt(parts=2,parts=3)", "each name once"),
        ("fptt(parts=2,)", "name=value"),
        ("sltt-k(k=1.5)", "such as 1"),
        ("fptt(form=[1])", "such as 'paper'"),
        ("OTPE", "unknown"),
        (3, "a rule called 3"),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text, said):
    with pytest.raises(GradcertError, match=said):
        read_rule(text)


def test_a_row_has_no_settings():
    with pytest.raises(GradcertError, match="rows have no settings"):
        read_rule("ostl", {"k": 1})
