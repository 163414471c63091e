"""Wrong gradients, by the section of the trap catalogue (mathematics.md 14) that they belong to."""

from gradcert.properties.gallery.wrong import (
    circumstances,
    credit,
    e_prop,
    fptt,
    gated_cells,
    given,
    graphs,
    influence,
    learners,
    numerics,
    own_trace,
    parameters,
    temporal,
)

_FILES = (
    temporal,
    parameters,
    e_prop,
    credit,
    own_trace,
    influence,
    gated_cells,
    fptt,
    numerics,
    learners,
    given,
    graphs,
)
WRONG = {entry.name: entry for file in _FILES for entry in file.ENTRIES}
BLIND = {entry.name: entry for entry in circumstances.ENTRIES}  # wrong in one circumstance alone

# Traps that need a cell, a layer or a procedure that the reference does not have.
NOT_APPLICABLE = {
    "T36": "no cell clamps a parameter",
    "T50": "a procedure over several sequences: adaptive feedback",
    "T59": "collapses H into a trace of two indices, a shape error in any subject; T24 and T94 stand for it",
    "T71": "no batch normalisation or weight standardisation",
    "T78": "DECOLLE's neuron with two filters in series is no cell of the reference",
    "T79": "a property of in-place operations of one framework",
    "T80": "ESPP is no rule of the reference",
    "T81": "STOP is no rule of the reference; OPZO's matrix is a state over sequences",
    "T83": "HLOP is no rule of the reference",
    "T89": "a mistake of the test, not of the gradient: pairs of opposite noise are one draw",
    "T93": "a subject is given fixed weights; an update inside is T54",
    "T112": "no buffers",
}

__all__ = ["BLIND", "NOT_APPLICABLE", "WRONG"]
