"""The hint that installs an extra names where this gradcert came from."""

import json
from importlib import metadata

import pytest

from gradcert.reference import installing

FOLDER = {"url": "file:///home/me/my%20code/gradcert", "dir_info": {}}


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, "pip install 'gradcert[torch]'"),
        (FOLDER, "pip install '/home/me/my code/gradcert[torch]'"),
        ({**FOLDER, "dir_info": {"editable": True}}, "pip install -e '/home/me/my code/gradcert[torch]'"),
        (
            {"url": "https://example.org/gradcert.git", "vcs_info": {"vcs": "git", "commit_id": "0"}},
            "pip install 'gradcert[torch] @ git+https://example.org/gradcert.git'",
        ),
        (
            {"url": "file:///tmp/gradcert-0.2.0-py3-none-any.whl", "archive_info": {}},
            "pip install 'gradcert[torch] @ file:///tmp/gradcert-0.2.0-py3-none-any.whl'",
        ),
        ("no JSON", "pip install 'gradcert[torch]'"),
    ],
)
def test_the_line_is_true_for_where_it_came_from(origin, line, monkeypatch):
    text = origin if isinstance(origin, str) else None if origin is None else json.dumps(origin)

    class Distribution:
        def read_text(self, name):
            assert name == "direct_url.json"
            return text

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    assert installing.install("torch") == line


def test_one_that_is_not_installed_at_all(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert installing.install() == "pip install 'gradcert'"
