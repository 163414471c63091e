"""The measure of the diagnosis: clean sources that certify, mutants that differ, and a table that counts."""

import ast
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gradcert.certify.diagnosis import causes
from gradcert.certify.problems import generate, plan
from scripts.diagnosis import __main__ as command
from scripts.diagnosis import judge
from scripts.diagnosis import measure as measuring
from scripts.diagnosis.asked import asked
from scripts.diagnosis.folded import folded
from scripts.diagnosis.measure import Outcome
from scripts.diagnosis.mutants import Mutant, kinds_of, mutants
from scripts.diagnosis.subjects import LITERALS
from scripts.diagnosis.table import table


def first_case(literal):
    return next(case for spec in plan(literal.claim, "quick") if (case := generate(spec, literal.claim)) is not None)


@pytest.mark.parametrize("literal", LITERALS, ids=lambda x: x.name)
def test_every_clean_source_computes_what_it_claims(literal):
    if "import torch" in literal.source:
        pytest.importorskip("torch")
    case = first_case(literal)
    found = literal.compiled(literal.source)(case.problem)
    for name, bounds in case.expected.gradients.items():
        assert (np.abs(found[name] - bounds.value) <= bounds.budget).all(), name


def test_no_fault_is_left_in_a_folded_source():
    source = folded("x = 1 if fault == 'T1' else 2\ny = a * (fault != 'T2')\nif f in ('T3',) and t:\n    z = 1\n")
    assert source.splitlines()[:2] == ["x = 2", "y = a"] and "z" not in source


def test_mutants_are_distinct_and_one_edit_away():
    literal = LITERALS[0]
    problem = first_case(literal).problem
    clean = literal.compiled(literal.source, file="subject.py")
    kinds, functions = kinds_of(lambda: clean(problem), "subject.py")
    found = list(mutants(literal.source, kinds, functions))
    assert len({m.source for m in found}) == len(found) > 80
    assert literal.source not in {m.source for m in found}
    operators = {m.operator for m in found}
    assert {"index", "transpose", "sign", "factor dropped", "operand", "constant", "accumulation"} <= operators
    for m in found[:20]:
        ast.parse(m.source)


def test_the_table_counts_what_is_named_and_what_is_false():
    about = {"subject": "A", "held": False, "rule": "bptt", "operator": "sign", "line": 1, "before": "a", "after": "b"}
    about |= {"digest": "0"}
    told = [("fully", False), ("fully", True), ("partly", False), ("not", False)]
    outcomes = [Outcome(**about, verdict="refuted", named=n, false=f) for n, f in told]
    outcomes[-1] = replace(outcomes[-1], repair="certified", search=2.0, agrees=True)
    outcomes.append(Outcome(**about, verdict="equivalent"))
    page = table(outcomes, each=5, seed=0, repair=8.0, every=8)
    assert "| A | 4 | 1 (25 %) | 1 of 1 | 2 (50 %) | 1 | 1 | 1 | 0 | 0 | 0 | 1 | 0 | 0 |" in page
    assert "| for a repair that was found | 2.0 | 2 |" in page and "in 1 of 1." in page
    assert page.count("- A, line 1: `a` became `b`") == 3  # neither named nor repaired: two; false: one


def test_a_measure_is_shared_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """Two mutants: one that ends its process, and one after it; neither is measured twice."""
    literal = next(x for x in LITERALS if x.name == "RTRL, tanh, per sample")
    ends = Mutant("ends", 1, "a", "b", "import os\nos._exit(1)")
    wrong = Mutant("sign", 1, "a", "b", literal.source.replace("error @ s_b", "-error @ s_b"))
    assert wrong.source != literal.source
    monkeypatch.setattr(measuring, "drawn", lambda *_: [ends, wrong])
    found = list(measuring.measure([literal], most=2, profile="quick"))
    assert [(o.verdict, o.named, o.false) for o in found] == [("crashed", "", False), ("refuted", "fully", False)]
    assert found[1].said == "layers.0.b: equals rtrl with the opposite sign; the rest is as claimed"
    done = {(o.subject, o.digest) for o in found}
    assert list(measuring.measure([literal], most=2, profile="quick", done=done)) == []
    assert [o.operator for o in measuring.measure([literal], most=2, profile="quick", share=(1, 2))] == ["sign"]


