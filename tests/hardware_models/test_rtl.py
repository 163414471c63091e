"""RTL: exhaustive 8-bit runs, equivalence proofs, the bring-your-own-RTL harness and its mutation score."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcert.certify.fixed_point import rtl as fixed_point_rtl
from gradcert.cli import gradcert
from gradcert.hardware_models.arithmetic import Overflow, Rounding, Stochastic
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.rtl.equivalence import prove_equivalence, prove_same
from gradcert.hardware_models.rtl.exhaustive import exhaustive
from gradcert.hardware_models.rtl.harness import follow, generated, read_harness, with_source
from gradcert.hardware_models.rtl.mutants import mutants, score
from gradcert.hardware_models.rtl.tools import run
from gradcert.hardware_models.rtl.units import UNITS
from gradcert.hardware_models.units import profile_trace
from gradcert.reference.errors import GradcertError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OWN, MAP = ((EXAMPLES / f"leaky_trace.{kind}").read_text() for kind in ("v", "toml"))


@pytest.mark.parametrize("name", [n for n, make in UNITS.items() if make().verilog])
def test_generated_rtl_is_proved_equal_to_a_specification_written_another_way(name: str, needs) -> None:
    needs("yosys", "yosys-smtbmc")
    unit = UNITS[name]()
    assert prove_equivalence(unit).status == "proved"


@pytest.mark.parametrize(
    ("name", "node", "fault"),
    [
        ("scale8", "w_next", "wrap"),
        ("trace8", "decayed", "rounding"),
        ("trace8", "decayed", "zero rule"),
        ("signal8", "signal", "narrow"),
        ("move8", "w_next", "wrap"),
    ],
)
def test_broken_twins_are_refuted_by_the_equivalence_proof(name: str, node: str, fault: str, needs) -> None:
    needs("yosys", "yosys-smtbmc")
    unit = UNITS[name]()
    old = unit.program.node(node).numeric
    changed = {
        "wrap": lambda: replace(old, overflow=Overflow.WRAP),
        "rounding": lambda: replace(old, source=replace(old.source or Stochastic("none", 8), strict=True)),
        "zero rule": lambda: replace(old, source=replace(old.source or Stochastic("none", 8), hold_zero=False)),
        "narrow": lambda: replace(old, format=unit.program.node(node).format.narrower(2), overflow=Overflow.WRAP),
    }[fault]()
    assert prove_equivalence(unit, program=unit.program.change(node, numeric=changed)).status == "refuted"


@pytest.mark.long
def test_all_inputs_of_the_8_bit_weight_unit(needs) -> None:
    needs("verilator", "g++", "make")
    done = exhaustive(UNITS["weight8"]())
    assert (done.vectors, done.mismatches) == (2**28, 0)


@pytest.mark.long
def test_a_wrong_rounding_is_found_by_the_exhaustive_run(needs) -> None:
    needs("verilator", "g++", "make")
    unit = UNITS["trace8"]()
    old = unit.program.node("decayed").numeric
    floor = unit.program.change("decayed", numeric=replace(old, rounding=Rounding.FLOOR))
    done = exhaustive(unit, program=floor)
    assert done.vectors == 2 * 255 * 256 and done.mismatches > 0 and "e=" in done.first


def test_bring_your_own_rtl(tmp_path: Path, needs) -> None:
    needs("iverilog", "vvp")
    pytest.importorskip("cocotb")
    (tmp_path / "leaky_trace.v").write_text(OWN)
    (tmp_path / "map.toml").write_text(MAP)
    harness = read_harness(tmp_path / "map.toml")
    assert follow(harness, steps=200).agrees
    # an internal signal is compared, not only the register: wrong rounding shows where it happens
    wrong = follow(with_source(harness, OWN.replace(" & (|whole)", "")), steps=200)
    assert wrong.first is not None and wrong.first["name"] == "e.leaked" and wrong.first["signal"] == "decayed"


@pytest.mark.long
def test_mutation_score_of_the_harness_on_our_own_trace_unit(needs) -> None:
    """Every mutant is killed by simulation, or by a proof of difference, or proved to be no fault."""
    needs("iverilog", "vvp", "yosys", "yosys-smtbmc")
    pytest.importorskip("cocotb")
    harness = generated(profile_trace(PROFILES["reckon"]))
    source = harness.sources[0]
    result = score(source, lambda text: follow(with_source(harness, text), steps=300).agrees, per_fault=1)
    left = {m.fault: prove_same(harness.description, source, m.text).status for m in result.survivors}
    assert result.made == 5 and result.killed + len(left) == result.made
    assert "zero rule dropped" not in left and "shift by one more" not in left
    # >= against > differs only where fraction and word are equal: simulation hardly gets there, the proof does; a
    # logical
    # shift of a product that is never negative, and a saturation that is never reached, are no faults
    assert all(status == ("refuted" if fault == "rounding sense" else "proved") for fault, status in left.items()), left


def test_a_harness_file_that_does_not_fit_is_one_clear_error(tmp_path: Path, needs) -> None:
    (tmp_path / "bad.toml").write_text("[design]\ntop = 'x'\n")
    with pytest.raises(GradcertError, match="harness file"):
        read_harness(tmp_path / "bad.toml")
    with pytest.raises(GradcertError, match="not installed"):
        run(["no-such-tool"], cwd=tmp_path)
    assert list(mutants("module m; endmodule")) == []


@pytest.mark.long
def test_certify_judges_rtl_and_scores_the_harness_on_mutants_of_the_design(tmp_path: Path, needs, monkeypatch) -> None:
    needs("iverilog", "vvp")
    pytest.importorskip("cocotb")
    monkeypatch.setattr(fixed_point_rtl, "FAULTS", ())  # a few mutants: each costs a build
    monkeypatch.setattr(fixed_point_rtl, "ANY_DESIGN", fixed_point_rtl.ANY_DESIGN[2:6])
    words = ["certify", "--fixed-point", "reckon", "--profile", "quick"]
    done = CliRunner().invoke(gradcert, [*words, str(EXAMPLES / "leaky_trace.toml")])
    assert done.exit_code == 0 and "CERTIFIED  2 internal signals equal" in done.output, done.output
    found = re.search(r"mutation score: (\d+) of (\d+) faulty designs", done.output)
    assert found is not None and (int(found[1]), int(found[2])) == (4, 4)
    (tmp_path / "leaky_trace.toml").write_text(MAP)
    (tmp_path / "leaky_trace.v").write_text(OWN.replace("14'd8", "14'd7"))
    done = CliRunner().invoke(gradcert, [*words, str(tmp_path / "leaky_trace.toml")])
    assert done.exit_code == 1 and "e (acc) differs at step" in done.output
    wrong = CliRunner().invoke(gradcert, ["certify", "--fixed-point", "loihi", str(EXAMPLES / "leaky_trace.toml")])
    assert wrong.exit_code == 2 and "name its profile" in wrong.output
