"""Attacks on the judge itself: what it must accept, and what it must refuse."""
