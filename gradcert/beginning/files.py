"""The files that `gradcert init` writes: a claim for each function without one, tests, subjects, a workflow."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gradcert.beginning import libraries
from gradcert.beginning.guess import guess
from gradcert.beginning.look import Found, Project, finding, look
from gradcert.reference.installing import install

TESTS, SUBJECTS, WORKFLOW = "tests/test_gradients.py", "tests/gradient_subjects.py", ".github/workflows/gradients.yml"
EXPECTED = "tests/expected_failures.toml"


@dataclass(frozen=True)
class Written:
    """What `begin` did.

    Attributes
    ----------
    project : what was found.
    written, kept : names of files that were made, and of those that were there and were left as they are.
    tests : (name, subject, file of its claim or "") of what can be certified now.
    untold : lines that a test file of before lacks: one for each subject that it does not name.
    left : names of files that were not written, as somebody's own tests are elsewhere.
    run : the command that runs the tests. `unrun` : a step that a workflow of before lacks, nothing where it has it.
    sketched : modules whose test is a comment in the file of tests.
    guessed : subject -> (rule, cell, why), where the claim is a guess.
    """

    project: Project
    written: tuple[str, ...]
    kept: tuple[str, ...]
    tests: tuple[tuple[str, str, str], ...]
    untold: tuple[str, ...]
    guessed: Mapping[str, tuple[str, str, str]]
    left: tuple[str, ...] = ()
    run: str = f"pytest {TESTS}"
    unrun: str = ""
    sketched: tuple[str, ...] = ()


def begin(folder: Path) -> Written:
    """Look at a project and write what it lacks; a file that is there is never changed.

    Beside tests of subjects that somebody wrote, no tests and no example are written.

    Raises
    ------
    OSError : where a file cannot be written.
    """
    project = look(folder)
    theirs = project.tests
    mine = [found for found in project.found if found.file != folder / SUBJECTS]
    mine = [found for found in mine if not any(one.names(found.file, found.name) for one in theirs)]
    there = [found.name for found in project.found if found.file == folder / SUBJECTS]
    own = (folder / SUBJECTS).exists()  # then only what is seen in it can be tested
    pieces = [libraries.PIECES[layer] for layer in project.layers] if own or not theirs else []
    if not mine and not pieces and not theirs:
        pieces = [libraries.NUMPY]
    files: dict[str, str] = {}
    guessed: dict[str, tuple[str, str, str]] = {}
    tests: list[tuple[str, str, str]] = []  # name, subject, claim file
    for found in mine:
        claim, name = "", identifier(found, [name for name, _, _ in tests])
        if not found.claims:
            guessed[found.subject] = guess(found.name, found.text, found.file.stem)
            claim = f"tests/claims/{name}.toml"
            files[claim] = _claim(found, *guessed[found.subject])
        tests.append((name, found.subject, claim))
    if pieces:
        files[SUBJECTS] = libraries.source(pieces) + _sketches(project)
        tests += [(name, f"{SUBJECTS}:{name}", "") for name in (there if own else [piece.name for piece in pieces])]
    examples = [] if own else [f"{SUBJECTS}:{piece.name}" for piece in pieces]
    run = _run(folder, [one.file for one in theirs])
    if not theirs or (folder / TESTS).exists():
        files[TESTS] = _tests(tests, examples) + _modules(project)
    paths = [*(one.path for one in mine), *(one.path for one in project.near)]
    pytest = finding(f"pytest {' '.join(map(shlex.quote, run))}", *paths)
    if not (configured := _configured(folder)):
        files[EXPECTED] = KNOWN.replace(TESTS, run[0])
    files[WORKFLOW] = _workflow(folder, project.libraries, pytest, "" if configured else EXPECTED)
    left = tuple(name for name in (TESTS, SUBJECTS) if theirs and not (folder / name).exists())
    kept = tuple(name for name in files if (folder / name).exists())
    before = (folder / TESTS).read_text(encoding="utf-8") if TESTS in kept else ""
    before += "".join(one.text for one in theirs)
    untold = tuple(_line(*test) for test in tests if before and test[1] not in before)
    for name, text in files.items():
        if name not in kept:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("x", encoding="utf-8") as file:  # x: never over another
                file.write(text)
    written = tuple(name for name in files if name not in kept)
    unrun = "" if WORKFLOW in written or _runs((folder / WORKFLOW).read_text("utf-8", "replace"), run) else pytest
    text = (folder / TESTS).read_text(encoding="utf-8") if (folder / TESTS).is_file() else ""
    sketched = tuple(one.name for one in project.near if one.module and f'"{one.name}"' in text)
    return Written(project, written, kept, tuple(tests), untold, guessed, left, pytest, unrun, sketched)


def _runs(workflow: str, tests: Iterable[str]) -> bool:
    """Return whether a workflow runs tests: it names their files, or names none.

    Examples
    --------
    >>> _runs("- run: pytest -q", ["tests/test_a.py"]), _runs("- run: pytest tests/test_b.py", ["tests/test_a.py"])
    (True, False)
    """
    return "pytest" in workflow and (".py" not in workflow or all(name in workflow for name in tests))


def _run(folder: Path, theirs: list[Path]) -> tuple[str, ...]:
    """Return what pytest is given: the files of somebody's tests, and that of `gradcert init` where it is there."""
    names = [file.relative_to(folder).as_posix() for file in theirs]
    names += [TESTS] if not theirs or (folder / TESTS).exists() else []
    return tuple(dict.fromkeys(names))


