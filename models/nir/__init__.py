"""NIR graphs: `read` makes a network and its parameters of one, `write` the reverse; needs the extra ``nir`` for files.

`graph` walks the graph, `neurons`, `images` and `cuba` know its nodes. A new node of NIR goes to one of them.
"""

from gradcert.models.nir.graph import Read, read, write

__all__ = ["Read", "read", "write"]
