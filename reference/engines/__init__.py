"""The engines: any row of the rule table, backwards (`reverse`) and forwards (`forward`), and what the row leaves out.

`tape` records a forward pass, `factors` its local derivatives, `sweep` pulls credit back through one layer, `paths`
sums paths by length; `structure`, `step` and `tangent` make the forward engine; `residual` and `majorant` measure.
Generic in the rule, the cell and the number system: a new rule or cell needs no change here.
"""

from gradcert.reference.engines import forward, reverse
from gradcert.reference.engines.credit import arriving, local_credit, objective, projected_signal
from gradcert.reference.engines.forward import Learner
from gradcert.reference.engines.majorant import UNIT_ROUNDOFF, gamma, majorant
from gradcert.reference.engines.paths import truncated_sums
from gradcert.reference.engines.residual import (
    PROJECTED,
    above,
    check_rule,
    residual,
    tape_residual,
)
from gradcert.reference.engines.reverse import tape_gradients
from gradcert.reference.engines.step import Step, absorb, across, immediate, within
from gradcert.reference.engines.structure import basis, copies, fed_by, kept_links, reachable, reached
from gradcert.reference.engines.sweep import (
    Adjoints,
    at,
    by_layer,
    credit_below,
    error_node,
    layer_gradients,
    named,
    pull_link,
    pull_use,
    spread,
    sweep,
    weights_down,
)
from gradcert.reference.engines.tangent import ONE, Tangent, applied
from gradcert.reference.engines.tape import (
    LayerTape,
    Tape,
    given_masks,
    joined,
    lasting,
    left_by,
    local_parameters,
    new_value,
    nothing,
    prepared,
    record,
    record_layer,
    restarted,
    run,
    starting,
    weight_of,
)

__all__ = [
    "ONE",
    "PROJECTED",
    "UNIT_ROUNDOFF",
    "Adjoints",
    "LayerTape",
    "Learner",
    "Step",
    "Tangent",
    "Tape",
    "above",
    "absorb",
    "across",
    "applied",
    "arriving",
    "at",
    "basis",
    "by_layer",
    "check_rule",
    "copies",
    "credit_below",
    "error_node",
    "fed_by",
    "forward",
    "gamma",
    "given_masks",
    "immediate",
    "joined",
    "kept_links",
    "lasting",
    "layer_gradients",
    "left_by",
    "local_credit",
    "local_parameters",
    "majorant",
    "named",
    "new_value",
    "nothing",
    "objective",
    "prepared",
    "projected_signal",
    "pull_link",
    "pull_use",
    "reachable",
    "reached",
    "record",
    "record_layer",
    "residual",
    "restarted",
    "reverse",
    "run",
    "spread",
    "starting",
    "sweep",
    "tape_gradients",
    "tape_residual",
    "truncated_sums",
    "weight_of",
    "weights_down",
    "within",
]
