"""What the diagnosis found, as records: which explanation, of which parameters, in which words.

A cause has a key, ``kind:what``, that names the edge, factor, step, convention or transformation; the sentence that a
certificate shows is made of the same records. A cause is believed where it lies within its own budget on every case
that was judged, those that passed included, and is not far off on the long cases, which floats alone follow, for the
parameters that it is said of; "as claimed" is said of what passed everywhere, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from gradcert.certify.diagnosis import hypotheses, published
from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.direct import clipped, conventions, fits, numbers, rows, stored_values, transformations
from gradcert.certify.diagnosis.direct.rows import AS_CLAIMED
from gradcert.certify.diagnosis.evidence import LIKELY, Evidence, names_in, telling
from gradcert.certify.diagnosis.pools import POOLINGS, Pool, Pooling, members, shown
from gradcert.reference.numbers import Array
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import Rule

NOTHING = (
    "no row of the rule table, no simple transformation of one, no known convention and no known mistake explains it"
)


@dataclass(frozen=True)
class Cause:
    """One explanation.

    Attributes
    ----------
    key : ``kind:what``.
    names : the parameters whose gradients it explains, on every case; or what they are of.
    label : in words.
    holds : whether it accounts for other cases too: what a sentence is worth.
    """

    key: str
    names: tuple[str, ...]
    label: str
    holds: Callable[[Sequence[Evidence]], bool] = field(compare=False, repr=False, default=lambda _: True)

    @property
    def said(self) -> str:
        """A predicate: "equals", "is"."""
        verb = "is" if self.key == transformations.ZERO else "equals"
        return f"{verb} {self.label}"


@dataclass(frozen=True)
class Explanation:
    """What is known about a wrong gradient.

    Attributes
    ----------
    causes : one for all parameters, or several that share them, what is wrong first; those that are right on every case
        are explained `AS_CLAIMED`.
    unexplained : parameters that nothing known explains.
    note : what the sentence adds to a single cause, or to none.
    nearly : what is said where there is no cause, of what is off by very little.
    ended : whether the search for causes of a part was ended before everything was tried (`MOST`).
    """

    causes: tuple[Cause, ...] = ()
    unexplained: tuple[str, ...] = ()
    note: str = ""
    nearly: str = ""
    ended: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of everything that is not as claimed, once."""
        return tuple(dict.fromkeys(c.key for c in self.causes if c.key != AS_CLAIMED))

    def __str__(self) -> str:
        """Return one sentence."""
        if not self.keys:
            return f"{self.nearly or NOTHING}{self.note}"
        if len(self.causes) == 1 and not self.unexplained:
            return f"it {self.causes[0].said}{self.note}"
        wrong = [c for c in self.causes if c.key != AS_CLAIMED]
        said = [f"{', '.join(c.names)}: {c.said.removeprefix('is ')}" for c in wrong]
        ended = ", of what was tried until the search was ended" if self.ended else ""
        said += [f"nothing known explains {', '.join(self.unexplained)}{ended}"] if self.unexplained else []
        said += ["the rest is as claimed"] if len(wrong) < len(self.causes) else []
        return "; ".join(said)


def find(
    judged: Sequence[Evidence], claimed: Claimed, *, beyond: Sequence[Evidence] = (), brief: bool = False
) -> Explanation:
    """Return the simplest explanation of everything that was given, on every case that was judged.

    Parameters
    ----------
    beyond : long cases, which no enclosure follows: they prove nothing, but floats that are far off disprove.
    brief : whether rows and transformations of everything alone are tried.
    """
    evidence = telling(judged)
    if not evidence:
        return Explanation()
    search = _Search(judged, evidence, claimed, [e for e in beyond if e.steady])
    if brief:
        return search.zero() or search._tried(plain(evidence, claimed)) or Explanation()
    # what explains all of the short cases alone is no cause, and neither are parts of it
    found = search.zero() or search.whole() or (Explanation(note=search.short) if search.short else search.parts())
    return found if found.keys else replace(found, nearly=transformations.nearly([*judged, *search.beyond], claimed))


def candidates(evidence: Sequence[Evidence], claimed: Claimed) -> Iterator[Candidate]:
    """Yield every candidate, the simplest first."""
    yield from plain(evidence, claimed)
    yield from elaborate(evidence, claimed)


def plain(evidence: Sequence[Evidence], claimed: Claimed) -> Iterator[Candidate]:
    """Yield rows and transformations: where one of them says it all of what is wrong, nothing else is looked for."""
    yield transformations.zero()
    if isinstance(claimed, Algorithm):
        yield from transformations.of_algorithm(evidence, claimed)
    else:
        yield from rows.make(evidence, claimed)
        yield from transformations.make(evidence, claimed)
    yield from clipped.make(evidence, claimed)


