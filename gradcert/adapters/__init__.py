"""Adapters: a module of a library, and how its parameters map, becomes a subject. One library per file.

`gradcert.adapters.torch` and `gradcert.adapters.jax` each need their extra; graphs of NIR are `gradcert.models.nir`.
`gradcert.adapters.mapping` (how parameters map) and `gradcert.adapters.presets` (claims with the conventions of a
library) need nothing.
"""
