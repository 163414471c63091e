"""What algorithms compute under their names: means over all draws, options that make one another, gradients between."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from rational_nets import draw, lif, same, stack

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import RULES, GradcertError, Layer, Lif, Network, Problem
from gradcert.reference.engines import reverse
from gradcert.reference.estimators import sltt_k
from gradcert.reference.networks import problem_from_json
from gradcert.reference.procedures import accumulate, online, parts_of
from gradcert.reference.published import KINDS, algorithm

TWO = stack(lif(0), lif(1), sizes=(2, 3, 2))
UNITS = [layer.units for layer in TWO.layers[:-1]]


def problem_of(network=TWO, *, steps=3, batch=1, seed=1, **more):
    p, x, y = draw(network, steps=steps, batch=batch, seed=seed)
    return Problem(network, p, x, y, numbers=RATIONALS, **more)


def total(found, weights):
    weights = RATIONALS.array(weights)
    return {k: sum(w * g[k] for w, g in zip(weights, found, strict=True)) for k in found[0]}


def test_the_mean_of_sltt_k_is_that_over_all_choices():
    problem, chosen = problem_of(), list(combinations(range(3), 2))
    rule = algorithm("sltt-k", {"k": 2})
    every = [rule.gradients(replace(problem, drawn={"chosen": np.array(c)})) for c in chosen]
    assert same(rule.average.gradients(problem), total(every, [Fraction(1, 3)] * 3))
    unbiased = algorithm("sltt-k", {"k": 2, "unbiased": True}).average.gradients(problem)
    sltt = reverse.gradients(
        TWO, problem.parameters, problem.inputs, problem.targets, rule=RULES["sltt"], numbers=RATIONALS
    )
    assert same(unbiased, sltt) and any(g.any() for g in sltt.values())


def test_the_mean_of_etlp_is_that_over_all_events():
    feedback = {f"layers.{i}.B": RATIONALS.array(np.arange(2 * n).reshape(2, n) - 1) for i, n in enumerate(UNITS)}
    problem, rate = problem_of(steps=2, feedback=feedback), Fraction(1, 4)
    rule = algorithm("etlp", {"rate": 0.25})
    events = list(product((0, 1), repeat=2))
    every = [rule.gradients(replace(problem, drawn={"events": np.array(e)[:, None]})) for e in events]
    weights = [rate ** sum(e) * (1 - rate) ** (2 - sum(e)) for e in events]
    assert same(rule.average.gradients(problem), total(every, weights))


def test_the_official_ottt_with_everything_traced_is_the_row():
    problem = problem_of(steps=4)
    row = reverse.gradients(
        TWO, problem.parameters, problem.inputs, problem.targets, rule=RULES["ottt"], numbers=RATIONALS
    )
    traced = {"bias": True, "inputs_traced": True, "readout": False, "leak": "postsynaptic"}
    assert same(algorithm("ottt-code", traced).gradients(problem), row)
    for name, wrong in (*((k, not v) for k, v in traced.items() if k != "leak"), ("leak", "presynaptic")):
        assert not same(algorithm("ottt-code", {**traced, name: wrong}).gradients(problem), row), name


def test_gradients_between_the_parts_and_steps():
    problem = problem_of(steps=4)
    first = problem.part(steps=parts_of(4, 2)[0])
    given = (TWO, first.parameters, first.inputs, first.targets)
    between = algorithm("fptt", {"returns": "gradients"}).gradients(problem)
    assert {k: g.shape for k, g in between.items()} == {k: (2, *v.shape) for k, v in problem.parameters.items()}
    assert same({k: g[0] for k, g in between.items()}, reverse.gradients(*given, rule=RULES["bptt"], numbers=RATIONALS))
    steps = algorithm("update-per-step", {"returns": "gradients", "rate": 0.25}).gradients(problem)
    rate, w = RATIONALS.array(0.25)[()], problem.parameters
    after = online(TWO, w, problem.inputs, problem.targets, rule=RULES["ottt"], rate=rate, numbers=RATIONALS)
    assert same({k: w[k] - rate * g.sum(axis=0) for k, g in steps.items()}, after)
    once = algorithm("update-per-sequence", {"rate": 0.25}).gradients(problem)
    assert same(
        once, accumulate(TWO, w, problem.inputs, problem.targets, rule=RULES["ottt"], rate=rate, numbers=RATIONALS)
    )


@pytest.mark.parametrize("chosen", [[], [3], [-1], [0, 0], [0.0], [True]])
def test_the_steps_of_sltt_k_are_checked(chosen):
    p = problem_of()
    with pytest.raises(GradcertError, match=r"different steps in 0 \.\. 2"):
        sltt_k.gradients(TWO, p.parameters, p.inputs, p.targets, numbers=RATIONALS, chosen=chosen)


@pytest.mark.parametrize("name", [k for k, kind in KINDS.items() if kind.draw is not None])
def test_draws_travel_with_a_problem_and_have_to_fit(name):
    rule = algorithm(name, {"normalisers": [1.0, 1.0]} if "normalisers" in KINDS[name].settings else {})
    net = Network(layers=(Layer(Lif(leak=0.5), inputs=2, units=3), Layer(Lif(leak=0.25), inputs=3, units=2)))
    drawn = rule.drawn(net, (3, 1), np.random.default_rng(0))
    x, y, feedback = np.full((3, 1, 2), 0.7), np.zeros((3, 1, 2)), {"layers.0.B": np.ones((2, 3))}
    problem = Problem(net, net.parameters(), x, y, feedback=feedback, drawn=drawn, settings=rule.settings)
    again = problem_from_json(problem.to_json())
    assert {k: v.tolist() for k, v in again.drawn.items()} == {k: v.tolist() for k, v in drawn.items()}
    assert again.settings == rule.settings
    assert all((rule.gradients(again)[k] == g).all() for k, g in rule.gradients(problem).items())
    name, value = next(iter(drawn.items()))
    with pytest.raises(GradcertError):
        rule.gradients(replace(problem, drawn={**drawn, name: value[:-1] if len(value) > 1 else value + 7}))
    with pytest.raises(GradcertError, match="a part of a problem with"):
        problem.part(steps=slice(1))
