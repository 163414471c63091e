"""In which circumstance a subject is wrong: what every case that failed meets, and none that passed.

A circumstance is a level of an axis, or several of one axis (targets of any sum, steps without), or the depth, cell,
loss or moment of a case. Two cases differ in many, so that a circumstance that merely tells those apart is a suspect:
each is asked for alone, several times, in cases in which nothing else is unusual, of every depth, cell and loss in
turn. It is said where it told the cases apart in all of them as well, no other one did, and there are enough of both.

A mistake may change nothing in some case that meets its level (a filter over time where there is one step); then no
level tells the cases apart, and those that are common to all that failed, and rare, are asked for alone. What is asked
is judged like every case, and is on the certificate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from gradcert.certify import diagnosis
from gradcert.certify.campaign.asked import ask_for
from gradcert.certify.campaign.more import ORDINARY
from gradcert.certify.certificates import CaseResult
from gradcert.certify.claims import AXES, same_row
from gradcert.certify.problems import Case, Spec, alone, long
from gradcert.certify.runs import Run
from gradcert.reference.rules import RULES

MOST = 10  # levels that are asked for alone where none tells the cases apart
QUESTIONS = 30  # that are asked of suspects
FIRST, LAST = 1000, 1999  # of the numbers of such cases
SIZES = ("T", "B", "sizes")
CONTEXT = ("cell", "depth", "loss", "loss of")  # what the name of a case says
ROUNDS = 4  # cases in which each suspect is asked for alone
ENOUGH = 4  # cases that failed, and that passed, before it is said where a subject is wrong
ALONE = 2  # of those that failed, in which nothing else was unusual, for each level that is said


@dataclass(frozen=True, order=True)
class Where:
    """Levels of one axis, one of which every case that failed meets, and no case that passed.

    Attributes
    ----------
    within : a cell, depth, loss or moment, where it is so among its cases alone, in all of which those that failed are.
    """

    axis: str
    names: tuple[str, ...]
    within: str = ""

    @property
    def levels(self) -> tuple[str, ...]:
        """Each as ``axis: level``."""
        return tuple(f"{self.axis}: {name}" for name in self.names)

    def __str__(self) -> str:
        """Return it in words."""
        *most, last = self.names
        return f"{self.within}{', ' * bool(self.within)}{self.axis}: {', '.join(most)}{' or ' if most else ''}{last}"


def met(result: CaseResult) -> set[str]:
    """Return what a case meets: its levels, and what its name says.

    Examples
    --------
    >>> sorted(met(CaseResult("snu/2/squared_error-last/bounded/0", "bounded", False, "failed", 0.0, 0.0)))
    ['cell: snu', 'depth: 2', 'loss of: last', 'loss: squared_error']
    """
    cell, depth, both, *_ = result.id.rsplit("/", 4)
    loss, _, when = both.rpartition("-")
    return {*result.facts.get("met", ()), *_texts((cell, depth, loss, when))}


def of_case(case: Case) -> set[str]:
    """Return what a case meets, whether it was judged or not."""
    spec = case.spec
    return {*case.facts.get("met", ()), *_texts((spec.cell, spec.depth, spec.loss, spec.when))}


def _texts(place: tuple[object, ...]) -> list[str]:
    return [f"{axis}: {value}" for axis, value in zip(CONTEXT, place, strict=True)]


def split(run: Run) -> tuple[list[CaseResult], list[CaseResult]]:
    """Return the cases that failed, and those that passed in which there was something to see."""
    failed = [r for r in run.results if r.verdict == "failed"]
    # where every gradient is zero a factor changes nothing: such a case says nothing for its levels
    told = [r for r in run.results if r.verdict == "passed" and any(p["norm"] for p in r.parameters.values())]
    return failed, told


def circumstances(run: Run) -> list[Where]:
    """Return what tells all cases that failed from all that passed, or from those of the same place; may be nothing."""
    failed, passed = ([met(r) for r in results] for results in split(run))
    if not failed or not passed:
        return []
    if found := _apart(failed, passed, ""):
        return found
    common = [text for text in sorted(set.intersection(*failed)) if text.partition(": ")[0] in CONTEXT]
    inside = ((text, [one for one in passed if text in one]) for text in common)
    return [w for text, mine in inside if 0 < len(mine) < len(passed) for w in _apart(failed, mine, text)]


def _apart(failed: list[set[str]], passed: list[set[str]], within: str) -> list[Where]:
    seen: set[str] = set().union(*failed)
    anywhere = seen.difference(*passed)
    out = []
    for axis, names in _axes(seen):
        mine = [name for name in names if f"{axis}: {name}" in anywhere]
        single = [name for name in mine if all(f"{axis}: {name}" in one for one in failed)]
        if single:
            out += [Where(axis, (name,), within) for name in single]
        elif all(any(f"{axis}: {name}" in one for name in mine) for one in failed):
            out.append(Where(axis, tuple(mine), within))
    return out


def _axes(found: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from AXES.items()
    for axis in CONTEXT:
        yield axis, tuple(sorted(text.partition(": ")[2] for text in found if text.partition(": ")[0] == axis))


def suspects(run: Run) -> list[str]:
    """Return the levels that every case that failed meets, and fewer than half of those that passed; rare ones first.

    A number of steps, samples or units is asked for alone only where it tells the cases apart.
    """
    failed = [set(r.facts.get("met", ())) for r in run.results if r.verdict == "failed"]
    passed = [set(r.facts.get("met", ())) for r in run.results if r.verdict == "passed"]
    if not failed or not passed:
        return []
    common = _in_order(set.intersection(*failed))
    often = {text: sum(text in met for met in passed) for text in common}
    rare = [text for text in common if 2 * often[text] < len(passed) and text.partition(":")[0] not in SIZES]
    return sorted(rare, key=lambda text: often[text])[:MOST]


def _in_order(texts: set[str]) -> list[str]:
    order = [f"{axis}: {level}" for axis, names in AXES.items() for level in names]
    return sorted(texts, key=order.index)


def narrow(run: Run, *, seed: int) -> None:
    """Ask for each suspect alone, in every profile: what is left has told all of these cases apart too."""
    if not run.failed or run.lost:  # what ends its process is not asked for more
        return
    usual = [r for r in run.results if r.family in ORDINARY]
    often = 4 * sum(r.verdict == "failed" for r in usual) > len(usual)  # then it is nothing unusual that is wrong
    asked: Counter[str] = Counter()
    places = _places(run)
    for _ in range(QUESTIONS):
        text, within = _next(run, asked, often=often)
        if not text or not run.running:
            break
        mine = [place for place in places if not within or within in _texts(place)]
        _ask(run, text, mine, asked[text], seed=seed)
        if within:  # and where it is said to be right
            _ask(run, text, [place for place in places if place not in mine], asked[text], seed=seed)
        _ask_without(run, text, mine, asked[text], seed=seed)
        asked[text] += 1
    if not often and not circumstances(run):
        for text in suspects(run):
            if text not in run.alone:
                _ask(run, text, places, 0, seed=seed)


def _next(run: Run, asked: Counter[str], *, often: bool) -> tuple[str, str]:
    """Return the suspect to be asked for next, one level before several, and within what; "" where all were."""
    found = circumstances(run)
    if often:  # of one suspect alone more is asked; more short sequences would hide what only long ones show
        single = len(found) == 1 and found[0].axis not in ("T", "sizes")
        found = [one for one in found if one.axis in CONTEXT or single]
    found = [one for one in found if len(one.names) == 1] or found
    left = [(text, one.within) for one in found for text in one.levels if asked[text] < ROUNDS]
    left = left or [(text, one.within) for one in found for text in _unseen(run, one) if not asked[text]]
    return min(left, key=lambda pair: asked[pair[0]], default=("", ""))


def _unseen(run: Run, found: Where) -> list[str]:
    """Return the levels of an axis that were met in no case that is ordinary but for one: it may be wrong there too."""
    told = [met(r) for r in run.results if r.family in ORDINARY or is_asked(r)]
    inside = [one for one in told if not found.within or found.within in one]
    texts = [f"{found.axis}: {name}" for name in AXES.get(found.axis, ())]
    return [text for text in texts if not any(text in one for one in inside)]


Place = tuple[str, int, str, str]  # cell, depth, loss, moment


def _places(run: Run) -> list[Place]:
    """Return the combinations of a claim, those that failed first, and of those that of the first that failed."""
    claim = run.claim
    wrong = [(s.cell, s.depth, s.loss, s.when) for s in (case.spec for case, _, _ in run.failed)]
    every = list(product(claim.stacks, claim.depths, claim.losses, claim.when))
    return list(dict.fromkeys([*wrong, *every]))


def _ask(run: Run, text: str, places: list[Place], number: int, *, seed: int) -> None:
    """Ask for a case of a level in which nothing else is unusual, in the next place where it can be drawn."""
    axis, _, level = text.partition(": ")
    mine = [place for place in places if axis not in CONTEXT or str(place[CONTEXT.index(axis)]) == level]
    for turn in range(len(mine)):
        if _one(run, mine[(number + turn) % len(mine)], axis, level, seed=seed):
            if axis not in CONTEXT:
                worse = "failed" in (run.results[-1].verdict, run.alone.get(text))
                run.alone[text] = "failed" if worse else run.results[-1].verdict
            return


def _ask_without(run: Run, text: str, places: list[Place], number: int, *, seed: int) -> None:
    """Ask for a case in which nothing is unusual: elsewhere, for a suspected place; anywhere, where few have passed."""
    axis, _, level = text.partition(": ")
    at = CONTEXT.index(axis) if axis in CONTEXT else None
    others = places if at is None else [place for place in places if str(place[at]) != level]
    if others and (at is not None or len(split(run)[1]) < ENOUGH):
        _one(run, others[number % len(others)], CONTEXT[0], "", seed=seed)


def _one(run: Run, place: Place, axis: str, level: str, *, seed: int) -> bool:
    """Ask for a case of a place in which one level is unusual, or nothing; return whether there was one."""
    if not run.running:
        return False
    cell, depth, loss, when = place
    plain = axis in CONTEXT
    row = alone(run.claim, cell, *(("depth", str(depth)) if plain else (axis, level)), loss=loss, depth=depth)
    if row is None or (plain and row["loss"] != loss):
        return False
    number = FIRST + sum(is_asked(r) for r in run.results)
    if (axis, level) in (("targets", "a step without"), ("begins", "inside"), ("begins", "adjacent")):
        when = "every" if "every" in run.claim.when else when
    spec = Spec(cell, int(row["depth"]), row["loss"], when, "circumstance", number, 0, levels=tuple(row.items()))
    return ask_for(run, spec, seed=seed, level="" if plain else f"{axis}: {level}")


def is_asked(result: CaseResult) -> bool:
    """Return whether a case was asked for a circumstance that was suspected."""
    number = result.id.rpartition("/")[2]
    return result.family == "circumstance" and number.isdigit() and FIRST <= int(number) <= LAST


def said(run: Run) -> tuple[str, tuple[str, ...]]:
    """Return what is known of a subject that is right on some cases: a sentence and its keys, or neither."""
    for case, answer, check in run.failed:
        if case.spec.family == "long" and check == "gradient" and (steps := long.truncation(case, answer.gradients)):
            cut = replace(long.row_of(run.claim), name=f"{run.claim.rule} with a window of {steps} steps", window=steps)
            known = replace(RULES["tbptt"], name=f"tbptt({steps})", window=steps)
            cut = known if same_row(cut, known, case.problem.network) else cut
            if diagnosis.is_row(run.answers, cut):  # and not in that one case alone
                words = f"{_truncated(run, steps)}{diagnosis.untold(run.answers, cut)}"
                return f"it equals {cut.name}: {words}", (f"row:{cut.name}",)
    found = circumstances(run)
    if len(found) == 1 and _enough(run, found[0]):
        failed, passed = split(run)
        words = f"right on {cases(len(passed))}, wrong exactly where {found[0]} ({cases(len(failed))})"
        texts = (found[0].within,) * bool(found[0].within) + found[0].levels
        return words, tuple(f"where:{text}" for text in texts)
    return _enough_alone(run)


def _truncated(run: Run, steps: int) -> str:
    """Return where credit ends, and in how many cases that was seen: one over fewer steps says nothing of it."""
    when = {case.spec.when for case, _, _ in run.failed}
    last = ": with a loss of the last step alone, where it is the same to leave out all earlier steps"
    seen = f"seen in {cases(len(run.failed))} of {len(run.results)}{last if when == {'last'} else ''}"
    return f"credit is truncated after {steps} steps, {seen}"


def cases(number: int) -> str:
    """Return a number of cases in words."""
    return f"{number} case{'' if number == 1 else 's'}"


def _enough(run: Run, found: Where) -> bool:
    """Return whether there are enough cases on both sides, of each level some in which nothing else was unusual."""
    failed, passed = split(run)
    inside = [r for r in passed if not found.within or found.within in met(r)]
    if min(len(failed), len(inside)) < ENOUGH:
        return False
    asked = [met(r) for r in failed if is_asked(r)]
    if not all(sum(text in one for one in asked) >= ALONE for text in found.levels):
        return False
    # where a level is met outside as well, and all is right there, that is no single case
    outside = [r for r in passed if found.within and r not in inside]
    there = {text: [r for r in outside if text in met(r)] for text in found.levels}
    return all(not right or sum(map(is_asked, right)) >= ALONE for right in there.values())


def _enough_alone(run: Run) -> tuple[str, tuple[str, ...]]:
    """Return what is enough alone, a level or several of one axis, where others alone are not; or nothing.

    It has to be alone: the cases in which it was asked meet none of the others that those that failed have in common.
    Where next to no case is right without it, it is no circumstance.
    """
    wrong = [text for text, verdict in run.alone.items() if verdict == "failed"]
    failed = [set(r.facts.get("met", ())) for r in run.results if r.verdict == "failed"]
    axes = {text.partition(": ")[0] for text in wrong}
    if len(axes) != 1 or not all(one & set(wrong) for one in failed):
        return "", ()
    if set.intersection(*failed) & (set(suspects(run)) | set(run.alone)) - set(wrong):
        return "", ()
    if sum(not met(r) & set(wrong) for r in split(run)[1]) < ENOUGH:  # it is wrong nearly everywhere
        return "", ()
    others = [text for text, verdict in run.alone.items() if verdict == "passed"]
    beside = f", and {' or '.join(others)} alone is not" if others else ""
    levels_ = " or ".join([wrong[0], *(text.partition(": ")[2] for text in wrong[1:])])
    many = f"wrong in {len(failed)} of {len(run.results)} cases, each with {levels_}"
    return f"{many}; that alone is enough{beside}", tuple(f"where:{text}" for text in wrong)
