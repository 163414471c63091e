"""The command line: exit codes, help, reports; nothing heavy before it is needed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from gradcert import __version__, cli
from gradcert.certify.certificates.schema import schema
from gradcert.reference import RULES
from gradcert.reference.errors import GradcertError

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
SUBJECT = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

@gradcert.claim(rule="{claimed}", cells="snu", depths=1, losses="squared_error", when="every")
def gradients(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["{computed}"])

def undeclared(problem):
    return gradients(problem)
"""


def run(*arguments):
    return CliRunner().invoke(cli.gradcert, [str(a) for a in arguments], prog_name="gradcert")


@pytest.fixture
def subject(tmp_path):
    def write(claimed, computed, attribute="gradients"):
        path = tmp_path / f"{claimed}_{computed}.py".replace("-", "_")
        path.write_text(SUBJECT.format(claimed=claimed, computed=computed))
        return f"{path}:{attribute}"

    return write


def test_certified_is_0(subject):
    done = run("certify", subject("ostl", "ostl"))
    assert done.exit_code == 0, done.output
    assert "CERTIFIED" in done.output
    assert "controls: " in done.output


@pytest.mark.parametrize(
    ("words", "seconds"), [((), 0.0), (("--repair", "3"), 3.0), (("--repair", "3", "--no-repair"), 0.0)]
)
def test_a_repair_is_looked_for_if_it_is_wanted(subject, monkeypatch, words, seconds):
    asked = []

    def certify(*_, **options):
        asked.append(options["repair"])
        raise GradcertError("enough")

    monkeypatch.setattr("gradcert.certify.campaign.certify", certify)
    assert run("certify", subject("ostl", "sltt"), *words).exit_code == 2
    assert asked == [seconds]  # GRADCERT_REPAIR=0 is what the tests run with


def test_refuted_is_1_and_names_the_edge(subject):
    done = run("certify", subject("ostl", "bptt-detached-reset"), "--profile", "quick")
    assert done.exit_code == 1
    assert "REFUTED" in done.output
    assert "ostl without RESET" in done.output
    assert "replay  gradcert certify" in done.output


def test_the_wrong_example_is_refuted():
    done = run("certify", EXAMPLES / "wrong_ostl.py:gradients", "--profile", "quick", "--cells", "snu")
    assert done.exit_code == 1
    assert "ostl without RESET" in done.output


def test_the_right_example_is_certified():
    done = run("certify", EXAMPLES / "numpy_ostl.py:gradients", "--profile", "quick")
    assert done.exit_code == 0, done.output


def test_options_win_over_the_decorator(subject):
    done = run("certify", subject("ostl", "bptt"), "--rule", "bptt", "--depths", 2, "--profile", "quick")
    assert done.exit_code == 0, done.output
    assert "bptt on snu, depth 2" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["certify"], "Missing argument"),
        (["certify", "nowhere.py:f"], "there is no file nowhere.py"),
        (["certify", "nothing"], "package.module:attribute"),
        (["certify", "rules.py:f:g"], "the subject 'rules.py:f:g' has two colons; allowed: package.module:attribute"),
        (["certify", "some/rules.txt:f"], "some/rules.txt is no file .py; allowed: package.module:attribute"),
        (["certify", "{undeclared}"], "declares no claim"),
        (["certify", "{subject}", "--rule", "nothing"], "the rule 'nothing' is unknown"),
        (["certify", "{subject}", "--cells", "nothing"], "'nothing'"),
        (["certify", "{subject}", "--options", "colour=red"], "snu takes no such options: 'colour'"),
        (["certify", "{subject}", "--options", "colour"], "NAME=VALUE"),
        (["certify", "{subject}", "--profile", "slow"], "'slow' is not one of"),
        (["certify", "{subject}", "--python", "/nowhere/python"], "does not exist"),
        (["nothing"], "No such command"),
    ],
)
def test_usage_is_2(subject, arguments, words):
    names = {"{subject}": subject("ostl", "ostl"), "{undeclared}": subject("ostl", "ostl", "undeclared")}
    done = run(*(names.get(a, a) for a in arguments))
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_inconclusive_is_3(subject, monkeypatch):
    from gradcert.certify import campaign

    certify = campaign.certify

    def void(*given, **options):
        return replace(certify(*given, **options), verdict="inconclusive", reason="the run is void: of this test")

    monkeypatch.setattr(campaign, "certify", void)
    done = run("certify", subject("ostl", "ostl"), "--profile", "quick")
    assert done.exit_code == 3
    assert "INCONCLUSIVE  the run is void" in done.output


def test_a_subject_that_does_not_import_is_2(tmp_path):
    path = tmp_path / "subject.py"
    path.write_text("import no_such_library\n")
    done = run("certify", f"{path}:gradients", "--rule", "bptt", "--cells", "rnn")
    assert done.exit_code == 2
    assert "No module named 'no_such_library'" in done.output and "INCONCLUSIVE" not in done.output


def test_our_own_error_is_4(monkeypatch, capsys):
    def broken(**_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(cli, "gradcert", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 4
    assert "internal error (ZeroDivisionError)" in capsys.readouterr().err


def test_json_fits_its_schema(subject, tmp_path):
    path = tmp_path / "certificate.json"
    done = run("certify", subject("ostl", "sltt"), "--profile", "quick", "--json", path)
    assert done.exit_code == 1
    written = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(written, schema())
    assert written["verdict"] == "refuted"
    assert written["findings"][0]["check"] == "gradient"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**written, "verdict": "perhaps"}, schema())


def test_json_on_standard_output_is_json_alone(subject):
    done = run("certify", subject("ostl", "ostl"), "--profile", "quick", "--json", "-")
    assert json.loads(done.stdout)["verdict"] == "certified"
    assert done.stderr == ""


def test_rules_shows_every_rule():
    done = run("rules")
    assert done.exit_code == 0
    for rule in RULES.values():
        assert rule.name in done.output
    assert "all but RESET" in done.output


@pytest.mark.parametrize("arguments", [["--help"], ["certify", "--help"], ["rules", "--help"]])
def test_help_has_examples(arguments):
    done = run(*arguments)
    assert done.exit_code == 0
    assert "  gradcert " in done.output.partition("Example")[2]
    assert max(map(len, done.output.splitlines())) <= 90


def test_version():
    assert run("--version").output == f"gradcert, version {__version__}\n"


def test_a_real_process(subject):
    command = [sys.executable, "-m", "gradcert", "certify", subject("ostl", "sltt"), "--profile", "quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "REFUTED" in done.stdout
    assert done.stderr == ""


LAZY = """
import sys
from gradcert.cli import gradcert
try:
    gradcert(["--help"])
except SystemExit:
    pass
print(sorted({"numpy", "rich", "flint", "torch", "gradcert.reference", "gradcert.certify"} & set(sys.modules)))
"""


def test_help_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_decorated_subject_loads_no_judge():
    code = "import sys, gradcert; gradcert.claim(rule='bptt', cells='rnn')\n"
    code += "print(sorted({'flint', 'rich', 'click', 'jsonschema'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
