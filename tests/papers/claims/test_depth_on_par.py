"""What enters the verdict of C2, and that a learner whose rate is at an end of the grid is said to be."""

import pytest

from gradcert.papers.claim import Results
from gradcert.papers.claims.depth_on_par import RULES, SEARCH, TASKS, judge, plan, tables
from gradcert.papers.training import TUNED


def done(worse=0.0, best=1):
    """Results of every run, OSTL being worse by so much under two and more layers."""
    runs = []
    for task, depth in TASKS:
        for rule in RULES:
            fields = {"task": task, "depth": depth, "rule": rule}
            runs += [
                ({**fields, "rate": r, "seed": TUNED}, {"valid": abs(r - SEARCH.rates[best])}) for r in SEARCH.rates
            ]
            for seed in SEARCH.seeds:
                loss = 3 + 0.001 * seed + (worse if rule == "ostl" and depth > 1 else 0)
                runs.append(
                    ({**fields, "rate": SEARCH.rates[best], "seed": seed}, {"loss": loss, "curve": [], "looks": []})
                )
    return Results(tuple(runs))


@pytest.mark.parametrize(("worse", "word"), [(0.0, "shown"), (0.5, "not shown")])
def test_ostl_enters_where_there_are_layers_above(worse, word):
    entering = [part for part in judge(done(worse), False) if part.verdict]
    assert [part.name for part in entering] == [
        f"{task}, {depth} layers: ostl on par with BPTT" for task, depth in TASKS if depth > 1
    ]
    assert {part.verdict for part in entering} == {word}


def test_all_is_planned_and_an_end_of_the_grid_is_said():
    assert len(plan(done(), False)) == len(done().done)
    assert [row[1] for row in tables(done())[0].rows] == ["0.003"] * len(TASKS) * len(RULES)
    assert {row[1] for row in tables(done(best=3))[0].rows} == {"0.03, the largest of the grid"}
