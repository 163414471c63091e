"""The rooms: arrows between them point downwards, nothing heavy below, nothing forgotten in the wheel."""

import ast
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("certify", "derivations", "hardware_models", "models", "papers", "properties", "reference", "theorems")
FACE = "gradcert"
# What a room may import of the others. The face may import all of them.
BELOW = {
    "papers": {"certify", "hardware_models", "properties", "reference"},
    "certify": {"models", "properties", "hardware_models", "reference"},
    "models": {"properties", "reference"},
    "properties": {"reference"},
    "hardware_models": {"reference"},
    "derivations": {"reference"},
    "theorems": {"properties", "reference"},
    "reference": set(),
}
NOT_SOURCE = {"__pycache__", "sim_build", "obj_dir"}


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)


def tree(target: Path) -> Path:
    """The rooms linked together as one package folder, away from everybody else's."""
    made = run(sys.executable, ROOT / "scripts" / "package_tree.py", target, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    return target


def lint_imports(cwd: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return run(program, "--config", ROOT / "pyproject.toml", "--no-cache", cwd=cwd)


IMPORTS = """
import json, sys
sys.path.insert(0, "")
import grimp
graph = grimp.build_graph("gradcert", include_external_packages=True, cache_dir=None)
print(json.dumps([(a, b) for a in sorted(graph.modules) for b in sorted(graph.find_modules_directly_imported_by(a))]))
"""


def direct_imports(target: Path) -> list[tuple[str, str]]:
    """Every (importer, imported) pair of modules, imports inside functions included."""
    done = run(sys.executable, "-c", IMPORTS, cwd=tree(target))
    assert done.returncode == 0, done.stderr
    return [(importer, imported) for importer, imported in json.loads(done.stdout)]


def room_of(module: str) -> str | None:
    """The room of a module of gradcert, the face's name for the face, None for third-party modules."""
    first, _, rest = module.partition(".")
    if first != FACE:
        return None
    inner = rest.partition(".")[0]
    return inner if inner in ROOMS else FACE


def upward(imports: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The imports that leave a room for another one than those below it."""
    found = []
    for importer, imported in imports:
        source, destination = room_of(importer), room_of(imported)
        if source in BELOW and destination not in (None, source) and destination not in BELOW[source]:
            found.append((importer, imported))
    return found


def test_every_room_is_known_here():
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == {FACE, *ROOMS}


@pytest.mark.parametrize("room", [FACE, *ROOMS])
def test_a_room_says_what_lives_there(room):
    docstring = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))
    assert docstring is not None
    assert len(docstring.split()) > 10


def test_import_contracts_hold(tmp_path):
    done = lint_imports(tree(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("room", "line", "arrow"),
    [
        ("reference", "import gradcert.certify", "gradcert.reference.wrong -> gradcert.certify"),
        ("properties", "from gradcert import hardware_models", "gradcert.properties.wrong -> gradcert.hardware_models"),
        ("certify", "import gradcert.derivations", "gradcert.certify.wrong -> gradcert.derivations"),
        ("theorems", "import gradcert.derivations", "gradcert.theorems.wrong -> gradcert.derivations"),
    ],
)
def test_import_contracts_can_break(tmp_path, room, line, arrow):
    tree(tmp_path)
    linked = tmp_path / FACE / room
    linked.unlink()
    shutil.copytree(ROOT / room, linked, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    (linked / "wrong.py").write_text(f'"""An arrow that points upwards."""\n\n\ndef late():\n    {line}\n')
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert arrow in done.stdout


@pytest.mark.parametrize(
    ("room", "folder", "line", "circle"),
    [
        ("reference", "numbers", "import gradcert.reference.networks", "No cycles are allowed in gradcert.reference."),
        ("certify", "claims", "from gradcert.certify import campaign", "No cycles are allowed in gradcert.certify."),
        (
            "certify",
            "diagnosis/hypotheses",
            "import gradcert.certify.diagnosis.causes",
            "in gradcert.certify.diagnosis.",
        ),
    ],
)
def test_circles_are_seen(tmp_path, room, folder, line, circle):
    tree(tmp_path)
    linked = tmp_path / FACE / room
    linked.unlink()
    shutil.copytree(ROOT / room, linked, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    (linked / folder / "wrong.py").write_text(f'"""An arrow that closes a circle."""\n\n\ndef late():\n    {line}\n')
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert circle in done.stdout


def test_no_room_imports_upwards_or_the_face(tmp_path):
    imports = direct_imports(tmp_path)
    assert "reference" in {room_of(importer) for importer, _ in imports}
    assert upward(imports) == []


def test_upward_arrows_are_seen():
    wrong = [
        ("gradcert.certify.judging.verdict", "gradcert.cli"),
        ("gradcert.reference.networks.network", "gradcert"),
        ("gradcert.properties", "gradcert.derivations"),
    ]
    right = [
        ("gradcert.cli", "gradcert.certify"),
        ("gradcert.certify.judging.verdict", "gradcert.reference.networks.network"),
        ("gradcert.reference.networks.network", "gradcert.reference"),
        ("gradcert.reference.networks.network", "numpy"),
    ]
    assert upward(wrong + right) == wrong


def test_reference_names_numpy_and_the_standard_library_only(tmp_path):
    outside = {
        imported.partition(".")[0]
        for importer, imported in direct_imports(tmp_path)
        if room_of(importer) == "reference" and room_of(imported) is None
    }
    assert "numpy" in outside
    assert outside - set(sys.stdlib_module_names) == {"numpy"}


LOADED = """
import sys
before = set(sys.modules)
import importlib, pkgutil
import gradcert.reference as room
for module in pkgutil.walk_packages(room.__path__, "gradcert.reference."):
    importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_importing_reference_loads_numpy_and_the_standard_library_only(tmp_path):
    done = run(sys.executable, "-c", LOADED, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"gradcert", "numpy"} <= loaded
    assert loaded - set(sys.stdlib_module_names) == {"gradcert", "numpy"}


def source_files() -> set[str]:
    """Everything that lies in the rooms, as the import package sees it."""
    found = set()
    for room in (FACE, *ROOMS):
        for path in (ROOT / room).rglob("*"):
            inner = path.relative_to(ROOT / room)
            if path.is_file() and not NOT_SOURCE & set(inner.parts):
                found.add((Path(FACE) / ("" if room == FACE else room) / inner).as_posix())
    return found


def test_every_folder_with_code_is_a_package():
    files = source_files()
    folders = {str(Path(name).parent) for name in files if name.endswith(".py")}
    assert {folder for folder in folders if f"{folder}/__init__.py" not in files} == set()


def test_the_wheel_holds_every_file_of_every_room(tmp_path):
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for room in (FACE, *ROOMS):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel")
    done = run(*pip, "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", tmp_path, ".", cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("gradcert-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == source_files()
