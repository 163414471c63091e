"""Adapters: a module of a library, and how its parameters map, becomes a subject. One library per file.

`gradcert.adapters.torch`, `gradcert.adapters.jax` and `gradcert.adapters.nir` (network graphs) each need their extra.
`gradcert.adapters.mapping` (how parameters map) and `gradcert.adapters.presets` (claims with the conventions of a
library) need nothing.
"""
