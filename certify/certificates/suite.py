"""The version of the suite, read from its installation: a room does not import the face."""

from __future__ import annotations

from importlib.metadata import version

VERSION = version("gradcert")
