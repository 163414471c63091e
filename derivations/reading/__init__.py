"""How derivations are read: in the terminal, and as a static site."""
