"""Gradients that were clipped: scaled to a norm where theirs is above it, or cut off entry by entry.

The limit is read off a case that is wrong, and has to be a number of few digits, or to be the same in a second one;
every case, those that stayed below the limit included, then has to be what clipping makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.problems import Bounds
from gradcert.reference.networks import PREFIX
from gradcert.reference.numbers import FORMATS, Array
from gradcert.reference.published import Claimed

DIGITS = 3  # of a limit that somebody chose
MORE = 12  # of one that a second case has as well
CLOSE = 1e-8  # relative
ADDED = (1e-6, 0.0)  # what libraries add to a norm that they divide by


@dataclass(frozen=True)
class Way:
    """A way to clip.

    Attributes
    ----------
    what : a key.
    label : in words, with the limit in the place of ``{c}``.
    limit : the limit that was used, read off a case that is wrong; None where there is none.
    clipped : what becomes of a reference, within budgets.
    """

    what: str
    label: str
    limit: Callable[[Evidence], float | None]
    clipped: Callable[[Evidence, float], Mapping[str, Bounds]]


def make(evidence: Sequence[Evidence], claimed: Claimed) -> Iterator[Candidate]:
    """Yield the claimed gradient clipped in each way, with the limit that fits what is wrong."""
    for way in WAYS:
        limits = [c for e in evidence if len(e.right) < len(e.given) and (c := way.limit(e)) is not None]
        c = _chosen(limits, max(FORMATS[e.case.problem.dtype].unit for e in evidence))
        if c is None:
            continue

        def bounds(e: Evidence, way: Way = way, c: float = c) -> Mapping[str, Bounds]:
            return way.clipped(e, c)

        def floats(e: Evidence, way: Way = way, c: float = c) -> Mapping[str, Array]:
            return {name: b.value for name, b in way.clipped(e, c).items()}

        label = way.label.format(c=f"{c:.6g}")
        yield Candidate(f"amount:{way.what}", f"{claimed.name}, {label}", floats, bounds, kept=True)


def _chosen(limits: list[float], unit: float) -> float | None:
    """Return the limit that cases have in common: of few digits, or met in two of them."""
    near = max(CLOSE, 64 * unit)
    for digits in (DIGITS, MORE)[: min(len(limits), 2)]:
        short = float(f"{limits[0]:.{digits}g}")
        if all(abs(short - other) <= near * abs(short) for other in limits):
            return short
    return None


def _names(e: Evidence) -> list[str]:
    return [name for name in e.given if not name.startswith(PREFIX)]


def _norm(arrays: Sequence[Array]) -> float:
    return float(np.sqrt(sum(float((g * g).sum()) for g in arrays)))


def _together(e: Evidence) -> list[list[str]]:
    return [_names(e)]


def _each(e: Evidence) -> list[list[str]]:
    return [[name] for name in _names(e)]


def _to_norm(groups: Callable[[Evidence], list[list[str]]], added: float, what: str, whose: str) -> Way:
    """Return clipping by norm, of all parameters together or of each."""

    def limit(e: Evidence) -> float | None:
        for names in groups(e):
            given = _norm([e.given[n] for n in names])
            right = _norm([e.case.expected.gradients[n].value for n in names])
            if any(n not in e.right for n in names):
                return given * (right + added) / right if 0 < given < right * (1 + CLOSE) else None
        return None

    def clipped(e: Evidence, c: float) -> Mapping[str, Bounds]:
        expected = e.case.expected.gradients
        unit = FORMATS[e.case.problem.dtype].unit
        out = dict(expected)
        for names in groups(e):
            mine = {n: expected[n] for n in names}
            size, away = (_norm([getattr(b, part) for b in mine.values()]) for part in ("value", "budget"))
            if size <= c - added:
                continue
            by = c / (size + added)
            # the norm is rounded as well, and so is what it is the norm of
            off = away / size + (8 + sum(b.value.size for b in mine.values())) * unit
            for n, b in mine.items():
                out[n] = Bounds(b.value * by, by * (b.budget + off * (np.abs(b.value) + b.budget)))
        return out

    scaled = f"every gradient whose norm{whose} is above {{c}} scaled to norm {{c}}, and the others untouched"
    return Way(f"{what}{', a little added' * bool(added)}", f"{scaled}: clipped by norm", limit, clipped)


def _to_value(upper: bool, lower: bool, what: str, label: str) -> Way:
    """Return clipping entry by entry, on one side or both."""

    def limit(e: Evidence) -> float | None:
        wrong = [n for n in _names(e) if n not in e.right]
        sizes = [s for n in wrong for s in _met(e.given[n], e.case.expected.gradients[n].value, upper, lower)]
        return max(sizes) if sizes else None

    def clipped(e: Evidence, c: float) -> Mapping[str, Bounds]:
        out = dict(e.case.expected.gradients)
        for n in _names(e):
            b = out[n]
            value = np.clip(b.value, -c if lower else None, c if upper else None)
            sure = np.abs(value - b.value) > b.budget  # far enough outside to be cut off in any case
            unit = FORMATS[e.case.problem.dtype].unit
            out[n] = Bounds(value, np.where(sure, unit * abs(c), b.budget))
        return out

    return Way(what, f"{label}, and the others untouched: clipped by value", limit, clipped)


def _met(given: Array, right: Array, upper: bool, lower: bool) -> list[float]:
    """Return the sizes of the entries that are nearer to zero than they should be, on a side that is cut off."""
    up = given[(right > given) & (given > 0)] if upper else given[:0]
    low = given[(right < given) & (given < 0)] if lower else given[:0]
    far = np.abs(np.concatenate([np.ravel(up), np.ravel(low)]))
    return [float(far.max())] if far.size else []


WAYS = (
    *(_to_norm(_together, added, "clipped", " over all parameters") for added in ADDED),
    *(_to_norm(_each, added, "clipped, each parameter", " of one parameter") for added in ADDED),
    _to_value(True, True, "clipped by value", "every entry above {c} or below -{c} cut off there"),
    _to_value(True, False, "clipped by value, upper", "every entry above {c} cut off there"),
    _to_value(False, True, "clipped by value, lower", "every entry below -{c} cut off there"),
)
