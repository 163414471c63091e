"""Mutation run over ``reference/`` (`make mutation`): operators and sessions are cosmic-ray's."""
