"""Networks: edges, cells (`cells/`, one a file), synapses (`synapses/`), layers, losses, and the record of a problem.

A new cell is a file and a row of `CELLS`, a new synapse one of `SYNAPSES`, a new loss a form or a
collection in `losses/`. Nothing here knows rules or gradients.
"""

from gradcert.reference.networks.arrays import check_array
from gradcert.reference.networks.cells import (
    CELLS,
    Alif,
    Gru,
    Integrator,
    LeakyRnn,
    Lif,
    Lstm,
    Ltc,
    Refractory,
    Rnn,
    Snu,
    Ssnu,
    Synaptic,
    alif,
    attribute_of,
    cell_named,
    file_of,
    gru,
    lif,
    ltc,
    options,
    rnn,
    snu_equations,
)
from gradcert.reference.networks.cells.lstm import PEEPHOLE_USES, PEEPHOLES
from gradcert.reference.networks.cells.masked import masked, masks_of
from gradcert.reference.networks.cells.options import Convention, alternatives, conventions, with_convention
from gradcert.reference.networks.cells.protocol import Cell, Drive, Nodes
from gradcert.reference.networks.data import PREFIX, Data, check_begins, check_data
from gradcert.reference.networks.edges import TEMPORAL, Edge, Link, Use
from gradcert.reference.networks.graph import Circuit, Connection, Graph, Member, Population, graph_from
from gradcert.reference.networks.layer import Layer, check_options, options_of
from gradcert.reference.networks.loss import KINDS, WHEN, Loss, check_plain
from gradcert.reference.networks.losses import FORMS, Activity, Form, Local, is_formula, own, read_formula, written
from gradcert.reference.networks.network import (
    Network,
    Parameters,
    check_no_graph,
    check_parameters,
    check_problem,
    from_dict,
    with_cells,
    with_loss,
)
from gradcert.reference.networks.presets import Preset, norse_lif_box, snntorch_leaky, spikingjelly_lif
from gradcert.reference.networks.problem import Problem, check_short, problem_from_json, problem_from_record
from gradcert.reference.networks.synapses import SYNAPSES, AvgPool, Conv2d, Dense, Sparse
from gradcert.reference.networks.synapses.protocol import Synapse

__all__ = [
    "CELLS",
    "FORMS",
    "KINDS",
    "PEEPHOLES",
    "PEEPHOLE_USES",
    "PREFIX",
    "SYNAPSES",
    "TEMPORAL",
    "WHEN",
    "Activity",
    "Alif",
    "AvgPool",
    "Cell",
    "Circuit",
    "Connection",
    "Conv2d",
    "Convention",
    "Data",
    "Dense",
    "Drive",
    "Edge",
    "Form",
    "Graph",
    "Gru",
    "Integrator",
    "Layer",
    "LeakyRnn",
    "Lif",
    "Link",
    "Local",
    "Loss",
    "Lstm",
    "Ltc",
    "Member",
    "Network",
    "Nodes",
    "Parameters",
    "Population",
    "Preset",
    "Problem",
    "Refractory",
    "Rnn",
    "Snu",
    "Sparse",
    "Ssnu",
    "Synapse",
    "Synaptic",
    "Use",
    "alif",
    "alternatives",
    "attribute_of",
    "cell_named",
    "check_array",
    "check_begins",
    "check_data",
    "check_no_graph",
    "check_options",
    "check_parameters",
    "check_plain",
    "check_problem",
    "check_short",
    "conventions",
    "file_of",
    "from_dict",
    "graph_from",
    "gru",
    "is_formula",
    "lif",
    "ltc",
    "masked",
    "masks_of",
    "norse_lif_box",
    "options",
    "own",
    "problem_from_json",
    "problem_from_record",
    "read_formula",
    "rnn",
    "snntorch_leaky",
    "snu_equations",
    "spikingjelly_lif",
    "with_cells",
    "with_convention",
    "with_loss",
    "written",
]
