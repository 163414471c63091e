"""The derivations, one file each; `CHAPTERS` is the table of contents. Adding one is adding a file and a row."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from gradcert.derivations.proving.record import Derivation
from gradcert.reference.errors import GradcertError

#: name -> title, in reading order
CHAPTERS: dict[str, str] = {
    "paths": "BPTT, RTRL and one sum over paths",
    "ostl": "OSTL from first principles",
    "depth": "Depth: the residual and its bounds",
    "bounds": "The bounds, proved about their code",
    "gated": "Gated cells: LSTM and GRU",
    "eprop": "e-prop by cutting edges",
    "ottt": "OTTT, SLTT and OTPE",
    "stllr": "S-TLLR: causal and acausal traces",
    "local": "DECOLLE and TESS: a loss for every layer",
    "fptt": "FPTT and liquid time constants",
    "osttp": "OSTTP, target projection and random feedback",
    "rates": "Rate-based backpropagation and NDOT",
    "unbiased": "UORO and KF-RTRL: unbiased by enumeration",
    "sampled": "SLTT-K, ETLP and OPZO: draws and their means",
    "snap": "SnAp-n: patterns and the diameter",
    "convolution": "Convolution and pooling: shared weights",
    "complexity": "Complexity, counted in the running code",
    "fixedpoint": "Fixed point: rounding in a trace",
}


@cache
def chapter(name: str) -> Derivation:
    """Return a derivation.

    Examples
    --------
    >>> chapter("paths").title
    'BPTT, RTRL and one sum over paths'
    """
    if name not in CHAPTERS:
        raise GradcertError(f"the derivation {name!r} is unknown", allowed=", ".join(CHAPTERS))
    derivation: Derivation = import_module(f"gradcert.derivations.chapters.{name}").DERIVATION
    return derivation
