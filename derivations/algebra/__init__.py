"""Algebra: the numbers that proofs run the engine on, and what is decided about them.

`symbols` are what a proof is about, `traced` and `ledger` keep local derivatives apart, `ring` decides whether a
difference is zero, `derivative` differentiates a loss on its own; nothing here knows a rule or a chapter.
"""
