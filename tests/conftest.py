"""Hypothesis profiles: the same examples on every run by default, many fresh ones for `make properties`.

A diagnosis that raises is a failure here, where a user would be told in a sentence (`GRADCERT_STRICT`). Repairs are
looked for where a test asks for one (`GRADCERT_REPAIR`).

Tests marked `long` are exhaustive, or start compilers, provers and browsers; `long(keep=n)` leaves n of a parametrized
test, spread over its parameters, to every run. Without an option the long ones are left out, unless a test is named
(`FILE::TEST`): `--long=only` runs them (`make long`), `--long=also` runs all.
"""

import os

import pytest
from hypothesis import settings

os.environ["GRADCERT_STRICT"] = "1"
os.environ["GRADCERT_REPAIR"] = "0"
os.environ.pop("COLUMNS", None)  # which xdist gives its workers
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("long", derandomize=False, deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture
def pytester(pytester, monkeypatch):
    """Sessions that a test starts print the same everywhere: under CI, pytest's summary repeats whole messages."""
    for name in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def pytest_addoption(parser):
    parser.addoption("--long", choices=["no", "also", "only"], default="no", help="tests marked long: left out, ...")


def pytest_configure(config):
    config.addinivalue_line("markers", "long(keep=0): takes seconds; of its parameters, keep that many are run always")


def left_to_long_runs(items):
    """The items that are marked long, but for those of each function that its mark keeps."""
    families = {}
    for item in items:
        if item.get_closest_marker("long"):
            families.setdefault(item.nodeid.split("[")[0], []).append(item)
    for members in families.values():
        keep = members[0].get_closest_marker("long").kwargs.get("keep", 0)
        kept = {i * len(members) // keep for i in range(keep)}
        yield from (item for i, item in enumerate(members) if i not in kept)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("long")
    if wanted == "also" or (wanted == "no" and any("::" in argument for argument in config.args)):
        return
    long = set(left_to_long_runs(items))
    out = [item for item in items if (item in long) != (wanted == "only")]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if (item in long) == (wanted == "only")]
