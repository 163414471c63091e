"""What is found behind ``import gradcert.reference``."""

import importlib

import pytest

from gradcert import reference


def test_a_room_that_nothing_above_imports_is_found():
    assert reference.__getattr__("bounds") is importlib.import_module("gradcert.reference.bounds")
    with pytest.raises(AttributeError, match="no attribute 'bound'"):
        reference.__getattr__("bound")
