"""Pages that `make` writes are what their data say: matrix, mutation, diagnosis, soundness; nothing is measured."""

import importlib.util
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from scripts.attack import page as soundness
from scripts.diagnosis.asked import asked, drawn
from scripts.diagnosis.subjects import LITERALS
from scripts.diagnosis.table import _short, table
from scripts.mutation import report

DOCS = Path(__file__).parents[1] / "docs"
ALL = "**all**"
MUTANTS = ("refuted", "missed", "crashed", "equivalent", "invalid", "hung")  # what becomes of one: of these, one


def text_of(name):
    return (DOCS / name).read_text(encoding="utf-8")


def tables(text):
    """Every table: its head, and its rows as dicts by that head."""
    out = []
    for block in re.findall(r"(?m)(?:^\|.*\n)+", text):
        head, _, *rows = ([c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines())
        out.append((head, [dict(zip(head, row, strict=True)) for row in rows]))
    return out


@pytest.fixture
def matrix():
    spec = importlib.util.spec_from_file_location("make_matrix", DOCS / "make_matrix.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_matrix_is_made_of_its_certificates(matrix, monkeypatch, tmp_path):
    assert matrix.page() == text_of("matrix.md")
    assert {matrix.path_of(subject, rule) for r in matrix.ROWS for rule, subject in r.asked} == set(
        matrix.CERTIFICATES.glob("*.json")
    )
    path = matrix.path_of("torch_rnn.py:gradients", "bptt")
    record = json.loads(path.read_text(encoding="utf-8"))
    record["verdict"], record["reason"] = "refuted", "gradient: another"
    record["sources"]["packages"]["torch"] = "9.9"
    monkeypatch.setattr(matrix, "CERTIFICATES", tmp_path)
    (tmp_path / path.name).write_text(json.dumps(record), encoding="utf-8")
    made = matrix.page()
    assert f"| torch 9.9 | [nn.RNN (tanh)](../examples/torch_rnn.py) | [refuted](certificates/{path.name}) |" in made
    assert "* torch nn.RNN (tanh), asked for bptt: gradient: another" in made


def test_the_page_of_mutants_is_made_of_its_figures_and_of_what_is_explained():
    """The sessions are hours of work and stay where they ran: their figures are read from the page itself."""
    text = text_of("mutation.md")
    (head, rows), *survivors = tables(text.removesuffix(report.planted(text)))
    about = {
        "version": re.search(r"cosmic-ray (\S+);", text)[1],
        "head": re.search(r"another one in `(\w+)`", text)[1],
        "commits": "\n".join(re.findall(r"(?m)^- `\w+` of .*$", text)),
    }
    assert about["commits"]
    names = dict(zip(head[1:], report.COLUMNS, strict=True))
    counts = {
        row["module"].split("`")[1]: {names[c]: int(row[c]) for c in names} for row in rows if row["module"] != ALL
    }
    left = []
    for _, group in survivors:
        for row in group:
            module, before, after = (row[c][1:-1].replace("\\|", "|") for c in ("module", "line", "mutant"))
            left.append(report.Survivor(module, before, after, report.explanation(module, before, after)))
    left.sort(key=lambda s: (s.module, s.why, s.before, s.after))
    marked = {row["module"].split("`")[1] for row in rows if row["module"].endswith(" *")}
    assert report.page(about, counts, left, marked) + report.planted(text) == text
    for module, row in counts.items():
        mine = [s for s in left if s.module == module]
        assert (row["survived"], row["explained"]) == (len(mine), sum(bool(s.why) for s in mine)), module
        assert row["run"] == row["killed"] + row["survived"] <= row["all"], module
        assert row["later"] <= row["killed"], module


def figures(row):
    return {name: int(re.match(r"\d+", value)[0]) for name, value in list(row.items())[1:]}


def test_the_tables_of_the_diagnosis_are_of_the_same_mutants():
    text = text_of("diagnosis.md")
    by = {head[0]: {row[head[0]]: row for row in rows} for head, rows in tables(text)}
    each, seed = map(int, re.search(r"(\d+) of each at most, operators in turn, seed (\d+)", text).groups())
    words = table([], each=each, seed=seed, repair=8, every=8)
    said = {re.sub(r"\d+", "0", line) for line in text.splitlines()}
    missing = {re.sub(r"\d+", "0", line) for line in words.splitlines()} - said
    assert {line for line in missing if not line.startswith("|")} <= {"Nothing."}
    for held, suffix in ((False, ""), (True, ", held back")):
        whole = by[""]["held back" if held else "seen while it was written"]
        for what in ("rule", "operator", "implementation"):
            rows = by[what + suffix]
            total = sum((Counter(figures(row)) for name, row in rows.items() if name != ALL), Counter())
            assert {k: total[k] for k in figures(whole)} == figures(rows[ALL]) == figures(whole), what + suffix
        mine = {literal.name: literal for literal in LITERALS if literal.held is held}
        assert set(by["implementation" + suffix]) - {ALL} == set(mine)
        rules = defaultdict(Counter)
        for name, literal in mine.items():
            rules[literal.claim.rule].update(figures(by["implementation" + suffix][name]))
        assert {rule: dict(count) for rule, count in rules.items()} == {
            name: figures(row) for name, row in by["rule" + suffix].items() if name != ALL
        }
    mutants = sum(figures(by[""][ALL])[name] for name in MUTANTS)
    assert re.search(r": (\d+) mutants of (\d+) implementations", text).groups() == (str(mutants), str(len(LITERALS)))
    left = Counter(re.findall(r"(?m)^- (.+?), line \d+: `", text))
    for literal in (x for x in LITERALS if not x.held):
        row = figures(by["implementation"][literal.name])
        assert left[literal.name] == row["refuted"] - row["named or repaired"], literal.name


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("literal", LITERALS, ids=lambda literal: literal.name)
def test_the_mutants_of_the_diagnosis_are_those_of_the_source(literal):
    """Which mutants there are is drawn again; what became of each is a measurement of hours."""
    text = text_of("diagnosis.md")
    each, seed = map(int, re.search(r"(\d+) of each at most, operators in turn, seed (\d+)", text).groups())
    found = drawn(asked(literal), each, seed)
    (row,) = (row for head, rows in tables(text) for row in rows if row[head[0]] == literal.name)
    assert sum(figures(row)[name] for name in MUTANTS) == len(found)
    known = {f"- {literal.name}, line {m.line}: `{_short(m.before)}` became `{_short(m.after)}`" for m in found}
    shown = re.findall(rf"(?m)^(- {re.escape(literal.name)}, line \d+: `.*?` became `.*?`): ", text)
    assert set(shown) <= known


@pytest.mark.long
def test_the_page_of_soundness_is_what_it_was_attacked_with_and_what_cases_meet():
    text = text_of("soundness.md")
    assert soundness.renewed(text) == text
    changed = text.replace("| default | lif | ", "| default | lif | 1").replace(
        "## Underflow\n", "## Underflow\n\nnew\n"
    )
    assert soundness.renewed(changed) == text
    for head, rows in tables(text):
        if "held" in head:
            assert [r for r in rows if int(r["tests"]) != int(r["held"]) + int(r["not run here"])] == []
        assert [
            r
            for r in rows
            if {"refuted", "void", "faults"} & set(head) and "0" not in (r.get("faults"), r.get("refuted"))
        ] == []


@pytest.mark.long
def test_the_rows_of_underflow_are_worked_out_again():
    for row in soundness.rounded():
        assert row in text_of("soundness.md").splitlines()
