"""Truncated backpropagation through time, in its two forms, which differ.

Paper: Williams & Peng 1990; the chunked form is what ``state.detach()`` between parts of a sequence computes.

The equations::

    sliding window K   dE/dw = sum_t sum_(s = t-K+1 .. t) (dE^t/dh^t) J^t ... J^(s+1) D^s
    chunks of K        the same with s from the start of the chunk that t lies in

A path of the sliding window spans at most K steps, counting the first; one of the chunked form may not cross a
multiple of K, so that the loss at the first step of a chunk has no past at all.

Dropped: paths longer than the window; paths that cross the border of a chunk.
Cost of a layer of n units per step: chunks n^2 and K n values; sliding window K n^2 and K n values.
Exact: for T <= K.
"""

from gradcert.reference.networks import TEMPORAL
from gradcert.reference.rules.rule import Rule

ROWS = (
    Rule(
        "tbptt",
        "Truncated BPTT, sliding window",
        own=TEMPORAL,
        upper=TEMPORAL,
        window=5,
        source="Williams & Peng 1990",
        exact="T <= window",
        drops="paths that span more steps than the window",
        time="K n^2",
        memory="K n",
        page=__doc__,
    ),
    Rule(
        "tbptt-chunks",
        "Truncated BPTT, state detached between chunks",
        own=TEMPORAL,
        upper=TEMPORAL,
        chunk=5,
        source="state.detach() in training loops",
        exact="T <= chunk",
        drops="paths that cross a multiple of the chunk length",
        time="n^2",
        memory="K n",
        page=__doc__,
    ),
)
