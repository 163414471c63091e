"""Which rule it is instead: a search over the rows of the rule table, and over rows that nobody has named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations

import numpy as np

from gradcert.certify.claims import difference, in_readout, present, published, same_row, shown, shown_above
from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.problems import Bounds
from gradcert.reference.networks import Edge, Network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES, Rule

AS_CLAIMED = "row:as claimed"
MOST = 6  # other lengths that are named


@dataclass(frozen=True, eq=False)
class Row(Candidate):
    """A candidate that is a row; the rows of a case are kept by their rule."""

    rule: Rule = field(kw_only=True)

    def distance(self, judged: Sequence[Evidence]) -> float:
        """Return the largest relative distance, in norm, from what was given to the row, over all of a case.

        One parameter's gradient may be what roundings leave of zero, which is as far from itself as it is large; so may
        all of a case be, whose budget then is larger than its gradient.
        """
        worst = 0.0
        for e in judged:
            row = self.bounds(e) or {}
            size = _norm(bounds.value for bounds in row.values())
            if size > _norm(bounds.budget for bounds in row.values()):
                worst = max(worst, _norm(e.given[name] - bounds.value for name, bounds in row.items()) / size)
        return worst


def _norm(arrays: Iterable[Array]) -> float:
    return float(np.linalg.norm([np.linalg.norm(a) for a in arrays]))


def subsets(edges: tuple[Edge, ...]) -> Iterator[frozenset[Edge]]:
    """Yield every subset."""
    for size in range(len(edges) + 1):
        yield from (frozenset(chosen) for chosen in combinations(edges, size))


def candidates(claimed: Rule, network: Network, feedback: bool, *, steps: int = 6) -> list[Rule]:
    """Return all rows to try, those nearest to the claim first.

    Parameters
    ----------
    feedback : whether the problems carry feedback matrices; without them only symmetric rows can be computed.
    steps : of the longest problem; truncations are tried up to here.
    """
    edges = present(network)
    ways = dict.fromkeys([claimed.feedback if feedback else "symmetric", "symmetric"])
    plain = replace(claimed, window=None, chunk=None, reach=None)
    tried: list[Rule] = [claimed]
    readouts = dict.fromkeys([claimed.readout, *(frozenset(kept) for kept in subsets(in_readout(network)))])
    for way in ways:
        for own in subsets(edges):
            for upper in subsets(edges) if network.depth > 1 and way != "target" else (frozenset[Edge](),):
                for readout in readouts:
                    tried.append(replace(plain, name="row", own=own, upper=upper, readout=readout, feedback=way))
    for rule in RULES.values():  # rows with a truncation, or a readout's own memory
        if rule.window or rule.chunk or rule.reach or rule.readout:
            tried += [rule] if rule.feedback in ways else []
    for k in range(1, steps):
        tried.append(replace(RULES["tbptt"], name=f"tbptt({k})", window=k))
        tried.append(replace(RULES["tbptt-chunks"], name=f"tbptt-chunks({k})", chunk=k))
        if claimed.reach is None and claimed.feedback != "local":
            tried += [replace(plain, name="row", chunk=k)] if claimed.window is None else []
            if claimed.feedback in ("symmetric", "random"):
                tried.append(replace(plain, name="row", window=k, chunk=None))
    out: list[Rule] = []
    for rule in sorted(tried, key=lambda r: edits(r, claimed, network)):
        if not any(same_row(rule, other, network) for other in out):
            out.append(rule)
    return out


def edits(rule: Rule, claimed: Rule, network: Network) -> tuple[int, int]:
    """Return how far a row is from the claimed one: other feedback or truncation first, then edges."""
    kinds = (rule.feedback != claimed.feedback) + (_cuts(rule) != _cuts(claimed))
    return kinds, len(difference(rule, claimed, network))


def _cuts(rule: Rule) -> tuple[int | None, int | None, int | None]:
    return rule.window, rule.chunk, rule.reach


def make(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Row]:
    """Yield every row as a candidate, the claimed one first."""
    network = max((e.network for e in evidence), key=lambda n: (n.depth, len(present(n))))
    steps = max(len(e.case.problem.inputs) for e in evidence)
    for rule in candidates(claimed, network, any(e.case.problem.feedback for e in evidence), steps=steps):
        found = key(rule, claimed, network), label(rule, claimed, network)
        yield Row(*found, partial(_floats, rule), partial(_bounds, rule), rule=rule)


def row(rule: Rule) -> Row:
    """Return one row as a candidate, by its own name."""
    return Row(f"row:{rule.name}", rule.name, partial(_floats, rule), partial(_bounds, rule), rule=rule)


def _floats(rule: Rule, e: Evidence) -> Mapping[str, Array]:
    return e.gradient(rule)


def _bounds(rule: Rule, e: Evidence) -> Mapping[str, Bounds] | None:
    if rule == e.case.rule:
        return e.case.expected.gradients
    run = e.expected(rule)
    return None if run is None else run.gradients


def search(judged: Sequence[Evidence], claimed: Rule) -> Row | None:
    """Return the nearest row that equals everything that was given, on every case."""
    order = sorted(judged, key=lambda e: (len(e.right) == len(e.given), e.size))
    for row in make(judged, claimed):
        if all(row.near(e) == frozenset(e.given) for e in order):
            if all(row.proven(e, frozenset(e.given)) for e in order):
                return row
    return None


def truncated(rule: Rule, steps: int) -> Iterator[Rule]:
    """Yield a row with its credit cut in chunks, and in a window, of so many steps."""
    if rule.reach is None and rule.feedback != "local":
        plain = replace(rule, name="row", window=None, chunk=None)
        yield replace(plain, chunk=steps)
        if rule.feedback in ("symmetric", "random"):
            yield replace(plain, window=steps)


def fitting(rule: Rule, judged: Sequence[Evidence], beyond: Sequence[Evidence]) -> list[Rule]:
    """Return the truncations of a row that are close to what was given on every case, the shortest first.

    Parameters
    ----------
    beyond : long cases, which no enclosure follows.
    """
    order = sorted((*judged, *beyond), key=lambda e: (len(e.right) == len(e.given), e.size))
    wrong = [len(e.case.problem.inputs) for e in order if len(e.right) < len(e.given)]
    if not wrong:
        return []
    cut = any(isinstance(e.case.rule, Rule) and _cuts(e.case.rule) != (None,) * 3 for e in order[:1])
    # what cuts nothing of a case that failed is not what it is, where nothing was to be cut
    most = max(len(e.case.problem.inputs) for e in order) if cut else min(wrong)
    tried = (row(one) for steps in range(1, most) for one in truncated(rule, steps))
    return [one.rule for one in tried if all(one.near(e) >= set(e.given) for e in order)]


def untold(rule: Rule, judged: Sequence[Evidence], beyond: Sequence[Evidence]) -> str:
    """Return which truncations of other lengths explain every case as well; "" where there are none."""
    if not rule.chunk and not rule.window:
        return ""
    mine = rule.chunk, rule.window
    found = [other for other in fitting(rule, judged, beyond) if (other.chunk, other.window) != mine]
    found = [other for other in found if all(row(other).proven(e, frozenset(e.given)) for e in judged)]
    chunks = [str(other.chunk) for other in found if other.chunk]
    windows = [str(other.window) for other in found if other.window]
    kinds = (("chunks", chunks), ("a window", windows))
    said = [f"{kind} of {_listed(lengths)} steps" for kind, lengths in kinds if lengths]
    return f"; no case tells it from {' or from '.join(said)}" if said else ""


def _listed(lengths: Sequence[str]) -> str:
    more = [f"{len(lengths) - MOST} more numbers of"] if len(lengths) > MOST else []
    *most, last = [*lengths[:MOST], *more]
    return f"{', '.join(most)}{' or ' * bool(most)}{last}"


def key(rule: Rule, claimed: Rule, network: Network) -> str:
    """Return what distinguishes a row from the claimed one: edges, a truncation, where the signal comes from."""
    found = difference(rule, claimed, network)
    if not found:
        return AS_CLAIMED
    if _cuts(rule) != _cuts(claimed):
        named = published(rule, network) or (rule.name if rule.name != "row" else "")
        found = [f for f in found if f.endswith(("LAYERS", "readout")) or not f.endswith("steps")]
        found.append(named or _cut_words(rule, claimed, network))
    return f"row:{', '.join(found)}"


def _cut_words(rule: Rule, claimed: Rule, network: Network) -> str:
    return " and ".join(f for f in difference(rule, claimed, network) if f.endswith("steps"))


def label(rule: Rule, claimed: Rule, network: Network) -> str:
    """Return what to call a row: a published rule, else the claimed one with its missing or extra edges."""
    changed = difference(rule, claimed, network)
    if not changed:
        return f"{claimed.name}, as claimed"
    edges = f"own: {shown(rule.own, network)}"
    if network.depth > 1 and rule.feedback != "target":
        edges += f"; {shown_above(rule, network)}"
    if rule.feedback != claimed.feedback:
        edges += f"; {rule.feedback} feedback"
    name = published(rule, network) or (rule.name if rule.name not in ("row", claimed.name) else None)
    if _cuts(rule) != _cuts(claimed) and name:
        return f"{name} ({edges})"
    if len(changed) <= 2 or name is None:
        also = f", which is {name}" if name else ""
        return f"{claimed.name} {' and '.join(changed)}{also} ({edges})"
    return f"{name}: {claimed.name} {', '.join(changed)} ({edges})"
