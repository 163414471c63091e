"""Hypothesis profiles: the same examples on every run by default, many fresh ones for `make properties`."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("long", derandomize=False, deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("repeatable")
