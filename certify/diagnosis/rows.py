"""Which rule it is instead: a search over the rows of the rule table, and over rows that nobody has named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from gradcert.certify.claims import difference, present, published, same_row, shown
from gradcert.certify.diagnosis.evidence import Evidence, distance, names_in
from gradcert.certify.problems import Expected
from gradcert.reference.networks import Edge, Network
from gradcert.reference.rules import RULES, Rule


@dataclass(frozen=True)
class Row:
    """A row that explains something: the rule, its name, how close it comes, and what distinguishes it, as a key."""

    rule: Rule
    label: str
    distance: float
    key: str


def subsets(edges: tuple[Edge, ...]) -> Iterator[frozenset[Edge]]:
    """Yield every subset."""
    for size in range(len(edges) + 1):
        yield from (frozenset(chosen) for chosen in combinations(edges, size))


def candidates(claimed: Rule, network: Network, feedback: bool) -> list[Rule]:
    """Return all rows to try, those nearest to the claim first.

    Parameters
    ----------
    feedback : whether the problems carry feedback matrices; without them only symmetric rows can be computed.
    """
    edges = present(network)
    ways = dict.fromkeys([claimed.feedback if feedback else "symmetric", "symmetric"])
    plain = replace(claimed, window=None, chunk=None, reach=None, readout=frozenset())
    tried: list[Rule] = [claimed]
    for way in ways:
        for own in subsets(edges):
            for upper in subsets(edges) if network.depth > 1 and way != "target" else (frozenset[Edge](),):
                tried.append(replace(plain, name="row", own=own, upper=upper, feedback=way))
    for rule in RULES.values():  # rows with a truncation, or a readout's own memory
        if rule.window or rule.chunk or rule.reach or rule.readout:
            tried += [rule] if rule.feedback in ways else []
    for steps in range(1, 6):
        tried.append(replace(RULES["tbptt"], name=f"tbptt({steps})", window=steps))
    out: list[Rule] = []
    for rule in sorted(tried, key=lambda r: edits(r, claimed, network)):
        if not any(same_row(rule, other, network) and rule.readout == other.readout for other in out):
            out.append(rule)
    return out


def edits(rule: Rule, claimed: Rule, network: Network) -> tuple[int, int]:
    """Return how far a row is from the claimed one: other feedback or truncation first, then edges."""
    edges = frozenset(present(network))
    kinds = (rule.feedback != claimed.feedback) + ((rule.window, rule.chunk, rule.reach) != _cuts(claimed))
    return kinds, len((rule.own ^ claimed.own) & edges) + len((rule.upper ^ claimed.upper) & edges)


def _cuts(rule: Rule) -> tuple[int | None, int | None, int | None]:
    return rule.window, rule.chunk, rule.reach


def search(evidence: Sequence[Evidence], claimed: Rule) -> tuple[Row | None, dict[str, Row]]:
    """Return the nearest row that equals everything given, and, where there is none, one for each parameter."""
    network = max((e.network for e in evidence), key=lambda n: (n.depth, len(present(n))))
    names = names_in(evidence)
    rules = candidates(claimed, network, any(e.floats.feedback for e in evidence))
    likely: list[tuple[Rule, set[str]]] = []
    for rule in rules:
        close = set(names)
        for e in evidence:
            gradient = e.gradient(rule)
            close -= {n for n in close & set(gradient) if not e.likely(n, gradient[n])}
            if not close:
                break
        if close:
            likely.append((rule, close))
    proofs: dict[int, tuple[set[str], list[Expected]]] = {}

    def proven(number: int) -> tuple[set[str], list[Expected]]:
        if number not in proofs:
            rule, close = likely[number]
            runs = [e.expected(rule) for e in evidence]
            for e, run in zip(evidence, runs, strict=True):
                close = {n for n in close if n not in e.given or (run is not None and e.equals(n, run.gradients[n]))}
            proofs[number] = close, [run for run in runs if run is not None]
        return proofs[number]

    for number, (rule, close) in enumerate(likely):
        if len(close) == len(names) and len(proven(number)[0]) == len(names):
            away = distance(evidence, proven(number)[1], names)
            return Row(rule, label(rule, claimed, network), away, key(rule, claimed, network)), {}
    single: dict[str, Row] = {}
    for name in names:
        for number, (rule, close) in enumerate(likely):
            if name in close and name in proven(number)[0]:
                away = distance(evidence, proven(number)[1], [name])
                single[name] = Row(rule, label(rule, claimed, network), away, key(rule, claimed, network))
                break
    return None, single


def key(rule: Rule, claimed: Rule, network: Network) -> str:
    """Return what distinguishes a row from the claimed one: edges, a truncation, where the signal comes from."""
    if same_row(rule, claimed, network):
        return "row:as claimed"
    found = difference(rule, claimed, network)
    if _cuts(rule) != _cuts(claimed):
        found.append(published(rule, network) or rule.name)
    if rule.feedback != claimed.feedback:
        found.append(f"{rule.feedback} feedback")
    return f"row:{', '.join(found)}"


def label(rule: Rule, claimed: Rule, network: Network) -> str:
    """Return what to call a row: a published rule, else the claimed one with its missing or extra edges."""
    if same_row(rule, claimed, network):
        return f"{claimed.name}, as claimed"
    edges = f"own: {shown(rule.own, network)}"
    if network.depth > 1 and rule.feedback != "target":
        edges += f"; above: {shown(rule.upper, network)}"
    if rule.feedback != claimed.feedback:
        edges += f"; {rule.feedback} feedback"
    name = published(rule, network)
    changed = difference(rule, claimed, network)
    if rule.window or rule.chunk or rule.reach:
        return f"{name or rule.name} ({edges})"
    if len(changed) <= 2 or name is None:
        also = f", which is {name}" if name else ""
        return f"{' '.join([claimed.name, ' and '.join(changed)]).rstrip()}{also} ({edges})"
    return f"{name}: {claimed.name} {', '.join(changed)} ({edges})"
