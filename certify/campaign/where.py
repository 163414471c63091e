"""In which circumstance a subject is wrong: the levels that every case that failed meets, and none that passed.

Where several levels fit, each is asked for alone: a case in which nothing else is unusual. A mistake may change nothing
in some case that meets its level (a filter over time where there is one step); then no level tells the cases apart, and
those that are common to all that failed, and rare, are asked for alone. What is asked is judged like every case, and is
on the certificate.
"""

from __future__ import annotations

from dataclasses import replace

from gradcert.certify import diagnosis
from gradcert.certify.campaign.asked import ask_for
from gradcert.certify.campaign.more import ORDINARY
from gradcert.certify.claims import AXES, same_row
from gradcert.certify.problems import Spec, alone, long
from gradcert.certify.runs import Run
from gradcert.reference.rules import RULES

MOST = 10  # levels that are asked for alone
FIRST = 1000  # of the numbers of such cases
SIZES = ("T", "B", "sizes")


def levels(run: Run) -> list[str]:
    """Return the levels (``axis: level``) that tell the cases that failed from those that passed; may be none."""
    failed = [set(r.facts.get("met", ())) for r in run.results if r.verdict == "failed"]
    # where every gradient is zero a factor changes nothing: such a case says nothing for its levels
    told = [r for r in run.results if r.verdict == "passed" and any(p["norm"] for p in r.parameters.values())]
    passed = [set(r.facts.get("met", ())) for r in told]
    if not failed or not passed:
        return []
    return _in_order(set.intersection(*failed) - set.union(*passed))


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
    """Ask for each of several levels alone, so that one is left, where few ordinary cases failed."""
    failed = [case for case, _, _ in run.failed]
    found = levels(run)
    usual = [r for r in run.results if r.family in ORDINARY]
    often = 4 * sum(r.verdict == "failed" for r in usual) > len(usual)  # then it is nothing unusual that is wrong
    if not failed or often or len(found) == 1 or len(found) > MOST:
        return
    ask_alone(run, found, failed[0].spec, seed=seed)
    if not levels(run):
        left = [text for text in suspects(run) if text not in run.alone]
        ask_alone(run, left, failed[0].spec, seed=seed)


def ask_alone(run: Run, found: list[str], like: Spec, *, seed: int) -> None:
    """Ask for a case of each level in which nothing else is unusual."""
    for number, text in enumerate(found, start=FIRST + len(run.alone)):
        axis, _, level = text.partition(": ")
        row = alone(run.claim, like.cell, axis, level, loss=like.loss, depth=like.depth)
        if row is None or run.worker is None:
            continue
        spec = Spec(
            like.cell, int(row["depth"]), row["loss"], like.when, "circumstance", number, 0, levels=tuple(row.items())
        )
        if ask_for(run, spec, seed=seed, level=text):
            run.alone[text] = run.results[-1].verdict


def said(run: Run) -> tuple[str, tuple[str, ...]]:
    """Return what is known of a subject that is right on ordinary cases: a sentence and its keys, or neither."""
    for case, answer, check in run.failed:
        if case.spec.family == "long" and check == "gradient" and (steps := long.truncation(case, answer.gradients)):
            cut = replace(long.row_of(run.claim), name=f"{run.claim.rule} with a window of {steps} steps", window=steps)
            known = replace(RULES["tbptt"], name=f"tbptt({steps})", window=steps)
            cut = known if same_row(cut, known, case.problem.network) else cut
            if diagnosis.is_row(run.answers, cut):  # and not in that one case alone
                return f"it equals {cut.name}: credit is truncated after {steps} steps", (f"row:{cut.name}",)
    if found := levels(run):
        passed = sum(r.verdict == "passed" for r in run.results)
        return f"right on {passed} cases, wrong exactly where {' and '.join(found)}", tuple(f"where:{t}" for t in found)
    return _enough_alone(run)


def _enough_alone(run: Run) -> tuple[str, tuple[str, ...]]:
    """Return the one level of all cases that failed that is enough alone, where others alone are not; or nothing.

    It has to be alone: the case that it was asked in meets none of the others that those that failed have in common.
    """
    wrong = [text for text, verdict in run.alone.items() if verdict == "failed"]
    failed = [set(r.facts.get("met", ())) for r in run.results if r.verdict == "failed"]
    if len(wrong) != 1 or set.intersection(*failed) & (set(suspects(run)) | set(run.alone)) != set(wrong):
        return "", ()
    others = [text for text, verdict in run.alone.items() if verdict == "passed"]
    beside = f", and {' or '.join(others)} alone is not" if others else ""
    many = f"wrong in {len(failed)} of {len(run.results)} cases, each with {wrong[0]}"
    return f"{many}; that alone is enough{beside}", (f"where:{wrong[0]}",)
