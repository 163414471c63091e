"""The atlas: a known rule lies where it lies, and what it misses is booked to the edges that it drops."""

import json
import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.figures.atlas import AXES, Point, atlas, points, problem
from gradcert.certify.problems.cases.generate import NOISE
from gradcert.certify.report import atlas as report
from gradcert.certify.report import panel
from gradcert.certify.report.curves import curves
from gradcert.reference import RULES, GradcertError
from gradcert.reference.engines import residual, reverse

SUBJECT = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return {factor}reverse.gradients(*given, rule=RULES["{rule}"])"""
DOUBLED = """
def doubled(gradients):
    return {k: 2 * v for k, v in gradients.items()}
"""


@pytest.fixture
def subject(tmp_path):
    def write(rule, factor=""):
        path = tmp_path / "subject.py"
        path.write_text(SUBJECT.format(rule=rule, factor=factor))
        return f"{path}:gradients"

    return write


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    path = tmp_path_factory.mktemp("atlas") / "subject.py"
    path.write_text(SUBJECT.format(rule="ostl", factor=""))
    return atlas(f"{path}:gradients", cells="lif", draws=2)


def test_a_known_rule_is_found_everywhere(mapped):
    for point in mapped["points"]:
        row = report.row_of(point, "ostl")
        assert row["error"] <= NOISE
        assert 1 - row["cosine"] <= NOISE
        assert abs(1 - row["ratio"]) <= NOISE
        assert RULES[point["nearest"]].own == RULES["ostl"].own or point["missing"] <= NOISE


def test_bptt_is_met_where_it_should_be(mapped):
    for point in mapped["points"]:
        at = point["point"]
        exact = at["depth"] == 1 or at["steps"] == 1 or at["leak"] == 0  # then no layer remembers anything
        assert (point["missing"] <= NOISE) == exact, point["point"]


def test_the_split_is_the_residual(mapped):
    base = mapped["points"][0]
    assert base["unexplained"] <= NOISE
    assert {part["layer"] for part in base["split"]} == {1}
    assert abs(sum(part["share"] for part in base["split"]) - 1) <= NOISE
    shares: dict[tuple[int, str], float] = {}
    size = 0.0
    for draw in range(2):  # another way to the same numbers: the public residual of a problem, and its norms
        p = problem("lif", {}, Point(recurrence=base["point"]["recurrence"]), seed=draw)
        given = (p.network, p.parameters, p.inputs, p.targets)
        dropped = residual(*given, rule=RULES["ostl"])
        norm = sum((g * g).sum() for g in reverse.gradients(*given, rule=RULES["bptt"]).values())
        gap = sum((g * g).sum() for g in dropped.total.values()) / norm
        for label, share in dropped.shares().items():
            shares[label] = shares.get(label, 0.0) + share * gap
        size += gap
    for part in base["split"]:
        assert abs(part["share"] - shares[part["layer"], part["kind"]] / size) <= NOISE
    assert abs(base["missing"] - np.sqrt(size / 2)) <= NOISE


def test_an_unknown_rule_is_not_explained(tmp_path):
    path = tmp_path / "subject.py"
    path.write_text(SUBJECT.format(rule="ostl", factor="doubled(") + ")\n" + DOUBLED)
    base = atlas(f"{path}:gradients", cells="lif", draws=1)["points"][0]
    assert base["unexplained"] > 0.1
    assert abs(report.row_of(base, "ostl")["ratio"] - 2) <= 2 * NOISE


def test_axes_that_a_cell_has():
    assert {axis for axis, _ in points("lif", {})} >= {"base", "depth", "steps", "leak"}
    assert "leak" not in {axis for axis, _ in points("rnn", {})}
    assert "recurrence" not in {axis for axis, _ in points("rnn", {"recurrent": False})}
    assert "leak" not in {axis for axis, _ in points("lif", {"leak": 0.5})}
    for axis, values in AXES.items():
        found = [getattr(p, axis) for a, p in points("snu", {}) if a == axis]
        assert found == list(values)


@pytest.mark.long
def test_a_subject_that_fails_somewhere(tmp_path):
    path = tmp_path / "subject.py"
    text = SUBJECT.format(rule="ottt", factor="")
    path.write_text(text.replace("    given", "    assert problem.inputs.shape[0] != 3\n    given"))
    found = atlas(f"{path}:gradients", cells="lif", draws=1)
    failed = [p for p in found["points"] if "failure" in p]
    assert [p["point"]["steps"] for p in failed] == [3]
    assert "AssertionError" in failed[0]["failure"]
    assert "AssertionError" in report.html(found)


@pytest.mark.long
def test_the_command(subject, tmp_path):
    arguments = ["atlas", subject("sltt"), "--cells", "lif", "--draws", "1"]
    arguments += ["--json", tmp_path / "a.json", "--html", tmp_path / "a.html", "--png", tmp_path / "a.png"]
    done = CliRunner().invoke(cli.gradcert, [str(a) for a in arguments], prog_name="gradcert")
    assert done.exit_code == 0, done.output
    assert "sltt" in done.output
    assert "over time steps" in done.output
    assert json.loads((tmp_path / "a.json").read_text())["schema"] == "gradcert-atlas-1"
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    page = (tmp_path / "a.html").read_text()
    assert "<svg" in page
    assert "<script" not in page


CLAIMED = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

OPTIONS = {"surrogate": ["triangle", "tanh"], "strict": True, "train": ["leak"]}

@gradcert.claim(rule="sltt", cells="lif", losses="cross_entropy", when="last", batch="mean", weights=True,
                options=OPTIONS)
def gradients(problem):
    loss = problem.network.loss
    assert (loss.kind, loss.when, loss.time, loss.batch) == ("cross_entropy", "last", "sum", "mean")
    assert (problem.targets.sum(axis=2) == 1).all() and problem.network.layers[0].cell.strict
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["sltt"])
"""


