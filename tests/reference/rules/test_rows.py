"""Rows of the table and estimators as a caller has them by default, and edge cases of what belongs to them."""

from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
from budget import worst

from gradcert.reference import (
    ESTIMATORS,
    RULES,
    TEMPORAL,
    Alif,
    GradcertError,
    Integrator,
    Layer,
    Lif,
    Network,
    Rnn,
    Rule,
    draw_feedback,
    rule_named,
)
from gradcert.reference.engines import reverse
from gradcert.reference.engines.residual import Residual
from gradcert.reference.estimators.opzo import estimate_feedback
from gradcert.reference.networks.cells import Lstm
from gradcert.reference.procedures import adapted
from gradcert.reference.rules import check_feedback


def test_windows_chunks_and_reaches():
    """What the table says beside edges and feedback; every other row has none of the three."""
    found = {name: (row.window, row.chunk, row.reach) for name, row in RULES.items()}
    assert {name: three for name, three in found.items() if three != (None, None, None)} == {
        "tbptt": (5, None, None),
        "tbptt-chunks": (None, 5, None),
        "snap-1": (None, None, 1),
        "snap-2": (None, None, 2),
    }


def test_a_row_with_a_number_says_so_in_its_name():
    """However the number was given; and it is a whole one from 1 on."""
    for name, steps, called, option in (
        ("tbptt", 3, "tbptt(3)", "window"),
        ("tbptt(3)", None, "tbptt(3)", "window"),
        ("tbptt-chunks", 7, "tbptt-chunks(7)", "chunk"),
        ("snap-1", 3, "snap-1(3)", "reach"),
        ("snap-3", None, "snap-3", "reach"),
    ):
        row = rule_named(name, steps=steps)
        number = {"window": None, "chunk": None, "reach": None} | {option: steps or 3}
        assert (row.name, {key: getattr(row, key) for key in number}) == (called, number)
    for option in ("window", "chunk", "reach"):
        for value in (0, -1, True, 1.0, "1"):
            with pytest.raises(GradcertError, match=f"{option}={value!r}; allowed: a whole number of steps >= 1"):
                Rule("cut", "", TEMPORAL, TEMPORAL, **{option: value})
        assert getattr(Rule("cut", "", TEMPORAL, TEMPORAL, **{option: 1}), option) == 1


@pytest.mark.parametrize("name", sorted(name for name, row in RULES.items() if row.feedback != "symmetric"))
@pytest.mark.parametrize("head", [Rnn(recurrent=False, activation="identity"), Integrator()], ids=["linear", "leaky"])
def test_under_feedback_of_its_own_a_rule_is_exact_in_the_last_layer_alone(name, head):
    """A single hidden layer is not: B stands in the place of the head's weight. With that weight in it OSTL is."""
    network = Network(layers=(Layer(Lif(recurrent=False), 3, 5), Layer(head, 5, 2)))
    rng = np.random.default_rng(0)
    p = network.parameters(seed=1, scale=2.0)
    given = (network, p, (rng.random((10, 2, 3)) < 0.5) * 1.0, rng.random((10, 2, 2)))
    exact = {row: reverse.gradients(*given, rule=RULES[row]) for row in ("bptt", "bptt-detached-reset")}
    feedback = draw_feedback(network, RULES[name], seed=0)
    found = reverse.gradients(*given, rule=RULES[name], feedback=feedback)
    for g in exact.values():
        assert all((found[k] == g[k]).all() for k in g if k.startswith("layers.1"))
        assert np.linalg.norm(found["layers.0.W"] - g["layers.0.W"]) > 0.1 * np.linalg.norm(g["layers.0.W"])
    if name == "ostl-random" and isinstance(head, Rnn):
        held = reverse.gradients(*given, rule=RULES[name], feedback={"layers.1.B": p["layers.1.W"]})
        assert all((held[k] == g).all() for k, g in exact["bptt"].items())


@pytest.mark.parametrize("name", ["rflo", "decolle", "ottt"])
def test_an_adaptation_is_lost_in_the_last_layer_too(name):
    network = Network(layers=(Layer(Lif(recurrent=False), 3, 5), Layer(Alif(recurrent=False), 5, 2)))
    rng = np.random.default_rng(0)
    given = (
        network,
        network.parameters(seed=1, scale=2.0),
        (rng.random((10, 2, 3)) < 0.5) * 1.0,
        rng.random((10, 2, 2)),
    )
    exact = reverse.gradients(*given, rule=RULES["bptt-detached-reset"])["layers.1.W"]
    found = reverse.gradients(*given, rule=RULES[name], feedback=draw_feedback(network, RULES[name], seed=0))
    assert np.linalg.norm(found["layers.1.W"] - exact) > 0.01 * np.linalg.norm(exact)
    assert "adaptation" in RULES[name].exact


def test_a_page_is_not_part_of_a_rule():
    """Where a row is described decides neither equality nor what it is printed as."""
    row = RULES["ostl"]
    moved = replace(row, page="elsewhere")
    assert moved == row
    assert hash(moved) == hash(row)
    assert repr(moved) == repr(row)


