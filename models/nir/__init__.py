"""NIR graphs: `read` makes a network and its parameters of one, `write` the reverse; needs the extra ``nir`` for files.

`graph` walks a chain, `graphs` anything else; `neurons`, `images` and `cuba` know the nodes, `pieces` is for both.
A new node of NIR goes to `neurons` or `images`.
"""

from gradcert.models.nir.graph import Read, read, write

__all__ = ["Read", "read", "write"]
