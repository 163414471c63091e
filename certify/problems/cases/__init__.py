"""Cases: seeded problems that can tell a claim from its neighbours, one family per file."""
