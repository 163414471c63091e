"""Proving: a problem on symbols, its proof at a size and by induction over time, and the record of a step.

What every chapter uses goes here; what a few share about one subject goes to `parts`.
"""
