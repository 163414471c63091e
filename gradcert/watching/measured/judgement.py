"""What was found at one step of training, and how it is said: a table, JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FAILED = "not judged"  # a verdict of no gradients: why there is none is the cause
LIKE = "most like"  # what a sentence begins with that says what gradients are near
NONE = "no row of the table"  # and one that says what they are not


@dataclass(frozen=True)
class Of:
    """One parameter.

    Attributes
    ----------
    error : the largest entry of the difference from the claimed gradients; of the nearest row's without a claim.
    allowed : what rounding explains.
    cosine, norm : against BPTT: the cosine, and the ratio of the norms; None where one of them is zero.
    dropped : what the rule drops of BPTT: the norm of the difference over the norm of BPTT's; None where that is zero.
    """

    error: float
    allowed: float
    cosine: float | None
    norm: float | None
    dropped: float | None = None

    @property
    def right(self) -> bool:
        """Whether rounding explains the difference."""
        return self.error <= self.allowed

    @property
    def share(self) -> float:
        """The error over what is allowed: above 1 rounding does not explain it."""
        return self.error / self.allowed if self.allowed else float("inf") if self.error else 0.0


@dataclass(frozen=True)
class Judgement:
    """One step.

    Attributes
    ----------
    step : the number of the step, from 0.
    verdict : ``right``, ``wrong``, ``named`` (no claim, and a row fits), ``unnamed``, or ``not judged``.
    claim : the rule. `rows` : rows that the gradients are, where that was asked.
    cause : what they are instead, a sentence; "" where none is known. Of a row, what it comes from in the code.
    parameters : by name.
    notes : what else has to be said. `seconds` : processor time that it took.
    file : where it is kept.
    descent : what the cosine of all gradients together to BPTT's is at least; 0 where it may be negative, None where
        there is no such number (`gradcert.watching.measured.figures`).
    edges : kind and layer of an edge that the rule drops -> its share of what is dropped.
    seen : of gradients that are right, where that was asked: parameter -> the share of itself from which on a gradient
        that is wrong as a whole, by a factor, would have been seen.
    """

    step: int
    verdict: str
    claim: str | None
    parameters: dict[str, Of]
    rows: tuple[str, ...] = ()
    cause: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    file: str = ""
    descent: float | None = None
    edges: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; a number that is not finite is None there."""
        found: dict[str, Any] = _finite(asdict(self))
        return found

    @property
    def worst(self) -> float:
        """The largest error over what is allowed."""
        return max((of.share for of in self.parameters.values()), default=0.0)

    @property
    def known(self) -> bool:
        """Whether it is said what the gradients are: right, a row of the table, or, unclaimed, a row with a mistake."""
        if self.verdict == "unnamed":
            return explained(self)
        return self.verdict in ("right", "named")

    def sentence(self) -> str:
        """Return it in a sentence."""
        if self.verdict == "right":
            return f"step {self.step}: the gradients of {self.claim}"
        if self.verdict == "named":
            return f"step {self.step}: the gradients of {' = '.join(self.rows)}" + (
                f": {self.cause}" if self.cause else ""
            )
        if self.verdict == FAILED:
            return f"step {self.step}: not judged: {self.cause}"
        wrong = [name for name, of in self.parameters.items() if not of.right]
        what = self.cause or f"not explained; wrong in {', '.join(wrong)}"
        return f"step {self.step}: {'not the gradients of ' + self.claim + ': ' if self.claim else ''}{what}"


def explained(judgement: Judgement) -> bool:
    """Return whether it is said what gradients are that are not the claimed ones, and not only what they are near."""
    return bool(judgement.cause) and not judgement.cause.startswith((LIKE, NONE))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(judgements: Sequence[Judgement]) -> str:
    """Return a report: a line for every judgement, and the parameters of the last one and of the first wrong one.

    Examples
    --------
    >>> print(table([Judgement(0, "right", "bptt", {"W": Of(1e-8, 1e-6, 1.0, 1.0)})]))
    1 judged, 1 right
    step 0: the gradients of bptt
      parameter      error  allowed   cos BPTT  norm/BPTT
      W            1.0e-08  1.0e-06     1.0000     1.0000
    """
    if not judgements:
        return "nothing was judged"
    good, failed = sum(j.known for j in judgements), [j for j in judgements if j.verdict == FAILED]
    word = "right" if judgements[0].claim else "named"
    lines = [
        f"{len(judgements) - len(failed)} judged, {good} {word}"
        + (f", {len(failed)} not judged" if failed else "")
        + (": there is no verdict" if len(failed) == len(judgements) else "")
    ]
    first = next((j for j in judgements if j.verdict in ("wrong", "unnamed")), None)
    for j in dict.fromkeys(j.step for j in (first, *failed[:1], judgements[-1]) if j is not None):
        found = next(k for k in judgements if k.step == j)
        lines += [found.sentence(), *rows(found), *(f"  note: {n}" for n in found.notes)]
        lines += [f"  kept in {found.file}"] if found.file else []
    fine = next((j for j in reversed(judgements) if j.seen), None)
    return "\n".join([*lines, f"  {seen_from(fine)}"] if fine is not None and judgements[-1].known else lines)


def seen_from(judgement: Judgement) -> str:
    """Return from which factor on a gradient that is wrong as a whole was seen, in the weakest parameter and the best.

    Examples
    --------
    >>> seen_from(Judgement(3, "right", "bptt", {}, seen={"W": 1e-4, "b": 2e-6}))
    'at step 3 a factor on all of a gradient was seen from 1 ± 0.0001 on in W, the weakest; from 1 ± 2e-06 on in b'
    """
    (most, weakest), (least, best) = (pick((v, n) for n, v in judgement.seen.items()) for pick in (max, min))
    said = f"at step {judgement.step} a factor on all of a gradient was seen from 1 ± {most:.2g} on in {weakest}"
    return said + (f", the weakest; from 1 ± {least:.2g} on in {best}" if best != weakest else "")


def rows(judgement: Judgement) -> list[str]:
    """Return the table of a judgement's parameters, line by line."""
    if not judgement.parameters:
        return []
    width = max(12, *(len(name) + 2 for name in judgement.parameters))
    out = [f"  {'parameter':<{width}}{'error':>8}{'allowed':>9}{'cos BPTT':>11}{'norm/BPTT':>11}"]
    for name, of in judgement.parameters.items():
        cosine, norm = (f"{v:.4f}" if v is not None else "-" for v in (of.cosine, of.norm))
        mark = "" if of.right else "  wrong" if judgement.claim else "  differs"
        out.append(f"  {name:<{width}}{of.error:>8.1e}{of.allowed:>9.1e}{cosine:>11}{norm:>11}{mark}")
    return out
