"""Conformance checks and certificates for online-learning gradients of recurrent and spiking networks.

``gradcert.certify(subject, rule="ostl", cells="snu", depths=(1, 2))`` returns a certificate; ``gradcert.watch(module,
rule="bptt")`` judges a training loop; ``gradcert.compute(module, batch, rule="e-prop", loss=loss)`` returns the
gradient of a rule for a module. The rooms, such as `gradcert.reference` with the table of rules, are imported by their
names.

Examples
--------
>>> import gradcert
>>> def gradients(problem):
...     return {name: 0 * value for name, value in problem.parameters.items()}
>>> gradcert.certify(gradients, rule="bptt", cells="rnn", depths=1, profile="quick").verdict
'refuted'
"""

# The face of the project may import every room below; no room imports it. Importing any room runs this file first, so
# nothing heavy is imported here: names are resolved when they are first used. `gradcert.certify` is a room, which can
# be called.
import importlib
import sys
from typing import Any

__version__ = "0.2.0"

_HOME = {
    "Certificate": "certify",
    "Claim": "certify",
    "Finding": "certify",
    "GradcertError": "reference",
    "Limits": "certify",
    "Problem": "reference",
    "cases": "pytest_plugin",
    "claim": "certify",
    "compute": "models.reading",
    "read": "models.reading",
    "watch": "watching",
    "subject_tests": "pytest_plugin",
}
_ROOMS = (
    "adapters",
    "certify",
    "derivations",
    "hardware_models",
    "models",
    "papers",
    "properties",
    "reference",
    "theorems",
)

__all__ = ["__version__", "certify", *(name for name, home in _HOME.items() if home != "pytest_plugin")]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    # with its name and the module, Python's traceback asks what was meant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted({"__version__", *_HOME, *_ROOMS, *(name for name in globals() if name.startswith("__"))})
