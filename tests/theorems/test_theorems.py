"""The sources: what is stated is listed, what is assumed is committed, wrong definitions are rejected."""

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from gradcert.reference import GradcertError
from gradcert.theorems.audit import COMMITTED, HEAD, audit, axioms_of, render
from gradcert.theorems.catalogue import THEOREMS, stated
from gradcert.theorems.mutants import MUTANTS, Mutant, outcome
from gradcert.theorems.toolchain import CoqError, compile_sources, sources

LIBRARIES = {  # the real numbers' own, of the standard library and of mathcomp-analysis
    "ClassicalDedekindReals.sig_forall_dec",
    "ClassicalDedekindReals.sig_not_dec",
    "Classical_Prop.classic",
    "FunctionalExtensionality.functional_extensionality_dep",
    "boolp.constructive_indefinite_description",
    "boolp.functional_extensionality_dep",
    "boolp.propositional_extensionality",
}
OVER_THE_REALS = {"Derivative", "Budget", "Lattice"}


def test_everything_stated_is_in_the_catalogue():
    assert sorted(stated()) == sorted(theorem.name for theorem in THEOREMS)


def test_no_source_assumes_or_gives_up():
    words = r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Abort|Unset Guard Checking|bypass_check)\b"
    comments = re.compile(r"\(\*.*?\*\)", re.DOTALL)
    found = {name: re.findall(words, comments.sub("", text)) for name, text in sources().items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_sources_follow_what_they_import():
    names = list(sources())
    assert names.index("Graph") < names.index("Tape") < names.index("Ages")
    assert names.index("Stack") < names.index("StackTape")


def test_committed_assumptions_are_those_of_the_libraries_and_only_over_the_reals():
    rests_on = axioms_of(COMMITTED.read_text(encoding="utf-8"))
    assert set(rests_on) == {theorem.name for theorem in THEOREMS}
    assert {name.partition(".")[0] for name, axioms in rests_on.items() if axioms} == OVER_THE_REALS
    assert {axiom for axioms in rests_on.values() for axiom in axioms} <= LIBRARIES


@pytest.mark.long
def test_the_audit_is_as_committed(workshop):
    assert audit(workshop) == COMMITTED.read_text(encoding="utf-8")


def test_an_axiom_would_be_seen(workshop):
    text = "Axiom cheat : 1 = 2.\nTheorem wrong : 2 = 1. Proof. symmetry; exact cheat. Qed.\nPrint Assumptions wrong.\n"
    said = render([["Cheat.wrong"]], workshop.coq("Cheat", text))
    assert said == f"{HEAD}\nCheat.wrong: cheat\n\ncheat : 1 = 2\n"


def test_an_unfinished_proof_is_refused(workshop):
    with pytest.raises(CoqError, match="does not accept Open"):
        workshop.coq("Open", "Theorem open : 1 = 2. Proof. Qed.\n")


def test_two_workers_compile_a_file_once(workshop, tmp_path, monkeypatch):
    log, real = tmp_path / "log", shutil.which("coqc")
    (tmp_path / "coqc").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (tmp_path / "coqc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: compile_sources(folder=tmp_path / "kept", only="Graph"), range(2)))
    assert found[0] == found[1]
    assert found[0].compiled("Graph")
    assert sum(line.endswith("Graph.v") for line in log.read_text().splitlines()) == 1


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_definition_is_rejected(workshop, mutant):
    assert f"does not accept {mutant.rejects}.v" in outcome(mutant)


def test_a_change_that_is_not_wrong_is_accepted(workshop):
    assert outcome(Mutant("a comment", "Window", "(** Windows in one layer", "(** Windows, one layer", "Window")) == ""


def test_a_mutant_that_no_longer_applies_says_so():
    with pytest.raises(GradcertError, match="does not apply"):
        outcome(Mutant("gone", "Graph", "no such text", "", "Tape"))
