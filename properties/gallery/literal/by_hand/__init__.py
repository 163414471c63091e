"""Learning rules as people write them down for one network: loops, lists, a backward pass, no switches for faults.

`scripts/diagnosis` mutates them, and asks how many of the mutants are refuted, and how many of these are explained.
"""
