"""The gradient ledger: what fixed point costs a gradient on a task, measured and bounded; sweeps of width; figures.

A new measure of a run, or a figure of one, goes here.
"""
