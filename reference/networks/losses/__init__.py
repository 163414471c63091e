"""The parts of a loss: in what form (`form`; `formula`: one's own), of what (`collect`), and of activity."""

from gradcert.reference.networks.losses.activity import Activity
from gradcert.reference.networks.losses.collect import COLLECTED, Collected
from gradcert.reference.networks.losses.form import FORMS, Form
from gradcert.reference.networks.losses.formula import is_formula, own, read_formula, written

__all__ = ["COLLECTED", "FORMS", "Activity", "Collected", "Form", "is_formula", "own", "read_formula", "written"]
