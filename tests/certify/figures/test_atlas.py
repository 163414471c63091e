"""The atlas: a known rule lies where it lies, and what it misses is booked to the edges that it drops."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.figures.atlas import AXES, Point, atlas, points, problem
from gradcert.certify.problems.cases.generate import NOISE
from gradcert.certify.report import atlas as report
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


@pytest.fixture
def mapped(subject):
    return atlas(subject("ostl"), cells="lif", draws=2)


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


def test_usage(subject, tmp_path):
    with pytest.raises(GradcertError, match="no option colour"):
        atlas(subject("ostl"), cells="lif", options={"colour": 1})
    path = tmp_path / "nothing.py"
    path.write_text("def gradients(problem):\n    return {}\n")
    with pytest.raises(GradcertError, match="no gradient at the base point"):
        atlas(f"{path}:gradients", cells="lif")
