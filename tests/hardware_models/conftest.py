"""RTL tests: skipped with a visible reason where a tool is missing, failed instead where CI=true."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def needs():
    """Return a function that skips (in CI: fails) where one of the named tools is missing."""
    from gradcert.hardware_models.rtl.tools import missing

    def check(*tools: str) -> None:
        absent = missing(*tools)
        if absent:
            reason = f"not installed: {', '.join(absent)} (scripts/install_debian.sh installs them)"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)

    return check
