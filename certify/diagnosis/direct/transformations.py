"""Which simple transformation explains it: zero, a factor, a sign, a transpose, a step early or late, float32."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.diagnosis.unrolled import on_floats
from gradcert.certify.judging.checks.printed import half_a_digit, printed, words
from gradcert.certify.problems import Bounds
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import FORMS, KINDS, Form, Loss, Network, Problem
from gradcert.reference.numbers import FORMATS, Array, Numbers
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import RULES, Rule

Factor = Callable[[Evidence], float]
ZERO = "value:zero"


def _steps(e: Evidence) -> int:
    return len(e.case.problem.inputs)


def _batch(e: Evidence) -> int:
    return int(e.case.problem.inputs.shape[1])


def _outputs(e: Evidence) -> int:
    return int(e.case.problem.targets.shape[2])


def _loss_scale(e: Evidence) -> float:
    """Return the power of two by which a gradient is too large, from 8 on; else 1."""
    sizes = [sum(float(np.abs(g).sum()) for g in made.values()) for made in (e.given, e.gradient(e.case.rule))]
    if not all(np.isfinite(sizes)) or not all(sizes) or sizes[0] < 6 * sizes[1]:
        return 1.0
    return float(2.0 ** round(math.log2(sizes[0] / sizes[1])))


# The simplest first: on cases with T = 2 B, one half is B / T as well.
FACTORS: dict[str, Factor] = {
    "with the opposite sign": lambda _: -1.0,
    "divided by 2": lambda _: 0.5,
    "times 2": lambda _: 2.0,
    "divided by T": lambda e: 1 / _steps(e),
    "divided by B": lambda e: 1 / _batch(e),
    "divided by the number of outputs": lambda e: 1 / _outputs(e),
    "times T": _steps,
    "times B": _batch,
    "times the number of outputs": _outputs,
    "divided by T and B": lambda e: 1 / (_steps(e) * _batch(e)),
    "times T and B": lambda e: _steps(e) * _batch(e),
    "divided by the number of entries": lambda e: 1 / e.floats.targets.size,
    "divided by the square of T": lambda e: 1 / _steps(e) ** 2,
    "divided by the square of B": lambda e: 1 / _batch(e) ** 2,
    "times 2 and divided by the number of entries": lambda e: 2 / e.floats.targets.size,
    "times 2 and divided by the number of outputs": lambda e: 2 / _outputs(e),
    "times 2 and divided by B and the number of outputs": lambda e: 2 / (_batch(e) * _outputs(e)),
    "divided by B and the number of outputs": lambda e: 1 / (_batch(e) * _outputs(e)),
    "divided by T and the number of outputs": lambda e: 1 / (_steps(e) * _outputs(e)),
    "times 2 and divided by T": lambda e: 2 / _steps(e),
    "times 2 and divided by B": lambda e: 2 / _batch(e),
    "times 2 and divided by T and B": lambda e: 2 / (_steps(e) * _batch(e)),
    "times 4": lambda _: 4.0,
    "divided by 4": lambda _: 0.25,
    "times T and divided by B": lambda e: _steps(e) / _batch(e),
    "times B and divided by T": lambda e: _batch(e) / _steps(e),
    "times a power of two": _loss_scale,
}

SIZES = re.compile(r"\b(T|B|outputs|entries)\b")  # in the words of a factor: what other cases may have another of

# What a factor may come from, and of which claimed losses that can be true: others give the same factor.
READINGS: dict[str, tuple[tuple[str, Callable[[Loss], bool]], ...]] = {
    "times 2": ((", as of a squared error without its 1/2", lambda loss: loss.kind == "squared_error"),),
    "divided by T": (
        (", as of a mean over time", lambda loss: loss.time == "sum" and loss.when == "every"),
        (", as of a mean over time that is taken twice", lambda loss: loss.time == "mean" and loss.when == "every"),
    ),
    "divided by B": (
        (", as of a mean over the batch", lambda loss: loss.batch == "sum" and loss.time != "pooled"),
        (", as of a mean over the batch that is taken twice", lambda loss: loss.batch == "mean"),
    ),
    "divided by the square of T": (
        (", as of a mean over time that is taken twice", lambda loss: loss.time == "sum" and loss.when == "every"),
    ),
    "divided by the square of B": (
        (
            ", as of a mean over the batch that is taken twice",
            lambda loss: loss.batch == "sum" and loss.time != "pooled",
        ),
    ),
    "times 2 and divided by the number of entries": (
        (
            ", as of a mean squared error",
            lambda loss: loss.kind == "squared_error" and {loss.time, loss.batch, loss.outputs} == {"sum"},
        ),
    ),
    "times a power of two": ((", as of a loss scale that is not divided out", lambda _: True),),
}


def read(label: str, evidence: Sequence[Evidence]) -> str:
    """Return what a factor on all of a loss, or of its gradients, may come from; "" where no claimed loss fits.

    Parameters
    ----------
    evidence : all that is said to be so many times what is claimed.

    Examples
    --------
    >>> from gradcert.certify.claims import Claim
    >>> from gradcert.certify.problems import Spec, generate
    >>> case = generate(Spec("rnn", 1, "squared_error", "every", "bounded"), Claim(rule="bptt", cells="rnn"))
    >>> read("times 2", [Evidence(case, {})]), read("divided by 4", [Evidence(case, {})])
    (', as of a squared error without its 1/2', '')
    """
    losses = [e.network.loss for e in evidence]
    known = (words for words, possible in READINGS.get(label, ()) if all(map(possible, losses)))
    return next(known, "")


def told(label: str, evidence: Sequence[Evidence]) -> str:
    """Return a factor in words: its number too, where the cases do not tell it from what it would be called.

    Examples
    --------
    >>> from gradcert.certify.claims import Claim
    >>> from gradcert.certify.problems import Spec, generate
    >>> claim = Claim(rule="bptt", cells="rnn")
    >>> specs = [Spec("rnn", 1, "squared_error", "every", family) for family in ("bounded", "dyadic")]
    >>> evidence = [Evidence(generate(spec, claim), {}) for spec in specs]
    >>> told("divided by T", evidence[:1]), told("divided by T", evidence), told("times 2", evidence)
    ('divided by 6 (in every case divided by T)', 'divided by T', 'times 2')
    """
    found = {FACTORS[label](e) for e in evidence if SIZES.search(label)}
    if len(found) != 1:
        return label
    (number,) = found
    shown = f"divided by {1 / number:g}" if abs(number) < 1 else f"times {number:g}"
    return label if shown == label else f"{shown} (in every case {label})"


def said(candidate: Candidate, evidence: Sequence[Evidence]) -> str:
    """Return the label of a candidate, its factor as these cases tell it."""
    known = candidate.factor
    return candidate.label.removesuffix(known) + told(known, evidence) if known else candidate.label


def reading(candidate: Candidate, evidence: Sequence[Evidence]) -> str:
    """Return what the factor may come from, where a candidate is the claimed gradients times one, and nothing else."""
    kind, _, label = candidate.key.partition(":")
    return read(label, evidence) if kind == "scale" else ""


def scaled(bounds: Bounds, factor: float, *, unit: float) -> Bounds:
    """Return a reference times a factor; the multiplication and the factor itself are rounded too."""
    value = bounds.value * factor
    return Bounds(
        value, bounds.budget * abs(factor) * (1 + 8 * unit) + 4 * unit * np.abs(value) * (factor not in (0.5, -1, 2))
    )


def zero() -> Candidate:
    """Return the candidate that is zero in every entry."""

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        return {name: Bounds(np.zeros(g.shape), np.zeros(g.shape)) for name, g in e.given.items()}

    return Candidate(ZERO, "zero in every entry", lambda e: {n: np.zeros(g.shape) for n, g in e.given.items()}, bounds)


def factors(claimed: Claimed) -> Iterator[Candidate]:
    """Yield factors on the claimed row, then on published ones; on an algorithm alone, where one is claimed."""
    others = (r for r in RULES.values() if r.feedback == "symmetric" and not (r.window or r.chunk or r.reach))
    rows = () if isinstance(claimed, Algorithm) else (r for r in others if r.name != claimed.name)
    for rule in (claimed, *rows):
        for label, factor in FACTORS.items():

            def floats(e: Evidence, rule: Claimed = rule, factor: Factor = factor) -> Mapping[str, Array]:
                return {name: g * factor(e) for name, g in e.gradient(rule).items()}

            def bounds(e: Evidence, rule: Claimed = rule, factor: Factor = factor) -> Mapping[str, Bounds] | None:
                run = e.case.expected if rule == e.case.rule else e.expected(rule)
                unit = FORMATS[e.case.problem.dtype].unit
                return None if run is None else {n: scaled(b, factor(e), unit=unit) for n, b in run.gradients.items()}

            of = "" if rule is claimed else f" of {rule.name}"
            yield Candidate(f"scale:{label}{of}", f"{rule.name} {label}", floats, bounds, kept=True, factor=label)


def times(candidate: Candidate, label: str) -> Candidate:
    """Return a candidate times one of the known factors."""
    factor = FACTORS[label]

    def floats(e: Evidence) -> Mapping[str, Array] | None:
        found = candidate.tried(e)
        return found and {name: g * factor(e) for name, g in found.items()}

    def bounds(e: Evidence) -> Mapping[str, Bounds] | None:
        found = candidate.enclosed(e)
        unit = FORMATS[e.case.problem.dtype].unit
        return found and {name: scaled(b, factor(e), unit=unit) for name, b in found.items()}

    key, words = f"{candidate.key}, {label}", f"{candidate.label}, {label}"
    return Candidate(key, words, floats, bounds, kept=True, factor=label)


def transposed(claimed: Rule) -> Candidate:
    """Return the candidate that square parameters' gradients are transposed."""

    def square(a: Array) -> bool:
        return a.ndim == 2 and a.shape[0] == a.shape[1]

    def floats(e: Evidence) -> Mapping[str, Array]:
        return {n: b.value.T for n, b in e.case.expected.gradients.items() if square(b.value)}

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        found = e.case.expected.gradients.items()
        return {n: Bounds(b.value.T, b.budget.T) for n, b in found if square(b.value)}

    return Candidate("value:transposed", f"{claimed.name}, the gradient transposed", floats, bounds)


