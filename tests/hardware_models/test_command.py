"""`gradcert hardware`: what a reader sees, and the exit status."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert import hardware_models
from gradcert.cli import gradcert
from gradcert.commands import hardware as command
from gradcert.hardware_models.agreement.forms import Agreement
from gradcert.hardware_models.proofs.reasons import not_asked
from gradcert.hardware_models.solver import ProofRecord
from gradcert.reference.installing import install


def run(*words: str):
    return CliRunner().invoke(gradcert, ["hardware", *words], prog_name="gradcert")


def test_the_list_names_every_profile() -> None:
    done = run()
    assert done.exit_code == 0 and all(p.name in done.output for p in hardware_models.profiles())


@pytest.mark.long
def test_check_proves_compares_and_says_what_is_not_asked() -> None:
    pytest.importorskip("ml_dtypes")
    done = run("--check", "bfloat16", "--steps", "60")
    assert done.exit_code == 0, done.output
    assert "13 claims" in done.output and "13 proved; all hold" in done.output and "all equal" in done.output
    assert "equal (floating-point theory)" in done.output and "not offered" in done.output
    assert all(item.what in done.output for item in not_asked("bfloat16"))


@pytest.mark.parametrize(
    ("verdict", "twin", "status"), [("unknown", "refuted", 3), ("proved", "unknown", 3), ("refuted", "refuted", 1)]
)
def test_what_is_not_proved_is_named(verdict: str, twin: str, status: int, monkeypatch) -> None:
    record = ProofRecord(2, "a claim in doubt", "pcm", verdict, twin, "not asked", 0.0)
    monkeypatch.setattr(hardware_models, "check", lambda *_: [record], raising=False)
    done = run("--check", "pcm")
    assert done.exit_code == status and f"1 {record.outcome}; not all hold" in done.output
    assert f"{record.outcome}: pcm, proof 2: a claim in doubt" in done.output


def test_a_claim_that_a_search_breaks_is_exit_status_1(monkeypatch) -> None:
    says = {"unit": "membrane", "register": "v"}
    record = ProofRecord(1, "never", "q-format", "proved", "refuted", "not asked", 0.0, kind="no overflow", says=says)
    monkeypatch.setattr(hardware_models, "check", lambda *_: [record], raising=False)
    done = run("--check", "q-format", "--attack", "50")
    assert done.exit_code == 1 and "broken" in done.output


@pytest.mark.long
def test_a_form_that_differs_is_exit_status_1(monkeypatch) -> None:
    wrong = Agreement("bfloat16", "ottt", 5, {"Fractions": "step 3, v.next[0]: 1 against 2", "RTL": "not offered"}, 0.0)
    monkeypatch.setattr(hardware_models, "agreements", lambda *_, **__: [wrong], raising=False)
    done = run("--check", "bfloat16", "--steps", "5")
    assert done.exit_code == 1 and "not all equal" in done.output and "step 3" in done.output


@pytest.mark.long
def test_a_rule_on_a_profile_shows_formats_proofs_and_ledger() -> None:
    done = run("pcm", "--rule", "fptt")
    assert done.exit_code == 0, done.output
    for words in ("W.mean", "all hold", "Gradient ledger", "at most", "The same over time", "Margin certificate"):
        assert words in done.output
    assert "devices are asked for" in done.output  # the notes of the description


@pytest.mark.long
def test_a_sweep_is_one_row_a_width_and_a_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run("--weight-bits", "4..5", "--plot", str(tmp_path / "w.png"))
    assert done.exit_code == 0 and (tmp_path / "w.png").stat().st_size > 10_000
    assert done.output.count("│           4 │") == 1 and "stochastic" in done.output


@pytest.mark.parametrize("words", [("no-chip",), ("reckon", "--rule", "rtrl"), ("--weight-bits", "many")])
def test_what_does_not_exist_is_a_usage_error(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2 and "Error" in done.output


def test_without_a_solver_the_ledger_is_there_and_a_sentence_for_the_proofs(monkeypatch) -> None:
    def missing(*_: object):
        raise ModuleNotFoundError("No module named 'z3'", name="z3")

    monkeypatch.setattr(hardware_models, "check", missing, raising=False)
    done = run("q-format", "--rule", "ottt")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    assert f"Proofs are not shown: z3 is not installed; {install('smt')}" in words
    assert "Gradient ledger: 60 steps of a built-in random task" in words and "all hold" not in words
    assert run("--check", "q-format").exit_code == 2  # proofs were what was asked for


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--weight-bits", "9..4"), "9..4 is no width: 9 is larger than 4"),
        (("--weight-bits", "2..4"), "weights of 2 bits; allowed: 3 to 24"),
        (("--weight-bits", "4", "--rule", "rtrl"), "a sweep of rule 'rtrl'; allowed: ostl"),
        (("--check", "--network", "x.npz"), "--network is run by the ledger of a PROFILE and by --weight-bits"),
        (("--network", "x.npz"), "--network is run by the ledger of a PROFILE and by --weight-bits"),
        (("q-format", "--network", "no such.npz"), "no such.npz cannot be read: No such file or directory"),
    ],
)
def test_a_width_a_rule_or_a_file_that_is_none_is_told_in_one_true_sentence(words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert done.exit_code == 2 and says in " ".join(done.output.split())
    assert "ottt' over" not in done.output


def test_a_sweep_says_how_far_it_is_on_standard_error(monkeypatch) -> None:
    told, consoles = [], []

    @contextmanager
    def bar(console):
        consoles.append(console)
        yield lambda done, total, what: told.append((done, total, what))

    monkeypatch.setattr(command, "progress", bar)
    assert run("--weight-bits", "4", "--rule", "ottt").exit_code == 0
    assert [t[:2] for t in told] == [(0, 3), (1, 3), (2, 3)] and told[0][2] == "ottt, 4 bits, floor"
    assert all(console.stderr for console in consoles)


def test_a_network_of_ones_own_is_what_ledger_and_sweep_run(tmp_path: Path, monkeypatch) -> None:
    rng = np.random.default_rng(3)
    x, target = rng.random((30, 4)) < 0.3, rng.choice([-1.0, 0.0, 1.0], (30, 2))
    mine = tmp_path / "mine[b].npz"
    np.savez(mine, W=rng.normal(0, 0.6, (6, 4)), Wo=rng.normal(0, 0.6, (2, 6)), x=x, target=target, leak=0.9)
    monkeypatch.setattr(hardware_models, "check", lambda *_: [], raising=False)
    done = run("q-format", "--rule", "ottt", "--network", str(mine), "--json", str(tmp_path / "j"))
    assert done.exit_code == 0, done.output
    assert (
        "Gradient ledger: 30 steps of mine[b].npz" in done.output and "What storing your numbers costs" in done.output
    )
    ledger = json.loads((tmp_path / "j").read_text())["ledger"]
    assert (ledger["task"], ledger["steps"], ledger["decisions"]) == ("mine[b].npz", 30, 180)
    done = run("--weight-bits", "4", "--network", str(mine))
    assert done.exit_code == 0 and "plain Q-format, mine[b].npz: cosine" in " ".join(done.output.split())
    assert "a built-in random task" in " ".join(run("--weight-bits", "4").output.split())
