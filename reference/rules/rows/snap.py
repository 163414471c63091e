"""Sparse n-step approximation of RTRL (SnAp-n).

Paper: Menick, Elsen, Evci, Osindero, Simonyan & Graves, arXiv 2006.07232.

The equations (mathematics.md 3), for M^t = dh^t/dw and D^t the immediate derivative::

    M^t = mask_n * (J^t M^(t-1) + D^t)        mask_1 = pattern(D)        mask_(k+1) = pattern(mask_k + |J| mask_k)

An entry of M survives if its unit can be reached from the parameter within n steps of the recurrent connectivity. The
mask is one of structure: it does not depend on the values at t, and it includes the diagonal of H and the reset. For
parameters that feed one unit each, SnAp-1 is the recursion with the diagonal of J.

The paper takes the whole network as one state. Here the state is one layer and the credit from above is that of the
same step, as in OSTL: a choice that makes ``snap-n`` with n large equal to ``ostl``.

Dropped: entries of the layer's own influence matrix out of reach; time inside upper layers.
Cost of a layer of n units and density d: SnAp-1 n + d p values and d (n^2 + p) operations for p parameters; SnAp-2
n + d^2 n p and d (n^2 + d^3 n^2 p) (from memory of the paper; mathematics.md 3).
Exact: as OSTL once n is the diameter of the layer's graph; for dense lateral weights that is n = 2.
"""

from gradcert.reference.networks import TEMPORAL
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "snap-1",
        "Sparse n-step approximation, n = 1",
        own=TEMPORAL,
        upper=frozenset(),
        reach=1,
        source="arXiv 2006.07232",
        exact="one layer without lateral weights",
        drops="the influence of a parameter on units that it does not feed itself; time inside upper layers",
        time="n^2",
        memory="n^2",
        page=__doc__,
    ),
    Rule(
        "snap-2",
        "Sparse n-step approximation, n = 2",
        own=TEMPORAL,
        upper=frozenset(),
        reach=2,
        source="arXiv 2006.07232",
        exact="one layer of dense lateral weights",
        drops="the influence of a parameter on units more than one lateral step away; time inside upper layers",
        time="n^4 at full density",
        memory="n^3 at full density",
        page=__doc__,
    ),
)
