"""Every example in a docstring runs and prints what it says, in every module of every room."""

import ast
import doctest
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
FACE = "gradcert"
# Third-party module -> the extra that brings it: without it the modules that import it are skipped, and say so.
EXTRA = {
    "cocotb": "rtl",
    "cocotb_tools": "rtl",
    "cvc5": "smt",
    "dask": "cluster",
    "distributed": "cluster",
    "hypothesis": "properties",
    "jax": "jax",
    "lightning": "lightning",
    "matplotlib": "plots",
    "ml_dtypes": "bf16",
    "mpmath": "derivations",
    "nir": "nir",
    "sympy": "derivations",
    "torch": "torch",
    "z3": "smt",
}


def module_names() -> list[str]:
    """Import names of all files of all rooms; files, so that nothing is imported while tests are collected."""
    names = []
    for room in sorted(path.parent for path in ROOT.glob("*/__init__.py")):
        for path in sorted(room.rglob("*.py")):
            inner = path.relative_to(ROOT).with_suffix("").parts
            parts = inner if inner[0] == FACE else (FACE, *inner)
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def failures(module: ModuleType) -> int:
    """How many examples of a module print something else; what they print goes to standard output."""
    return doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed


@pytest.mark.parametrize("name", module_names())
def test_examples_in_docstrings(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRA:
            raise
        pytest.skip(f"needs {missing}: pip install 'gradcert[{EXTRA[missing]}]'")
    assert failures(module) == 0


def test_a_section_of_parameters_holds_parameters():
    """A sentence among them would be read as the name of one, and come out on the site in pieces."""
    strays = []
    for room in sorted(path.parent for path in ROOT.glob("*/__init__.py")):
        for path in sorted(room.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                    strays += [f"{path.relative_to(ROOT)}: {line}" for line in stray(ast.get_docstring(node) or "")]
    assert not strays


def stray(text):
    """Lines of a section of parameters or attributes that begin nothing and go on with nothing."""
    section, found, lines = "", [], text.splitlines()
    for line, below in zip(lines, (*lines[1:], "") if lines else (), strict=True):
        if re.fullmatch("-{3,}", below):
            section = line
        elif section in ("Parameters", "Attributes") and re.match(r"[^\s-]", line) and " : " not in line:
            found.append(line)
    return found


def test_a_stray_sentence_is_seen():
    assert stray("A.\n\nParameters\n----------\na : b\n    c.\n\nAnd so on.\n\nReturns\n-------\nNothing.") == [
        "And so on."
    ]


def test_a_wrong_example_is_seen():
    wrong = ModuleType("wrong", ">>> 1 + 1\n3\n")
    assert failures(wrong) == 1
