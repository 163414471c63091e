"""One compilation for all workers: the folder is named after the content, and held by a lock while it is filled."""

import pytest

from gradcert.theorems.tie.program import build
from gradcert.theorems.toolchain import compile_sources, missing


@pytest.fixture(scope="session")
def workshop():
    if lacking := missing():
        pytest.skip(f"{' and '.join(lacking)} not installed: make theorems installs Coq (as root)")
    return compile_sources()


@pytest.fixture(scope="session")
def program(workshop):
    return build(workshop)
