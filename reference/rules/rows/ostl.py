"""Online spatio-temporal learning (OSTL), with exact or random feedback.

Paper: Bohnstingl, Wozniak, Pantazi & Eleftheriou, arXiv 2007.12723, IEEE TNNLS 2022; code IBM/ostl.

The equations (mathematics.md 4.1) for a layer of spiking neural units, h' at t - 1 inside J and at t outside::

    J_ij^t  = g'(a_i^t) [ H_ij h'_j^(t-1) + [i = j] (lam (1 - z_j^(t-1)) - lam v_j^(t-1) h'_j^(t-1)) ]
    eps_w^t = J^t eps_w^(t-1) + (immediate derivative, with the explicit path of a threshold through z^(t-1))
    e_w^t   = h'^t * eps_w^t + (explicit path)
    L_l^t   = dE^t/dz_K^t  prod_(k = K .. l+1) diag(h'_k^t) diag(g'_k^t) W_k          (the same step only)
    dE/dw_l = sum_t L_l^t . e_l^t

``ostl-random`` puts fixed matrices B_k in the place of W_k in the product (Eq. 26-27 of the paper)::

    L_l^t   = dE^t/dz_K^t  prod_(k = K .. l+1) diag(h'_k^t) diag(g'_k^t) B_k          (the same step only)

The row is written for any cell: the trace keeps every edge inside the parameter's own layer, the credit none above.
For an LSTM the state is (c, h): with c alone, as in the two-term form that others restate of the paper, the path of
h^(t-1) through the output gate would be lost (mathematics.md 4.4).

Dropped: paths that go up from a layer and then move through time inside an upper layer, R of mathematics.md 4.3.
Cost of a layer of n units: n^3 values, n^4 per step; n^2 and n^2 without lateral weights, where J is diagonal. Leaving
lateral weights that exist out of the trace is another rule (trap T09), and dropping the recursion is a third (T23).
Exact: one layer with memory; more if nothing above has memory. How large R is is a property of the network: the
lessons on OSTL and on depth measure it over 200 draws each. With random feedback: the last layer alone. A single layer
with memory under a readout is not, whether or not the readout has a memory: B stands in the place of the readout's
weight.
Left open by what could be read: the printed form of R and the paper's complexity table (mathematics.md 17).
"""

from gradcert.reference.networks import TEMPORAL
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "ostl",
        "Online spatio-temporal learning",
        own=TEMPORAL,
        upper=frozenset(),
        source="arXiv 2007.12723",
        exact="one layer with memory; or no memory above it",
        drops="time inside the layers above the parameter",
        time="n^4 (n^2 without lateral weights)",
        memory="n^3 (n^2 without lateral weights)",
        page=__doc__,
    ),
    Rule(
        "ostl-random",
        "OSTL with random feedback",
        own=TEMPORAL,
        upper=frozenset(),
        feedback="random",
        source="arXiv 2007.12723, Eq. 26-27",
        exact="the last layer",
        drops="time inside the layers above, and their weights' transposes",
        time="n^4 (n^2 without lateral weights)",
        memory="n^3 (n^2 without lateral weights)",
        page=__doc__,
    ),
)
