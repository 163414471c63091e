"""Gradients that are a number times the claimed ones, all of them or those of some parameters.

A number can be fitted to anything. It is a cause where it is another one than 1 as it is printed, explains every entry
within what rounding does, and most of the difference in norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcert.watching.measured.comparing import FITTED, agrees, differing, norm, of, residual
from gradcert.watching.measured.evidence import Evidence, Gradients

CLAIM = "the claimed gradients"


def multiples(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float]) -> Iterator[str]:
    """Yield the sentence, where one number is all that is wrong."""
    factor = fitted(evidence, claimed)
    for number in () if factor is None else (*_near(factor, evidence), factor):
        found = {n: number * v for n, v in claimed.items()}
        if f"{number:.6g}" != "1" and _explains(found, claimed, evidence, relative):
            yield _scaled(number, evidence)


def single(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float]) -> str:
    """Return which parameters' gradients are multiplied by a number, where that is all that is wrong; "" elsewhere.

    A gradient of one number that is not 0 is always a multiple: then nothing is said.
    """
    factors = dict[str, float]()
    for name in differing(claimed, evidence, relative):
        factor = fitted(evidence, {name: claimed[name]})
        if factor is None or np.count_nonzero(claimed[name]) < 2 or f"{factor:.6g}" == "1":
            return ""
        factors[name] = factor
    found = {name: factors.get(name, 1.0) * value for name, value in claimed.items()}
    if not factors or not _explains(found, claimed, evidence, relative):
        return ""
    said = [f"{n} times {f:.6g}{' (there is a hook on it)' * (n in evidence.hooked)}" for n, f in factors.items()]
    parts = f" (there are backward hooks on {', '.join(evidence.parts)})" if evidence.parts else ""
    return f"{CLAIM}, but {', '.join(said)}{parts}"


def fitted(evidence: Evidence, claimed: Gradients) -> float | None:
    """Return the number by which all claimed gradients would have to be multiplied, if there is a plain one."""
    product = sum(float((of(evidence.given, n) * v).sum()) for n, v in claimed.items())
    size = sum(float((v**2).sum()) for v in claimed.values())
    factor = product / size if size else 0.0
    return factor if factor and np.isfinite(factor) else None


def _explains(found: Gradients, claimed: Gradients, evidence: Evidence, relative: Mapping[str, float]) -> bool:
    if not agrees(found, evidence, relative, times=1):
        return False
    return all(
        residual({n: v}, evidence) <= FITTED * residual({n: claimed[n]}, evidence)
        for n, v in found.items()
        if n in differing(claimed, evidence, relative)
    )


def _plain(evidence: Evidence) -> dict[int, str]:
    """Return numbers that averages are taken over."""
    steps, batch, outputs = evidence.deltas[0].shape
    if evidence.runs[0].light:  # in parts
        batch = sum(delta.shape[1] for delta in evidence.deltas)
    sequences = len(evidence.runs) if not evidence.runs[0].light else 1
    named = {
        "T": steps,
        "the batch size": batch,
        "T times the batch size": steps * batch,
        "the number of outputs": outputs,
        "the number of sequences": sequences,
    }
    numbers = dict.fromkeys(n for n in named.values() if n > 1)
    return {n: " or ".join(what for what, number in named.items() if number == n) for n in numbers}


def _near(factor: float, evidence: Evidence) -> Iterator[float]:
    """Yield the numbers with a name that one is near to."""
    for number in _plain(evidence):
        for exact in (float(number), 1 / number):
            if abs(factor / exact - 1) < 1e-3:
                yield exact
    if factor > 0 and abs(np.log2(factor) - round(np.log2(factor))) < 1e-6:
        yield float(2.0 ** round(np.log2(factor)))


def _scaled(factor: float, evidence: Evidence) -> str:
    for number, what in _plain(evidence).items():
        if factor == number:
            return f"{CLAIM} times {number}, {what}: an average is missing"
        if factor == 1 / number:
            return f"{CLAIM} divided by {number}, {what}"
    if factor > 1 and float(np.log2(factor)).is_integer():
        return f"{CLAIM} times {factor:g}: a loss scale that is not taken back"
    size = norm(evidence.given)
    limit = float(f"{size:.1g}")
    # of `clip_grad_norm_`: it adds 1e-6 to the norm that it divides by, and works in float32
    if 0 < factor < 1 and abs(size - limit) < (1e-5 + 1e-6 * factor / size) * limit:
        return f"{CLAIM} times {factor:.6g}, as if clipped to a norm of {limit:g}: judge before clipping"
    return f"{CLAIM} times {factor:.6g}"
