"""Aligned: cosine, sign agreement and ratio of norms inside stated limits, layer by layer; never cosine alone.

The reference g is the claimed row's gradient, known up to its budget b, entry by entry. For a subject's gradient h the
inner product is at least sum h g - sum |h| b - gamma_(n+2) sum |h| |g| (the last term for our own sum of n products),
and |g| is between |g| - |b| and |g| + |b|. A limit counts as kept only where it is kept for every gradient inside the
budget, so that a positive cosine is a proven descent direction of each layer, on every case. Signs are compared where
|g| > b.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.claims import Claim
from gradcert.certify.judging import controls
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.engines import gamma
from gradcert.reference.networks import PREFIX
from gradcert.reference.numbers import Array

SIDE = 0.9  # how far outside its limit a control lies


@dataclass(frozen=True)
class Alignment:
    """What is certain about one layer.

    Attributes
    ----------
    margin : lower bound on the inner product.
    cosine, signs : lower bounds on cosine and on the fraction of entries with the same sign.
    shortest, longest : bounds on the subject's norm over the reference's.
    """

    margin: float
    cosine: float
    signs: float
    shortest: float
    longest: float

    def worst(self, limits: Mapping[str, object]) -> tuple[str, float]:
        """Return the limit that is nearest, and how much of it is used: more than 1 is outside."""
        low, high = (float(v) for v in limits["ratio"])  # type: ignore[attr-defined]
        used = {
            "cosine": _over(float(str(limits["cosine"])), self.cosine),
            "sign agreement": _over(float(str(limits["signs"])), self.signs),
            "ratio of norms": max(_over(low, self.shortest), self.longest / high),
        }
        return max(used.items(), key=lambda item: item[1])


def _over(limit: float, value: float) -> float:
    if limit == 0:
        return 0.0
    return limit / value if value > 0 else float("inf")


def layers(case: Case, given: Mapping[str, Array]) -> dict[str, Alignment]:
    """Return what is certain about every layer."""
    names: dict[str, list[str]] = {}
    for name in case.expected.gradients:
        names.setdefault(".".join(name.removeprefix(PREFIX).split(".")[:2]), []).append(name)
    return {layer: _layer(case, given, members) for layer, members in names.items()}


def _layer(case: Case, given: Mapping[str, Array], names: list[str]) -> Alignment:
    bounds = case.expected.gradients
    h = np.concatenate([np.asarray(given[n], dtype=float).ravel() for n in names])
    g = np.concatenate([bounds[n].value.ravel() for n in names])
    b = np.concatenate([bounds[n].budget.ravel() for n in names])
    lost = gamma(len(h) + 2)
    margin = float(h @ g - (abs(h) @ b) * (1 + lost) - lost * (abs(h) @ abs(g)))
    size, known, slack = (float(np.sqrt(v @ v)) for v in (h, g, b))
    most, least = (known + slack) * (1 + 2 * lost), max(known - slack, 0.0) * (1 - 2 * lost)
    sure = abs(g) > b
    signs = float((np.sign(h) == np.sign(g))[sure].mean()) if sure.any() else 1.0
    if margin > 0:
        cosine = margin / (size * most) * (1 - 2 * lost)
    else:
        cosine = margin / (size * least) if size * least else -1.0
    return Alignment(margin, cosine, signs, size / most if most else 1.0, size / least if least else float("inf"))


def check(case: Case, answer: Answer, claim: Claim) -> list[Finding]:
    """Return the layer that is farthest outside its limits."""
    given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
    found = {layer: (a, *a.worst(claim.within)) for layer, a in layers(case, given).items()}
    layer, (a, what, used) = max(found.items(), key=lambda item: item[1][2])
    if used <= 1:
        return []
    value = {"cosine": a.cosine, "sign agreement": a.signs, "ratio of norms": a.longest}[what]
    limit = {"cosine": "cosine", "sign agreement": "signs", "ratio of norms": "ratio"}[what]
    reason = f"in {layer} the {what} with {case.rule.name} is {value:.3g}; claimed is {claim.within[limit]}"
    where = {"layer": layer, "cosine": a.cosine, "signs": a.signs, "ratio": a.longest, "inner product": a.margin}
    return [Finding("gradient", case.id, reason, where=where)]


def used(case: Case, given: Mapping[str, Array], claim: Claim) -> float:
    """Return how much of its limits the worst layer uses."""
    return max(a.worst(claim.within)[1] for a in layers(case, given).values())


def allowed(cases: Iterable[Case], claim: Claim) -> list[str]:
    """Return the mistakes, of those that an exact claim has to refute, which the limits allow on every case shown them.

    Limits may be so wide that they say little: what they say is said of these very cases. Roundings are left out.
    """
    kept: dict[str, bool] = {}
    for case in cases:
        known = controls.gradients(case)
        _, right = next(known)
        for name, wrong in known:
            if name not in controls.ROUNDINGS and controls.refuted(case, wrong, right) is not None:
                kept[name] = kept.get(name, True) and not check(case, Answer(gradients=dict(wrong)), claim)
    return [name for name, inside in kept.items() if inside]


def variants(case: Case, claim: Claim) -> Iterator[tuple[str, bool | None]]:
    """Yield gradients that are just outside each limit."""
    right = {k: b.value for k, b in case.expected.gradients.items()}
    low, high = (float(v) for v in claim.within["ratio"])
    wrong = {
        "sign reversed": {k: -v for k, v in right.items()},
        "too long": {k: v * high / SIDE for k, v in right.items()},
        "too short": {k: v * low * SIDE for k, v in right.items()},
        "turned away": _turned(right, SIDE * float(claim.within["cosine"])),
    }
    if float(claim.within["signs"]) > 0:
        wrong["signs mixed"] = _mixed(right, SIDE * float(claim.within["signs"]))
    for name, gradients in wrong.items():
        yield name, bool(check(case, Answer(gradients=gradients), claim))


def _turned(right: Mapping[str, Array], cosine: float) -> dict[str, Array]:
    """Return gradients as long as the right ones, at an angle of a given cosine in every parameter that has one."""
    rng = np.random.default_rng(0)
    out = {}
    for name, g in right.items():
        size = float(np.linalg.norm(g))
        other: Array = np.asarray(rng.standard_normal(g.shape))
        other = other - g * float((other * g).sum()) / size**2 if size else other
        length = float(np.linalg.norm(other))
        out[name] = cosine * g + np.sqrt(1 - cosine**2) * other * (size / length) if length and size else -g
    return out


def _mixed(right: Mapping[str, Array], part: float) -> dict[str, Array]:
    """Return gradients of which only a part of the entries, the largest ones, have the right sign."""
    out = {}
    for name, g in right.items():
        order = np.argsort(-abs(g), axis=None)
        signs = np.full(g.size, -1.0)
        signs[order[: int(part * g.size)]] = 1.0
        out[name] = g * signs.reshape(g.shape)
    return out
