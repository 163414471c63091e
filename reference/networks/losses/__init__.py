"""The parts of a loss: in what form (`form`; `formula`: own), of what (`collect`), of activity, of hidden layers."""

from gradcert.reference.networks.losses.activity import Activity
from gradcert.reference.networks.losses.collect import COLLECTED, Collected
from gradcert.reference.networks.losses.form import FORMS, Form
from gradcert.reference.networks.losses.formula import is_formula, own, read_formula, written
from gradcert.reference.networks.losses.local import Local

__all__ = [
    "COLLECTED",
    "FORMS",
    "Activity",
    "Collected",
    "Form",
    "Local",
    "is_formula",
    "own",
    "read_formula",
    "written",
]
