"""The families of cases. Adding one is adding a file and a row."""

from __future__ import annotations

from gradcert.certify.cases.bounded import Bounded
from gradcert.certify.cases.draw import Family
from gradcert.certify.cases.dyadic import Dyadic

FAMILIES: dict[str, type[Family]] = {"dyadic": Dyadic, "bounded": Bounded}  # and, apart from these, `scale`
