"""What the plugin shows of a whole session: its badge, its table, the places of what is wrong."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradcert.pytest_plugin import table
from gradcert.pytest_plugin.counts import Row, counted

pytest_plugins = ["pytester"]

SUBJECTS = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def row(name, problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES[name])

def right(problem): return row("bptt", problem)
def known(problem): return row("sltt", problem)
def wrong(problem): return row("rflo", problem)
"""
TESTS = """
import gradcert

for name in {names}:
    globals()[f"test_{{name}}"] = gradcert.subject_tests(
        f"pack.subjects:{{name}}", rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every")
"""
KNOWN = """
[[expected]]
subject = "pack.subjects:known"
reason = "an approximation"
link = "https://example.org/1"
expires = 2999-01-01
"""


@pytest.fixture
def project(pytester):
    settings = "pythonpath = .\ngradcert_profile = quick\n"
    (pytester.path / "pytest.ini").write_text(f"[pytest]\n{settings}gradcert_expected = expected.toml\n")
    (pytester.path / "plain.ini").write_text(f"[pytest]\n{settings}")
    pytester.makefile(".toml", expected=KNOWN)
    (pytester.mkpydir("pack") / "subjects.py").write_text(SUBJECTS)

    def run(names, *arguments):
        pytester.makepyfile(test_rules=TESTS.format(names=names))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)

    return run


def badge(pytester):
    text = (pytester.path / "badge.svg").read_text(encoding="utf-8")
    return re.search(r'aria-label="(.*?)"', text)[1], re.findall(r'fill="(#\w{6})"', text)[1]


GREEN, AMBER, RED = "#1a7f4b", "#9a6700", "#c02f3a"


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("names", "some", "said", "colour"),
    [
        (["right", "known"], ["-n", "2"], "1 of 2 certified", AMBER),
        (["right", "known", "wrong"], [], "1 of 3 certified", RED),
        (["right"], ["-c", "plain.ini"], "1 of 1 certified", GREEN),
        (["right"], ["-c", "plain.ini", "-k", "bounded"], "0 of 1 certified", AMBER),  # most of it did not run
        (["right"], ["-c", "plain.ini", "-k", "nothing"], "no verdict", AMBER),
        (["rihgt"], ["-c", "plain.ini"], "0 of 1 certified", RED),
        ("syntax error", [], "no verdict", AMBER),
    ],
)
def test_a_badge_says_how_many_are_certified(project, pytester, names, some, said, colour):
    project(names, "--gradcert-badge", "badge.svg", *some)
    assert badge(pytester) == (f"gradcert: {said}", colour)


def test_a_badge_is_a_file(project, pytester):
    pytester.mkdir("folder")
    for name, why in (("folder", "it is a folder"), ("none/badge.svg", "there is no folder *none")):
        done = project(["right"], "--gradcert-badge", name)
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        done.stderr.fnmatch_lines([f"*--gradcert-badge {name} cannot be written: {why}"])
    assert not (pytester.path / "none").exists()


