"""Rows with changes and edge sets: what they keep, that their names read back, what is refused."""

import pytest
from rational_nets import draw, lif, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES, TEMPORAL, Edge, GradcertError, rule_named
from gradcert.reference.engines import forward, reverse
from gradcert.reference.rules import rule_text

NETWORK = stack(lif(0), lif(1), sizes=(2, 3, 2))


def gradients(rule, engine=reverse):
    p, x, y = draw(NETWORK, steps=4, batch=2, seed=3)
    return engine.gradients(NETWORK, p, x, y, rule=rule_named(rule), numbers=RATIONALS)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("bptt - reset", "bptt-detached-reset"),
        ("ostl - reset", "edges(own state recurrent adaptation feedback delay)"),
        ("bptt - state above - reset above - recurrent above - adaptation above", "ostl"),
        ("sltt + state own", "ottt"),
        ("edges(own none)", "sltt"),
        ("edges(own state reset recurrent, above state reset recurrent)", "bptt"),
    ],
)
def test_changes_make_the_rows_that_they_say_in_both_engines(name, other):
    assert same(gradients(name), gradients(other)) and same(gradients(name, forward), gradients(other))
    assert rule_named(rule_named(name).name) == rule_named(name)
    assert not same(gradients(name), gradients("bptt" if other != "bptt" else "ostl"))


def test_a_change_in_one_place_leaves_the_other():
    assert rule_named("bptt - reset own").upper == TEMPORAL and Edge.RESET not in rule_named("bptt - reset own").own
    assert rule_named("bptt - reset above").own == TEMPORAL
    assert Edge.STATE not in rule_named("e-prop - state").readout
    found = rule_named("tbptt-chunks(20) - reset")
    assert found.chunk == 20 and found.own == found.upper == TEMPORAL - {Edge.RESET}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ottt - reset", "it keeps no RESET"),
        ("ostl + reset own", "it already keeps RESET own"),
        ("ostl -reset", "unknown"),
        ("ostl - Reset", "EDGE is one of state"),
        ("ostl - reset  above", "EDGE is one of state"),
        ("ostl - space", "the edge 'space' in a change of ostl; allowed: state"),
        ("nothing - reset", "unknown"),
        ("edges(own state,above state)", "each once"),
        ("edges(own state, own reset)", "each once"),
        ("edges(own)", "each once"),
        ("edges(own state, feedback nowhere)", "each once"),
    ],
)
def test_what_is_no_change_is_refused(name, said):
    with pytest.raises(GradcertError, match=said):
        rule_named(name)


def test_tables_are_names():
    assert rule_text({"own": ["STATE"], "above": []}) == "edges(own state, above none)"
    assert rule_text({"row": "ostl", "without": ["RESET"]}) == "ostl - reset"
    assert rule_text({"layers": ["sltt", {"row": "ottt", "with": ["RESET"]}]}) == "sltt then ottt + reset"
    assert rule_text({"own": "STATE", "readout": ["STATE"], "feedback": "direct"}) == (
        "edges(own state, readout state, feedback direct)"
    )
    for wrong in ({}, {"row": "ostl", "own": []}, {"rows": []}, {"own": [1]}):
        with pytest.raises(GradcertError):
            rule_text(wrong)
    assert all(rule_named(name) is rule for name, rule in RULES.items())


def test_edge_sets_may_be_cut_in_time():
    rule = rule_named("edges(own state reset, above state, window 3)")
    assert (rule.window, rule.chunk, rule.reach) == (3, None, None)
    assert rule_named("edges(own state, above none, chunk 20)").chunk == 20
    for wrong in ("window 0", "window", "window three", "window 2 3", "chunk -1"):
        with pytest.raises(GradcertError, match="window N, chunk N or reach N"):
            rule_named(f"edges(own state, {wrong})")
    with pytest.raises(GradcertError, match="a window of 3 steps together with chunks"):
        rule_named("edges(own state, window 3, chunk 2)")


@pytest.mark.parametrize("name", [*RULES, "tbptt(3) - reset", "snap-2", "tbptt-chunks(7)"])
def test_every_row_is_edge_sets_by_another_name(name):
    row = rule_named(name)
    found = rule_named(rule_text(row))
    kept = ("own", "upper", "readout", "feedback", "window", "chunk", "reach")
    assert all(getattr(found, k) == getattr(row, k) for k in kept)
