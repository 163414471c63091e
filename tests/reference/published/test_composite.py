"""Rows put together: the same row in all layers is the row; each layer follows its own; traces left out."""

from dataclasses import replace

import pytest
from rational_nets import HEAD, draw, lif, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import GradcertError, Problem, rule_named
from gradcert.reference.engines import reverse
from gradcert.reference.published import read_rule

NETWORK = stack(replace(lif(0), recurrent=True), lif(1), lif(2), HEAD, sizes=(2, 3, 2, 2, 2))
P, X, Y = draw(NETWORK, steps=4, batch=2, seed=5)
PROBLEM = Problem(NETWORK, P, X, Y, numbers=RATIONALS)


def row(name):
    return reverse.gradients(NETWORK, P, X, Y, rule=rule_named(name), numbers=RATIONALS)


def together(name):
    return read_rule(name).gradients(PROBLEM)


@pytest.mark.parametrize("name", ["bptt", "ostl", "ottt", "bptt - reset", "tbptt-chunks(3)"])
def test_one_row_for_all_layers_is_the_row(name):
    assert same(together(f"{name} then {name}"), row(name))


def test_each_layer_follows_its_own_row():
    found = together("sltt then ostl then bptt")
    assert same(_of(found, 3), _of(row("bptt"), 3)) and same(_of(found, 2), _of(row("bptt"), 2))
    # layer 1: its own edges are OSTL's, credit comes down through time inside layer 2 as in BPTT
    assert same(_of(found, 1), _of(row("bptt"), 1))
    assert not same(_of(together("bptt then bptt then sltt"), 1), _of(row("bptt"), 1))
    assert not same(_of(found, 0), _of(row("bptt"), 0)) and not same(_of(found, 0), _of(row("sltt"), 0))
    # a first layer without a trace, under layers that send nothing through time: SLTT there, OTTT above
    mixed = together("sltt then ottt")
    assert same(_of(mixed, 0), _of(row("sltt"), 0)) and same(_of(mixed, 1), _of(row("ottt"), 1))


def test_a_reset_live_in_one_layer_and_detached_in_the_next():
    """Below them credit comes down through live layers alone, or not."""
    found = together("bptt then bptt - reset")
    assert same(_of(found, 2), _of(row("bptt - reset"), 2)) and not same(_of(found, 2), _of(row("bptt"), 2))
    live, detached = row("bptt - reset above"), row("bptt - reset")
    assert same(_of(found, 0), _of(live, 0)) and not same(_of(found, 0), _of(detached, 0))


def test_traces_left_out():
    found, traced, none = together("ottt + untraced bias"), row("ottt"), row("sltt")
    for name in P:
        assert same({name: found[name]}, {name: (none if name.endswith(".b") else traced)[name]}), name
    found = together("ottt + untraced input")
    for name in P:
        assert same({name: found[name]}, {name: (none if name == "layers.0.W" else traced)[name]}), name
    assert read_rule("ottt + untraced input + untraced bias") == read_rule("ottt + untraced bias + untraced input")


@pytest.mark.parametrize("name", ["sltt then", "sltt then osttp", "tbptt(3) then bptt", "ottt + untraced weights"])
def test_what_cannot_be_put_together_is_refused(name):
    with pytest.raises(GradcertError):
        read_rule(name)


def _of(gradients, layer):
    return {k: g for k, g in gradients.items() if k.startswith(f"layers.{layer}.")}