def symmetrised(claimed: Rule) -> Candidate:
    """Return the candidate that square parameters' gradients are made symmetric."""

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        found = ((n, b.value, b.budget) for n, b in e.case.expected.gradients.items())
        square = ((n, v, r) for n, v, r in found if v.ndim == 2 and v.shape[0] == v.shape[1])
        unit = 2 * FORMATS[e.case.problem.dtype].unit
        return {n: Bounds((v + v.T) / 2, (r + r.T) / 2 + unit * np.abs(v + v.T)) for n, v, r in square}

    def floats(e: Evidence) -> Mapping[str, Array]:
        return {n: b.value for n, b in bounds(e).items()}

    return Candidate("value:symmetrised", f"{claimed.name}, the gradient made symmetric", floats, bounds, kept=True)


def hollow(claimed: Rule) -> Candidate:
    """Return the candidate that square parameters' gradients have zeros on the diagonal: no unit leads to itself."""

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        found = ((n, b.value, b.budget) for n, b in e.case.expected.gradients.items())
        square = ((n, v, r) for n, v, r in found if v.ndim == 2 and v.shape[0] == v.shape[1])
        return {n: Bounds(v - np.diag(np.diag(v)), r - np.diag(np.diag(r))) for n, v, r in square}

    def floats(e: Evidence) -> Mapping[str, Array]:
        return {n: b.value for n, b in bounds(e).items()}

    label = f"{claimed.name}, zeros on the diagonal of the gradient"
    return Candidate("value:hollow", label, floats, bounds, kept=True)


