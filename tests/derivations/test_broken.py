"""Break the code that a step is about, one term at a time: the step fails, and says where."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from gradcert.derivations.chapters import chapter
from gradcert.derivations.chapters.convolution import convolutional
from gradcert.derivations.checker import verify
from gradcert.derivations.parts import graphs, recursions
from gradcert.derivations.parts.paths import prove_path_sum
from gradcert.derivations.parts.pieces import jacobian_proof
from gradcert.derivations.proving import proof
from gradcert.derivations.proving.cases import deep, under_readout
from gradcert.derivations.proving.proof import problem, prove
from gradcert.reference import Edge, Integrator, Lif, Network, Rnn, rule_named
from gradcert.reference.bounds import recursion, system
from gradcert.reference.bounds.pieces import LayerPieces
from gradcert.reference.engines import reverse
from gradcert.reference.engines.sweep import sweep
from gradcert.reference.estimators import common, etlp, ndot, opzo, rate_based, s_tllr, sltt_k, tess
from gradcert.reference.networks.cells import alif, integrator, lif


def step_named(name):
    return next(s for s in chapter(name.split(".")[0]).steps if s.id == name)


def with_current_psi(psi, lq, acausal):
    """T74: the acausal trace holds the pseudo-derivative of its own step."""
    return lq * common.filtered(psi, lq)


def lagging(values, leak):
    """T12: the trace is read before it is updated."""
    trace = common.filtered(values, leak)
    return np.concatenate([0 * trace[:1], trace[:-1]])


def slope_of_this_step(tape, t, *, live_reset):
    """T82: psi of step t in the place of step t - 1."""
    jacobian = common.at(tape.factors[lif.STATE], t)
    if live_reset and lif.RESET in tape.factors:
        jacobian = jacobian + common.at(tape.factors[lif.RESET], t) * common.slopes(tape)[t]
    return jacobian


def ratio_of_this_step(values, ratio):
    """T73: the ratio of step t in the place of step t - 1."""
    out, trace = np.empty_like(values), 0 * values[0]
    for t in range(len(values)):
        trace = ratio[t] * trace + values[t]
        out[t] = trace
    return out


def credit_of_the_next_step(tape, delta):
    """T56: credit that is off by one step."""
    return common.same_step(tape, np.concatenate([delta[1:], 0 * delta[:1]]))


def undecayed_feedback(*arguments, momentum, **options):
    """T81: the current product in the place of the decayed average."""
    return estimate(*arguments, momentum=0 * momentum, **options)


def one_sign_more(n_out, units):
    return np.abs(basis(n_out, units))


def later_border(tape, delta, links, order, chunk):
    """A chunk that is a step too long."""
    return sweep_in_time(tape, delta, links, order, chunk and chunk + 1)


def undivided(self, n, p, prev, now):
    """T45: the scale of the pseudo-derivative missing in front of it."""
    found = factors(self, n, p, prev, now)
    if self.scaling == "none":
        return found
    return {**found, alif.OUTPUT: found[alif.OUTPUT] * self._distance(p, now["v"], now["k"])[2]}


def nothing_dropped(m, count, ages, rule, j_kept, j_dropped):
    return {}


def without_older_steps(row, b):
    return {}


def transposed(self, weight, value=None):
    """T03: H transposed."""
    return matrix(self, weight, value).swapaxes(-1, -2)


matrix = LayerPieces.matrix
estimate, basis, factors = opzo.estimate_feedback, tess.basis, alif.Alif.factors
sweeps = importlib.import_module("gradcert.reference.engines.sweep")  # the function has the name of its file
sweep_in_time = sweeps._sweep_in_time

BROKEN = [
    ("stllr.rule", s_tllr, "postsynaptic", with_current_psi, "layers.0.W"),
    ("stllr.late", s_tllr, "filtered", lagging, "T_l = 2"),
    ("local.tess", s_tllr, "postsynaptic", with_current_psi, "TESS, lateral weights: True"),
    ("local.basis", tess, "basis", one_sign_more, "= -1"),
    ("rates.kappa", rate_based, "membrane_step", slope_of_this_step, "dz/dv"),
    ("rates.constant", rate_based, "membrane_step", slope_of_this_step, "hard"),
    ("rates.ndot", ndot, "presynaptic_trace", ratio_of_this_step, "ratio inside at 2"),
    ("sampled.sltt-k", sltt_k, "same_step", credit_of_the_next_step, "steps [1]"),
    ("sampled.etlp", etlp, "filtered", lagging, "ETLP"),
    ("sampled.opzo", opzo, "filtered", lagging, "OPZO given B"),
    ("sampled.opzo-feedback", opzo, "estimate_feedback", undecayed_feedback, "T = 2"),
    ("bounds.windowed", recursion, "_row_times", without_older_steps, "|e"),
    ("eprop.scaling", alif.Alif, "factors", undivided, "θ"),
]


@pytest.mark.parametrize(("name", "owner", "attribute", "wrong", "words"), BROKEN, ids=[b[0] for b in BROKEN])
def test_a_broken_rule_fails_its_step(monkeypatch, name, owner, attribute, wrong, words):
    from gradcert.derivations.proving import notation

    notation.code_step.cache_clear()
    monkeypatch.setattr(owner, attribute, wrong)
    failed = verify(step_named(name)).failed
    notation.code_step.cache_clear()
    assert any(words in sentence for sentence in failed), failed


def test_a_chunk_that_is_a_step_too_long_is_seen(monkeypatch):
    p = problem(deep(Rnn(), inputs=1, units=1), steps=4)
    monkeypatch.setattr(sweeps, "_sweep_in_time", later_border)
    failed = prove(p, rule_named("tbptt-chunks", steps=2), "reverse").failed
    assert {name.split("[")[0] for name in failed} == {f"layers.{m}.{w}" for m in (0, 1) for w in ("W", "H", "b")}


def test_the_system_of_the_bounds(monkeypatch):
    small = (("ostl", "decolle"), ((2, 0, 2, ()),))
    assert recursions.assembled(*small).failed == ()
    monkeypatch.setattr(system, "_drop", nothing_dropped)
    assert "ostl, layer 1 of 2, step 2" in recursions.assembled(*small).failed


def few(name):
    """One graph of the chapter, at its size."""
    graph, steps = graphs.GRAPHS[name]
    return problem(Network(graph=graph), steps=steps)


def test_credit_that_a_skip_connection_does_not_hand_on(monkeypatch):
    p, rule = few("skip"), rule_named("bptt")
    assert prove(p, rule, "reverse").proved and prove_path_sum(p, rule, "reverse").proved

    def last_alone(credit, network, index, into):
        found, last = {}, max(network.sources(index))
        spread(credit, network, index, found)
        into |= {last: found[last]} if last in found else {}

    spread = sweeps.spread
    monkeypatch.setattr(reverse, "spread", last_alone)
    for failed in (prove(p, rule, "reverse").failed, prove_path_sum(p, rule, "reverse").failed):
        assert "a.W[0, 0]" in failed and "b.W.u[0, 0]" not in failed


@pytest.mark.parametrize(("name", "edge"), [("feedback", Edge.FEEDBACK), ("delay", Edge.DELAY)])
def test_a_lagged_connection_that_carries_no_credit(monkeypatch, name, edge):
    p, rule = few(name), rule_named("ostl")
    honest = sweeps.kept_links
    monkeypatch.setattr(sweeps, "kept_links", lambda cell, kept: honest(cell, kept - {edge}))
    failed = prove(p, rule, "reverse").failed
    assert any(one.startswith("a.W") for one in failed) and prove(p, rule, "forward").proved
    assert any(one.startswith("a.W") for one in prove_path_sum(p, rule, "reverse").failed)


def test_a_skip_connection_that_the_system_does_not_see(monkeypatch):
    skipping = (("sltt",), ((3, 0, 1, ((0, 2),)),))
    assert recursions.assembled(*skipping).failed == ()
    monkeypatch.setattr(Network, "sources", lambda self, m: (m - 1,))
    assert recursions.assembled(*skipping).failed == ("sltt, layer 1 of 3, skipping ((0, 2),), step 1",)


def test_a_transposed_weight_in_the_jacobian_of_the_bounds(monkeypatch):
    assert jacobian_proof(Rnn(), units=2).failed == ()
    monkeypatch.setattr(LayerPieces, "matrix", transposed)
    entries = [f"rnn: entry ({i}, {j}) of the Jacobian of the bounds" for i, j in ((1, 2), (2, 1))]
    assert jacobian_proof(Rnn(), units=2).failed == tuple(entries)


def test_a_local_loss_through_another_readout_is_seen(monkeypatch):
    def negated(*arguments, feedback, **options):
        return reverse.gradients(*arguments, feedback={k: -b for k, b in feedback.items()}, **options)

    monkeypatch.setitem(proof.ENGINES, "negated", negated)
    p = problem(deep(Lif(), inputs=1), steps=2)
    failed = prove(p, rule_named("decolle"), "negated").failed
    assert {name.split("[")[0] for name in failed} == {"layers.0.W", "layers.0.b"}


@pytest.mark.parametrize("edge", ["state", "reset", "recurrent", "adaptation"])
def test_an_engine_that_forgets_an_edge_is_told_which(monkeypatch, edge):
    def forgetful(*arguments, rule, **options):
        return reverse.gradients(*arguments, rule=replace(rule, own=rule.own - {edge}), **options)

    monkeypatch.setitem(proof.ENGINES, "forgetful", forgetful)
    p = problem(deep(alif.Alif(recurrent=True), inputs=1, units=1), steps=3)
    failed = prove(p, rule_named("bptt"), "forgetful").failed
    assert f"alif, bptt: the engine cuts the edge {edge.upper()} in the parameter's own layer" in failed


def test_a_broken_cell_above_is_the_one_that_is_named(monkeypatch):
    whole = Integrator.factors

    def undecayed(self, n, p, prev, now):
        return {**whole(self, n, p, prev, now), integrator.STATE: 0 * p["kappa"]}

    monkeypatch.setattr(Integrator, "factors", undecayed)
    failed = prove(problem(under_readout(Lif()), steps=2), rule_named("e-prop"), "reverse").failed
    assert failed[0].startswith("integrator: dz/dz (edge STATE): the code returns 0")


def test_a_network_with_a_convolution_and_pooling():
    p = problem(convolutional(Lif(), pool=True), steps=2)
    for name in ("bptt", "ottt"):
        for engine in ("reverse", "forward"):
            assert prove(p, rule_named(name), engine).failed == ()


def test_the_credit_of_a_convolution_is_looked_at(monkeypatch):
    def without_time(tape, delta, kept, *, chunk=None):
        return sweep(tape, delta, frozenset(), chunk=chunk)

    p = problem(convolutional(Lif(), pool=False), steps=2)
    monkeypatch.setattr(reverse, "sweep", without_time)
    failed = prove(p, rule_named("bptt"), "reverse").failed
    assert any(name.startswith("layers.0.W[") for name in failed)
