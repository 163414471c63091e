"""How much of what is refuted is explained: mutants of the literal implementations, judged and diagnosed.

``python -m scripts.diagnosis`` (``make diagnosis``) writes `docs/diagnosis.md`.
"""