def keep(monkeypatch, **axes):
    """Let the map have these axes alone; a dict whose entries are deleted and restored has another order afterwards."""
    monkeypatch.setattr(sys.modules[points.__module__], "AXES", axes)


def test_the_map_is_of_what_the_subject_claims(tmp_path, monkeypatch):
    keep(monkeypatch, depth=AXES["depth"])
    (tmp_path / "subject.py").write_text(CLAIMED)
    found = atlas(f"{tmp_path / 'subject.py'}:gradients", draws=1)
    assert (found["cell"], found["claim"]["rule"], found["left_out"]) == ("lif", "sltt", ["weights"])
    assert found["options"]["train"] == ["leak"] and found["loss"]["kind"] == "cross_entropy"
    assert found["points"][0]["nearest"] == "sltt"
    said = report.asked(found)
    assert "cross entropy of last, sum over time, mean over batch" in said and "though claimed: weights" in said
    page = report.html(found)
    assert "claimed</span>" in page and said.replace("<", "&lt;") in page


def test_code_for_one_layer_is_asked_for_one(tmp_path, monkeypatch):
    keep(monkeypatch, depth=AXES["depth"], steps=(1, 3))
    one = CLAIMED.replace("    given", "    (layer,) = problem.network.layers\n    given", 1)
    (tmp_path / "subject.py").write_text(one.replace('rule="sltt", ', 'rule="sltt", depths=1, ', 1))
    found = atlas(f"{tmp_path / 'subject.py'}:gradients", draws=1)
    assert found["claim"]["depths"] == [1]
    assert [(p["axis"], p["point"]["depth"]) for p in found["points"]] == [
        *(("base", 1), ("depth", 1)),
        *(("steps", 1), ("steps", 1)),
    ]
    assert not [p for p in found["points"] if "failure" in p] and report.html(found)


def test_percents_add_up(mapped):
    for point in mapped["points"]:
        parts = report.parts_of(point)
        assert sum(percent for _, percent in parts) == (100 if parts else 0)
    thirds = [{"layer": k, "kind": "state", "share": 1 / 3} for k in range(3)]
    assert [p for _, p in report.parts_of({"split": thirds, "unexplained": 0.0})] == [34, 33, 33]
    many = [{"layer": k, "kind": "state", "share": s} for k, s in enumerate((0.9, 0.4, -0.3, 0.1, -0.08, 0.004))]
    told = dict(report.parts_of({"split": many, "unexplained": 0.1}))
    assert told == {"state in layer 0": 90, "state in layer 1": 40, "state in layer 2": -30, "state in layer 3": 10,
                    "smaller parts": -8, "unexplained": -2}  # fmt: skip


