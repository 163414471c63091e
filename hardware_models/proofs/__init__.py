"""Proofs about descriptions: each claim with a deliberately broken twin that must fail."""
