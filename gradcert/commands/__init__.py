"""Commands, one per file; each file has a click command named ``command``."""
