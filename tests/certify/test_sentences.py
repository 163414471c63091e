"""What the diagnosis says is true: of every case that was judged, of every layer as it is, and of zero that it is."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim, difference, same_row
from gradcert.certify.diagnosis import causes
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.diagnosis.forward import explain as explain_forward
from gradcert.certify.diagnosis.unrolled import Edit, edited, on_floats
from gradcert.certify.problems import generate, plan
from gradcert.reference import ESTIMATORS, RULES, Edge, GradcertError
from gradcert.reference.engines import record

LEAKY = {"readout": "integrator", "readout_options": {"kappa": 0.75, "train": (), "gain": "one"}}
SIGMOID = {"recurrent": True, "bias": True, "activation": "sigmoid"}
ONE = {"gain": "one", "rest": 0.0, "leak": 0.5, "threshold": 0.75}
PLAIN = {"reset": "subtract_before_leak", "recurrent": False, "bias": True, "train": ()}


def judged(rule, cell, answer, *, profile="quick", when=("every",), **options):
    """Return what a subject gives for every case of a claim."""
    claim = Claim(rule=rule, cells=cell, losses=("squared_error",), when=when, **options)
    specs = [spec for spec in plan(claim, profile) if spec.family in ("dyadic", "bounded")]
    cases = [case for spec in specs if (case := generate(spec, claim)) is not None]
    return [Evidence(case, answer(on_floats(case.problem, case.rule))) for case in cases]


def row(rule, bench):
    return bench.gradients(rule)


def said(rule, cell, answer, **options):
    return str(causes.find(judged(rule, cell, answer, **options), RULES[rule]))


def test_a_missing_filter_of_the_readout_is_not_as_claimed():
    unfiltered = replace(RULES["e-prop"], readout=frozenset())
    found = said("e-prop", "lif", partial(row, unfiltered), depths=(1,), options=PLAIN, **LEAKY)
    assert found.startswith("it equals e-prop without STATE in the readout, which is ottt (own: STATE; readout: none)")


def test_rows_are_compared_within_the_edges_that_each_layer_has():
    claim = Claim(rule="e-prop", cells="lif", depths=(1,), options=PLAIN, **LEAKY)
    network = generate(plan(claim, "quick")[0], claim).problem.network
    e_prop = RULES["e-prop"]
    # the only layer above is the readout, whose edges are those of `readout`
    assert same_row(e_prop, replace(e_prop, upper=frozenset({Edge.RESET, Edge.RECURRENT})), network)
    assert difference(replace(e_prop, readout=frozenset()), e_prop, network) == ["without STATE in the readout"]
    assert difference(replace(e_prop, chunk=2), e_prop, network) == ["with chunks of 2 steps"]


@pytest.mark.parametrize(
    ("claimed", "row_", "words"),
    [
        ("tbptt-chunks", RULES["bptt"], "it equals bptt ("),
        ("rflo", RULES["e-prop"], "it equals rflo without RECURRENT"),
        ("bptt", replace(RULES["tbptt"], window=3), "it equals tbptt(3) ("),
        ("bptt", replace(RULES["tbptt-chunks"], chunk=3), "it equals tbptt-chunks(3) ("),
    ],
)
def test_a_row_is_named_by_all_that_defines_it(claimed, row_, words):
    found = said(claimed, "rnn", partial(row, row_), options={"recurrent": True, "activation": "tanh"})
    if claimed == "rflo":  # the two differ in the way of the signal alone, or not at all
        assert "rflo, which is" not in found
    else:
        assert found.startswith(words)


def test_zero_is_said_where_it_is_zero():
    def answer(bench):
        return {k: 0 * g if k.startswith("layers.0") else g for k, g in bench.gradients().items()}

    found = said("bptt", "snu", answer, depths=(2,))
    assert found == "layers.0.W, layers.0.H, layers.0.b: zero in every entry; the rest is as claimed"
    everything = said("bptt", "snu", lambda bench: {k: 0 * g for k, g in bench.gradients().items()})
    assert everything == "it is zero in every entry"


@pytest.mark.long
def test_an_explanation_holds_on_cases_that_passed_too():
    """Half the gradient for some problems, and right for the others: nothing that says "divided by 2"."""

    def answer(bench):
        share = 0.5 if bench.network.loss.when == "last" else 1
        return {k: share * g for k, g in bench.gradients().items()}

    evidence = judged("bptt", "rnn", answer, when=("every", "last"), options=SIGMOID)
    assert 0 < sum(len(e.right) == len(e.given) for e in evidence) < len(evidence)
    assert str(causes.find(evidence, RULES["bptt"])) == causes.NOTHING


def test_as_claimed_is_said_of_what_passed_everywhere():
    def answer(bench):
        wrong = bench.network.loss.when == "last"
        return {k: g + wrong * (k == "layers.0.W") for k, g in bench.gradients().items()}

    explanation = causes.find(judged("bptt", "rnn", answer, when=("every", "last"), options=SIGMOID), RULES["bptt"])
    (right,) = [c for c in explanation.causes if c.key == causes.AS_CLAIMED]
    assert explanation.unexplained == ("layers.0.W",) and "layers.0.W" not in right.names[0].split(", ")


def test_the_same_weight_everywhere_is_a_factor():
    found = said("bptt", "rnn", lambda b: {k: g * b.steps * b.inputs.shape[1] for k, g in b.gradients().items()})
    assert found == "it equals bptt times 18 (in every case times T and B)"


@pytest.mark.long
def test_a_mistake_in_every_sweep_is_named_at_depth_two():
    def dropped(graph, tape, whole):
        return graph.arcs_as(lambda a: None if a.source == "z" and a.target == "v" else a)

    both = said("bptt", "lif", lambda b: edited(b, Edit(own=dropped, down=dropped)), options=PLAIN)
    assert both.startswith("it equals bptt without RESET")

    def halved(graph, tape, whole):
        return graph.arcs_as(lambda a: replace(a, factor=a.factor * tape.p["leak"]) if a.target == "z" else a)

    assert "in every sweep" in said("bptt", "lif", lambda b: edited(b, Edit(own=halved, down=halved)), options=PLAIN)


@pytest.mark.long
def test_what_differs_by_role_is_explained_by_role():
    def answer(bench):
        top = bench.network.depth - 1
        return {k: g * (2 if k == f"layers.{top}.W" else 1) for k, g in bench.gradients().items()}

    found = said("ottt", "lif", answer, readout="rnn", readout_options={"recurrent": False}, options=PLAIN)
    assert found.startswith("W of the readout: equals ottt times 2")


def test_two_mistakes_of_two_parameters_are_both_named():
    def answer(bench):
        steps = bench.steps
        return {k: g / steps if k.endswith("b") else -g if k.endswith("H") else g for k, g in bench.gradients().items()}

    found = said("bptt", "rnn", answer, depths=(1,), options={"recurrent": True, "bias": True})
    assert (
        "layers.0.b: equals bptt divided by 6 (in every case divided by T)" in found
        and "layers.0.H: equals bptt with the opposite sign" in found
    )
    assert found.endswith("; the rest is as claimed") and "layers.0.W" not in found


@pytest.mark.parametrize("with_loss", [False, True])
def test_a_forward_mistake_is_named_with_and_without_the_loss(with_loss):
    def strict(bench):
        layers = tuple(replace(x, cell=replace(x.cell, strict=not x.cell.strict)) for x in bench.network.layers)
        return bench.again(network=replace(bench.network, layers=layers))

    options = {"options": {**PLAIN, "strict": False}}
    evidence = judged("bptt", "lif", lambda bench: strict(bench).gradients(), **options)
    if not with_loss:
        assert str(causes.find(evidence, RULES["bptt"])) == "it equals bptt with strict=True"
        return
    for number, e in enumerate(evidence):
        run = strict(e.bench)
        loss = run.network.loss.value(run.tape.outputs, run.targets, run.numbers)
        evidence[number] = replace(e, loss=np.asarray(float(loss)))
    assert (
        explain_forward(evidence, RULES["bptt"], "loss") == "the loss is that of strict=True, and so are the gradients"
    )


def test_a_forward_slip_that_the_backward_pass_does_not_notice():
    def answer(bench):
        p = {k: -v if k.endswith("H") else v for k, v in bench.parameters.items()}
        run = record(bench.network, p, bench.inputs)
        layers = tuple(replace(new, p=old.p) for new, old in zip(run.layers, bench.tape.layers, strict=True))
        return replace(bench, tape=replace(bench.tape, layers=layers)).gradients()

    found = said("bptt", "rnn", answer, options={"recurrent": True, "activation": "tanh"})
    assert found == "it equals bptt with -H in the place of H in the forward pass"


def test_a_cause_is_held_against_problems_that_it_was_not_found_on():
    def doubled(bench):
        return {k: 2 * g for k, g in bench.gradients().items()}

    (cause,) = causes.find(judged("bptt", "rnn", doubled), RULES["bptt"]).causes
    assert cause.holds(judged("bptt", "rnn", doubled, profile="default"))
    assert not cause.holds(judged("bptt", "rnn", lambda b: {k: 3 * g for k, g in b.gradients().items()}))


@pytest.mark.parametrize("name", ["rate-based", "s-tllr", "tess"])
def test_an_algorithm_that_is_no_row_is_named(name):
    def answer(bench):
        given = (bench.network, bench.parameters, bench.inputs, bench.targets)
        return ESTIMATORS[name].gradients(*given)

    found = said("ottt", "lif", answer, readout="rnn", readout_options={"recurrent": False}, options={**PLAIN, **ONE})
    assert found.startswith("it equals ") and f"({name})" in found


def test_nothing_is_claimed_in_the_name_of_what_is_not_there(tmp_path):
    """A subject with a claim of its own, and a slip in its name: no other claim is invented for it."""
    (tmp_path / "mine.py").write_text(
        "import gradcert\n\n@gradcert.claim(rule='ottt', cells='lif')\ndef gradients(problem):\n    return {}\n"
    )
    with pytest.raises(GradcertError) as error:
        certify(f"{tmp_path}/mine.py:gradient", profile="quick")
    assert "gradient" in str(error.value) and "bptt" not in str(error.value) and "depth" not in str(error.value)
