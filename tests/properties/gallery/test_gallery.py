"""The gallery is complete, and the laws tell its two halves apart."""

from dataclasses import fields

import pytest

from gradcert.properties.gallery import NOT_APPLICABLE, UNUSUAL, WRONG, judge
from gradcert.properties.gallery.breakers import BREAKERS
from gradcert.properties.laws import LAWS
from gradcert.reference import CELLS, RULES

# what each class of bugs looks like; all members are judged by the thorough run of the selftest
SAMPLE = [name for i, name in enumerate(sorted(WRONG)) if i % 6 == 0 and "T118" not in name]
ODD = [name for i, name in enumerate(sorted(UNUSUAL)) if i % 5 == 0 and not name.startswith(("torch", "uoro", "kf"))]


def test_every_trap_is_in_the_gallery_or_has_a_reason_why_not():
    found = {trap for entry in WRONG.values() for trap in entry.traps if trap.startswith("T")}
    assert found | set(NOT_APPLICABLE) == {f"T{k:02d}" for k in range(1, 123)}
    assert not found & set(NOT_APPLICABLE)
    assert len(UNUSUAL) >= 25


def test_every_entry_says_what_it_is():
    for entry in [*WRONG.values(), *UNUSUAL.values()]:
        assert entry.title and entry.claim["cells"] and set(entry.claim["cells"]) <= set(CELLS)
        assert entry.wrong == (entry.name in WRONG)
        if entry.wrong:
            assert entry.bug_class and entry.name.startswith(entry.traps[0])
            assert entry.cause and all(":" in key for key in entry.cause)
        assert entry.claim["rule"] in RULES or entry.expected is not None
        options = {f.name for cell in entry.claim["cells"] for f in fields(CELLS[cell])}
        assert set(entry.claim.get("options", {})) <= options


@pytest.mark.long(keep=6)
@pytest.mark.parametrize("name", SAMPLE)
def test_wrong_gradients_are_refuted(name):
    finding = judge(WRONG[name], examples=60)
    assert not finding.accepted
    assert finding.law in LAWS


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", ODD)
def test_unusual_gradients_are_accepted(name):
    finding = judge(UNUSUAL[name], examples=2)
    assert finding.accepted, finding.said


def test_breakers_name_laws_and_members():
    assert set(BREAKERS) == set(LAWS)
    assert set(BREAKERS.values()) <= set(WRONG)
