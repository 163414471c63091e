# What a type checker is told: the names of `gradcert` are resolved when they are first used (`gradcert/__init__.py`),
# and ``gradcert.certify`` is the function as well as the room.

from gradcert.certify.campaign import certify as certify
from gradcert.certify.certificates import Certificate as Certificate
from gradcert.certify.certificates import Finding as Finding
from gradcert.certify.claims import Claim as Claim
from gradcert.certify.claims import claim as claim
from gradcert.certify.subjects import Limits as Limits
from gradcert.models.reading import compute as compute
from gradcert.models.reading import read as read
from gradcert.pytest_plugin import cases as cases
from gradcert.pytest_plugin import subject_tests as subject_tests
from gradcert.reference import Problem as Problem
from gradcert.reference.errors import GradcertError as GradcertError
from gradcert.watching import watch as watch

__version__: str
