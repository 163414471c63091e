"""Cases: seeded problems that can tell a claim from its neighbours.

A new family (`bounded`, `dyadic`) is a file and a row of `FAMILIES` in `families`; `scale` and `circumstances/` are
planned apart. `case`, `draw`, `generate` and `plan` are what they share.
"""
