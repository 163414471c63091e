"""Parameters taken for one another: gates in another order, a gate and its complement, a constant inside a bias."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis
from gradcert.certify.diagnosis.unrolled import Bench

Compute = Callable[[Bench], Gradient | None]


def gates(bench: Bench) -> list[str]:
    """Return the gates of a network: endings that stand behind the same names as another one, with its shapes.

    ``W_i, H_i, b_i, W_f, H_f, b_f`` have the gates i and f; ``fc_weight, fc_bias`` have none.
    """
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, value in bench.parameters.items():
        head, _, ending = name.rpartition("_")
        if "_" in name.rpartition(".")[2]:
            found.setdefault(ending, {})[head] = value.shape

    def alike(mine: dict[str, tuple[int, ...]], other: dict[str, tuple[int, ...]]) -> bool:
        return bool(mine.keys() & other.keys()) and all(mine[k] == other[k] for k in mine.keys() & other.keys())

    return [a for a, mine in found.items() if any(alike(mine, other) for b, other in found.items() if b != a)]


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield what may have become of the gates' parameters."""
    named = gates(bench)
    for a, b in combinations(named, 2):
        yield Hypothesis("parameters", f"gates {a} and {b} swapped", f"the gates {a} and {b} swapped", _swapped(a, b))
    for a in named:
        yield Hypothesis("parameters", f"gate {a} for 1 - {a}", f"the gate {a} in the place of 1 - {a}", _negated(a))
        for c in (1.0, -1.0):
            what = f"b_{a} {'+' if c > 0 else '-'} 1"
            yield Hypothesis("parameters", what, f"a constant inside: {what}", _moved(f"b_{a}", c))
    yield Hypothesis("parameters", "b + 1", "a constant inside: b + 1", _moved("b", 1.0))
    yield Hypothesis("parameters", "b - 1", "a constant inside: b - 1", _moved("b", -1.0))


def _swapped(a: str, b: str) -> Compute:
    def other(name: str) -> str:
        head, _, gate = name.rpartition("_")
        return f"{head}_{ {a: b, b: a}[gate] }" if head and gate in (a, b) else name

    def compute(bench: Bench) -> Gradient | None:
        shapes = {name: value.shape for name, value in bench.parameters.items()}
        if any(shapes.get(other(name)) != shape for name, shape in shapes.items()):
            return None
        found = bench.again(parameters={name: bench.parameters[other(name)] for name in bench.parameters}).gradients()
        return {name: found[other(name)] for name in found}

    return compute


def _negated(gate: str) -> Compute:
    def compute(bench: Bench) -> Gradient | None:
        names = {name for name in bench.parameters if name.rpartition("_")[2] == gate and "_" in name}
        found = bench.again(
            parameters={k: -1 * v if k in names else v for k, v in bench.parameters.items()}
        ).gradients()
        return {k: -1 * g if k in names else g for k, g in found.items()}

    return compute


def _moved(name: str, by: float) -> Compute:
    def compute(bench: Bench) -> Gradient | None:
        names = {k for k in bench.parameters if k.rpartition(".")[2] == name}
        if not names:
            return None
        return bench.again(parameters={k: v + by if k in names else v for k, v in bench.parameters.items()}).gradients()

    return compute
