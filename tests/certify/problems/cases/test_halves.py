"""Cases in 16 bits: right programs in that arithmetic stay inside budgets that still see mistakes."""

from functools import cache

import numpy as np
import pytest

from gradcert.certify.campaign.conclude import control
from gradcert.certify.claims import Claim
from gradcert.certify.judging import controls
from gradcert.certify.judging.verdict import judge_all
from gradcert.certify.problems.budget.expected import expect, precision_for
from gradcert.certify.problems.cases.circumstances.ruled import ruled_out
from gradcert.certify.problems.cases.plan import plan
from gradcert.certify.runs.prepare import Task, prepare
from gradcert.reference.engines import forward, reverse
from gradcert.reference.numbers import FORMATS, Floats, held

PLAIN = {"gain": "one", "recurrent": False, "train": [], "reset": "subtract_before_leak"}
TRIANGLE = {**PLAIN, "surrogate": {"name": "triangle", "scale": 0.5}}


class Rounded(np.ndarray):
    """Numbers of bfloat16: every operation is one of float32, rounded."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [v.view(np.ndarray) if isinstance(v, Rounded) else v for v in inputs]
        if out is not None:
            options["out"] = tuple(v.view(np.ndarray) for v in out)
        found = np.asarray(getattr(ufunc, method)(*plain, **options))
        if found.dtype.kind != "f":
            return found
        if out is not None:
            out[0][...] = held(found, "bfloat16")
            return out[0]
        return held(found, "bfloat16").view(Rounded)


class Halves(Floats):
    """Floats that are rounded to bfloat16 after every operation."""

    def zeros(self, shape):
        return super().zeros(shape).view(Rounded)

    def array(self, values):
        return np.array(values, dtype="float32").view(Rounded)


@cache
def cases(dtype, cell="lif", depths=(1,), loss="squared_error"):
    claim = Claim("bptt", cell, depths, dtype, options=TRIANGLE if cell == "lif" else {}, losses=loss)
    return [prepare(Task(spec, claim, 0)) for spec in plan(claim, "quick")]


def computed(problem, rule, engine):
    numbers = Halves("float32") if problem.dtype == "bfloat16" else Floats("float16")
    p = problem.in_numbers(numbers)
    made = engine.gradients(p.network, p.parameters, p.inputs, p.targets, rule=rule, numbers=numbers, **p.data)
    return {name: np.asarray(value, dtype=float) for name, value in made.items()}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("engine", [forward, reverse])
def test_the_engines_in_16_bits_stay_inside_the_budget(dtype, engine):
    seen = cases(dtype)
    for made in seen:
        given = computed(made.case.problem, made.case.rule, engine)
        verdicts = judge_all(given, made.case.expected.gradients)
        assert all(verdict.ok for verdict in verdicts.values()), made.case.id
    assert sum(made.case.expected.exact for made in seen) >= len(seen) // 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_all_numbers_are_exact_in_the_format_and_mistakes_are_seen(dtype):
    seen = cases(dtype)
    for made in seen:
        for value in made.case.problem.arrays.values():
            np.testing.assert_array_equal(np.asarray(value, float), np.asarray(held(value, dtype), float))
    tally = {name: False for made in seen for name, _ in made.variants}
    for made in seen:
        tally |= {name: True for name, wrong in made.variants if wrong}
    assert all(tally.values()), tally
    best = {label: max(made.case.separates.get(label, 0) for made in seen) for label in ("own STATE", "own RESET")}
    assert min(best.values()) > 2


LOW, OUT = {"name": "low", "cell": "lif"}, {"name": "out", "cell": "integrator"}
SKIP = {
    "inputs": ["x"],
    "populations": [LOW, {"name": "high", "cell": "lif"}, OUT],
    "connections": [
        {"source": "x", "target": "low"},
        {"source": "low", "target": "high"},
        {"source": "high", "target": "out"},
        {"source": "low", "target": "out"},
    ],
}
LOOP = {
    "inputs": ["x"],
    "populations": [{"name": "low", "cell": "rnn"}, {"name": "high", "cell": "rnn"}],
    "connections": [
        {"source": "x", "target": "low"},
        {"source": "low", "target": "high"},
        {"source": "high", "target": "low", "lag": 1},
    ],
}


def of_graph(network, dtype):
    spiking = any(p["cell"] == "lif" for p in network["populations"])
    options = TRIANGLE if spiking else {"recurrent": False}
    claim = Claim("bptt", network=network, dtype=dtype, options=options, losses="squared_error", when="every")
    return claim, [prepare(Task(spec, claim, 0)) for spec in plan(claim, "quick")]


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("network", "dtype"), [(LOOP, "float16"), (SKIP, "float16")])
def test_graphs_are_judged_in_16_bits(network, dtype):
    """Their engines stay inside the budget, no control passes everywhere, and every edge is told from its lack."""
    claim, seen = of_graph(network, dtype)
    for made in seen:
        for engine in (forward, reverse):
            given = computed(made.case.problem, made.case.rule, engine)
            assert all(verdict.ok for verdict in judge_all(given, made.case.expected.gradients).values())
    _, separated, void = control(seen, claim)
    assert void == []
    edges = {label: away for label, away in separated[f"graph/{claim.depths[0]}"].items() if label.startswith("own")}
    assert edges and min(edges.values()) > 2
    assert {tuple(made.case.facts["sizes"][:2]) for made in seen} >= {(1, 2)}  # hardly a unit, and the usual sizes
    assert len({tuple(made.case.facts["sizes"]) for made in seen}) > 1


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("cell", ["rnn", "lif"])
def test_one_layer_is_seen_in_bfloat16_with_a_smooth_derivative_where_there_is_hardly_a_unit(cell):
    """In two layers, and in gated cells, twice the roundings of a product in any order are most of a gradient."""
    claim = Claim("bptt", cell, (1,), "bfloat16", losses="squared_error", when="every")
    usual, few = (prepare(Task(spec, claim, 0)) for spec in plan(claim, "quick"))
    assert control([usual, few], claim)[2] == []
    assert cell == "rnn" or control([usual], claim)[2] != []


def test_smooth_cells_are_seen_in_float16():
    for made in cases("float16", "rnn"):
        assert made.sound
        assert made.case.separates["own RECURRENT"] > 2


def test_a_budget_is_that_of_the_format():
    made, *_ = cases("float16", "rnn")
    wider = FORMATS["float16"].unit / FORMATS["float32"].unit
    single = expect(made.case.problem, made.case.rule, "float32").gradients
    for name, bounds in made.case.expected.gradients.items():
        ratio = bounds.budget / single[name].budget  # products of errors, and 1 ulp of tanh in the place of 4, besides
        assert (ratio > wider / 4).all()
        assert (ratio < wider * 2).all()
    assert controls.reference_passes(made.case)


def test_float16_underflows_gradually_and_bfloat16_may_flush():
    small, wide = cases("float16")[0], cases("bfloat16")[0]
    assert precision_for(small.case.problem, "float16").least == 2.0**-25
    problem = wide.case.problem
    tiny = problem.mapped(lambda v: v * np.float32(2.0**-120), problem.numbers)
    assert precision_for(problem, "bfloat16").least == 2.0**-134
    assert precision_for(tiny, "bfloat16").least == 2.0**-126


def test_what_16_bits_cannot_show_is_ruled_out_and_said():
    for dtype in ("float16", "bfloat16"):
        claim = Claim(rule="bptt", cells="lif", dtype=dtype)
        assert not {"scale", "long"} & {spec.family for spec in plan(claim, "thorough")}
        out = ruled_out(claim, "lif")
        assert out["T", "hundreds"].startswith("after hundreds of roundings")
        assert (("inputs", "above 1e6") in out) == (dtype == "float16")
    usual = ruled_out(Claim(rule="bptt", cells="lif"), "lif")
    assert not {("T", "hundreds"), ("weights", "large"), ("inputs", "tiny")} & set(usual)
