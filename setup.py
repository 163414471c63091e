"""The one thing that ``pyproject.toml`` cannot say: every top-level folder ``X/`` is the import package ``gradcert.X``.

Packages are discovered, not listed, so that a new subfolder with an ``__init__.py`` cannot be forgotten in a wheel;
``tests/test_rooms.py`` compares a wheel with the tree. Everything static is in ``pyproject.toml``.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
NOT_PACKAGES = {"tests", "build", "dist"}
PAGES = ("*.jinja", "*.html", "*.css", "*.js", "*.svg", "*.md", "*.woff2")
DATA = ("py.typed", "*.pyi", "*.json", "*.jsonl", "*.csv", "*.txt", "*.v", "*.ml", "*.sv", "*.vh", *PAGES)


def rooms() -> list[str]:
    """Top-level folders that are packages, the face ``gradcert`` first."""
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_PACKAGES - {"gradcert"}
    return ["gradcert", *sorted(found)]


def mapping() -> tuple[list[str], dict[str, str]]:
    """The package list and the package-to-folder map that setuptools wants."""
    packages: list[str] = []
    folders: dict[str, str] = {}
    for room in rooms():
        name = room if room == "gradcert" else f"gradcert.{room}"
        folders[name] = room
        packages += [name, *(f"{name}.{inner}" for inner in find_packages(str(ROOT / room)))]
    return packages, folders


if __name__ == "__main__":
    packages, folders = mapping()
    setup(
        packages=packages,
        package_dir=folders,
        package_data={package: [f"**/{pattern}" for pattern in DATA] for package in packages},
    )