def elaborate(evidence: Sequence[Evidence], claimed: Claimed) -> Iterator[Candidate]:
    """Yield algorithms, pseudo-derivatives and mistakes, of which there are thousands."""
    if isinstance(claimed, Algorithm):
        yield from published.candidates(claimed, evidence[0].case.problem)
        yield from published.make()
        return
    yield from published.make()
    yield from conventions.surrogates(claimed)
    yield from hypotheses.make(evidence, claimed)


# What explains a part in floats and not in enclosures costs as much as a proof: after so many, rows and transformations
# alone are tried. Few of the slow searches that `make diagnosis` has come so far.
MOST = 100
OFTEN = 3  # cases in which a part has to be zero where it should not, before that is said while others are wrong too


class _Search:
    """One search: what came close, and what was proven."""

    def __init__(
        self, judged: Sequence[Evidence], evidence: Sequence[Evidence], claimed: Claimed, beyond: Sequence[Evidence]
    ) -> None:
        self.judged, self.evidence, self.claimed, self.beyond = judged, evidence, claimed, beyond
        self.short = ""  # what explains every short case, and not the long ones
        self.names = tuple(names_in(judged))
        self.wrong: dict[Pool, tuple[Pooling, list[tuple[int, str]]]] = {}
        for pooling in POOLINGS:
            late = {pooling(e, name) for e in beyond for name in set(e.given) - e.right}
            for pool, found in members(judged, pooling).items():
                if pool in late or not all(name in judged[n].right for n, name in found):
                    self.wrong[pool] = pooling, found
        self.near: list[tuple[Candidate, frozenset[Pool]]] = []
        self.left: set[Pool] = set()  # that nothing explains
        self.failed, self.plain = 0, frozenset[int]()  # proofs of parts that failed; rows and transformations

    def zero(self) -> Explanation | None:
        """Return that all that is wrong is zero, if it is."""
        for pooling in POOLINGS:
            mine = [(pool, found) for pool, (p, found) in self.wrong.items() if p is pooling]
            pools = {pool for pool, _ in mine}
            given = [self.judged[n].given[name] for _, found in mine for n, name in found]
            given += [g for e in self.beyond for name, g in e.given.items() if pooling(e, name) in pools]
            if not any(g.any() for g in given):
                return self._explanation(pooling, [(transformations.zero(), [pool for pool, _ in mine])], [])
        return None

    def whole(self) -> Explanation | None:
        """Return a candidate that explains everything, or a plain one all that is wrong; keep what explains a part."""
        found = self._tried(plain(self.evidence, self.claimed)) or self._tried(self._multiple()) or self._one()
        self.plain = frozenset(id(candidate) for candidate, _ in self.near)
        found = found or self._tried(elaborate(self.evidence, self.claimed))
        found = found or self._tried(numbers.candidates(self.evidence, self.claimed))
        if found is not None or isinstance(self.claimed, Algorithm):
            return found
        for what, label in stored_values.search(self.judged):
            if stored_values.lasts(what, self.judged, self.beyond):
                return Explanation(
                    (Cause(f"value:{what}", self.names, f"{self.claimed.name} with {label}", _stored(what)),)
                )
        for fit in fits.search(self.judged, self.claimed, beyond=self.beyond):
            label = f"{self.claimed.name} with {fit.label}"
            return Explanation((Cause(f"amount:{fit.what}", self.names, label, _fitted(fit, self.claimed)),))
        return None

    def _tried(self, candidates: Iterable[Candidate]) -> Explanation | None:
        everything = {id(e): frozenset(e.given) for e in self.judged}
        for candidate in candidates:
            alive, all_of_it = set(self.wrong), True
            for e in self.evidence:
                near = candidate.near(e)
                all_of_it = all_of_it and near == everything[id(e)]
                lost = {p(e, name) for p in POOLINGS for name in everything[id(e)] - near}
                alive -= lost
                if not alive:
                    break
            if not alive:
                continue
            if all_of_it and self._proven(candidate, everything):
                if not self._lasts(candidate):
                    continue
                away = self._away(candidate) if isinstance(candidate, rows.Row) else ""
                every = [*self.judged, *self.beyond]
                label = transformations.said(candidate, every) + transformations.reading(candidate, every)
                return Explanation((Cause(candidate.key, self.names, label, partial(_all, candidate)),), (), away)
            self.near.append((candidate, frozenset(alive)))
        return None

    def _away(self, row: rows.Row) -> str:
        """Return how far what was given is from a row, and which truncations explain it as well."""
        return f", to {row.distance(self.judged):.0e}{rows.untold(row.rule, self.judged, self.beyond)}"

    def _lasts(self, candidate: Candidate) -> bool:
        """Return whether a candidate is not far off on long cases; keep the words for one that is."""
        off = self._off(candidate)
        if off and not self.short:
            longest = max(len(e.case.problem.inputs) for e in self.judged)
            self.short = f"; up to {longest} steps it equals {candidate.label}, but not over {off[0]}"
        return not off

    def _off(self, candidate: Candidate, pools: Iterable[Pool] | None = None) -> list[int]:
        """Return the lengths of the long cases that a candidate is far off on, for all parameters or for some pools."""
        out = []
        for e in self.beyond:
            names = {n for n in e.given if pools is None or any(pooling(e, n) in pools for pooling in POOLINGS)}
            if not names <= candidate.near(e):
                out.append(len(e.case.problem.inputs))
        return out

    def _one(self) -> Explanation | None:
        """Return one candidate that explains all that is wrong, the rest being as claimed."""
        for pooling in POOLINGS:
            wrong = [pool for pool, (p, _) in self.wrong.items() if p is pooling]
            for candidate, alive in self.near:
                if alive.issuperset(wrong) and all(self._holds(candidate, pool) for pool in wrong):
                    return self._explanation(pooling, [(candidate, wrong)], [])
        return None

    def parts(self) -> Explanation:
        """Return several candidates that share the parameters, as few as possible, a factor on top where need be.

        What explains a part, and acts on others that are right, is less simple than a factor on that part alone.
        """
        factors = list(self._multiplied(self.wrong))
        plain = sum(id(candidate) in self.plain for candidate, _ in self.near)
        self.near[plain:plain] = factors
        self.plain |= {id(candidate) for candidate, _ in factors}
        first = self._shared()
        if not first.unexplained:
            return first
        more = list(self._scaled())
        self.near += more
        return self._shared() if more else first

    def _multiple(self) -> Iterator[Candidate]:
        """Yield the claimed gradient times one number, where all that was given is in proportion to it."""
        found = numbers.factor(self.claimed, [(e, name) for e in self.judged for name in e.given])
        if found is not None:
            yield found

    def _multiplied(self, pools: Iterable[Pool]) -> Iterator[tuple[Candidate, frozenset[Pool]]]:
        """Yield the claimed gradient times a number, for all pools that are its multiple by that one."""
        alike: dict[str, list[Pool]] = {}
        for pool in sorted(pools):
            if (found := self._factor([pool])) is not None:
                alike.setdefault(found.key, []).append(pool)
        for mine in alike.values():
            if (found := self._factor(mine) or self._factor(mine[:1])) is not None:
                yield found, frozenset(mine)

    def _factor(self, pools: Iterable[Pool]) -> Candidate | None:
        found = [(self.judged[n], name) for pool in pools for n, name in self.wrong[pool][1]]
        return numbers.factor(self.claimed, found)

    def _scaled(self) -> Iterator[tuple[Candidate, frozenset[Pool]]]:
        """Yield candidates times a known factor, where one is in proportion to what nothing explains.

        A candidate that leaves a gradient as it is claimed, times a factor, has been tried, and one has a factor.
        """
        e = next((e for e in self.evidence if self._left(e)), self.evidence[0])
        left = self._left(e)
        for candidate in candidates(self.evidence, self.claimed) if left else ():
            if candidate.key.startswith("scale:"):
                continue
            values = candidate.tried(e) or {}
            mine = [name for name in left if name in values and e.changed(name, values[name])]
            for label in dict.fromkeys(x for name in mine for x in _ratio(e, name, values[name])):
                scaled = transformations.times(candidate, label)
                alive = set(self.wrong)
                for other in self.evidence:
                    near = scaled.near(other)
                    alive -= {p(other, name) for p in POOLINGS for name in other.given if name not in near}
                if alive:
                    yield scaled, frozenset(alive)

    def _left(self, e: Evidence) -> list[str]:
        """Return the gradients of a case that nothing explains as yet."""
        wrong = [name for name in e.given if name not in e.right and e.given[name].any()]
        return [name for name in wrong if any(pooling(e, name) in self.left for pooling in POOLINGS)]

    def _shared(self) -> Explanation:
        found_so_far: list[tuple[tuple[int, int, tuple[int, ...]], Explanation, set[Pool]]] = []
        rank = {id(candidate): number for number, (candidate, _) in enumerate(self.near)}
        for pooling in POOLINGS:
            left = {pool for pool, (p, _) in self.wrong.items() if p is pooling}
            chosen: list[tuple[Candidate, list[Pool]]] = []
            tried: set[tuple[int, frozenset[Pool]]] = set()
            while left:
                order = sorted(
                    ((c, alive & left) for c, alive in self.near if alive & left), key=lambda pair: -len(pair[1])
                )
                found = None
                for candidate, alive in order:
                    if (id(candidate), alive) in tried:
                        continue
                    tried.add((id(candidate), alive))
                    good = [pool for pool in alive if self._holds(candidate, pool)]
                    if good and (found is None or len(good) > len(found[1])):
                        found = candidate, good
                    if found is not None and len(found[1]) == len(alive):
                        break
                if found is None:
                    break
                chosen.append((found[0], found[1]))
                left -= set(found[1])
                tried = set()
            explanation = self._explanation(pooling, chosen, sorted(left))
            # what explains more, then fewer causes, then simpler ones
            cells = sum(len(self.wrong[pool][1]) for pool in left)
            ranks = tuple(sorted((rank[id(c)] for c, _ in chosen), reverse=True))
            found_so_far.append(((cells, len(chosen), ranks), explanation, left))
        _, best, self.left = min(found_so_far, key=lambda found: found[0])
        return best

    def _proven(self, candidate: Candidate, names: dict[int, frozenset[str]]) -> bool:
        order = sorted(self.judged, key=lambda e: (len(e.right) == len(e.given), e.size))
        if not all(names[id(e)] <= candidate.near(e) for e in order if names.get(id(e))):
            return False
        return all(candidate.proven(e, names[id(e)]) for e in order if names.get(id(e)))

    def _holds(self, candidate: Candidate, pool: Pool) -> bool:
        names: dict[int, frozenset[str]] = {}
        if candidate.key == transformations.ZERO and self._seen(pool) < OFTEN:
            return False
        for n, name in self.wrong[pool][1]:
            e = self.judged[n]
            names[id(e)] = names.get(id(e), frozenset()) | {name}
        if self.failed >= MOST and id(candidate) not in self.plain:
            return False
        found = self._proven(candidate, names) and not self._off(candidate, [pool])
        self.failed += not found
        return found

    def _seen(self, pool: Pool) -> int:
        """Return in how many cases a gradient is not zero where it is right."""
        expected = (self.judged[n].case.expected.gradients[name] for n, name in self.wrong[pool][1])
        return sum(bool(bounds.value.any()) for bounds in expected)

    def _of(self, pools: Iterable[Pool]) -> list[Evidence]:
        """Return the cases that have something of some pools, the long ones among them."""
        mine = dict.fromkeys(n for pool in pools for n, _ in self.wrong[pool][1])
        return [*(self.judged[n] for n in mine), *self.beyond]

    def _explanation(
        self, pooling: Pooling, chosen: list[tuple[Candidate, list[Pool]]], left: Sequence[Pool]
    ) -> Explanation:
        order = list(members(self.judged, pooling))
        causes = [
            Cause(
                c.key,
                (shown(sorted(pools, key=order.index)),),
                transformations.said(c, self._of(pools)),
                partial(_all, c, pooling=pooling, pools=frozenset(pools)),
            )
            for c, pools in chosen
        ]
        right = [pool for pool in order if pool not in self.wrong]
        if right and (causes or left):
            causes.append(Cause(AS_CLAIMED, (shown(right),), f"{self.claimed.name}, as claimed"))
        unexplained = tuple(shown([pool]) for pool in sorted(left, key=order.index))
        return Explanation(tuple(causes), unexplained, ended=self.failed >= MOST)


