"""A claim: what a subject says that it computes. What it does not declare is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from gradcert.certify.claims import circumstances
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import KINDS, cell_named
from gradcert.reference.rules import rule_named

CLASSES = ("exact", "bounded", "aligned", "unbiased")
DTYPES = ("float64", "float32")
ATTRIBUTE = "__gradcert_claim__"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True)
class Claim:
    """What is claimed.

    Attributes
    ----------
    rule : a row of the rule table, such as ``ostl`` or ``tbptt(3)``.
    cells : cells of which stacks are built, one network per cell.
    depths : numbers of layers.
    dtype : the arithmetic of the whole computation, ``float64`` or ``float32``.
    acceptance : when a gradient is accepted (`gradcert.certify.judging.acceptance`):
        ``exact``, every entry is inside its budget; ``bounded``, no entry is farther from BPTT than the bound proven
        for the rule, or, with ``limits={"error": 0.2}``, no parameter's gradient is, in norm, by that part of BPTT's;
        ``aligned``, cosine, sign agreement and ratio of norms to the rule's gradient, layer by layer, are inside
        ``limits={"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}``; ``unbiased``, the mean over the subject's own
        randomness is the rule's gradient. An unbiased subject takes its randomness from ``problem.seed``.
    limits : what ``bounded`` and ``aligned`` are held to.
    online : whether the subject, a stepwise learner, is online: causal, with constant memory, consistent with every
        prefix, and fresh for every sequence (`gradcert.certify.runs.online`).
    options : conventions of the cells: fields of the cell records (``reset``, ``strict``, ``gain``, ``surrogate``,
        ``recurrent``, ``bias``, ``train``, a fixed ``leak`` or ``threshold``...). An option goes to every cell that has
        it. A list or tuple names alternatives, which the cases take in turn (``train`` is a tuple of names, and its
        alternatives are tuples of names); a surrogate is a name, or a mapping with its name and scales.
    losses : ``squared_error``, ``cross_entropy``.
    when : the loss counts at ``every`` step, or at the ``last`` one.
    time, batch : how the loss is reduced, ``sum`` or ``mean``.
    readout : None, or a cell for one more layer on top, such as ``rnn`` (without recurrence, identity: a linear
        readout).
    readout_options : its options.
    without : circumstances that the claim does not cover, axis -> levels, such as ``{"targets": ["soft"]}``
        (`gradcert.certify.claims.circumstances`). They are listed as ruled out.

    Examples
    --------
    >>> Claim(rule="ostl", cells=("snu",), depths=(1, 2)).dtype
    'float64'
    """

    rule: str
    cells: tuple[str, ...]
    depths: tuple[int, ...] = (1, 2)
    dtype: str = "float64"
    acceptance: str = "exact"
    options: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[str, ...] = KINDS
    when: tuple[str, ...] = ("every", "last")
    time: str = "sum"
    batch: str = "sum"
    readout: str | None = None
    readout_options: Mapping[str, Any] = field(default_factory=dict)
    online: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)
    without: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("cells", "depths", "losses", "when"):
            value = getattr(self, name)
            items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
            if not items:
                raise GradcertError(f"a claim with {name}=()", allowed="one or more")
            object.__setattr__(self, name, items)
        rule_named(self.rule)
        kinds = [cell_named(cell) for cell in (*self.cells, *([self.readout] if self.readout else []))]
        _check("dtype", [self.dtype], DTYPES)
        _check("acceptance", [self.acceptance], CLASSES)
        check_limits(self.acceptance, self.limits)
        if type(self.online) is not bool:
            raise GradcertError(f"online={self.online!r}", allowed="true, false")
        _check("losses", self.losses, KINDS)
        _check("when", self.when, ("every", "last"))
        _check("time", [self.time], ("sum", "mean"))
        _check("batch", [self.batch], ("sum", "mean"))
        for depth in self.depths:
            if type(depth) is not int or not 1 <= depth <= 8:
                raise GradcertError(f"depth {depth!r}", allowed="1 to 8 layers")
        known = {f.name for kind in kinds[: len(self.cells)] for f in fields(kind)}
        _check("options", self.options, known)
        object.__setattr__(self, "without", circumstances.check(self.without))

    @property
    def entrywise(self) -> bool:
        """Whether every entry is judged against the claimed row and its budget."""
        return self.acceptance == "exact"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; ``online``, ``limits`` and ``without`` only where they say something."""
        out = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        return {name: value for name, value in out.items() if name not in ("online", "limits", "without") or value}

    def __str__(self) -> str:
        """Return the claim on one line; alternatives of an option are joined by "or".

        Examples
        --------
        >>> triangle = {"name": "triangle", "scale": 0.3, "width": 1.0}
        >>> print(Claim(rule="ostl", cells="snu", options={"surrogate": [triangle, "tanh"], "train": ["leak"]}))
        ostl on snu, depth 1, 2, float64, surrogate triangle(scale=0.3, width=1.0) or tanh, train leak
        """
        depths = ", ".join(map(str, self.depths))
        options = "".join(f", {k} {_short(k, v)}" for k, v in sorted(self.options.items()))
        kind = "" if self.acceptance == "exact" else f"{self.acceptance} "
        kind += "online " if self.online else ""
        limits = "".join(f", {k} {v}" for k, v in self.limits.items())
        without = "".join(f", without {k} {' or '.join(v)}" for k, v in self.without.items())
        return f"{kind}{self.rule} on {'/'.join(self.cells)}, depth {depths}, {self.dtype}{options}{limits}{without}"


def claim(*, rule: str, cells: Iterable[str] | str, **options: Any) -> Callable[[Decorated], Decorated]:
    """Decorate a subject with its claim; arguments as for `Claim`.

    Examples
    --------
    >>> @claim(rule="bptt", cells=("rnn",), depths=(1, 2), options={"activation": "tanh"})
    ... def gradients(problem):
    ...     return {}
    >>> claim_of(gradients).rule
    'bptt'
    """
    made = Claim(rule=rule, cells=cells, **options)  # type: ignore[arg-type]

    def decorate(subject: Decorated) -> Decorated:
        setattr(subject, ATTRIBUTE, made)
        return subject

    return decorate


def claim_of(subject: Any) -> Claim | None:
    """Return the claim that a subject was decorated with, if it was."""
    found = getattr(subject, ATTRIBUTE, None)
    return found if isinstance(found, Claim) else None


def from_dict(spec: Mapping[str, Any]) -> Claim:
    """Read a claim from its JSON form."""
    wrong = sorted(set(spec) - {f.name for f in fields(Claim)})
    if wrong or "rule" not in spec or "cells" not in spec:
        allowed = ", ".join(f.name for f in fields(Claim))
        raise GradcertError(f"a claim with {', '.join(wrong) or 'no rule or cells'}", allowed=allowed)
    return Claim(**spec)


def check_limits(acceptance: str, limits: Mapping[str, Any]) -> None:
    """Raise unless the limits are what the class needs.

    Examples
    --------
    >>> check_limits("aligned", {"cosine": 0.5})
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: an aligned claim with limits cosine; allowed: cosine, signs and ratio: ...
    """
    if acceptance == "aligned":
        if set(limits) != {"cosine", "signs", "ratio"}:
            raise GradcertError(
                f"an aligned claim with limits {', '.join(limits) or 'for nothing'}",
                allowed="cosine, signs and ratio: never cosine alone",
                do='limits={"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}',
            )
        low, high = (float(v) for v in limits["ratio"]) if len(limits["ratio"]) == 2 else (0.0, 0.0)
        if not 0 < float(limits["cosine"]) <= 1 or not 0 <= float(limits["signs"]) <= 1 or not 0 < low <= 1 <= high:
            raise GradcertError(
                f"limits {dict(limits)}", allowed="0 < cosine <= 1, 0 <= signs <= 1, 0 < low <= 1 <= high"
            )
    elif acceptance == "bounded":
        if set(limits) - {"error"} or not 0 < float(limits.get("error", 1)) < float("inf"):
            raise GradcertError(f"a bounded claim with limits {dict(limits)}", allowed="none, or error > 0")
    elif limits:
        raise GradcertError(f"an {acceptance} claim with limits", allowed="none: its budget is derived")


def _check(what: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    wrong = [g for g in given if g not in set(allowed)]
    if wrong:
        raise GradcertError(f"{what}: {', '.join(map(repr, wrong))}", allowed=", ".join(sorted(allowed)))


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _short(option: str, value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, dict) and "name" in plain:
        scales = ", ".join(f"{k}={v}" for k, v in plain.items() if k != "name")
        return f"{plain['name']}({scales})" if scales else str(plain["name"])
    if isinstance(plain, list):
        names = option == "train" and all(isinstance(v, str) for v in plain)  # one value, not alternatives
        return (" and " if names else " or ").join(_short(option, v) for v in plain) or "none"
    return str(plain)