def exchanged(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Candidate]:
    """Yield one parameter's gradient in the place of another's: of a neighbour in the layer, or of another layer."""
    names = list(dict.fromkeys(name.rpartition(".")[2] for e in evidence for name in e.given))
    depth = max(e.network.depth for e in evidence)

    def taken(source: Callable[[str], str]) -> tuple[Callable[[Evidence], Any], Callable[[Evidence], Any]]:
        def bounds(e: Evidence) -> Mapping[str, Bounds]:
            mine = e.case.expected.gradients
            pairs = ((name, mine.get(source(name))) for name in mine)
            return {n: b for n, b in pairs if b is not None and b.value.shape == mine[n].value.shape}

        return (lambda e: {n: b.value for n, b in bounds(e).items()}), bounds

    for other in names if len(names) > 1 else ():
        key, label = f"value:of {other}", f"{claimed.name}, the gradient of {other} in its place"
        source = taken(partial(_neighbour, other))
        yield Candidate(key, label, *source, kept=True)
    for i in range(depth) if depth > 1 else ():
        key, label = f"value:of layer {i}", f"{claimed.name}, the gradient of layers.{i} in its place"
        source = taken(partial(_in_layer, i))
        yield Candidate(key, label, *source, kept=True)


def _neighbour(other: str, name: str) -> str:
    return f"{name.rpartition('.')[0]}.{other}"