def _ratio(e: Evidence, name: str, value: Array) -> Iterator[str]:
    """Yield the factors that a gradient may be a candidate's by."""
    given = e.given[name]
    size = float((value * value).sum())
    if not size > 0 or not np.isfinite(size):
        return
    ratio = float((given * value).sum()) / size
    if np.linalg.norm(given - ratio * value) <= LIKELY**2 * np.linalg.norm(given):
        for label, factor in transformations.FACTORS.items():
            if abs(factor(e) - ratio) <= LIKELY**2 * abs(ratio):
                yield label


def _all(
    candidate: Candidate,
    fresh: Sequence[Evidence],
    *,
    pooling: Pooling = POOLINGS[0],
    pools: frozenset[Pool] | None = None,
) -> bool:
    for e in fresh:
        names = frozenset(name for name in e.given if pools is None or pooling(e, name) in pools)
        if not candidate.proven(e, names):
            return False
    return True


def _stored(what: str) -> Callable[[Sequence[Evidence]], bool]:
    return lambda fresh: what in [found for found, _ in stored_values.search(fresh)]


def _fitted(fit: fits.Fit, claimed: Rule) -> Callable[[Sequence[Evidence]], bool]:
    return lambda fresh: any(found.what == fit.what for found in fits.search(fresh, claimed))
