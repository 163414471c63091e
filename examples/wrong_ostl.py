"""A common mistake: OSTL whose eligibility tensors forget that the reset depends on the spike.

The state keeps ``leak v (1 - z)``, but its Jacobian is only ``leak (1 - z)``: the term ``- leak v h'`` is missing, as
if the reset had been taken out of the graph. Everything else is ``numpy_ostl.py``: the outputs are right, the loss
falls during training, and where few units spike the gradient is off by a few percent, which a loose tolerance passes.
The claim is OSTL, and it has to be refuted.
"""

from numpy_ostl import OPTIONS, ostl

import gradcert


@gradcert.claim(rule="ostl", cells=("snu", "ssnu"), depths=(1, 2), dtype="float64", options=OPTIONS)
def gradients(problem):
    """OSTL without the RESET edge."""
    return ostl(problem, reset_edge=False)
