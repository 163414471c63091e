"""User code is checked by mypy --strict through the stub of the package: the right passes, and the wrong is found."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="needs mypy: pip install 'gradcert[test]'")
ROOT = Path(__file__).parents[2]
SNIPPET = """
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

import gradcert


@gradcert.claim(rule="ostl", cells="snu")
def gradients(problem: gradcert.Problem) -> Mapping[str, npt.NDArray[np.float64]]:
    return {name: np.zeros_like(value) for name, value in problem.parameters.items()}


certificate = gradcert.certify(gradients, depths=(1, 2), seed=1, limits=gradcert.Limits(call=5.0))
verdict: str = certificate.verdict
reasons: list[str] = [finding.reason for finding in certificate.findings]
checks = gradcert.subject_tests("package.module:gradients", rule="ostl", cells="snu")
wrong_result: int = certificate.verdict  # wrong
gradcert.certify(gradients, rule=3)  # wrong
gradcert.certify(gradients, roule="ostl")  # wrong
gradients(3)  # wrong: the decorator keeps the signature
"""


@pytest.mark.long
def test_a_users_code_type_checks(tmp_path):
    tree = tmp_path / "tree"
    subprocess.run([sys.executable, ROOT / "scripts" / "package_tree.py", tree], check=True, capture_output=True)
    (tmp_path / "snippet.py").write_text(SNIPPET)
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", *options, str(tmp_path / "snippet.py")],
        cwd=tree,
        env={"MYPYPATH": str(tree), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    wrong = {number for number, line in enumerate(SNIPPET.splitlines(), start=1) if "# wrong" in line}
    assert found == wrong, done.stdout + done.stderr


def test_the_stub_names_what_the_package_has():
    import gradcert

    text = (ROOT / "gradcert" / "__init__.pyi").read_text()
    for name in {*gradcert.__all__, "cases", "subject_tests"} - {"__version__"}:
        assert f"import {name} as {name}" in text
        assert getattr(gradcert, name)
