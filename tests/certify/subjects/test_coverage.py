"""Lines and conditions that never ran, of the subject's own files alone."""

import importlib.util
import sys

from gradcert.certify.subjects.coverage import Coverage

SOURCE = '''
import json


def used(x):
    """Text."""
    if x > 3:
        y = 1
    else:
        y = 2
    while y < 2:
        y += 1
    for _ in range(2):
        y = json.loads("1")

    def inside():
        return 4

    return y


def unused():
    return 5
'''


def loaded(tmp_path):
    path = tmp_path / "watched.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("watched", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def watched(module, *values):
    seen = Coverage(module.used)
    for value in values:
        with seen.watching():
            module.used(value)
    (file,) = seen.record()["files"]
    return file, seen.record()["numbers"]


def test_lines_conditions_and_functions(tmp_path):
    module = loaded(tmp_path)
    file, numbers = watched(module, 5)
    assert file["file"] == "watched.py" and file["lines"] == [[10, 10]]
    file, numbers = watched(module, 1)
    assert file["lines"] == [[8, 8], [12, 12]]
    assert file["conditions"] == [[7, "never true"], [11, "never true"]]
    assert file["functions"] == ["inside", "unused"] and numbers == [2, 3]
    file, numbers = watched(module, 1, 5)
    assert file["lines"] == [] and file["conditions"] == []


def test_another_tracer_is_left_alone(tmp_path):
    module = loaded(tmp_path)
    seen = Coverage(module.used)
    before = sys.gettrace()

    def tracer(frame, event, argument):
        return None

    sys.settrace(tracer)
    try:
        with seen.watching():
            module.used(1)
            assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
    assert seen.record() == {"files": [], "numbers": []}
