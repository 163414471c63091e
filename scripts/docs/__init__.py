"""The site: pages of `docs/`, the derivations, and a reference that is read from the code; built by ``make docs``."""