def test_the_table_has_a_row_for_each_subject(project, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    done = project(["right", "known", "wrong"], "-v", "-n", "2")
    known = "1: an approximation (https://example.org/1, until 2999-01-01)"
    done.stdout.fnmatch_lines(
        [
            "subject  *verdict  *passed  worst error / budget  expected failures  *failures",
            f"pack.subjects:known  expected failures  4 of 5  * {known}",
            "pack.subjects:right  certified          5 of 5  *",
            "pack.subjects:wrong  failed             4 of 5  *  1: it equals bptt without RECURRENT*",
        ]
    )
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.count("###") == 1  # of the whole session, not of each worker
    assert summary.startswith("### Gradients: 1 of 3 certified\n\n| subject | verdict | passed |")
    assert "| `pack.subjects:known` | ⚠️ expected failures | 4 of 5 | 1: an approximation " in summary
    assert "| `pack.subjects:right` | ✅ certified | 5 of 5 | - | - |" in summary
    assert "| `pack.subjects:wrong` | ❌ failed | 4 of 5 | - | 1: it equals bptt without RECURRENT" in summary
    assert "::error file=pack/subjects.py,line=10,title=gradient%3A pack.subjects%3Awrong::" in done.stdout.str()


def test_a_failure_without_a_cause_is_told_by_what_the_check_says_first():
    text = "[gw1] linux -- Python 3.11\nimport: no module 'a'\nmore"
    report = SimpleNamespace(location=("a.py", 0, ""), nodeid="a.py::t[import]", outcome="failed", longreprtext=text)
    record = {"subject": "a:f", "worst": None, "kind": "import", "causes": [], "planned": 1}
    (row,) = counted([(report, record)])
    assert row.failures == {"import: no module 'a'": 1} and row.first.startswith("import: ")


def test_a_row_shows_the_most_frequent_words_of_many_causes():
    row = Row("m:f", ("a.py", 1), {"failed": 5}, failures={f"cause {k}": 1 for k in range(5)}, asks={"a.py::t": 6})
    assert table.cells(row)[4] == ["1: cause 0", "1: cause 1", "1: cause 2", "2 causes more"]
    assert (row.verdict, Row("m:f", ("a.py", 1), {"passed": 5}, asks={"a": 3, "b": 3}).verdict) == (
        "failed",
        "incomplete",
    )


WRONG = """
def twice(problem):
    from gradcert.reference import RULES
    from gradcert.reference.engines import reverse
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    found = reverse.gradients(*given, rule=RULES["bptt"])
    return {k: 2.0 * v for k, v in found.items()}
"""


@pytest.mark.long
def test_a_repair_names_its_file_from_the_root(project, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (pytester.path / "pack" / "subjects.py").write_text(WRONG)
    done = project(["twice"], "-k", "bounded", "--gradcert-repair=20", "-c", "plain.ini")
    (line,) = [line for line in done.outlines if line.startswith("repair: `pack/subjects.py:7`")]
    assert "makes it bptt" in line
    assert "repair: `pack/subjects.py:7`" in next(line for line in done.outlines if line.startswith("::error "))


MISSPELT = {
    "rule": (
        "subject_tests('pack.subjects:right', rule='bpttt', cells='rnn')",
        "test_it: the rule 'bpttt' is unknown*",
    ),
    "cell": ("subject_tests('pack.subjects:right', rule='bptt', cells='rnnn')", "*'rnnn'*"),
    "option": ("subject_tests('pack.subjects:right', rule='bptt', cell_s='rnn')", "*cell_s*"),
    "profile": ("subject_tests('pack.subjects:right', rule='bptt', cells='rnn', profile='fast')", "*'fast'*"),
    "loss": ("cases(rule='bptt', cells='rnn', losses='sqared')(lambda problem: {})", "*sqared*"),
    "claim": ("subject_tests('m:f', claim=gradcert.Claim(rule='bpttt', cells='rnn'))", "*'bpttt'*"),
}


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize("what", MISSPELT)
def test_what_is_misspelt_is_said_in_a_sentence_with_its_place(project, pytester, what, workers):
    call, words = MISSPELT[what]
    (pytester.mkdir("tests") / "test_misspelt.py").write_text(f"import gradcert\n\ntest_it = gradcert.{call}\n")
    done = project(["right"], "tests", *workers)
    lines = done.outlines
    first = next(k for k, line in enumerate(lines) if "ERROR collecting" in line)
    assert [line.startswith(("=", "ERROR ")) for line in lines[first + 1 : first + 3]] == [False, True], lines
    done.stdout.fnmatch_lines([f"tests/test_misspelt.py:3: {words}"])
    assert "Traceback" not in done.stdout.str() and done.ret != 0


def test_other_errors_of_a_file_keep_their_traceback(project, pytester):
    (pytester.mkdir("tests") / "test_wrong.py").write_text("import gradcert\n\nvalue = {}['a']\n")
    done = project(["right"], "tests")
    done.stdout.fnmatch_lines(["tests/test_wrong.py:3: in <module>", "*KeyError*"])


def test_outside_of_a_collection_it_is_an_error():
    import gradcert
    from gradcert.pytest_plugin.misspelt import sentence_of

    with pytest.raises(TypeError, match="cell_s"):
        gradcert.subject_tests("m:f", rule="bptt", cell_s="rnn")
    with pytest.raises(ValueError, match="bpttt"):
        gradcert.Claim(rule="bpttt", cells="rnn")
    assert sentence_of(TypeError("of somebody else"), Path(__file__), Path()) == ""