def _in_layer(i: int, name: str) -> str:
    return f"layers.{i}.{name.rpartition('.')[2]}"


def misread(claimed: Rule) -> Candidate:
    """Return the candidate that matrices are read in the other memory order."""

    def turned(a: Array) -> Array:
        return np.ascontiguousarray(a.T).reshape(a.shape)

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        found = e.case.expected.gradients.items()
        return {n: Bounds(turned(b.value), turned(b.budget)) for n, b in found if b.value.ndim == 2}

    def floats(e: Evidence) -> Mapping[str, Array]:
        return {n: b.value for n, b in bounds(e).items()}

    return Candidate("value:misread", f"{claimed.name}, the gradient in the other memory order", floats, bounds)


def few_digits(evidence: Sequence[Evidence], label: str) -> Iterator[Candidate]:
    """Yield the candidate that what is claimed was printed with too few digits, if all that came back has so few."""
    wrong = [g for e in evidence for n, g in e.given.items() if n not in e.right]
    how = printed(wrong)
    if how is None:
        return

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        mine = e.case.expected.gradients.items()
        # a number at the edge of its budget may be rounded to the other side
        return {n: Bounds(b.value, 2 * b.budget + half_a_digit(b.value, *how) * (1 + 2.0**-40)) for n, b in mine}

    def floats(e: Evidence) -> Mapping[str, Array]:
        return {n: b.value for n, b in bounds(e).items() if n in e.right or (e.given[n] != b.value).any()}

    yield Candidate("value:printed", f"{label}, {words(*how)}", floats, bounds)


def single(evidence: Sequence[Evidence], claimed: Rule) -> Candidate:
    """Return the candidate that is right in float32 arithmetic, where float64 is claimed.

    A small constant errs by as much. So all entries of what is wrong have to be numbers of float32, which those of
    float64 are by chance once in 2^29; what has float32 inside alone is `rounded`, or is not told from the constant.
    """
    usual = {n for e in evidence for n in e.given if _distance(e, n) > FLOAT32_ERROR and not _is_single(_right(e, n))}

    def floats(e: Evidence) -> Mapping[str, Array]:
        found = ((n, b.value) for n, b in e.case.expected.gradients.items())
        return {n: v for n, v in found if _is_single(e.given[n]) and (n in e.right or n in usual)}

    def bounds(e: Evidence) -> Mapping[str, Bounds] | None:
        run = e.expected(claimed, dtype="float32") if e.case.problem.dtype == "float64" else None
        return None if run is None else run.gradients

    return Candidate("value:float32", f"{claimed.name} in float32 arithmetic, where float64 is claimed", floats, bounds)


