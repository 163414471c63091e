"""Derivations: the learning rules as executable mathematics.

One derivation per file: SymPy runs the engines of `gradcert.reference` on symbols and proves that the code computes the
row of the rule table that it names. May import `gradcert.reference`; needs the extra `derivations`.
"""
