"""Spatial learning through time (SLTT): backpropagation within each step, and no time at all.

Paper: Meng, Xiao, Yan, Wang, Lin & Luo, ICCV 2023; code qymeng94/SLTT.

The equations (mathematics.md 7.3)::

    grad W_l = sum_t g_l^t (x) z_(l-1)^t        g_l^t = psi_l^t * delta_l^t,  delta by backpropagation within the step

It is OTTT with a trace that forgets everything. The published setting has lam = 1 - 1/1.1, about 0.09, so that little
is lost there. SLTT-K, which backpropagates at K random steps, is an estimator: `gradcert.reference.estimators.sltt_k`.

Dropped: every path through time.
Cost of a layer of n units per step: no memory beyond the step, n^2 operations.
Exact: T = 1, or a network without memory.
"""

from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "sltt",
        "Spatial learning through time",
        own=frozenset(),
        upper=frozenset(),
        source="Meng et al., ICCV 2023",
        exact="T = 1",
        drops="every path through time",
        time="n^2",
        memory="0",
        page=__doc__,
    ),
)