FLOAT32_ERROR = (
    2.0**-28
)  # one rounding of a gradient to float32 errs by 2^-24 of an entry at most, seldom by a 16th of it


def _is_single(values: Array) -> bool:
    return bool((_singly(values) == values).all())


def _singly(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(values.dtype)


def _right(e: Evidence, name: str) -> Array:
    return e.case.expected.gradients[name].value


def _distance(e: Evidence, name: str) -> float:
    right = _right(e, name)
    size, away = float(np.linalg.norm(right)), float(np.linalg.norm(e.given[name] - right))
    return away / size if size else math.inf if away else 0.0


def rounded(claimed: Rule) -> Iterator[Candidate]:
    """Yield what went through float32 before a computation in float64: the inputs, the targets, the parameters."""
    for label, names in SINGLE.items():

        def changed(e: Evidence, names: tuple[str, ...] = names) -> Problem:
            problem = e.case.problem
            return replace(problem, **{name: _singled(getattr(problem, name)) for name in names})

        def floats(e: Evidence, changed: Callable[[Evidence], Problem] = changed) -> Mapping[str, Array] | None:
            return None if e.case.problem.dtype != "float64" else on_floats(changed(e), claimed).gradients()

        def bounds(e: Evidence, changed: Callable[[Evidence], Problem] = changed) -> Mapping[str, Bounds] | None:
            run = e.expected(claimed, problem=changed(e)) if e.case.problem.dtype == "float64" else None
            return None if run is None else run.gradients

        said = f"{claimed.name} with {label} rounded to float32, where float64 is claimed"
        yield Candidate(f"value:float32 {label}", said, floats, bounds, kept=True)


SINGLE: dict[str, tuple[str, ...]] = {
    "inputs": ("inputs",),
    "targets": ("targets",),
    "parameters": ("parameters",),
    "inputs, targets and parameters": ("inputs", "targets", "parameters"),
}


def _singled(values: Any) -> Any:
    return _singly(values) if isinstance(values, np.ndarray) else {name: _singly(v) for name, v in values.items()}


FLOAT32_INSIDE = "float32 somewhere inside, "
NEARLY = 1e-5  # of the norm: what float32 arithmetic seldom exceeds


def nearly(evidence: Sequence[Evidence], claimed: Claimed) -> str:
    """Return what is known of gradients that nothing explains, and that are off by very little; "" of others."""
    away = max((_distance(e, n) for e in evidence for n in e.given if n not in e.right), default=0.0)
    if not 0 < away <= NEARLY:
        return ""
    single_precision = all(e.case.problem.dtype == "float64" for e in evidence) and away > FLOAT32_ERROR
    digit = 10.0 ** math.floor(math.log10(away))
    of = f"{FLOAT32_INSIDE * single_precision}a small constant, or small values left out"
    return f"it equals {claimed.name} but for {math.ceil(away / digit) * digit:.0e} of its norm, as of {of}"


def shifts(claimed: Rule) -> Iterator[Candidate]:
    """Yield targets one step early or late."""
    for label, change in SHIFTS.items():

        def floats(e: Evidence, change: Callable[[Array], Array] = change) -> Mapping[str, Array]:
            return e.bench.again(targets=change(e.bench.targets)).gradients(claimed)

        def bounds(e: Evidence, change: Callable[[Array], Array] = change) -> Mapping[str, Bounds] | None:
            run = e.expected(claimed, targets=change(e.case.problem.targets))
            return None if run is None else run.gradients

        yield Candidate(f"timing:{label}", f"{claimed.name} with {label}", floats, bounds, kept=True)


SHIFTS: dict[str, Callable[[Array], Array]] = {
    "targets one step late": lambda y: np.concatenate([y[:1], y[:-1]]),
    "targets one step early": lambda y: np.concatenate([y[1:], y[-1:]]),
}


def _softmax_less(o: Array, y: Array, numbers: Numbers) -> Array:
    """Return softmax(o) - y: of a target that sums to 1 it is the error, and of one that does not, that of another."""
    share = y * 0 + 1
    share = share / share.sum(axis=-1, keepdims=True)
    return FORMS["cross_entropy"].derivative(o, share, numbers) + share - y


SUM_LEFT_OUT = Form("log sum exp o - y o", lambda o, y, n: (o * 0).sum(axis=-1), _softmax_less)
LEFT_OUT = (
    "softmax(o) - y for the error, which is right only where the targets of a step sum to 1: the loss's own error is "
    "softmax(o) times their sum, less y"
)


def errors(claimed: Claimed) -> Iterator[Candidate]:
    """Yield the error of the other kind of loss, and that of targets that sum to 1, wherever they do not."""
    for kind in KINDS if not isinstance(claimed, Algorithm) else ():
        label = f"{claimed.name} with the error of a {kind.replace('_', ' ')}"
        yield _of_loss(claimed, f"loss:kind = {kind}", label, partial(_with_kind, kind))
    yield _of_loss(claimed, "loss:softmax without the sum of the targets", f"{claimed.name} with {LEFT_OUT}", _summed)


def _with_kind(kind: str, network: Network) -> Network:
    return replace(network, loss=replace(network.loss, kind=kind))


def _summed(network: Network) -> Network:
    return replace(network, loss=replace(network.loss, kind=SUM_LEFT_OUT)) if _classes(network) else network


def _classes(network: Network) -> bool:
    return network.loss.kind == "cross_entropy"


def _of_loss(claimed: Claimed, key: str, label: str, changed: Callable[[Network], Network]) -> Candidate:
    """Return the gradient of another loss as a candidate; it says nothing of networks that have it already."""

    def floats(e: Evidence) -> Mapping[str, Array] | None:
        other = changed(e.network)
        if other == e.network:
            return None
        if isinstance(claimed, Algorithm):
            try:
                return claimed.gradients(replace(e.floats, network=other))
            except GradcertError:  # a rule that takes no such loss
                return None
        return e.bench.again(network=other).gradients(claimed)

    def bounds(e: Evidence) -> Mapping[str, Bounds] | None:
        run = e.expected(claimed, network=changed(e.network))
        return None if run is None else run.gradients

    return Candidate(key, label, floats, bounds, kept=True)


def of_algorithm(evidence: Sequence[Evidence], claimed: Algorithm) -> Iterator[Candidate]:
    """Yield those that need no edges."""
    yield from factors(claimed)
    yield from few_digits(evidence, claimed.name)
    yield from errors(claimed)
    for label, change in SHIFTS.items():

        def floats(e: Evidence, change: Callable[[Array], Array] = change) -> Mapping[str, Array]:
            return claimed.gradients(replace(e.floats, targets=change(e.floats.targets)))

        def bounds(e: Evidence, change: Callable[[Array], Array] = change) -> Mapping[str, Bounds] | None:
            run = e.expected(claimed, targets=change(e.case.problem.targets))
            return None if run is None else run.gradients

        yield Candidate(f"timing:{label}", f"{claimed.name} with {label}", floats, bounds, kept=True)


def make(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Candidate]:
    """Yield all of them, the claimed row's first."""
    yield from factors(claimed)
    yield transposed(claimed)
    yield symmetrised(claimed)
    yield hollow(claimed)
    yield misread(claimed)
    yield from exchanged(evidence, claimed)
    yield from shifts(claimed)
    yield from few_digits(evidence, claimed.name)
    yield single(evidence, claimed)
    yield from rounded(claimed)
    yield from errors(claimed)
