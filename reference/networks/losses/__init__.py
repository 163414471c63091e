"""The parts of a loss: in what form (`form`), of what of a sequence (`collect`), and what it says of activity."""

from gradcert.reference.networks.losses.activity import Activity
from gradcert.reference.networks.losses.collect import COLLECTED, Collected
from gradcert.reference.networks.losses.form import FORMS, Form

__all__ = ["COLLECTED", "FORMS", "Activity", "Collected", "Form"]
