"""What is asked beside the cases, in the order of a campaign; tests of the pytest plugin ask the same."""

from __future__ import annotations

from collections.abc import Callable

from gradcert.certify import figures
from gradcert.certify.campaign import lengths, more, where
from gradcert.certify.campaign.asked import ask_again, ask_often, judge_prefixes
from gradcert.certify.campaign.reach import reach
from gradcert.certify.claims import Claim
from gradcert.certify.problems import profile_named
from gradcert.certify.runs import Run, online, ordinary


def _repeat(run: Run, _: int) -> None:
    if run.running:
        ask_again(run, profile_named(run.profile).repeats)


def _threads(run: Run, _: int) -> None:
    if run.running:
        ordinary.check(run)


def _calls(run: Run, _: int) -> None:
    ask_often(run, profile_named(run.profile).calls)


def _online(run: Run, _: int) -> None:
    if run.running:
        online.run_all(run)


def _reach(run: Run, seed: int) -> None:
    if run.running:
        run.code = reach(run, seed=seed, most=profile_named(run.profile).reach)


def _more(run: Run, seed: int) -> None:
    more.ask(run, seed=seed)


def _where(run: Run, seed: int) -> None:
    where.narrow(run, seed=seed)


def _lengths(run: Run, seed: int) -> None:
    lengths.ask(run, seed=seed)


def _prefixes(run: Run, _: int) -> None:
    if run.running:
        wrong = [case.id for case, _, _ in run.failed]
        small_enough = [pair for pair in run.answers if pair[0].spec.family != "scale"]
        run.steps = figures.steps(small_enough, wrong, run.solve, seen=run.prefixes, claim=run.claim)
        judge_prefixes(run)


# the same again, ordinary threads, call after call, step by step, lines that never ran, more of what failed,
# levels alone, lengths of a truncation, first steps
BESIDE: dict[str, Callable[[Run, int], None]] = {
    "repeat": _repeat,
    "threads": _threads,
    "calls": _calls,
    "online": _online,
    "reach": _reach,
    "more": _more,
    "where": _where,
    "lengths": _lengths,
    "prefixes": _prefixes,
}


def beside(claim: Claim, profile: str) -> tuple[str, ...]:
    """Return what is asked of a claim beside its cases, in order: keys of `BESIDE`.

    Examples
    --------
    >>> beside(Claim(rule="bptt", cells="rnn"), "quick")
    ('repeat', 'reach', 'where', 'lengths', 'prefixes')
    """
    applies = {
        "threads": profile != "quick",
        "more": profile != "quick",
        "calls": profile_named(profile).calls > 0,
        "online": claim.online,
        "prefixes": claim.entrywise,
    }
    return tuple(name for name in BESIDE if applies.get(name, True))
