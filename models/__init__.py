"""The user's network as we understand it: cells from equations, graphs of other formats.

`equations/` makes a cell of a forward step that is written once (`define`), `nir/` reads and writes NIR graphs.
May import `gradcert.properties` (number systems that check what was understood) and `gradcert.reference`.
"""
