"""A subject's file, imported, and its function `used` called under a coverage."""

import importlib.util

from gradcert.certify.subjects.coverage import Coverage


def loaded(path, source):
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(module, *values):
    """What is said of the one file, and the numbers that its conditions compare with."""
    seen = Coverage(module.used)
    for value in values:
        with seen.watching():
            module.used(value)
    found = seen.record()
    (file,) = found["files"]
    return file, found["numbers"]