def test_rules_that_coincide_are_one_curve_and_others_are_told_apart(mapped):
    drawn = curves(report.axes(mapped), report.SHOWN, ["cosine", "error", "ratio"])
    for axis, found in drawn.items():
        labels = {name for curve in found for name in curve.label.split(", ")}
        assert labels == set(report.SHOWN), axis
        assert len({(c.colour, c.dash, c.mark) for c in found}) == len({c.dash for c in found}) == len(found)
    together = next(c.label for c in drawn["depth"] if "e-prop" in c.label.split(", "))
    assert "ottt" in together.split(", ")  # without lateral weights and adaptation, at every point


def test_a_panel_holds_all_of_its_curves(mapped):
    drawn = curves(report.axes(mapped), report.SHOWN, ["cosine", "error", "ratio"])
    for axis, found in drawn.items():
        for measure in ("cosine", "error", "ratio"):
            picture = str(panel.draw(found, measure, x=axis, y=measure))
            places = [tuple(map(float, pair.split(","))) for text in re.findall(r'points="([^"]*)"', picture)
                      for pair in text.split()]  # fmt: skip
            assert all(0 <= x <= panel.WIDTH and 0 <= y <= panel.HEIGHT for x, y in places)
            assert picture.count("<polyline") == len(found)


def test_usage(subject, tmp_path):
    with pytest.raises(GradcertError, match="no option colour"):
        atlas(subject("ostl"), cells="lif", options={"colour": 1})
    path = tmp_path / "nothing.py"
    path.write_text("def gradients(problem):\n    return {}\n")
    with pytest.raises(GradcertError, match="no gradient at the base point"):
        atlas(f"{path}:gradients", cells="lif")


OWN = """
import gradcert
from gradcert.reference.engines import reverse
from gradcert.reference.published import read_rule

RULE = "edges(own state reset, above none{more})"

@gradcert.claim(rule=RULE, cells="lif"{claim})
def gradients(problem):
    assert [layer.cell.name for layer in problem.network.layers] == {cells}
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=read_rule(RULE))
"""


def base_of(tmp_path, monkeypatch, **words):
    keep(monkeypatch)
    (tmp_path / "subject.py").write_text(OWN.format(**words))
    return atlas(f"{tmp_path / 'subject.py'}:gradients", draws=1)


def test_a_rule_of_ones_own_is_on_its_map_and_misses_what_it_drops(tmp_path, monkeypatch):
    (base,) = base_of(tmp_path, monkeypatch, more="", claim=', options={"recurrent": True}', cells=["lif", "lif"])[
        "points"
    ]
    assert base["nearest"] == "edges(own state reset, above none)"
    assert report.row_of(base, base["nearest"])["error"] <= NOISE
    kinds = {(part["layer"], part["kind"]) for part in base["split"] if abs(part["share"]) > NOISE}
    assert kinds == {(0, "recurrent"), (1, "recurrent"), (1, "state"), (1, "reset")}  # never the own layer's reset


def test_a_claimed_readout_is_on_the_map(tmp_path, monkeypatch):
    claim = ', readout="integrator", readout_options={"kappa": 0.5}'
    found = base_of(tmp_path, monkeypatch, more=", readout state", claim=claim, cells=["lif", "integrator"])
    assert found["left_out"] == []
    assert report.row_of(found["points"][0], found["claim"]["rule"])["error"] <= NOISE


def test_nothing_is_said_of_edges_where_no_rule_is_the_subject(tmp_path, monkeypatch):
    keep(monkeypatch)
    (tmp_path / "subject.py").write_text(SUBJECT.format(rule="snap-1", factor="doubled(") + ")\n" + DOUBLED)
    base = atlas(f"{tmp_path / 'subject.py'}:gradients", cells="lif", draws=1)["points"][0]
    assert base["split"] == []
    assert "equals no rule here" in report.split_of(base)
