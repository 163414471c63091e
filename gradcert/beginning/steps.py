"""What to do next, in a folder: `gradcert` alone says it."""

from __future__ import annotations

from pathlib import Path

from gradcert import __version__
from gradcert.beginning.look import finding, look
from gradcert.beginning.near import outermost

TESTS, SUBJECTS = "tests/test_gradients.py", "tests/gradient_subjects.py"
MOST = 3  # subjects that are named


def commands(folder: Path) -> list[tuple[str, str]]:
    """Return what is there to be done, the most urgent first: commands, and what each is for."""
    todo: list[tuple[str, str]] = []
    if small := _newest(folder / ".gradcert"):
        name = small.relative_to(folder).as_posix()
        todo.append((f"gradcert replay --run {name}", "the last counterexample, run again"))
    project = look(folder)
    claiming = [found for found in project.own if found.claims]
    if not claiming and (module := outermost(project.near)):
        read, certify = (finding(f"gradcert {name} {module.name}", module.path) for name in ("read", "certify"))
        todo.append((read, "what the module computes, and what its code cuts"))
        todo.append((certify, "whether its gradients are those that its forward pass says"))
    if len(project.own) < len(project.found):
        todo.append((f"edit {SUBJECTS}", "gradcert's own example stands there: put your code in its place"))
    judge = [finding(f"gradcert certify {found.subject}", found.path) for found in claiming[:MOST]]
    todo += [(command, "it has a claim: judge it") for command in judge]
    tests = [one.file.relative_to(folder).as_posix() for one in project.tests]
    tests += [TESTS] if (folder / TESTS).is_file() and TESTS not in tests else []
    if tests:
        paths = [*(one.path for one in project.found), *(one.path for one in project.near)]
        todo.append((finding(f"pytest {' '.join(tests)}", *paths), "every gradient, as tests"))
    else:
        seen = len(project.own)
        what = f"{seen} function{'s' if seen != 1 else ''} to judge here" if seen else "begin in this folder"
        todo.append(("gradcert init", f"{what}: writes a claim, tests, a workflow"))
    todo.append(("gradcert rules", "what a claim can name; cells, surrogates, losses too"))
    return [*todo, ("gradcert --help", "all commands")]


def steps(folder: Path) -> list[str]:
    """Return the lines that say it."""
    todo = commands(folder)
    wide = max(len(command) for command, _ in todo)
    head = f"gradcert {__version__}: does this code compute the gradient that it says it computes?"
    if wide + max(len(text) for _, text in todo) > 76:  # long names of subjects: two lines each, which fit 80 columns
        return [head, "", *(line for command, text in todo for line in (f"  {command}", f"      {text}"))]
    return [head, "", *(f"  {command:{wide}}  {text}" for command, text in todo)]


def _newest(folder: Path) -> Path | None:
    try:
        # what `gradcert.watch` kept of a training step is looked at, not replayed
        found = [path for path in folder.glob("*.json") if not path.name.startswith("watch-")]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None