def _configured(folder: Path) -> bool:
    """Return whether pytest's settings name a file of expected failures."""
    files = (folder / name for name in ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg"))
    return any(b"gradcert_expected" in file.read_bytes() for file in files if file.is_file())


def identifier(found: Found, taken: Iterable[str] = ()) -> str:
    """Return a name for a test and a claim that no other subject of the project has.

    Examples
    --------
    >>> found = Found("my.rules:Ostl", Path("my/rules.py"), 1, "Ostl", True, True, "")
    >>> identifier(found), identifier(found, taken=["my_rules_ostl"])
    ('my_rules_ostl', 'my_rules_ostl_2')
    """
    where = found.subject.rpartition(":")[0].removesuffix(".py")
    name = re.sub(r"\W+", "_", f"{where}_{found.name}").strip("_").lower()
    names = (f"{name}_{number}" if number > 1 else name for number in count(1))
    return next(other for other in names if other not in set(taken))


def _claim(found: Found, rule: str, cell: str, why: str) -> str:
    online = "online = true\n" if found.stepwise else ""
    return (
        f"# What {found.subject} claims, guessed from {why}: change it.\n"
        "# gradcert rules, cells, surrogates and losses list what there is;\n"
        '# the documentation\'s page "Claims" says what can be claimed.\n'
        f'rule = "{rule}"\ncells = ["{cell}"]\ndepths = [1, 2]\ndtype = "float64"\n{online}{_options(cell)}'
    )


def _options(cell: str) -> str:
    """Return, as comments, the option of lateral weights, which decides which parameters there are.

    Examples
    --------
    >>> print(_options("lif"), end="")
    #
    # no lateral weights (layers.0.H), the default of lif; gradcert cells lif lists its other conventions
    # [options]
    # recurrent = true
    >>> _options("gru")
    ''
    """
    from gradcert.reference.networks import cell_named

    usual = getattr(cell_named(cell)(), "recurrent", None)
    if usual is None:
        return ""
    said = f"{'with' if usual else 'no'} lateral weights (layers.0.H)"
    return (
        f"#\n# {said}, the default of {cell}; gradcert cells {cell} lists its other conventions\n"
        f"# [options]\n# recurrent = {'false' if usual else 'true'}\n"
    )


def _tests(tests: list[tuple[str, str, str]], examples: list[str]) -> str:
    """Return the file of tests; what is gradcert's own code until somebody's takes its place is skipped, not green."""
    lines = [
        '"""Every gradient of this project against what it claims. Written by gradcert init, yours to change."""',
        "",
    ]
    lines += ["import gradcert", *(["import pytest", "", *EXAMPLE] if examples else []), ""]
    for test in tests:
        name, _, call = _line(*test).partition(" = ")
        lines.append(f"{name} = example({call})" if test[1] in examples else f"{name} = {call}")
    return "\n".join(lines) + "\n"


def _modules(project: Project) -> str:
    """Return, as comments, a test for each of the first modules: whether one can be read is not known yet."""
    names = [found.name for found in project.near if found.module][:SKETCHED]
    lines = [_line(re.sub(r"\W+", "_", name.replace(".py:", "_")).lower(), name, "") for name in names]
    return "".join(f"# {line}\n" for line in [MODULES, *lines]) if lines else ""


def _sketches(project: Project) -> str:
    """Return, as comments, a subject for each of the first functions that make gradients and take something else."""
    out = ""
    for found in [n for n in project.near if not n.module][:SKETCHED]:
        where, _, name = found.name.partition(":")
        module = where.removesuffix(".py").replace("/", ".")
        out += SKETCH.format(where=found.name, takes=found.takes, module=module, name=name)
    return out


def _line(name: str, subject: str, claim: str) -> str:
    said = f', claim="{claim}"' if claim else ""
    return f'test_{name} = gradcert.subject_tests("{subject}"{said})'


def _workflow(folder: Path, libraries: Iterable[str], pytest: str, expected: str) -> str:
    installed = (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file()
    needs = (folder / "requirements.txt").is_file()
    own = "pip install ." if installed else "pip install -r requirements.txt" if needs else ""
    got = f"      - run: {install()} pytest pytest-xdist\n" if reachable() else CHECKED_OUT
    used = f"pip install {' '.join(libraries)}" if libraries else ""  # what is declared already costs nothing
    known = f"          --gradcert-expected {expected}\n" if expected else ""
    tail = TAIL.format(pytest=pytest, known=known)
    return HEAD + got + "".join(f"      - run: {line}\n" for line in (own, used) if line) + tail


def reachable() -> bool:
    """Return whether this gradcert came from an index or a repository, and from no file or folder of this machine."""
    ours = install()
    return "-e" not in ours and "'/" not in ours and "file:" not in ours


SKETCHED = 3
MODULES = "a module is a subject as it is, once gradcert certify can read it; take the # away:"
SKETCH = """

# {where}({takes}) makes gradients. A subject that asks it, to be filled in:
#
# from {module} import {name}
#
# @gradcert.claim(rule="bptt", cells="lif", depths=1, losses="squared_error", when="every")
# def {name}_of(problem):
#     W = problem.parameters["layers.0.W"]  # (units, inputs); `gradcert cells lif` lists the others
#     found = {name}(...)  # problem.inputs (T, B, inputs), problem.targets (T, B, units)
#     return {{"layers.0.W": found}}  # a gradient for every one of problem.parameters
"""
KNOWN = """\
# Checks that are known to fail: each with a reason, a link, and the day on which somebody looks again. `id` may be a
# pattern; words of the `cause`, which may be left out, have to stand in the cause that is found. Where none of its
# checks fails any more, the run fails; profiles = ["default", "thorough"] names the profiles in which one has to.
#
# [[expected]]
# id = "tests/test_gradients.py::test_NAME[*]"
# cause = "without RECURRENT"
# reason = "an approximation"
# link = "https://example.org/issues/1"
# expires = 2030-01-31
"""
EXAMPLE = (
    f"# skipped while it is gradcert's example: put your code into {SUBJECTS}, then take example( ) away",
    'example = pytest.mark.skip(reason="gradcert\'s own example stands where your code belongs")',
)
HEAD = """\
# Every gradient of this project against what it claims. Written by gradcert init, yours to change.
name: gradients
on:
  push:
  pull_request:
  schedule:
    - cron: "17 3 * * 1" # every Monday, all cases
permissions:
  contents: read
jobs:
  gradients:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
"""
CHECKED_OUT = """\
      # gradcert came from a file or folder: set the variable to the repository that it came from, as OWNER/NAME
      - if: ${{ vars.GRADCERT_REPOSITORY == '' }} # without one, this repository would be checked out in its place
        run: |
          echo "::error::set the variable GRADCERT_REPOSITORY to the repository of gradcert, OWNER/NAME"
          exit 1
      - uses: actions/checkout@v4
        with:
          repository: ${{ vars.GRADCERT_REPOSITORY }}
          path: .gradcert-source
      - run: pip install ./.gradcert-source pytest pytest-xdist
"""
TAIL = """\
      - run: >
          {pytest} -n auto --junit-xml gradients.xml
{known}          --gradcert-profile ${{{{ github.event_name == 'schedule' && 'thorough' || 'default' }}}}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: gradients
          path: gradients.xml
"""
