"""Faults of training loops: planted in the middle of a training that is watched, and named; right twins are not."""
