"""Listings and pages: what there is, with formulas and defaults, read from the tables and the code themselves."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert.cli import gradcert
from gradcert.commands import cells, losses, pages, rules, surrogates
from gradcert.reference import CELLS, ESTIMATORS, FLOAT64, RULES, SURROGATES, Layer
from gradcert.reference.engines.majorant import gamma
from gradcert.reference.networks import FORMS, WHEN, conventions
from gradcert.reference.networks.losses.activity import KINDS
from gradcert.reference.published import read_rule


def run(*words):
    done = CliRunner().invoke(gradcert, [*words], prog_name="gradcert")
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("cells", CELLS),
        ("surrogates", SURROGATES),
        ("losses", [*FORMS, *WHEN, *KINDS]),
        ("rules", [*RULES, *ESTIMATORS]),
    ],
)
def test_a_listing_has_everything_and_every_name_has_a_page(command, names):
    text, record = run(command), json.loads(run(command, "--json"))
    said = {row[next(iter(row))] for rows in record.values() for row in rows}
    assert said >= set(names)
    for name in names:
        assert re.search(rf"^{re.escape(name)} ", text, re.MULTILINE), name
        assert json.loads(run(command, name, "--json"))["name"] == name
    first = next(iter(names))
    assert run(command, first).startswith(first)


@pytest.mark.parametrize("command", ["cells", "surrogates", "losses", "rules"])
def test_what_is_unknown_is_a_usage_error(command):
    done = CliRunner().invoke(gradcert, [command, "no-such-thing"], prog_name="gradcert")
    assert done.exit_code == 2
    assert "no-such-thing" in done.output


@pytest.mark.parametrize("name", CELLS)
def test_a_page_has_every_option_convention_and_edge_of_a_cell(name):
    kind, page = CELLS[name], cells.record(CELLS[name])
    assert set(page["equations"]) == set(kind().nodes)
    said = {row["option"]: row for row in page["options"]}
    for convention in conventions(kind()):
        assert said[convention.option]["values"] == [str(v) for v in convention.values]
        assert all(text in said[convention.option]["what libraries call it"] for text in convention.called.values())
    lagged = [link for link in kind().links if link.lag]
    assert [row["edge"] for row in page["edges"]] == [link.edge.name for link in lagged]
    assert all(row["derivative"] for row in page["edges"])
    assert set(page["parameters"]) == set(Layer(kind(), inputs=2, units=3).shapes())
    assert not any("drive" in formula for formula in page["equations"].values())


@pytest.mark.parametrize("name", SURROGATES)
def test_a_formula_that_is_shown_is_the_one_that_is_computed(name):
    """Read as arithmetic, what is printed gives the numbers of the code."""
    page, form = surrogates.record(name), SURROGATES[name]
    x = np.array([-1.3, -0.4, 0.2, 0.9])
    scales = {scale: 0.7 for scale in form.defaults}
    found, want = _read(page["psi(x)"], {**scales, "x": x}), form.formula(x, FLOAT64, **scales)
    # fewer than 10 roundings on either side, and an exponential or a difference makes no more than 3 of one here
    assert np.allclose(found, want, rtol=gamma(60), atol=0)


def _read(text, values):
    """Evaluate a printed formula: products are written side by side, choices as ``(a where b < c, else d)``."""
    if found := re.fullmatch(r"\((.*) where (.*) ([<>]) (.*), else (.*)\)", text):
        then, left, relation, right, other = (part for part in found.groups())
        a, b = _read(left, values), _read(right, values)
        return np.where(a < b if relation == "<" else a > b, _read(then, values), _read(other, values))
    text = re.sub(r"\|([^|]*)\|", r"absolute(\1)", text).replace("^", "**")
    tokens = re.findall(r"\*\*|[A-Za-z_]+|[\d.]+|[-+/()]", text)
    out = ""
    for before, token in zip(["", *tokens], tokens, strict=False):
        function = before in ("absolute", "exp", "tanh")
        joined = re.fullmatch(r"[\w.]+|\)", before) and re.fullmatch(r"[\w.]+|\(", token) and not function
        out += ("*" if joined else "") + token
    return eval(out, {"exp": np.exp, "tanh": np.tanh, "absolute": np.abs, "pi": np.pi}, values)


def test_a_cell_of_ones_own_has_a_page(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from gradcert.models.equations import define\n"
        'Mine = define("mine", {"a": "W @ x + H @ z_prev + b", "z": "tanh(a)"}, edges={"H @ z -> a": "recurrent"})\n'
    )
    page = run("cells", f"{tmp_path / 'mine.py'}:Mine")
    assert "W x + H z' + b" in page and "RECURRENT" in page


def test_rows_are_read_from_the_table_that_documents_them():
    assert {row["when"] for row in losses.record()["of what"]} == set(WHEN)
    assert pages.rows_of("no table") == [] and pages.rows_of(None) == []


def test_rules_of_ones_own_say_what_they_leave_out_where_they_are_exact_and_what_they_cost():
    own = rules.record(read_rule("edges(own state reset, above none, readout state)"))
    assert own["title"] == "Edge sets of one's own"
    assert own["leaves out"].startswith("in the own layer: RECURRENT, ADAPTATION")
    assert own["leaves out"].endswith("in the layers above: all (of a readout all but STATE)")
    assert own["cost of a step"] == "time n^2, memory n^2"
    assert rules.cost(read_rule("ostl - state")).startswith("time n^4")
    assert rules.cost(read_rule("bptt - reset")) == ""  # carried up into the layers above: not said
    assert rules.exact(read_rule("ostl-random - state")) == ""
    assert "the transposed weights" in rules.dropped(read_rule("ostl-random - state"))
    for name, row in RULES.items():  # what the table says of its rows stays
        assert rules.record(row)["cost of a step"] == f"time {row.time}, memory {row.memory}", name


def test_a_cell_of_ones_own_is_shown_as_it_was_written(tmp_path):
    (tmp_path / "shy.toml").write_text(
        '[shy]\n[shy.equations]\na = "W @ x + H @ z_prev + b"\n'
        'c = "where(0.5 < z_prev, 2, max(c_prev - 1, 0))"\nv = "(leak - tanh(v_prev)) * v_prev + a"\n'
        'z = "where(c < 0.5, spike(v - threshold), 0)"\n[shy.edges]\n"v -> v" = "state"\n"c -> c" = "state"\n'
        "[shy.constants]\nleak = 0.9\nthreshold = 1.0\n"
    )
    page = json.loads(run("cells", f"{tmp_path / 'shy.toml'}:shy", "--json"))
    assert page["equations"]["c"] == "where(0.5 < z', 2, max(c' - 1, 0))"
    assert page["equations"]["a"] == "W x + H z' + b"
    assert page["title"] == "a cell of one's own, by its equations"
    assert all(edge["derivative"] for edge in page["edges"])
