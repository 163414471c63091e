"""One place for what these tests share: the folder in which failing examples are kept is the test's own."""

import pytest


@pytest.fixture
def keep(tmp_path):
    return tmp_path / "kept"
