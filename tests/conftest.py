"""Hypothesis profiles: the same examples on every run by default, many fresh ones for `make properties`.

A diagnosis that raises is a failure here, where a user would be told in a sentence (`GRADCERT_STRICT`). Repairs are
looked for where a test asks for one (`GRADCERT_REPAIR`).
"""

import os

from hypothesis import settings

os.environ["GRADCERT_STRICT"] = "1"
os.environ["GRADCERT_REPAIR"] = "0"
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("long", derandomize=False, deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("repeatable")
