"""Forward against reverse for every cell and every row, in ball arithmetic: overlap, not a tolerance."""

import pytest
from balls import BALLS, BITS, agree, precision, size
from budget import worst
from cell_nets import CELLS, OF_FORMULAS, Problem, bare, problem, stack

from gradcert.reference import FLOAT64, RULES, GradcertError, draw_feedback
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import Edge

ONE_INPUT = tuple(name for name in CELLS if not name.startswith(("lstm", "gru")))


def both(case, rule):
    feedback = draw_feedback(case.network, RULES[rule], seed=2, numbers=BALLS)
    options = {"rule": RULES[rule], "numbers": BALLS, "feedback": feedback}
    return reverse.gradients(*case.arguments, **options), forward.gradients(*case.arguments, **options)


def check(case, rule):
    r, f = both(case, rule)
    assert r.keys() == f.keys() == case.parameters.keys()
    # where a current is read a step late, nothing comes through a layer but by STATE
    late = any(getattr(layer.cell, "order", "") == "old" for layer in case.network.layers)
    if not late or Edge.STATE in RULES[rule].own & RULES[rule].upper:
        assert all(size(g) > 0 for name, g in r.items() if name.endswith("W"))
    assert [name for name in r if not agree(r[name], f[name])] == []


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", CELLS)
def test_under_a_readout(name, rule):
    with precision(BITS):
        check(problem(stack(name, 1), steps=5), rule)
        check(problem(stack(name, 3), steps=3), rule)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", CELLS)
def test_as_the_last_layer(name):
    with precision(BITS):
        case = problem(bare(name, 2), steps=4)
        for rule, row in RULES.items():
            if row.feedback != "direct" or name in ONE_INPUT:
                check(case, rule)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", [name for name in CELLS if name not in OF_FORMULAS])
def test_in_floating_point(name):
    """One step of these cells is a chain of at most 40 roundings, half of the 85 that the budget has per step."""
    for rule in RULES.values():
        case = problem(stack(name, 2), steps=6, batch=3, numbers=FLOAT64)
        feedback = draw_feedback(case.network, rule, seed=2)
        r = reverse.gradients(*case.arguments, rule=rule, feedback=feedback)
        f = forward.gradients(*case.arguments, rule=rule, feedback=feedback)
        assert worst(*case.arguments, rule, feedback, f, r) <= 1, rule.name


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ONE_INPUT])
def test_direct_feedback_needs_one_error(name):
    with precision(BITS):
        case = problem(bare(name, 2), steps=2)
        for engine in (reverse, forward):
            with pytest.raises(GradcertError, match="one weighted input"):
                feedback = draw_feedback(case.network, RULES["e-prop-random"], numbers=BALLS)
                engine.gradients(*case.arguments, rule=RULES["e-prop-random"], numbers=BALLS, feedback=feedback)


@pytest.mark.parametrize("name", CELLS)
def test_a_changed_input_is_seen(name):
    """The engines' agreement is not that of two constants: another input, another gradient, in each engine."""
    with precision(BITS):
        case = problem(stack(name, 1))
        other = Problem(case.network, case.parameters, case.inputs * 2, case.targets)
        for mine, theirs in zip(both(case, "ostl"), both(other, "ostl"), strict=True):
            changed = [k for k in mine if k in ("layers.0.W", "layers.0.W_i", "layers.0.W_r")]
            assert len(changed) == 1
            assert not agree(mine[changed[0]], theirs[changed[0]])