def test_what_was_measured_with_other_sources_is_not_taken_over(tmp_path, monkeypatch):
    kept, asked_for = tmp_path / "outcomes.jsonl", []
    about = dict.fromkeys(("subject", "rule", "operator", "before", "after", "digest"), "x")
    outcome = Outcome(**about, held=False, line=1, verdict="equivalent")

    def measured(*_, done, **options):
        asked_for.append(set(done))
        yield outcome

    monkeypatch.setattr(command, "measure", measured)
    monkeypatch.setattr(sys, "argv", ["measure", "--only", "none", "--out", str(kept)])
    for digest, known in (("a", set()), ("b", set()), ("b", {("x", "x")})):
        monkeypatch.setattr(command, "of_files", lambda *_, digest=digest, **__: digest)
        command.main()
        assert asked_for[-1] == known
        with kept.open("a") as file:
            file.write('{"subject": "torn')
            file.write("\n")


@pytest.fixture(scope="module")
def prepared():
    return asked(next(x for x in LITERALS if x.name == "RTRL, tanh, per sample"), "quick")


def test_a_mutant_that_never_ends_is_stopped(monkeypatch, prepared):
    monkeypatch.setattr(judge, "CALL", 0.05)
    endless = prepared.literal.source.replace("for n in range(batch):", "while True:\n        n = 0")
    assert judge.judged(prepared, endless) == {"verdict": "hung"}


def test_a_repair_is_looked_for_where_nothing_is_named_and_for_a_part_of_the_others(monkeypatch, prepared):
    monkeypatch.setattr(judge.repairs, "looked", lambda *_, **__: {"repair": "none"})
    named = prepared.literal.source.replace("error @ s_b", "-error @ s_b")
    unsaid = prepared.literal.source.replace("error @ s_b", "np.cos(error) @ s_b")
    for source, every, looked in ((named, 1, True), (named, 1 << 62, False), (unsaid, 1 << 62, True)):
        found = judge.judged(prepared, source, repair=1.0, every=every)
        assert found["verdict"] == "refuted" and ("repair" in found) == looked


def test_what_is_accepted_and_wrong_elsewhere_is_missed(monkeypatch, prepared):
    """A mutant that is right but for inputs that no case has which it is judged by; and the implementation itself."""
    source = prepared.literal.source
    assert judge.judged(prepared, source, profile="quick") == {"verdict": "equivalent"}
    one = float(prepared.fresh[0].problem.inputs.ravel()[0])
    assert all(one not in case.problem.inputs for case in prepared.cases)
    seldom = source.replace("error @ s_b", f"error @ s_b * (1 + ({one!r} in problem.inputs))")
    assert seldom != source and judge.judged(prepared, seldom, profile="quick") == {"verdict": "missed"}


def test_what_is_refuted_and_equal_is_seen(monkeypatch, prepared):
    """By a judge that refutes whatever it is shown."""
    wrong = prepared.literal.source.replace("error @ s_b", "-error @ s_b")
    assert judge.judged(prepared, wrong)["equal"] is False
    monkeypatch.setattr(judge.acceptance, "first_wrong", lambda *_: [SimpleNamespace(check="gradient")])
    assert judge.judged(prepared, prepared.literal.source)["equal"] is True


@pytest.mark.long
@pytest.mark.parametrize(("most", "ended"), [(causes.MOST, False), (0, True)])
def test_a_search_of_parts_that_nothing_proves_ends_and_says_so(monkeypatch, most, ended):
    """A forward pass that never runs: candidates fit what is left in floats, and none in enclosures."""
    monkeypatch.setattr(causes, "MOST", most)
    literal = next(x for x in LITERALS if x.name == "BPTT, ALIF, backward loop")
    loop = "for t in range(1, steps + 1):"
    assert loop in literal.source
    source = literal.source.replace(loop, "for t in range(1, 1):", 1)
    found = judge.judged(asked(literal, "default"), source, repair=0.0, profile="default", every=8)
    assert (found["verdict"], found["named"], found["false"]) == ("refuted", "partly", False)
    assert "zero in every entry" in found["said"]
    assert found["said"].endswith(", of what was tried until the search was ended") == ended
