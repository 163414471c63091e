"""Hypothesis profiles: the same examples on every run by default, many fresh ones for `make properties`.

A diagnosis that raises is a failure here, where a user would be told in a sentence (`GRADCERT_STRICT`).
"""

import os

from hypothesis import settings

os.environ["GRADCERT_STRICT"] = "1"
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("long", derandomize=False, deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("repeatable")
