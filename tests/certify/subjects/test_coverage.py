"""Lines and conditions that never ran, of the subject's own files alone."""

import sys

from gradcert.certify.subjects.coverage import Coverage
from tests.certify.subjects.watched import loaded, record

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


def file_of(tmp_path):
    return loaded(tmp_path / "subject_of_mine.py", SOURCE)


def test_lines_conditions_and_functions(tmp_path):
    module = file_of(tmp_path)
    file, numbers = record(module, 5)
    assert file["file"] == "subject_of_mine.py" and file["lines"] == [[10, 10]]
    file, numbers = record(module, 1)
    assert file["lines"] == [[8, 8], [12, 12]]
    assert file["conditions"] == [[7, "never true"], [11, "never true"]]
    assert file["functions"] == ["inside", "unused"] and numbers == [2, 3]
    file, numbers = record(module, 1, 5)
    assert file["lines"] == [] and file["conditions"] == []


def test_another_tracer_is_left_alone(tmp_path):
    module = file_of(tmp_path)
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