@pytest.mark.parametrize("name", ["ostl-random", "osttp", "rflo", "decolle"])
def test_feedback_is_drawn_normal_with_one_over_the_square_root_of_its_rows(name):
    """By its first two moments within four standard errors, both signs included."""
    layers = (Layer(Lif(), inputs=3, units=90), Layer(Lif(), inputs=90, units=40))
    (matrix,) = draw_feedback(Network(layers=layers), RULES[name], seed=8).values()
    scaled = matrix * np.sqrt(40)
    assert matrix.shape == (40, 90)
    assert abs(scaled.mean()) < 4 / np.sqrt(scaled.size)
    assert abs((scaled**2).mean() - 1) < 4 * np.sqrt(2 / scaled.size)


def test_feedback_matrices_are_named_and_shaped_as_what_they_replace():
    """A gate's own for every gate; what is missing or of another shape is refused."""
    network = Network(layers=(Layer(Lif(), inputs=3, units=4), Layer(Lstm(), inputs=4, units=2)))
    random, direct = RULES["ostl-random"], RULES["osttp"]
    drawn = draw_feedback(network, random)
    assert {name: b.shape for name, b in drawn.items()} == {f"layers.1.B_{gate}": (2, 4) for gate in "ifgo"}
    assert {name: b.shape for name, b in draw_feedback(network, direct).items()} == {"layers.0.B": (2, 4)}
    assert check_feedback(network, random, drawn) is drawn and check_feedback(network, RULES["ostl"], None) == {}
    for wrong in (
        None,
        {},
        {**drawn, "layers.1.B_f": np.zeros((4, 2))},
        {k: b for k, b in drawn.items() if "f" not in k},
    ):
        with pytest.raises(GradcertError, match=r"needs the feedback matrix layers\.1\.B_[if] of shape \(2, 4\)"):
            check_feedback(network, random, wrong)
    with pytest.raises(GradcertError, match=r"layers\.1\.B_f .*NaN"):
        check_feedback(network, random, {**drawn, "layers.1.B_f": np.full((2, 4), np.nan)})


def test_defaults_of_s_tllr():
    """As documented: decays of the two traces, weights of the acausal and of the causal term, from the first step."""
    options = signature(ESTIMATORS["s-tllr"].gradients).parameters
    given = {name: o.default for name, o in options.items() if o.default is not o.empty and name != "numbers"}
    decays, weights = {"lq": 0.5, "lp": 0.8}, {"a_post": -0.2, "a_pre": 1.0}
    assert given == {**decays, **weights, "first_step": 0, "acausal": "paper", "feedback": None}


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (ESTIMATORS["tess"].gradients, {"lq": 0.5, "lp": 0.8, "a_post": -0.2, "a_pre": 1.0, "acausal": "paper"}),
        (ESTIMATORS["opzo"].gradients, {"alpha": 0.1, "momentum": 0.9}),
        (estimate_feedback, {"alpha": 0.1, "momentum": 0.9}),
        (ESTIMATORS["etlp"].gradients, {"rate": 0.1}),
        (ESTIMATORS["otpe"].gradients, {"approximate": False, "live_reset": True}),
        (adapted, {"decay": 0.01}),
        (draw_feedback, {"seed": 0}),
    ],
    ids=lambda value: getattr(value, "__module__", ""),
)
def test_defaults_are_those_of_the_pages(function, wanted):
    options = signature(function).parameters.values()
    found = {o.name: o.default for o in options if o.default is not o.empty}
    assert {name: found[name] for name in wanted} == wanted
    left = {name for name, value in found.items() if name not in wanted and name != "numbers" and value is not None}
    assert not left


def test_otpe_on_one_layer_is_bptt():
    """Nothing lies above whose leak could smooth: the trace is the exact one of a layer without lateral weights."""
    network = Network(layers=(Layer(Lif(leak=0.75, threshold=0.25), inputs=3, units=4),))
    rng = np.random.default_rng(3)
    x, y, p = rng.standard_normal((6, 2, 3)), rng.standard_normal((6, 2, 4)), network.parameters(seed=1, scale=2.0)
    mine = ESTIMATORS["otpe"].gradients(network, p, x, y)
    theirs = reverse.gradients(network, p, x, y, rule=RULES["bptt"])
    assert worst(network, p, x, y, RULES["bptt"], None, mine, theirs) <= 1


@pytest.mark.parametrize("dropped", [0.0, 2.0])
def test_shares_of_what_is_dropped(dropped):
    """They sum to 1; where nothing is dropped all are 0."""
    parts = {(0, "reset"): {"W": np.array([dropped])}, (1, "state"): {"W": np.array([3 * dropped])}}
    shares = Residual(split=parts, total={"W": np.array([4 * dropped])}).shares()
    assert shares == ({(0, "reset"): 0.25, (1, "state"): 0.75} if dropped else dict.fromkeys(parts, 0.0))


def test_shares_of_some_parameters_leave_out_the_others():
    parts = {
        (0, "reset"): {"W": np.array([1.0]), "H": np.array([0.0])},
        (1, "state"): {"W": np.array([3.0]), "H": np.array([100.0])},
    }
    found = Residual(split=parts, total={"W": np.array([4.0]), "H": np.array([100.0])})
    assert found.shares(["W"]) == {(0, "reset"): 0.25, (1, "state"): 0.75}
    assert found.shares(["H"]) == {(0, "reset"): 0.0, (1, "state"): 1.0}
    assert found.shares(["W", "H"]) == found.shares() != found.shares(["W"])
